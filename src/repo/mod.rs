//! A repository, opened: store, log, trust, format and the user's configuration in one handle.
//!
//! Verbs above this room are free functions that take a [`Repository`]. Uses `trust`, `log`,
//! `store`, `sign`, `object` and `disk`.

mod arrivals;
mod config;
mod error;
mod expired;
mod format;
mod identity;
mod init;
mod key_ring;
mod objects;
mod repository;
mod settings;
mod tree;
mod trust_change;

pub use config::{ConfigError, UserConfig};
pub use error::RepoError;
pub use format::{FORMAT_VERSION, Format, FormatError, SHARED_PLACE};
pub use identity::{Identity, IdentityError, Surroundings, load_identity};
pub use init::{InitOptions, ReplicaOptions, founding, init, init_replica};
pub use key_ring::{KeyPlace, RingKey, key_ring};
pub use objects::{SignatureState, StoredCommit, StoredTag};
pub use repository::{FOLDER, Repository};
pub use settings::{
    CONFIG_FILE, Origin, SETTINGS, Scope, Setting, SettingError, SettingsFile, days, in_force,
};
pub use tree::{Descend, FILES, ensure_size, tree_entry};
pub use trust_change::{TrustChange, TrustChangeError, change_trust};

use crate::object::Stamp;

/// The present moment, in the zone of this machine.
pub fn now() -> Stamp {
    let now = jiff::ZonedDateTime::now();
    Stamp { micros: now.timestamp().as_microsecond(), zone: (now.offset().seconds() / 60) as i16 }
}
