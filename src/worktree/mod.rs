//! The folder that is captured: scanning, ignoring, committing, checking out elsewhere.
//!
//! Uses `capture`, `diff`, `view`, `repo`, `log`, `store`, `map`, `object` and `disk`.

mod ahead;
mod checkout;
mod checkout_out;
mod coherent;
mod commit;
mod commit_paths;
mod compare;
mod content;
mod database_cache;
mod databases;
mod distinct_names;
mod error;
mod folder_lock;
mod ignore_pattern;
mod ignores;
mod listing;
mod operation;
mod overlay;
mod propose_ignores;
mod quiesce;
mod read_folder;
mod report;
mod restore;
mod scan;
mod selection;
mod side_source;
mod stat_cache;
mod status;
mod tree_builder;
mod tree_edit;
mod understand;
mod undo;
mod untrack;
mod working_tree;
mod writers;

pub use checkout::{CheckoutOptions, checkout, fast_forward};
pub use checkout_out::{CheckoutReport, checkout_out};
pub use commit::{CommitOptions, CommitOutcome, amend, commit};
pub use compare::{CompareOptions, Compared, Side, compare};
pub use content::{Content, TEXT_LIMIT, read_text};
pub use error::WorktreeError;
pub use ignores::{DEFAULT_IGNORES, IGNORE_FILE};
pub use operation::{Conflict, Performed, Recovered, each_kept, is_interrupted, recover};
pub use propose_ignores::{Proposals, write_first_ignore_file};
pub use quiesce::{Quiesce, QuiesceError};
pub use read_folder::Reading;
pub use report::{CommitReport, Progress, Warning};
pub use restore::{RestoreOptions, restore};
pub use stat_cache::{CacheEntry, CachedFolder, Record, decode_record, encode_record};
pub use status::{Status, StatusOptions, status};
pub use understand::{Versions, understand};
pub use undo::{Direction, UndoOptions, Undone, undo};
pub use untrack::{Untracked, untrack};
pub use working_tree::WorkingTree;
