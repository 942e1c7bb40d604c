//! What the steps of an operation do to the folder, in which order, and how each is taken back.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::disk::{Dir, OnExisting};
use crate::object::{Operation, RepoPath, Step, TreeEntry};
use crate::worktree::error::WorktreeError;

use super::folders::Folders;
use super::pending::{Pending, slot};

/// One thing that is done to the folder, for the step of this number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// A file goes out of the way.
    Out(usize),
    /// A folder that should be empty by now goes.
    RemoveFolder(usize),
    /// A folder comes.
    MakeFolder(usize),
    /// A file changes place with what was written for it.
    Exchange(usize),
    /// A file comes where nothing is.
    In(usize),
}

impl Move {
    /// The number of its step.
    pub fn step(self) -> usize {
        let (Self::Out(n)
        | Self::RemoveFolder(n)
        | Self::MakeFolder(n)
        | Self::Exchange(n)
        | Self::In(n)) = self;
        n
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    File,
    Folder,
}

fn kind(entry: Option<TreeEntry>) -> Kind {
    match entry {
        None => Kind::Nothing,
        Some(_) if is_folder(entry) => Kind::Folder,
        Some(_) => Kind::File,
    }
}

/// Whether an entry is there and a directory.
pub fn is_folder(entry: Option<TreeEntry>) -> bool {
    entry.is_some_and(|entry| entry.root().is_some())
}

/// Whether the step brings content.
pub fn writes(step: &Step) -> bool {
    kind(step.after) == Kind::File
}

/// Whether something is written beside for the step before the operation begins.
pub fn is_staged(step: &Step) -> bool {
    writes(step) && !step.database
}

/// What has to be done, in order: what is in the way goes first, children before parents; folders
/// come before what lies in them.
pub fn moves(operation: &Operation) -> Vec<Move> {
    let steps = || operation.steps.iter().enumerate();
    let out = steps().filter(|(_, s)| kind(s.before) == Kind::File && !writes(s));
    let gone = steps()
        .rev()
        .filter(|(_, s)| kind(s.before) == Kind::Folder && kind(s.after) != Kind::Folder);
    let new =
        steps().filter(|(_, s)| kind(s.after) == Kind::Folder && kind(s.before) != Kind::Folder);
    let exchange =
        steps().filter(|(_, s)| kind(s.before) == Kind::File && writes(s) && !s.database);
    let come = steps().filter(|(_, s)| kind(s.before) != Kind::File && writes(s));
    out.map(|(n, _)| Move::Out(n))
        .chain(gone.map(|(n, _)| Move::RemoveFolder(n)))
        .chain(new.map(|(n, _)| Move::MakeFolder(n)))
        .chain(exchange.map(|(n, _)| Move::Exchange(n)))
        .chain(come.map(|(n, _)| Move::In(n)))
        .collect()
}

/// The steps that go through SQLite, which come after all others.
pub fn database_steps(operation: &Operation) -> impl DoubleEndedIterator<Item = (usize, &Step)> {
    operation.steps.iter().enumerate().filter(|(_, step)| step.database)
}

/// Does moves, and notes the folders whose names they changed.
pub struct Mover<'a> {
    pending: &'a Pending,
    operation: &'a Operation,
    /// The folders whose names changed since they were synced.
    touched: Vec<Arc<Dir>>,
    /// Those in which folders were made.
    grown: Vec<Arc<Dir>>,
    /// The folders that stay and that files went out of since what is set aside was synced.
    left_by: Vec<Arc<Dir>>,
    /// What went out of the way so far and is in no commit is durably aside.
    is_kept: bool,
    /// Folders that were to go and have something in them that is in no commit: they stay.
    pub left: Vec<RepoPath>,
}

impl<'a> Mover<'a> {
    pub fn new(pending: &'a Pending, operation: &'a Operation) -> Self {
        let (touched, grown, left_by) = (Vec::new(), Vec::new(), Vec::new());
        Self { pending, operation, touched, grown, left_by, is_kept: true, left: Vec::new() }
    }

    /// The folder of a step's path, its name there, and the name of what is set aside for it.
    fn places(
        &self,
        step: usize,
        folders: &mut Folders,
    ) -> Result<(Arc<Dir>, &'a OsStr, OsString), WorktreeError> {
        let path = &self.operation.steps[step].path;
        let parent = folders.parent(path)?;
        let changed = |_| WorktreeError::ChangedMeanwhile { path: path.as_bytes().into() };
        let name = OsStr::from_bytes(path.file_name().unwrap_or_default());
        Ok((parent.map_err(changed)?, name, slot(step)))
    }

    /// Does a move; gives whether there was something to do.
    pub fn forward(&mut self, this: Move, folders: &mut Folders) -> Result<bool, WorktreeError> {
        let (parent, name, slot) = self.places(this.step(), folders)?;
        let files = &self.pending.files;
        match this {
            Move::Out(_) => {
                parent.rename(name, files, slot, OnExisting::Refuse)?;
                // It is durable with the folder that it goes to, or with what takes its name.
                if self.operation.steps[this.step()].after.is_none() {
                    self.left_by.push(parent);
                }
                return Ok(true);
            }
            Move::RemoveFolder(_) => {
                folders.forget();
                match parent.remove_dir(name) {
                    Err(e) if e.io_kind() == Some(std::io::ErrorKind::DirectoryNotEmpty) => {
                        self.left.push(self.operation.steps[this.step()].path.clone());
                        return Ok(false);
                    }
                    done => done?,
                }
                // What went needs no sync.
                let gone = parent.path().join(name);
                self.touched.retain(|folder| folder.path() != gone);
                self.left_by.retain(|folder| folder.path() != gone);
            }
            Move::MakeFolder(_) => {
                parent.create_dir(name, 0o777)?;
                self.grown.push(parent.clone());
            }
            Move::Exchange(_) => files.exchange(slot, &parent, name)?,
            Move::In(_) => files.rename(slot, &parent, name, OnExisting::Refuse)?,
        }
        self.touch(parent);
        Ok(true)
    }

    /// Takes a move back that was done.
    pub fn backward(&mut self, this: Move, folders: &mut Folders) -> Result<(), WorktreeError> {
        let (parent, name, slot) = self.places(this.step(), folders)?;
        let files = &self.pending.files;
        match this {
            Move::Out(_) => files.rename(slot, &parent, name, OnExisting::Refuse)?,
            Move::RemoveFolder(_) => parent.create_dir(name, 0o777)?,
            Move::MakeFolder(_) => {
                folders.forget();
                parent.remove_dir(name)?;
            }
            Move::Exchange(_) => files.exchange(slot, &parent, name)?,
            Move::In(_) => parent.rename(name, files, slot, OnExisting::Refuse)?,
        }
        // The plan goes only once this is durable.
        self.touch(parent);
        Ok(())
    }

    fn touch(&mut self, folder: Arc<Dir>) {
        if self.touched.last().is_none_or(|last| last.path() != folder.path()) {
            self.touched.push(folder);
        }
    }

    /// To be called before each move. What is in no commit is durably aside before its folder goes,
    /// and a folder is durably there before something is moved into it: else a crash could keep the
    /// one and lose the other. All else can wait: what a crash leaves undone is done again.
    pub fn settle_before(&mut self, this: Move) -> Result<(), WorktreeError> {
        match this {
            Move::RemoveFolder(_) if !self.is_kept => {
                self.sync_aside()?;
            }
            Move::Exchange(_) | Move::In(_) if !self.grown.is_empty() => {
                let grown = std::mem::take(&mut self.grown);
                self.touched.retain(|one| grown.iter().all(|other| one.path() != other.path()));
                self.sync_all(grown)?;
            }
            _ => {}
        }
        // An exchange is durable as one, with the folder of its path.
        if let Move::Out(n) = this {
            self.is_kept &= !self.operation.steps[n].keep;
        }
        Ok(())
    }

    /// Makes what was done durable.
    pub fn sync(&mut self) -> Result<(), WorktreeError> {
        self.grown.clear();
        let touched = std::mem::take(&mut self.touched);
        self.sync_all(touched)?;
        if self.is_kept && self.left_by.is_empty() {
            return Ok(());
        }
        self.sync_aside()
    }

    fn sync_aside(&mut self) -> Result<(), WorktreeError> {
        self.pending.files.sync()?;
        self.left_by.clear();
        self.is_kept = true;
        Ok(())
    }

    fn sync_all(&self, mut folders: Vec<Arc<Dir>>) -> Result<(), WorktreeError> {
        folders.sort_by(|a, b| a.path().cmp(b.path()));
        folders.dedup_by(|a, b| a.path() == b.path());
        if folders.len() > FEW {
            return Ok(self.pending.files.sync_filesystem()?);
        }
        for folder in folders {
            folder.sync()?;
        }
        Ok(())
    }
}

/// Up to this many files or folders are synced one by one; more by one sync of all.
pub const FEW: usize = 8;
