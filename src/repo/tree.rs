//! The state that a commit holds, as maps in the store.

use crate::map::{Map, MapError};
use crate::object::{
    Commit, CommitId, DecodeError, EntryKind, Id, NodeId, RepoPath, Schema, TreeEntry, Value,
    ValueRef,
};
use crate::store::{Store, StoreError};

use super::error::RepoError;
use super::repository::Repository;

/// The key of the directory tree in a commit's root map.
pub const FILES: &[u8] = b"files";

impl Repository {
    /// The root of a commit's directory tree.
    ///
    /// # Errors
    /// When the root map is absent, damaged or has no tree.
    pub fn files(&self, commit: &Commit) -> Result<NodeId, RepoError> {
        let root = self.map(commit.root, Schema::Root)?;
        match root.get(FILES)? {
            Some(Value::Inline(id)) => Id::from_slice(&id).map(NodeId::from_id),
            _ => None,
        }
        .ok_or(RepoError::NoFiles { root: commit.root })
    }

    /// The root of the directory tree of the commit `id`.
    ///
    /// # Errors
    /// When the commit is absent or damaged, and as [`Repository::files`].
    pub fn files_of(&self, id: CommitId) -> Result<NodeId, RepoError> {
        self.files(&self.commit(id)?.commit)
    }

    /// Opens a map of the store.
    ///
    /// # Errors
    /// When its root is absent, damaged or of another schema.
    pub fn map(&self, id: NodeId, schema: Schema) -> Result<Map<'_, Store>, RepoError> {
        Ok(Map::open(self.store(), id, schema)?)
    }

    /// Opens the map of a directory; `None` for what is none.
    ///
    /// # Errors
    /// When its root is absent or damaged, or not as large as the entry says.
    pub fn directory(&self, entry: TreeEntry) -> Result<Option<Map<'_, Store>>, RepoError> {
        let Some(root) = entry.root() else { return Ok(None) };
        let map = self.map(root, Schema::Tree)?;
        ensure_size(entry, map.root().bytes)?;
        Ok(Some(map))
    }

    /// What is at `path` of the directory tree `files`; the root itself is a directory.
    ///
    /// # Errors
    /// When a node on the way is absent or damaged.
    pub fn entry_at(&self, files: NodeId, path: &RepoPath) -> Result<Option<TreeEntry>, RepoError> {
        let bytes = self.map(files, Schema::Tree)?.root().bytes;
        let mut entry = TreeEntry::directory(files, bytes);
        for name in path.components() {
            let Some(folder) = self.directory(entry)? else { return Ok(None) };
            match folder.get(name)? {
                Some(value) => entry = tree_entry(value.as_ref())?,
                None => return Ok(None),
            }
        }
        Ok(Some(entry))
    }

    /// What is at `path` of the directory tree `files`, if there is a tree.
    ///
    /// # Errors
    /// As [`Repository::entry_at`].
    pub fn entry_in(
        &self,
        files: Option<NodeId>,
        path: &RepoPath,
    ) -> Result<Option<TreeEntry>, RepoError> {
        match files {
            Some(files) => self.entry_at(files, path),
            None => Ok(None),
        }
    }

    /// Visits everything under the directory `folder`, in order, parents before children.
    ///
    /// # Errors
    /// When a node is absent or damaged, or what `visit` says.
    pub fn walk_tree<E: From<RepoError>>(
        &self,
        folder: NodeId,
        at: &RepoPath,
        visit: &mut dyn FnMut(&RepoPath, TreeEntry) -> Result<Descend, E>,
    ) -> Result<(), E> {
        self.walk_map(&self.map(folder, Schema::Tree)?, at, visit)
    }

    fn walk_map<E: From<RepoError>>(
        &self,
        map: &Map<'_, Store>,
        at: &RepoPath,
        visit: &mut dyn FnMut(&RepoPath, TreeEntry) -> Result<Descend, E>,
    ) -> Result<(), E> {
        let folder = map.id();
        let mut cursor = map.cursor();
        cursor.seek(b"").map_err(RepoError::from)?;
        while let Some((name, value)) = cursor.entry() {
            let entry = tree_entry(value)?;
            let path = at.join(name).map_err(|source| RepoError::Name { folder, source })?;
            if visit(&path, entry)? == Descend::Into
                && let Some(below) = self.directory(entry)?
            {
                self.walk_map(&below, &path, visit)?;
            }
            cursor.advance().map_err(RepoError::from)?;
        }
        Ok(())
    }
}

/// Whether a walk goes into the directory that it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Descend {
    /// It does.
    Into,
    /// It goes on behind it.
    Past,
}

/// Reads the value of a directory's entry.
///
/// # Errors
/// [`RepoError::TreeEntry`].
pub fn tree_entry(value: ValueRef<'_>) -> Result<TreeEntry, RepoError> {
    let ValueRef::Inline(bytes) = value else {
        return Err(RepoError::TreeEntry(DecodeError::Invalid {
            field: "value",
            why: "a tree entry is never out of line",
        }));
    };
    TreeEntry::decode(bytes).map_err(RepoError::TreeEntry)
}

/// Refuses an entry that lies about the size of what it names.
///
/// # Errors
/// [`RepoError::TreeEntry`].
pub fn ensure_size(entry: TreeEntry, size: u64) -> Result<(), RepoError> {
    if entry.size() == size {
        return Ok(());
    }
    let (field, why) = match entry.kind() {
        EntryKind::Directory => ("size", "not the sum of what is in the directory"),
        _ => ("size", "not the length of the blob"),
    };
    Err(RepoError::TreeEntry(DecodeError::Invalid { field, why }))
}

impl From<MapError<StoreError>> for RepoError {
    fn from(error: MapError<StoreError>) -> Self {
        Self::Map(Box::new(error))
    }
}
