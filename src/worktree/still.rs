//! Whether the folder held still since a moment: a look at every time of change, and nothing else.

use bstr::ByteSlice;
use rustix::fs::{FileType, fstat};

use crate::capture::StatKey;
use crate::object::{RepoPath, check_name};
use crate::repo::Repository;

use super::ahead::Ahead;
use super::error::WorktreeError;
use super::ignores::Ignores;
use super::listing::Listing;
use super::read_folder::Reading;
use super::scan::is_own;

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
    let Ok(mut listing) = Listing::of_root(repo.root()) else { return Ok(false) };
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
        self.ignores.take_up(listing, path, depth)?;
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
        if is_own(depth, name) || check_name(name).is_err() {
            return Ok(true);
        }
        let directory = kind == FileType::Directory;
        if !directory && !stat.is_racy(self.since) {
            return Ok(true);
        }
        let Ok(path) = folder.join(name) else { return Ok(false) };
        if self.ignores.is_ignored(path.as_bytes().as_bstr(), directory) {
            return Ok(self.repo.entry_in(self.reading.head, &path)?.is_none());
        }
        if !directory {
            return Ok(false);
        }
        let Ok(mut below) = listing.below(index) else { return Ok(false) };
        self.folder(&path, depth + 1, &mut below)
    }
}
