//! The folder in which a run checks out what it tests. It goes when the run ends; one that a killed
//! run left is removed by the next.

use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use aisr::history::bisect::{BisectError, folder};
use aisr::repo::Repository;

use crate::cli::error::CliError;

/// What the names of such folders begin with.
const PREFIX: &str = "aisr-bisect-";
/// A file in it that holds the root of the repository it belongs to.
const OWNER: &str = ".of";

/// A folder of its own for each state that is tested.
pub struct Scratch {
    root: PathBuf,
    note: PathBuf,
    next: u32,
}

impl Scratch {
    /// Makes one in `parent`, readable by this user alone.
    pub fn new(repo: &Repository, parent: &Path) -> Result<Self, CliError> {
        remove_left_over(repo);
        let parent = fs::canonicalize(parent).map_err(|e| failed("use", parent, &e))?;
        let mut random = [0u8; 8];
        let filled = getrandom::fill(&mut random);
        filled.map_err(|e| CliError::failure(format!("there is no randomness: {e}")))?;
        let root = parent.join(format!("{PREFIX}{}", data_encoding::HEXLOWER.encode(&random)));
        let note = note(repo);
        // Noted first: a run that is killed from here on leaves nothing that nobody knows of.
        let noted = repo.disk().replace_whole(&note, root.as_os_str().as_bytes(), 0o600);
        noted.map_err(BisectError::from)?;
        let made = fs::DirBuilder::new().mode(0o700).create(&root);
        made.map_err(|e| failed("make", &root, &e))?;
        let scratch = Self { root, note, next: 0 };
        let owner = repo.root().as_os_str().as_bytes();
        fs::write(scratch.root.join(OWNER), owner)
            .map_err(|e| failed("write to", &scratch.root, &e))?;
        Ok(scratch)
    }

    /// An empty folder.
    pub fn folder(&mut self) -> Result<PathBuf, CliError> {
        let folder = self.root.join(self.next.to_string());
        self.next += 1;
        fs::create_dir(&folder).map_err(|e| failed("make", &folder, &e))?;
        Ok(folder)
    }

    /// Removes a folder that was given out, as far as what was run in it allows that.
    pub fn remove(&self, folder: &Path) {
        remove_all(folder);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if remove_all(&self.root) {
            let _ = fs::remove_file(&self.note);
        }
    }
}

fn note(repo: &Repository) -> PathBuf {
    folder(repo).join("scratch")
}

/// Removes what a killed run left. Only a folder of such a name that says it belongs to this
/// repository is removed: the note may have come with the repository.
pub fn remove_left_over(repo: &Repository) {
    let note = note(repo);
    let Ok(bytes) = fs::read(&note) else { return };
    let root = PathBuf::from(std::ffi::OsString::from_vec(bytes));
    let named = root.file_name().is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
    let real = root.symlink_metadata().is_ok_and(|found| found.is_dir());
    let owner = fs::read(root.join(OWNER)).unwrap_or_default();
    if root.is_absolute() && named && real && owner == repo.root().as_os_str().as_bytes() {
        remove_all(&root);
    }
    let _ = fs::remove_file(&note);
}

/// Removes a folder with all in it, also where a test took away the right to; says whether it is gone.
fn remove_all(folder: &Path) -> bool {
    match fs::remove_dir_all(folder) {
        Ok(()) => true,
        Err(e) if e.kind() == io::ErrorKind::NotFound => true,
        Err(_) => {
            make_writable(folder);
            fs::remove_dir_all(folder).is_ok()
        }
    }
}

fn make_writable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> CliError {
    CliError::failure(format!("cannot {what} {}: {error}", path.display()))
        .hint("`--scratch DIR` names another place for what is tested")
}
