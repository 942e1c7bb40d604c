//! Public keys as payloads hold them.

use std::fmt;

use data_encoding::HEXLOWER;

use super::cbor::{DecodeError, Reader, Writer};

/// Length of an ed25519 public key in bytes.
pub const KEY_LEN: usize = 32;
/// The longest application of a security key in bytes.
const APPLICATION_LEN: usize = 64;
/// What the application of every SSH security key begins with (OpenSSH's PROTOCOL.u2f).
const APPLICATION_START: &[u8] = b"ssh:";

/// The bytes of an ed25519 public key; of a security key, behind them the application that its
/// signatures are bound to (`docs/format.md`, "Public keys").
///
/// Whether the 32 bytes are a key at all, the room `sign` tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyBytes {
    point: [u8; KEY_LEN],
    /// Filled up with zeros, which no application holds: so the derived order is the byte order.
    application: [u8; APPLICATION_LEN],
    application_len: u8,
}

impl KeyBytes {
    /// Reads the bytes that a payload holds.
    ///
    /// # Errors
    /// When they are not 32, and what follows these is no application.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, DecodeError> {
        let invalid = |why| DecodeError::Invalid { field: "key", why };
        let (point, application) =
            bytes.split_first_chunk().ok_or_else(|| invalid("shorter than 32 bytes"))?;
        if application.is_empty() {
            return Ok((*point).into());
        }
        Self::security_key(*point, application)
            .ok_or_else(|| invalid("no application follows the 32 bytes"))
    }

    /// The bytes of a security key, if `application` is one: `ssh:` and what follows, at most 64
    /// printable ASCII characters without spaces.
    pub fn security_key(point: [u8; KEY_LEN], application: &[u8]) -> Option<Self> {
        let printable = application.iter().all(u8::is_ascii_graphic);
        if !printable || !application.starts_with(APPLICATION_START) {
            return None;
        }
        let mut filled = [0; APPLICATION_LEN];
        filled.get_mut(..application.len())?.copy_from_slice(application);
        let application_len = u8::try_from(application.len()).ok()?;
        Some(Self { point, application: filled, application_len })
    }

    /// The ed25519 public key.
    pub fn point(&self) -> &[u8; KEY_LEN] {
        &self.point
    }

    /// The application of a security key.
    pub fn application(&self) -> Option<&[u8]> {
        self.application.get(..usize::from(self.application_len)).filter(|a| !a.is_empty())
    }

    /// The bytes that a payload holds.
    pub fn to_vec(&self) -> Vec<u8> {
        [&self.point[..], self.application().unwrap_or_default()].concat()
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.bytes(&self.to_vec());
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::from_slice(r.bytes()?)
    }
}

impl From<[u8; KEY_LEN]> for KeyBytes {
    fn from(point: [u8; KEY_LEN]) -> Self {
        Self { point, application: [0; APPLICATION_LEN], application_len: 0 }
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBytes({})", HEXLOWER.encode(&self.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_32_bytes_has_no_application() {
        let key = KeyBytes::from_slice(&[7; 32]).unwrap();
        assert_eq!((key.point(), key.application()), (&[7; 32], None));
        assert_eq!(key, [7; 32].into());
        assert_eq!(key.to_vec(), [7; 32]);
    }

    #[test]
    fn an_application_stands_behind_the_key() {
        for application in [&b"ssh:"[..], b"ssh:work", &[b"ssh:", &[b'x'; 60][..]].concat()] {
            let bytes = [&[7; 32], application].concat();
            let key = KeyBytes::from_slice(&bytes).unwrap();
            assert_eq!(key.application(), Some(application));
            assert_eq!(key.to_vec(), bytes);
        }
    }

    #[test]
    fn what_is_no_application_is_refused() {
        let long = [b"ssh:", &[b'x'; 61][..]].concat();
        for application in [&b"ssh"[..], b"x", b"https://a", b"ssh:\0", b"ssh: x", b"ssh:\n", &long]
        {
            let bytes = [&[7; 32], application].concat();
            assert!(KeyBytes::from_slice(&bytes).is_err(), "{application:?}");
        }
        assert!(KeyBytes::from_slice(&[7; 31]).is_err());
    }

    #[test]
    fn keys_are_in_the_order_of_their_bytes() {
        let texts = [&b""[..], b"ssh:", b"ssh:a", b"ssh:aa", b"ssh:b"];
        let keys = texts.map(|text| KeyBytes::from_slice(&[&[7; 32], text].concat()).unwrap());
        assert!(keys.is_sorted_by(|a, b| a < b && a.to_vec() < b.to_vec()));
    }
}
