//! `aisr key` and `aisr trust` as a person uses them, and signing through an agent.

#[path = "support/ssh_agent.rs"]
mod agents;
#[path = "support/program.rs"]
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use agents::{MadeUp, RealAgent, SoftwareKey};
use program::{Desk, Ran};

/// Makes a key with ssh-keygen in the home's `.ssh`.
fn ssh_key(desk: &Desk, name: &str, kind: &str, passphrase: &str) -> String {
    let folder = desk.home().join(".ssh");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    let arguments = ["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"];
    assert!(Command::new("ssh-keygen").args(arguments).arg(&path).status().unwrap().success());
    path.to_str().unwrap().to_owned()
}

fn set_key(desk: &Desk, key: &str) {
    desk.ok(["config", "--user", "user.key", key]);
}

fn run_with(desk: &Desk, socket: &std::path::Path, args: &[&str]) -> Ran {
    let mut command = desk.command(args);
    Ran::of(command.env("SSH_AUTH_SOCK", socket).output().unwrap())
}

fn fingerprint(desk: &Desk, key: &str) -> String {
    desk.json(["key", "show", key, "--json"])["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_that_is_encrypted_signs_through_the_agent_that_holds_it() {
    let (real, desk) = (RealAgent::start(), Desk::empty());
    let path = real.make("id", "ed25519", "secret");
    set_key(&desk, path.to_str().unwrap());
    // Nobody is there to ask.
    let ran = run_with(&desk, &real.socket(), &["init"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("needs a passphrase"), "{}", ran.stderr);
    real.add_encrypted(&path, "secret");
    let ran = run_with(&desk, &real.socket(), &["init"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    desk.write("a", "1");
    let ran = run_with(&desk, &real.socket(), &["commit", "-m", "through the agent"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    desk.ok(["verify"]);
}

#[test]
fn a_public_key_file_or_the_line_itself_names_a_key_of_the_agent() {
    let (real, desk) = (RealAgent::start(), Desk::empty());
    let path = real.add_new("id", "ed25519");
    let public = path.with_extension("pub");
    let line = fs::read_to_string(&public).unwrap();
    // So that only the agent has it.
    fs::remove_file(&path).unwrap();
    set_key(&desk, public.to_str().unwrap());
    assert_eq!(run_with(&desk, &real.socket(), &["init"]).code, Some(0));
    set_key(&desk, line.trim());
    desk.write("a", "1");
    let ran = run_with(&desk, &real.socket(), &["commit", "-m", "by its line"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    desk.ok(["verify"]);

    desk.write("a", "2");
    let ran = desk.run(["commit", "-m", "no agent"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("no SSH agent holds key SHA256:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: start one and set SSH_AUTH_SOCK"), "{}", ran.stderr);
    real.ssh_add(&["-q", "-D"], None);
    let ran = run_with(&desk, &real.socket(), &["commit", "-m", "not held"]);
    assert!(ran.stderr.contains("hint: `ssh-add FILE`"), "{}", ran.stderr);
    // The branch is where it was.
    assert_eq!(desk.json(["log", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn the_private_key_beside_the_public_one_signs_without_an_agent() {
    let desk = Desk::empty();
    let path = ssh_key(&desk, "id_work", "ed25519", "");
    set_key(&desk, &format!("{path}.pub"));
    desk.ok(["init"]);
    desk.commit("a", "1", "First");
    desk.ok(["verify"]);
}

#[test]
fn a_security_key_founds_a_repository_and_signs() {
    let desk = Desk::empty();
    let token = SoftwareKey::new(7, "ssh:");
    let line = token.public().to_openssh("token");
    let agent = MadeUp::answering(move |request| token.answer(request));
    set_key(&desk, &line);
    let ran = run_with(&desk, &agent.socket(), &["init"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    desk.write("a", "1");
    assert_eq!(run_with(&desk, &agent.socket(), &["commit", "-m", "touched"]).code, Some(0));
    desk.ok(["verify"]);
    desk.ok(["fsck"]);
    assert!(desk.ok(["trust", "show"]).contains("  sk-ssh-ed25519@openssh.com, since"));
    assert!(desk.ok(["key", "--allowed-signers"]).contains("\" sk-ssh-ed25519@openssh.com AAAA"));
}

#[test]
fn keys_of_other_types_are_refused_with_the_remedy() {
    for (kind, remedy) in [
        ("rsa", "hint: make an ed25519 key: ssh-keygen -t ed25519"),
        ("ecdsa", "hint: make an ed25519 key: ssh-keygen -t ed25519"),
    ] {
        let desk = Desk::new();
        let path = ssh_key(&desk, "id_other", kind, "");
        for key in [path.clone(), format!("{path}.pub")] {
            let ran = desk.run(["trust", "add-key", &key, "--new-principal", "ben"]);
            assert_eq!(ran.code, Some(3));
            assert!(ran.stderr.contains(remedy), "{}", ran.stderr);
            set_key(&desk, &key);
            desk.write("a", &key);
            let ran = desk.run(["commit", "-m", "x"]);
            assert_eq!(ran.code, Some(3));
            assert!(ran.stderr.contains(remedy), "{}", ran.stderr);
        }
        assert!(desk.ok(["key", "list"]).contains(remedy));
        set_key(&desk, &fs::read_to_string(format!("{path}.pub")).unwrap());
        assert!(desk.run(["commit", "-m", "x"]).stderr.contains(remedy));
    }
}

#[test]
fn a_certificate_is_refused_with_the_remedy() {
    let desk = Desk::new();
    let path = ssh_key(&desk, "id_c", "ed25519", "");
    let arguments = ["-q", "-s", &path, "-I", "ada", "-n", "ada", &format!("{path}.pub")];
    assert!(Command::new("ssh-keygen").args(arguments).status().unwrap().success());
    let certificate = format!("{path}-cert.pub");
    let ran = desk.run(["trust", "add-key", &certificate, "--new-principal", "ben"]);
    assert!(ran.stderr.contains("hint: name the plain key"), "{}", ran.stderr);
}

#[test]
fn a_new_key_is_for_its_owner_alone_and_never_written_over_another() {
    let desk = Desk::empty();
    let ran = desk.run(["key", "new", "mine"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("no terminal to ask for a passphrase"), "{}", ran.stderr);
    desk.ok(["key", "new", "mine", "--no-passphrase", "--name", "mara"]);
    let mode = |name| fs::metadata(desk.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("mine"), mode("mine.pub")), (0o600, 0o644));
    let public = fs::read_to_string(desk.path().join("mine.pub")).unwrap();
    let mut keygen = Command::new("ssh-keygen");
    let by_keygen =
        keygen.args(["-y", "-f"]).arg(desk.path().join("mine")).output().unwrap().stdout;
    assert_eq!(String::from_utf8(by_keygen).unwrap(), public);
    for taken in ["mine", "mine.pub"] {
        let ran = desk.run(["key", "new", taken, "--no-passphrase"]);
        assert_eq!(ran.code, Some(3), "{taken}");
        assert!(ran.stderr.contains("exists already"), "{}", ran.stderr);
    }
    assert_eq!(fs::read_to_string(desk.path().join("mine.pub")).unwrap(), public);
}

#[test]
fn keys_are_listed_with_whose_they_are_here() {
    let desk = Desk::empty();
    ssh_key(&desk, "id_ed25519", "ed25519", "");
    ssh_key(&desk, "id_other", "ed25519", "secret");
    ssh_key(&desk, "id_rsa", "rsa", "");
    desk.ok(["init"]);
    insta::assert_snapshot!(desk.shown(["key", "list"]), @r"
    * SHA256:<key>  ssh-ed25519  mara@example.org here
        id_ed25519
        <dir>/home/.ssh/id_ed25519
        <dir>/home/.ssh/id_ed25519.pub
      SHA256:<key>  ssh-ed25519  nobody's here
        id_other
        <dir>/home/.ssh/id_other (encrypted)
        <dir>/home/.ssh/id_other.pub
      <dir>/home/.ssh/id_rsa: keys of type ssh-rsa are not supported
        hint: make an ed25519 key: ssh-keygen -t ed25519
        <dir>/home/.ssh/id_rsa
      keys of type ssh-rsa are not supported
        hint: make an ed25519 key: ssh-keygen -t ed25519
        <dir>/home/.ssh/id_rsa.pub
    [0]
    ");
    let keys = desk.json(["key", "list", "--json"]);
    let told: Vec<_> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|k| (k["signs"].clone(), k["standing"].clone()))
        .collect();
    assert_eq!(
        serde_json::to_string(&told).unwrap(),
        r#"[[true,"principal"],[false,"unknown"],[false,null],[false,null]]"#
    );
}

#[test]
fn keys_join_and_retire_and_the_log_says_so() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    desk.ok(["key", "new", "../laptop", "--no-passphrase"]);
    desk.ok(["key", "new", "../ben", "--no-passphrase"]);
    insta::assert_snapshot!(desk.shown(["trust", "add-key", "../ben.pub"]), @r"
    error: whose key is it?
    hint: --principal NAME for one that there is: mara@example.org
    hint: --new-principal NAME for somebody else
    [2]
    ");
    insta::assert_snapshot!(
        desk.shown(["trust", "add-key", "../laptop.pub", "--principal", "mara@example.org"]),
        @r"
        Added SHA256:<key>
        Trust root 2 <id> is in force
        [0]
        "
    );
    insta::assert_snapshot!(
        desk.shown(["trust", "add-key", "../ben.pub", "--new-principal", "ben"]),
        @r"
        Added SHA256:<key>
        Trust root 3 <id> is in force
        [0]
        "
    );
    let own =
        fingerprint(&desk, &desk.home().join(".config/aisr/id_ed25519").display().to_string());
    let laptop = fingerprint(&desk, "../laptop");
    let ran = desk.run(["trust", "add-key", "../ben.pub", "--principal", "mara@example.org"]);
    assert!(ran.stderr.contains("belongs to ben already"), "{}", ran.stderr);
    let ran = desk.run(["trust", "add-key", "../ben.pub", "--principal", "nobody"]);
    assert!(ran.stderr.contains("hint: there are "), "{}", ran.stderr);
    let ran = desk.run(["undo"]);
    assert!(ran.stderr.contains("trust roots never go back"), "{}", ran.stderr);

    // The laptop goes on, and the key that was there first is retired.
    set_key(&desk, &desk.outside("laptop").display().to_string());
    desk.ok(["trust", "retire-key", &own[..16]]);
    desk.ok(["verify"]);
    let ran = desk.run(["trust", "retire-key", &laptop]);
    assert!(ran.stderr.contains("nobody could sign another trust root"), "{}", ran.stderr);
    desk.ok(["config", "--unset", "user.key"]);
    desk.commit("a", "2", "By the retired key");
    let ran = desk.run(["verify"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.text().contains("commits  2: 1 good, 1 by retired keys\n"), "{}", ran.text());
    assert!(desk.ok(["log"]).contains("retired key"));
    let ran = desk.run(["trust", "retire-key", "../ben.pub"]);
    assert!(ran.stderr.contains("your key may not sign a trust root"), "{}", ran.stderr);

    let shown = desk.ok(["trust", "show"]);
    assert!(shown.starts_with("trust root 4 "), "{shown}");
    assert!(shown.contains(&format!("{own}  of mara@example.org, by trust root 4\n")), "{shown}");
    let shown = desk.json(["trust", "show", "--json"]);
    assert_eq!(shown["version"], 4);
    assert_eq!(shown["since_entry"], 4);
    assert_eq!(shown["retired"][0]["fingerprint"], own);
    assert_eq!(shown["earlier"].as_array().unwrap().len(), 3);
    let causes: Vec<_> = desk
        .json(["op", "log", "--json"])
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["cause"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(causes, ["commit", "retire-key", "add-key", "add-key", "commit", "open"]);
}

#[test]
fn ssh_keygen_verifies_by_the_allowed_signers() {
    let desk = Desk::new();
    desk.ok(["key", "new", "../ben", "--no-passphrase"]);
    desk.ok(["trust", "add-key", "../ben.pub", "--new-principal", "Ben, the second"]);
    let allowed = desk.ok(["key", "allowed-signers"]);
    assert_eq!(desk.ok(["key", "--allowed-signers"]), allowed);
    let file = desk.outside("allowed");
    fs::write(&file, &allowed).unwrap();
    let principals = desk.json(["trust", "show", "--json"])["principals"].clone();
    let ben = principals.as_array().unwrap().iter().find(|p| p["names"][0] == "Ben, the second");
    let ben = ben.unwrap()["id"].as_str().unwrap();
    let own = desk.home().join(".config/aisr/id_ed25519");
    let verifies = |key: &std::path::Path, who: &str, namespace: &str| {
        let payload = desk.outside("payload");
        fs::write(&payload, "x").unwrap();
        let signature = desk.outside("payload.sig");
        let _ = fs::remove_file(&signature);
        let signed = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .args([key, &payload])
            .stderr(Stdio::null())
            .status();
        assert!(signed.unwrap().success());
        let verified = Command::new("ssh-keygen")
            .args(["-q", "-Y", "verify", "-I", who, "-n", namespace, "-f"])
            .arg(&file)
            .arg("-s")
            .arg(&signature)
            .stdin(fs::File::open(&payload).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        verified.unwrap().success()
    };
    assert!(verifies(&own, "mara@example.org", "commit@aisr"));
    assert!(verifies(&own, "mara@example.org", "trust-root@aisr"));
    assert!(verifies(&desk.outside("ben"), ben, "tag@aisr"));
    assert!(!verifies(&own, "mara@example.org", "git"));
    assert!(!verifies(&own, ben, "commit@aisr"));
}
