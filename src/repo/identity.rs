//! Who signs: the key and the name, chosen from what the user has.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::disk::{Disk, DiskError};
use crate::sign::{AskPassphrase, SecretKey, SignError};

use super::config::UserConfig;

/// What is known of the user before any repository is opened. The edge fills it in.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The user's configuration.
    pub config: UserConfig,
    /// The folder that the configuration lies in; aisr's own key is kept there.
    pub config_dir: PathBuf,
    /// The user's home, where `.ssh` is.
    pub home: Option<PathBuf>,
    /// git's `user.email`, where git has one.
    pub git_email: Option<String>,
    /// `user@host`, the name of last resort.
    pub login: String,
}

/// A key that signs, and what its holder is called.
pub struct Identity {
    /// The key.
    pub key: SecretKey,
    /// Where it lies.
    pub path: PathBuf,
    /// The holder's name.
    pub name: String,
    /// Whether the key was made just now.
    pub made: bool,
}

/// Why no key can be had.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// There is no key.
    #[error("there is no key to sign with: looked for {}", looked.join(", "))]
    NoKey {
        /// Where it was looked for.
        looked: Vec<String>,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Chooses the key: `user.key` of the configuration, else `~/.ssh/id_ed25519`, else aisr's own.
/// With `make`, a key that exists nowhere is made, for its owner's eyes alone.
///
/// # Errors
/// When there is no key and none may be made, or it cannot be read.
pub fn load_identity(
    around: &Surroundings,
    ask: &mut AskPassphrase<'_>,
    make: Option<&Disk>,
) -> Result<Identity, IdentityError> {
    let own = around.config_dir.join("id_ed25519");
    let configured = around.config.user.key.as_deref().map(|path| expand(path, around));
    let ssh = around.home.as_ref().map(|home| home.join(".ssh/id_ed25519"));
    let candidates: Vec<PathBuf> = match configured {
        Some(path) => vec![path],
        None => ssh.into_iter().chain([own.clone()]).collect(),
    };
    if let Some(path) = candidates.iter().find(|path| path.exists()) {
        let key = SecretKey::load(path, ask)?;
        let name = name(around, &key);
        return Ok(Identity { key, path: path.clone(), name, made: false });
    }
    let Some(disk) = make.filter(|_| candidates.contains(&own)) else {
        let looked = candidates.iter().map(|path| path.display().to_string()).collect();
        return Err(IdentityError::NoKey { looked });
    };
    let key = SecretKey::generate()?;
    let name = name(around, &key);
    disk.create_dir_all_synced(&around.config_dir, 0o700)?;
    disk.create_whole(&own, key.to_openssh_pem(&name)?.as_bytes(), 0o600)?;
    Ok(Identity { key, path: own, name, made: true })
}

fn name(around: &Surroundings, key: &SecretKey) -> String {
    let filled = |text: &String| !text.trim().is_empty();
    let comment = Some(key.comment().to_owned());
    let config = around.config.user.email.clone();
    let candidates = [config, around.git_email.clone(), comment];
    candidates.into_iter().flatten().find(filled).unwrap_or_else(|| around.login.clone())
}

/// `~/…` in the user's own configuration means the user's home.
fn expand(path: &Path, around: &Surroundings) -> PathBuf {
    match (path.strip_prefix("~"), &around.home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}
