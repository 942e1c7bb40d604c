//! What later work will fill, filled: this version keeps it or refuses it as `docs/format.md` says,
//! "Fields that later work fills".

#[path = "support/program.rs"]
mod program;
#[path = "fixtures/workshop.rs"]
#[allow(dead_code)]
mod workshop;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aisr::disk::Disk;
use aisr::object::{
    ActingFor, Actor, AttestationId, BlobId, Cause, Commit, DecodeError, DelegationId,
    ExternalEntry, Genesis, Id, LogEntry, LogEntryId, Node, ObjectType, PackId, Session, Signed,
    Tag, TreeEntry, TrustRoot, cbor::Writer,
};
use aisr::sign::Namespace;
use aisr::store::{Store, StoreError, check_pack};
use program::Desk;
use workshop::{Words, Workshop, folder, key, noise, text};

/// A desk over a repository with one commit, made in a workshop.
fn desk(fill: impl FnOnce(&mut Workshop)) -> Desk {
    let desk = Desk::empty();
    let mut workshop = Workshop::open(&desk.path());
    let files = folder([("a.md", text("a\n"))]);
    workshop.commit_files("main", &files, Words { message: Some("First"), ..Words::default() });
    fill(&mut workshop);
    workshop.close();
    fs::rename(desk.path().join("repo.aisr"), desk.path().join(".aisr")).unwrap();
    desk
}

fn assert_sound(desk: &Desk) {
    let report = desk.json(["fsck", "--json"]);
    assert_eq!(report["problem_count"], 0, "{report:#}");
    desk.ok(["verify"]);
}

/// The last entry of a log.
fn last_entry(workshop: &Workshop) -> (LogEntryId, LogEntry) {
    let mut last = None;
    workshop.log.walk(&mut |id, entry| last = Some((id, entry))).unwrap();
    last.unwrap()
}

/// A map of text to text, as a payload of a type that has no fields yet.
fn payload(kind: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.map(2).text("v").uint(1).text("type").text(kind);
    writer.finish()
}

/// Puts a frame behind the last one, as a crash before the refs file was replaced leaves it.
fn append_frame(home: &Path, object: &[u8]) {
    let log = fs::read_dir(home.join("repo.aisr/log")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&log).unwrap();
    let len = (object.len() as u32).to_le_bytes();
    let mut check = blake3::Hasher::new_derive_key("aisr 2026-11-24 log frame v1");
    check.update(&len).update(object);
    bytes.extend(len);
    bytes.extend(&check.finalize().as_bytes()[..8]);
    bytes.extend(object);
    fs::write(log, bytes).unwrap();
}

#[test]
fn approvals_delegations_and_receipts_are_objects_that_log_entries_name() {
    let desk = desk(|workshop| {
        let attestation = workshop.signed(Namespace::Attestation, &payload("attestation"));
        let delegation = workshop.signed(Namespace::Delegation, &payload("delegation"));
        let (approval, mandate) = (AttestationId::of(&attestation), DelegationId::of(&delegation));
        workshop.write(|shelf| {
            shelf.put(ObjectType::Attestation, approval.id(), &attestation);
            shelf.put(ObjectType::Delegation, mandate.id(), &delegation);
        });
        let (previous, entry) = last_entry(workshop);
        let entry = LogEntry {
            sequence: entry.sequence + 1,
            previous: Some(previous),
            changes: Vec::new(),
            acting_for: vec![ActingFor::Delegation(mandate.id())],
            approvals: vec![approval],
            payload: vec![approval.id(), mandate.id()],
            cause: Cause::of("approve"),
            ..entry
        };
        assert_eq!(LogEntry::decode(&entry.encode()), Ok(entry.clone()));
        let encoded = entry.encode();
        let signature = key(2).sign(Namespace::LogEntry, &encoded).unwrap();
        let object = Signed { payload: &encoded, signature: &signature }.encode();
        append_frame(&workshop.home, &object);
    });
    assert_sound(&desk);
    let operations = desk.json(["op", "log", "--json"]);
    assert_eq!(operations[0]["cause"], "approve", "{operations:#}");
    let ssh = desk.home().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    fs::write(ssh.join("id_ed25519"), workshop::pem(1)).unwrap();
    fs::set_permissions(ssh.join("id_ed25519"), fs::Permissions::from_mode(0o600)).unwrap();
    desk.write("b.md", "b\n");
    desk.ok(["commit", "-m", "Goes on from it"]);
    assert_sound(&desk);
}

/// Every payload with an extension of this name.
fn extended(name: &str, workshop: &Workshop) -> Vec<Result<(), DecodeError>> {
    let ext = vec![(name.to_owned(), vec![1, 2, 3])];
    let (_, entry) = last_entry(workshop);
    let entry = LogEntry { ext: ext.clone(), ..entry };
    let head = workshop.log.refs().head_object().unwrap();
    let object = workshop.store.read(ObjectType::Commit, head).unwrap();
    let commit = Commit::decode(Signed::decode(&object).unwrap().payload).unwrap();
    let tag = Tag {
        repo: commit.repo,
        target: head,
        target_type: ObjectType::Commit,
        name: b"v1".to_vec(),
        tagger: commit.committer,
        time: commit.committed,
        message: None,
        ext: ext.clone(),
    };
    let commit = Commit { ext: ext.clone(), ..commit };
    let object = workshop.store.read(ObjectType::Genesis, workshop.repo.id()).unwrap();
    let (genesis, root) = Genesis::decode(Signed::decode(&object).unwrap().payload).unwrap();
    let root = TrustRoot { ext: ext.clone(), ..root };
    let embedded = Genesis { trust_root: root.encode(), ..genesis.clone() };
    let genesis = Genesis { ext, ..genesis };
    // What is kept is kept to the letter, so the id stays what was signed.
    let same = |again: Vec<u8>, bytes: Vec<u8>| assert_eq!(again, bytes);
    vec![
        LogEntry::decode(&entry.encode()).map(|again| same(again.encode(), entry.encode())),
        Commit::decode(&commit.encode()).map(|again| same(again.encode(), commit.encode())),
        Tag::decode(&tag.encode()).map(|again| same(again.encode(), tag.encode())),
        TrustRoot::decode(&root.encode()).map(|again| same(again.encode(), root.encode())),
        Genesis::decode(&genesis.encode()).map(|(again, _)| same(again.encode(), genesis.encode())),
        Genesis::decode(&embedded.encode())
            .map(|(again, _)| same(again.encode(), embedded.encode())),
    ]
}

#[test]
fn an_extension_is_kept_unless_it_must_be_understood() {
    desk(|workshop| {
        for kept in extended("redacted-paths", workshop) {
            assert_eq!(kept, Ok(()));
        }
        for refused in extended("!revocations", workshop) {
            let found = "!revocations".into();
            let unknown = DecodeError::UnknownVersion { what: "extension", found };
            assert_eq!(refused, Err(unknown));
        }
    });
}

#[test]
fn a_commit_takes_origins_observations_sessions_and_delegations() {
    let desk = desk(|workshop| {
        let (origins, observed) = workshop.write(|shelf| {
            let row = (b"tickets/7".to_vec(), b"from the CRM".to_vec());
            let origins = shelf.map(aisr::object::Schema::Table, [row]);
            (origins, shelf.blob(b"a span of telemetry\n"))
        });
        let words = Words {
            message: Some("Where records came from"),
            acting_for: vec![ActingFor::Delegation(DelegationId::of(b"x").id())],
            sessions: vec![Session { kind: "a-kind-to-come".into(), id: vec![0xff; 300] }],
            origins: Some(origins),
            observed: vec![observed],
            ext: vec![("evidence".into(), vec![0xa0])],
            ..Words::default()
        };
        workshop.commit_files("side", &folder([("b.md", text("b\n"))]), words);
    });
    assert_sound(&desk);
    assert_eq!(desk.ok(["cat", "side:b.md"]), "b\n");
    desk.ok(["show", "side"]);
}

#[test]
fn open_words_are_kept_and_closed_numbers_refused() {
    let id = BlobId::of(b"x").id();
    let numbered = |kind: u64| {
        let mut writer = Writer::new();
        writer.array(3).uint(kind).bytes(id.as_bytes()).uint(1);
        writer.finish()
    };
    let refused = [
        (TreeEntry::decode(&numbered(4)).map(drop), "4"),
        (ExternalEntry::decode(&numbered(2)).map(drop), "2"),
    ];
    for (refused, number) in refused {
        let error = refused.unwrap_err();
        let says = format!("`{number}` is not known to this version of aisr");
        assert!(error.to_string().ends_with(&says), "{error}");
    }
    let mut node = Writer::new();
    node.map(5).text("c").uint(0).text("e").array(0).text("l").uint(0);
    node.text("s").text("tensors").text("z").uint(0);
    let error = Node::decode(node.finish().into()).err().unwrap();
    assert!(error.to_string().contains("`tensors` is not known"), "{error}");

    desk(|workshop| {
        let object = workshop.store.read(ObjectType::Genesis, workshop.repo.id()).unwrap();
        let (_, root) = Genesis::decode(Signed::decode(&object).unwrap().payload).unwrap();
        let mut later = root.clone();
        later.principals[0].kind = "committee".into();
        let mut role = later.roles[0].clone();
        role.name = "release".into();
        later.roles.insert(0, role);
        assert_eq!(TrustRoot::decode(&later.encode()), Ok(later));
        // A clone's own key belongs to entry 0 alone; a shared place's entries name a principal.
        let (_, entry) = last_entry(workshop);
        let principal = Some(workshop.principal);
        let signer = Actor { principal, ..entry.signer };
        let of_place = LogEntry { signer, ..entry.clone() };
        assert_eq!(LogEntry::decode(&of_place.encode()), Ok(of_place));
        let replica = Some(*entry.signer.key.point());
        let wrong = LogEntry { replica, ..entry };
        assert!(LogEntry::decode(&wrong.encode()).is_err());
    });
}

/// A store with a pack of two records: a large blob first, and a small one.
fn two_records(home: &Path) -> (PathBuf, BlobId, BlobId) {
    let mut workshop = Workshop::open(home);
    let (large, small) = workshop
        .write(|shelf| (shelf.blob(&noise("large", 70_000)), shelf.blob(b"a small neighbour\n")));
    let packs = workshop.store.pack_files();
    let holds =
        |pack: &&std::sync::Arc<aisr::store::PackFile>| pack.find(large.id()).unwrap().is_some();
    let path = workshop.store.pack_path(packs.iter().find(holds).unwrap().id());
    workshop.close();
    (path, large, small)
}

/// Writes the pack anew with other numbers in its first record and that record's rows, everything
/// else true: byte `at` of the record, if any, and byte `row` of each row become `number`.
fn with_number(path: &Path, at: Option<usize>, row: usize, number: u8) {
    const RECORD: usize = 16;
    let mut bytes = fs::read(path).unwrap();
    if let Some(at) = at {
        bytes[RECORD + at] = number;
    }
    let table = RECORD + 24..RECORD + 24 + 8;
    let mut check = blake3::Hasher::new_derive_key("aisr 2026-11-24 record header v1");
    check.update(&bytes[RECORD..RECORD + 16]).update(&bytes[table]);
    bytes[RECORD + 16..RECORD + 24].copy_from_slice(&check.finalize().as_bytes()[..8]);
    let footer = footer_of(&bytes);
    let rows = bytes[footer.start + 48..footer.end].chunks_exact_mut(60);
    for found in rows.filter(|row| row[32..40] == (RECORD as u64).to_le_bytes()) {
        found[row] = number;
    }
    let id = PackId::of(&bytes[footer]);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path.with_file_name(format!("{id}.pack")), bytes).unwrap();
}

fn reopen(home: &Path) -> Store {
    Store::open(Disk::new(), &home.join("repo.aisr")).unwrap()
}

/// What is wrong with the packs.
fn problems(store: &Store) -> Vec<String> {
    let packs = store.pack_files();
    let checked = packs.iter().map(|pack| check_pack(store, pack).problems);
    checked.flatten().map(|problem| problem.detail).collect()
}

fn read(store: &Store, id: BlobId) -> Result<Vec<u8>, StoreError> {
    store.read(ObjectType::Blob, id.id())
}

#[test]
fn a_codec_to_come_hides_what_it_codes_and_nothing_else() {
    // The codec of deltas, and one of numeric data.
    for codec in [16, 3] {
        let home = tempfile::tempdir().unwrap();
        let (path, large, small) = two_records(home.path());
        assert_eq!(problems(&reopen(home.path())), Vec::<String>::new());
        with_number(&path, Some(4), 57, codec);
        let store = reopen(home.path());
        assert_eq!(read(&store, small).unwrap(), b"a small neighbour\n");
        let says = format!("codec {codec} is not known to this version of aisr");
        let error = read(&store, large).unwrap_err().to_string();
        assert!(error.ends_with(&says), "{error}");
        let [problem] = &problems(&store)[..] else { panic!("{:?}", problems(&store)) };
        assert!(problem.ends_with(&says), "{problem}");
    }
}

#[test]
fn the_depth_of_a_delta_is_refused_in_header_and_row() {
    let home = tempfile::tempdir().unwrap();
    let (path, large, small) = two_records(home.path());
    with_number(&path, Some(5), 58, 1);
    let store = reopen(home.path());
    assert_eq!(read(&store, small).unwrap(), b"a small neighbour\n");
    let says = "delta depth 1 is not known to this version of aisr";
    let error = read(&store, large).unwrap_err().to_string();
    assert!(error.ends_with(says), "{error}");
    assert!(problems(&store)[0].ends_with(says), "{:?}", problems(&store));

    // In the row alone, it is a row that lies.
    let home = tempfile::tempdir().unwrap();
    let (path, large, _) = two_records(home.path());
    with_number(&path, None, 58, 1);
    let store = reopen(home.path());
    let says = "footer and record do not agree";
    let error = read(&store, large).unwrap_err().to_string();
    assert!(error.ends_with(says), "{error}");
    assert!(problems(&store)[0].ends_with(says), "{:?}", problems(&store));
}

/// The place of the footer in a pack.
fn footer_of(bytes: &[u8]) -> std::ops::Range<usize> {
    let offset = bytes[bytes.len() - 32..].first_chunk().unwrap();
    u64::from_le_bytes(*offset) as usize..bytes.len() - 32
}

#[test]
fn a_footer_that_hides_a_recipe_of_its_records_is_told() {
    let home = tempfile::tempdir().unwrap();
    let mut workshop = Workshop::open(home.path());
    let bytes = noise("large", 10_000);
    let hint = aisr::chunk::ContentHint::Unknown;
    let large = workshop::Item::Large { bytes, chunk: 1000, hint, parts: 4 };
    workshop.commit_files("main", &folder([("large.bin", large)]), Words::default());
    workshop.close();
    let store = reopen(home.path());
    assert_eq!(problems(&store), Vec::<String>::new());
    let packs = store.pack_files();
    let pack = packs.iter().find(|pack| !pack.footer().unwrap().recipes.is_empty()).unwrap();
    let path = store.pack_path(pack.id());

    let mut bytes = fs::read(&path).unwrap();
    let footer = footer_of(&bytes);
    let mut hidden = bytes[footer.start..footer.end - 64].to_vec();
    hidden[24..32].copy_from_slice(&0u64.to_le_bytes());
    bytes.truncate(footer.start);
    bytes.extend(&hidden);
    let place = [footer.start as u64, hidden.len() as u64].map(u64::to_le_bytes).concat();
    let sum = blake3::derive_key("aisr 2026-11-24 pack trailer v1", &place);
    bytes.extend([&place[..], &sum[..8], &b"AISRTAIL"[..]].concat());
    fs::remove_file(&path).unwrap();
    fs::write(path.with_file_name(format!("{}.pack", PackId::of(&hidden))), bytes).unwrap();

    let store = reopen(home.path());
    let [problem] = &problems(&store)[..] else { panic!("{:?}", problems(&store)) };
    assert!(problem.ends_with("the rows of recipes are not those of the records"), "{problem}");
}

#[test]
fn a_type_to_come_hides_its_pack_so_it_comes_with_a_requirement() {
    let home = tempfile::tempdir().unwrap();
    let (path, large, _) = two_records(home.path());
    with_number(&path, Some(24), 56, 10);
    let store = reopen(home.path());
    let [problem] = &problems(&store)[..] else { panic!("{:?}", problems(&store)) };
    let says = "object type 10 is not known to this version of aisr";
    assert!(problem.ends_with(says), "{problem}");
    // What such a pack does not show cannot be called missing.
    assert!(read(&store, large).is_err());
    let other = read(&store, BlobId::from_id(Id::new([7; 32]))).unwrap_err().to_string();
    assert!(other.ends_with(says), "{other}");
}
