//! Trust roots: who may make the next one, what a retired key is worth, and what others offer.

mod support;

use std::path::Path;

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::disk::crash::{Budget, CheckResult, StateInfo};
use aisr::log::{Append, Head, PlaceLog, RefName};
use aisr::object::{
    Cause, ChangeKind, CommitId, LogId, ObjectType, Principal, PrincipalId, RefChange, Signed,
    TrustRoot, TrustRootId,
};
use aisr::policy::{UnknownKeys, Verdict, VerifyReport, verify};
use aisr::repo::{Identity, RepoError, Repository, TrustChange, change_trust, now};
use aisr::sign::{Namespace, PublicKey, SecretKey};
use aisr::store::Batch;
use aisr::trust::{Adoption, TrustError, Whose, adopt};
use support::{Quiet, identity, must_commit, new_repository, scratch, write, write_fewer_bytes};

fn open(root: &Path) -> Repository {
    Repository::open(Disk::new(), root).unwrap()
}

fn retire(repo: &Repository, key: &Identity, by: &Identity) {
    change_trust(repo, &TrustChange::RetireKey(key.key.public()), &by.key).unwrap();
}

/// A second key of the first principal.
fn add(repo: &Repository, key: &Identity, by: &Identity) -> TrustRootId {
    let whose = Whose::Of(repo.trust().root.principals[0].id);
    change_trust(repo, &TrustChange::AddKey(key.key.public(), whose), &by.key).unwrap().id
}

fn newcomer(key: &PublicKey, signs_roots: bool) -> TrustChange {
    let id = PrincipalId::new([9; 16]);
    TrustChange::AddKey(*key, Whose::New { id, name: "ben".into(), signs_roots })
}

fn commit(root: &Path, me: &Identity, text: &str) -> CommitId {
    write(root, "a", text.as_bytes());
    must_commit(&open(root), me, text)
}

fn verified(root: &Path) -> VerifyReport {
    verify(&open(root), None).unwrap()
}

/// Stores a root that says what it likes.
fn put(repo: &Repository, root: &TrustRoot, by: &SecretKey) -> TrustRootId {
    let payload = root.encode();
    let signature = by.sign(Namespace::TrustRoot, &payload).unwrap();
    let object = Signed { payload: &payload, signature: &signature }.encode();
    let id = TrustRootId::of(&object);
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    batch.put(ObjectType::TrustRoot, id.id(), &object, ContentHint::Block).unwrap();
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    id
}

fn next(repo: &Repository) -> TrustRoot {
    let trust = repo.trust();
    TrustRoot {
        repo: Some(trust.repo),
        version: trust.root.version + 1,
        previous: Some(trust.root_id),
        ..trust.root.clone()
    }
}

/// A repository whose founder's secret key is at hand.
fn founded(root: &Path) -> (SecretKey, Repository) {
    let secret = SecretKey::generate().unwrap();
    let pem = secret.to_openssh_pem("").unwrap();
    let again = SecretKey::from_openssh(pem.as_bytes(), Path::new("k"), &mut |_| Ok(None)).unwrap();
    let me = Identity { key: again.into(), ..identity() };
    (secret, new_repository(&Disk::new(), root, &me))
}

#[test]
fn a_key_that_joins_signs_for_its_principal() {
    let (root, me, mine_too) = (scratch(), identity(), identity());
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &me);
    let before = repo.trust().root_id;
    let made = add(&repo, &mine_too, &me);
    let repo = open(root);
    assert_eq!((repo.trust().root_id, repo.trust().root.version), (made, 2));
    assert_eq!(repo.trust().root.previous, Some(before));
    commit(root, &mine_too, "by the second key");
    let report = verified(root);
    assert!(report.passes(UnknownKeys::Fail), "{report:?}");
    let fsck = aisr::upkeep::fsck(&Disk::new(), root, 2, &Quiet).unwrap();
    assert!(fsck.is_good(), "{fsck:?}");
}

#[test]
fn what_a_key_signed_before_it_joined_is_good_too() {
    let (root, me, other) = (scratch(), identity(), identity());
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &me);
    commit(root, &other, "too early");
    assert_eq!(verified(root).unknown_keys, 1);
    change_trust(&repo, &newcomer(&other.key.public(), false), &me.key).unwrap();
    let report = verified(root);
    assert_eq!((report.good, report.unknown_keys), (1, 0));
}

#[test]
fn a_retired_key_is_good_for_what_came_before_and_told_for_what_came_after() {
    let (root, me, other) = (scratch(), identity(), identity());
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &me);
    commit(root, &me, "before");
    add(&repo, &other, &me);
    retire(&open(root), &me, &other);
    let report = verified(root);
    assert!(report.passes(UnknownKeys::Fail), "{report:?}");
    let late = commit(root, &me, "after");
    let report = verified(root);
    assert_eq!((report.good, report.retired_keys), (1, 1));
    assert_eq!(report.not_good[0].id, late.to_hex());
    assert_eq!(report.not_good[0].verdict, Verdict::RetiredKey);
    assert!(!report.passes(UnknownKeys::Pass));
    // Nothing is damaged.
    let fsck = aisr::upkeep::fsck(&Disk::new(), root, 2, &Quiet).unwrap();
    assert!(fsck.is_good(), "{fsck:?}");
}

/// Gives the repository a new log, as a clone has one: it begins with the trust root in force, and
/// everything comes with one entry.
fn as_cloned(root: &Path, tip: CommitId) {
    let folder = root.join(".aisr");
    let trust = open(root).trust().clone();
    std::fs::remove_dir_all(folder.join("log")).unwrap();
    std::fs::remove_file(folder.join("refs")).unwrap();
    let main = RefName::branch("main").unwrap();
    let head = Head::Branch(main.clone());
    let append = |changes, cause| Append {
        trust_root: trust.root_id,
        changes,
        time: now(),
        cause: Cause::of(cause),
    };
    let (old, new) = (None, Some(head.target()));
    let on_main = RefChange { name: b"HEAD".to_vec(), old, new, kind: ChangeKind::Create };
    let replica = SecretKey::generate().unwrap();
    let pem = replica.to_openssh_pem("").unwrap();
    std::fs::write(folder.join("local/replica-key"), pem.as_bytes()).unwrap();
    let id = LogId::new([4; 16]);
    let opening = append(vec![on_main], "open");
    let mut log =
        PlaceLog::create(Disk::new(), &folder, trust.repo, id, &head, opening, &replica).unwrap();
    let moved = vec![RefChange::create(main.as_bytes(), tip.id())];
    log.append(trust.repo, append(moved, "clone"), &replica).unwrap();
}

#[test]
fn a_clone_made_after_a_retirement_knows_what_came_before_it() {
    let (root, me, other) = (scratch(), identity(), identity());
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &me);
    commit(root, &me, "before");
    add(&repo, &other, &me);
    let tip = commit(root, &other, "between");
    retire(&open(root), &me, &other);
    as_cloned(root, tip);
    let report = verified(root);
    assert_eq!((report.commits, report.good), (2, 2), "{report:?}");
    let late = commit(root, &me, "after");
    as_cloned(root, late);
    let report = verified(root);
    assert_eq!((report.commits, report.good, report.retired_keys), (3, 2, 1), "{report:?}");
}

#[test]
fn nobody_but_who_may_makes_the_next_root() {
    let (root, me, ben, stranger) = (scratch(), identity(), identity(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    change_trust(&repo, &newcomer(&ben.key.public(), false), &me.key).unwrap();
    let repo = open(root.path());
    for by in [&ben, &stranger] {
        let change = TrustChange::RetireKey(ben.key.public());
        let error = change_trust(&repo, &change, &by.key).unwrap_err();
        assert!(error.to_string().contains("your key may not sign a trust root"), "{error}");
    }
    assert_eq!(open(root.path()).trust().root.version, 2);
}

#[test]
fn the_last_key_that_may_sign_roots_cannot_be_retired() {
    let (root, me, ben) = (scratch(), identity(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    change_trust(&repo, &newcomer(&ben.key.public(), false), &me.key).unwrap();
    let error = change_trust(&open(root.path()), &TrustChange::RetireKey(me.key.public()), &me.key);
    assert!(error.unwrap_err().to_string().contains("nobody could sign"));
    // Once another may, it can.
    let dora = identity();
    let id = PrincipalId::new([8; 16]);
    let whose = Whose::New { id, name: "dora".into(), signs_roots: true };
    let change = TrustChange::AddKey(dora.key.public(), whose);
    change_trust(&open(root.path()), &change, &me.key).unwrap();
    retire(&open(root.path()), &me, &me);
    let change = TrustChange::RetireKey(ben.key.public());
    let error = change_trust(&open(root.path()), &change, &me.key);
    assert!(error.unwrap_err().to_string().contains("belongs to no principal"));
}

#[test]
fn a_root_that_does_not_follow_is_refused() {
    let root = scratch();
    let (secret, repo) = founded(root.path());
    let first = repo.trust().root_id;
    let stranger = SecretKey::generate().unwrap();
    let refused = |id| match adopt(repo.store(), first, id) {
        Err(TrustError::Link { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    let by_stranger = put(&repo, &next(&repo), &stranger);
    assert!(refused(by_stranger).contains("belongs to no principal"));
    let jumps = put(&repo, &TrustRoot { version: 3, ..next(&repo) }, &secret);
    assert!(refused(jumps).contains("version"));

    let mut more = next(&repo);
    more.roles[0].threshold = 1;
    let holders = more.roles[0].holders.clone();
    let ben = SecretKey::generate().unwrap();
    more.principals.push(Principal {
        id: PrincipalId::new([255; 16]),
        names: vec!["ben".into()],
        kind: "person".into(),
        controller: None,
        keys: vec![*ben.public().as_bytes()],
    });
    let second = put(&repo, &more, &secret);
    assert_eq!(adopt(repo.store(), first, second).unwrap(), Adoption::Extends(vec![second]));
    let third = TrustRoot { version: 3, previous: Some(second), ..more.clone() };
    let by_ben = put(&repo, &third, &ben);
    assert!(refused(by_ben).contains("does not hold the role"));

    // From here on two must agree, and one signature is not enough.
    let mut two = third.clone();
    two.roles[0].holders = [&holders[..], &[PrincipalId::new([255; 16])]].concat();
    two.roles[0].threshold = 2;
    let two_id = put(&repo, &two, &secret);
    let fourth = TrustRoot { version: 4, previous: Some(two_id), ..two };
    assert!(refused(put(&repo, &fourth, &secret)).contains("2 holders"));

    // A key never changes its principal, and never comes back.
    let mut swapped = third.clone();
    let (a, b) = (swapped.principals[0].keys.clone(), swapped.principals[1].keys.clone());
    (swapped.principals[0].keys, swapped.principals[1].keys) = (b, a);
    assert!(refused(put(&repo, &swapped, &secret)).contains("another principal"));
    let mut without = third.clone();
    without.principals[1].keys.clear();
    let without_id = put(&repo, &without, &secret);
    let back = TrustRoot { version: 4, previous: Some(without_id), ..third };
    assert!(refused(put(&repo, &back, &secret)).contains("brings back the retired key"));
}

#[test]
fn offered_roots_are_the_same_behind_further_on_or_a_fork() {
    let root = scratch();
    let (secret, repo) = founded(root.path());
    let store = repo.store();
    let first = repo.trust().root_id;
    let two = next(&repo);
    let second = put(&repo, &two, &secret);
    let third =
        put(&repo, &TrustRoot { version: 3, previous: Some(second), ..two.clone() }, &secret);
    let mut other = two.clone();
    other.principals[0].names.push("another name".into());
    let forked = put(&repo, &other, &secret);
    assert_eq!(adopt(store, first, first).unwrap(), Adoption::Same);
    assert_eq!(adopt(store, second, second).unwrap(), Adoption::Same);
    assert_eq!(adopt(store, first, third).unwrap(), Adoption::Extends(vec![second, third]));
    assert_eq!(adopt(store, second, third).unwrap(), Adoption::Extends(vec![third]));
    assert_eq!(adopt(store, third, first).unwrap(), Adoption::Behind);
    assert_eq!(adopt(store, third, second).unwrap(), Adoption::Behind);
    for ours in [second, third] {
        let error = adopt(store, ours, forked).unwrap_err();
        assert!(matches!(
            error,
            TrustError::Fork { version: 2, ours, theirs } if ours == second && theirs == forked
        ));
    }
    let missing = TrustRootId::of(b"never written");
    assert!(matches!(adopt(store, first, missing), Err(TrustError::Store(_))));
    assert!(matches!(adopt(store, third, missing), Err(TrustError::Store(_))));
}

#[test]
fn a_log_that_goes_back_to_an_earlier_root_is_told() {
    let (root, me, other) = (scratch(), identity(), identity());
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &me);
    let first = repo.trust().root_id;
    add(&repo, &other, &me);
    let folder = root.join(".aisr");
    let replica = SecretKey::load(&folder.join("local/replica-key"), &mut |_| Ok(None)).unwrap();
    let mut log = open(root).log().unwrap();
    let back = |trust_root| Append {
        trust_root,
        changes: Vec::new(),
        time: now(),
        cause: Cause::of("manual"),
    };
    let id = repo.id();
    log.append(id, back(first), &replica).unwrap();
    let fsck = aisr::upkeep::fsck(&Disk::new(), root, 2, &Quiet).unwrap();
    assert!(!fsck.is_good());
    let problem = verified(root).log.problem.unwrap();
    assert!(problem.contains("which is none of the trust roots here"), "{problem}");
}

#[test]
fn of_two_changes_at_once_one_is_refused() {
    let (root, me) = (scratch(), identity());
    let root = root.path();
    new_repository(&Disk::new(), root, &me);
    let (one, late) = (open(root), open(root));
    add(&one, &identity(), &me);
    let whose = Whose::Of(late.trust().root.principals[0].id);
    let change = TrustChange::AddKey(identity().key.public(), whose);
    let error = change_trust(&late, &change, &me.key).unwrap_err();
    assert!(error.to_string().contains("two trust roots of version 2"), "{error}");
    assert_eq!(open(root).trust().root.version, 2);
}

#[test]
fn a_handle_that_saw_the_root_before_does_not_take_the_log_back() {
    let (root, me, other) = (scratch(), identity(), identity());
    let root = root.path();
    let old = new_repository(&Disk::new(), root, &me);
    let mut log = old.log().unwrap();
    let made = add(&old, &other, &me);
    let change = RefChange::create(b"refs/heads/x", CommitId::of(b"x").id());
    old.move_refs(&mut log, vec![change], Cause::of("branch")).unwrap();
    assert_eq!(open(root).trust().root_id, made);
}

#[test]
fn a_root_that_is_damaged_keeps_the_repository_shut() {
    let root = scratch();
    let (_, repo) = founded(root.path());
    let stranger = SecretKey::generate().unwrap();
    let forged = put(&repo, &next(&repo), &stranger);
    let mut log = repo.log().unwrap();
    let error = repo.put_in_force(&mut log, forged, Vec::new(), Cause::of("fetch")).unwrap_err();
    assert!(matches!(error, RepoError::Trust(TrustError::Link { .. })), "{error}");
    assert_eq!(open(root.path()).trust().root.version, 1);
}

#[test]
fn a_crash_leaves_the_root_before_or_the_new_one() {
    let (root, me, other) = (scratch(), identity(), identity());
    let root = root.path();
    new_repository(&Disk::new(), root, &me);
    write_fewer_bytes(root, 1);
    must_commit(&open(root), &me, "first");
    let before = open(root).trust().root_id;
    let (disk, recorder) = Disk::recording(root).unwrap();
    let made = add(&Repository::open(disk.clone(), root).unwrap(), &other, &me);
    disk.mark("acknowledged");
    let check = |state: &StateInfo, folder: &Path| -> CheckResult {
        let repo = Repository::open(Disk::new(), folder)?;
        let found = repo.trust().root_id;
        let old = found == before && !state.has_mark("acknowledged");
        if !old && found != made {
            return Err("the trust root in force is neither old nor new".into());
        }
        if !verify(&repo, None)?.passes(UnknownKeys::Fail) {
            return Err("it does not verify".into());
        }
        let whose = Whose::Of(repo.trust().root.principals[0].id);
        let change = TrustChange::AddKey(identity().key.public(), whose);
        change_trust(&repo, &change, &me.key)?;
        Ok(())
    };
    let states = recorder.crash_states(Budget::seeded(7));
    println!("{:?}", states.for_each_state(scratch().path(), check).unwrap());
}
