//! Signing through an SSH agent: OpenSSH's own, and agents that lie, stall or talk too much.

#[path = "support/ssh_agent.rs"]
mod agents;

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use agents::{MadeUp, RealAgent, SoftwareKey, string, take};
use aisr::sign::{
    Agent, AgentError, Namespace, PublicKey, SecretKey, SignError, look, to_armored, verify,
};

const PAYLOAD: &[u8] = b"this was the system at this time\n";

fn load(path: &std::path::Path) -> SecretKey {
    SecretKey::load(path, &mut |_| Ok(None)).unwrap()
}

/// What an agent with this behaviour makes of a request to sign with `key`.
fn sign_with(made_up: &MadeUp, key: &PublicKey) -> Result<Vec<u8>, SignError> {
    let agent = Agent::new(&made_up.socket()).with_patience(Duration::from_millis(300));
    agent.sign(key, Namespace::Commit, PAYLOAD)
}

fn failure(result: Result<Vec<u8>, SignError>) -> AgentError {
    match result.unwrap_err() {
        SignError::Agent { source, .. } => source,
        other => panic!("{other}"),
    }
}

/// A key, and the signature blob that an honest agent would send for it.
fn honest(request: &[u8], secret: &ed25519_dalek::SigningKey) -> Vec<u8> {
    use ed25519_dalek::Signer;
    let (_, rest) = take(&request[1..]);
    let signature = secret.sign(take(rest).0).to_bytes();
    [string(b"ssh-ed25519"), string(&signature)].concat()
}

fn plain_key() -> (ed25519_dalek::SigningKey, PublicKey) {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let key = PublicKey::from_bytes(&secret.verifying_key().to_bytes().into()).unwrap();
    (secret, key)
}

#[test]
fn an_agents_signature_is_the_one_of_the_key_itself() {
    let real = RealAgent::start();
    let path = real.add_new("id_ed25519", "ed25519");
    let (agent, key) = (Agent::new(&real.socket()), load(&path));
    assert_eq!(agent.find(&key.public()).unwrap().as_deref(), Some("id_ed25519"));
    for namespace in Namespace::ALL {
        let signed = agent.sign(&key.public(), namespace, PAYLOAD).unwrap();
        assert_eq!(signed, key.sign(namespace, PAYLOAD).unwrap());
    }
}

#[test]
fn an_agent_lists_keys_that_cannot_be_used_with_the_reason() {
    let real = RealAgent::start();
    for kind in ["rsa", "ecdsa", "ed25519"] {
        real.add_new(kind, kind);
    }
    let held = Agent::new(&real.socket()).identities().unwrap();
    let told: Vec<_> = held
        .iter()
        .map(|held| match &held.key {
            Ok(_) => (held.comment.as_str(), None),
            Err(error) => (held.comment.as_str(), error.remedy()),
        })
        .collect();
    let remedy = Some("make an ed25519 key: ssh-keygen -t ed25519");
    assert_eq!(told, [("rsa", remedy), ("ecdsa", remedy), ("ed25519", None)]);
}

#[test]
fn an_agent_that_does_not_hold_the_key_refuses() {
    let real = RealAgent::start();
    let (_, key) = plain_key();
    let agent = Agent::new(&real.socket());
    assert_eq!(agent.find(&key).unwrap(), None);
    let signed = agent.sign(&key, Namespace::Commit, PAYLOAD);
    assert!(matches!(failure(signed), AgentError::Refused));
}

#[test]
fn an_agent_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("nobody");
    let error = Agent::new(&socket).identities().unwrap_err();
    assert!(error.to_string().contains(socket.to_str().unwrap()));
    assert!(error.remedy().unwrap().contains("SSH_AUTH_SOCK"));
}

#[test]
fn a_security_key_signs_and_ssh_keygen_accepts_it() {
    let token = SoftwareKey::new(5, "ssh:work");
    let key = token.public();
    let agent = MadeUp::answering(move |request| token.answer(request));
    let sshsig = sign_with(&agent, &key).unwrap();
    assert_eq!(verify(Namespace::Commit, PAYLOAD, &sshsig).unwrap(), key);

    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("allowed"), format!("ada {}\n", key.to_openssh(""))).unwrap();
    std::fs::write(at("key.pub"), key.to_openssh("ada")).unwrap();
    std::fs::write(at("payload"), PAYLOAD).unwrap();
    let keygen_verifies = |sshsig: &[u8]| {
        std::fs::write(at("sig"), to_armored(sshsig)).unwrap();
        Command::new("ssh-keygen")
            .current_dir(dir.path())
            .args(["-Y", "verify", "-f", "allowed", "-I", "ada", "-n", "commit@aisr", "-s", "sig"])
            .stdin(std::fs::File::open(at("payload")).unwrap())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    };
    assert!(keygen_verifies(&sshsig));
    let mut flipped = sshsig.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(!keygen_verifies(&flipped));
    assert!(verify(Namespace::Commit, PAYLOAD, &flipped).is_err());

    // The line of the `.pub` file, and its fingerprint, are those of OpenSSH.
    assert_eq!(look(&at("key.pub")).unwrap().key(), key);
    let printed =
        Command::new("ssh-keygen").args(["-l", "-f"]).arg(at("key.pub")).output().unwrap().stdout;
    let printed = String::from_utf8(printed).unwrap();
    assert_eq!(printed.split_whitespace().nth(1), Some(key.fingerprint().as_str()));
}

#[test]
fn a_security_key_that_nobody_touched_is_refused() {
    let mut token = SoftwareKey::new(5, "ssh:");
    token.flags = 0x04;
    let key = token.public();
    let agent = MadeUp::answering(move |request| token.answer(request));
    assert!(matches!(sign_with(&agent, &key).unwrap_err(), SignError::NotTouched { .. }));
}

#[test]
fn a_signature_that_does_not_verify_is_not_handed_on() {
    let (secret, key) = plain_key();
    let other = ed25519_dalek::SigningKey::from_bytes(&[4; 32]);
    let flipped = move |request: &[u8]| {
        let mut blob = honest(request, &secret);
        *blob.last_mut().unwrap() ^= 1;
        [vec![14], string(&blob)].concat()
    };
    let of_another = move |request: &[u8]| [vec![14], string(&honest(request, &other))].concat();
    let of_another_type = |_: &[u8]| {
        let blob = [string(b"ssh-rsa"), string(&[1; 256])].concat();
        [vec![14], string(&blob)].concat()
    };
    for agent in [
        MadeUp::answering(flipped),
        MadeUp::answering(of_another),
        MadeUp::answering(of_another_type),
    ] {
        assert!(matches!(failure(sign_with(&agent, &key)), AgentError::BadSignature));
    }
}

#[test]
fn an_answer_that_is_too_long_is_not_read() {
    let (_, key) = plain_key();
    let agent = MadeUp::new(|_, stream| {
        let _ = stream.write_all(&u32::MAX.to_be_bytes());
        let _ = stream.write_all(&[14; 1000]);
    });
    let error = failure(sign_with(&agent, &key));
    assert!(matches!(error, AgentError::TooLong { length } if length == u32::MAX as usize));
}

#[test]
fn an_agent_that_does_not_answer_is_given_up() {
    let (_, key) = plain_key();
    let silent = MadeUp::new(|_, _| thread::sleep(Duration::from_secs(3600)));
    let dripping = MadeUp::new(|_, stream| {
        let _ = stream.write_all(&1000_u32.to_be_bytes());
        while stream.write_all(&[14]).is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    for agent in [silent, dripping] {
        assert!(matches!(failure(sign_with(&agent, &key)), AgentError::TimedOut { .. }));
    }
}

#[test]
fn an_agent_that_hangs_up_or_says_something_else_is_told() {
    let (_, key) = plain_key();
    let hangs_up = MadeUp::new(|_, _| {});
    assert!(matches!(failure(sign_with(&hangs_up, &key)), AgentError::Exchange(_)));
    let refuses = MadeUp::answering(|_| vec![5]);
    assert!(matches!(failure(sign_with(&refuses, &key)), AgentError::Refused));
    for answer in [vec![], vec![12, 0, 0, 0, 0], vec![14], vec![14, 0, 0, 0, 1, 7, 7]] {
        let agent = MadeUp::answering(move |_| answer.clone());
        assert!(matches!(failure(sign_with(&agent, &key)), AgentError::Malformed { .. }));
    }
}
