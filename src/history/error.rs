//! What can go wrong with revisions and walks.

use bstr::BString;
use thiserror::Error;

use crate::log::LogError;
use crate::object::{CommitId, Id, NameError, ObjectType};
use crate::repo::RepoError;
use crate::store::StoreError;

/// What can go wrong with revisions and walks.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// Nothing is called so.
    #[error("no commit, branch or tag is called `{text}`")]
    Unknown {
        /// What was typed.
        text: String,
    },
    /// Several ids start so.
    #[error("`{prefix}` is the start of more than one id")]
    Ambiguous {
        /// What was typed.
        prefix: String,
        /// The ids that start so, the first few.
        candidates: Vec<(Id, ObjectType)>,
    },
    /// HEAD is on a branch that has no commit yet.
    #[error("{branch} has no commit yet")]
    Unborn {
        /// The branch.
        branch: BString,
    },
    /// The words behind a revision are not of a known form.
    #[error("`{text}` is not a revision: {why}")]
    Syntax {
        /// What was typed.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A commit has no such parent or ancestor.
    #[error("`{text}` goes too far back: {} has {has}", &from.to_hex()[..8])]
    NoParent {
        /// What was typed.
        text: String,
        /// The last commit on the way.
        from: CommitId,
        /// What it has instead.
        has: String,
    },
    /// A ref moved fewer times.
    #[error("{name} has no value {back} moves ago: this clone's log knows {known}")]
    NotSoFarBack {
        /// The ref.
        name: BString,
        /// How far back was asked for.
        back: u64,
        /// How many values are known.
        known: u64,
    },
    /// HEAD is detached, so there is no branch that `@{n}` could mean.
    #[error("`@{{n}}` means the current branch, but HEAD is on none")]
    Detached,
    /// An object of another type is named.
    #[error("`{text}` names a {}, not a {wanted}", found.name())]
    WrongType {
        /// What was typed.
        text: String,
        /// What it names.
        found: ObjectType,
        /// What is needed.
        wanted: &'static str,
    },
    /// Tags that name tags lead too far.
    #[error("`{text}` is a chain of more than {limit} tags")]
    TagChain {
        /// What was typed.
        text: String,
        /// How many are followed.
        limit: usize,
    },
    /// A path is not one.
    #[error("`{path}` is not a path of the tree: {source}")]
    Path {
        /// What was typed.
        path: BString,
        /// Why.
        source: NameError,
    },
    /// The repository said no.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The log said no.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}
