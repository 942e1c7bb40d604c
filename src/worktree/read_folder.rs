//! Reads the folder into a directory tree: scan, pool and builder at work together.

use std::cell::RefCell;

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
use super::stat_cache::{CacheReader, CacheWriter};
use super::tree_builder::{NodeSink, Tree, build};

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
}

/// What a scan of the folder goes by, beside the stat cache.
pub struct Pass<'a> {
    /// The databases, as they were last read.
    pub known: &'a KnownDatabases,
    /// Databases that are to be read after the scan, whatever the file system says of them. Their
    /// files must not be opened meanwhile.
    pub deferred: &'a [BString],
    /// The folder was scanned by this very operation before: what changed since matters, and what
    /// the stat cache names is stored.
    pub again: bool,
}

/// Reads the folder, but for the databases that changed. Contents go to `writer`, the tree's nodes to `nodes`. Gives the tree, and
/// the stat cache to put in place when the tree is what it should be.
///
/// # Errors
/// When a file or folder cannot be read, or the store cannot take it.
pub fn read_folder(
    repo: &Repository,
    writer: &PackWriter<'_>,
    reading: &Reading<'_>,
    pass: &Pass<'_>,
    nodes: &mut NodeSink<'_>,
) -> Result<(Tree, CacheWriter), WorktreeError> {
    let cache_path = repo.folder().join("local/stat-cache");
    let old = CacheReader::open(&cache_path);
    let mut cache = CacheWriter::create(repo.disk(), &cache_path);
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
                        stored: pass.again || is_stored(repo, reading.head, &old),
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
    Ok((tree, cache))
}

/// Whether the store is known to hold all that `cache` names: HEAD's tree names it too, and no
/// pack is damaged.
fn is_stored(repo: &Repository, head: Option<NodeId>, cache: &CacheReader) -> bool {
    head.is_some() && cache.tree() == head && repo.store().damaged_packs().is_empty()
}
