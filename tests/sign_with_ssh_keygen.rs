//! Keys and signatures against the reference program, `ssh-keygen` of OpenSSH.
//!
//! The program must be on the path; without it these tests fail, they do not skip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use aisr::sign::{
    KeyFileFormat, Namespace, PublicKey, SecretKey, SignError, from_armored, permissions_too_open,
    to_armored, verify,
};
use tempfile::TempDir;
use zeroize::Zeroizing;

const PAYLOAD: &[u8] = b"this was the system at this time\n";
const PASSPHRASE: &str = "correct horse battery staple";

/// A folder for key files, and `ssh-keygen` run inside it.
struct Workshop(TempDir);

impl Workshop {
    fn new() -> Self {
        Workshop(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file written");
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file read")
    }

    fn try_keygen(&self, arguments: &[&str], stdin: Option<&Path>) -> Output {
        let stdin = match stdin {
            Some(path) => Stdio::from(fs::File::open(path).expect("a file for stdin")),
            None => Stdio::null(),
        };
        Command::new("ssh-keygen")
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(stdin)
            .output()
            .expect("ssh-keygen must be installed to run these tests (OpenSSH client)")
    }

    fn keygen(&self, arguments: &[&str]) -> String {
        let output = self.try_keygen(arguments, None);
        assert!(
            output.status.success(),
            "ssh-keygen {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text from ssh-keygen")
    }

    fn make_key(&self, key_type: &str, passphrase: &str, more: &[&str]) -> PathBuf {
        let mut arguments = vec!["-q", "-t", key_type, "-N", passphrase];
        arguments.extend_from_slice(&["-C", "ada@example.org", "-f", "key"]);
        arguments.extend_from_slice(more);
        self.keygen(&arguments);
        self.path("key")
    }

    /// What `ssh-keygen -Y verify` says of our signature over [`PAYLOAD`].
    fn keygen_verifies(&self, key: PublicKey, namespace: &str, sshsig: &[u8]) -> bool {
        let allowed = format!("ada@example.org {}\n", key.to_openssh(""));
        self.write("allowed_signers", allowed);
        self.write("payload.sig", to_armored(sshsig));
        let payload = self.write("payload", PAYLOAD);
        let arguments = [
            "-Y",
            "verify",
            "-f",
            "allowed_signers",
            "-I",
            "ada@example.org",
            "-n",
            namespace,
            "-s",
            "payload.sig",
        ];
        self.try_keygen(&arguments, Some(&payload)).status.success()
    }

    /// The raw SSHSIG that `ssh-keygen -Y sign` makes over [`PAYLOAD`].
    fn keygen_signs(&self, namespace: &str, more: &[&str]) -> Vec<u8> {
        self.write("payload", PAYLOAD);
        let mut arguments = vec!["-Y", "sign", "-f", "key", "-n", namespace];
        arguments.extend_from_slice(more);
        arguments.push("payload");
        self.keygen(&arguments);
        from_armored(&self.read("payload.sig")).expect("an armored signature")
    }
}

fn load(path: &Path) -> Result<SecretKey, SignError> {
    SecretKey::load(path, &mut |_| Ok(None))
}

fn load_with(path: &Path, passphrase: &str) -> Result<SecretKey, SignError> {
    SecretKey::load(path, &mut |_| Ok(Some(Zeroizing::new(passphrase.to_owned()))))
}

#[test]
fn key_made_by_ssh_keygen_loads() {
    let shop = Workshop::new();
    let key = load(&shop.make_key("ed25519", "", &[])).unwrap();
    assert_eq!(key.comment(), "ada@example.org");
    assert_eq!(key.public().to_openssh("ada@example.org"), shop.read("key.pub").trim_end());
    assert_eq!(PublicKey::from_openssh(&shop.read("key.pub")).unwrap(), key.public());
}

#[test]
fn fingerprint_is_the_one_that_ssh_keygen_prints() {
    let shop = Workshop::new();
    let key = load(&shop.make_key("ed25519", "", &[])).unwrap();
    let printed = shop.keygen(&["-l", "-f", "key.pub"]);
    assert_eq!(printed.split_whitespace().nth(1), Some(key.public().fingerprint().as_str()));
}

#[test]
fn our_key_file_is_read_by_ssh_keygen() {
    let shop = Workshop::new();
    let key = SecretKey::generate().unwrap();
    let path = shop.write("key", key.to_openssh_pem("a replica").unwrap().as_bytes());
    restrict(&path);
    assert_eq!(shop.keygen(&["-y", "-f", "key"]).trim_end(), key.public().to_openssh("a replica"));
}

#[test]
fn signature_made_by_ssh_keygen_is_accepted() {
    let shop = Workshop::new();
    let key = load(&shop.make_key("ed25519", "", &[])).unwrap();
    let sshsig = shop.keygen_signs("commit@aisr", &[]);
    assert_eq!(verify(Namespace::Commit, PAYLOAD, &sshsig).unwrap(), key.public());
}

#[test]
fn signature_of_ours_is_byte_for_byte_the_one_of_ssh_keygen() {
    let shop = Workshop::new();
    let key = load(&shop.make_key("ed25519", "", &[])).unwrap();
    let theirs = shop.keygen_signs("commit@aisr", &[]);
    let ours = key.sign(Namespace::Commit, PAYLOAD).unwrap();
    assert_eq!(ours, theirs);
    assert_eq!(to_armored(&ours), shop.read("payload.sig"));
}

#[test]
fn signature_of_ours_is_accepted_by_ssh_keygen_in_every_namespace() {
    let shop = Workshop::new();
    let key = SecretKey::generate().unwrap();
    for namespace in Namespace::ALL {
        let sshsig = key.sign(namespace, PAYLOAD).unwrap();
        assert!(shop.keygen_verifies(key.public(), namespace.as_str(), &sshsig));
    }
}

#[test]
fn both_refuse_a_signature_for_another_namespace() {
    let shop = Workshop::new();
    let key = SecretKey::generate().unwrap();
    let sshsig = key.sign(Namespace::Tag, PAYLOAD).unwrap();
    assert!(!shop.keygen_verifies(key.public(), "commit@aisr", &sshsig));
    assert!(matches!(
        verify(Namespace::Commit, PAYLOAD, &sshsig),
        Err(SignError::WrongNamespace { .. })
    ));
}

#[test]
fn both_refuse_a_signature_with_a_flipped_bit() {
    let shop = Workshop::new();
    let key = SecretKey::generate().unwrap();
    let mut sshsig = key.sign(Namespace::Commit, PAYLOAD).unwrap();
    *sshsig.last_mut().unwrap() ^= 1;
    assert!(!shop.keygen_verifies(key.public(), "commit@aisr", &sshsig));
    assert!(verify(Namespace::Commit, PAYLOAD, &sshsig).is_err());
}

#[test]
fn signature_over_sha256_is_refused() {
    let shop = Workshop::new();
    shop.make_key("ed25519", "", &[]);
    let sshsig = shop.keygen_signs("commit@aisr", &["-O", "hashalg=sha256"]);
    assert!(matches!(verify(Namespace::Commit, PAYLOAD, &sshsig), Err(SignError::SignatureHash)));
}

#[test]
fn signatures_by_other_key_types_are_refused_by_name() {
    for (key_type, name) in [("rsa", "ssh-rsa"), ("ecdsa", "ecdsa-sha2-nistp256")] {
        let shop = Workshop::new();
        shop.make_key(key_type, "", &[]);
        let sshsig = shop.keygen_signs("commit@aisr", &[]);
        assert!(matches!(
            verify(Namespace::Commit, PAYLOAD, &sshsig),
            Err(SignError::UnsupportedKeyType { key_type }) if key_type == name
        ));
    }
}

#[test]
fn other_key_types_are_refused_by_name() {
    for (key_type, bits, name) in [
        ("rsa", "2048", "ssh-rsa"),
        ("ecdsa", "256", "ecdsa-sha2-nistp256"),
        ("ecdsa", "521", "ecdsa-sha2-nistp521"),
    ] {
        for passphrase in ["", PASSPHRASE] {
            let shop = Workshop::new();
            let path = shop.make_key(key_type, passphrase, &["-b", bits]);
            let error = load(&path).unwrap_err();
            assert!(error.remedy().unwrap().contains("ssh-keygen -t ed25519"));
            assert!(error.to_string().contains(path.to_str().unwrap()));
            assert!(matches!(
                error,
                SignError::UnsupportedKeyFile { key_type, .. } if key_type == name
            ));
            let error = PublicKey::from_openssh(&shop.read("key.pub")).unwrap_err();
            assert!(error.remedy().unwrap().contains("ssh-keygen -t ed25519"));
            assert!(matches!(
                error,
                SignError::UnsupportedKeyType { key_type } if key_type == name
            ));
        }
    }
}

#[test]
fn certificate_is_refused_by_its_type() {
    let shop = Workshop::new();
    shop.make_key("ed25519", "", &[]);
    shop.keygen(&["-q", "-s", "key", "-I", "ada", "-n", "ada", "key.pub"]);
    assert!(matches!(
        PublicKey::from_openssh(&shop.read("key-cert.pub")),
        Err(SignError::UnsupportedKeyType { key_type })
            if key_type == "ssh-ed25519-cert-v01@openssh.com"
    ));
}

#[test]
fn encrypted_key_loads_with_its_passphrase_alone() {
    let shop = Workshop::new();
    let path = shop.make_key("ed25519", PASSPHRASE, &[]);
    let key = load_with(&path, PASSPHRASE).unwrap();
    assert_eq!(key.public().to_openssh(key.comment()), shop.read("key.pub").trim_end());
    for wrong in ["", "correct horse", "Correct horse battery staple"] {
        assert!(matches!(
            load_with(&path, wrong),
            Err(SignError::WrongPassphrase { path: named }) if named == path
        ));
    }
    assert!(matches!(
        load(&path),
        Err(SignError::PassphraseNeeded { path: named }) if named == path
    ));
}

#[test]
fn every_cipher_of_ssh_keygen_that_we_support_opens() {
    for cipher in [
        "aes128-cbc",
        "aes256-cbc",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
    ] {
        let shop = Workshop::new();
        let path = shop.make_key("ed25519", PASSPHRASE, &["-Z", cipher]);
        assert!(load_with(&path, PASSPHRASE).is_ok(), "{cipher}");
        assert!(
            matches!(load_with(&path, "wrong"), Err(SignError::WrongPassphrase { .. })),
            "{cipher}"
        );
    }
}

#[test]
fn passphrase_is_asked_for_once_and_with_the_path() {
    let shop = Workshop::new();
    let path = shop.make_key("ed25519", PASSPHRASE, &[]);
    let mut asked = Vec::new();
    let result = SecretKey::load(&path, &mut |path| {
        asked.push(path.to_owned());
        Ok(Some(Zeroizing::new("wrong".to_owned())))
    });
    assert!(result.is_err());
    assert_eq!(asked, [path]);
}

#[test]
fn passphrase_is_not_asked_for_when_the_key_is_not_encrypted() {
    let shop = Workshop::new();
    let path = shop.make_key("ed25519", "", &[]);
    let key = SecretKey::load(&path, &mut |_| panic!("asked for a passphrase"));
    assert!(key.is_ok());
}

#[test]
fn other_formats_are_named() {
    for (format, found) in
        [("PEM", KeyFileFormat::PemPrivate), ("PKCS8", KeyFileFormat::Pkcs8Private)]
    {
        let shop = Workshop::new();
        let path = shop.make_key("rsa", "", &["-b", "2048", "-m", format]);
        let error = load(&path).unwrap_err();
        assert!(error.remedy().unwrap().contains("ssh-keygen -t ed25519"));
        assert!(matches!(
            error,
            SignError::NotAPrivateKey { path: named, found: seen } if named == path && seen == found
        ));
    }
}

#[test]
fn public_key_in_place_of_the_private_one_is_named() {
    let shop = Workshop::new();
    shop.make_key("ed25519", "", &[]);
    assert!(matches!(
        load(&shop.path("key.pub")),
        Err(SignError::NotAPrivateKey { found: KeyFileFormat::OpenSshPublic, .. })
    ));
}

#[test]
fn private_key_in_place_of_the_public_one_is_refused() {
    let shop = Workshop::new();
    shop.make_key("ed25519", "", &[]);
    assert!(matches!(
        PublicKey::from_openssh(&shop.read("key")),
        Err(SignError::MalformedPublicKey { reason }) if reason.contains("private key")
    ));
}

#[test]
fn key_file_of_ssh_keygen_is_not_too_open() {
    let shop = Workshop::new();
    let path = shop.make_key("ed25519", "", &[]);
    assert!(!permissions_too_open(&path).unwrap());
}

#[cfg(unix)]
fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode set");
}

#[cfg(not(unix))]
fn restrict(_: &Path) {}
