//! A question, asked of every commit.

use std::collections::HashMap;
use std::rc::Rc;

use crate::object::NodeId;
use crate::repo::{Repository, SignatureState};
use crate::sign::PublicKey;

use super::super::every::{Every, Holds};
use super::super::query::{Atom, Expression, Target};
use super::contents::{Contents, File, Files, Judged};
use super::readings::{Found, Named, Reading, Readings, state_of};
use super::truth::Truth;
use super::witness::{Witness, helping, witnesses};

/// How a question is asked.
#[derive(Clone, Debug, Default)]
pub struct WhenOptions {
    /// How many threads judge signatures; 0 counts as 1.
    pub threads: usize,
}

/// What a question came to at every commit.
pub struct Answer<'e> {
    /// The commits that it was asked of.
    pub every: &'e Every,
    /// Its value at each, by their places.
    pub values: Vec<Truth>,
    /// How many contents were read for it.
    pub read: u64,
    /// Why values are not known, by the places of commits.
    reasons: HashMap<usize, Rc<str>>,
    asked: Asked<'e>,
}

/// Asks every commit of `every`. Nothing that cannot be read is an error: it makes values unknown.
pub fn when<'e>(
    repo: &'e Repository,
    every: &'e Every,
    expression: &'e Expression,
    options: &WhenOptions,
) -> Answer<'e> {
    let mut asked = Asked::new(repo, every, expression);
    // Where another part comes first, it decides which signatures matter.
    if matches!(asked.plan.first(), Some(Planned { atom: Atom::Signer { .. }, .. })) {
        asked.warm_signatures(options.threads.max(1));
    }
    let mut values = vec![Truth::Unknown; every.commits.len()];
    let mut reasons = HashMap::new();
    // Parents first: what they hold is compared with what their children do.
    for at in (0..every.commits.len()).rev() {
        let judged = asked.value(expression, &mut 0, at);
        if let (Truth::Unknown, Some(why)) = (judged.truth, judged.why) {
            reasons.insert(at, why);
        }
        values[at] = judged.truth;
    }
    let read = asked.contents.read;
    Answer { every, values, read, reasons, asked }
}

impl Answer<'_> {
    /// Why the value at a commit is not known.
    pub fn reason(&self, at: usize) -> Option<&str> {
        self.reasons.get(&at).map(|why| &**why)
    }

    /// What makes the question hold at a commit that none of its parents has. Reads contents.
    pub fn witnesses(&mut self, at: usize) -> Vec<Witness> {
        let mut out: Vec<Witness> = Vec::new();
        for nth in helping(self.asked.expression) {
            let Some(atom) = self.asked.plan.get(nth).map(|planned| planned.atom) else { continue };
            if atom.is_event() || self.asked.atom(nth, at).truth != Truth::True {
                continue;
            }
            let Ok(files) = self.asked.files_at(nth, at) else { continue };
            let before = self.asked.files_before(nth, at);
            let found = witnesses(&mut self.asked.contents, atom, &files, &before);
            out.extend(found.into_iter().filter(|found| !out.contains(found)).collect::<Vec<_>>());
        }
        out
    }
}

/// An atom, and which of what is named it reads.
struct Planned<'e> {
    atom: &'e Atom,
    named: Option<usize>,
}

struct Asked<'e> {
    repo: &'e Repository,
    every: &'e Every,
    expression: &'e Expression,
    plan: Vec<Planned<'e>>,
    named: Vec<Named>,
    readings: Readings,
    contents: Contents<'e>,
    files: HashMap<u32, Files>,
    /// Values of atoms that only states decide, by what they read.
    known: HashMap<(usize, u32), Judged>,
    signers: HashMap<usize, Signer>,
}

/// Who signed a commit, as far as it is proven.
#[derive(Clone)]
enum Signer {
    /// The names, the id and the key's fingerprint; nothing where no good signature is there.
    Known(Vec<String>),
    Unknown(Rc<str>),
}

impl<'e> Asked<'e> {
    fn new(repo: &'e Repository, every: &'e Every, expression: &'e Expression) -> Self {
        let mut named: Vec<Named> = Vec::new();
        let mut place = |wanted: Named| match named.iter().position(|known| *known == wanted) {
            Some(at) => at,
            None => {
                named.push(wanted);
                named.len() - 1
            }
        };
        let plan = expression.atoms().into_iter().map(|atom| {
            let wanted = match (atom, atom.target()) {
                (Atom::Edge(key), _) => Some(Named::Edge(key.clone())),
                (_, Some(Target::Component(key))) => Some(Named::Component(key.clone())),
                (_, Some(Target::Path(path))) => Some(Named::Path(path.clone())),
                (_, None) => None,
            };
            Planned { atom, named: wanted.map(&mut place) }
        });
        let plan: Vec<_> = plan.collect();
        let readings = Readings::of(repo, every, &named);
        Self {
            repo,
            every,
            expression,
            plan,
            named,
            readings,
            contents: Contents::new(repo),
            files: HashMap::new(),
            known: HashMap::new(),
            signers: HashMap::new(),
        }
    }

    /// The value at a commit; `next` is the place of the first atom in the expression.
    fn value(&mut self, expression: &Expression, next: &mut usize, at: usize) -> Judged {
        match expression {
            Expression::Atom(_) => {
                *next += 1;
                self.atom(*next - 1, at)
            }
            Expression::Not(inner) => {
                let judged = self.value(inner, next, at);
                Judged { truth: !judged.truth, why: judged.why }
            }
            Expression::All(parts) => self.joined(parts, next, at, Truth::False),
            Expression::Any(parts) => self.joined(parts, next, at, Truth::True),
        }
    }

    /// The value of parts, of which one that is `decides` decides: then others are not asked.
    fn joined(
        &mut self,
        parts: &[Expression],
        next: &mut usize,
        at: usize,
        decides: Truth,
    ) -> Judged {
        let mut out = Judged::from(!decides);
        for part in parts {
            if out.truth == decides {
                *next += part.atoms().len();
                continue;
            }
            let judged = self.value(part, next, at);
            let truth = match decides {
                Truth::False => out.truth.and(judged.truth),
                _ => out.truth.or(judged.truth),
            };
            if truth != out.truth {
                out = Judged { truth, why: judged.why };
            }
        }
        out
    }

    fn atom(&mut self, nth: usize, at: usize) -> Judged {
        let Some(&Planned { atom, named }) = self.plan.get(nth) else { return false.into() };
        let Some(named) = named else {
            return match atom {
                Atom::Signer { name } => self.signer(name, at),
                _ => false.into(),
            };
        };
        let reading = self.readings.get(at, named);
        if let Atom::Changed(_) = atom {
            return self.changed(reading, named, at);
        }
        let found = match reading {
            Reading::Known(found) => found,
            Reading::Unknown(why) => return Judged::unknown(self.readings.reason(why)),
        };
        match atom {
            Atom::Exists(_) | Atom::Edge(_) => {
                (*self.readings.found(found) != Found::Nothing).into()
            }
            _ => self.content(nth, atom, named, found, at),
        }
    }

    /// Whether no parent has the same; without parents, whether it is there.
    fn changed(&self, reading: Reading, named: usize, at: usize) -> Judged {
        let parents = self.every.commits.get(at).map_or(&[][..], |commit| &commit.parents);
        let here = match reading {
            Reading::Known(found) => found,
            Reading::Unknown(why) => return Judged::unknown(self.readings.reason(why)),
        };
        if parents.is_empty() {
            return (*self.readings.found(here) != Found::Nothing).into();
        }
        let mut out = Judged::from(true);
        for parent in parents {
            match self.readings.get(*parent, named) {
                Reading::Known(there) if there == here => return false.into(),
                Reading::Known(_) => {}
                Reading::Unknown(why) => out = Judged::unknown(self.readings.reason(why)),
            }
        }
        out
    }

    fn content(&mut self, nth: usize, atom: &Atom, named: usize, found: u32, at: usize) -> Judged {
        if let Some(known) = self.known.get(&(nth, found)) {
            return known.clone();
        }
        let judged = match self.files(named, found) {
            Err(why) => Judged::unknown(why),
            Ok(files) => {
                let before = self.files_before(nth, at);
                self.contents.judge(nth, atom, &files, &before)
            }
        };
        self.known.insert((nth, found), judged.clone());
        judged
    }

    /// The files of what was found.
    fn files(&mut self, named: usize, found: u32) -> Files {
        if let Some(known) = self.files.get(&found) {
            return known.clone();
        }
        let tree = self.tree(self.readings.met(found));
        let at = match self.named.get(named) {
            Some(Named::Path(path)) => Some(path),
            _ => None,
        };
        let files = match (self.readings.found(found), tree) {
            (Found::Nothing, _) => Ok(Vec::new()),
            (_, Err(why)) => Err(why),
            (found, Ok(tree)) => self.contents.files(found, at, tree),
        };
        let files: Files = files.map(Rc::from);
        self.files.insert(found, files.clone());
        files
    }

    fn tree(&self, at: usize) -> Result<NodeId, Rc<str>> {
        let commit = self.every.commits.get(at).ok_or_else(|| Rc::from("no such commit"))?;
        let state = state_of(self.repo, commit);
        state.map(|(files, _)| files).map_err(|error| error.to_string().into())
    }

    /// The files of an atom's target at a commit.
    fn files_at(&mut self, nth: usize, at: usize) -> Files {
        let named = self.plan.get(nth).and_then(|planned| planned.named);
        let Some(named) = named else { return Ok(Rc::from([])) };
        match self.readings.get(at, named) {
            Reading::Known(found) => self.files(named, found),
            Reading::Unknown(why) => Err(self.readings.reason(why)),
        }
    }

    /// The files of an atom's target at the first parent.
    fn files_before(&mut self, nth: usize, at: usize) -> Rc<[File]> {
        let parent = self.every.commits.get(at).and_then(|commit| commit.parents.first().copied());
        let files = parent.map(|parent| self.files_at(nth, parent));
        files.and_then(Result::ok).unwrap_or_else(|| Rc::from([]))
    }

    fn signer(&mut self, name: &str, at: usize) -> Judged {
        if !self.signers.contains_key(&at) {
            let signer = self.signer_of(at);
            self.signers.insert(at, signer);
        }
        match self.signers.get(&at) {
            Some(Signer::Known(names)) => names.iter().any(|known| known == name).into(),
            Some(Signer::Unknown(why)) => Judged::unknown(Rc::clone(why)),
            None => false.into(),
        }
    }

    fn signer_of(&self, at: usize) -> Signer {
        let commit = self.every.commits.get(at).filter(|known| known.holds != Holds::Unreadable);
        let Some(commit) = commit else {
            return Signer::Unknown("the commit cannot be read".into());
        };
        let stored = match self.repo.commit(commit.id) {
            Ok(stored) => stored,
            Err(error) => return Signer::Unknown(error.to_string().into()),
        };
        let fingerprint = || {
            let key = PublicKey::from_bytes(&stored.commit.committer.key);
            key.ok().map(|key| key.fingerprint())
        };
        match self.repo.judge_to_show(&stored) {
            SignatureState::Good(principal) => {
                let names = principal.names.iter().cloned();
                Signer::Known(names.chain([principal.id.to_hex()]).chain(fingerprint()).collect())
            }
            SignatureState::OtherRepository => {
                Signer::Unknown("it was made for another repository".into())
            }
            // The key is proven, whose it is is not.
            state if state.is_sound() => Signer::Known(fingerprint().into_iter().collect()),
            _ => Signer::Known(Vec::new()),
        }
    }

    /// Judges the signatures of all commits by several threads; what was judged is remembered.
    fn warm_signatures(&self, threads: usize) {
        let commits: Vec<_> =
            self.every.commits.iter().filter(|known| known.holds != Holds::Unreadable).collect();
        let each = commits.len().div_ceil(threads).max(1);
        let repo = self.repo;
        std::thread::scope(|scope| {
            for part in commits.chunks(each).skip(1) {
                scope.spawn(move || judge_all(repo, part));
            }
            if let Some(part) = commits.chunks(each).next() {
                judge_all(repo, part);
            }
        });
    }
}

fn judge_all(repo: &Repository, commits: &[&super::super::every::Known]) {
    for commit in commits {
        if !repo.checked_signatures().contains(commit.id.id())
            && let Ok(stored) = repo.commit(commit.id)
        {
            repo.judge_to_show(&stored);
        }
    }
}
