//! Keys and signatures: who vouches for an object.
//!
//! Every signed object carries a raw SSHSIG (OpenSSH's `PROTOCOL.sshsig`), made with an ed25519
//! SSH key and bound to one [`Namespace`] per object type, so that `ssh-keygen -Y verify` can
//! check it without us and no signature over one type passes for another.
//!
//! What the room promises:
//!
//! - One signature has one encoding. [`verify`] refuses whatever is not byte for byte what
//!   [`SecretKey::sign`] would have written around the same key and signature.
//! - Verification is strict: small-order keys, encodings that are not canonical, and
//!   malleable signatures are refused (RFC 8032 §5.1, and the checks that it leaves optional).
//! - The key alone proves: [`verify`] returns the key that signed and says nothing of whose it is.
//! - Nothing panics on any input, and every input is bounded before it is read.
//!
//! It reads key files and writes none, asks an SSH agent at the socket that the caller names, and
//! does not prompt: a passphrase comes from the caller's callback. The one file that it writes is
//! the user's list of [`CheckedSignatures`]. Uses `object` and `disk`.

mod agent;
mod armor;
mod checked;
mod error;
mod key_file;
mod namespace;
mod public_key;
mod secret_key;
mod signer;
mod sshsig;
mod wire;

pub use agent::{AGENT_MESSAGE_LIMIT, Agent, AgentError, AgentIdentity, parse_identities};
pub use armor::{from_armored, to_armored};
pub use checked::CheckedSignatures;
pub use error::SignError;
pub use key_file::{KEY_FILE_LIMIT, KeyFile, KeyFileFormat, look, permissions_too_open};
pub use namespace::Namespace;
pub use public_key::PublicKey;
pub use secret_key::{AskPassphrase, SecretKey};
pub use signer::{AgentKey, Signer};
pub use sshsig::{SSHSIG_LIMIT, SshSig, parse_sshsig, verify};
