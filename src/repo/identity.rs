//! Who signs: the key and the name, chosen from what the user has.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::disk::{Disk, DiskError};
use crate::sign::{
    Agent, AgentKey, AskPassphrase, KeyFile, KeyFileFormat, PublicKey, SecretKey, SignError,
    Signer, look,
};

use super::config::UserConfig;

/// What is known of the user before any repository is opened. The edge fills it in.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The user's configuration.
    pub config: UserConfig,
    /// The folder that the configuration lies in; aisr's own key is kept there.
    pub config_dir: PathBuf,
    /// The socket of the user's SSH agent.
    pub agent: Option<PathBuf>,
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
    pub key: Signer,
    /// Where it lies; of a key that is in no file, the agent's socket.
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
    /// Only an agent could sign with the key, and none holds it.
    #[error("no SSH agent holds key {fingerprint}")]
    NotHeld {
        /// The key.
        fingerprint: String,
        /// The socket of the agent that was asked.
        socket: Option<PathBuf>,
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
/// A key signs through the SSH agent where only that can: where a public key is named, a security
/// key, or a private key that is encrypted and that the agent holds.
///
/// # Errors
/// When there is no key and none may be made, it cannot be read, or no agent holds it.
pub fn load_identity(
    around: &Surroundings,
    ask: &mut AskPassphrase<'_>,
    make: Option<&Disk>,
) -> Result<Identity, IdentityError> {
    let choice = choose(around);
    if let Some(line) = &choice.line {
        let signer = through_agent(around, PublicKey::from_openssh(line)?)?;
        let path = around.agent.clone().unwrap_or_default();
        let name = name(around, &signer);
        return Ok(Identity { key: signer, path, name, made: false });
    }
    if let Some(path) = choice.file() {
        let (key, path) = sign_with(path, around, ask)?;
        let name = name(around, &key);
        return Ok(Identity { key, path, name, made: false });
    }
    let own = own_key(around);
    let Some(disk) = make.filter(|_| choice.files.contains(&own)) else {
        let looked = choice.files.iter().map(|path| path.display().to_string()).collect();
        return Err(IdentityError::NoKey { looked });
    };
    let secret = SecretKey::generate()?;
    let name = name_of(around, "");
    disk.create_dir_all_synced(&around.config_dir, 0o700)?;
    disk.create_whole(&own, secret.to_openssh_pem(&name)?.as_bytes(), 0o600)?;
    Ok(Identity { key: secret.into(), path: own, name, made: true })
}

/// Where the key is looked for: a public key as a line of text, or files of which the first that
/// exists counts.
pub(super) struct Choice {
    pub line: Option<String>,
    pub files: Vec<PathBuf>,
}

impl Choice {
    pub fn file(&self) -> Option<&PathBuf> {
        self.files.iter().find(|path| path.exists())
    }
}

pub(super) fn choose(around: &Surroundings) -> Choice {
    let Some(configured) = &around.config.user.key else {
        let ssh = around.home.as_ref().map(|home| home.join(".ssh/id_ed25519"));
        return Choice { line: None, files: ssh.into_iter().chain([own_key(around)]).collect() };
    };
    match configured.to_str().filter(|text| is_public_line(text)) {
        Some(line) => Choice { line: Some(line.into()), files: Vec::new() },
        None => Choice { line: None, files: vec![expand(configured, around)] },
    }
}

/// Whether a setting holds a key itself rather than the name of a file.
fn is_public_line(text: &str) -> bool {
    text.contains(' ') && KeyFileFormat::of(text.as_bytes()) == KeyFileFormat::OpenSshPublic
}

/// aisr's own key file.
pub(super) fn own_key(around: &Surroundings) -> PathBuf {
    around.config_dir.join("id_ed25519")
}

/// What signs with the key in the file `path`, and the file that says so.
fn sign_with(
    path: &Path,
    around: &Surroundings,
    ask: &mut AskPassphrase<'_>,
) -> Result<(Signer, PathBuf), IdentityError> {
    let mut load = |path: &Path| Ok((SecretKey::load(path, ask)?.into(), path.to_owned()));
    let through_agent = |key| through_agent(around, key).map(|signer| (signer, path.to_owned()));
    match look(path)? {
        KeyFile::Private { key, .. } if key.is_security_key() => through_agent(key),
        KeyFile::Private { encrypted: false, .. } => load(path),
        KeyFile::Private { key, .. } => through_agent(key).or_else(|_| load(path)),
        KeyFile::Public { key, .. } => through_agent(key).or_else(|error| {
            // As `ssh-keygen -Y sign` does: the private key beside the public one.
            let beside = path.with_extension("");
            match look(&beside) {
                Ok(KeyFile::Private { key: found, .. })
                    if found == key && !key.is_security_key() =>
                {
                    load(&beside)
                }
                _ => Err(error),
            }
        }),
    }
}

fn through_agent(around: &Surroundings, key: PublicKey) -> Result<Signer, IdentityError> {
    let not_held = |socket| IdentityError::NotHeld { fingerprint: key.fingerprint(), socket };
    let Some(socket) = &around.agent else { return Err(not_held(None)) };
    let agent = Agent::new(socket);
    match agent.find(&key)? {
        Some(comment) => Ok(Signer::Agent(AgentKey { agent, public: key, comment })),
        None => Err(not_held(Some(socket.clone()))),
    }
}

fn name(around: &Surroundings, key: &Signer) -> String {
    name_of(around, key.comment())
}

fn name_of(around: &Surroundings, comment: &str) -> String {
    let filled = |text: &String| !text.trim().is_empty();
    let comment = Some(comment.to_owned());
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
