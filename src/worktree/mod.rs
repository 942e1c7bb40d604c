//! The folder that is captured: scanning, ignoring, committing, checking out elsewhere.
//!
//! Uses `capture`, `diff`, `repo`, `log`, `store`, `map`, `object` and `disk`.

mod ahead;
mod checkout;
mod coherent;
mod commit;
mod compare;
mod content;
mod database_cache;
mod databases;
mod error;
mod folder_lock;
mod ignore_pattern;
mod ignores;
mod listing;
mod read_folder;
mod report;
mod scan;
mod stat_cache;
mod status;
mod tree_builder;
mod tree_edit;
mod untrack;
mod working_tree;

pub use checkout::{CheckoutReport, checkout_out};
pub use commit::{CommitOptions, CommitOutcome, amend, commit};
pub use compare::{CompareOptions, Compared, Side, compare};
pub use content::{Content, TEXT_LIMIT, read_text};
pub use error::WorktreeError;
pub use ignores::{DEFAULT_IGNORES, IGNORE_FILE};
pub use read_folder::Reading;
pub use report::{CommitReport, Progress, Warning};
pub use stat_cache::{CacheEntry, decode_entry, encode_entry};
pub use status::{Status, StatusOptions, status};
pub use untrack::{Untracked, untrack};
pub use working_tree::WorkingTree;
