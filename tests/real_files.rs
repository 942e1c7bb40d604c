//! Files that other software wrote (`tests/data`): cut where their own packages say that parts
//! begin, and brought back byte for byte.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aisr::chunk::{ContentHint, Cutter};
use aisr::disk::Disk;
use aisr::worktree::checkout_out;
use support::soundness::fsck;
use support::{
    Quiet, copy_folder, identity, independent_reader, must_commit, new_repository, snapshot,
};

/// Smaller tensors are gathered with their neighbours.
const SMALL: u64 = 64 << 10;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// Where the chunks of a file end, and what each probably holds.
fn ends(file: &[u8]) -> Vec<(u64, ContentHint)> {
    let mut cutter = Cutter::new(file, file.len() as u64);
    let (mut rest, mut at, mut ends) = (file, 0, Vec::new());
    while let Some(cut) = cutter.next(rest, true) {
        rest = &rest[cut.len..];
        at += cut.len as u64;
        ends.push((at, cut.hint));
    }
    ends
}

#[test]
fn models_are_cut_at_the_tensors_that_their_own_packages_find() {
    let text = std::fs::read(data().join("models/tensors.json")).unwrap();
    let models: BTreeMap<String, BTreeMap<String, [u64; 2]>> =
        serde_json::from_slice(&text).unwrap();
    assert_eq!(models.len(), 2);
    for (model, tensors) in models {
        let file = std::fs::read(data().join("models").join(&model)).unwrap();
        let ends: BTreeSet<u64> = ends(&file).into_iter().map(|(end, _)| end).collect();
        for (tensor, [start, end]) in tensors {
            if end - start < SMALL {
                continue;
            }
            assert!(ends.contains(&start), "{model}: {tensor} does not begin a chunk");
            // A GGUF tensor's chunk takes the padding behind it along.
            let padded = [end, end.next_multiple_of(32)];
            assert!(padded.iter().any(|end| ends.contains(end)), "{model}: {tensor} ends in one");
        }
    }
}

#[test]
fn databases_are_cut_at_their_pages() {
    for database in ["langgraph.sqlite", "sqlite-vec.sqlite", "chroma/chroma.sqlite3"] {
        let file = std::fs::read(data().join("memory").join(database)).unwrap();
        // Bytes 16 and 17 of the header (SQLite file format, §1.3).
        let page = u64::from(u16::from_be_bytes([file[16], file[17]]));
        for (end, hint) in ends(&file) {
            assert_eq!((end % page, hint), (0, ContentHint::SqlitePage), "{database}");
        }
    }
}

#[test]
fn they_come_back_byte_for_byte_and_the_independent_reader_agrees() {
    let (desk, elsewhere, me) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), identity());
    copy_folder(&data(), desk.path());
    let repo = new_repository(&Disk::new(), desk.path(), &me);
    let id = must_commit(&repo, &me, "real files");
    assert!(fsck(desk.path()).is_good());
    let files = repo.files(&repo.commit(id).unwrap().commit).unwrap();
    let out = elsewhere.path().join("out");
    checkout_out(&repo, files, &out, 2, &Quiet).unwrap();
    assert_eq!(snapshot(&out), snapshot(&data()));

    let read = independent_reader(desk.path(), &out);
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stdout));
}
