//! Walks and names over histories that no command makes yet: merges, tags, clocks that lie.

mod support;

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::history::{CommitWalk, HistoryError, Range, Revisions};
use aisr::object::{
    Cause, ChangeKind, Commit, CommitId, Id, ObjectType, RefChange, RefTarget, Signed, Stamp, Tag,
    TagId,
};
use aisr::policy::{UnknownKeys, Verdict, verify};
use aisr::repo::{Identity, Repository};
use aisr::sign::Namespace;
use aisr::store::Batch;
use support::{Quiet, identity, must_commit, new_repository};

struct Made {
    _dir: tempfile::TempDir,
    repo: Repository,
    identity: Identity,
    base: CommitId,
}

impl Made {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = identity();
        let repo = new_repository(&Disk::new(), dir.path(), &identity);
        std::fs::write(dir.path().join("a"), "1").unwrap();
        let base = must_commit(&repo, &identity, "base");
        Self { _dir: dir, repo, identity, base }
    }

    fn store(&self, kind: ObjectType, namespace: Namespace, payload: &[u8]) -> Id {
        let signature = self.identity.key.sign(namespace, payload).unwrap();
        let object = Signed { payload, signature: &signature }.encode();
        let id = kind.id_of(&object);
        let lease = self.repo.store().lease().unwrap();
        let writer = self.repo.store().writer(&lease);
        let mut batch = Batch::new(&writer);
        batch.put(kind, id, &object, ContentHint::Block).unwrap();
        batch.flush().unwrap();
        drop(batch);
        writer.finish().unwrap();
        id
    }

    /// A commit of the base's state at a second of its own clock.
    fn commit(&self, parents: &[CommitId], second: i64) -> CommitId {
        let base = self.repo.commit(self.base).unwrap().commit;
        let committed = Stamp { micros: second * 1_000_000, zone: 0 };
        let commit = Commit { parents: parents.to_vec(), committed, ..base };
        let id = self.store(ObjectType::Commit, Namespace::Commit, &commit.encode());
        CommitId::from_id(id)
    }

    fn tag(&self, name: &str, target: Id, target_type: ObjectType) -> TagId {
        let tag = Tag {
            repo: self.repo.id(),
            target,
            target_type,
            name: name.into(),
            tagger: self.repo.trust().actor(&self.identity.key.public()),
            time: Stamp { micros: 0, zone: 0 },
            message: Some("tagged".into()),
            ext: Vec::new(),
        };
        TagId::from_id(self.store(ObjectType::Tag, Namespace::Tag, &tag.encode()))
    }

    fn set(&self, name: &str, id: Id) {
        let mut log = self.repo.log().unwrap();
        let old = log.refs().refs.iter().find(|(known, _)| known.as_bytes() == name.as_bytes());
        let old = old.map(|(_, id)| RefTarget::Object(*id));
        let kind = if old.is_some() { ChangeKind::Force } else { ChangeKind::Create };
        let new = Some(RefTarget::Object(id));
        let change = RefChange { name: name.into(), old, new, kind };
        self.repo.move_refs(&mut log, vec![change], Cause::of("test")).unwrap();
    }

    fn walk(&self, include: &[CommitId], exclude: &[CommitId]) -> Vec<CommitId> {
        let range = Range { include: include.to_vec(), exclude: exclude.to_vec() };
        CommitWalk::new(&self.repo, &range).map(|found| found.unwrap().id).collect()
    }
}

#[test]
fn no_commit_comes_before_its_children_whatever_the_clocks_say() {
    let made = Made::new();
    let root = made.commit(&[], 900);
    let left = made.commit(&[root], 500);
    let right = made.commit(&[root], 100);
    let far = made.commit(&[right], 1000);
    let merge = made.commit(&[left, far], 50);
    let top = made.commit(&[merge], 1);
    assert_eq!(made.walk(&[top], &[]), [top, merge, far, left, right, root]);
    assert_eq!(made.walk(&[top, right], &[]), [top, merge, far, left, right, root]);
    assert_eq!(made.walk(&[top], &[left]), [top, merge, far, right]);
    assert_eq!(made.walk(&[far, left], &[]), [far, left, right, root]);
    assert_eq!(made.walk(&[left], &[top]), []);
}

#[test]
fn twins_of_one_moment_come_in_the_order_of_their_ids() {
    let made = Made::new();
    let root = made.commit(&[], 1);
    let mut twins: Vec<CommitId> = (0..5)
        .map(|n| {
            let between = made.commit(&[root], n);
            made.commit(&[between], 100)
        })
        .collect();
    let walk = made.walk(&twins, &[]);
    twins.sort_unstable();
    twins.reverse();
    assert_eq!(walk[..5], twins);
}

#[test]
fn a_commit_that_is_missing_is_named_and_the_rest_goes_on() {
    let made = Made::new();
    let missing = CommitId::of(b"never written");
    let left = made.commit(&[missing], 5);
    let right = made.commit(&[], 4);
    let merge = made.commit(&[left, right], 9);
    let range = Range { include: vec![merge], exclude: Vec::new() };
    let (good, bad): (Vec<_>, Vec<_>) =
        CommitWalk::new(&made.repo, &range).partition(|found| found.is_ok());
    assert_eq!(good.len(), 3);
    let bad: Vec<_> = bad.into_iter().filter_map(Result::err).map(|e| e.id).collect();
    assert_eq!(bad, [missing]);
    let report = verify(&made.repo, Some(range)).unwrap();
    assert_eq!((report.commits, report.good), (4, 3));
    assert_eq!(report.not_good[0].verdict, Verdict::Unreadable);
    assert!(!report.passes(UnknownKeys::Pass));
}

#[test]
fn names_of_parents_and_tags_lead_where_git_leads() {
    let made = Made::new();
    let (left, right) = (made.commit(&[], 1), made.commit(&[], 2));
    let merge = made.commit(&[left, right], 3);
    let tag = made.tag("v1", merge.id(), ObjectType::Commit);
    let outer = made.tag("outer", tag.id(), ObjectType::Tag);
    made.set("refs/tags/v1", tag.id());
    made.set("refs/tags/outer", outer.id());
    made.set("refs/heads/v1", left.id());
    let revisions = Revisions::load(&made.repo).unwrap();
    // A tag comes before a branch of the same name.
    assert_eq!(revisions.find("v1").unwrap().id, tag.id());
    for (text, id) in [
        ("v1", merge),
        ("outer", merge),
        ("outer^{}", merge),
        ("v1^2", right),
        ("v1~", left),
        ("tags/outer^1", left),
        ("heads/v1", left),
    ] {
        assert_eq!(revisions.commit(text).unwrap().id, id, "{text}");
    }
    let third = revisions.commit("v1^3");
    assert!(matches!(third, Err(HistoryError::NoParent { has, .. }) if has == "2 parents"));
    let report = verify(&made.repo, None).unwrap();
    assert_eq!((report.tags, report.tags_not_good.len()), (2, 0));
    assert!(report.passes(UnknownKeys::Fail));
    let fsck = aisr::upkeep::fsck(&Disk::new(), made.repo.root(), 2, &Quiet).unwrap();
    assert!(fsck.is_good(), "{fsck:?}");
}

#[test]
fn a_ref_that_leads_nowhere_is_told() {
    let made = Made::new();
    made.set("refs/heads/lost", CommitId::of(b"never written").id());
    let report = verify(&made.repo, None).unwrap();
    assert_eq!(report.refs[0].name, "refs/heads/lost");
    assert!(!report.passes(UnknownKeys::Pass));
    let fsck = aisr::upkeep::fsck(&Disk::new(), made.repo.root(), 2, &Quiet).unwrap();
    assert!(fsck.problems[0].place.contains("refs/heads/lost"), "{:?}", fsck.problems);
}

#[test]
fn values_of_the_past_are_those_of_the_log() {
    let made = Made::new();
    let ids: Vec<CommitId> = (0..3).map(|n| made.commit(&[], n)).collect();
    for id in &ids {
        made.set("refs/heads/main", id.id());
        made.set("refs/heads/other", made.base.id());
    }
    let revisions = Revisions::load(&made.repo).unwrap();
    for (text, id) in [
        ("main@{0}", ids[2]),
        ("@{1}", ids[1]),
        ("HEAD@{2}", ids[0]),
        ("main@{3}", made.base),
        ("other@{2}", made.base),
    ] {
        assert_eq!(revisions.commit(text).unwrap().id, id, "{text}");
    }
    let far = revisions.commit("main@{4}");
    assert!(matches!(far, Err(HistoryError::NotSoFarBack { known: 4, .. })));
}

#[test]
fn a_log_read_from_its_end_is_the_same_log() {
    let made = Made::new();
    for (n, many) in [1, 1000, 1, 40, 3, 300, 1].into_iter().enumerate() {
        let changes = (0..many).map(|k| {
            let name = format!("refs/heads/{n}/{k}");
            RefChange::create(name.as_bytes(), made.base.id())
        });
        let mut log = made.repo.log().unwrap();
        made.repo.move_refs(&mut log, changes.collect(), Cause::of("test")).unwrap();
    }
    let log = made.repo.log().unwrap();
    let mut forwards = Vec::new();
    log.walk(&mut |id, entry| forwards.push((id, entry))).unwrap();
    let mut backwards: Vec<_> = log.newest_first().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    backwards.reverse();
    assert_eq!(backwards.len(), 9);
    assert_eq!(backwards, forwards);
    let before = Revisions::load(&made.repo).unwrap().commit("HEAD@{0}").unwrap().id;
    assert_eq!(before, made.base);
}

#[test]
fn damage_in_the_log_ends_a_reading_from_its_end_and_no_sooner() {
    let made = Made::new();
    for n in 0..6 {
        made.set("refs/heads/main", made.commit(&[], n).id());
    }
    let path = std::fs::read_dir(made.repo.folder().join("log")).unwrap().next().unwrap();
    let path = path.unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    let log = made.repo.log().unwrap();
    let sizes: Vec<usize> = {
        let mut rest = &bytes[32..];
        let mut sizes = Vec::new();
        while let aisr::log::Frame::Whole(entry, after) = aisr::log::next_frame(rest) {
            sizes.push(12 + entry.len());
            rest = after;
        }
        sizes
    };
    assert_eq!(sizes.len(), 8);
    let fourth = 32 + sizes[..4].iter().sum::<usize>();
    bytes[fourth + 100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let read: Vec<_> = log.newest_first().unwrap().collect();
    assert_eq!(read.iter().filter(|found| found.is_ok()).count(), 3);
    assert!(matches!(read[3], Err(aisr::log::LogError::Damaged { .. })), "{:?}", read[3]);
    assert_eq!(read.len(), 4);
    let revisions = Revisions::load(&made.repo).unwrap();
    assert!(revisions.commit("main@{2}").is_ok());
    assert!(matches!(revisions.commit("main@{3}"), Err(HistoryError::Log(_))));
    assert!(log.walk(&mut |_, _| {}).is_err());
}
