//! The remotes of a repository, as its own unversioned configuration names them.

use std::path::{Path, PathBuf};

use crate::log::RefName;
use crate::repo::{CONFIG_FILE, Origin, Repository, SettingsFile};

use super::address::parse_address;
use super::error::{RemoteError, Result};
use super::seen::forget;

const SECTION: &str = "remote";
const KEY: &str = "place";

/// A place with a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// The name.
    pub name: String,
    /// The place's address.
    pub place: String,
}

fn settings(repo: &Repository) -> Result<SettingsFile> {
    Ok(SettingsFile::load(&repo.folder().join(CONFIG_FILE), Origin::Repository)?)
}

/// Where the second copy that `text` names lies: a remote of the repository whose `.aisr` is
/// `folder`, which need not open, or an address as it is seen from the folder `from`.
///
/// # Errors
/// As [`parse_address`].
pub fn second_copy(folder: &Path, text: &str, from: &Path) -> Result<PathBuf> {
    let settings = SettingsFile::load(&folder.join(CONFIG_FILE), Origin::Repository);
    let named = settings.map(|settings| settings.named(SECTION, KEY)).unwrap_or_default();
    match named.into_iter().find(|(name, _)| name == text) {
        Some((_, place)) => parse_address(&place, from),
        None => parse_address(text, from),
    }
}

/// All remotes, by their names.
///
/// # Errors
/// When the configuration cannot be read.
pub fn remotes(repo: &Repository) -> Result<Vec<Remote>> {
    let mut all: Vec<Remote> = settings(repo)?
        .named(SECTION, KEY)
        .into_iter()
        .filter(|(name, _)| check_name(name).is_ok())
        .map(|(name, place)| Remote { name, place })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The remote of this name.
///
/// # Errors
/// [`RemoteError::NoRemote`].
pub fn find_remote(repo: &Repository, name: &str) -> Result<Remote> {
    let found = remotes(repo)?.into_iter().find(|remote| remote.name == name);
    found.ok_or_else(|| RemoteError::NoRemote { name: name.into() })
}

/// Adds a remote.
///
/// # Errors
/// When there is one of this name, or the name is none.
pub fn add_remote(repo: &Repository, remote: &Remote) -> Result<()> {
    check_name(&remote.name)?;
    if find_remote(repo, &remote.name).is_ok() {
        return Err(RemoteError::RemoteExists { name: remote.name.clone() });
    }
    forget(repo, &remote.name);
    Ok(settings(repo)?.set_named(repo.disk(), SECTION, &remote.name, KEY, &remote.place)?)
}

/// Removes a remote; what was fetched stays.
///
/// # Errors
/// [`RemoteError::NoRemote`].
pub fn remove_remote(repo: &Repository, name: &str) -> Result<()> {
    find_remote(repo, name)?;
    settings(repo)?.remove_named(repo.disk(), SECTION, name)?;
    forget(repo, name);
    Ok(())
}

/// The remote that a branch goes with: the one it was set to, else `origin`, else the only one.
///
/// # Errors
/// [`RemoteError::NoRemote`] where none of these is there.
pub fn upstream(repo: &Repository, branch: Option<&RefName>) -> Result<Remote> {
    let short = branch.map(|name| name.short().to_string());
    let set = settings(repo)?.named("branch", SECTION);
    let set = set.into_iter().find(|(name, _)| Some(name) == short.as_ref());
    let all = remotes(repo)?;
    let wanted = set.map_or("origin".into(), |(_, remote)| remote);
    match (all.iter().find(|remote| remote.name == wanted), &all[..]) {
        (Some(remote), _) => Ok(remote.clone()),
        (None, [only]) => Ok(only.clone()),
        _ => Err(RemoteError::NoRemote { name: wanted }),
    }
}

/// Lets a branch go with a remote, if it goes with none yet.
///
/// # Errors
/// When the configuration cannot be written.
pub fn set_upstream(repo: &Repository, branch: &RefName, remote: &str) -> Result<()> {
    let mut settings = settings(repo)?;
    let short = branch.short().to_string();
    if settings.named("branch", SECTION).iter().any(|(name, _)| *name == short) {
        return Ok(());
    }
    Ok(settings.set_named(repo.disk(), "branch", &short, SECTION, remote)?)
}

/// The ref that says where a branch of a remote was seen.
pub fn tracking(remote: &str, branch: &RefName) -> Result<RefName> {
    let name = [b"refs/remotes/", remote.as_bytes(), b"/", branch.short()].concat();
    RefName::new(&name).map_err(|_| RemoteError::BadName { name: remote.into() })
}

fn check_name(name: &str) -> Result<()> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let valid = name.bytes().all(fine) && !name.starts_with(['-', '.']);
    let full = format!("refs/remotes/{name}/x");
    match valid && !name.is_empty() && name.len() < 100 && RefName::new(full.as_bytes()).is_ok() {
        true => Ok(()),
        false => Err(RemoteError::BadName { name: name.into() }),
    }
}
