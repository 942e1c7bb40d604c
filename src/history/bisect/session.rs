//! What was said in a bisection, as a text that can be replayed (`docs/bisect.md`, "The log").

use bstr::{BString, ByteSlice};

use crate::log::{Head, RefName};
use crate::object::{CommitId, ComponentKey, ComponentKind, Id, RepoPath};

use super::verdicts::Verdict;
use super::words::{quoted, split};

/// What every line that says something begins with.
const COMMAND: &str = "aisr bisect";
const FIRST_LINE: &str = "aisr-bisect 0";
const CONTEXT: &str = "aisr 2026-11-26 bisect session v1";

/// A bisection under way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Session {
    /// What good and bad are called.
    pub terms: Terms,
    /// Which commits are looked at.
    pub only: Only,
    /// The folder stays as it is.
    pub no_checkout: bool,
    /// Where HEAD was before the bisection moved it first.
    pub head: Option<Head>,
    /// What was said, the latest last.
    pub said: Vec<Said>,
    /// What runs of a noisy test came to, the latest last.
    pub observed: Vec<Said>,
}

/// A verdict on a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Said {
    /// The commit.
    pub commit: CommitId,
    /// What was found.
    pub verdict: Verdict,
}

/// What good and bad are called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// What the state before the change is called.
    pub old: String,
    /// What the state after it is called.
    pub new: String,
}

/// Which commits may have brought what is looked for: with nothing named, all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Only {
    /// Those in which one of these components differs from every parent.
    pub components: Vec<ComponentKey>,
    /// Or one of this kind.
    pub kinds: Vec<ComponentKind>,
    /// Or what lies at one of these paths.
    pub paths: Vec<RepoPath>,
    /// And, where there are any, that one of these signed: a name, or a key's fingerprint.
    pub by: Vec<String>,
}

/// A line that is none of a bisection's log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct LineError {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl Default for Terms {
    fn default() -> Self {
        Self { old: "good".into(), new: "bad".into() }
    }
}

/// Words that have a meaning of their own behind `aisr bisect`.
const TAKEN: [&str; 12] = [
    "start",
    "observed",
    "skip",
    "next",
    "run",
    "log",
    "replay",
    "view",
    "visualize",
    "reset",
    "terms",
    "help",
];

impl Terms {
    /// The terms with these words; what is left out stays `good` and `bad`.
    ///
    /// # Errors
    /// Says why a word cannot be used.
    pub fn new(old: Option<&str>, new: Option<&str>) -> Result<Self, String> {
        let (old, new) = (old.unwrap_or("good"), new.unwrap_or("bad"));
        for (term, means_otherwise) in [(old, ["bad", "new"]), (new, ["good", "old"])] {
            let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if !term.bytes().all(letter) || !term.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Err(format!(
                    "`{}` cannot be a term: lower-case letters, digits and hyphens can",
                    term.escape_debug()
                ));
            }
            if TAKEN.contains(&term) {
                return Err(format!("`{term}` means something else behind `{COMMAND}`"));
            }
            if means_otherwise.contains(&term) {
                return Err(format!("`{term}` cannot mean its opposite"));
            }
        }
        if old == new {
            return Err(format!("`{old}` cannot mean both"));
        }
        Ok(Self { old: old.into(), new: new.into() })
    }

    /// The word for a verdict.
    pub fn word(&self, verdict: Verdict) -> &str {
        match verdict {
            Verdict::Good => &self.old,
            Verdict::Bad => &self.new,
            Verdict::Skip => "skip",
        }
    }

    /// The verdict that a word means.
    pub fn verdict(&self, word: &str) -> Option<Verdict> {
        match word {
            "skip" => Some(Verdict::Skip),
            _ if word == self.old => Some(Verdict::Good),
            _ if word == self.new => Some(Verdict::Bad),
            _ => None,
        }
    }
}

impl Only {
    /// Whether nothing is named, so that all commits are looked at.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something is named whose ids tell which commits are looked at.
    pub fn has_subjects(&self) -> bool {
        !(self.components.is_empty() && self.kinds.is_empty() && self.paths.is_empty())
    }

    /// The options that name it, each quoted.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut option = |name: &str, value: &[u8]| words.extend([name.into(), quoted(value)]);
        self.components.iter().for_each(|key| option("--component", key.to_string().as_bytes()));
        self.kinds.iter().for_each(|kind| option("--kind", kind.name().as_bytes()));
        let path = |path: &RepoPath| match path.is_root() {
            true => b".".to_vec(),
            false => path.as_bytes().to_vec(),
        };
        self.paths.iter().for_each(|at| option("--path", &path(at)));
        self.by.iter().for_each(|name| option("--by", name.as_bytes()));
        words
    }
}

impl Session {
    /// How it was begun, as a line.
    pub fn start_line(&self) -> String {
        let mut words = vec![COMMAND.to_owned(), "start".into()];
        if self.terms != Terms::default() {
            let Terms { old, new } = &self.terms;
            words.extend([format!("--term-old={old}"), format!("--term-new={new}")]);
        }
        if self.no_checkout {
            words.push("--no-checkout".into());
        }
        words.extend(self.only.words());
        words.join(" ")
    }

    /// A verdict, as a line.
    pub fn said_line(&self, said: &Said) -> String {
        format!("{COMMAND} {} {}", self.terms.word(said.verdict), said.commit)
    }

    /// What a run of a noisy test came to, as a line.
    pub fn observed_line(&self, observed: &Said) -> String {
        format!("{COMMAND} observed {} {}", self.terms.word(observed.verdict), observed.commit)
    }

    /// How it was begun and all that was said, as lines.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let said = self.said.iter().map(|said| self.said_line(said));
        let observed = self.observed.iter().map(|observed| self.observed_line(observed));
        std::iter::once(self.start_line()).chain(said).chain(observed)
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = format!("{FIRST_LINE}\n").into_bytes();
        match &self.head {
            None => {}
            Some(Head::Detached(id)) => out.extend(format!("head {id}\n").into_bytes()),
            Some(Head::Branch(name)) => {
                out.extend([b"head ", name.as_bytes(), b"\n"].concat());
            }
        }
        for line in self.lines() {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        let sum = Id::new(blake3::derive_key(CONTEXT, &out));
        out.extend_from_slice(format!("checksum {sum}\n").as_bytes());
        out
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When the checksum does not match, or the text is not exactly what [`Session::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, LineError> {
        let whole = |why: &str| LineError { line: 1, why: why.into() };
        let first = format!("{FIRST_LINE}\n");
        let Some(body) = bytes.strip_prefix(first.as_bytes()) else {
            return Err(whole("it does not start with `aisr-bisect 0`"));
        };
        let at = bytes.rfind(b"checksum ").ok_or_else(|| whole("it has no checksum"))?;
        let (summed, sum) = bytes.split_at(at);
        let right = format!("checksum {}\n", Id::new(blake3::derive_key(CONTEXT, summed)));
        if sum != right.as_bytes() {
            return Err(whole("it does not match its checksum: it was cut off or changed"));
        }
        let body = body.get(..at.saturating_sub(first.len())).unwrap_or_default();
        let (head, rest) = match body.strip_prefix(b"head ").and_then(|b| b.split_once_str("\n")) {
            Some((head, rest)) => {
                let head = head_of(head).ok_or_else(|| whole("HEAD cannot have been there"))?;
                (Some(head), rest)
            }
            None => (None, body),
        };
        let session = Self { head, ..Self::replay(rest)? };
        match session.encode() == bytes {
            true => Ok(session),
            false => Err(whole("it is not in its one form")),
        }
    }

    /// Reads a log: lines as [`Session::start_line`] and [`Session::said_line`] write them, with
    /// commits by their whole ids. Empty lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// When a line is none of a log.
    pub fn replay(text: &[u8]) -> Result<Self, LineError> {
        let mut session: Option<Self> = None;
        for (number, line) in text.lines().enumerate() {
            let wrong = |why: String| LineError { line: number + 1, why };
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let words = split(line).map_err(|why| wrong(why.into()))?;
            let not_ours = || wrong(format!("it does not begin with `{COMMAND}`"));
            let [program, name, verb, rest @ ..] = &words[..] else { return Err(not_ours()) };
            if program != "aisr" || name != "bisect" {
                return Err(not_ours());
            }
            match (&mut session, verb.as_slice()) {
                (None, b"start") => session = Some(Self::begun(rest).map_err(wrong)?),
                (None, _) => return Err(wrong(format!("`{COMMAND} start` comes first"))),
                (Some(_), b"start") => return Err(wrong("it starts a second time".into())),
                (Some(session), b"observed") => {
                    let (verb, rest) = rest.split_first().ok_or_else(not_ours)?;
                    let observed = session.read(verb, rest).map_err(wrong)?;
                    session.observed.push(observed);
                }
                (Some(session), verb) => {
                    let said = session.read(verb, rest).map_err(wrong)?;
                    session.said.push(said);
                }
            }
        }
        session.ok_or_else(|| LineError { line: 1, why: format!("there is no `{COMMAND} start`") })
    }

    fn begun(words: &[BString]) -> Result<Self, String> {
        let (mut old, mut new) = (None, None);
        let mut session = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let text = text(word)?;
            if let Some(term) = text.strip_prefix("--term-old=") {
                old = Some(term);
            } else if let Some(term) = text.strip_prefix("--term-new=") {
                new = Some(term);
            } else if text == "--no-checkout" {
                session.no_checkout = true;
            } else {
                let value = words.next().ok_or_else(|| unknown(word))?;
                session.only.read(text, value)?;
            }
        }
        session.terms = Terms::new(old, new)?;
        Ok(session)
    }

    fn read(&self, verb: &[u8], rest: &[BString]) -> Result<Said, String> {
        let verdict = std::str::from_utf8(verb).ok().and_then(|word| self.terms.verdict(word));
        let verdict = verdict.ok_or_else(|| unknown(verb))?;
        let [id] = rest else { return Err("it does not name one commit".into()) };
        let commit = Id::from_hex(id).map(CommitId::from_id);
        let commit = commit.ok_or("it does not name a commit by its whole id")?;
        Ok(Said { commit, verdict })
    }
}

impl Only {
    fn read(&mut self, option: &str, value: &BString) -> Result<(), String> {
        match option {
            "--component" => {
                let key = text(value)?.parse().map_err(|_| unknown(value))?;
                self.components.push(key);
            }
            "--kind" => {
                let kind = ComponentKind::from_name(text(value)?).ok_or_else(|| unknown(value))?;
                self.kinds.push(kind);
            }
            "--path" if value == "." => self.paths.push(RepoPath::root()),
            "--path" => self.paths.push(RepoPath::parse(value).map_err(|e| e.to_string())?),
            "--by" => self.by.push(text(value)?.to_owned()),
            _ => return Err(unknown(option.as_bytes())),
        }
        Ok(())
    }
}

fn text(word: &BString) -> Result<&str, String> {
    word.to_str().map_err(|_| "a word is not UTF-8".to_owned())
}

fn unknown(word: &[u8]) -> String {
    format!("`{}` is not known here", word.as_bstr().to_string().escape_debug())
}

fn head_of(text: &[u8]) -> Option<Head> {
    match Id::from_hex(text) {
        Some(id) => Some(Head::Detached(id)),
        None => RefName::new(text).ok().filter(RefName::is_branch).map(Head::Branch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> CommitId {
        CommitId::from_id(Id::new([byte; 32]))
    }

    fn session() -> Session {
        Session {
            terms: Terms::new(Some("fast"), Some("slow")).unwrap(),
            only: Only {
                components: vec!["memory:store".parse().unwrap()],
                kinds: vec![ComponentKind::Prompt],
                paths: vec![RepoPath::root(), RepoPath::parse("my notes/a\n.md").unwrap()],
                by: vec!["it's me".into()],
            },
            no_checkout: true,
            head: Some(Head::Branch(RefName::branch("main").unwrap())),
            said: vec![
                Said { commit: id(1), verdict: Verdict::Bad },
                Said { commit: id(2), verdict: Verdict::Good },
                Said { commit: id(3), verdict: Verdict::Skip },
            ],
            observed: vec![
                Said { commit: id(1), verdict: Verdict::Bad },
                Said { commit: id(1), verdict: Verdict::Good },
            ],
        }
    }

    #[test]
    fn a_session_is_read_as_it_was_written() {
        for session in [session(), Session::default()] {
            assert_eq!(Session::decode(&session.encode()), Ok(session));
        }
        let detached = Session { head: Some(Head::Detached(id(9).id())), ..session() };
        assert_eq!(Session::decode(&detached.encode()).unwrap(), detached);
    }

    #[test]
    fn a_file_that_was_cut_off_or_changed_is_refused() {
        let bytes = session().encode();
        for len in 0..bytes.len() {
            assert!(Session::decode(&bytes[..len]).is_err(), "{len}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Session::decode(&changed).is_err(), "{at}");
        }
    }

    #[test]
    fn a_log_may_hold_comments_and_is_replayed_without_them() {
        let text = format!("# found by hand\n\naisr bisect start\n  aisr bisect bad {}\n", id(7));
        let said = vec![Said { commit: id(7), verdict: Verdict::Bad }];
        assert_eq!(Session::replay(text.as_bytes()), Ok(Session { said, ..Session::default() }));
    }

    #[test]
    fn a_line_that_is_none_of_a_log_is_named() {
        for (text, line) in [
            ("", 1),
            ("git bisect start\n", 1),
            ("aisr bisect\n", 1),
            ("aisr bisect bad 1\n", 1),
            ("aisr bisect start\naisr bisect start\n", 2),
            ("aisr bisect start\naisr bisect bad abcd\n", 2),
            ("aisr bisect start\n\naisr bisect better 1\n", 3),
            ("aisr bisect start --component memory\n", 1),
            ("aisr bisect start --path\n", 1),
            ("aisr bisect start --term-old=bad\n", 1),
            ("aisr bisect start --path ../x\n", 1),
            ("aisr bisect start --run 'rm -r'\n", 1),
            ("aisr bisect start\naisr bisect observed\n", 2),
        ] {
            assert_eq!(Session::replay(text.as_bytes()).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn terms_are_plain_words_with_no_other_meaning() {
        for (old, new) in [("a b", "c"), ("skip", "c"), ("a", "run"), ("a", "a"), ("", "b")] {
            assert!(Terms::new(Some(old), Some(new)).is_err(), "{old} {new}");
        }
        assert!(Terms::new(Some("new"), None).is_err());
        assert!(Terms::new(None, Some("good")).is_err());
        assert_eq!(Terms::new(None, None).unwrap(), Terms::default());
        assert_eq!(Terms::new(Some("old"), Some("new")).unwrap().word(Verdict::Bad), "new");
    }
}
