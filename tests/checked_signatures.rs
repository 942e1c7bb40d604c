//! Signatures that were found good are not checked again to show commits; nothing that comes with a
//! repository has a say in which those are.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use aisr::disk::Disk;
use aisr::object::{CommitId, Id, Signed};
use aisr::repo::{Repository, SignatureState, StoredCommit, UserConfig};
use aisr::sign::CheckedSignatures;
use program::Desk;

const NAME: &str = "checked-signatures-1";

fn open(desk: &Desk, cache: &Path) -> Repository {
    let config = UserConfig::default();
    Repository::discover_to_show(Disk::new(), &desk.path(), &config, cache).unwrap()
}

fn commit(repo: &Repository, hex: &str) -> StoredCommit {
    repo.commit(CommitId::from_id(Id::from_hex(hex.as_bytes()).unwrap())).unwrap()
}

/// The same commit with another signature, under the id of that.
fn forged(mut stored: StoredCommit) -> StoredCommit {
    *stored.signature.last_mut().unwrap() ^= 1;
    let object = Signed { payload: &stored.payload, signature: &stored.signature }.encode();
    stored.id = CommitId::of(&object);
    stored
}

/// Says in the folder that the commit was found well signed.
fn claim(folder: &Path, stored: &StoredCommit) {
    let checked = CheckedSignatures::of_user(Disk::new(), folder);
    checked.add(stored.id.id());
    checked.keep();
    assert!(folder.join(NAME).is_file());
}

#[test]
fn what_was_shown_once_is_known_and_means_the_same() {
    let desk = Desk::new();
    let first = desk.commit("a", "1", "One");
    let second = desk.commit("a", "2", "Two");
    let cache = desk.home().join(".cache/aisr");
    let _ = fs::remove_dir_all(&cache);
    let [fresh, known] = [(); 2].map(|()| desk.ok(["log"]));
    assert!(fresh.contains("good"), "{fresh}");
    assert_eq!(fresh, known);
    let checked = CheckedSignatures::of_user(Disk::new(), &cache);
    for hex in [&first, &second] {
        assert!(checked.contains(Id::from_hex(hex.as_bytes()).unwrap()), "{hex}");
    }
    fs::write(cache.join(NAME), [0xff; 999]).unwrap();
    assert_eq!(desk.ok(["log"]), fresh, "what is damaged costs a check");
    assert_eq!(desk.json(["log", "--json"])[0]["signature"]["verdict"], "good");
}

#[test]
fn a_bad_signature_is_bad_each_time() {
    let desk = Desk::new();
    let hex = desk.commit("a", "1", "One");
    let repo = open(&desk, &desk.home().join(".cache/aisr"));
    let forged = forged(commit(&repo, &hex));
    for _ in 0..2 {
        assert!(matches!(repo.judge_to_show(&forged), SignatureState::Bad(_)));
        assert!(!repo.checked_signatures().contains(forged.id.id()));
    }
    assert!(repo.judge_to_show(&commit(&repo, &hex)).is_good());
}

#[test]
fn a_repository_cannot_bring_what_was_found() {
    let desk = Desk::new();
    let hex = desk.commit("a", "1", "One");
    let own = desk.home().join(".cache/aisr");
    let forged = forged(commit(&open(&desk, &own), &hex));
    let inside = desk.path().join("cache");
    for folder in [desk.path().join(".aisr/local"), inside.clone(), inside.join("deeper")] {
        claim(&folder, &forged);
    }
    for cache in [&own, &inside, &inside.join("deeper"), &inside.join("not/there")] {
        let repo = open(&desk, cache);
        let state = repo.judge_to_show(&forged);
        assert!(matches!(state, SignatureState::Bad(_)), "{}", cache.display());
    }
    // A link that leads there does not help.
    let link = desk.outside("link");
    std::os::unix::fs::symlink(&inside, &link).unwrap();
    let repo = open(&desk, &link);
    let state = repo.judge_to_show(&forged);
    assert!(matches!(state, SignatureState::Bad(_)));
}

#[test]
fn what_verifies_does_not_ask_what_was_found() {
    let desk = Desk::new();
    let hex = desk.commit("a", "1", "One");
    let own = desk.home().join(".cache/aisr");
    let forged = forged(commit(&open(&desk, &own), &hex));
    claim(&own, &forged);
    let repo = open(&desk, &own);
    assert!(repo.judge_to_show(&forged).is_good(), "the user's own word counts to show");
    assert!(matches!(repo.judge(&forged), SignatureState::Bad(_)));
}
