//! What a commit changed, for its filter.

use std::collections::BTreeSet;

use crate::diff::diff_trees;
use crate::object::NodeId;
use crate::repo::{RepoError, Repository};

use super::filter::{MOST_PATHS, build, with_folders};

/// There are too many changes, or a tree cannot be read: nothing is kept then.
struct Stop;

impl From<RepoError> for Stop {
    fn from(_: RepoError) -> Self {
        Self
    }
}

/// The filter of what turns the tree `before` into `after`; empty where that is not known. `before`
/// is `None` for a commit without parents, and `Some(None)` where its parent's tree is not known.
pub fn changed_paths(
    repo: &Repository,
    before: Option<Option<NodeId>>,
    after: Option<NodeId>,
) -> Vec<u8> {
    let (before, after) = match (before, after) {
        (Some(None), _) | (_, None) => return Vec::new(),
        (before, after) => (before.flatten(), after),
    };
    let mut paths: BTreeSet<Vec<u8>> = BTreeSet::new();
    let walked = diff_trees(repo.store(), before, after, &mut |change| {
        for path in with_folders(change.path.as_bytes()) {
            if !paths.contains(path) {
                paths.insert(path.to_vec());
            }
        }
        if paths.len() > MOST_PATHS { Err(Stop) } else { Ok(()) }
    });
    match walked {
        Ok(()) => build(paths.iter().map(Vec::as_slice)),
        Err(Stop) => Vec::new(),
    }
}
