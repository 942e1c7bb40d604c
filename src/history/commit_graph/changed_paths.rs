//! What a commit changed, for its filter.

use std::collections::BTreeSet;

use crate::diff::diff_trees;
use crate::object::NodeId;
use crate::repo::{RepoError, Repository};

use super::filter::{MOST_PATHS, build, with_folders};

/// Why no more changes are looked for.
enum Stop {
    /// There are more than a filter holds.
    TooMany,
    /// A tree cannot be read.
    Unreadable,
}

impl From<RepoError> for Stop {
    fn from(_: RepoError) -> Self {
        Self::Unreadable
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
        if paths.len() > MOST_PATHS { Err(Stop::TooMany) } else { Ok(()) }
    });
    match walked {
        Err(Stop::Unreadable) => Vec::new(),
        Ok(()) | Err(Stop::TooMany) => build(paths.iter().map(Vec::as_slice)),
    }
}
