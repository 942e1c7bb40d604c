//! What was seen of a remote last time: the end of its log, its refs, its packs.
//!
//! Both files lie in `.aisr/local/remotes/NAME` and are derived. Losing them costs reading the
//! remote's log and footers again, and with the first the knowledge that the log was not rewritten.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::disk::{OnExisting, ReadFile};
use crate::log::Refs;
use crate::object::{Id, PackId};
use crate::repo::Repository;

use super::error::Result;

const LIMIT: u64 = 64 << 20;

fn folder(repo: &Repository, name: &str) -> PathBuf {
    repo.folder().join("local/remotes").join(name)
}

/// The end of the log that was seen, and the refs that it led to.
pub fn seen_refs(repo: &Repository, name: &str) -> Option<Refs> {
    let bytes = ReadFile::open(&folder(repo, name).join("seen")).ok()?.read_all(LIMIT).ok()?;
    Refs::decode(&bytes).ok()
}

/// The packs all of whose objects were taken in, or found here.
pub fn seen_packs(repo: &Repository, name: &str) -> HashSet<PackId> {
    let file = ReadFile::open(&folder(repo, name).join("packs"));
    let text = file.and_then(|file| file.read_all(LIMIT)).unwrap_or_default();
    let ids = text.split(|byte| *byte == b'\n').filter_map(Id::from_hex);
    ids.map(PackId::from_id).collect()
}

/// Remembers both.
///
/// # Errors
/// When the disk says no.
pub fn remember(
    repo: &Repository,
    name: &str,
    refs: Option<&Refs>,
    packs: Option<&HashSet<PackId>>,
) -> Result<()> {
    let path = folder(repo, name);
    repo.disk().create_dir_all_synced(&path, 0o700)?;
    let dir = repo.disk().open_dir(&path)?;
    if let Some(packs) = packs {
        let text: String = packs.iter().map(|id| format!("{id}\n")).collect();
        let file = dir.create_temporary(0o600)?;
        file.write_all_at(0, text.as_bytes())?;
        file.place_in(&dir, "packs", OnExisting::Replace)?;
    }
    if let Some(refs) = refs {
        let file = dir.create_temporary(0o600)?;
        file.write_all_at(0, &refs.encode())?;
        file.sync()?;
        file.place_in(&dir, "seen", OnExisting::Replace)?;
    }
    Ok(())
}

/// Forgets a remote.
pub fn forget(repo: &Repository, name: &str) {
    let _ = std::fs::remove_dir_all(folder(repo, name));
}
