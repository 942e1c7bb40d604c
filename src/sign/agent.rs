//! Keys that an SSH agent holds (draft-miller-ssh-agent).
//!
//! Two messages are enough: what keys are there, and a signature. Whatever an agent answers is
//! bounded, waited for only so long, and a signature is verified before anybody sees it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::sshsig::{encode, parse_signature, signed_data, verify};
use super::wire::{self, Reader};
use super::{Namespace, PublicKey, SignError};

/// The longest message to or from an agent in bytes (OpenSSH's `authfd.c`, `MAX_AGENT_REPLY_LEN`).
pub const AGENT_MESSAGE_LIMIT: usize = 256 * 1024;
/// How long an agent may take to say what it holds.
const LIST_PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to sign: it may ask its user, who may have to touch a security key.
const SIGN_PATIENCE: Duration = Duration::from_secs(120);
/// The longest comment of a key that is kept, in characters.
const COMMENT_LIMIT: usize = 1024;

// draft-miller-ssh-agent, section 6.1.
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Why an agent did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// Nobody listens.
    #[error("it cannot be reached")]
    Connect(#[source] io::Error),
    /// It went away, or the system said no.
    #[error("it went away")]
    Exchange(#[source] io::Error),
    /// It does not answer.
    #[error("it did not answer within {} seconds", limit.as_secs_f32())]
    TimedOut {
        /// How long was waited.
        limit: Duration,
    },
    /// It says no: it is locked, its user declined, or the key is gone.
    #[error("it refused")]
    Refused,
    /// Its answer is longer than any that is read.
    #[error("its answer has {length} bytes, the most accepted is {AGENT_MESSAGE_LIMIT}")]
    TooLong {
        /// The length that it states.
        length: usize,
    },
    /// Its answer does not follow the protocol.
    #[error("its answer is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The signature that it made is none, or by another key.
    #[error("it returned a signature that does not verify")]
    BadSignature,
}

/// A key that an agent says it holds.
#[derive(Debug)]
pub struct AgentIdentity {
    /// The key; or why it cannot be used.
    pub key: Result<PublicKey, SignError>,
    /// What its holder calls it.
    pub comment: String,
}

/// An agent, by its socket. Each question is a connection of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    socket: PathBuf,
    /// In place of the usual ones, for all that is asked.
    patience: Option<Duration>,
}

impl Agent {
    /// The agent that listens at `socket`. Nothing is asked yet.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), patience: None }
    }

    /// The same, given up after `limit`.
    pub fn with_patience(self, limit: Duration) -> Self {
        Self { patience: Some(limit), ..self }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The keys that it holds, in its order.
    ///
    /// # Errors
    /// When it does not answer in time, or not as the protocol says.
    pub fn identities(&self) -> Result<Vec<AgentIdentity>, SignError> {
        let limit = self.patience.unwrap_or(LIST_PATIENCE);
        let answer = self.ask(&[REQUEST_IDENTITIES], limit);
        answer.and_then(|answer| parse_identities(&answer)).map_err(|e| self.failed(e))
    }

    /// What it calls `key`, if it holds it.
    ///
    /// # Errors
    /// As [`Agent::identities`].
    pub fn find(&self, key: &PublicKey) -> Result<Option<String>, SignError> {
        let held = self.identities()?;
        let found = held.into_iter().find(|held| held.key.as_ref().is_ok_and(|held| held == key));
        Ok(found.map(|found| found.comment))
    }

    /// Signs a payload for one namespace with a key that the agent holds, as a raw SSHSIG.
    ///
    /// # Errors
    /// When it refuses, does not answer in time, or returns anything but a signature of these
    /// bytes by this key.
    pub fn sign(
        &self,
        key: &PublicKey,
        namespace: Namespace,
        payload: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        let mut request = vec![SIGN_REQUEST];
        wire::put_string(&mut request, &key.to_wire());
        wire::put_string(&mut request, &signed_data(namespace.as_str(), payload)?);
        request.extend_from_slice(&0_u32.to_be_bytes());
        let limit = self.patience.unwrap_or(SIGN_PATIENCE);
        let answer = self.ask(&request, limit).map_err(|e| self.failed(e))?;
        let blob = parse_signed(&answer).map_err(|e| self.failed(e))?;
        let bad = || self.failed(AgentError::BadSignature);
        let signature = parse_signature(blob, *key).map_err(|_| bad())?;
        let sshsig = encode(*key, namespace.as_str(), &signature);
        match verify(namespace, payload, &sshsig) {
            Ok(signer) if signer == *key => Ok(sshsig),
            Err(e @ SignError::NotTouched { .. }) => Err(e),
            _ => Err(bad()),
        }
    }

    fn failed(&self, source: AgentError) -> SignError {
        SignError::Agent { socket: self.socket.clone(), source }
    }

    /// Sends one message and waits for the answer, no longer than `limit` in all.
    fn ask(&self, request: &[u8], limit: Duration) -> Result<Vec<u8>, AgentError> {
        let deadline = Instant::now() + limit;
        let mut stream = connect(&self.socket, limit)?;
        let mut message = Vec::with_capacity(4 + request.len());
        wire::put_string(&mut message, request);
        let exchange = |stream: &mut UnixStream| {
            write_all(stream, &message, deadline)?;
            let mut length = [0; 4];
            read_exact(stream, &mut length, deadline)?;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > AGENT_MESSAGE_LIMIT {
                return Ok(Err(AgentError::TooLong { length }));
            }
            let mut answer = vec![0; length];
            read_exact(stream, &mut answer, deadline)?;
            Ok(Ok(answer))
        };
        exchange(&mut stream).unwrap_or_else(|e: io::Error| {
            Err(match e.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    AgentError::TimedOut { limit }
                }
                _ => AgentError::Exchange(e),
            })
        })
    }
}

/// Connects within `limit`: where an agent does not take connections, the system would wait for
/// ever. The thread that waits then is left to itself.
fn connect(socket: &Path, limit: Duration) -> Result<UnixStream, AgentError> {
    let (send, receive) = mpsc::channel();
    let path = socket.to_owned();
    thread::Builder::new()
        .spawn(move || drop(send.send(UnixStream::connect(path))))
        .map_err(AgentError::Connect)?;
    match receive.recv_timeout(limit) {
        Ok(connected) => connected.map_err(AgentError::Connect),
        Err(_) => Err(AgentError::TimedOut { limit }),
    }
}

fn time_left(deadline: Instant) -> io::Result<Option<Duration>> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(Some(left)),
    }
}

fn write_all(stream: &mut UnixStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(time_left(deadline)?)?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn read_exact(stream: &mut UnixStream, mut room: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !room.is_empty() {
        stream.set_read_timeout(time_left(deadline)?)?;
        match stream.read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => room = room.get_mut(read..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Takes the answer to "what keys are there" apart (draft-miller-ssh-agent, section 4.4).
///
/// # Errors
/// [`AgentError::Refused`], and when the bytes are not exactly such an answer.
pub fn parse_identities(answer: &[u8]) -> Result<Vec<AgentIdentity>, AgentError> {
    let malformed = |what| AgentError::Malformed { what };
    let mut reader = body(answer, IDENTITIES_ANSWER)?;
    let count = reader.uint32().ok_or_else(|| malformed("the number of keys is missing"))?;
    let mut found = Vec::new();
    for _ in 0..count {
        let blob = reader.string().ok_or_else(|| malformed("a key is missing"))?;
        let comment = reader.string().ok_or_else(|| malformed("a comment is missing"))?;
        let comment = String::from_utf8_lossy(comment).chars().take(COMMENT_LIMIT).collect();
        found.push(AgentIdentity { key: PublicKey::from_wire(blob), comment });
    }
    match reader.remaining() {
        0 => Ok(found),
        _ => Err(malformed("bytes follow the last key")),
    }
}

/// Takes the answer to a request for a signature apart; gives the signature blob
/// (draft-miller-ssh-agent, section 4.5).
fn parse_signed(answer: &[u8]) -> Result<&[u8], AgentError> {
    let mut reader = body(answer, SIGN_RESPONSE)?;
    let blob = reader.string().filter(|_| reader.remaining() == 0);
    blob.ok_or(AgentError::Malformed { what: "it is not one signature" })
}

/// What follows the type of an answer that must be of type `expected`.
fn body(answer: &[u8], expected: u8) -> Result<Reader<'_>, AgentError> {
    let mut reader = Reader::new(answer);
    match reader.byte() {
        Some(found) if found == expected => Ok(reader),
        Some(FAILURE) => Err(AgentError::Refused),
        Some(_) => Err(AgentError::Malformed { what: "it answers something else" }),
        None => Err(AgentError::Malformed { what: "it is empty" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::SecretKey;
    use proptest::prelude::*;

    fn answer(keys: &[(&[u8], &str)], count: u32) -> Vec<u8> {
        let mut out = vec![IDENTITIES_ANSWER];
        out.extend_from_slice(&count.to_be_bytes());
        for (blob, comment) in keys {
            wire::put_string(&mut out, blob);
            wire::put_string(&mut out, comment.as_bytes());
        }
        out
    }

    #[test]
    fn keys_are_listed_with_those_that_cannot_be_used() {
        let key = SecretKey::from_seed(&[7; 32], "").public();
        let mut rsa = Vec::new();
        wire::put_string(&mut rsa, b"ssh-rsa");
        wire::put_string(&mut rsa, &[1; 3]);
        let blob = key.to_wire();
        let found = parse_identities(&answer(&[(&rsa, "old"), (&blob, "new")], 2)).unwrap();
        assert!(matches!(
            &found[0].key,
            Err(SignError::UnsupportedKeyType { key_type }) if key_type == "ssh-rsa"
        ));
        assert_eq!((found[1].key.as_ref().unwrap(), found[1].comment.as_str()), (&key, "new"));
    }

    #[test]
    fn answers_that_are_not_exactly_the_keys_are_refused() {
        let blob = SecretKey::from_seed(&[7; 32], "").public().to_wire();
        for bad in [
            answer(&[], u32::MAX),
            answer(&[(&blob, "a")], 2),
            answer(&[(&blob, "a")], 0),
            vec![IDENTITIES_ANSWER],
            vec![SIGN_RESPONSE, 0, 0, 0, 0],
            Vec::new(),
        ] {
            let error = parse_identities(&bad).unwrap_err();
            assert!(matches!(error, AgentError::Malformed { .. }), "{bad:?}: {error}");
        }
        assert!(matches!(parse_identities(&[FAILURE]), Err(AgentError::Refused)));
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(
            kind in prop_oneof![Just(IDENTITIES_ANSWER), Just(SIGN_RESPONSE), any::<u8>()],
            rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = [&[kind][..], &rest].concat();
            let _ = parse_identities(&bytes);
            let _ = parse_signed(&bytes);
        }
    }
}
