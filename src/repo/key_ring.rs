//! The keys that the user has: in files, and in an agent.

use std::path::{Path, PathBuf};

use crate::sign::{Agent, KeyFile, PublicKey, SignError, look};

use super::identity::{Surroundings, choose, own_key};

/// The most files of `~/.ssh` that are looked at.
const FILES_LIMIT: usize = 1000;

/// Where a key was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyPlace {
    /// A private key file.
    Private {
        /// The file.
        path: PathBuf,
        /// Whether a passphrase opens it.
        encrypted: bool,
    },
    /// A public key file.
    Public(PathBuf),
    /// The SSH agent.
    Agent,
    /// The user's configuration itself.
    Configuration,
}

/// A key of the user's, or what looks like one.
#[derive(Debug)]
pub struct RingKey {
    /// The key; or why it cannot be used.
    pub key: Result<PublicKey, SignError>,
    /// What it is called; may be empty.
    pub comment: String,
    /// Where it was found.
    pub places: Vec<KeyPlace>,
    /// Whether it is the one that signs.
    pub signs: bool,
}

/// Lists the keys in `~/.ssh`, in the configuration, aisr's own, and those that the agent holds;
/// and why the agent could not be asked, if it could not.
pub fn key_ring(around: &Surroundings) -> (Vec<RingKey>, Option<SignError>) {
    let mut ring = Ring(Vec::new());
    let choice = choose(around);
    let chosen = choice.file().cloned();
    let files = chosen.iter().cloned().chain([own_key(around)]).chain(ssh_files(around));
    let mut seen = Vec::new();
    for path in files.filter(|path| path.exists()) {
        if !seen.contains(&path) {
            ring.file(&path, chosen.as_ref() == Some(&path));
            seen.push(path);
        }
    }
    if let Some(line) = &choice.line {
        let comment = line.split_ascii_whitespace().skip(2).collect::<Vec<_>>().join(" ");
        ring.add(PublicKey::from_openssh(line), comment, KeyPlace::Configuration, true);
    }
    let mut silent = None;
    match around.agent.as_deref().map(|socket| Agent::new(socket).identities()) {
        None => {}
        Some(Err(error)) => silent = Some(error),
        Some(Ok(held)) => {
            for held in held {
                ring.add(held.key, held.comment, KeyPlace::Agent, false);
            }
        }
    }
    (ring.0, silent)
}

struct Ring(Vec<RingKey>);

impl Ring {
    fn file(&mut self, path: &Path, signs: bool) {
        let public = KeyPlace::Public(path.into());
        match look(path) {
            Ok(KeyFile::Public { key, comment }) => self.add(Ok(key), comment, public, signs),
            Ok(KeyFile::Private { key, encrypted }) => {
                let place = KeyPlace::Private { path: path.into(), encrypted };
                self.add(Ok(key), String::new(), place, signs);
            }
            Err(error) => self.add(Err(error), String::new(), public, signs),
        }
    }

    fn add(
        &mut self,
        key: Result<PublicKey, SignError>,
        comment: String,
        place: KeyPlace,
        signs: bool,
    ) {
        let same = |known: &&mut RingKey| matches!((&known.key, &key), (Ok(a), Ok(b)) if a == b);
        match self.0.iter_mut().find(same) {
            Some(known) => {
                known.places.push(place);
                known.signs |= signs;
                if known.comment.is_empty() {
                    known.comment = comment;
                }
            }
            None => self.0.push(RingKey { key, comment, places: vec![place], signs }),
        }
    }
}

/// Key files in `~/.ssh`, by their names: `id_…` and what ends with `.pub`, in the order of names.
fn ssh_files(around: &Surroundings) -> Vec<PathBuf> {
    let Some(folder) = around.home.as_ref().map(|home| home.join(".ssh")) else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .take(FILES_LIMIT)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("id_") || name.ends_with(".pub"))
        .collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
}
