//! The file of the commit graph, read and added to.
//!
//! A graph that cannot be read counts as empty, and one that cannot be written is no error: it
//! only saves work. The file is not made durable, since a torn layer does not match its checksum.

use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskError, Lock, OnExisting, ReadFile, Wait};
use crate::object::CommitId;
use crate::repo::Repository;

use super::file::header;
use super::graph::CommitGraph;

/// A larger file is not read: it would hold ten million commits.
const LIMIT: u64 = 1 << 30;
/// Up to this length a graph is read and added to with each commit; a larger one takes in what is
/// new when somebody asks for it.
const ADDED_AT_ONCE: u64 = 16 << 20;
/// So many layers may there be, and one more for each 64 commits; then one takes their place.
const LAYERS: usize = 64;

/// The graph as its file has it, and how much of the file that is.
pub struct Saved {
    /// What was read.
    pub graph: CommitGraph,
    /// How many commits the file has.
    commits: usize,
    /// The length of what is sound, and of the whole file.
    len: Option<(u64, u64)>,
}

fn path(repo: &Repository) -> PathBuf {
    repo.folder().join("local").join("commit-graph")
}

impl Saved {
    /// Reads the graph of a repository.
    pub fn load(repo: &Repository) -> Self {
        let bytes = ReadFile::open(&path(repo)).and_then(|file| file.read_all(LIMIT)).ok();
        let Some(bytes) = bytes else {
            return Self { graph: CommitGraph::default(), commits: 0, len: None };
        };
        let whole = bytes.len() as u64;
        let (graph, sound) = CommitGraph::decode(bytes, repo.id());
        let len = (sound > 0).then_some((sound as u64, whole));
        Self { commits: graph.len(), len, graph }
    }

    /// Takes in what `starts` lead to, and keeps it where that is possible.
    pub fn extend(&mut self, repo: &Repository, starts: &[CommitId]) {
        self.graph.extend(repo, starts);
        if self.graph.len() > self.commits && repo.ensure_writable().is_ok() {
            // Best effort.
            let _ = self.save(repo);
        }
    }

    fn save(&mut self, repo: &Repository) -> Result<(), DiskError> {
        let path = path(repo);
        let lock = repo.folder().join("local").join("commit-graph-lock");
        // Another process that writes has as much to say.
        let _lock = Lock::exclusive(&lock, Wait::NO)?;
        let before = self.commits;
        self.commits = self.graph.len();
        match self.len {
            Some(len) if self.graph.layers() < LAYERS + before / 64 => {
                append(repo.disk(), &path, len, &self.graph.layer(before))
            }
            _ => {
                let whole = [&header(repo.id())[..], &self.graph.layer(0)].concat();
                replace(repo.disk(), &path, &whole)
            }
        }
    }
}

/// Writes a layer behind those that are sound, if the file is still as long as when it was read.
fn append(disk: &Disk, path: &Path, len: (u64, u64), layer: &[u8]) -> Result<(), DiskError> {
    let (sound, whole) = len;
    let file = disk.open_file(path)?;
    if file.len()? != whole {
        return Ok(());
    }
    if whole > sound {
        file.truncate(sound)?;
    }
    file.write_all_at(sound, layer)
}

fn replace(disk: &Disk, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let folder = disk.open_dir(path.parent().unwrap_or(path))?;
    let file = folder.create_temporary(0o600)?;
    file.write_all_at(0, bytes)?;
    file.place_in(&folder, path.file_name().unwrap_or_default(), OnExisting::Replace)
}

/// Takes a commit that was just made into the graph, where that costs little: so whoever asks for
/// the history of a path later finds it known. No error where it cannot.
pub fn add_to_commit_graph(repo: &Repository, commit: CommitId) {
    let len = ReadFile::open(&path(repo)).and_then(|file| file.len());
    match len {
        Ok(len) if len > ADDED_AT_ONCE => return,
        Err(e) if !e.is_not_found() => return,
        _ => {}
    }
    let Ok(stored) = repo.commit(commit) else { return };
    let mut saved = Saved::load(repo);
    if stored.commit.parents.iter().all(|parent| saved.graph.find(*parent).is_some()) {
        saved.extend(repo, &[commit]);
    }
}
