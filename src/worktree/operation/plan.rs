//! What has to change at each path, and what speaks against it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use bstr::ByteSlice;
use rustix::fs::{Access, access};

use crate::capture::{DatabaseHeader, Refused, StatKey, is_open_elsewhere};
use crate::object::{LogEntryId, NodeId, RepoPath, Step, TreeEntry};
use crate::repo::Repository;
use crate::worktree::database_cache::KnownDatabase;
use crate::worktree::distinct_names::ensure_distinct;
use crate::worktree::error::WorktreeError;
use crate::worktree::stat_cache::scan_order;

use super::databases::{header_of_content, header_of_file};
use super::look::{Found, Looker, has_database_log, may_have_changed};
use super::pending::kept_file;
use super::steps::is_folder;

/// What should be at a path.
pub struct Wanted {
    /// The path.
    pub path: RepoPath,
    /// What may be replaced without a word: what HEAD holds there, or what was put there last.
    pub known: Option<TreeEntry>,
    /// Where the content of that is set aside, if it is not in the store.
    pub known_from: Option<(LogEntryId, u64)>,
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
    /// The same, and what should be there has pages of another size or is no database.
    OtherPages,
    /// A database that another process keeps locked.
    Locked,
}

impl Conflict {
    /// Why a database cannot change that SQLite does not read.
    pub fn of(why: &Refused) -> Self {
        match why {
            Refused::Locked => Self::Locked,
            _ => Self::InUse,
        }
    }

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
            Self::OtherPages => {
                "an open database; the other version is none, or has pages of another size"
            }
            Self::Locked => "a database that another process keeps locked",
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
    /// What was seen of each database that is written through SQLite.
    pub databases: Vec<Option<KnownDatabase>>,
    /// What was changed gives way, also what is changed from now on.
    pub force: bool,
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
    let mut planner = Planner { repo, looker, force, steps: Vec::new(), conflicts: Vec::new() };
    for wanted in wanted {
        planner.want(wanted)?;
    }
    planner.finish()
}

/// What a step replaces, as it was seen.
#[derive(Clone, Copy)]
enum Replaced {
    Nothing,
    File(Seen),
    Database(KnownDatabase),
}

/// Works out a plan. Paths are told in the order of a scan.
struct Planner<'r> {
    repo: &'r Repository,
    looker: Looker<'r>,
    force: bool,
    steps: Vec<(Step, Replaced)>,
    conflicts: Vec<(RepoPath, Conflict)>,
}

impl Planner<'_> {
    /// Adds what has to be done at a path.
    fn want(&mut self, wanted: Wanted) -> Result<(), WorktreeError> {
        let found = self.look(&wanted)?;
        if found.is(wanted.after) {
            return Ok(());
        }
        let expected = found.is(wanted.known);
        match found {
            Found::Special => self.conflict(wanted, Conflict::Special),
            Found::Blocked if !self.is_replaced_above(&wanted.path) => {
                self.conflict(wanted, Conflict::Blocked);
            }
            Found::Nothing if self.would_take_a_foreign_log(&wanted)? => {
                self.conflict(wanted, Conflict::InUse);
            }
            Found::Nothing | Found::Blocked => {
                if wanted.after.is_some() {
                    self.step(wanted, None, Replaced::Nothing, false);
                }
            }
            Found::Folder if is_folder(wanted.known) => {
                let before = wanted.known;
                self.step(wanted, before, Replaced::Nothing, false);
            }
            Found::Folder if wanted.after.is_none() => {}
            Found::Folder => self.conflict(wanted, Conflict::Folder),
            // Where a directory of HEAD was, and should go, something else is the user's own.
            Found::File(..) | Found::Database(..) | Found::Locked
                if wanted.after.is_none() && is_folder(wanted.known) => {}
            Found::Locked => self.conflict(wanted, Conflict::Locked),
            Found::File(entry, stat) => {
                let in_use = self.is_database_in_use(&wanted.path)?;
                let in_use = in_use.then_some(Conflict::InUse);
                self.replace(wanted, entry, Replaced::File(Seen::now(stat)), expected, in_use);
            }
            Found::Database(entry, database) if self.fits(&wanted)? => {
                self.replace(wanted, entry, Replaced::Database(database), expected, None);
            }
            Found::Database(entry, database) => {
                let in_use = self.is_database_in_use(&wanted.path)?
                    || is_open_elsewhere(&self.looker.file(&wanted.path));
                let why = match wanted.after {
                    Some(_) => Conflict::OtherPages,
                    None => Conflict::InUse,
                };
                let seen = Replaced::File(Seen::now(database.state.main));
                self.replace(wanted, entry, seen, expected, in_use.then_some(why));
            }
        }
        Ok(())
    }

    /// What lies at the path; a database goes by the id that its state is known under.
    fn look(&mut self, wanted: &Wanted) -> Result<Found, WorktreeError> {
        let Wanted { path, known, known_from, after, from, .. } = wanted;
        let mut found = self.looker.look(path)?;
        for (entry, kept) in [(known, known_from), (after, from)] {
            if found.is(*known) {
                break;
            }
            let kept = kept.map(|(operation, step)| kept_file(self.repo, operation, step));
            found = self.looker.settle(path, found, *entry, kept.as_deref());
        }
        Ok(found)
    }

    /// A file gives way where it is what was expected, or by force; unless `in_use` speaks
    /// against it.
    fn replace(
        &mut self,
        wanted: Wanted,
        entry: TreeEntry,
        seen: Replaced,
        expected: bool,
        in_use: Option<Conflict>,
    ) {
        if let Some(why) = in_use {
            return self.conflict(wanted, why);
        }
        if expected || self.force {
            let keep = wanted.keep || !expected;
            return self.step(wanted, Some(entry), seen, keep);
        }
        let why = match wanted.known {
            Some(_) => Conflict::Changed,
            None => Conflict::Untracked,
        };
        self.conflict(wanted, why);
    }

    /// Whether what should be there is a database whose pages are laid out as those of the one
    /// that is there, so that it can be written through SQLite.
    fn fits(&self, wanted: &Wanted) -> Result<bool, WorktreeError> {
        let Some(after) = wanted.after else { return Ok(false) };
        let file = self.looker.file(&wanted.path);
        if access(&file, Access::WRITE_OK).is_err() {
            return Ok(false);
        }
        let kept = wanted.from.map(|(operation, step)| kept_file(self.repo, operation, step));
        let there: Option<DatabaseHeader> = header_of_file(&file);
        Ok(there.is_some() && header_of_content(self.repo, after, kept.as_deref())? == there)
    }

    /// Whether a log lies where a database should come: SQLite would apply it to the new one.
    fn would_take_a_foreign_log(&mut self, wanted: &Wanted) -> Result<bool, WorktreeError> {
        let Some(after) = wanted.after else { return Ok(false) };
        if !self.is_database_in_use(&wanted.path)? {
            return Ok(false);
        }
        let kept = wanted.from.map(|(operation, step)| kept_file(self.repo, operation, step));
        Ok(header_of_content(self.repo, after, kept.as_deref())?.is_some())
    }

    fn is_database_in_use(&mut self, path: &RepoPath) -> Result<bool, WorktreeError> {
        let Ok(parent) = self.looker.folders.parent(path)? else { return Ok(false) };
        Ok(has_database_log(&parent, path.file_name().unwrap_or_default().as_bytes()))
    }

    fn step(&mut self, wanted: Wanted, before: Option<TreeEntry>, seen: Replaced, keep: bool) {
        let Wanted { path, after, from, .. } = wanted;
        let database = matches!(seen, Replaced::Database(_));
        self.steps.push((Step { path, before, after, keep, from, database }, seen));
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
        let cached_tree = self.looker.cached_tree();
        let (steps, seen, databases) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = Plan { steps, seen, databases, force: self.force, cached_tree };
        for (step, replaced) in self.steps {
            plan.steps.push(step);
            plan.seen.push(if let Replaced::File(seen) = replaced { Some(seen) } else { None });
            plan.databases.push(match replaced {
                Replaced::Database(known) => Some(known),
                Replaced::File(_) | Replaced::Nothing => None,
            });
        }
        Ok(plan)
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
