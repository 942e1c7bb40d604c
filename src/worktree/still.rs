//! Whether the folder held still since a moment: a look at every time of change, and nothing else.

use bstr::ByteSlice;
use rustix::fs::{FileType, Mode, OFlags, fstat};

use crate::capture::StatKey;
use crate::object::{RepoPath, check_name};
use crate::repo::{FOLDER, Repository};

use super::ahead::Ahead;
use super::error::WorktreeError;
use super::ignores::{IGNORE_FILE, Ignores, read_ignore_file};
use super::listing::Listing;
use super::read_folder::Reading;

/// Whether nothing that is captured changed since a clock step before `since`, in nanoseconds
/// since the epoch. Says no also where that cannot be told.
///
/// # Errors
/// When an ignore file cannot be read.
pub fn held_still(
    repo: &Repository,
    reading: &Reading<'_>,
    since: i128,
) -> Result<bool, WorktreeError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(repo.root(), flags, Mode::empty());
    let Ok(mut listing) = root.and_then(Listing::of) else { return Ok(false) };
    Ahead::run(reading.threads, |ahead| {
        let mut look = Look { repo, reading, since, ahead, ignores: Ignores::default() };
        look.folder(&RepoPath::root(), 0, &mut listing)
    })
}

struct Look<'a> {
    repo: &'a Repository,
    reading: &'a Reading<'a>,
    since: i128,
    ahead: &'a Ahead,
    ignores: Ignores,
}

impl Look<'_> {
    fn folder(
        &mut self,
        path: &RepoPath,
        depth: usize,
        listing: &mut Listing,
    ) -> Result<bool, WorktreeError> {
        // Its own times tell of names that came or went, and of links.
        let Ok(stat) = fstat(listing.folder()) else { return Ok(false) };
        if StatKey::of(&stat).is_racy(self.since) {
            return Ok(false);
        }
        if listing.contains(IGNORE_FILE.as_bytes())
            && let Some(text) = read_ignore_file(listing.folder(), path.as_bytes().as_bstr())?
        {
            self.ignores.enter(path.as_bytes().as_bstr(), depth, &text);
        }
        for index in 0..listing.len() {
            if !self.entry(path, depth, listing, index)? {
                return Ok(false);
            }
        }
        self.ignores.leave(depth);
        Ok(true)
    }

    fn entry(
        &mut self,
        folder: &RepoPath,
        depth: usize,
        listing: &mut Listing,
        index: usize,
    ) -> Result<bool, WorktreeError> {
        let Ok((kind, stat)) = listing.see(index, self.ahead) else { return Ok(false) };
        let name = listing.name(index);
        let own = depth == 0 && (name == FOLDER || name.starts_with(b".aisr.new-"));
        if own || check_name(name).is_err() {
            return Ok(true);
        }
        let directory = kind == FileType::Directory;
        if !directory && !stat.is_racy(self.since) {
            return Ok(true);
        }
        let Ok(path) = folder.join(name) else { return Ok(false) };
        if self.ignores.is_ignored(path.as_bytes().as_bstr(), directory) {
            return Ok(!self.is_in_head(&path)?);
        }
        if !directory {
            return Ok(false);
        }
        let Ok(mut below) = listing.below(index) else { return Ok(false) };
        self.folder(&path, depth + 1, &mut below)
    }

    fn is_in_head(&self, path: &RepoPath) -> Result<bool, WorktreeError> {
        match self.reading.head {
            Some(head) => Ok(self.repo.entry_at(head, path)?.is_some()),
            None => Ok(false),
        }
    }
}
