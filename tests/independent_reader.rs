//! A program that shares no code with aisr reads what aisr wrote.

mod support;

use std::path::Path;

use aisr::disk::Disk;
use aisr::repo::{Repository, TrustChange, change_trust};
use aisr::trust::Whose;
use aisr::upkeep::{CompactionBounds, compact_if_due};
use support::{identity, independent_reader, must_commit, new_repository};

fn fill(root: &Path) {
    let write = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    for i in 0..3000 {
        write(
            &format!("src/{}/module_{i}.py", i % 3),
            format!("def f():\n    return {i}\n").as_bytes(),
        );
    }
    let mut noise = vec![0; 3 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    write("models/noise.bin", &noise);
    // Numbers whose exponents are alike and whose mantissas are noise, as in trained weights.
    let weights: Vec<u8> = noise.chunks_exact(2).flat_map(|b| [b[0], 0x3c | (b[1] & 3)]).collect();
    let header = format!(
        r#"{{"w":{{"dtype":"BF16","shape":[{}],"data_offsets":[0,{}]}}}}"#,
        weights.len() / 2,
        weights.len()
    );
    let mut model = (header.len() as u64).to_le_bytes().to_vec();
    model.extend_from_slice(header.as_bytes());
    model.extend_from_slice(&weights);
    write("models/base.safetensors", &model);
    write("empty", b"");
    std::fs::create_dir(root.join("empty-folder")).unwrap();
    std::os::unix::fs::symlink("empty", root.join("link")).unwrap();
}

#[test]
fn the_reader_finds_everything_sound_and_every_file_equal() {
    let root = tempfile::tempdir().unwrap();
    let me = identity();
    fill(root.path());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    must_commit(&repo, &me, "one");
    std::fs::write(root.path().join("src/0/module_0.py"), "changed\n").unwrap();
    std::fs::remove_dir_all(root.path().join("src/1")).unwrap();
    must_commit(&repo, &me, "two");
    let assert_sound = || {
        let output = independent_reader(root.path(), root.path());
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{errors}");
    };
    assert_sound();
    for number in 0..8 {
        std::fs::write(root.path().join("src/0/module_0.py"), format!("{number}\n")).unwrap();
        must_commit(&repo, &me, "another");
    }
    assert!(compact_if_due(repo.store(), CompactionBounds::ALL).unwrap().merged > 1);
    assert_sound();
}

#[test]
fn the_reader_names_a_file_that_differs() {
    let root = tempfile::tempdir().unwrap();
    let me = identity();
    std::fs::write(root.path().join("a"), "1").unwrap();
    let repo = new_repository(&Disk::new(), root.path(), &me);
    must_commit(&repo, &me, "one");
    std::fs::write(root.path().join("a"), "2").unwrap();
    let output = independent_reader(root.path(), root.path());
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_reader_follows_the_trust_roots() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let (me, other) = (identity(), identity());
    new_repository(&Disk::new(), root, &me);
    let open = || Repository::open(Disk::new(), root).unwrap();
    std::fs::write(root.join("a"), "1").unwrap();
    must_commit(&open(), &me, "one");
    let whose = Whose::Of(open().trust().root.principals[0].id);
    let joins = TrustChange::AddKey(other.key.public(), whose);
    change_trust(&open(), &joins, &me.key).unwrap();
    std::fs::write(root.join("a"), "2").unwrap();
    must_commit(&open(), &other, "two");
    change_trust(&open(), &TrustChange::RetireKey(me.key.public()), &other.key).unwrap();
    std::fs::write(root.join("a"), "3").unwrap();
    must_commit(&open(), &other, "three");
    let output = independent_reader(root, root);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
}
