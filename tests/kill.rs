//! A `commit` that is killed at any moment leaves the old state or the new one.
//!
//! A kill keeps what the system has buffered, so this proves nothing about syncs: see
//! `crash_replay.rs`. It proves that no step of the real program needs the next one.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use aisr::disk::Disk;
use aisr::object::CommitId;
use aisr::repo::Repository;
use support::soundness::{fsck, read_head, sound_head};
use support::{Random, scratch, snapshot, write};

const SEED: u64 = 20_261_124;
const KILLS: usize = 100;

/// The program, in the folder `root`, with a home of its own and nothing else of these
/// surroundings.
fn aisr(home: &Path, root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aisr"));
    command.args(arguments).current_dir(root);
    command.env_clear().env("HOME", home).env("USER", "mara");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn run(home: &Path, root: &Path, arguments: &[&str]) {
    let output = aisr(home, root, arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "aisr {}: {told}", arguments.join(" "));
}

/// Files of which most change with each round, one of them in many chunks.
fn change(root: &Path, round: usize, random: &mut Random) {
    for name in 0..30 {
        let text = format!("{round} {}", random.below(1 << 30)).repeat(1 + name);
        write(root, &format!("notes/{}/{name}", name % 4), text.as_bytes());
    }
    let mut model = vec![0; 400 << 10];
    blake3::Hasher::new().update(&random.0.to_le_bytes()).finalize_xof().fill(&mut model);
    write(root, "model.bin", &model);
}

#[test]
fn a_commit_killed_at_any_moment_leaves_the_old_state_or_the_new_one() {
    println!("seed {SEED}");
    let (home, root) = (scratch(), scratch());
    let (home, root) = (home.path(), root.path());
    let mut random = Random(SEED);
    run(home, root, &["init"]);
    change(root, 0, &mut random);
    let started = Instant::now();
    run(home, root, &["commit", "-m", "first"]);
    let usual = started.elapsed();
    let (mut head, mut tree) = sound_head(root).unwrap().unwrap();
    let (mut old, mut new) = (0, 0);
    for round in 1..=KILLS {
        change(root, round, &mut random);
        let moment = usual * random.below(1600) as u32 / 1000;
        let mut child = aisr(home, root, &["commit", "-m", "killed"]).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let about = format!("seed {SEED}, round {round}, killed after {moment:?}");
        let report = fsck(root);
        assert!(report.is_good(), "{about}: {report:?}");
        let repo = Repository::open(Disk::new(), root).unwrap();
        let (now, found): (CommitId, _) = read_head(&repo).unwrap().unwrap();
        if now == head {
            assert!(found == tree, "{about}: the old state is another");
            old += 1;
        } else {
            let parents = repo.commit(now).unwrap().commit.parents;
            assert_eq!(parents, vec![head], "{about}");
            assert!(found == snapshot(root), "{about}: the new state is not the folder's");
            (head, tree) = (now, found);
            new += 1;
        }
    }
    println!("{old} old, {new} new, a commit took {usual:?}");
    assert!(old > 0, "no kill came before the commit had happened");
    run(home, root, &["fsck"]);
    write(root, "notes/last", b"the last word");
    run(home, root, &["commit", "-m", "last"]);
    let (last, tree) = sound_head(root).unwrap().unwrap();
    assert!(last != head && tree == snapshot(root));
}
