//! Public keys and their OpenSSH text form.

use std::cell::Cell;
use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::{SigningKey, VerifyingKey};
use ssh_key::HashAlg;
use ssh_key::public::{Ed25519PublicKey, KeyData};

use super::wire::{self, BlobFlaw};
use super::{KEY_FILE_LIMIT, KeyFileFormat, SignError};

/// An ed25519 public key that signatures may be checked against.
///
/// Always a canonically encoded point of the curve, and not of small order (RFC 8032 §5.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes the 32 bytes of RFC 8032 §5.1.5, unless the key is weak or not canonical.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignError> {
        point(bytes)?;
        Ok(PublicKey(*bytes))
    }

    /// The point of the curve that the key is.
    pub(super) fn point(&self) -> Result<VerifyingKey, SignError> {
        point(&self.0)
    }

    /// The public half of a secret key, which is canonical and of large order by construction.
    pub(super) fn of(signing: &SigningKey) -> Self {
        PublicKey(signing.verifying_key().to_bytes())
    }

    /// The 32 bytes of RFC 8032 §5.1.5.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
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
        if key_type != wire::ED25519 {
            return Err(if is_key_type(key_type) {
                SignError::UnsupportedKeyType { key_type: key_type.to_owned() }
            } else {
                malformed("it does not begin with ssh-ed25519")
            });
        }
        let base64 = words.next().ok_or_else(|| malformed("the key is missing"))?;
        let blob =
            BASE64.decode(base64.as_bytes()).map_err(|_| malformed("the key is not base64"))?;
        Self::from_wire(&blob)
    }

    /// The line of a `.pub` file, without the line end.
    ///
    /// Control characters of the comment become spaces, so the line stays one line.
    pub fn to_openssh(&self, comment: &str) -> String {
        let mut line = format!("{} {}", wire::ED25519, BASE64.encode(&self.to_wire()));
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
        KeyData::from(Ed25519PublicKey(self.0)).fingerprint(HashAlg::Sha256).to_string()
    }

    /// Reads an SSH public key blob (RFC 8709 §4).
    pub(super) fn from_wire(blob: &[u8]) -> Result<Self, SignError> {
        match wire::read_named_blob(blob) {
            Ok(raw) => Self::from_bytes(&raw),
            Err(BlobFlaw::OtherAlgorithm(key_type)) => {
                Err(SignError::UnsupportedKeyType { key_type })
            }
            Err(BlobFlaw::Malformed) => Err(malformed("the key blob is damaged")),
        }
    }

    /// Writes an SSH public key blob (RFC 8709 §4).
    pub(super) fn to_wire(self) -> Vec<u8> {
        wire::named_blob(&self.0)
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

    fn hex(text: &str) -> [u8; 32] {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        bytes.try_into().unwrap()
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
                assert!(matches!(PublicKey::from_bytes(&bytes), Err(SignError::NonCanonicalKey)));
            }
        }
    }

    #[test]
    fn bytes_off_the_curve_are_refused() {
        let mut bytes = [0; 32];
        bytes[0] = 2;
        assert!(matches!(PublicKey::from_bytes(&bytes), Err(SignError::KeyNotOnCurve)));
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
