//! A `checkout` that is killed at any moment leaves the old state or the new one, and the next
//! command says which.
//!
//! As in `kill.rs`, a kill keeps what the system has buffered; `crash_moving.rs` is about syncs.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use aisr::disk::Disk;
use aisr::repo::Repository;
use support::soundness::{Tree, fsck};
use support::{Random, scratch, snapshot, write};

const SEED: u64 = 20_261_125;
const KILLS: usize = 100;

/// A repository with a home of its own.
struct Desk {
    home: tempfile::TempDir,
    root: tempfile::TempDir,
}

impl Desk {
    fn root(&self) -> &Path {
        self.root.path()
    }

    fn aisr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aisr"));
        command.args(arguments).current_dir(self.root());
        command.env_clear().env("HOME", self.home.path()).env("USER", "mara");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.aisr(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "aisr {}: {told}", arguments.join(" "));
        output
    }

    fn pending(&self) -> PathBuf {
        self.root().join(".aisr/undo/pending")
    }
}

/// A state of which the other one differs in every way a path can, with a model of 3 MiB.
fn fill(root: &Path, state: u8) {
    let mut model = vec![0; 3 << 20];
    blake3::Hasher::new().update(&[state]).finalize_xof().fill(&mut model);
    if state == 1 {
        // Most of the model stays as it is, as after a training step.
        let (same, _) = model.split_at_mut(1 << 20);
        blake3::Hasher::new().update(&[0]).finalize_xof().fill(same);
    }
    write(root, "model.bin", &model);
    for name in 0..40 {
        let text = format!("state {state} of {name}").repeat(1 + name);
        write(root, &format!("notes/{}/{name}", name % 4), text.as_bytes());
    }
    write(root, "same", b"in both");
    match state {
        0 => {
            write(root, "was a file", b"0");
            write(root, "was a folder/inside/it", b"0");
        }
        _ => {
            std::fs::remove_dir_all(root.join("was a folder")).unwrap();
            std::fs::remove_file(root.join("was a file")).unwrap();
            write(root, "was a file/now a folder", b"1");
            write(root, "was a folder", b"1");
            std::os::unix::fs::symlink("model.bin", root.join("link")).unwrap();
        }
    }
}

#[test]
fn a_checkout_killed_at_any_moment_ends_in_the_old_state_or_the_new_one() {
    println!("seed {SEED}");
    let desk = Desk { home: scratch(), root: scratch() };
    let mut random = Random(SEED);
    desk.run(&["init"]);
    let mut states: Vec<Tree> = Vec::new();
    for state in 0..2 {
        fill(desk.root(), state);
        desk.run(&["commit", "-m", "a state"]);
        desk.run(&["tag", &format!("state-{state}")]);
        states.push(snapshot(desk.root()));
    }
    let started = Instant::now();
    desk.run(&["checkout", "state-0"]);
    let usual = started.elapsed();
    let repo = Repository::open(Disk::new(), desk.root()).unwrap();
    let head = || repo.log().unwrap().refs().head_commit().unwrap();
    let (first, mut now) = (head(), 0);
    let (mut old, mut new, mut interrupted) = (0, 0, 0);
    for round in 1..=KILLS {
        let target = 1 - now;
        let moment = usual * random.below(1400) as u32 / 1000;
        let mut child = desk.aisr(&["checkout", &format!("state-{target}")]).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let about = format!("seed {SEED}, round {round}, killed after {moment:?}");

        let pending = desk.pending().exists();
        let told = String::from_utf8(desk.run(&["checkout", "@"]).stderr).unwrap();
        assert_eq!(told.contains("interrupted"), pending, "{about}: {told}");
        let to_its_end = told.contains("A checkout that was interrupted is brought to its end.");
        let discarded = told.contains("interrupted before it changed anything is discarded.");
        assert_eq!(to_its_end || discarded, pending, "{about}: {told}");
        assert!(!desk.pending().exists(), "{about}");

        let at = if head() == first { 0 } else { 1 };
        assert!(snapshot(desk.root()) == states[at], "{about}: not the state of HEAD");
        assert!(!to_its_end || at == target, "{about}: {told}");
        assert!(!discarded || at == now, "{about}: {told}");
        let report = fsck(desk.root());
        assert!(report.is_good(), "{about}: {report:?}");
        *(if at == now { &mut old } else { &mut new }) += 1;
        interrupted += usize::from(pending);
        now = at;
    }
    println!("{old} old, {new} new, {interrupted} interrupted, a checkout took {usual:?}");
    assert!(old > 0, "no kill came before the checkout had happened");
    desk.run(&["fsck"]);
    for state in [0, 1] {
        desk.run(&["checkout", &format!("state-{state}")]);
        assert!(snapshot(desk.root()) == states[state], "the last state is not whole");
    }
}
