//! The user's own configuration: `config.toml` in the user's configuration folder.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// The user's own configuration. Nothing that is versioned can change it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserConfig {
    /// Who the user is.
    pub user: UserSection,
    /// Which folders of other users may be used.
    pub safe: SafeSection,
}

/// Who the user is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserSection {
    /// The file of the key that signs commits.
    pub key: Option<PathBuf>,
    /// The name that commits carry.
    pub email: Option<String>,
}

/// Which folders of other users may be used.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SafeSection {
    /// Roots of repositories whose `.aisr` another user owns.
    pub folders: Vec<PathBuf>,
}

/// Why the configuration cannot be read.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{} is not a valid configuration: {}", path.display(), source.message())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
}

impl UserConfig {
    /// Reads the file, which need not exist.
    ///
    /// # Errors
    /// When it exists and cannot be read, or says something that is not known.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(ConfigError::Read { path: path.into(), source }),
        };
        toml::from_str(&text)
            .map_err(|e| ConfigError::Parse { path: path.into(), source: Box::new(e) })
    }
}
