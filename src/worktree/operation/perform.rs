//! Carrying out a plan.

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::SystemTime;

use bstr::{BString, ByteSlice};
use rustix::fs::{AtFlags, statat};

use crate::capture::{CLOCK_STEP, StatKey};
use crate::disk::ReadFile;
use crate::log::PlaceLog;
use crate::object::{Cause, EntryKind, LogEntryId, NodeId, Operation, RefChange, RepoPath, Step};
use crate::repo::Repository;
use crate::worktree::error::WorktreeError;
use crate::worktree::report::Progress;
use crate::worktree::stat_cache::{self, CacheEntry, patch, scan_order};
use crate::worktree::writers::{FileTask, Writers, ensure_room};

use super::KINDS;
use super::databases::{self, Locked, Written};
use super::folders::Folders;
use super::look::{look_in, may_have_changed, same_file};
use super::pending::{Pending, discard, kept_file, slot};
use super::plan::{Plan, Seen};
use super::steps::{FEW, Move, Mover, is_staged, moves, writes};
use super::tidy::tidy;

const BUFFER: usize = 1 << 20;
/// To hash so many bytes takes about as long as a step of the clock.
const LARGE: u64 = 16 << 20;

/// What an operation did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Performed {
    /// Its log entry.
    pub entry: LogEntryId,
    /// How many files and links came.
    pub written: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many files and links went.
    pub removed: u64,
    /// Paths whose former content is in no commit and was set aside.
    pub set_aside: Vec<RepoPath>,
    /// Folders that stayed because of what is in them.
    pub left: Vec<RepoPath>,
}

/// How an operation is carried out.
pub struct Performing<'a> {
    /// Why.
    pub cause: Cause,
    /// The refs that move with it.
    pub changes: Vec<RefChange>,
    /// The directory tree that names all that the stat cache holds afterwards, if one does.
    pub tree: Option<NodeId>,
    /// How many workers write.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// Carries out a plan without conflicts, and moves the refs. The caller holds the folder.
///
/// # Errors
/// When there is no room, an object is absent, a file changed since it was planned, or the disk
/// says no. The folder is as it was then; where even that could not be had, the next command that
/// works in the folder goes on.
pub fn perform(
    repo: &Repository,
    log: &mut PlaceLog,
    plan: Plan,
    how: Performing<'_>,
) -> Result<Performed, WorktreeError> {
    debug_assert!(KINDS.contains(&how.cause.kind.as_str()), "{} leaves a plan", how.cause.kind);
    let bytes =
        plan.steps.iter().filter(|s| writes(s)).filter_map(|s| s.after).map(|e| e.size()).sum();
    // SQLite keeps what it writes over until it is done, and so do we what is in no commit.
    let beside = plan.steps.iter().filter(|s| s.database).filter_map(|s| s.before);
    ensure_room(repo.root(), bytes + beside.map(|e| 2 * e.size()).sum::<u64>())?;
    how.progress.total(bytes);
    let mut operation = Operation {
        repo: repo.id(),
        log_before: log.refs().last.sequence,
        cause: how.cause.clone(),
        changes: how.changes.clone(),
        steps: plan.steps,
    };
    let mut folders = Folders::new(repo)?;
    ensure_one_device(repo, &operation, &mut folders)?;
    let pending = Pending::create(repo)?;
    let prepared = stage(repo, &pending, &operation, &mut folders, &how).and_then(|stats| {
        let locked = Locked::take(repo, &pending, &mut operation, &plan.databases, plan.force)?;
        pending.write_plan(&operation)?;
        Ok((stats, locked))
    });
    let (staged, locked) = match prepared {
        Ok(prepared) => prepared,
        Err(e) => {
            let _ = discard(repo);
            return Err(e);
        }
    };
    let mut mover = Mover::new(&pending, &operation);
    let (mut done, mut written) = (Vec::new(), Written::new());
    let moved = move_all(&mut mover, &mut folders, &pending, &operation, &plan.seen, &mut done)
        .and_then(|()| mover.sync())
        .and_then(|()| locked.write(repo, &operation, how.progress, &mut written))
        .and_then(|()| Ok(repo.move_refs(log, how.changes, how.cause)?));
    let left = std::mem::take(&mut mover.left);
    let entry = match moved {
        Ok(entry) => entry,
        Err(e) => {
            let back = databases::take_back(repo, &pending, &operation, &written, how.progress);
            if back.is_ok() {
                take_back(repo, &pending, &mut mover, &mut folders, &done);
            }
            return Err(e);
        }
    };
    note(repo, &operation, &staged, &mut folders, how.tree);
    databases::note(repo, &operation, &written);
    // Somebody may have gone on writing to a file that he had open.
    let unchanged = |(n, planned): (usize, &Option<Seen>)| match (slot_stat(&pending, n), planned) {
        (Some(now), Some(planned)) => same_file(now, planned.stat),
        _ => true,
    };
    let unchanged: Vec<bool> = plan.seen.iter().enumerate().map(unchanged).collect();
    let set_aside = finish(pending, &operation, entry, &unchanged);
    // It only saves room, and the operation has happened.
    let _ = tidy(repo, log, SystemTime::now());
    let count = |which: &dyn Fn(&Step) -> bool| operation.steps.iter().filter(|s| which(s)).count();
    let is_file = |s: &Step| s.before.is_some_and(|e| e.root().is_none());
    Ok(Performed {
        entry,
        written: count(&writes) as u64,
        bytes,
        removed: count(&|s| is_file(s) && s.after.is_none()) as u64,
        set_aside,
        left,
    })
}

/// Refuses what would have to move between file systems: that is not done in one step.
fn ensure_one_device(
    repo: &Repository,
    operation: &Operation,
    folders: &mut Folders,
) -> Result<(), WorktreeError> {
    use std::os::unix::fs::MetadataExt;
    let Ok(own) = std::fs::metadata(repo.folder()) else { return Ok(()) };
    for step in &operation.steps {
        if let Ok(parent) = folders.parent(&step.path)?
            && let Ok(stat) = rustix::fs::fstat(&*parent)
            && stat.st_dev != own.dev()
        {
            return Err(WorktreeError::OtherDevice { path: step.path.as_bytes().into() });
        }
    }
    Ok(())
}

/// Writes what comes, durably. Gives what the file system says of each.
fn stage(
    repo: &Repository,
    pending: &Pending,
    operation: &Operation,
    folders: &mut Folders,
    how: &Performing<'_>,
) -> Result<Vec<Option<StatKey>>, WorktreeError> {
    let folder = Arc::new(pending.files.clone());
    let mut written = Vec::new();
    Writers::run(repo, how.threads, how.progress, |writers| {
        for (n, step) in operation.steps.iter().enumerate() {
            let Some(entry) = step.after.filter(|_| is_staged(step)) else { continue };
            written.push(n);
            match step.from {
                Some((from, number)) if entry.kind() != EntryKind::Symlink => {
                    copy(&kept_file(repo, from, number), pending, n, entry.kind())?;
                }
                Some((from, number)) => copy_link(&kept_file(repo, from, number), pending, n)?,
                None => writers.file(FileTask { folder: folder.clone(), name: slot(n), entry })?,
            }
        }
        Ok(())
    })?;
    for n in &written {
        keep_mode(pending, operation, folders, *n)?;
    }
    if written.len() > FEW {
        pending.files.sync_filesystem()?;
    } else if !written.is_empty() {
        for n in &written {
            if operation.steps[*n].after.is_some_and(|e| e.kind() != EntryKind::Symlink) {
                pending.files.open_file(slot(*n))?.sync()?;
            }
        }
        pending.files.sync()?;
    }
    Ok((0..operation.steps.len()).map(|n| slot_stat(pending, n)).collect())
}

fn copy(
    from: &std::path::Path,
    pending: &Pending,
    step: usize,
    kind: EntryKind,
) -> Result<(), WorktreeError> {
    let source = ReadFile::open(from)?;
    let mode = if kind == EntryKind::Executable { 0o777 } else { 0o666 };
    let file = pending.files.create_file(slot(step), mode)?;
    let (mut at, mut buffer) = (0, vec![0; BUFFER]);
    loop {
        let got = source.read_at(at, &mut buffer)?;
        if got == 0 {
            return Ok(());
        }
        file.write_all_at(at, &buffer[..got])?;
        at += got as u64;
    }
}

fn copy_link(from: &std::path::Path, pending: &Pending, step: usize) -> Result<(), WorktreeError> {
    let failed = |source| WorktreeError::Read { path: from.as_os_str().as_bytes().into(), source };
    let target = std::fs::read_link(from).map_err(failed)?;
    Ok(pending.files.symlink(&target, slot(step))?)
}

/// A file that replaces another may be read by those who could read that one, and by nobody else.
fn keep_mode(
    pending: &Pending,
    operation: &Operation,
    folders: &mut Folders,
    n: usize,
) -> Result<(), WorktreeError> {
    let Step { path, before, after, .. } = &operation.steps[n];
    let regular = |entry: &Option<crate::object::TreeEntry>| {
        entry.is_some_and(|e| matches!(e.kind(), EntryKind::File | EntryKind::Executable))
    };
    if !regular(before) || !regular(after) {
        return Ok(());
    }
    let Ok(parent) = folders.parent(path)? else { return Ok(()) };
    let name = path.file_name().unwrap_or_default().as_bytes();
    let mode = |dir: &crate::disk::Dir, name: &[u8]| {
        statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| stat.st_mode & 0o777).ok()
    };
    let slot = slot(n);
    let (Some(old), Some(new)) = (mode(&parent, name), mode(&pending.files, slot.as_bytes()))
    else {
        return Ok(());
    };
    let executable = after.is_some_and(|e| e.kind() == EntryKind::Executable);
    let wanted = (old & 0o666) | if executable { (old & 0o444) >> 2 } else { 0 };
    if wanted != new {
        pending.files.set_mode(slot, wanted)?;
    }
    Ok(())
}

/// What the file system says of what lies in a step's slot.
pub(super) fn slot_stat(pending: &Pending, step: usize) -> Option<StatKey> {
    let stat = statat(&pending.files, slot(step).as_bytes(), AtFlags::SYMLINK_NOFOLLOW);
    stat.ok().map(|stat| StatKey::of(&stat))
}

fn move_all(
    mover: &mut Mover<'_>,
    folders: &mut Folders,
    pending: &Pending,
    operation: &Operation,
    planned: &[Option<Seen>],
    done: &mut Vec<Move>,
) -> Result<(), WorktreeError> {
    for this in moves(operation) {
        mover.settle_before(this)?;
        if !mover.forward(this, folders)? {
            continue;
        }
        done.push(this);
        let n = this.step();
        if let (Move::Out(_) | Move::Exchange(_), Some(planned)) = (this, planned[n]) {
            // Somebody may have written it since it was looked at: then it goes back.
            if !is_as_seen(pending, n, &operation.steps[n], planned) {
                let path = operation.steps[n].path.as_bytes().into();
                return Err(WorktreeError::ChangedMeanwhile { path });
            }
        }
    }
    Ok(())
}

/// Whether what was set aside for a step is what it was to replace.
fn is_as_seen(pending: &Pending, n: usize, step: &Step, seen: Seen) -> bool {
    let same = slot_stat(pending, n).is_some_and(|now| same_file(now, seen.stat));
    let content = || look_in(&pending.files, slot(n).as_bytes().into(), |_| None);
    same && (!seen.racy || content().is_ok_and(|found| found.is(step.before)))
}

/// Takes back what was done. What cannot be taken back stays for the next command to go on from.
fn take_back(
    repo: &Repository,
    pending: &Pending,
    mover: &mut Mover<'_>,
    folders: &mut Folders,
    done: &[Move],
) {
    let taken_back = done.iter().rev().try_for_each(|this| mover.backward(*this, folders));
    if taken_back.and_then(|()| mover.sync()).and_then(|()| pending.remove_plan()).is_ok() {
        let _ = discard(repo);
    }
}

/// Notes in the stat cache what was put in place. It only saves work, so nothing here is an error.
fn note(
    repo: &Repository,
    operation: &Operation,
    staged: &[Option<StatKey>],
    folders: &mut Folders,
    tree: Option<NodeId>,
) {
    let mut updates = Vec::new();
    folders.forget();
    if staged.iter().flatten().any(|stat| stat.size >= LARGE && may_have_changed(*stat)) {
        // Cheaper than reading it again the next time, because a change may not show.
        std::thread::sleep(CLOCK_STEP);
    }
    for (n, step) in operation.steps.iter().enumerate() {
        let entry =
            step.after.filter(|e| matches!(e.kind(), EntryKind::File | EntryKind::Executable));
        let placed = entry.and_then(|entry| {
            let parent = folders.parent(&step.path).ok()?.ok()?;
            let name = step.path.file_name()?.as_bytes();
            let stat = statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            let stat = StatKey::of(&stat);
            // Whoever wrote to it meanwhile moved its time of change.
            same_file(stat, staged[n]?).then_some(CacheEntry {
                path: step.path.as_bytes().into(),
                stat,
                racy: may_have_changed(stat),
                id: entry.blob()?,
            })
        });
        updates.push((step.path.as_bytes().into(), placed));
    }
    updates.sort_by(|(a, _): &(BString, _), (b, _)| scan_order(a.as_ref(), b.as_ref()));
    patch(repo.disk(), &stat_cache::file(repo), updates, tree);
}

/// Removes what was set aside and is in the store, and gives the operation its name. Gives the
/// paths whose content stays set aside. The operation has happened: nothing here is an error.
pub(super) fn finish(
    pending: Pending,
    operation: &Operation,
    entry: LogEntryId,
    as_planned: &[bool],
) -> Vec<RepoPath> {
    let mut set_aside = Vec::new();
    for (n, step) in operation.steps.iter().enumerate() {
        if step.before.is_none_or(|before| before.root().is_some()) {
            continue;
        }
        if step.keep || !as_planned[n] {
            set_aside.push(step.path.clone());
        } else {
            let _ = pending.files.remove_file(slot(n));
        }
    }
    let _ = pending.name(entry);
    set_aside
}
