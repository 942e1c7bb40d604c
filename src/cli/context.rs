//! What a command works in: a folder, a disk, and how much to say.

use std::path::{Path, PathBuf};

use aisr::disk::Disk;
use aisr::history::Revisions;
use aisr::repo::{
    CONFIG_FILE, FOLDER, Identity, Origin, RepoError, Repository, Setting, SettingsFile,
    Surroundings, load_identity,
};
use aisr::sign::{Signer, permissions_too_open};
use aisr::upkeep::{CompactionBounds, compact_if_due};
use aisr::worktree::{Recovered, recover};

use super::Global;
use super::error::CliError;
use super::output::{Escaped, HINT, Output, Paging, Progress, WARNING};
use super::surroundings::{ask_passphrase, cache_dir, surroundings, user_config};

/// What a command works in.
pub struct Context {
    directory: PathBuf,
    disk: Disk,
    pub quiet: bool,
    pub verbose: bool,
}

impl Context {
    /// Reads what the command line says of the surroundings.
    pub fn new(global: Global) -> Result<Self, CliError> {
        let here = std::env::current_dir();
        let here =
            here.map_err(|e| CliError::failure(format!("there is no working folder: {e}")))?;
        let directory = match global.work_in {
            Some(directory) => std::fs::canonicalize(here.join(&directory)).map_err(|e| {
                CliError::failure(format!("cannot work in {}: {e}", directory.display()))
            })?,
            None => here,
        };
        let Global { quiet, verbose, .. } = global;
        Ok(Self { directory, disk: disk()?, quiet, verbose })
    }

    /// The folder that the command works in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The disk that is written to.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The repository that the folder belongs to.
    pub fn repository(&self) -> Result<Repository, CliError> {
        let (config, _) = user_config()?;
        Ok(Repository::discover(self.disk.clone(), &self.directory, &config)?)
    }

    /// The repository, to show what is in it: what this user's aisr found well signed before is not
    /// checked again.
    pub fn repository_to_show(&self) -> Result<Repository, CliError> {
        let Some(cache) = cache_dir() else { return self.repository() };
        let (config, _) = user_config()?;
        let (disk, here) = (self.disk.clone(), &self.directory);
        Ok(Repository::discover_to_show(disk, here, &config, &cache)?)
    }

    /// The repository, whose folder is looked at and left as it is.
    pub fn working_repository_unchanged(&self) -> Result<Repository, CliError> {
        let repo = self.repository()?;
        match repo.is_shared_place() {
            true => Err(RepoError::SharedPlace { root: repo.root().into() }.into()),
            false => Ok(repo),
        }
    }

    /// The repository, to work in its folder: what a crash interrupted there is ended first.
    pub fn working_repository(&self) -> Result<Repository, CliError> {
        let repo = self.working_repository_unchanged()?;
        match recover(&repo)? {
            None => {}
            Some(Recovered::Back) => self
                .note("An operation that was interrupted before it changed anything is discarded."),
            Some(Recovered::Forward { kind, left, .. }) => {
                let kind = Escaped(kind.as_bytes()).to_string();
                self.note(&format!("A {kind} that was interrupted is brought to its end."));
                for path in left {
                    self.note(&format!("Left as it is, because it was changed since: {path}"));
                }
            }
        }
        Ok(repo)
    }

    /// Merges packs where that pays, after something was stored and told. That it cannot be done
    /// now is nobody's concern: the next one tries again.
    pub fn tend(&self, repo: &Repository) {
        let merged = compact_if_due(repo.store(), CompactionBounds::AFTER_COMMIT);
        match merged {
            Ok(done) if self.verbose && done.merged > 0 => {
                self.note(&format!("Merged {} packs into {}.", done.merged, done.into));
            }
            Err(e) if self.verbose => self.note(&format!("Packs could not be merged: {e}")),
            _ => {}
        }
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            anstream::eprintln!("{text}");
        }
    }

    /// Says what to do next.
    pub fn hint(&self, text: &str) {
        if !self.quiet {
            anstream::eprintln!("{HINT}hint:{HINT:#} {text}");
        }
    }

    /// Who signs; without a key, one is made only where `make` says so.
    pub fn identity(&self, make: MakeKey) -> Result<Identity, CliError> {
        let make = match make {
            MakeKey::IfNone => Some(&self.disk),
            MakeKey::Never => None,
        };
        let mut around = surroundings()?;
        if make.is_none() {
            self.add_repository_settings(&mut around)?;
        }
        let identity = load_identity(&around, &mut ask_passphrase, make)?;
        let secret = matches!(identity.key, Signer::Secret(_));
        if secret && permissions_too_open(&identity.path).unwrap_or(false) {
            let path = identity.path.display();
            anstream::eprintln!("{WARNING}warning:{WARNING:#} others may read your key, {path}");
            anstream::eprintln!("{HINT}hint:{HINT:#} `chmod 600 {path}`");
        }
        Ok(identity)
    }

    /// What the repository's own configuration says where the user's does not. It has no say in
    /// which key signs.
    fn add_repository_settings(&self, around: &mut Surroundings) -> Result<(), CliError> {
        if around.config.user.email.is_some() {
            return Ok(());
        }
        let Ok(root) = Repository::find_root(&self.directory, &around.config) else {
            return Ok(());
        };
        let path = root.join(FOLDER).join(CONFIG_FILE);
        let file = SettingsFile::load(&path, Origin::Repository)?;
        let email = file.get(Setting::find("user.email")?)?;
        around.config.user.email = email.and_then(|values| values.into_iter().next());
        Ok(())
    }

    /// Where results go.
    pub fn output(&self, paging: Paging) -> Output {
        let paging = if self.quiet { Paging::Off } else { paging };
        Output::open(paging)
    }

    /// A bar that shows how far a long operation is.
    pub fn progress(&self, doing: &'static str) -> Progress {
        Progress::new(doing, self.quiet)
    }

    /// How many threads work.
    pub fn threads(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// Whether a key is made where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MakeKey {
    IfNone,
    Never,
}

/// The names that hold in `repo` now.
pub fn revisions(repo: &Repository) -> Result<Revisions<'_>, CliError> {
    Ok(Revisions::load(repo)?)
}

/// The disk; tests of a debug build can make it fail.
#[cfg(debug_assertions)]
fn disk() -> Result<Disk, CliError> {
    let Ok(plan) = std::env::var("AISR_TEST_FAULT") else { return Ok(Disk::new()) };
    let plan = plan.parse();
    let plan = plan.map_err(|e: aisr::disk::InvalidFaultPlan| CliError::usage(e.to_string()))?;
    Ok(Disk::failing(plan))
}

#[cfg(not(debug_assertions))]
fn disk() -> Result<Disk, CliError> {
    Ok(Disk::new())
}
