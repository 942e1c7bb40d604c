//! Whether the commits of a repository are what their signers signed.

use std::error::Error;

use serde::Serialize;

use crate::history::{CommitWalk, HistoryError, Range, Revisions, tips};
use crate::log::LogError;
use crate::object::{Actor, CommitId, LogEntry, ObjectType, TagId};
use crate::repo::{Repository, SignatureState, StoredCommit};
use crate::sign::PublicKey;
use crate::store::{Lookup, Store};
use crate::system::{SystemChecker, SystemFault};
use crate::trust::Chain;

/// What the signature of an object is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Signed by a key of the principal it names.
    Good,
    /// Signed by a key of the principal it names that was retired before this came.
    RetiredKey,
    /// Signed by a key that no trust root names.
    UnknownKey,
    /// The key is not one of the principal that the object names.
    WrongPrincipal,
    /// Made for another repository.
    OtherRepository,
    /// Signed by another key than it states.
    WrongKey,
    /// No good signature of these bytes.
    Bad,
    /// Its system says what its files do not bear out.
    FalseSystem,
    /// The object is absent or damaged.
    Unreadable,
}

impl Verdict {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::RetiredKey => "retired key",
            Self::UnknownKey => "unknown key",
            Self::WrongPrincipal => "BAD: the key is not the named principal's",
            Self::OtherRepository => "BAD: made for another repository",
            Self::WrongKey => "BAD: signed by another key than it states",
            Self::Bad => "BAD signature",
            Self::FalseSystem => "BAD: its system is not what its files bear out",
            Self::Unreadable => "cannot be read",
        }
    }
}

/// What was found of a commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CommitVerdict {
    /// Its id.
    pub id: String,
    /// What its signature is worth.
    pub verdict: Verdict,
    /// More about it, where there is more to say.
    pub detail: Option<String>,
    /// The fingerprint of the key that it states.
    pub key: Option<String>,
    /// The first line of its message.
    pub subject: Option<String>,
}

/// What was found of a tag object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TagVerdict {
    /// Its id.
    pub id: String,
    /// The ref that names it.
    pub name: String,
    /// What its signature is worth.
    pub verdict: Verdict,
    /// More about it, where there is more to say.
    pub detail: Option<String>,
}

/// What was found of the log of this clone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LogVerdict {
    /// Whether every entry follows from the one before, signed by this clone's key, and they lead
    /// to the refs that hold.
    pub good: bool,
    /// How many entries there are.
    pub entries: u64,
    /// The fingerprint of the key that signed them.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: Option<String>,
}

/// A ref that does not lead to a commit that can be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RefProblem {
    /// The ref.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

/// What a verification found. Commits and tags that are good are counted, the others listed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct VerifyReport {
    /// How many commits were looked at.
    pub commits: u64,
    /// How many of them are good.
    pub good: u64,
    /// How many are signed by a key that the trust root does not name.
    pub unknown_keys: u64,
    /// How many came after the key that signed them was retired.
    pub retired_keys: u64,
    /// Commits that are not good, newest first.
    pub not_good: Vec<CommitVerdict>,
    /// How many signed tags were looked at.
    pub tags: u64,
    /// Tags that are not good.
    pub tags_not_good: Vec<TagVerdict>,
    /// The log.
    pub log: LogVerdict,
    /// Refs that lead nowhere.
    pub refs: Vec<RefProblem>,
    /// Whose word the order of the refs' moves rests on.
    pub authority: &'static str,
}

impl VerifyReport {
    /// Whether everything is good, or, with `unknown_keys_pass`, at least signed as it states.
    pub fn passes(&self, unknown_keys: UnknownKeys) -> bool {
        let passes = |verdict: Verdict| match unknown_keys {
            UnknownKeys::Fail => verdict == Verdict::Good,
            UnknownKeys::Pass => matches!(verdict, Verdict::Good | Verdict::UnknownKey),
        };
        self.log.good
            && self.refs.is_empty()
            && self.not_good.iter().all(|commit| passes(commit.verdict))
            && self.tags_not_good.iter().all(|tag| passes(tag.verdict))
    }
}

/// What becomes of objects signed by keys that the trust root does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnknownKeys {
    /// They fail the verification.
    Fail,
    /// They pass it.
    Pass,
}

/// Verifies the commits of `range`, or all that refs and HEAD lead to; the signed tags, the refs
/// and the log of this clone always.
///
/// # Errors
/// Only when the refs cannot be read; whatever else is wrong is in the report.
pub fn verify(repo: &Repository, range: Option<Range>) -> Result<VerifyReport, HistoryError> {
    let revisions = Revisions::load(repo)?;
    let tips = tips(repo, revisions.refs());
    let refs = tips
        .broken
        .iter()
        .map(|(name, e)| RefProblem { name: name.clone(), problem: with_sources(e) });
    let mut report = VerifyReport {
        commits: 0,
        good: 0,
        unknown_keys: 0,
        retired_keys: 0,
        not_good: Vec::new(),
        tags: 0,
        tags_not_good: Vec::new(),
        log: log_verdict(repo, &revisions),
        refs: refs.collect(),
        authority: match revisions.log().is_shared() {
            true => "the log of this place",
            false => "this clone's log alone",
        },
    };
    let range = range.unwrap_or(Range { include: tips.commits, exclude: Vec::new() });
    let mut systems = SystemChecker::new(repo.store());
    let expired = repo.expired().unwrap_or_default();
    for found in CommitWalk::new(repo, &range) {
        let verdict = match found {
            // Of what was collected the statement is kept, and nothing that could be compared.
            Ok(stored) if expired.contains(&stored.id.id()) => judge(repo, &stored),
            Ok(stored) => judge_system(&mut systems, &stored, judge(repo, &stored)),
            Err(e) => unreadable(e.id, with_sources(&*e.source)),
        };
        report.commits += 1;
        match verdict.verdict {
            Verdict::Good => {
                report.good += 1;
                continue;
            }
            Verdict::UnknownKey => report.unknown_keys += 1,
            Verdict::RetiredKey => report.retired_keys += 1,
            _ => {}
        }
        report.not_good.push(verdict);
    }
    for (name, id) in &revisions.refs().refs {
        if let Ok(Lookup::Here(ObjectType::Tag)) = repo.store().kind(*id) {
            report.tags += 1;
            let verdict = judge_tag(repo, name.short().to_string(), TagId::from_id(*id));
            report.tags_not_good.extend((verdict.verdict != Verdict::Good).then_some(verdict));
        }
    }
    Ok(report)
}

/// The verdict that a signature's state amounts to, and more about it.
pub fn verdict(state: &SignatureState<'_>) -> (Verdict, Option<String>) {
    match state {
        SignatureState::Good(_) => (Verdict::Good, None),
        SignatureState::RetiredKey(_) => (Verdict::RetiredKey, None),
        SignatureState::UnknownKey => (Verdict::UnknownKey, None),
        SignatureState::WrongPrincipal => (Verdict::WrongPrincipal, None),
        SignatureState::OtherRepository => (Verdict::OtherRepository, None),
        SignatureState::WrongKey => (Verdict::WrongKey, None),
        SignatureState::Bad(e) => (Verdict::Bad, Some(with_sources(e))),
    }
}

fn judge(repo: &Repository, stored: &StoredCommit) -> CommitVerdict {
    let (verdict, detail) = verdict(&repo.judge(stored));
    let message = stored.commit.message.as_deref();
    CommitVerdict {
        id: stored.id.to_hex(),
        verdict,
        detail,
        key: fingerprint(&stored.commit.committer),
        subject: message.and_then(|text| text.lines().next()).map(Into::into),
    }
}

/// The verdict on a commit whose signature is worth `verdict`, once its system was compared with
/// its files.
fn judge_system(
    systems: &mut SystemChecker<'_, Store>,
    stored: &StoredCommit,
    verdict: CommitVerdict,
) -> CommitVerdict {
    let (worse, why) = match systems.check(stored.commit.root) {
        Ok(()) => return verdict,
        Err(e @ SystemFault::Unreadable(_)) => (Verdict::Unreadable, e),
        Err(e) => (Verdict::FalseSystem, e),
    };
    match verdict.verdict {
        Verdict::Good | Verdict::UnknownKey | Verdict::RetiredKey => {
            CommitVerdict { verdict: worse, detail: Some(with_sources(&why)), ..verdict }
        }
        _ => verdict,
    }
}

fn unreadable(id: CommitId, why: String) -> CommitVerdict {
    let verdict = Verdict::Unreadable;
    CommitVerdict { id: id.to_hex(), verdict, detail: Some(why), key: None, subject: None }
}

fn judge_tag(repo: &Repository, name: String, id: TagId) -> TagVerdict {
    let (verdict, detail) = match repo.tag(id) {
        Ok(stored) => verdict(&repo.judge_tag(&stored)),
        Err(e) => (Verdict::Unreadable, Some(with_sources(&e))),
    };
    TagVerdict { id: id.to_hex(), name, verdict, detail }
}

fn log_verdict(repo: &Repository, revisions: &Revisions<'_>) -> LogVerdict {
    let mut entries = 0;
    let mut order = TrustOrder::new(repo.trust().chain());
    let checked: Result<_, LogError> = revisions.log().walk(&mut |_, entry| {
        entries += 1;
        order.visit(&entry);
    });
    let bad = |problem| LogVerdict { good: false, entries, key: None, problem: Some(problem) };
    match (checked, order.problem()) {
        (Err(e), _) => bad(with_sources(&e)),
        (Ok(_), Some(problem)) => bad(problem.to_owned()),
        (Ok(summary), None) => {
            let (entries, key) = (summary.entries, summary.key.map(|key| key.fingerprint()));
            LogVerdict { good: true, entries, key, problem: None }
        }
    }
}

/// Whether a log goes through the trust roots in their order, and never back.
pub struct TrustOrder<'t> {
    chain: &'t Chain,
    /// Where the root of the entry before stands in the chain.
    at: usize,
    problem: Option<String>,
}

impl<'t> TrustOrder<'t> {
    /// Begins before the first entry.
    pub fn new(chain: &'t Chain) -> Self {
        Self { chain, at: 0, problem: None }
    }

    /// Looks at the next entry.
    pub fn visit(&mut self, entry: &LogEntry) {
        let (sequence, root) = (entry.sequence, entry.trust_root);
        let why = match self.chain.position(root) {
            Some(at) if at >= self.at => {
                self.at = at;
                return;
            }
            Some(_) => format!("log entry {sequence} goes back to the trust root {root}"),
            None => {
                format!("log entry {sequence} names {root}, which is none of the trust roots here")
            }
        };
        self.problem.get_or_insert(why);
    }

    /// The first entry that is out of order.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

fn fingerprint(actor: &Actor) -> Option<String> {
    PublicKey::from_bytes(&actor.key).ok().map(|key| key.fingerprint())
}

/// An error and what lies behind it, in one line; what a message says already is not repeated.
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text
}
