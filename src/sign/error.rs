//! What can go wrong with keys and signatures.

use std::io;
use std::path::PathBuf;

use super::{AgentError, KeyFileFormat, Namespace, PublicKey};

/// Why a key was not loaded, or a signature not made or not accepted.
///
/// The message says what and where; [`SignError::remedy`] says what next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// A public key or signature of a type that is not supported: RSA, ECDSA, DSA, a certificate.
    #[error("keys of type {key_type} are not supported")]
    UnsupportedKeyType {
        /// The type as the key names it, as in `ssh-rsa`.
        key_type: String,
    },
    /// A private key file of a type that does not sign by itself.
    #[error("{}: keys of type {key_type} are not supported", path.display())]
    UnsupportedKeyFile {
        /// The file.
        path: PathBuf,
        /// The type as the file names it, as in `ssh-rsa`.
        key_type: String,
    },
    /// Text that is not one OpenSSH public key.
    #[error("not an OpenSSH public key: {reason}")]
    MalformedPublicKey {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A public key that is no point of the curve (RFC 8032 §5.1.3).
    #[error("the public key is not a point of the ed25519 curve")]
    KeyNotOnCurve,
    /// A public key whose encoding is not the one of its point (RFC 8032 §5.1.3).
    #[error("the public key is not canonically encoded")]
    NonCanonicalKey,
    /// A public key of small order: signatures by it verify for almost any message.
    #[error("the public key is weak (a point of small order)")]
    SmallOrderKey,
    /// A key file that could not be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file too big to be a key.
    #[error("{}: larger than {limit} bytes, so not a key file", path.display())]
    FileTooBig {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: usize,
    },
    /// A file that is something other than an OpenSSH private key.
    #[error("{}: not an OpenSSH private key but {found}", path.display())]
    NotAPrivateKey {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: KeyFileFormat,
    },
    /// An OpenSSH private key file whose armor is damaged.
    #[error("{}: damaged private key: {reason}", path.display())]
    DamagedKeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An OpenSSH private key file whose content cannot be taken apart.
    #[error("{}: malformed private key", path.display())]
    MalformedPrivateKey {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: ssh_key::Error,
    },
    /// A private key file that shows another public key than the one of its secret.
    #[error("{}: the public key that the file shows is not the one of its secret", path.display())]
    KeyHalvesDiffer {
        /// The file.
        path: PathBuf,
    },
    /// A private key encrypted with a cipher that is not supported.
    #[error("{}: encrypted with {cipher}, which is not supported", path.display())]
    UnsupportedCipher {
        /// The file.
        path: PathBuf,
        /// The cipher as the file names it.
        cipher: String,
    },
    /// A private key that asks for more key derivation than anyone would wait for.
    #[error("{}: asks for {rounds} rounds of key derivation, more than {limit}", path.display())]
    KdfTooCostly {
        /// The file.
        path: PathBuf,
        /// What the file asks for.
        rounds: u32,
        /// The most that is done.
        limit: u32,
    },
    /// An encrypted private key, and nobody to give the passphrase.
    #[error("{}: the key is encrypted and needs a passphrase", path.display())]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// A passphrase that does not open the private key.
    #[error("{}: wrong passphrase", path.display())]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// Asking for the passphrase failed; for the callback to return.
    #[error("{}: the passphrase cannot be read", path.display())]
    PassphraseUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no random bytes for a new key.
    #[error("the system gave no random bytes for a new key")]
    NoRandomness {
        /// What the system said.
        source: getrandom::Error,
    },
    /// The SSH encoder refused what it was given.
    #[error("SSH encoding failed")]
    Encoding {
        /// What the encoder said.
        source: ssh_key::Error,
    },
    /// A signature longer than any that is accepted.
    #[error("the signature is {length} bytes long, the most accepted is {limit}")]
    SignatureTooLong {
        /// Its length.
        length: usize,
        /// The most accepted.
        limit: usize,
    },
    /// Bytes that are not an SSHSIG.
    #[error("malformed signature: bad {field}")]
    MalformedSignature {
        /// The field of `PROTOCOL.sshsig` that is missing or malformed.
        field: &'static str,
    },
    /// Bytes after the end of the SSHSIG.
    #[error("malformed signature: {count} bytes follow it")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// An SSHSIG of a version other than 1.
    #[error("signatures of version {version} are not supported")]
    SignatureVersion {
        /// Its version.
        version: u32,
    },
    /// An SSHSIG whose reserved field is in use.
    #[error("malformed signature: the reserved field is not empty")]
    ReservedNotEmpty,
    /// An SSHSIG over another hash than sha512.
    #[error("signatures over a hash other than sha512 are not supported")]
    SignatureHash,
    /// A signature that speaks for something else.
    #[error("the signature is for {found:?}, not for {expected}")]
    WrongNamespace {
        /// What it should speak for.
        expected: Namespace,
        /// What it says.
        found: String,
    },
    /// A well-formed signature that is not one of this payload by this key.
    #[error("the signature by {} does not match", key.fingerprint())]
    BadSignature {
        /// The key that the signature names.
        key: Box<PublicKey>,
    },
    /// A signature by a security key that nobody touched.
    #[error("the security key {} signed without being touched", key.fingerprint())]
    NotTouched {
        /// The key that the signature names.
        key: Box<PublicKey>,
    },
    /// An SSH agent did not do what it was asked to.
    #[error("the SSH agent at {}: {source}", socket.display())]
    Agent {
        /// Where it listens.
        socket: PathBuf,
        /// Why.
        source: AgentError,
    },
    /// Text that is not an armored SSHSIG.
    #[error("malformed armored signature: {reason}")]
    MalformedArmor {
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl SignError {
    /// What the user can do about it, when there is something.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            SignError::UnsupportedKeyType { key_type }
            | SignError::UnsupportedKeyFile { key_type, .. } => Some(other_type(key_type)),
            SignError::NotTouched { .. } => {
                Some("make a key that must be touched: ssh-keygen -t ed25519-sk")
            }
            SignError::Agent { source, .. } => match source {
                AgentError::Connect(_) | AgentError::Exchange(_) | AgentError::TimedOut { .. } => {
                    Some("see that ssh-agent runs and SSH_AUTH_SOCK names its socket: ssh-add -l")
                }
                AgentError::Refused => Some("see that it holds the key, unlocked: ssh-add -l"),
                _ => None,
            },
            SignError::NotAPrivateKey { found, .. } => found.remedy(),
            SignError::UnsupportedCipher { .. } | SignError::KdfTooCostly { .. } => {
                Some("encrypt the key anew with the defaults: ssh-keygen -p -f FILE")
            }
            _ => None,
        }
    }
}

/// What to do about a key of another type.
fn other_type(key_type: &str) -> &'static str {
    if key_type.contains("-cert-v") {
        return "name the plain key, not its certificate: the file without -cert";
    }
    match key_type {
        "sk-ssh-ed25519@openssh.com" => "its security key signs through an agent: ssh-add FILE",
        other if other.starts_with("sk-") => {
            "make an ed25519 key on the security key: ssh-keygen -t ed25519-sk"
        }
        _ => "make an ed25519 key: ssh-keygen -t ed25519",
    }
}
