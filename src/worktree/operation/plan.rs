//! What has to change at each path, and what speaks against it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use bstr::ByteSlice;

use crate::capture::StatKey;
use crate::object::{LogEntryId, NodeId, RepoPath, Step, TreeEntry};
use crate::repo::Repository;
use crate::worktree::distinct_names::ensure_distinct;
use crate::worktree::error::WorktreeError;
use crate::worktree::stat_cache::scan_order;

use super::look::{Found, Looker, has_database_log, may_have_changed};
use super::steps::is_folder;

/// What should be at a path.
pub struct Wanted {
    /// The path.
    pub path: RepoPath,
    /// What may be replaced without a word: what HEAD holds there, or what was put there last.
    pub known: Option<TreeEntry>,
    /// What should be there.
    pub after: Option<TreeEntry>,
    /// Where its content is set aside, if it is not in the store.
    pub from: Option<(LogEntryId, u64)>,
    /// What is replaced is in no commit, though it was expected.
    pub keep: bool,
}

/// Why a path cannot change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conflict {
    /// What is there was changed since the last commit.
    Changed,
    /// What is there was never committed.
    Untracked,
    /// A folder is there with things that were never committed.
    Folder,
    /// Something is there that can be neither captured nor replaced.
    Special,
    /// A part of the path is a link or a file.
    Blocked,
    /// A database that is in use, or was not closed.
    InUse,
}

impl Conflict {
    /// Whether `--force` would go on.
    pub fn yields_to_force(self) -> bool {
        matches!(self, Self::Changed | Self::Untracked)
    }

    /// What is the matter, in few words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Changed => "changed since the last commit",
            Self::Untracked => "in no commit",
            Self::Folder => "a folder with files that are in no commit",
            Self::Special => "a FIFO, socket or device",
            Self::Blocked => "below something that is no folder",
            Self::InUse => "a database that is open, or was not closed",
        }
    }
}

/// A file as it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What the file system said of it.
    pub stat: StatKey,
    /// Whether it may change after that without its stat showing it.
    pub racy: bool,
}

impl Seen {
    fn now(stat: StatKey) -> Self {
        Self { stat, racy: may_have_changed(stat) }
    }
}

/// What has to change.
pub struct Plan {
    /// The steps, in ascending order of their paths.
    pub steps: Vec<Step>,
    /// The file that each replaces, as it was seen.
    pub seen: Vec<Option<Seen>>,
    /// The directory tree that named all that the stat cache held when this was planned.
    pub cached_tree: Option<NodeId>,
}

/// Plans what is wanted. With `force`, what was changed or never committed gives way, and is set
/// aside.
///
/// # Errors
/// [`WorktreeError::InTheWay`] where something would be lost; else when what is there cannot be
/// read.
pub fn plan(
    repo: &Repository,
    mut wanted: Vec<Wanted>,
    force: bool,
) -> Result<Plan, WorktreeError> {
    wanted.sort_by(|a, b| scan_order(a.path.as_bytes().into(), b.path.as_bytes().into()));
    let mut looker = Looker::new(repo)?;
    let coming = wanted.iter().filter(|wanted| wanted.after.is_some());
    ensure_distinct(repo, coming.map(|wanted| &wanted.path), |path| {
        Ok(looker.folders.parent(path)?.ok())
    })?;
    let mut planner = Planner { looker, force, steps: Vec::new(), conflicts: Vec::new() };
    for wanted in wanted {
        planner.want(wanted)?;
    }
    planner.finish()
}

/// Works out a plan. Paths are told in the order of a scan.
struct Planner {
    looker: Looker,
    force: bool,
    steps: Vec<(Step, Option<Seen>)>,
    conflicts: Vec<(RepoPath, Conflict)>,
}

impl Planner {
    /// Adds what has to be done at a path.
    fn want(&mut self, wanted: Wanted) -> Result<(), WorktreeError> {
        let found = self.looker.look(&wanted.path)?;
        if found.is(wanted.after) {
            return Ok(());
        }
        let expected = found.is(wanted.known);
        match found {
            Found::Special => self.conflict(wanted, Conflict::Special),
            Found::Blocked if !self.is_replaced_above(&wanted.path) => {
                self.conflict(wanted, Conflict::Blocked);
            }
            Found::Nothing | Found::Blocked => {
                if wanted.after.is_some() {
                    self.step(wanted, None, None, false);
                }
            }
            Found::Folder if is_folder(wanted.known) => {
                let before = wanted.known;
                self.step(wanted, before, None, false);
            }
            Found::Folder if wanted.after.is_none() => {}
            Found::Folder => self.conflict(wanted, Conflict::Folder),
            // Where a directory of HEAD was, and should go, something else is the user's own.
            Found::File(..) if wanted.after.is_none() && is_folder(wanted.known) => {}
            Found::File(..) if self.is_database_in_use(&wanted.path)? => {
                self.conflict(wanted, Conflict::InUse);
            }
            Found::File(entry, stat) if expected || self.force => {
                let keep = wanted.keep || !expected;
                self.step(wanted, Some(entry), Some(stat), keep);
            }
            Found::File(..) => {
                let why = match wanted.known {
                    Some(_) => Conflict::Changed,
                    None => Conflict::Untracked,
                };
                self.conflict(wanted, why);
            }
        }
        Ok(())
    }

    fn is_database_in_use(&mut self, path: &RepoPath) -> Result<bool, WorktreeError> {
        let Ok(parent) = self.looker.folders.parent(path)? else { return Ok(false) };
        Ok(has_database_log(&parent, path.file_name().unwrap_or_default().as_bytes()))
    }

    fn step(
        &mut self,
        wanted: Wanted,
        before: Option<TreeEntry>,
        stat: Option<StatKey>,
        keep: bool,
    ) {
        let Wanted { path, after, from, .. } = wanted;
        self.steps.push((Step { path, before, after, keep, from }, stat.map(Seen::now)));
    }

    fn conflict(&mut self, wanted: Wanted, why: Conflict) {
        self.conflicts.push((wanted.path, why));
    }

    /// Whether a file above `path` gives way to a folder.
    fn is_replaced_above(&self, path: &RepoPath) -> bool {
        let above = |step: &Step| path.is_within(&step.path) && step.path != *path;
        self.steps
            .iter()
            .any(|(step, _)| above(step) && step.after.is_some_and(|entry| entry.root().is_some()))
    }

    fn finish(mut self) -> Result<Plan, WorktreeError> {
        self.steps.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        self.look_into_folders_that_give_way()?;
        if !self.conflicts.is_empty() {
            return Err(WorktreeError::InTheWay { conflicts: self.conflicts });
        }
        let (steps, seen) = self.steps.into_iter().unzip();
        Ok(Plan { steps, seen, cached_tree: self.looker.cached_tree() })
    }

    /// A folder gives way to a file only if all that is in it goes.
    fn look_into_folders_that_give_way(&mut self) -> Result<(), WorktreeError> {
        let replaced: Vec<RepoPath> = self
            .steps
            .iter()
            .filter(|(s, _)| is_folder(s.before) && s.after.is_some())
            .map(|(s, _)| s.path.clone())
            .collect();
        if replaced.is_empty() {
            return Ok(());
        }
        let inside = |path: &RepoPath| replaced.iter().any(|folder| path.is_within(folder));
        let folders: Vec<RepoPath> = self
            .steps
            .iter()
            .filter(|(s, _)| is_folder(s.before) && inside(&s.path))
            .map(|(s, _)| s.path.clone())
            .collect();
        for folder in folders {
            let Ok(parent) = self.looker.folders.parent(&folder)? else { continue };
            let name = folder.file_name().unwrap_or_default();
            let dir = parent.sub_dir(OsStr::from_bytes(name))?;
            let failed = |source| WorktreeError::Read { path: folder.as_bytes().into(), source };
            for entry in rustix::fs::Dir::read_from(&dir).map_err(|e| failed(e.into()))? {
                let entry = entry.map_err(|e| failed(e.into()))?;
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                let goes = folder.join(name).is_ok_and(|path| {
                    self.steps.binary_search_by(|(s, _)| s.path.cmp(&path)).is_ok()
                });
                if !goes {
                    self.conflicts.push((folder.clone(), Conflict::Folder));
                    break;
                }
            }
        }
        Ok(())
    }
}
