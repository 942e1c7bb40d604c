//! Which secrets the user let pass: one file in the user's own configuration folder.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::disk::{Disk, DiskError};

use super::guard::Fingerprint;

/// The file's name.
const FILE: &str = "allowed-secrets";

/// Why the list cannot be read or written.
#[derive(Debug, Error)]
pub enum AllowedError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no fingerprint.
    #[error("{}, line {line}, is no fingerprint", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Which secrets the user let pass: fingerprints, one on each line, never the secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowedSecrets {
    path: PathBuf,
    fingerprints: Vec<Fingerprint>,
}

impl AllowedSecrets {
    /// Reads the list in the folder of the user's configuration. It need not exist.
    ///
    /// # Errors
    /// When it exists and cannot be read, or holds something else.
    pub fn load(config_dir: &Path) -> Result<Self, AllowedError> {
        let path = config_dir.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(AllowedError::Read { path, source }),
        };
        let parsed = text.lines().enumerate().map(|(number, line)| {
            line.parse().map_err(|_| AllowedError::Line { path: path.clone(), line: number + 1 })
        });
        let fingerprints = parsed.collect::<Result<_, _>>()?;
        Ok(Self { path, fingerprints })
    }

    /// All that pass, in the order in which they were allowed.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    /// Lets one pass. Says whether it was new.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn allow(&mut self, disk: &Disk, fingerprint: Fingerprint) -> Result<bool, AllowedError> {
        if self.fingerprints.contains(&fingerprint) {
            return Ok(false);
        }
        self.fingerprints.push(fingerprint);
        self.save(disk)?;
        Ok(true)
    }

    /// Lets one no longer pass. Says whether it did before.
    ///
    /// # Errors
    /// As [`AllowedSecrets::allow`].
    pub fn revoke(&mut self, disk: &Disk, fingerprint: Fingerprint) -> Result<bool, AllowedError> {
        let before = self.fingerprints.len();
        self.fingerprints.retain(|known| *known != fingerprint);
        if self.fingerprints.len() == before {
            return Ok(false);
        }
        self.save(disk)?;
        Ok(true)
    }

    fn save(&self, disk: &Disk) -> Result<(), AllowedError> {
        if let Some(folder) = self.path.parent() {
            disk.create_dir_all_synced(folder, 0o700)?;
        }
        let text: String = self.fingerprints.iter().map(|one| format!("{one}\n")).collect();
        Ok(disk.replace_whole(&self.path, text.as_bytes(), 0o600)?)
    }
}

#[cfg(test)]
mod tests {
    use super::{AllowedError, AllowedSecrets};
    use crate::disk::Disk;

    #[test]
    fn what_is_allowed_is_kept_until_it_is_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, one) = (Disk::new(), "00112233445566778899aabbccddeeff".parse().unwrap());
        let mut list = AllowedSecrets::load(dir.path()).unwrap();
        assert!(list.allow(&disk, one).unwrap());
        assert!(!list.allow(&disk, one).unwrap());
        let mut list = AllowedSecrets::load(dir.path()).unwrap();
        assert_eq!(list.fingerprints(), [one]);
        assert!(list.revoke(&disk, one).unwrap());
        assert!(!list.revoke(&disk, one).unwrap());
        assert_eq!(AllowedSecrets::load(dir.path()).unwrap().fingerprints(), []);
    }

    #[test]
    fn a_line_that_is_no_fingerprint_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(super::FILE), "12\n").unwrap();
        let error = AllowedSecrets::load(dir.path()).unwrap_err();
        assert!(matches!(error, AllowedError::Line { line: 1, .. }), "{error}");
    }
}
