//! What signs: a secret key in memory, or an agent that holds one.

use super::{Agent, Namespace, PublicKey, SecretKey, SignError};

/// A key that can sign, wherever its secret half is.
#[derive(Debug)]
pub enum Signer {
    /// The secret half is here.
    Secret(Box<SecretKey>),
    /// An agent holds it.
    Agent(AgentKey),
}

/// A key that an agent holds.
#[derive(Debug)]
pub struct AgentKey {
    /// The agent.
    pub agent: Agent,
    /// The key's public half.
    pub public: PublicKey,
    /// What it is called.
    pub comment: String,
}

impl Signer {
    /// The public half.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Secret(key) => key.public(),
            Self::Agent(key) => key.public,
        }
    }

    /// What the key is called; may be empty.
    pub fn comment(&self) -> &str {
        match self {
            Self::Secret(key) => key.comment(),
            Self::Agent(key) => &key.comment,
        }
    }

    /// Signs a payload for one namespace, as a raw SSHSIG over sha512 (`PROTOCOL.sshsig`).
    ///
    /// # Errors
    /// When an agent does not sign.
    pub fn sign(&self, namespace: Namespace, payload: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Secret(key) => key.sign(namespace, payload),
            Self::Agent(key) => key.agent.sign(&key.public, namespace, payload),
        }
    }
}

impl From<SecretKey> for Signer {
    fn from(key: SecretKey) -> Self {
        Self::Secret(Box::new(key))
    }
}
