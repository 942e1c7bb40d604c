//! The folder that is captured: scanning, ignoring, committing, checking out elsewhere.
//!
//! Uses `capture`, `repo`, `log`, `store`, `map`, `object` and `disk`.

mod ahead;
mod checkout;
mod commit;
mod error;
mod folder_lock;
mod ignores;
mod listing;
mod report;
mod scan;
mod stat_cache;
mod tree_builder;

pub use checkout::{CheckoutReport, checkout_out};
pub use commit::{CommitOptions, CommitOutcome, commit};
pub use error::WorktreeError;
pub use ignores::{DEFAULT_IGNORES, IGNORE_FILE};
pub use report::{CommitReport, Progress, Warning};
pub use stat_cache::{CacheEntry, decode_entry, encode_entry};
