//! The content of a file that is compared, out of the store or the folder.

use std::os::unix::ffi::OsStrExt;

use crate::disk::ReadFile;
use crate::object::{BlobId, EntryKind, RepoPath, TreeEntry};
use crate::repo::Repository;
use crate::store::StoreError;

use super::error::WorktreeError;

/// Larger files are not read as text.
pub const TEXT_LIMIT: u64 = 8 << 20;

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// UTF-8 without NUL, of at most [`TEXT_LIMIT`] bytes; of a link, where it leads.
    Text(Vec<u8>),
    /// Anything else.
    Binary,
    /// The folder no longer holds what the entry says.
    Moved,
}

/// Reads what `entry` says of `path`, from whichever of store and folder has it. What the folder
/// gives is believed only if it has the entry's id.
///
/// # Errors
/// When the store is damaged.
pub fn read_text(
    repo: &Repository,
    path: &RepoPath,
    entry: &TreeEntry,
) -> Result<Content, WorktreeError> {
    if entry.size() > TEXT_LIMIT {
        return Ok(Content::Binary);
    }
    let Some(bytes) = read_bytes(repo, path, entry, TEXT_LIMIT)? else { return Ok(Content::Moved) };
    let is_text = std::str::from_utf8(&bytes).is_ok() && !bytes.contains(&0);
    Ok(match is_text {
        // Where a link leads is shown whatever it is.
        _ if entry.kind() == EntryKind::Symlink => Content::Text(bytes),
        true => Content::Text(bytes),
        false => Content::Binary,
    })
}

/// Reads a file's bytes; `None` where it has more than `limit`, or is no longer what `entry` says.
///
/// # Errors
/// When the store is damaged.
pub fn read_bytes(
    repo: &Repository,
    path: &RepoPath,
    entry: &TreeEntry,
    limit: u64,
) -> Result<Option<Vec<u8>>, WorktreeError> {
    let Some(id) = entry.blob().filter(|_| entry.size() <= limit) else { return Ok(None) };
    if repo.store().has_blob(id)? {
        let mut bytes = Vec::with_capacity(entry.size() as usize);
        repo.store().blob(id)?.copy_to::<StoreError>(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        return Ok(Some(bytes));
    }
    let path = repo.root().join(path.as_path());
    let bytes = match entry.kind() {
        EntryKind::Symlink => {
            std::fs::read_link(path).ok().map(|to| to.as_os_str().as_bytes().to_vec())
        }
        _ => ReadFile::open(&path).and_then(|file| file.read_all(limit)).ok(),
    };
    Ok(bytes.filter(|bytes| BlobId::of(bytes) == id))
}
