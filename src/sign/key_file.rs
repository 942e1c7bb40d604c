//! Key files as they lie on disk: reading them, and telling one format from another.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::{PublicKey, SignError, public_key, secret_key};

/// The most bytes that are read of a key file.
pub const KEY_FILE_LIMIT: usize = 64 * 1024;

/// What a file that should hold a key looks like, judged by its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFileFormat {
    /// An OpenSSH private key (OpenSSH's `PROTOCOL.key`).
    OpenSshPrivate,
    /// An OpenSSH public key, as in a `.pub` file.
    OpenSshPublic,
    /// A public key in the format of RFC 4716.
    Rfc4716Public,
    /// A private key in the older PEM formats, one per algorithm (PKCS#1, SEC 1).
    PemPrivate,
    /// A private key in PEM PKCS#8, encrypted or not (RFC 5958).
    Pkcs8Private,
    /// A public key or certificate in PEM.
    PemPublic,
    /// A PuTTY private key.
    Putty,
    /// A file without content.
    Empty,
    /// None of these.
    Unknown,
}

impl KeyFileFormat {
    /// Judges the content of a file by its first line.
    pub fn of(content: &[u8]) -> Self {
        let content = content.trim_ascii_start();
        if content.is_empty() {
            return KeyFileFormat::Empty;
        }
        let first_line = content.split(|byte| *byte == b'\n').next();
        let Ok(line) = str::from_utf8(first_line.unwrap_or_default()) else {
            return KeyFileFormat::Unknown;
        };
        let line = line.trim_ascii_end();
        if let Some(label) = line.strip_prefix("-----BEGIN ") {
            return match label.trim_end_matches('-') {
                "OPENSSH PRIVATE KEY" => KeyFileFormat::OpenSshPrivate,
                "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => KeyFileFormat::Pkcs8Private,
                label if label.ends_with("PRIVATE KEY") => KeyFileFormat::PemPrivate,
                label if label.ends_with("PUBLIC KEY") => KeyFileFormat::PemPublic,
                label if label.ends_with("CERTIFICATE") => KeyFileFormat::PemPublic,
                _ => KeyFileFormat::Unknown,
            };
        }
        if line.starts_with("---- BEGIN SSH2 PUBLIC KEY") {
            return KeyFileFormat::Rfc4716Public;
        }
        if line.starts_with("PuTTY-User-Key-File-") {
            return KeyFileFormat::Putty;
        }
        let first_word = line.split_ascii_whitespace().next().unwrap_or_default();
        if public_key::is_key_type(first_word) {
            return KeyFileFormat::OpenSshPublic;
        }
        KeyFileFormat::Unknown
    }

    /// How to come to an OpenSSH private key from here, when there is a way.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            KeyFileFormat::OpenSshPublic => {
                Some("name the private key: the file without .pub at the end")
            }
            KeyFileFormat::Rfc4716Public | KeyFileFormat::PemPublic => {
                Some("name the private key, not the public one")
            }
            // These formats were made for RSA, DSA and ECDSA: there is no ed25519 key in them.
            KeyFileFormat::PemPrivate => Some("make an ed25519 key: ssh-keygen -t ed25519"),
            // Since OpenSSH 9.6 `ssh-keygen` reads ed25519 keys in this one.
            KeyFileFormat::Pkcs8Private => Some(
                "convert the key if it is an ed25519 key: ssh-keygen -p -f FILE; \
                 else make one: ssh-keygen -t ed25519",
            ),
            KeyFileFormat::Putty => {
                Some("convert the key: puttygen KEY.ppk -O private-openssh-new -o FILE")
            }
            KeyFileFormat::Empty | KeyFileFormat::Unknown => {
                Some("make a key: ssh-keygen -t ed25519")
            }
            KeyFileFormat::OpenSshPrivate => None,
        }
    }
}

impl fmt::Display for KeyFileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyFileFormat::OpenSshPrivate => "an OpenSSH private key",
            KeyFileFormat::OpenSshPublic => "a public key",
            KeyFileFormat::Rfc4716Public => "a public key in RFC 4716 format",
            KeyFileFormat::PemPrivate => "a private key in an older PEM format",
            KeyFileFormat::Pkcs8Private => "a private key in PKCS#8 format",
            KeyFileFormat::PemPublic => "a public key or certificate in PEM format",
            KeyFileFormat::Putty => "a PuTTY private key",
            KeyFileFormat::Empty => "an empty file",
            KeyFileFormat::Unknown => "something else",
        })
    }
}

/// What a key file holds, as far as no passphrase is needed to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// A public key.
    Public {
        /// The key.
        key: PublicKey,
        /// What stands behind it.
        comment: String,
    },
    /// A private key.
    Private {
        /// Its public half, as the file shows it: a claim until the file is opened.
        key: PublicKey,
        /// Whether a passphrase opens it.
        encrypted: bool,
    },
}

impl KeyFile {
    /// The public key.
    pub fn key(&self) -> PublicKey {
        match self {
            Self::Public { key, .. } | Self::Private { key, .. } => *key,
        }
    }
}

/// Looks at a key file without opening the private key in it.
///
/// # Errors
/// When the file cannot be read or is no key file of OpenSSH, or the key is of a type that is not
/// supported.
pub fn look(path: &Path) -> Result<KeyFile, SignError> {
    let content = read(path)?;
    if KeyFileFormat::of(&content) != KeyFileFormat::OpenSshPublic {
        let (key, encrypted) = secret_key::look(&content, path)?;
        return Ok(KeyFile::Private { key, encrypted });
    }
    let text = String::from_utf8_lossy(&content);
    let key = PublicKey::from_openssh(&text)?;
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let comment = line.split_ascii_whitespace().skip(2).collect::<Vec<_>>().join(" ");
    Ok(KeyFile::Public { key, comment })
}

/// Whether others than the owner may do anything with a private key file.
///
/// The rule is OpenSSH's (`authfile.c`, `sshkey_perm_ok`): any bit of group or others counts, for
/// a file that belongs to this user. Where files have no such bits the answer is no.
#[cfg(unix)]
pub fn permissions_too_open(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let metadata = path.metadata()?;
    let ours = metadata.uid() == rustix::process::getuid().as_raw();
    Ok(ours && metadata.mode() & 0o077 != 0)
}

/// Whether others than the owner may do anything with a private key file.
///
/// Files have no such bits here, so the answer is no for every file that exists.
#[cfg(not(unix))]
pub fn permissions_too_open(path: &Path) -> io::Result<bool> {
    path.metadata().map(|_| false)
}

/// Reads a key file whole; what is read is wiped when dropped.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let failed = |source| SignError::Read { path: path.to_owned(), source };
    // Room for everything at once: growing would leave copies behind that nothing wipes.
    let mut content = Zeroizing::new(Vec::with_capacity(KEY_FILE_LIMIT + 1));
    File::open(path)
        .map_err(failed)?
        .take(KEY_FILE_LIMIT as u64 + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() > KEY_FILE_LIMIT {
        return Err(SignError::FileTooBig { path: path.to_owned(), limit: KEY_FILE_LIMIT });
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart_by_the_first_line() {
        for (content, format) in [
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n", KeyFileFormat::OpenSshPrivate),
            ("\n-----BEGIN RSA PRIVATE KEY-----\r\n", KeyFileFormat::PemPrivate),
            ("-----BEGIN EC PRIVATE KEY-----", KeyFileFormat::PemPrivate),
            ("-----BEGIN PRIVATE KEY-----\n", KeyFileFormat::Pkcs8Private),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", KeyFileFormat::Pkcs8Private),
            ("-----BEGIN PUBLIC KEY-----\n", KeyFileFormat::PemPublic),
            ("---- BEGIN SSH2 PUBLIC KEY ----\n", KeyFileFormat::Rfc4716Public),
            ("PuTTY-User-Key-File-3: ssh-ed25519\n", KeyFileFormat::Putty),
            ("ssh-ed25519 AAAA ada\n", KeyFileFormat::OpenSshPublic),
            ("ecdsa-sha2-nistp256 AAAA", KeyFileFormat::OpenSshPublic),
            (" \n", KeyFileFormat::Empty),
            ("hello", KeyFileFormat::Unknown),
        ] {
            assert_eq!(KeyFileFormat::of(content.as_bytes()), format, "{content:?}");
        }
    }

    #[test]
    fn file_that_is_not_text_is_of_no_format() {
        assert_eq!(KeyFileFormat::of(&[0xff, 0xfe]), KeyFileFormat::Unknown);
    }

    #[test]
    fn file_of_the_limit_is_read_and_one_byte_more_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![b'a'; KEY_FILE_LIMIT]).unwrap();
        assert_eq!(read(file.path()).unwrap().len(), KEY_FILE_LIMIT);
        std::fs::write(file.path(), vec![b'a'; KEY_FILE_LIMIT + 1]).unwrap();
        assert!(matches!(read(file.path()), Err(SignError::FileTooBig { .. })));
    }

    #[test]
    fn file_that_is_missing_is_named() {
        let error = read(Path::new("/nowhere/id_ed25519")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/id_ed25519"));
        assert!(matches!(
            error,
            SignError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound
        ));
    }

    #[cfg(unix)]
    #[test]
    fn any_bit_of_group_or_others_is_too_open() {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt;

        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, too_open) in [(0o600, false), (0o400, false), (0o640, true), (0o601, true)] {
            set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(permissions_too_open(file.path()).unwrap(), too_open, "{mode:o}");
        }
    }
}
