//! A look over the folder for what may be part of a system: names alone, and heads of files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use rustix::fs::{FileType, Mode, OFlags, RawDir, openat};

use crate::disk::Dir;
use crate::repo::{FOLDER, Repository};
use crate::system::MANIFEST_FILE;
use crate::system::discover::{
    Discovery, Files, Head, Listing, MOST_ENTRIES, MOST_FILES, discover, first_manifest,
    is_of_interest,
};

use super::error::WorktreeError;
use super::ignores::{IGNORE_FILE, Ignores, read_ignore_file};

const BUFFER: usize = 32 << 10;

/// Looks over the folder of `repo` for the components that it holds. What ignore files leave out
/// is not looked at; symbolic links are not followed; what cannot be read is passed over.
///
/// # Errors
/// When the folder itself cannot be opened, or an ignore file cannot be read.
pub fn survey(repo: &Repository) -> Result<Discovery, WorktreeError> {
    let root = repo.disk().open_dir(repo.root())?;
    let listing = list(&root)?;
    Ok(discover(&listing, &OnDisk(&root)))
}

/// What became of the first manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FirstManifest {
    /// There was one, which stays as it is; nothing was looked for.
    Kept,
    /// No component was found, so none was written.
    Nothing(Discovery),
    /// One was written that names what was found.
    Wrote(Discovery),
}

/// Writes the first manifest of the folder of `repo`, unless there is one.
///
/// # Errors
/// When the folder cannot be looked over, or the manifest cannot be written.
pub fn write_first_manifest(repo: &Repository) -> Result<FirstManifest, WorktreeError> {
    let path = repo.root().join(MANIFEST_FILE);
    if path.symlink_metadata().is_ok() {
        return Ok(FirstManifest::Kept);
    }
    let found = survey(repo)?;
    if found.components.is_empty() {
        return Ok(FirstManifest::Nothing(found));
    }
    match repo.disk().create_whole(&path, first_manifest(&found).as_bytes(), 0o644) {
        Ok(()) => Ok(FirstManifest::Wrote(found)),
        Err(e) if e.is_already_exists() => Ok(FirstManifest::Kept),
        Err(e) => Err(e.into()),
    }
}

/// The files of interest, in the order in which their folders come.
fn list(root: &Dir) -> Result<Listing, WorktreeError> {
    let mut walk = Walk { ignores: Ignores::default(), listing: Listing::default(), entries: 0 };
    walk.folder(root, "", 0)?;
    Ok(walk.listing)
}

struct Walk {
    ignores: Ignores,
    listing: Listing,
    entries: usize,
}

impl Walk {
    fn folder(&mut self, folder: &Dir, path: &str, depth: usize) -> Result<(), WorktreeError> {
        if depth > crate::object::limits::DIRECTORY_DEPTH {
            self.listing.cut = true;
            return Ok(());
        }
        let (names, folders, has_ignores) = self.names(folder);
        if has_ignores && let Some(text) = read_ignore_file(folder, path.into())? {
            self.ignores.enter(path.into(), depth, &text);
        }
        let joined = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}/{name}"),
        };
        for name in names {
            let path = joined(&name);
            let own = depth == 0 && name == MANIFEST_FILE;
            if own || !is_of_interest(&path) || self.ignores.is_ignored(path.as_str().into(), false)
            {
                continue;
            }
            if self.listing.paths.len() == MOST_FILES {
                self.listing.cut = true;
                break;
            }
            self.listing.paths.insert(path);
        }
        for name in folders {
            let path = joined(&name);
            if self.listing.cut || self.ignores.is_ignored(path.as_str().into(), true) {
                continue;
            }
            if let Ok(below) = folder.sub_dir(&name) {
                self.folder(&below, &path, depth + 1)?;
            }
        }
        self.ignores.leave(depth);
        Ok(())
    }

    /// The names of files and of folders that the manifest can say, which is text, and whether
    /// there is an ignore file.
    fn names(&mut self, folder: &Dir) -> (BTreeSet<String>, BTreeSet<String>, bool) {
        let (mut files, mut folders, mut has_ignores) = Default::default();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // A handle of its own: that of the caller may be read from elsewhere.
        let Ok(handle) = openat(folder, ".", flags, Mode::empty()) else {
            return (files, folders, has_ignores);
        };
        let mut buffer = Vec::with_capacity(BUFFER);
        let mut entries = RawDir::new(handle, buffer.spare_capacity_mut());
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                self.listing.cut = true;
                break;
            }
            let Ok(name) = name.to_str() else { continue };
            has_ignores |= name == IGNORE_FILE;
            match entry.file_type() {
                FileType::Directory if name != FOLDER => drop(folders.insert(name.to_owned())),
                FileType::RegularFile => drop(files.insert(name.to_owned())),
                _ => {}
            }
        }
        (files, folders, has_ignores)
    }
}

/// The files below a folder.
struct OnDisk<'a>(&'a Dir);

impl Files for OnDisk<'_> {
    fn head(&self, path: &str, len: usize) -> Option<Head> {
        let path = PathBuf::from(path);
        let folder = self.0.open_beneath(path.parent().unwrap_or(Path::new(""))).ok()?;
        let file = folder.open_read(path.file_name()?).ok()?;
        let size = file.len().ok()?;
        let wanted = usize::try_from(size).map_or(len, |size| size.min(len));
        let mut bytes = vec![0; wanted];
        let read = file.read_at(0, &mut bytes).ok()?;
        bytes.truncate(read);
        Some(Head { bytes, size })
    }
}
