//! Writes sound inputs for the targets into `DIR/<target>/`, so that fuzzing starts behind the
//! first checks: `seeds DIR`.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io};

use aisr::chunk::{ContentHint, Encoder};
use aisr::log::{Head, HeadEntry, RefName, Refs};
use aisr::object::{
    ActingFor, Actor, BlobId, Cause, ChangeKind, Commit, CommitId, FormatId, Genesis, Id, Level,
    LogEntry, LogEntryId, LogId, NodeId, ObjectType, PackId, Part, Principal, PrincipalId,
    RecipeId, RecipeNode, RefChange, RefTarget, Report, RepositoryId, Session, Signed, Stamp, Tag,
    TrustRoot, TrustRootId,
};
use aisr::sign::{Namespace, SecretKey, to_armored};
use aisr::store::{Entry, Footer, PackKind, Trailer};
// Its library answers the calls that the instrumentation puts into every crate.
use libfuzzer_sys as _;

fn main() -> io::Result<()> {
    let out = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: seeds DIR"))?;
    for (target, name, bytes) in seeds() {
        let folder = Path::new(&out).join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

type Seed = (&'static str, &'static str, Vec<u8>);

fn seeds() -> Vec<Seed> {
    let mut seeds = payloads();
    let objects: Vec<Seed> =
        seeds.iter().map(|(target, _, bytes)| ("cbor", *target, bytes.clone())).collect();
    seeds.extend(objects);
    seeds.extend(signatures());
    seeds.extend(pack_parts());
    seeds.extend(contents());
    seeds.push(("refs", "branches", refs().encode()));
    seeds.push(("log_frame", "entry", [&[5, 0, 0, 0][..], &[0; 8], b"entry"].concat()));
    seeds
}

fn payloads() -> Vec<Seed> {
    let first = TrustRoot::first(principal());
    let genesis = Genesis {
        nonce: [3; 32],
        format: FormatId::from_id(id(1)),
        trust_root: first.encode(),
        ext: Vec::new(),
    };
    let second = TrustRoot {
        repo: Some(repository()),
        version: 2,
        previous: Some(TrustRootId::from_id(id(2))),
        expires: Some(stamp()),
        ..first.clone()
    };
    let parts = vec![Part { len: 5, id: id(4) }, Part { len: 70_000, id: id(5) }];
    vec![
        ("commit", "full", commit().encode()),
        ("tag", "full", tag().encode()),
        ("genesis", "first", genesis.encode()),
        ("trust_root", "first", first.encode()),
        ("trust_root", "second", second.encode()),
        ("log_entry", "open", opening().encode()),
        ("log_entry", "move", moving().encode()),
        ("recipe", "leaf", RecipeNode { level: 0, parts: parts.clone() }.encode()),
        ("recipe", "inner", RecipeNode { level: 1, parts }.encode()),
    ]
}

fn signatures() -> Vec<Seed> {
    let key = SecretKey::generate().expect("randomness");
    let payload = commit().encode();
    let signature = key.sign(Namespace::Commit, &payload).expect("a key signs");
    let signed = Signed { payload: &payload, signature: &signature };
    vec![
        ("signed", "commit", signed.encode()),
        ("sshsig", "raw", signature.clone()),
        ("sshsig", "armored", to_armored(&signature).into_bytes()),
        ("public_key", "line", key.public().to_openssh("mara@example.org").into_bytes()),
        ("public_key", "raw", key.public().as_bytes().to_vec()),
    ]
}

fn pack_parts() -> Vec<Seed> {
    let entry = |n, record| Entry {
        id: id(n),
        record,
        stored: 90,
        decoded: 100,
        start: 0,
        len: 100,
        kind: ObjectType::Blob,
        codec: 1,
        depth: 0,
    };
    let mut footer = Footer {
        kind: PackKind::Data,
        records: 2,
        offset: 400,
        entries: vec![entry(7, 16), entry(8, 200)],
        recipes: vec![(id(9), RecipeId::from_id(id(10)))],
    };
    let bytes = footer.encode();
    let trailer = Trailer { footer_offset: 400, footer_len: bytes.len() as u64 };
    let file_len = 400 + bytes.len() as u64 + 32;
    let mut record = Vec::from(*b"AREC\x01\0\x02\0");
    record.extend_from_slice(&90u32.to_le_bytes());
    record.extend_from_slice(&100u32.to_le_bytes());
    record.extend_from_slice(&[0; 8]);
    for (kind, flags, len) in [(ObjectType::Blob, 0, 40u32), (ObjectType::Recipe, 1, 60)] {
        record.extend_from_slice(&[kind as u8, flags, 0, 0]);
        record.extend_from_slice(&len.to_le_bytes());
    }
    record.extend_from_slice(id(11).as_bytes());
    vec![
        ("footer", "two", [&400u64.to_le_bytes()[..], &bytes].concat()),
        ("trailer", "two", [&file_len.to_le_bytes()[..], &trailer.encode()].concat()),
        ("record_header", "two", record),
    ]
}

fn contents() -> Vec<Seed> {
    let weights: Vec<u8> = (0..6000u32).flat_map(|i| [(i * 37 % 251) as u8, 0x3c]).collect();
    let text = b"Hand refunds to the refund agent. ".repeat(40);
    let hinted = [("planes", ContentHint::Bf16, &weights), ("text", ContentHint::Block, &text)];
    let mut seeds = Vec::new();
    for (name, hint, content) in hinted {
        let mut stored = Vec::new();
        let codec = Encoder::new().encode(hint, content, &mut stored);
        let [a, b, c, _] = (content.len() as u32).to_le_bytes();
        seeds.push(("codec", name, [&[codec as u8, a, b, c][..], &stored].concat()));
        let number = if hint == ContentHint::Bf16 { 1 } else { 4 };
        seeds.push(("codec_round_trip", name, [&[number][..], content].concat()));
    }
    let header = br#"{"w":{"dtype":"BF16","shape":[40,150],"data_offsets":[0,12000]}}"#;
    let head = (header.len() as u64).to_le_bytes();
    let safetensors = [&head[..], header, &weights].concat();
    let mut sqlite = b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20".to_vec();
    sqlite.resize(8192, 0);
    let mut gguf = b"GGUF\x03\0\0\0".to_vec();
    gguf.extend_from_slice(&[1u64, 0, 1].map(u64::to_le_bytes).concat());
    gguf.extend_from_slice(b"w\x01\0\0\0");
    gguf.extend_from_slice(&64u64.to_le_bytes());
    gguf.extend_from_slice(&[0; 12]);
    gguf.resize(512, 0);
    for (name, file) in [("safetensors", safetensors), ("sqlite", sqlite), ("gguf", gguf)] {
        seeds.push(("cutter", name, [&(file.len() as u64).to_le_bytes()[..], &file].concat()));
    }
    seeds
}

fn commit() -> Commit {
    Commit {
        repo: repository(),
        root: NodeId::from_id(id(20)),
        parents: vec![CommitId::from_id(id(21)), CommitId::from_id(id(22))],
        committer: actor(),
        author: Some("agent:triage".into()),
        acting_for: vec![ActingFor::Delegation(id(23)), ActingFor::Claimed("mara".into())],
        authored: stamp(),
        committed: stamp(),
        cause: Cause { kind: "cherry-pick".into(), ids: vec![id(24)], algorithm: Some(1) },
        sessions: vec![Session { kind: "trace".into(), id: b"4bf92f35".to_vec() }],
        report: Some(Report {
            window: (1, 2),
            level: Level::BestEffort,
            ignored: 3,
            skipped: 1,
            skipped_paths: vec![(b"pipe".to_vec(), "not a file".into())],
            moved: vec![b"memory/store.sqlite".to_vec()],
        }),
        origins: Some(NodeId::from_id(id(25))),
        observed: vec![BlobId::from_id(id(26))],
        message: Some("The desk as it went live".into()),
        ext: vec![("later".into(), b"bytes".to_vec())],
    }
}

fn tag() -> Tag {
    Tag {
        repo: repository(),
        target: id(30),
        target_type: ObjectType::Commit,
        name: b"v1.0".to_vec(),
        tagger: actor(),
        time: stamp(),
        message: Some("First release".into()),
        ext: Vec::new(),
    }
}

fn opening() -> LogEntry {
    let branch = RefTarget::Symbolic(b"refs/heads/main".to_vec());
    let head = RefChange {
        name: b"HEAD".to_vec(),
        old: None,
        new: Some(branch),
        kind: ChangeKind::Create,
    };
    LogEntry {
        repo: repository(),
        log: LogId::new([6; 16]),
        sequence: 0,
        previous: None,
        trust_root: TrustRootId::from_id(id(40)),
        changes: vec![head],
        signer: Actor { key: KEY, principal: None },
        acting_for: Vec::new(),
        approvals: Vec::new(),
        payload: Vec::new(),
        time: stamp(),
        cause: Cause::of("open"),
        replica: Some(KEY),
        ext: Vec::new(),
    }
}

fn moving() -> LogEntry {
    let change = RefChange {
        name: b"refs/heads/main".to_vec(),
        old: Some(RefTarget::Object(id(41))),
        new: Some(RefTarget::Object(id(42))),
        kind: ChangeKind::Forward,
    };
    LogEntry {
        sequence: 7,
        previous: Some(LogEntryId::from_id(id(43))),
        changes: vec![change],
        acting_for: vec![ActingFor::Claimed("mara".into())],
        payload: vec![id(44)],
        cause: Cause::of("commit"),
        replica: None,
        ..opening()
    }
}

fn refs() -> Refs {
    let main = RefName::branch("main").expect("a valid name");
    let tag = RefName::new(b"refs/tags/v1.0").expect("a valid name");
    Refs {
        log: LogId::new([6; 16]),
        last: HeadEntry { sequence: 7, id: LogEntryId::from_id(id(50)), offset: 900 },
        length: 1400,
        head: Head::Branch(main.clone()),
        refs: BTreeMap::from([(main, id(51)), (tag, id(52))]),
    }
}

const KEY: [u8; 32] = [11; 32];

fn actor() -> Actor {
    Actor { key: KEY, principal: Some(PrincipalId::new([5; 16])) }
}

fn principal() -> Principal {
    Principal {
        id: PrincipalId::new([5; 16]),
        names: vec!["mara@example.org".into()],
        kind: "person".into(),
        controller: None,
        keys: vec![KEY],
    }
}

fn repository() -> RepositoryId {
    RepositoryId::from_id(id(60))
}

fn stamp() -> Stamp {
    Stamp { micros: 1_795_000_000_000_000, zone: 60 }
}

/// The id of something that these seeds only name.
fn id(n: u8) -> Id {
    Id::new(*PackId::of(&[n]).as_bytes())
}
