//! Repairs a repository: salvages damaged packs, derives anew what can be derived, heals what is
//! lost from a second copy or the working folder, and says exactly what stays lost.
//!
//! Nothing is deleted: what is damaged is moved to `.aisr/local/damaged`. The order is such that a
//! crash leaves each thing as it was or repaired, and the next run goes on.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::disk::{Disk, Lock, Wait};
use crate::log::PlaceFile;
use crate::object::{BlobId, Id};
use crate::repo::{FOLDER, Repository};
use crate::store::{Store, draft_pack};
use crate::worktree::Progress;

use super::aside::Aside;
use super::connectivity::{Start, Wanted};
use super::contents::{Contents, check_contents, recheck_recipes};
use super::error::RepairError;
use super::fsck::{check_log, starts_of, walk};
use super::heal::{Healed, SecondCopy, heal};
use super::repair_files::{repair_format, repair_layout, repair_pending};
use super::repair_log::repair_log;
use super::report::{Affected, FsckReport, Problem};

/// How a repository is repaired.
pub struct RepairOptions<'a> {
    /// Change nothing; say what would be done.
    pub dry_run: bool,
    /// A second copy: a repository, or a folder that holds `packs`.
    pub from: Option<&'a Path>,
    /// How many threads check.
    pub threads: usize,
    /// Told how far the check of the packs is.
    pub progress: &'a dyn Progress,
}

/// What a repair did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RepairReport {
    /// Nothing was changed: this is what would be done.
    pub dry_run: bool,
    /// What was done, in order.
    pub steps: Vec<RepairStep>,
    /// The packs that were damaged.
    pub packs: Vec<RepairedPack>,
    /// How many objects were taken out of the second copy; in a dry run, of those known to be lost.
    pub from_copy: u64,
    /// How many objects were taken out of the working folder.
    pub from_folder: u64,
    /// The folder of what was moved aside, if anything was.
    pub aside: Option<PathBuf>,
    /// How many objects that are needed are lost.
    pub lost: u64,
    /// What is still wrong.
    pub problem_count: u64,
    /// The first of that.
    pub problems: Vec<Problem>,
    /// What that reaches.
    pub affected: Affected,
}

/// Something that was done.
#[derive(Clone, Debug, Serialize)]
pub struct RepairStep {
    /// What it was done to.
    pub what: String,
    /// What was done, and why.
    pub detail: String,
}

/// A pack that was damaged.
#[derive(Clone, Debug, Serialize)]
pub struct RepairedPack {
    /// Its id.
    pub pack: String,
    /// How many sound objects were taken over.
    pub kept: u64,
    /// How many objects it had lost; `null` where its footer is lost too, and nobody knows.
    pub lost: Option<u64>,
    /// The pack that holds what was taken over; `null` where nothing was, and in a dry run.
    pub new: Option<String>,
}

impl RepairReport {
    /// Whether there was nothing to do.
    pub fn is_idle(&self) -> bool {
        self.steps.is_empty() && self.packs.is_empty() && self.from_copy + self.from_folder == 0
    }

    /// Whether nothing is wrong any more.
    pub fn is_whole(&self) -> bool {
        self.problem_count == 0
    }

    pub(super) fn step(&mut self, what: impl ToString, detail: impl Into<String>) {
        self.steps.push(RepairStep { what: what.to_string(), detail: detail.into() });
    }
}

/// What every part of a repair works with.
pub(super) struct Bench<'a> {
    pub disk: &'a Disk,
    pub folder: PathBuf,
    pub aside: Aside<'a>,
    pub is_dry: bool,
    /// It is a shared place: its log is no clone's, so nobody can write it anew.
    pub is_place: bool,
    pub report: RepairReport,
}

/// Repairs the repository of the folder `root`, even if it does not open.
///
/// # Errors
/// When the disk does not let itself be written, a newer version wrote the repository, or there is
/// no second copy where one was named. What was repaired until then stays repaired.
pub fn repair(
    disk: &Disk,
    root: &Path,
    options: &RepairOptions<'_>,
) -> Result<RepairReport, RepairError> {
    let folder = root.join(FOLDER);
    let copy = options.from.map(|from| SecondCopy::open(disk, from, &folder)).transpose()?;
    let report = RepairReport { dry_run: options.dry_run, ..RepairReport::default() };
    let (aside, is_dry) = (Aside::new(disk, &folder), options.dry_run);
    let is_place = folder.join(PlaceFile::NAME).is_file();
    let mut bench = Bench { disk, folder: folder.clone(), aside, is_dry, is_place, report };
    repair_layout(&mut bench)?;
    if is_dry && !folder.join("packs").is_dir() {
        return Ok(bench.report);
    }
    if is_place && !is_dry {
        disk.create_dir_all_synced(&folder.join("local"), 0o700)?;
    }
    let _folder = match is_dry {
        true => None,
        false => Some(Lock::exclusive(&folder.join("local/folder-lock"), Wait::Forever)?),
    };
    let mut store = Store::open(disk.clone(), &folder)?;
    let lease = match is_dry {
        true => None,
        false => {
            let upkeep = store.upkeep(Wait::Forever)?;
            Some((store.lease_alone(&upkeep)?, upkeep))
        }
    };
    repair_format(&mut bench)?;
    let mut found = FsckReport::default();
    let mut contents = check_contents(&store, options.threads, options.progress, &mut found);
    repair_packs(&mut bench, &contents)?;
    if !is_dry && !contents.damaged.is_empty() {
        store = Store::open(disk.clone(), &folder)?;
        contents = recheck_recipes(&store, options.threads, contents.built);
    }
    let planned = match is_place {
        true => None,
        false => repair_log(&mut bench, &store)?,
    };
    repair_pending(&mut bench)?;

    let starts = match planned {
        Some(refs) if is_dry => starts_of(&refs),
        _ => check_log(disk, &folder, None, &mut FsckReport::default()),
    };
    let mut wanted = look(disk, root, &store, &contents, &starts, &mut FsckReport::default())?;
    if is_dry {
        foresee(&mut bench, &contents, copy.as_ref(), &mut wanted);
    }
    if let Some((lease, _)) = &lease {
        while !wanted.is_empty() {
            let writer = store.writer(lease);
            let healed = heal(&store, &writer, disk, root, copy.as_ref(), &wanted)?;
            if writer.finish()?.objects == 0 {
                break;
            }
            let Healed { from_copy, from_folder } = healed;
            bench.report.from_copy += from_copy;
            bench.report.from_folder += from_folder;
            store = Store::open(disk.clone(), &folder)?;
            contents = recheck_recipes(&store, options.threads, contents.built);
            // The genesis may be back, and with it what makes a log.
            if !is_place {
                repair_log(&mut bench, &store)?;
            }
            let starts = check_log(disk, &folder, None, &mut FsckReport::default());
            wanted = look(disk, root, &store, &contents, &starts, &mut FsckReport::default())?;
        }
    }
    let starts = is_dry.then_some(starts);
    conclude(bench, root, &store, &contents, starts)
}

/// Follows everything that refs and log lead to; gives what is needed and cannot be read.
fn look(
    disk: &Disk,
    root: &Path,
    store: &Store,
    contents: &Contents,
    starts: &[Start],
    report: &mut FsckReport,
) -> Result<BTreeMap<Id, Wanted>, RepairError> {
    let repo = Repository::open(disk.clone(), root).ok();
    Ok(walk(store, repo.as_ref(), contents, starts, report)?)
}

/// What is left to tell: all that is still wrong, but for what a dry run would mend.
fn conclude(
    bench: Bench<'_>,
    root: &Path,
    store: &Store,
    contents: &Contents,
    planned: Option<Vec<Start>>,
) -> Result<RepairReport, RepairError> {
    let mut left = FsckReport::default();
    let Bench { disk, folder, aside, is_dry, mut report, .. } = bench;
    if !is_dry && let Err(e) = Repository::open(disk.clone(), root) {
        let detail = crate::policy::with_sources(&e);
        left.problem(super::report::ProblemKind::Repository, FOLDER, detail);
    }
    let mut of_log = FsckReport::default();
    let starts = planned.unwrap_or_else(|| {
        let repo = Repository::open(disk.clone(), root).ok();
        check_log(disk, &folder, repo.as_ref(), &mut of_log)
    });
    for problem in of_log.problems {
        left.problem(problem.kind, problem.place, problem.detail);
    }
    look(disk, root, store, contents, &starts, &mut left)?;
    left.problems.sort_by_key(|problem| problem.kind);
    (report.lost, report.affected) = (left.lost, left.affected);
    (report.problem_count, report.problems) = (left.problem_count, left.problems);
    report.aside = aside.used();
    Ok(report)
}

/// Takes over what each damaged pack still holds, and moves it aside.
fn repair_packs(bench: &mut Bench<'_>, contents: &Contents) -> Result<(), RepairError> {
    if bench.is_dry {
        let salvaged: HashMap<_, _> =
            contents.salvage.packs.iter().map(|(path, salvaged)| (path, salvaged)).collect();
        for pack in &contents.damaged {
            let salvaged = salvaged.get(&pack.path);
            bench.report.packs.push(RepairedPack {
                pack: pack.id.to_hex(),
                kept: salvaged.map_or(0, |salvaged| salvaged.objects),
                lost: salvaged.and_then(|s| s.has_footer.then_some(s.lost.len() as u64)),
                new: None,
            });
        }
        return Ok(());
    }
    let packs = bench.folder.join("packs");
    for pack in &contents.damaged {
        let (salvaged, draft) = draft_pack(bench.disk, &packs, &pack.path, pack.id)?;
        let dir = bench.disk.open_dir(&packs)?;
        let new = draft.as_ref().map(|draft| draft.id());
        let name = format!("{}.pack", pack.id);
        match draft {
            Some(draft) if new == Some(pack.id) => {
                let out = draft.exchange_in(&dir)?;
                bench.aside.put(&packs.join(out), &name)?;
            }
            Some(draft) => {
                draft.name_in(&dir)?;
                bench.aside.put(&pack.path, &name)?;
            }
            None => bench.aside.put(&pack.path, &name)?,
        }
        bench.report.packs.push(RepairedPack {
            pack: pack.id.to_hex(),
            kept: salvaged.objects,
            lost: salvaged.has_footer.then_some(salvaged.lost.len() as u64),
            new: new.map(|id| id.to_hex()),
        });
    }
    Ok(())
}

/// In a dry run: what of the lost the second copy has.
fn foresee(
    bench: &mut Bench<'_>,
    contents: &Contents,
    copy: Option<&SecondCopy>,
    wanted: &mut BTreeMap<Id, Wanted>,
) {
    let Some(copy) = copy else { return };
    let is_blob = |blob: BlobId| contents.built.contains_key(&blob.id());
    let found = wanted.iter().filter(|(id, wanted)| {
        // A blob in chunks comes back with its chunks.
        !is_blob(BlobId::from_id(**id)) && copy.has(**id, &wanted.kinds)
    });
    bench.report.from_copy = found.count() as u64;
}
