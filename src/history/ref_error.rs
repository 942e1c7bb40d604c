//! What can go wrong when refs are made, renamed and deleted.

use thiserror::Error;

use crate::log::{LogError, RefName, RefNameError};
use crate::object::Id;
use crate::repo::RepoError;
use crate::sign::SignError;
use crate::store::StoreError;

/// What can go wrong when refs are made, renamed and deleted.
#[derive(Debug, Error)]
pub enum RefError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] RefNameError),
    /// The name is taken.
    #[error("{} exists already", in_words(name))]
    Exists {
        /// The ref.
        name: RefName,
    },
    /// Nothing is called so.
    #[error("there is no {}", in_words(name))]
    NotFound {
        /// The ref.
        name: RefName,
    },
    /// git keeps refs as files: one cannot be both a file and a folder.
    #[error("{} cannot be beside {}, as git could not hold both", in_words(name), in_words(other))]
    Clash {
        /// The new ref.
        name: RefName,
        /// The one that is there.
        other: RefName,
    },
    /// HEAD is on it.
    #[error("HEAD is on {}", in_words(name))]
    Current {
        /// The branch.
        name: RefName,
    },
    /// No other ref leads to its commits.
    #[error("no other ref leads to what {} holds", in_words(name))]
    Unmerged {
        /// The branch.
        name: RefName,
        /// Where it is.
        id: Id,
    },
    /// The message is too long.
    #[error("the tag would be {size} bytes, and {limit} is the limit: the message is too long")]
    TooLong {
        /// Its size in bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The log said no.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The repository said no.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

fn in_words(name: &RefName) -> String {
    let kind = match (name.is_branch(), name.is_tag()) {
        (true, _) => "branch",
        (_, true) => "tag",
        _ => "remote branch",
    };
    format!("{kind} {}", name.short())
}
