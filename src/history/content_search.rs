//! Which commits changed how often a string is there, or changed what an expression matches: git's
//! `log -S` and `log -G` (git-log(1), gitdiffcore(7)), over texts and over records.
//!
//! Only files whose ids differ are looked at, each content once. A text is searched as it is
//! written. What is no text is searched record by record, where two versions differ; and where a
//! text of records or key paths writes with escapes, so that a string could hide in it, what it
//! says is searched as well.

use std::collections::HashMap;
use std::sync::Arc;

use memchr::memmem::Finder;
use regex::bytes::Regex;

use crate::diff::{
    FileChange, LineKind, PathChange, RecordChanges, SIMILARITY_LIMIT, TextOptions, diff_text,
    diff_trees, pair_tables, renames,
};
use crate::object::{BlobId, EntryKind, NodeId, RepoPath, TreeEntry};
use crate::repo::{RepoError, Repository, StoredCommit};
use crate::view::{Element, Kind, Opened, StoredSource, Value, common, open, open_as};

use super::blame::{BlameError, read};

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Sought {
    /// A string, whose number of occurrences changes. Never empty.
    String(Vec<u8>),
    /// An expression, which a line or a record that comes or goes matches.
    Expression(Regex),
}

/// Texts above this are not held, and count as bytes.
const TEXT_LIMIT: u64 = 64 << 20;
/// So many counts are remembered.
const REMEMBERED: usize = 1 << 16;

/// What is known of a text.
#[derive(Clone, Copy)]
struct Counted {
    /// How often the string is in it.
    times: u64,
    /// Whether it may say what it does not show.
    escapes: bool,
}

/// Told of the texts of a record, whether the second version has it, and how often it is there.
type Visit<'v> = dyn FnMut(&[Vec<u8>], bool, u64) + 'v;

/// Looks for a string or an expression in what commits changed.
pub struct ContentSearch<'r> {
    repo: &'r Repository,
    sought: Sought,
    paths: Vec<RepoPath>,
    /// What is known of texts; `None` for what is none.
    counts: HashMap<BlobId, Option<Counted>>,
}

impl<'r> ContentSearch<'r> {
    /// Looks in all files, or in those that are or lie in one of `paths`.
    pub fn new(repo: &'r Repository, sought: Sought, paths: &[RepoPath]) -> Self {
        Self { repo, sought, paths: paths.to_vec(), counts: HashMap::new() }
    }

    /// Whether the commit changed what is sought, as against each of its parents: what a merge has
    /// from one side is not its own.
    ///
    /// # Errors
    /// When a tree or a content cannot be read.
    pub fn matches(&mut self, stored: &StoredCommit) -> Result<bool, BlameError> {
        let after = self.repo.files(&stored.commit)?;
        if stored.commit.parents.is_empty() {
            return self.differs(None, after);
        }
        for parent in &stored.commit.parents {
            let before = self.repo.files_of(*parent)?;
            if !self.differs(Some(before), after)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn differs(&mut self, before: Option<NodeId>, after: NodeId) -> Result<bool, BlameError> {
        for change in self.changes(before, after)? {
            if self.is_match(&change)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The files that differ, renames joined.
    fn changes(
        &self,
        before: Option<NodeId>,
        after: NodeId,
    ) -> Result<Vec<FileChange>, BlameError> {
        if before == Some(after) {
            return Ok(Vec::new());
        }
        let mut changes: Vec<PathChange> = Vec::new();
        let file = |entry: Option<TreeEntry>| entry.filter(|entry| entry.blob().is_some());
        let store = self.repo.store();
        diff_trees(store, before, Some(after), &mut |change: PathChange| {
            let (before, after) = (file(change.before), file(change.after));
            let is_wanted =
                self.paths.is_empty() || self.paths.iter().any(|path| change.path.is_within(path));
            let same = before.map(|entry| entry.id()) == after.map(|entry| entry.id());
            if is_wanted && !same {
                changes.push(PathChange { before, after, ..change });
            }
            Ok::<(), RepoError>(())
        })?;
        let repo = self.repo;
        Ok(renames::<RepoError>(changes, &mut |_, entry| {
            let id = entry.blob().filter(|_| entry.size() <= SIMILARITY_LIMIT);
            id.map(|id| read(repo, id)).transpose()
        })?)
    }

    fn is_match(&mut self, found: &FileChange) -> Result<bool, BlameError> {
        let change = &found.change;
        let side = |path: &RepoPath, entry: Option<TreeEntry>| {
            let id = entry.and_then(|entry| entry.blob());
            id.zip(entry).map(|(id, entry)| Side { path: path.clone(), id, entry })
        };
        let before = side(found.from.as_ref().unwrap_or(&change.path), change.before);
        let after = side(&change.path, change.after);
        if before.as_ref().map(|side| side.id) == after.as_ref().map(|side| side.id) {
            return Ok(false);
        }
        match self.sought.clone() {
            Sought::String(string) => self.counts_differ(&string, before, after),
            Sought::Expression(regex) => self.expression(&regex, before, after),
        }
    }

    /// What a side holds as a text; `None` for what is none. A side that is not there is empty.
    fn text(&self, side: Option<&Side>) -> Result<Option<Vec<u8>>, BlameError> {
        let Some(side) = side else { return Ok(Some(Vec::new())) };
        if side.entry.size() > TEXT_LIMIT {
            return Ok(None);
        }
        let bytes = read(self.repo, side.id)?;
        let is_text = memchr::memchr(0, &bytes).is_none();
        Ok((is_text || side.entry.kind() == EntryKind::Symlink).then_some(bytes))
    }

    /// How often the string is in a text; `None` for what is no text.
    fn count(&mut self, string: &[u8], side: Option<&Side>) -> Result<Option<Counted>, BlameError> {
        let Some(side) = side else { return Ok(Some(Counted { times: 0, escapes: false })) };
        if let Some(known) = self.counts.get(&side.id) {
            return Ok(*known);
        }
        let text = self.text(Some(side))?;
        let count = text.map(|text| Counted {
            times: Finder::new(string).find_iter(&text).count() as u64,
            escapes: has_escapes(&text),
        });
        if self.counts.len() >= REMEMBERED {
            self.counts.clear();
        }
        self.counts.insert(side.id, count);
        Ok(count)
    }

    fn counts_differ(
        &mut self,
        string: &[u8],
        before: Option<Side>,
        after: Option<Side>,
    ) -> Result<bool, BlameError> {
        let counts = (self.count(string, before.as_ref())?, self.count(string, after.as_ref())?);
        if let (Some(old), Some(new)) = counts
            && (old.times != new.times || !(old.escapes || new.escapes))
        {
            return Ok(old.times != new.times);
        }
        let finder = Finder::new(string);
        let (mut old, mut new) = (0u64, 0u64);
        self.records(before.as_ref(), after.as_ref(), &mut |texts, is_new, times| {
            let count = texts.iter().map(|text| finder.find_iter(text).count() as u64).sum::<u64>();
            let sum = if is_new { &mut new } else { &mut old };
            *sum = sum.saturating_add(count.saturating_mul(times));
        })?;
        Ok(old != new)
    }

    fn expression(
        &mut self,
        regex: &Regex,
        before: Option<Side>,
        after: Option<Side>,
    ) -> Result<bool, BlameError> {
        let texts = (self.text(before.as_ref())?, self.text(after.as_ref())?);
        if let (Some(old), Some(new)) = texts {
            if regex_may_match(regex, &old) || regex_may_match(regex, &new) {
                let options = TextOptions { context: 0, words: false };
                let hunks = diff_text(&old, &new, options);
                let mut lines = hunks.iter().flat_map(|hunk| &hunk.lines);
                let is_hit = lines.any(|line| {
                    line.kind != LineKind::Context && regex.is_match(trimmed(line.text))
                });
                if is_hit {
                    return Ok(true);
                }
            }
            if !has_escapes(&old) && !has_escapes(&new) {
                return Ok(false);
            }
        }
        let mut is_hit = false;
        self.records(before.as_ref(), after.as_ref(), &mut |texts, _, _| {
            is_hit |= texts.iter().any(|text| regex.is_match(text));
        })?;
        Ok(is_hit)
    }

    /// Hands on the texts of each record that differs, those of the first version with `false`,
    /// those of the second with `true`, and how often the record is there.
    fn records(
        &self,
        before: Option<&Side>,
        after: Option<&Side>,
        visit: &mut Visit<'_>,
    ) -> Result<(), BlameError> {
        let opened = |side: &Side, kind: Option<Kind>| -> Result<Option<Opened>, BlameError> {
            let source = Arc::new(StoredSource::open(self.repo.shared_store(), side.id)?);
            Ok(match kind {
                Some(kind) => open_as(source, kind).ok(),
                None => Some(open(source, side.path.as_bytes())?),
            })
        };
        let plain = |side: Option<&Side>| match side {
            Some(side) => opened(side, None),
            None => Ok(None),
        };
        let (mut old, mut new) = (plain(before)?, plain(after)?);
        if let (Some(a), Some(b)) = (&old, &new) {
            let kind = common(a.view.kind(), b.view.kind());
            // Lines are searched as text.
            if matches!(kind, Kind::Text | Kind::Bytes) {
                return Ok(());
            }
            if let (Some(side), true) = (before, a.view.kind() != kind) {
                old = opened(side, Some(kind))?;
            }
            if let (Some(side), true) = (after, b.view.kind() != kind) {
                new = opened(side, Some(kind))?;
            }
        }
        let old = old.as_ref().map(|opened| &*opened.view);
        let new = new.as_ref().map(|opened| &*opened.view);
        for pair in pair_tables(old, new) {
            let mut changes = RecordChanges::of(old, new, &pair)?;
            while let Some(change) = changes.next_change()? {
                for (value, is_new) in [(&change.before, false), (&change.after, true)] {
                    let Some(value) = value else { continue };
                    let mut texts = Vec::new();
                    change.key.iter().for_each(|part| texts_of_key(part, &mut texts));
                    texts_of(value, &mut texts);
                    let times = if let Value::Count(times) = value { *times } else { 1 };
                    visit(&texts, is_new, times);
                }
            }
        }
        Ok(())
    }
}

/// A file on one side of a change.
struct Side {
    path: RepoPath,
    id: BlobId,
    entry: TreeEntry,
}

/// Whether a text may say what it does not show: JSON, YAML, TOML and strings in them know escapes.
fn has_escapes(text: &[u8]) -> bool {
    memchr::memchr(b'\\', text).is_some()
}

/// An expression with anchors may match a line and not the text.
fn regex_may_match(regex: &Regex, text: &[u8]) -> bool {
    let anchored = regex.as_str().contains(['^', '$', '\\']);
    anchored || regex.is_match(text)
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

fn texts_of(value: &Value, out: &mut Vec<Vec<u8>>) {
    match value {
        Value::Text(text) | Value::Number(text) => out.push(text.clone().into_bytes()),
        Value::Bytes(bytes) => out.push(bytes.clone()),
        Value::Integer(number) => out.push(number.to_string().into_bytes()),
        Value::Double(number) => out.push(format!("{number:?}").into_bytes()),
        Value::Bool(truth) => out.push(truth.to_string().into_bytes()),
        Value::List(items) => items.iter().for_each(|item| texts_of(item, out)),
        Value::Fields(fields) => {
            for (name, value) in fields {
                out.push(name.clone().into_bytes());
                texts_of(value, out);
            }
        }
        Value::Null | Value::Count(_) | Value::Tensor(_) => {}
    }
}

fn texts_of_key(part: &Element, out: &mut Vec<Vec<u8>>) {
    texts_of(&crate::view::value_of(part), out);
}
