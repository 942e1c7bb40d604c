//! Reads a repository from end to end, and says what it holds or what is wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use aisr::disk::Disk;
use aisr::object::{BlobId, CommitId, EntryKind, RepoPath};
use aisr::repo::{Descend, RepoError, Repository};
use aisr::store::check_pack;
use aisr::upkeep::FsckReport;

use super::Quiet;

/// By path, the kind and the bytes, as [`super::snapshot`] gives them.
pub type Tree = BTreeMap<Vec<u8>, (char, Vec<u8>)>;
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// What the commit `id` holds.
pub fn read_commit(repo: &Repository, id: CommitId) -> Outcome<Tree> {
    let stored = repo.commit(id)?;
    if !repo.judge(&stored).is_good() {
        return Err(format!("commit {id} has no good signature").into());
    }
    let mut tree = Tree::new();
    let files = repo.files(&stored.commit)?;
    repo.walk_tree(files, &RepoPath::root(), &mut |path, entry| {
        let kind = match entry.kind() {
            EntryKind::Directory => 'd',
            EntryKind::Executable => 'x',
            EntryKind::Symlink => 'l',
            _ => 'f',
        };
        let mut bytes = Vec::new();
        if let Some(blob) = entry.blob() {
            repo.store().blob(blob)?.copy_to::<RepoError>(&mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
        }
        tree.insert(path.as_bytes().to_vec(), (kind, bytes));
        Ok::<_, RepoError>(Descend::Into)
    })?;
    Ok(tree)
}

/// The commit that HEAD names, and what it holds.
pub fn read_head(repo: &Repository) -> Outcome<Option<(CommitId, Tree)>> {
    let head = repo.log()?.refs().head_object().map(CommitId::from_id);
    head.map(|id| Ok((id, read_commit(repo, id)?))).transpose()
}

/// Checks the log from its first entry to its last and every pack from its first byte to its
/// last, and that every recipe builds its blob.
pub fn check_all(repo: &Repository) -> Outcome<()> {
    repo.log()?.walk(&mut |_, _| {})?;
    let store = repo.store();
    if let Some((path, why)) = store.damaged_packs().first() {
        return Err(format!("{} does not open: {why}", path.display()).into());
    }
    for pack in store.pack_files().iter() {
        let report = check_pack(store, pack);
        if let Some(problem) = report.problems.first() {
            return Err(problem.detail.clone().into());
        }
        for (blob, root) in report.recipes {
            if !store.has_blob(BlobId::from_id(blob))? {
                return Err(format!("recipe {root} does not build blob {blob}").into());
            }
            store.blob(BlobId::from_id(blob))?.copy_to::<RepoError>(&mut |_| Ok(()))?;
        }
    }
    Ok(())
}

/// What `fsck` says of the repository in `root`, good or not.
pub fn fsck(root: &Path) -> FsckReport {
    aisr::upkeep::fsck(&Disk::new(), root, 1, &Quiet).expect("a repository that can be checked")
}

/// Opens the repository in `root`, checks everything, and gives what HEAD holds.
pub fn sound_head(root: &Path) -> Outcome<Option<(CommitId, Tree)>> {
    let repo = Repository::open(Disk::new(), root)?;
    let report = fsck(root);
    if let Some(problem) = report.problems.first() {
        return Err(format!("fsck: {}: {}", problem.place, problem.detail).into());
    }
    read_head(&repo)
}

/// An error and all that stands behind it, as one text.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
