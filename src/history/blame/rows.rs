//! The views of versions, and the history of one record by its key.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::object::{BlobId, NodeId, RepoPath};
use crate::repo::{Repository, StoredCommit};
use crate::view::{Key, Kind, StoredSource, Value, open, open_as};

use super::error::BlameError;
use super::files::FileState;
use super::records::{SharedView, is_same_tensor};

/// How many views are kept.
const KEPT: usize = 4;
/// Of so many versions it is remembered what they say of a record.
const REMEMBERED: usize = 1024;

/// Views of versions, all understood as the first was.
pub(super) struct Views<'r> {
    repo: &'r Repository,
    kind: Option<Kind>,
    kept: VecDeque<(BlobId, Option<SharedView>)>,
}

impl<'r> Views<'r> {
    /// No view yet.
    pub(super) fn new(repo: &'r Repository) -> Self {
        Self { repo, kind: None, kept: VecDeque::new() }
    }

    /// The view that says what all are understood as.
    pub(super) fn first(&mut self, state: &FileState) -> Result<SharedView, BlameError> {
        let source = StoredSource::open(self.repo.shared_store(), state.blob())?;
        let opened = open(Arc::new(source), state.path.as_bytes())?;
        let view: SharedView = opened.view.into();
        self.kind = Some(view.kind());
        self.keep(state.blob(), Some(Arc::clone(&view)));
        Ok(view)
    }

    /// The view of another version; `None` where it cannot be understood as the first is.
    pub(super) fn get(&mut self, state: &FileState) -> Result<Option<SharedView>, BlameError> {
        let id = state.blob();
        if let Some((_, view)) = self.kept.iter().find(|(known, _)| *known == id) {
            return Ok(view.clone());
        }
        let source = || StoredSource::open(self.repo.shared_store(), id).map(Arc::new);
        let view = match self.kind {
            Some(kind) if is_text(kind) => {
                // What cannot be had is told; what is something else has no such records.
                let source = source()?;
                let opened = open_as(source, kind);
                opened.ok().map(|opened| SharedView::from(opened.view))
            }
            kind => {
                let opened = open(source()?, state.path.as_bytes())?;
                let view = SharedView::from(opened.view);
                (kind.is_none() || kind == Some(view.kind())).then_some(view)
            }
        };
        self.keep(id, view.clone());
        Ok(view)
    }

    fn keep(&mut self, id: BlobId, view: Option<SharedView>) {
        self.kept.truncate(KEPT - 1);
        self.kept.push_front((id, view));
    }
}

/// Kinds that any text can be tried as.
fn is_text(kind: Kind) -> bool {
    !matches!(kind, Kind::Bytes | Kind::Sqlite | Kind::Safetensors | Kind::Gguf)
}

/// Which record is followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RecordName {
    pub(super) path: RepoPath,
    pub(super) table: String,
    /// Keys that are tried one after the other: words do not tell numbers from texts.
    pub(super) keys: Vec<Key>,
}

/// Looks one record up in many versions, each once.
pub(super) struct RecordLookup<'r> {
    views: Views<'r>,
    name: RecordName,
    known: VecDeque<(BlobId, Option<Value>)>,
    /// The file whose source a tensor lies in.
    repo: &'r Repository,
}

impl<'r> RecordLookup<'r> {
    pub(super) fn new(repo: &'r Repository, name: RecordName) -> Self {
        Self { views: Views::new(repo), name, known: VecDeque::new(), repo }
    }

    /// What is at the path of a tree.
    pub(super) fn state(&self, files: NodeId) -> Result<Option<FileState>, BlameError> {
        Ok(FileState::find(self.repo, files, &self.name.path)?)
    }

    /// What a version says of the record.
    pub(super) fn value(&mut self, state: Option<&FileState>) -> Result<Option<Value>, BlameError> {
        let Some(state) = state else { return Ok(None) };
        let id = state.blob();
        if let Some((_, value)) = self.known.iter().find(|(known, _)| *known == id) {
            return Ok(value.clone());
        }
        let value = self.look_up(state)?;
        self.known.truncate(REMEMBERED - 1);
        self.known.push_front((id, value.clone()));
        Ok(value)
    }

    fn look_up(&mut self, state: &FileState) -> Result<Option<Value>, BlameError> {
        let Some(view) = self.views.get(state)? else { return Ok(None) };
        let table = view.tables().iter().find(|table| table.name == self.name.table);
        let Some(table) = table else { return Ok(None) };
        for key in &self.name.keys {
            if let Some(value) = view.get(table, key)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Whether two versions say the same of the record.
    pub(super) fn is_same(
        &mut self,
        a: Option<&FileState>,
        b: Option<&FileState>,
    ) -> Result<bool, BlameError> {
        if a.map(FileState::blob) == b.map(FileState::blob) {
            return Ok(true);
        }
        let values = (self.value(a)?, self.value(b)?);
        Ok(match values {
            (Some(Value::Tensor(ours)), Some(Value::Tensor(theirs))) => {
                let (Some(a), Some(b)) = (a, b) else { return Ok(false) };
                let (a, b) = (self.views.get(a)?, self.views.get(b)?);
                let sources =
                    a.as_ref().and_then(|a| a.source()).zip(b.as_ref().and_then(|b| b.source()));
                match sources {
                    Some((a, b)) => is_same_tensor((a, &ours), (b, &theirs))?,
                    None => false,
                }
            }
            (Some(a), Some(b)) => crate::diff::is_same(&a, &b),
            (None, None) => true,
            _ => false,
        })
    }
}

/// What a commit did to a record.
#[derive(Clone, PartialEq, Debug)]
pub struct RowChange {
    /// What its first parent has; `None` where the record is new.
    pub before: Option<Value>,
    /// What it has; `None` where the record is gone.
    pub after: Option<Value>,
}

/// Follows one record through commits that are visited newest first.
pub struct RowWalk<'r> {
    lookup: RecordLookup<'r>,
}

impl<'r> RowWalk<'r> {
    /// Follows the record of a table, in the content at `path`, under the first of `keys` that a
    /// version has.
    pub fn new(repo: &'r Repository, path: RepoPath, table: String, keys: Vec<Key>) -> Self {
        Self { lookup: RecordLookup::new(repo, RecordName { path, table, keys }) }
    }

    /// What the commit did to the record, as against its first parent; `None` where it is as one of
    /// the parents has it.
    ///
    /// # Errors
    /// When the content of the commit or of a parent cannot be read.
    pub fn visit(&mut self, stored: &StoredCommit) -> Result<Option<RowChange>, BlameError> {
        let repo = self.lookup.repo;
        let now = self.lookup.state(repo.files(&stored.commit)?)?;
        let mut first = None;
        for (nth, parent) in stored.commit.parents.iter().enumerate() {
            let before = self.lookup.state(repo.files_of(*parent)?)?;
            if self.lookup.is_same(before.as_ref(), now.as_ref())? {
                return Ok(None);
            }
            if nth == 0 {
                first = self.lookup.value(before.as_ref())?;
            }
        }
        let now = self.lookup.value(now.as_ref())?;
        let is_there = first.is_some() || now.is_some();
        Ok(is_there.then_some(RowChange { before: first, after: now }))
    }
}
