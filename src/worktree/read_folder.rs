//! Reads the folder into a directory tree: scan, pool and builder at work together.

use std::cell::RefCell;
use std::os::fd::AsFd;

use bstr::BString;
use crossbeam_channel::bounded;

use crate::capture::Pool;
use crate::capture::secrets::SecretGuard;
use crate::object::NodeId;
use crate::repo::Repository;
use crate::store::{Batch, PackWriter};

use super::ahead::Ahead;
use super::database_cache::KnownDatabases;
use super::error::WorktreeError;
use super::ignores::Ignores;
use super::report::Progress;
use super::scan::Scan;
use super::selection::Selection;
use super::stat_cache::{self, CacheReader, CacheWriter, Unchanged};
use super::tree_builder::{NodeSink, Tree, TreeRoot, build};

/// Lots of events that wait for the builder.
const WAITING_LOTS: usize = 16;

/// How the folder is read.
pub struct Reading<'a> {
    /// The directory tree of HEAD: what is in it stays captured when it becomes ignored.
    pub head: Option<NodeId>,
    /// How many workers hash and code.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// The paths of what is ignored are wanted.
    pub list_ignored: bool,
    /// Asked before a file is stored.
    pub guard: Option<&'a SecretGuard<'a>>,
    /// The nodes of the tree are wanted, in memory.
    pub keep_nodes: bool,
}

/// What a scan of the folder goes by, beside the stat cache.
pub struct Pass<'a> {
    /// The databases, as they were last read.
    pub known: &'a KnownDatabases,
    /// Databases that are to be read after the scan, whatever the file system says of them. Their
    /// files must not be opened meanwhile.
    pub deferred: &'a [BString],
    /// What this very operation found when it scanned the folder before, if it did: what changed
    /// since matters, and what is in that tree is stored.
    pub again: Option<NodeId>,
    /// What is read; where that is not all, the tree holds nothing else.
    pub only: &'a Selection,
}

/// Reads the folder, but for the databases that changed. Contents go to `writer`, the nodes of what
/// changed to `nodes`. Gives the tree, and the stat cache to put in place when the tree is what it
/// should be; none where the one that is there says it already. A reading of some paths alone goes
/// by the cache, and leaves one of its own.
///
/// # Errors
/// When a file or folder cannot be read, or the store cannot take it.
pub fn read_folder(
    repo: &Repository,
    writer: &PackWriter<'_>,
    reading: &Reading<'_>,
    pass: &Pass<'_>,
    nodes: &mut NodeSink<'_>,
) -> Result<(Tree, Option<CacheWriter>), WorktreeError> {
    let whole = pass.only.is_all();
    let new_path = if whole { stat_cache::file(repo) } else { stat_cache::file_of_paths(repo) };
    let old = CacheReader::open(&match pass.again {
        Some(_) => new_path.clone(),
        None => stat_cache::file(repo),
    });
    let sound = repo.store().damaged_packs().is_empty();
    let stored = match pass.again {
        Some(tree) => old.tree() == Some(tree),
        // HEAD's tree names it too.
        None => sound && reading.head.is_some() && old.tree() == reading.head,
    };
    // Else no folder could be taken over.
    let unchanged = match whole && (stored || (sound && reading.head.is_some())) {
        true => look(repo, &old, reading, pass)?,
        false => Unchanged::default(),
    };
    if stored && let Some(tree) = take_root(&old, &unchanged, reading, pass) {
        return Ok((tree, None));
    }
    let former = old.tree();
    let mut cache = CacheWriter::create(repo.disk(), &new_path);
    let unchanged = &unchanged;
    let tree = Pool::run(writer, reading.threads, reading.guard, |pool| {
        let (lots, found) = bounded(WAITING_LOTS);
        std::thread::scope(|scope| {
            let scan = scope.spawn(move || {
                Ahead::run(reading.threads, |ahead| {
                    let scan = Scan {
                        repo,
                        head: reading.head,
                        pool,
                        ahead,
                        unchanged,
                        stored,
                        pass,
                        cache: old,
                        lots,
                        progress: reading.progress,
                        list_ignored: reading.list_ignored,
                        batch: Batch::new(writer),
                        ignores: Ignores::default(),
                        events: Vec::new(),
                        requests: Vec::new(),
                        request_bytes: 0,
                    };
                    scan.run()
                })
            });
            let tree = build(&found, &RefCell::new(nodes), &mut cache);
            drop(found);
            let scanned = scan.join().unwrap_or(Err(WorktreeError::Stopped));
            // Whichever failed by itself says why; the other was only stopped by it.
            match (tree, scanned) {
                (Ok(tree), Ok(())) => Ok(tree),
                (Err(e), Ok(()) | Err(WorktreeError::Stopped)) | (_, Err(e)) => Err(e),
            }
        })
    })?;
    let same = former.is_some() && former == tree.root.map(|root| root.id);
    let nothing_new = whole && same && tree.read == 0 && tree.noted == 0;
    Ok((tree, (!nothing_new).then_some(cache)))
}

fn look(
    repo: &Repository,
    cache: &CacheReader,
    reading: &Reading<'_>,
    pass: &Pass<'_>,
) -> Result<Unchanged, WorktreeError> {
    let root = std::fs::File::open(repo.root())
        .map_err(|source| WorktreeError::Read { path: ".".into(), source })?;
    Ok(Unchanged::look(cache, root.as_fd(), pass.known, reading.threads))
}

/// The whole folder, if nothing changed in it.
fn take_root(
    cache: &CacheReader,
    unchanged: &Unchanged,
    reading: &Reading<'_>,
    pass: &Pass<'_>,
) -> Option<Tree> {
    let root = unchanged.folder(cache, b"".into())?.folder;
    if reading.list_ignored && root.ignored > 0 {
        return None;
    }
    reading.progress.advance(root.files, root.bytes);
    Some(Tree {
        root: Some(TreeRoot { id: root.tree, bytes: root.bytes }),
        files: root.files,
        ignored: root.ignored,
        databases: pass.known.keys().cloned().collect(),
        ..Tree::default()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use crate::capture::CLOCK_STEP;
    use crate::disk::Disk;
    use crate::log::RefName;
    use crate::object::BlobId;
    use crate::repo::{Identity, InitOptions, init};
    use crate::sign::SecretKey;
    use crate::worktree::{StatusOptions, status};

    use super::*;

    struct Quiet;

    impl Progress for Quiet {
        fn total(&self, _: u64) {}
        fn advance(&self, _: u64, _: u64) {}
    }

    /// A repository in a folder of its own.
    fn repository() -> (tempfile::TempDir, Repository) {
        let root = tempfile::tempdir().unwrap();
        let key = SecretKey::generate().unwrap();
        let founder =
            Identity { key: key.into(), path: "key".into(), name: "m".into(), made: true };
        let branch = RefName::branch("main").unwrap();
        let repo =
            init(&Disk::new(), root.path(), &InitOptions { founder: &founder, branch }).unwrap();
        (root, repo)
    }

    /// Reads the folder, or once more after it came to `again`, and notes what was found. Gives
    /// what it came to, and how many files were read.
    fn scan(repo: &Repository, writer: &PackWriter<'_>, again: Option<NodeId>) -> (NodeId, u64) {
        let reading = Reading {
            head: None,
            threads: 1,
            progress: &Quiet,
            list_ignored: false,
            guard: None,
            keep_nodes: true,
        };
        let (known, only) = (&KnownDatabases::new(), &Selection::default());
        let pass = Pass { known, deferred: &[], again, only };
        let (tree, cache) = read_folder(repo, writer, &reading, &pass, &mut |_, _| Ok(())).unwrap();
        let root = tree.root.unwrap().id;
        cache.into_iter().for_each(|cache| cache.finish(root));
        (root, tree.read)
    }

    fn pause() {
        std::thread::sleep(CLOCK_STEP + Duration::from_millis(10));
    }

    #[test]
    fn what_another_process_noted_between_two_scans_is_stored_nevertheless() {
        let (root, repo) = repository();
        fs::create_dir(root.path().join("f")).unwrap();
        fs::write(root.path().join("f/a"), "before").unwrap();
        pause();
        let lease = repo.store().lease().unwrap();
        let writer = repo.store().writer(&lease);
        let (first, _) = scan(&repo, &writer, None);
        fs::write(root.path().join("f/a"), "after").unwrap();
        pause();
        let options = StatusOptions { threads: 1, progress: &Quiet, list_ignored: false };
        status(&repo, &options).unwrap();
        let (second, _) = scan(&repo, &writer, Some(first));
        assert_ne!(first, second);
        writer.finish().unwrap();
        assert!(repo.store().has_blob(BlobId::of(b"before")).unwrap());
        assert!(repo.store().has_blob(BlobId::of(b"after")).unwrap(), "noted and never stored");
    }

    #[test]
    fn what_was_written_within_a_step_of_the_clock_is_read_again_and_nothing_else() {
        let (root, repo) = repository();
        fs::write(root.path().join("old"), "old").unwrap();
        fs::write(root.path().join("new"), "new").unwrap();
        let file = fs::File::options().write(true).open(root.path().join("new")).unwrap();
        // As new as can be, however slow the test is.
        file.set_modified(std::time::SystemTime::now() + Duration::from_secs(3600)).unwrap();
        pause();
        let lease = repo.store().lease().unwrap();
        let writer = repo.store().writer(&lease);
        let (first, read) = scan(&repo, &writer, None);
        assert_eq!(read, 2);
        assert_eq!(scan(&repo, &writer, Some(first)), (first, 1));
    }
}
