//! Commits and tags as people and programs see them: claims and proofs told apart.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use aisr::log::RefName;
use aisr::object::{ActingFor, Actor, Commit, CommitId, Report, Stamp};
use aisr::policy::{Verdict, verdict};
use aisr::repo::{Repository, StoredCommit, StoredTag};
use aisr::sign::PublicKey;
use aisr::trust::Standing;
use serde::Serialize;

use super::color::{BAD, BRANCH, GOOD, WARNING};
use super::escape::{Escaped, EscapedText};
use super::ids::{Ids, Names};
use super::numbers::plural;
use super::time::{clock, iso, moment};
use crate::cli::error::CliError;

/// A commit, as `--json` prints it.
#[derive(Serialize)]
pub struct CommitView {
    pub id: String,
    pub parents: Vec<String>,
    pub refs: Vec<String>,
    pub root: String,
    pub repository: String,
    pub message: Option<String>,
    pub author: PersonView,
    pub committer: PersonView,
    pub acting_for: Vec<PersonView>,
    pub authored: String,
    pub time: String,
    pub cause: String,
    pub signature: SignatureView,
    pub report: Option<ReportView>,
}

/// Somebody, and how far it is proven that it was them.
#[derive(Clone, Serialize)]
pub struct PersonView {
    pub name: Option<String>,
    pub key: Option<String>,
    pub principal: Option<String>,
    /// `signed` or `claimed`.
    pub evidence: &'static str,
}

/// What a signature is worth.
#[derive(Serialize)]
pub struct SignatureView {
    pub verdict: Verdict,
    pub detail: Option<String>,
}

/// How a capture went.
#[derive(Serialize)]
pub struct ReportView {
    pub begin: String,
    pub end: String,
    pub level: &'static str,
    pub ignored: u64,
    pub skipped: u64,
    pub skipped_paths: Vec<(String, String)>,
    pub moved: Vec<String>,
}

/// A tag, as `--json` prints it.
#[derive(Serialize)]
pub struct TagView {
    pub id: String,
    pub name: String,
    pub target: String,
    pub target_type: &'static str,
    pub tagger: PersonView,
    pub time: String,
    pub message: Option<String>,
    pub signature: SignatureView,
}

/// What the signature of a commit is worth, and whose it is.
pub struct Judged {
    committer: Arc<PersonView>,
    signature: SignatureView,
}

/// To judge fewer signatures costs less than to start a thread.
const WORTH_A_THREAD: usize = 8;

impl Judged {
    /// Judges the signature of a commit.
    pub fn new(repo: &Repository, stored: &StoredCommit) -> Self {
        Self::knowing(repo, stored, &mut Signers::default())
    }

    fn knowing(repo: &Repository, stored: &StoredCommit, known: &mut Signers) -> Self {
        let (verdict, detail) = verdict(&repo.judge_to_show(stored));
        let committer = known.of(repo, &stored.commit.committer, verdict);
        Self { committer, signature: SignatureView { verdict, detail } }
    }

    /// Judges the signatures of several commits; by how many threads is asked only where that many
    /// are new.
    pub fn of_all(
        repo: &Repository,
        commits: &[&StoredCommit],
        threads: impl FnOnce() -> usize,
    ) -> Vec<Self> {
        let judge = |part: &[&StoredCommit]| -> Vec<Self> {
            let mut known = Signers::default();
            part.iter().map(|stored| Self::knowing(repo, stored, &mut known)).collect()
        };
        let checked = repo.checked_signatures();
        let new = commits.iter().filter(|stored| !checked.contains(stored.id.id()));
        if new.take(WORTH_A_THREAD + 1).count() <= WORTH_A_THREAD {
            return judge(commits);
        }
        let each = commits.len().div_ceil(threads().max(1));
        std::thread::scope(|scope| {
            let (own, others) = commits.split_at(each);
            let others = others.chunks(each).map(|part| scope.spawn(move || judge(part)));
            let others: Vec<_> = others.collect();
            let mut all = judge(own);
            for other in others {
                match other.join() {
                    Ok(judged) => all.extend(judged),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        })
    }

    /// Who signed, with what says so.
    pub fn signer(&self) -> &PersonView {
        &self.committer
    }

    /// What the signature is worth.
    pub fn verdict(&self) -> Verdict {
        self.signature.verdict
    }

    /// Who signed, in whose place, and who is claimed to have made it, on one line.
    pub fn in_short(&self, commit: &Commit) -> String {
        let words = self.signature.verdict.words();
        let mut text = match self.signature.verdict {
            Verdict::Good => {
                let name = self.committer.name.as_deref().unwrap_or_default();
                Escaped(name.as_bytes()).to_string()
            }
            Verdict::UnknownKey => {
                let key = self.committer.key.as_deref().unwrap_or_default();
                let end = key.char_indices().nth(15).map_or(key.len(), |(at, _)| at);
                format!("{words} {}…", key.get(..end).unwrap_or_default())
            }
            _ => words.to_owned(),
        };
        for person in commit.acting_for.iter().map(acting_for) {
            let name = person.name.as_deref().unwrap_or_default();
            text += &format!(" for {} ({})", Escaped(name.as_bytes()), person.evidence);
        }
        if let Some(author) = &commit.author {
            text += &format!(" · author {} (claimed)", Escaped(author.as_bytes()));
        }
        text
    }

    /// Draws the commit: who, when, what.
    pub fn draw(
        &self,
        out: &mut dyn Write,
        stored: &StoredCommit,
        ids: &Ids<'_>,
        names: &Names,
    ) -> io::Result<()> {
        let commit = &stored.commit;
        let id = stored.id.id();
        writeln!(out, "commit   {}{}", ids.show(id), names.show(id))?;
        if commit.parents.len() > 1 {
            let parents = commit.parents.iter().map(|id| ids.show(id.id()));
            writeln!(out, "merges   {}", parents.collect::<Vec<_>>().join(" "))?;
        }
        writeln!(out, "signed   {}", self.signature.of(&self.committer))?;
        if let Some(author) = &commit.author {
            writeln!(out, "author   {} (claimed)", Escaped(author.as_bytes()))?;
        }
        for person in commit.acting_for.iter().map(acting_for) {
            let name = person.name.as_deref().unwrap_or_default();
            writeln!(out, "for      {} ({})", Escaped(name.as_bytes()), person.evidence)?;
        }
        writeln!(out, "date     {}", moment(commit.committed))?;
        write_message(out, commit.message.as_deref())
    }
}

impl CommitView {
    /// The view of a commit that was judged.
    pub fn new(judged: Judged, stored: &StoredCommit, names: &Names) -> Self {
        let commit = &stored.commit;
        let Judged { committer, signature } = judged;
        let committer = PersonView::clone(&committer);
        let author = match &commit.author {
            Some(name) => claimed(name.clone()),
            None => committer.clone(),
        };
        Self {
            id: stored.id.to_hex(),
            parents: commit.parents.iter().map(|id| id.to_hex()).collect(),
            refs: names.full(stored.id.id()),
            root: commit.root.to_hex(),
            repository: commit.repo.to_hex(),
            message: commit.message.clone(),
            author,
            committer,
            acting_for: commit.acting_for.iter().map(acting_for).collect(),
            authored: iso(commit.authored),
            time: iso(commit.committed),
            cause: commit.cause.kind.clone(),
            signature,
            report: commit.report.as_ref().map(|report| report_view(report, commit.committed)),
        }
    }

    /// The first line of the message.
    pub fn subject(commit: &Commit) -> &str {
        commit.message.as_deref().and_then(|text| text.lines().next()).unwrap_or("(no message)")
    }
}

impl SignatureView {
    /// `mara@example.org`, and where it is not simply good, what it is instead.
    pub fn of<'a>(&'a self, signer: &'a PersonView) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            let name = Escaped(signer.name.as_deref().unwrap_or_default().as_bytes());
            let key = signer.key.as_deref().unwrap_or("a key that is none");
            let words = self.verdict.words();
            match (self.verdict, &self.detail) {
                (Verdict::Good, _) => write!(f, "{name} · {GOOD}{words}{GOOD:#} · {key}"),
                (Verdict::UnknownKey, _) => write!(f, "{WARNING}{words}{WARNING:#} {key}"),
                (_, None) => write!(f, "{BAD}{words}{BAD:#} · {key}"),
                (_, Some(detail)) => {
                    let detail = Escaped(detail.as_bytes());
                    write!(f, "{BAD}{words}{BAD:#} ({detail}) · {key}")
                }
            }
        })
    }
}

impl TagView {
    /// The view of a tag, its signature judged.
    pub fn new(repo: &Repository, stored: &StoredTag) -> Self {
        let tag = &stored.tag;
        let (verdict, detail) = verdict(&repo.judge_tag(stored));
        let tagger = signer(repo, &tag.tagger, verdict);
        Self {
            id: stored.id.to_hex(),
            name: String::from_utf8_lossy(&tag.name).into_owned(),
            target: tag.target.to_hex(),
            target_type: tag.target_type.name(),
            tagger,
            time: iso(tag.time),
            message: tag.message.clone(),
            signature: SignatureView { verdict, detail },
        }
    }

    /// Draws the tag.
    pub fn draw(&self, out: &mut dyn Write, stored: &StoredTag, ids: &Ids<'_>) -> io::Result<()> {
        let tag = &stored.tag;
        writeln!(out, "tag      {} {}", Escaped(&tag.name), ids.show(stored.id.id()))?;
        writeln!(out, "names    {} {}", self.target_type, ids.show(tag.target))?;
        writeln!(out, "signed   {}", self.signature.of(&self.tagger))?;
        writeln!(out, "date     {}", moment(tag.time))?;
        write_message(out, tag.message.as_deref())
    }
}

/// A commit by its id and the first line of its message, made safe to show.
pub fn id_and_subject(repo: &Repository, id: CommitId, verbose: bool) -> Result<String, CliError> {
    let stored = repo.commit(id)?;
    let subject = Escaped(CommitView::subject(&stored.commit).as_bytes()).to_string();
    Ok(format!("{} ({subject})", Ids::new(repo, verbose).show(id.id())))
}

/// Says that a commit was made: where, which, and the first line of its message.
pub fn draw_made(
    out: &mut dyn Write,
    branch: Option<&RefName>,
    id: &str,
    subject: &str,
) -> io::Result<()> {
    let branch = branch.map_or("HEAD".into(), |name| name.short().to_string());
    let (branch, subject) = (Escaped(branch.as_bytes()), Escaped(subject.as_bytes()));
    writeln!(out, "[{BRANCH}{branch}{BRANCH:#} {id}] {subject}")
}

impl ReportView {
    /// How the capture went, in a line.
    pub fn draw(report: &Report, committed: Stamp) -> String {
        let (begin, end) = report.window;
        let window = format!("{} to {}", clock(begin, committed.zone), clock(end, committed.zone));
        let mut parts = vec![format!("{} of {window}", report.level.name())];
        if report.ignored > 0 {
            parts.push(format!("{} ignored", plural(report.ignored, "path", "paths")));
        }
        if report.skipped > 0 {
            parts.push(format!("{} skipped", plural(report.skipped, "path", "paths")));
        }
        parts.join(", ")
    }
}

fn write_message(out: &mut dyn Write, message: Option<&str>) -> io::Result<()> {
    let Some(message) = message else { return Ok(()) };
    writeln!(out)?;
    for line in message.lines() {
        match line.is_empty() {
            true => writeln!(out)?,
            false => writeln!(out, "    {}", EscapedText(line.as_bytes()))?,
        }
    }
    Ok(())
}

/// Who signed, each told once: many commits have few signers.
#[derive(Default)]
struct Signers(Vec<(Actor, Verdict, Arc<PersonView>)>);

impl Signers {
    fn of(&mut self, repo: &Repository, actor: &Actor, verdict: Verdict) -> Arc<PersonView> {
        let mut known = self.0.iter();
        if let Some((.., view)) = known.find(|known| known.0 == *actor && known.1 == verdict) {
            return Arc::clone(view);
        }
        let view = Arc::new(signer(repo, actor, verdict));
        self.0.push((*actor, verdict, Arc::clone(&view)));
        view
    }
}

fn signer(repo: &Repository, actor: &Actor, verdict: Verdict) -> PersonView {
    let principal = match repo.trust().standing(&actor.key) {
        Standing::Principal(p) | Standing::Retired { principal: p, .. } => Some(p),
        Standing::Unknown => None,
    };
    let principal = principal.filter(|p| actor.principal.is_none_or(|id| id == p.id));
    PersonView {
        name: principal.and_then(|p| p.names.first().cloned()),
        key: PublicKey::from_bytes(&actor.key).ok().map(|key| key.fingerprint()),
        principal: actor.principal.or(principal.map(|p| p.id)).map(|id| id.to_hex()),
        evidence: if verdict == Verdict::Good { "signed" } else { "claimed" },
    }
}

/// In whose place a commit was made.
pub fn acting_for_names(commit: &Commit) -> Vec<String> {
    commit.acting_for.iter().map(acting_for).filter_map(|person| person.name).collect()
}

fn claimed(name: String) -> PersonView {
    PersonView { name: Some(name), key: None, principal: None, evidence: "claimed" }
}

fn acting_for(whom: &ActingFor) -> PersonView {
    match whom {
        ActingFor::Claimed(name) => claimed(name.clone()),
        ActingFor::Delegation(id) => claimed(format!("delegation {id}")),
    }
}

fn report_view(report: &Report, committed: Stamp) -> ReportView {
    let at = |micros| iso(Stamp { micros, zone: committed.zone });
    let path = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    ReportView {
        begin: at(report.window.0),
        end: at(report.window.1),
        level: report.level.name(),
        ignored: report.ignored,
        skipped: report.skipped,
        skipped_paths: report.skipped_paths.iter().map(|(p, why)| (path(p), why.clone())).collect(),
        moved: report.moved.iter().map(path).collect(),
    }
}
