//! Names of commits, as they are typed.

#[path = "support/program.rs"]
mod program;

use std::collections::HashMap;

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::object::{Commit, CommitId, Id, ObjectType, Signed, Stamp};
use aisr::repo::Repository;
use aisr::sign::{Namespace, SecretKey};
use aisr::store::Batch;
use insta::assert_snapshot;
use program::Desk;

fn id_of(desk: &Desk, revision: &str) -> String {
    desk.json(["show", "--json", revision])["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_way_to_name_a_commit_leads_to_it() {
    let desk = Desk::new();
    let ids: Vec<String> = (0..4).map(|n| desk.commit("a", &n.to_string(), "x")).collect();
    for (revision, n) in [
        ("HEAD", 3),
        ("@", 3),
        ("main", 3),
        ("heads/main", 3),
        ("refs/heads/main", 3),
        ("@~", 2),
        ("@^", 2),
        ("@^1", 2),
        ("@^0", 3),
        ("main~2", 1),
        ("main~1^", 1),
        ("main^^^", 0),
        ("main^{}", 3),
        ("main^{commit}~", 2),
        ("@{0}", 3),
        ("@{1}", 2),
        ("main@{3}", 0),
        ("HEAD@{2}", 1),
        ("@@{2}~", 0),
        (&ids[1], 1),
        (&ids[2][..8], 2),
        (&format!("{}~", &ids[2].to_uppercase()[..12]), 1),
    ] {
        assert_eq!(id_of(&desk, revision), ids[n], "{revision}");
    }
}

#[test]
fn what_names_nothing_says_why() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    for (args, shown) in [
        ("nope", "no commit, branch or tag is called `nope`"),
        ("abc", "no commit, branch or tag is called `abc`"),
        ("@~1", "`@~1` goes too far back: "),
        ("@^2", "has no parent"),
        ("@^0ü", "only `~N`, `^N`, `^{}` and `@{N}` may follow a name"),
        ("main@{1}", "main has no value 1 moves ago: this clone's log knows 1"),
        ("main@{yesterday}", "`@{N}` counts moves with a number"),
        ("a...b", "`...` is not known here"),
        ("main~99999999999999999999999", "the number is too large"),
        ("", "no commit, branch or tag is called"),
        ("main\u{1b}[31m", "called `main\\u{1b}[31m`"),
    ] {
        let ran = desk.run(["log", args]);
        assert_eq!(ran.code, Some(3), "{args}");
        assert!(ran.stderr.contains(shown), "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    }
    assert_snapshot!(desk.shown(["log", "nope"]), @r"
    error: no commit, branch or tag is called `nope`
    hint: `aisr log --oneline` lists the commits
    hint: `aisr log -- nope` shows the history of a path that is gone
    [3]
    ");
}

/// Stores commits, all at once, until two share their first four digits.
fn twins(desk: &Desk) -> (String, String) {
    let repo = Repository::open(Disk::new(), &desk.path()).unwrap();
    let path = desk.home().join(".config/aisr/id_ed25519");
    let key = SecretKey::load(&path, &mut |_| Ok(None)).unwrap();
    let head = CommitId::from_id(Id::from_hex(desk.head().as_bytes()).unwrap());
    let commit = repo.commit(head).unwrap().commit;
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    let mut starts = HashMap::from([(head.to_hex()[..4].to_owned(), head)]);
    // By the birthday bound over 65,536 starts, some hundreds are enough.
    let found = (0..10_000).find_map(|micros| {
        let committed = Stamp { micros, zone: 0 };
        let payload = Commit { committed, ..commit.clone() }.encode();
        let signature = key.sign(Namespace::Commit, &payload).unwrap();
        let object = Signed { payload: &payload, signature: &signature }.encode();
        let id = CommitId::of(&object);
        batch.put(ObjectType::Commit, id.id(), &object, ContentHint::Block).unwrap();
        starts.insert(id.to_hex()[..4].to_owned(), id).map(|twin| (twin.to_hex(), id.to_hex()))
    });
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    found.unwrap()
}

#[test]
fn a_start_of_two_ids_lists_both() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    let (one, two) = twins(&desk);
    let ran = desk.run(["log", &one[..4]]);
    assert_eq!(ran.code, Some(3));
    let start = &one[..4];
    assert!(ran.stderr.contains(&format!("`{start}` is the start of more than one id")));
    assert!(ran.stderr.contains(&format!("commit {}", &one[..16])), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("commit {}", &two[..16])), "{}", ran.stderr);
    let common = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
    assert_eq!(id_of(&desk, &one[..common + 1]), one);
    // The coloured part of an id is what tells it from the other.
    let shown = desk.ok(["show", "--color", "always", &one]);
    assert!(shown.contains(&format!("{}\x1b[0m", &one[..common + 1])), "{shown:?}");
}
