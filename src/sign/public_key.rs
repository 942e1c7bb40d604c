//! Public keys and their OpenSSH text form.

use std::cell::Cell;
use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::object::KeyBytes;

use super::wire::{self, Reader};
use super::{KEY_FILE_LIMIT, KeyFileFormat, SignError};

/// An ed25519 public key that signatures may be checked against; a security key may hold its
/// other half.
///
/// Always a canonically encoded point of the curve, and not of small order (RFC 8032 §5.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(KeyBytes);

impl PublicKey {
    /// Takes the bytes of a payload, unless the key is weak or not canonical.
    pub fn from_bytes(bytes: &KeyBytes) -> Result<Self, SignError> {
        point(bytes.point())?;
        Ok(PublicKey(*bytes))
    }

    /// The point of the curve that the key is.
    pub(super) fn point(&self) -> Result<VerifyingKey, SignError> {
        point(self.0.point())
    }

    /// The public half of a secret key, which is canonical and of large order by construction.
    pub(super) fn of(signing: &SigningKey) -> Self {
        PublicKey(signing.verifying_key().to_bytes().into())
    }

    /// The bytes that payloads hold.
    pub fn as_bytes(&self) -> &KeyBytes {
        &self.0
    }

    /// The name of its type in SSH.
    pub fn key_type(&self) -> &'static str {
        match self.is_security_key() {
            true => wire::SK_ED25519,
            false => wire::ED25519,
        }
    }

    /// Whether a security key holds the secret half.
    pub fn is_security_key(&self) -> bool {
        self.0.application().is_some()
    }

    /// Reads an OpenSSH public key line, or the content of a `.pub` file that holds one.
    ///
    /// Empty lines and `#` comments are passed over. The options that may stand before a key in
    /// `authorized_keys` are refused: they mean nothing here.
    pub fn from_openssh(text: &str) -> Result<Self, SignError> {
        if text.len() > KEY_FILE_LIMIT {
            return Err(malformed("too long"));
        }
        match KeyFileFormat::of(text.as_bytes()) {
            KeyFileFormat::OpenSshPrivate => {
                return Err(malformed("it is a private key; the public key is in the .pub file"));
            }
            KeyFileFormat::Rfc4716Public => {
                return Err(malformed(
                    "it is in RFC 4716 format; convert it: ssh-keygen -i -f FILE",
                ));
            }
            _ => {}
        }
        let mut lines =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or_else(|| malformed("it is empty"))?;
        if lines.next().is_some() {
            return Err(malformed("it holds more than one line"));
        }
        Self::from_line(line)
    }

    fn from_line(line: &str) -> Result<Self, SignError> {
        let mut words = line.split_ascii_whitespace();
        let key_type = words.next().ok_or_else(|| malformed("it is empty"))?;
        if !is_key_type(key_type) {
            return Err(malformed("it does not begin with the type of a key"));
        }
        if !is_supported(key_type) {
            return Err(SignError::UnsupportedKeyType { key_type: key_type.to_owned() });
        }
        let base64 = words.next().ok_or_else(|| malformed("the key is missing"))?;
        let blob =
            BASE64.decode(base64.as_bytes()).map_err(|_| malformed("the key is not base64"))?;
        let key = Self::from_wire(&blob)?;
        match key.key_type() == key_type {
            true => Ok(key),
            false => Err(malformed("the key is of another type than the line says")),
        }
    }

    /// The line of a `.pub` file, without the line end.
    ///
    /// Control characters of the comment become spaces, so the line stays one line.
    pub fn to_openssh(&self, comment: &str) -> String {
        let mut line = format!("{} {}", self.key_type(), BASE64.encode(&self.to_wire()));
        let comment = comment.replace(char::is_control, " ");
        let comment = comment.trim();
        if !comment.is_empty() {
            line.push(' ');
            line.push_str(comment);
        }
        line
    }

    /// The fingerprint that `ssh-keygen -l` prints: `SHA256:` and unpadded base64.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(self.to_wire())))
    }

    /// Reads an SSH public key blob (RFC 8709 §4; `PROTOCOL.u2f`).
    pub(super) fn from_wire(blob: &[u8]) -> Result<Self, SignError> {
        let damaged = || malformed("the key blob is damaged");
        let mut reader = Reader::new(blob);
        let key_type = wire::read_name(&mut reader).ok_or_else(damaged)?;
        if !is_supported(key_type) {
            return Err(SignError::UnsupportedKeyType { key_type: key_type.to_owned() });
        }
        let point: [u8; 32] = reader.string_of().ok_or_else(damaged)?;
        let mut bytes = KeyBytes::from(point);
        if key_type == wire::SK_ED25519 {
            let application = reader.string().ok_or_else(damaged)?;
            bytes = KeyBytes::security_key(point, application).ok_or_else(|| {
                malformed("the security key's application is not `ssh:` and at most 60 characters")
            })?;
        }
        match reader.remaining() {
            0 => Self::from_bytes(&bytes),
            _ => Err(damaged()),
        }
    }

    /// Writes an SSH public key blob (RFC 8709 §4; `PROTOCOL.u2f`).
    pub(super) fn to_wire(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(51);
        wire::put_string(&mut out, self.key_type().as_bytes());
        wire::put_string(&mut out, self.0.point());
        if let Some(application) = self.0.application() {
            wire::put_string(&mut out, application);
        }
        out
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

thread_local! {
    /// The last point that was taken: most of what is read together is signed by one key, and to
    /// find a point costs a third of checking a signature.
    static LAST: Cell<Option<VerifyingKey>> = const { Cell::new(None) };
}

/// The point that these bytes encode, unless it is weak or the encoding is not canonical.
fn point(bytes: &[u8; 32]) -> Result<VerifyingKey, SignError> {
    if let Some(last) = LAST.get().filter(|last| last.as_bytes() == bytes) {
        return Ok(last);
    }
    if !is_reduced(bytes) {
        return Err(SignError::NonCanonicalKey);
    }
    let point = VerifyingKey::from_bytes(bytes).map_err(|_| SignError::KeyNotOnCurve)?;
    if point.is_weak() {
        return Err(SignError::SmallOrderKey);
    }
    LAST.set(Some(point));
    Ok(point)
}

fn malformed(reason: &'static str) -> SignError {
    SignError::MalformedPublicKey { reason }
}

/// Whether the y coordinate is below 2^255 - 19 (RFC 8032 §5.1.3, step 1).
///
/// The other encoding that is not canonical, x = 0 with the sign bit set (step 4), belongs to
/// the points (0, ±1), which are of small order.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = bytes;
    *first < 0xed || last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

/// Whether keys of this type can sign and be verified.
fn is_supported(key_type: &str) -> bool {
    key_type == wire::ED25519 || key_type == wire::SK_ED25519
}

/// Whether a word names a key type of OpenSSH, ours or not, certificates included (`sshkey.c`).
pub(super) fn is_key_type(word: &str) -> bool {
    let prefixes = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "webauthn-sk-"];
    wire::is_algorithm_name(word) && prefixes.iter().any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::SecretKey;
    use proptest::prelude::*;

    fn key() -> PublicKey {
        SecretKey::from_seed(&[7; 32], "").public()
    }

    fn hex(text: &str) -> KeyBytes {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        KeyBytes::from_slice(&bytes).unwrap()
    }

    #[test]
    fn line_comes_back() {
        let line = key().to_openssh("ada@example.org");
        assert!(line.starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
        assert!(line.ends_with(" ada@example.org"));
        assert_eq!(PublicKey::from_openssh(&line).unwrap(), key());
    }

    #[test]
    fn file_with_comments_and_blank_lines_is_read() {
        let file = format!("# laptop\r\n\r\n{}\r\n", key().to_openssh("two words"));
        assert_eq!(PublicKey::from_openssh(&file).unwrap(), key());
    }

    #[test]
    fn comment_cannot_start_a_second_line() {
        assert_eq!(key().to_openssh("a\nb").lines().count(), 1);
    }

    #[test]
    fn two_keys_in_one_text_are_refused() {
        let line = key().to_openssh("");
        assert!(matches!(
            PublicKey::from_openssh(&format!("{line}\n{line}\n")),
            Err(SignError::MalformedPublicKey { .. })
        ));
    }

    #[test]
    fn line_of_a_security_key_comes_back() {
        let bytes = KeyBytes::security_key(*key().as_bytes().point(), b"ssh:work").unwrap();
        let key = PublicKey::from_bytes(&bytes).unwrap();
        let line = key.to_openssh("ada");
        assert!(line.starts_with("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2"));
        assert_eq!(PublicKey::from_openssh(&line).unwrap(), key);
        let plain = line.replace("sk-ssh-ed25519@openssh.com", "ssh-ed25519");
        assert!(PublicKey::from_openssh(&plain).is_err());
    }

    #[test]
    fn security_key_of_another_application_is_refused() {
        for application in [&b""[..], b"https://example.org", b"ssh:\n", &[b's'; 65]] {
            let mut blob = Vec::new();
            wire::put_string(&mut blob, wire::SK_ED25519.as_bytes());
            wire::put_string(&mut blob, key().as_bytes().point());
            wire::put_string(&mut blob, application);
            let error = PublicKey::from_wire(&blob).unwrap_err();
            assert!(matches!(error, SignError::MalformedPublicKey { .. }), "{application:?}");
        }
    }

    #[test]
    fn options_before_the_key_are_refused() {
        let line = format!("restrict {}", key().to_openssh(""));
        assert!(matches!(
            PublicKey::from_openssh(&line),
            Err(SignError::MalformedPublicKey { .. })
        ));
    }

    #[test]
    fn bytes_after_the_key_blob_are_refused() {
        let mut blob = key().to_wire();
        blob.push(0);
        let line = format!("ssh-ed25519 {}", BASE64.encode(&blob));
        assert!(matches!(
            PublicKey::from_openssh(&line),
            Err(SignError::MalformedPublicKey { .. })
        ));
    }

    #[test]
    fn blob_that_hides_another_type_behind_ssh_ed25519_is_refused_by_its_type() {
        let mut blob = Vec::new();
        wire::put_string(&mut blob, b"ssh-rsa");
        wire::put_string(&mut blob, &[1; 32]);
        let line = format!("ssh-ed25519 {}", BASE64.encode(&blob));
        assert!(matches!(
            PublicKey::from_openssh(&line),
            Err(SignError::UnsupportedKeyType { key_type }) if key_type == "ssh-rsa"
        ));
    }

    /// The eight points of small order in canonical encoding, and (0, ±1) with the sign bit set;
    /// the list of libsodium's `ge25519_has_small_order`.
    #[test]
    fn small_order_keys_are_refused() {
        for text in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ] {
            assert!(
                matches!(PublicKey::from_bytes(&hex(text)), Err(SignError::SmallOrderKey)),
                "{text}"
            );
        }
    }

    #[test]
    fn keys_not_reduced_are_refused() {
        for first in 0xed..=0xff {
            for last in [0x7f, 0xff] {
                let mut bytes = [0xff; 32];
                bytes[0] = first;
                bytes[31] = last;
                assert!(matches!(
                    PublicKey::from_bytes(&bytes.into()),
                    Err(SignError::NonCanonicalKey)
                ));
            }
        }
    }

    #[test]
    fn bytes_off_the_curve_are_refused() {
        let mut bytes = [0; 32];
        bytes[0] = 2;
        assert!(matches!(PublicKey::from_bytes(&bytes.into()), Err(SignError::KeyNotOnCurve)));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}") {
            let _ = PublicKey::from_openssh(&text);
            let _ = PublicKey::from_openssh(&format!("ssh-ed25519 {text}"));
        }

        #[test]
        fn arbitrary_key_blob_never_panics(blob in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = PublicKey::from_wire(&blob);
        }
    }
}
