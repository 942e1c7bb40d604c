//! Secret keys: loading them from OpenSSH files, making them, signing with them.

use std::fmt;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Cipher, Kdf, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::wire::{self, Reader};
use super::{KeyFileFormat, Namespace, PublicKey, SignError, armor, key_file, sshsig};

/// Asks for the passphrase of the key file at a path; `None` when there is nobody to ask.
///
/// Called at most once per load, and only when the key is encrypted and of a supported type.
/// A failure to ask is [`SignError::PassphraseUnreadable`].
pub type AskPassphrase<'a> = dyn FnMut(&Path) -> Result<Option<Zeroizing<String>>, SignError> + 'a;

/// The most rounds of key derivation that are done; `ssh-keygen` asks for 16 or 24 by default.
const KDF_ROUNDS_LIMIT: u32 = 1 << 14;

/// The rounds that new keys get, as `ssh-keygen` has it.
const KDF_ROUNDS: u32 = 24;

/// The label of an OpenSSH private key (`PROTOCOL.key`).
const PRIVATE_KEY: &str = "OPENSSH PRIVATE KEY";

/// An ed25519 secret key, wiped from memory when dropped.
pub struct SecretKey {
    signing: SigningKey,
    public: PublicKey,
    comment: String,
}

impl SecretKey {
    /// Loads an OpenSSH private key file, encrypted or not.
    pub fn load(path: &Path, ask: &mut AskPassphrase<'_>) -> Result<Self, SignError> {
        Self::from_openssh(&key_file::read(path)?, path, ask)
    }

    /// Decodes the content of an OpenSSH private key file (OpenSSH's `PROTOCOL.key`).
    ///
    /// The path is what errors and the passphrase callback call the key; it is not opened.
    pub fn from_openssh(
        content: &[u8],
        path: &Path,
        ask: &mut AskPassphrase<'_>,
    ) -> Result<Self, SignError> {
        let raw = unarmor(content, path)?;
        refuse_unsupported(&raw, path)?;
        let key = PrivateKey::from_bytes(&raw).map_err(|source| undecodable(source, path))?;
        let key = if key.is_encrypted() {
            let passphrase =
                ask(path)?.ok_or_else(|| SignError::PassphraseNeeded { path: path.to_owned() })?;
            decrypt(&key, &passphrase, path)?
        } else {
            key
        };
        Self::from_decrypted(&key, path)
    }

    fn from_decrypted(key: &PrivateKey, path: &Path) -> Result<Self, SignError> {
        let KeypairData::Ed25519(pair) = key.key_data() else {
            return Err(SignError::UnsupportedKeyFile {
                path: path.to_owned(),
                key_type: key.algorithm().as_str().to_owned(),
            });
        };
        let secret = Self::from_seed(pair.private.as_ref(), key.comment());
        if secret.public.as_bytes().point() != pair.public.as_ref() {
            return Err(SignError::KeyHalvesDiffer { path: path.to_owned() });
        }
        Ok(secret)
    }

    /// Makes a new key from the system's random bytes.
    pub fn generate() -> Result<Self, SignError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|source| SignError::NoRandomness { source })?;
        Ok(Self::from_seed(&seed, ""))
    }

    /// Derives the key of a seed (RFC 8032 §5.1.5).
    pub(super) fn from_seed(seed: &[u8; 32], comment: &str) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public = PublicKey::of(&signing);
        SecretKey { signing, public, comment: comment.to_owned() }
    }

    /// Writes the key as an OpenSSH private key file, not encrypted (OpenSSH's `PROTOCOL.key`).
    ///
    /// For a clone's own key, which must work unattended; the caller sees to the file's mode.
    pub fn to_openssh_pem(&self, comment: &str) -> Result<Zeroizing<String>, SignError> {
        let pair = Ed25519Keypair::from(&self.signing);
        PrivateKey::new(KeypairData::Ed25519(pair), comment)
            .and_then(|key| key.to_openssh(LineEnding::LF))
            .map_err(|source| SignError::Encoding { source })
    }

    /// Writes the key as an OpenSSH private key file that `passphrase` opens, the way
    /// `ssh-keygen` encrypts (aes256-ctr, bcrypt of 24 rounds).
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn to_encrypted_pem(
        &self,
        comment: &str,
        passphrase: &str,
    ) -> Result<Zeroizing<String>, SignError> {
        let (mut salt, mut check) = ([0; 16], [0; 4]);
        for bytes in [&mut salt[..], &mut check] {
            getrandom::fill(bytes).map_err(|source| SignError::NoRandomness { source })?;
        }
        let kdf = Kdf::Bcrypt { salt: salt.to_vec(), rounds: KDF_ROUNDS };
        let pair = Ed25519Keypair::from(&self.signing);
        PrivateKey::new(KeypairData::Ed25519(pair), comment)
            .and_then(|key| {
                key.encrypt_with(Cipher::Aes256Ctr, kdf, u32::from_be_bytes(check), passphrase)
            })
            .and_then(|key| key.to_openssh(LineEnding::LF))
            .map_err(|source| SignError::Encoding { source })
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The comment that stood in the key file; empty for a generated key.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Signs a payload for one namespace, as a raw SSHSIG over sha512 (`PROTOCOL.sshsig`).
    ///
    /// Ed25519 is deterministic (RFC 8032 §5.1.6): the same key, namespace and payload give the
    /// same bytes.
    pub fn sign(&self, namespace: Namespace, payload: &[u8]) -> Result<Vec<u8>, SignError> {
        let signed = sshsig::signed_data(namespace.as_str(), payload)?;
        let signature = self.signing.sign(&signed).to_bytes();
        Ok(sshsig::encode(self.public, namespace.as_str(), &sshsig::plain(signature)))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("public", &self.public)
            .field("comment", &self.comment)
            .finish_non_exhaustive()
    }
}

fn unarmor(content: &[u8], path: &Path) -> Result<Zeroizing<Vec<u8>>, SignError> {
    if content.len() > key_file::KEY_FILE_LIMIT {
        return Err(SignError::FileTooBig {
            path: path.to_owned(),
            limit: key_file::KEY_FILE_LIMIT,
        });
    }
    let found = KeyFileFormat::of(content);
    if found != KeyFileFormat::OpenSshPrivate {
        return Err(SignError::NotAPrivateKey { path: path.to_owned(), found });
    }
    let damaged = |reason| SignError::DamagedKeyFile { path: path.to_owned(), reason };
    let text = str::from_utf8(content).map_err(|_| damaged("it is not text"))?;
    armor::decode(PRIVATE_KEY, text).map_err(|flaw| damaged(flaw.reason()))
}

/// The public half that an OpenSSH private key file shows, and whether it is encrypted.
pub(super) fn look(content: &[u8], path: &Path) -> Result<(PublicKey, bool), SignError> {
    let raw = unarmor(content, path)?;
    let damaged = || SignError::DamagedKeyFile {
        path: path.to_owned(),
        reason: "it ends within the part that is not encrypted",
    };
    let header = Header::read(&raw).ok_or_else(damaged)?;
    let key = PublicKey::from_wire(header.key).map_err(|e| match e {
        SignError::UnsupportedKeyType { key_type } => {
            SignError::UnsupportedKeyFile { path: path.to_owned(), key_type }
        }
        e => e,
    })?;
    Ok((key, header.cipher != b"none"))
}

/// What an OpenSSH private key file says in the clear, ahead of the secret.
struct Header<'a> {
    cipher: &'a [u8],
    kdf_options: &'a [u8],
    key_type: &'a [u8],
    key: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(raw: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(raw);
        reader.bytes(b"openssh-key-v1\0".len())?;
        let cipher = reader.string()?;
        let _kdf_name = reader.string()?;
        let kdf_options = reader.string()?;
        let _key_count = reader.uint32()?;
        let key = reader.string()?;
        let key_type = Reader::new(key).string()?;
        Some(Header { cipher, kdf_options, key_type, key })
    }

    fn kdf_rounds(&self) -> Option<u32> {
        let mut options = Reader::new(self.kdf_options);
        options.string()?;
        options.uint32()
    }
}

/// Refuses what we cannot use before anybody is asked for a passphrase.
///
/// A header that cannot be read passes: the decoder says better what is wrong with it.
fn refuse_unsupported(raw: &[u8], path: &Path) -> Result<(), SignError> {
    let Some(header) = Header::read(raw) else {
        return Ok(());
    };
    if let Ok(key_type) = str::from_utf8(header.key_type)
        && key_type != wire::ED25519
        && wire::is_algorithm_name(key_type)
    {
        return Err(SignError::UnsupportedKeyFile {
            path: path.to_owned(),
            key_type: key_type.to_owned(),
        });
    }
    if let Ok(cipher) = str::from_utf8(header.cipher)
        && wire::is_algorithm_name(cipher)
        && !is_supported_cipher(cipher)
    {
        return Err(SignError::UnsupportedCipher {
            path: path.to_owned(),
            cipher: cipher.to_owned(),
        });
    }
    match header.kdf_rounds() {
        Some(rounds) if rounds > KDF_ROUNDS_LIMIT => {
            Err(SignError::KdfTooCostly { path: path.to_owned(), rounds, limit: KDF_ROUNDS_LIMIT })
        }
        _ => Ok(()),
    }
}

fn is_supported_cipher(name: &str) -> bool {
    matches!(
        name,
        "none"
            | "aes128-cbc"
            | "aes192-cbc"
            | "aes256-cbc"
            | "aes128-ctr"
            | "aes192-ctr"
            | "aes256-ctr"
            | "aes128-gcm@openssh.com"
            | "aes256-gcm@openssh.com"
            | "chacha20-poly1305@openssh.com"
    )
}

fn decrypt(key: &PrivateKey, passphrase: &str, path: &Path) -> Result<PrivateKey, SignError> {
    key.decrypt(passphrase).map_err(|source| match source {
        // The check integers or the authentication tag do not match.
        ssh_key::Error::Crypto => SignError::WrongPassphrase { path: path.to_owned() },
        source => undecodable(source, path),
    })
}

fn undecodable(source: ssh_key::Error, path: &Path) -> SignError {
    let path = path.to_owned();
    match source {
        ssh_key::Error::PublicKey => SignError::KeyHalvesDiffer { path },
        source => SignError::MalformedPrivateKey { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path() -> &'static Path {
        Path::new("id_test")
    }

    fn from_openssh(content: &[u8]) -> Result<SecretKey, SignError> {
        SecretKey::from_openssh(content, path(), &mut |_| Ok(None))
    }

    fn armored(raw: &[u8]) -> String {
        super::super::to_armored(raw).replace("SSH SIGNATURE", PRIVATE_KEY)
    }

    fn pem() -> Zeroizing<String> {
        SecretKey::from_seed(&[7; 32], "").to_openssh_pem("ada").unwrap()
    }

    fn raw() -> Zeroizing<Vec<u8>> {
        armor::decode(PRIVATE_KEY, &pem()).unwrap()
    }

    /// A key file encrypted with the passphrase "secret" and a single round of derivation.
    fn encrypted(cipher: Cipher) -> Vec<u8> {
        let kdf = Kdf::Bcrypt { salt: vec![9; 16], rounds: 1 };
        let key = PrivateKey::from_bytes(&raw()).unwrap();
        let key = key.encrypt_with(cipher, kdf, 5, "secret").unwrap();
        key.to_bytes().unwrap().to_vec()
    }

    fn position(haystack: &[u8], needle: &[u8]) -> usize {
        haystack.windows(needle.len()).position(|window| window == needle).unwrap()
    }

    /// A file header that names a cipher, a number of rounds and a key type, and ends there.
    fn header(cipher: &str, rounds: u32, key_type: &str) -> String {
        let mut raw = b"openssh-key-v1\0".to_vec();
        wire::put_string(&mut raw, cipher.as_bytes());
        wire::put_string(&mut raw, b"bcrypt");
        let mut options = Vec::new();
        wire::put_string(&mut options, &[0; 16]);
        options.extend_from_slice(&rounds.to_be_bytes());
        wire::put_string(&mut raw, &options);
        raw.extend_from_slice(&1_u32.to_be_bytes());
        let mut key = Vec::new();
        wire::put_string(&mut key, key_type.as_bytes());
        wire::put_string(&mut raw, &key);
        armored(&raw)
    }

    /// RFC 8032 §7.1, test 1.
    #[test]
    fn public_half_is_the_one_of_the_standard() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let key = SecretKey::from_seed(&seed.try_into().unwrap(), "");
        assert_eq!(key.public().as_bytes().to_vec(), public);
        assert!(PublicKey::from_bytes(key.public().as_bytes()).is_ok());
    }

    #[test]
    fn generated_keys_differ_and_are_valid() {
        let (one, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        assert_ne!(one.public(), other.public());
        assert!(PublicKey::from_bytes(one.public().as_bytes()).is_ok());
    }

    #[test]
    fn key_file_comes_back() {
        let key = from_openssh(pem().as_bytes()).unwrap();
        assert_eq!(key.public(), SecretKey::from_seed(&[7; 32], "").public());
        assert_eq!(key.comment(), "ada");
    }

    #[test]
    fn key_file_with_other_line_widths_and_ends_is_read() {
        let raw = raw();
        let base64 = data_encoding::BASE64.encode(&raw);
        let text =
            format!("-----BEGIN {PRIVATE_KEY}-----\r\n{base64}\r\n-----END {PRIVATE_KEY}-----");
        assert!(from_openssh(text.as_bytes()).is_ok());
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let text = format!("{:?}", SecretKey::from_seed(&[7; 32], "ada"));
        assert!(text.contains("SHA256:"));
        assert!(!text.contains("7, 7") && !text.contains("0707"));
    }

    #[test]
    fn public_half_that_does_not_follow_from_the_secret_is_refused() {
        let mut raw = raw();
        let seed = position(&raw, &[7; 32]);
        raw[seed] ^= 1;
        assert!(matches!(
            from_openssh(armored(&raw).as_bytes()),
            Err(SignError::MalformedPrivateKey { .. })
        ));
    }

    #[test]
    fn public_key_shown_ahead_of_another_secret_is_refused() {
        let mut raw = raw();
        let ours = SecretKey::from_seed(&[7; 32], "").public().to_wire();
        let other = SecretKey::from_seed(&[8; 32], "").public().to_wire();
        let start = position(&raw, &ours);
        raw[start..start + other.len()].copy_from_slice(&other);
        assert!(matches!(
            from_openssh(armored(&raw).as_bytes()),
            Err(SignError::KeyHalvesDiffer { .. })
        ));
    }

    #[test]
    fn public_key_file_is_told_apart() {
        let line = SecretKey::from_seed(&[7; 32], "").public().to_openssh("ada");
        let error = from_openssh(line.as_bytes()).unwrap_err();
        assert!(matches!(
            error,
            SignError::NotAPrivateKey { found: KeyFileFormat::OpenSshPublic, .. }
        ));
        assert!(error.remedy().unwrap().contains(".pub"));
    }

    #[test]
    fn unsupported_type_is_refused_before_the_passphrase_is_asked_for() {
        for key_type in ["ssh-rsa", "ssh-dss", "sk-ssh-ed25519@openssh.com", "ssh-mldsa-87"] {
            let content = header("aes256-ctr", 16, key_type);
            let error = SecretKey::from_openssh(content.as_bytes(), path(), &mut |_| {
                panic!("asked for a passphrase")
            })
            .unwrap_err();
            let remedy = if key_type.starts_with("sk-") { "ssh-add" } else { "-t ed25519" };
            assert!(error.remedy().unwrap().contains(remedy));
            assert!(matches!(
                error,
                SignError::UnsupportedKeyFile { key_type: found, .. } if found == key_type
            ));
        }
    }

    #[test]
    fn unsupported_cipher_is_named() {
        let content = header("3des-cbc", 16, "ssh-ed25519");
        assert!(matches!(
            from_openssh(content.as_bytes()),
            Err(SignError::UnsupportedCipher { cipher, .. }) if cipher == "3des-cbc"
        ));
    }

    #[test]
    fn endless_key_derivation_is_refused() {
        let content = header("aes256-ctr", u32::MAX, "ssh-ed25519");
        assert!(matches!(
            from_openssh(content.as_bytes()),
            Err(SignError::KdfTooCostly { rounds: u32::MAX, .. })
        ));
    }

    #[test]
    fn every_shorter_key_file_is_refused() {
        let pem = pem();
        for length in 0..pem.trim_end().len() {
            assert!(from_openssh(&pem.as_bytes()[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn every_flipped_bit_leaves_the_key_or_is_refused() {
        let raw = raw();
        let public = SecretKey::from_seed(&[7; 32], "").public();
        for bit in 0..raw.len() * 8 {
            let mut flipped = raw.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(key) = from_openssh(armored(&flipped).as_bytes()) {
                assert_eq!(key.public(), public, "bit {bit}");
            }
        }
    }

    #[test]
    fn flipped_byte_of_an_encrypted_key_leaves_the_key_or_is_refused() {
        let public = SecretKey::from_seed(&[7; 32], "").public();
        for cipher in
            [Cipher::Aes256Cbc, Cipher::Aes256Ctr, Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305]
        {
            let raw = encrypted(cipher);
            for position in (0..raw.len()).step_by(3) {
                let mut flipped = raw.clone();
                flipped[position] ^= 0x55;
                let costly = Header::read(&flipped)
                    .and_then(|header| header.kdf_rounds())
                    .is_some_and(|rounds| rounds > 1);
                if costly {
                    continue;
                }
                let content = armored(&flipped);
                let result = SecretKey::from_openssh(content.as_bytes(), path(), &mut |_| {
                    Ok(Some(Zeroizing::new("secret".to_owned())))
                });
                if let Ok(key) = result {
                    assert_eq!(key.public(), public, "{cipher}, byte {position}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_content_never_panics(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(from_openssh(&content).is_err());
            prop_assert!(from_openssh(armored(&content).as_bytes()).is_err());
        }

        #[test]
        fn arbitrary_bytes_in_place_of_some_never_panic(
            start in 0_usize..300,
            bytes in proptest::collection::vec(any::<u8>(), 1..20),
        ) {
            let mut raw = raw().to_vec();
            let start = start.min(raw.len());
            let end = raw.len().min(start + bytes.len());
            raw.splice(start..end, bytes);
            let _ = from_openssh(armored(&raw).as_bytes());
        }
    }
}
