//! The SSH agent of OpenSSH, and agents that a test makes up.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use aisr::object::KeyBytes;
use aisr::sign::PublicKey;
use ed25519_dalek::{Signer, SigningKey};
use tempfile::TempDir;

/// `ssh-agent` on a socket of its own; it ends with the test.
pub struct RealAgent {
    dir: TempDir,
    process: Child,
}

impl RealAgent {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("socket");
        let process = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent must be installed to run these tests (OpenSSH client)");
        while UnixStream::connect(&socket).is_err() {
            thread::sleep(Duration::from_millis(5));
        }
        Self { dir, process }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// Makes a key, which the agent holds; gives its file.
    pub fn add_new(&self, name: &str, kind: &str) -> PathBuf {
        let path = self.make(name, kind, "");
        self.add(&path);
        path
    }

    /// Makes a key that the agent does not hold yet.
    pub fn make(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        let arguments = ["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"];
        let made = Command::new("ssh-keygen").args(arguments).arg(&path).status();
        assert!(made.expect("ssh-keygen starts").success());
        path
    }

    pub fn add(&self, path: &Path) {
        self.ssh_add(&["-q", path.to_str().expect("a path")], None);
    }

    /// Adds a key that is encrypted.
    pub fn add_encrypted(&self, path: &Path, passphrase: &str) {
        self.ssh_add(&["-q", path.to_str().expect("a path")], Some(passphrase));
    }

    pub fn ssh_add(&self, arguments: &[&str], passphrase: Option<&str>) {
        let mut command = Command::new("ssh-add");
        command.args(arguments).env("SSH_AUTH_SOCK", self.socket()).stdin(Stdio::null());
        command.stderr(Stdio::null());
        if let Some(passphrase) = passphrase {
            let program = self.dir.path().join("askpass");
            std::fs::write(&program, format!("#!/bin/sh\necho '{passphrase}'\n")).expect("a file");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&program, mode).expect("a mode");
            command.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force");
        }
        assert!(command.status().expect("ssh-add starts").success(), "{arguments:?}");
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An agent that answers each request as a test says.
pub struct MadeUp {
    dir: TempDir,
}

impl MadeUp {
    /// `answer` gets each request without its length, and writes what it likes.
    pub fn new(answer: impl Fn(&[u8], &mut UnixStream) + Send + 'static) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(dir.path().join("socket")).expect("a socket");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut length = [0; 4];
                if stream.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut request = vec![0; u32::from_be_bytes(length) as usize];
                if stream.read_exact(&mut request).is_ok() {
                    answer(&request, &mut stream);
                }
            }
        });
        Self { dir }
    }

    /// One that sends whole messages.
    pub fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        Self::new(move |request, stream| {
            let _ = stream.write_all(&string(&answer(request)));
        })
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }
}

/// A security key made of software.
pub struct SoftwareKey {
    secret: SigningKey,
    application: &'static str,
    pub flags: u8,
}

impl SoftwareKey {
    pub fn new(seed: u8, application: &'static str) -> Self {
        Self { secret: SigningKey::from_bytes(&[seed; 32]), application, flags: 1 }
    }

    pub fn public(&self) -> PublicKey {
        let point = self.secret.verifying_key().to_bytes();
        let bytes = KeyBytes::security_key(point, self.application.as_bytes());
        PublicKey::from_bytes(&bytes.expect("an application")).expect("a key")
    }

    fn blob(&self) -> Vec<u8> {
        let point = self.secret.verifying_key().to_bytes();
        let name = string(b"sk-ssh-ed25519@openssh.com");
        [name, string(&point), string(self.application.as_bytes())].concat()
    }

    /// The signature blob over `data` (OpenSSH's PROTOCOL.u2f, "SSH U2F signatures").
    fn sign(&self, data: &[u8]) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        let touch = [&[self.flags][..], &41_u32.to_be_bytes()].concat();
        let application = Sha256::digest(self.application.as_bytes());
        let signed = [&application[..], &touch, &Sha256::digest(data)].concat();
        let signature = self.secret.sign(&signed).to_bytes();
        [string(b"sk-ssh-ed25519@openssh.com"), string(&signature), touch].concat()
    }

    /// Answers as an agent that holds the key alone.
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        match request[0] {
            11 => [&[12, 0, 0, 0, 1][..], &string(&self.blob()), &string(b"a token")].concat(),
            13 => {
                let (key, rest) = take(&request[1..]);
                assert_eq!(key, self.blob());
                [vec![14], string(&self.sign(take(rest).0))].concat()
            }
            _ => vec![5],
        }
    }
}

/// A string as SSH has it.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// The string at the front, and what follows.
pub fn take(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_first_chunk::<4>().expect("a length");
    rest.split_at(u32::from_be_bytes(*length) as usize)
}
