//! A place that lies can refuse, and nothing else: nothing here moves, and nothing of it stays.

#[path = "support/forged.rs"]
mod forged;
mod support;

use std::os::unix::fs::symlink;
use std::path::Path;

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::log::{PlaceFile, RefName, SharedAppend, SharedLog};
use aisr::object::{
    BlobId, Cause, Id, LogId, ObjectType, PackId, Part, RecipeId, RecipeNode, RefChange,
    RepositoryId,
};
use aisr::remote::{
    CloneOptions, FetchOptions, FolderPlace, Place, PushOptions, Remote, clone, create_place,
    fetch, push,
};
use aisr::repo::{Identity, Repository, now};
use aisr::store::{Batch, pack_of_one};
use forged::{FILE, Forge, entry, leaf, leaf_entry};
use support::memory_place::MemoryPlace;
use support::soundness::{chain, fsck};
use support::{Quiet, identity, must_commit, new_repository, scratch, write, write_files};

struct Copies {
    me: Identity,
    first: Repository,
    second: Repository,
    place: MemoryPlace,
    _folders: [tempfile::TempDir; 2],
}

fn main_branch() -> RefName {
    RefName::branch("main").unwrap()
}

fn push_main(repo: &Repository, place: &dyn Place, me: &Identity) {
    let refs = [main_branch()];
    let options =
        PushOptions { identity: me, refs: &refs, delete: &[], force: false, progress: &Quiet };
    push(repo, "origin", place, &options).unwrap();
}

fn clone_to(place: &dyn Place, target: &Path) -> Repository {
    let remote = Remote { name: "origin".into(), place: "/memory".into() };
    let options = CloneOptions {
        remote: &remote,
        branch: None,
        checkout: true,
        threads: 2,
        progress: &Quiet,
    };
    clone(&Disk::new(), place, target, &options).unwrap();
    Repository::open(Disk::new(), target).unwrap()
}

impl Copies {
    /// Two clones of a place, of which the first has pushed a second commit.
    fn new() -> Self {
        let (folders, me) = ([scratch(), scratch()], identity());
        let root = folders[0].path();
        let first = new_repository(&Disk::new(), root, &me);
        write_files(root, 1);
        must_commit(&first, &me, "first");
        let place = MemoryPlace::default();
        create_place(&first, &place, &main_branch(), &me).unwrap();
        push_main(&first, &place, &me);
        let second = clone_to(&place, &folders[1].path().join("clone"));
        write_files(root, 2);
        must_commit(&first, &me, "second");
        Self { me, first, second, place, _folders: folders }
    }

    /// The same, and the second commit is at the place.
    fn pushed() -> Self {
        let copies = Self::new();
        push_main(&copies.first, &copies.place, &copies.me);
        copies
    }

    fn fetch(&self, place: &dyn Place) -> Result<(), String> {
        let options = FetchOptions { prune: false, threads: 2, progress: &Quiet };
        let fetched = fetch(&self.second, "origin", place, &options);
        fetched.map(drop).map_err(|e| chain(&e))
    }

    /// Fetching fails with this text; the clone is as it was and whole, and works on.
    #[track_caller]
    fn assert_refused(&self, place: &dyn Place, text: &str) {
        let before = (state(&self.second), self.second.log().unwrap().refs().clone());
        let told = self.fetch(place).expect_err("a lie was believed");
        assert!(told.contains(text), "{told:?} does not say {text:?}");
        let after = (state(&self.second), self.second.log().unwrap().refs().clone());
        assert_eq!(before, after, "something moved");
        let report = fsck(self.second.root());
        assert!(report.is_good(), "{report:?}");
    }

    /// The log of the place with one more entry, by the one who pushes.
    fn append(&self, changes: Vec<RefChange>) {
        let file = PlaceFile::decode(&self.place.at("place")).unwrap();
        let mut log = SharedLog::new(file.repo, file.log);
        for key in self.place.under("log/") {
            log.take(&self.place.at(&key)).unwrap();
        }
        let trust_root = log.trust_root().unwrap();
        let signer = self.first.trust().actor(&self.me.key.public());
        let cause = Cause::of("push");
        let append = SharedAppend { signer, trust_root, changes, time: now(), cause };
        let object = log.prepare(append, &self.me.key).unwrap();
        self.place.put(&SharedLog::key(file.log, log.next()), object);
    }

    /// Names this commit at the place, and puts all packs of the first clone there.
    fn publish(&self, commit: Id) {
        for pack in self.first.store().pack_files().iter() {
            let bytes = std::fs::read(self.first.store().pack_path(pack.id())).unwrap();
            self.place.put(&format!("packs/{}.pack", pack.id()), bytes);
        }
        self.append(vec![RefChange::create(b"refs/heads/lie", commit)]);
    }

    fn forge(&self) -> Forge<'_> {
        Forge { repo: &self.first, me: &self.me }
    }
}

/// The packs of a clone, and those that wait to be believed.
fn state(repo: &Repository) -> Vec<String> {
    let list = |name: &str| {
        let entries = std::fs::read_dir(repo.folder().join(name)).into_iter().flatten();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let mut all = list("packs");
    all.sort();
    assert_eq!(list("local/incoming"), Vec::<String>::new(), "something stays");
    all
}

/// The largest pack that the second commit brought.
fn new_pack(copies: &Copies) -> String {
    let known = state(&copies.second);
    let keys = copies.place.under("packs/");
    let new = keys.into_iter().filter(|key| !known.iter().any(|name| key.ends_with(name)));
    new.max_by_key(|key| copies.place.at(key).len()).unwrap()
}

#[test]
fn an_honest_place_is_believed() {
    let copies = Copies::pushed();
    copies.fetch(&copies.place).unwrap();
    let tracking = RefName::new(b"refs/remotes/origin/main").unwrap();
    let theirs = copies.second.log().unwrap().refs().refs[&tracking];
    assert_eq!(Some(theirs), copies.first.log().unwrap().refs().head_object());
    let report = fsck(copies.second.root());
    assert!(report.is_good(), "{report:?}");
    // And nothing new is nothing.
    let before = state(&copies.second);
    copies.fetch(&copies.place).unwrap();
    assert_eq!(state(&copies.second), before);
}

#[test]
fn a_pack_under_the_name_of_another_is_refused() {
    let copies = Copies::pushed();
    let key = new_pack(&copies);
    let keys = copies.place.under("packs/");
    let other = keys.into_iter().find(|other| *other != key).unwrap();
    copies.place.put(&key, copies.place.at(&other));
    copies.assert_refused(&copies.place, "pack footer");
}

#[test]
fn a_pack_that_is_cut_short_is_refused() {
    let copies = Copies::pushed();
    let key = new_pack(&copies);
    let bytes = copies.place.at(&key);
    for len in [0, 20, bytes.len() / 2, bytes.len() - 1] {
        copies.place.put(&key, bytes[..len].to_vec());
        copies.assert_refused(&copies.place, "pack");
    }
}

#[test]
fn any_changed_byte_of_a_pack_is_refused() {
    let copies = Copies::pushed();
    let key = new_pack(&copies);
    let bytes = copies.place.at(&key);
    for part in 0..16 {
        let mut changed = bytes.clone();
        let at = bytes.len() * part / 16;
        changed[at] ^= 1;
        copies.place.put(&key, changed);
        copies.assert_refused(&copies.place, "");
    }
}

#[test]
fn an_object_under_the_id_of_another_is_refused() {
    let copies = Copies::pushed();
    let (id, bytes) = pack_of_one(ObjectType::Blob, BlobId::of(b"good").id(), b"evil");
    copies.place.put(&format!("packs/{id}.pack"), bytes);
    copies.assert_refused(&copies.place, "does not have the id");
}

#[test]
fn bytes_between_the_records_of_a_pack_are_refused() {
    let copies = Copies::pushed();
    let blob = BlobId::of(b"good").id();
    let (_, honest) = pack_of_one(ObjectType::Blob, blob, b"good");
    // The footer starts behind the record; whatever stands between belongs to nothing.
    let (id, longer) = with_gap(&honest);
    copies.place.put(&format!("packs/{id}.pack"), longer);
    copies.assert_refused(&copies.place, "belong to no record");
}

/// The pack with bytes before its footer that no record owns; its footer says so.
fn with_gap(pack: &[u8]) -> (PackId, Vec<u8>) {
    use aisr::store::{Footer, Trailer};
    let trailer = Trailer::decode(pack.last_chunk().unwrap(), pack.len() as u64).unwrap();
    let at = trailer.footer_offset as usize;
    let end = at + trailer.footer_len as usize;
    let mut footer = Footer::decode(&pack[at..end], at as u64).unwrap();
    footer.offset += 8;
    let footer_bytes = footer.encode();
    let footer_len = footer_bytes.len() as u64;
    let trailer = Trailer { footer_offset: footer.offset, footer_len };
    let bytes = [&pack[..at], &[0; 8], &footer_bytes, &trailer.encode()].concat();
    (Footer::pack_id(&footer_bytes), bytes)
}

#[test]
fn a_recipe_that_builds_another_blob_is_refused() {
    let copies = Copies::new();
    let (chunk, other) = (vec![3u8; 1000], BlobId::of(&[4u8; 2000]));
    let part = Part { len: 1000, id: BlobId::of(&chunk).id() };
    let recipe = RecipeNode { level: 0, parts: vec![part, part], builds: Some(other) }.encode();
    let store = copies.first.store();
    let lease = store.lease().unwrap();
    let writer = store.writer(&lease);
    let mut batch = Batch::new(&writer);
    batch.chunk(&chunk, ContentHint::Unknown).unwrap();
    batch.recipe(RecipeId::of(&recipe), &recipe, Some(other)).unwrap();
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    let forge = copies.forge();
    let file = leaf_entry(b"model.bin", &entry(FILE, other.id(), 2000));
    let tree = forge.node(&leaf(2000, &[file]));
    let root = forge.root_over(tree.as_bytes());
    copies.publish(forge.commit(root).id());
    copies.assert_refused(&copies.place, "builds");
}

#[test]
fn objects_that_are_missing_are_told() {
    let copies = Copies::pushed();
    copies.place.remove(&new_pack(&copies));
    copies.assert_refused(&copies.place, "");
}

#[test]
fn a_map_that_the_splitter_does_not_make_is_refused() {
    let copies = Copies::new();
    let forge = copies.forge();
    let blob = forge.blob(b"x");
    let one = |name: &[u8]| leaf(1, &[leaf_entry(name, &entry(FILE, blob.id(), 1))]);
    let (left, right) = (forge.node(&one(b"a")), forge.node(&one(b"b")));
    let children = [forged::inner_entry(b"a", left), forged::inner_entry(b"b", right)];
    let tree = forge.node(&forged::node("tree", 1, 2, 2, &children));
    let root = forge.root_over(tree.as_bytes());
    copies.publish(forge.commit(root).id());
    copies.assert_refused(&copies.place, "splitter");
}

#[test]
fn a_commit_that_nobody_signed_is_refused() {
    let copies = Copies::pushed();
    let commit = copies.first.log().unwrap().refs().head_commit().unwrap();
    let mut object = copies.first.store().read(ObjectType::Commit, commit.id()).unwrap();
    // The last bytes are those of the signature.
    let last = object.len() - 1;
    object[last] ^= 1;
    let id = ObjectType::Commit.id_of(&object);
    let (pack, bytes) = pack_of_one(ObjectType::Commit, id, &object);
    copies.place.put(&format!("packs/{pack}.pack"), bytes);
    copies.append(vec![RefChange::create(b"refs/heads/lie", id)]);
    copies.assert_refused(&copies.place, "signature");
}

#[test]
fn a_log_that_was_rewritten_is_refused() {
    let copies = Copies::pushed();
    let keys = copies.place.under("log/");
    // Entry 1, which the clone saw, becomes another; then it is gone.
    let seen = copies.place.at(&keys[1]);
    copies.place.put(&keys[1], copies.place.at(&keys[2]));
    copies.assert_refused(&copies.place, "was rewritten");
    copies.place.put(&keys[1], seen.clone());
    copies.place.remove(&keys[1]);
    copies.assert_refused(&copies.place, "was rewritten");
    copies.place.put(&keys[1], seen);
    let file = PlaceFile { repo: copies.second.id(), log: LogId::new([9; 16]) };
    copies.place.put("place", file.encode().into_bytes());
    copies.assert_refused(&copies.place, "was rewritten");
}

#[test]
fn an_entry_that_does_not_follow_is_refused() {
    let copies = Copies::pushed();
    let keys = copies.place.under("log/");
    let next = keys[2].replace("00002", "00003");
    copies.place.put(&next, copies.place.at(&keys[2]));
    copies.assert_refused(&copies.place, "does not follow");
    copies.place.put(&next, b"no entry".to_vec());
    copies.assert_refused(&copies.place, "is not sound");
    copies.place.put(&next, vec![0; (16 << 20) + 1]);
    copies.assert_refused(&copies.place, "");
}

#[test]
fn another_repository_is_refused() {
    let copies = Copies::pushed();
    let (root, other) = (scratch(), identity());
    let stranger = new_repository(&Disk::new(), root.path(), &other);
    write(root.path(), "a", b"a");
    must_commit(&stranger, &other, "first");
    let place = MemoryPlace::default();
    create_place(&stranger, &place, &main_branch(), &other).unwrap();
    push_main(&stranger, &place, &other);
    let state_dir = copies.second.folder().join("local/remotes/origin");
    copies.assert_refused(&place, "was rewritten");
    // Also where nothing was seen before.
    std::fs::remove_dir_all(state_dir).unwrap();
    copies.assert_refused(&place, "holds the repository");
    let lie = RepositoryId::from_id(Id::new([1; 32]));
    let file = PlaceFile { repo: lie, log: LogId::new([1; 16]) };
    copies.place.put("place", file.encode().into_bytes());
    copies.assert_refused(&copies.place, "");
}

#[test]
fn a_listing_without_an_end_is_given_up() {
    let mut copies = Copies::pushed();
    copies.place.endless = true;
    copies.assert_refused(&copies.place, "lists more than");
}

#[test]
fn links_and_pipes_in_a_place_are_not_followed() {
    let copies = Copies::new();
    let team = scratch();
    let root = team.path().join("team");
    let place = FolderPlace::ensure(&Disk::new(), &root).unwrap();
    for key in copies.place.under("") {
        aisr_put(&place, &key, copies.place.at(&key));
    }
    push_main(&copies.first, &place, &copies.me);
    let packs = root.join(".aisr/packs");
    let known = state(&copies.second);
    let name = std::fs::read_dir(&packs).unwrap().map(|e| e.unwrap().file_name());
    let name = name.into_iter().find(|name| !known.iter().any(|k| **k == **name)).unwrap();
    let (path, aside) = (packs.join(&name), team.path().join("aside"));
    std::fs::rename(&path, &aside).unwrap();
    symlink(&aside, &path).unwrap();
    copies.assert_refused(&FolderPlace::open(&Disk::new(), &root).unwrap(), "no regular file");
    std::fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    copies.assert_refused(&FolderPlace::open(&Disk::new(), &root).unwrap(), "no regular file");
    std::fs::remove_file(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    std::fs::rename(&packs, team.path().join("packs")).unwrap();
    symlink(team.path().join("packs"), &packs).unwrap();
    copies.assert_refused(&FolderPlace::open(&Disk::new(), &root).unwrap(), "");
}

fn aisr_put(place: &dyn Place, key: &str, bytes: Vec<u8>) {
    place.put_if_absent(key, &mut |sink| sink(&bytes)).unwrap();
}
