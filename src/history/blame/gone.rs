//! Who deleted what is no longer there.

use crate::history::every::Every;
use crate::history::revision::Range;
use crate::history::walk::CommitWalk;
use crate::object::{CommitId, RepoPath};
use crate::repo::Repository;
use crate::view::{Key, Table, Value};

use super::error::{BlameError, Unread};
use super::events::{Thing, Versions};
use super::files::FileState;
use super::records::passing;
use super::rows::Views;

/// Merges within merges are looked into so deep; below that a merge counts as having dropped it
/// itself.
const DEPTH: usize = 256;

/// A commit that deleted the thing.
#[derive(Clone, PartialEq, Debug)]
pub struct Gone {
    /// The commit.
    pub commit: CommitId,
    /// A parent that still has it.
    pub parent: CommitId,
    /// What that one has.
    pub last: Value,
}

/// The commits behind `commit` that deleted the thing, which `commit` has no more, the newest
/// first; none where it never was there. And those that could not be looked at. All of them are in
/// `every`.
///
/// A merge that lacks it, where one side has it, deleted it itself unless a commit of the other
/// side did, since both parted: what the side with it has in its past does not count.
///
/// # Errors
/// When what was deleted cannot be read.
pub fn gone(
    repo: &Repository,
    every: &Every,
    commit: CommitId,
    thing: &Thing,
) -> Result<(Vec<Gone>, Vec<Unread>), BlameError> {
    let Some(start) = every.commits.iter().position(|known| known.id == commit) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let mut versions = Versions::load(repo, every, thing);
    let there: Result<Vec<Option<bool>>, BlameError> =
        (0..every.commits.len()).map(|at| versions.is_there(at)).collect();
    let search = Search { every, there: there? };
    let mut found = search.from(start, &[], 0);
    found.sort_unstable();
    found.dedup();
    let mut out = Vec::new();
    for (at, parent) in found {
        if let Some(last) = versions.value(parent)? {
            let id = |at: usize| every.commits[at].id;
            out.push(Gone { commit: id(at), parent: id(parent), last });
        }
    }
    Ok((out, versions.unread))
}

/// The records that `passes` lets pass in the newest version of the content at `path`, in `commit`
/// or behind it, of which it lets any: each by its table and key. Newest is what a log shows first.
/// A version that is no content of the kind that `commit` has is passed over.
///
/// # Errors
/// When the commits behind `commit` cannot be walked, or a version cannot be read.
pub fn last_records(
    repo: &Repository,
    commit: CommitId,
    path: &RepoPath,
    table: Option<&str>,
    passes: &dyn Fn(&Table, &Key, &Value) -> bool,
) -> Result<Vec<(String, Key)>, BlameError> {
    let range = Range { include: vec![commit], exclude: Vec::new() };
    let mut views = Views::new(repo);
    if let Some(state) = FileState::find(repo, repo.files_of(commit)?, path)? {
        views.first(&state)?;
    }
    for walked in CommitWalk::of_paths_on_all_lines(repo, &range, std::slice::from_ref(path)) {
        let stored = walked.map_err(|error| *error.source)?;
        let Some(state) = FileState::find(repo, repo.files(&stored.commit)?, path)? else {
            continue;
        };
        let Some(view) = views.get(&state)? else { continue };
        let mut found = Vec::new();
        let is_named = |of: &&Table| table.is_none_or(|table| of.name == table);
        for of in view.tables().iter().filter(is_named) {
            passing(&*view, of, passes, &mut |key, _| found.push((of.name.clone(), key)))?;
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

struct Search<'e> {
    every: &'e Every,
    /// For each commit, whether it has the thing; `None` where that is not known.
    there: Vec<Option<bool>>,
}

impl Search<'_> {
    /// The commits that deleted it, from `start` back, and for each a parent that has it. What is
    /// `hidden` is not looked into.
    fn from(&self, start: usize, hidden: &[bool], depth: usize) -> Vec<(usize, usize)> {
        let (mut found, mut stack, mut seen) =
            (Vec::new(), vec![start], vec![false; self.every.commits.len()]);
        let is_hidden = |at: usize| hidden.get(at).copied().unwrap_or(false);
        while let Some(at) = stack.pop() {
            if is_hidden(at) || std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let parents = &self.every.commits[at].parents;
            let (with, without): (Vec<usize>, Vec<usize>) =
                parents.iter().partition(|parent| self.there[**parent] == Some(true));
            let Some(first) = with.first() else {
                stack.extend(without);
                continue;
            };
            let mut deeper = Vec::new();
            if !without.is_empty() && depth < DEPTH {
                let mut reached = self.every.reached(with.iter().copied());
                reached.iter_mut().zip(hidden).for_each(|(at, hidden)| *at |= hidden);
                for side in without {
                    deeper.extend(self.from(side, &reached, depth + 1));
                }
            }
            match deeper.is_empty() {
                true => found.push((at, *first)),
                false => found.extend(deeper),
            }
        }
        found
    }
}
