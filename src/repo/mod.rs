//! A repository, opened: store, log, trust, format and the user's configuration in one handle.
//!
//! Verbs above this room are free functions that take a [`Repository`]. Uses `trust`, `log`,
//! `store`, `sign`, `object` and `disk`.

mod config;
mod error;
mod format;
mod identity;
mod init;
mod objects;
mod repository;
mod settings;
mod tree;

pub use config::{ConfigError, UserConfig};
pub use error::RepoError;
pub use format::{FORMAT_VERSION, Format, SHARED_PLACE};
pub use identity::{Identity, IdentityError, Surroundings, load_identity};
pub use init::{InitOptions, ReplicaOptions, founding, init, init_replica};
pub use objects::{SignatureState, StoredCommit, StoredTag};
pub use repository::{FOLDER, Repository};
pub use settings::{
    CONFIG_FILE, Origin, SETTINGS, Scope, Setting, SettingError, SettingsFile, in_force,
};
pub use tree::{Descend, FILES, ensure_size, tree_entry};

use crate::object::Stamp;

/// The present moment, in the zone of this machine.
pub fn now() -> Stamp {
    let now = jiff::ZonedDateTime::now();
    Stamp { micros: now.timestamp().as_microsecond(), zone: (now.offset().seconds() / 60) as i16 }
}
