//! Trees that no honest capture makes are refused, whoever signed them.

mod support;

use aisr::disk::Disk;
use aisr::map::Builder;
use aisr::object::{BlobId, NodeId, Schema, TreeEntry, ValueRef};
use aisr::repo::Repository;
use aisr::store::{Batch, StoreError};
use aisr::worktree::checkout_out;
use support::soundness::chain;
use support::{Quiet, identity, must_commit, new_repository, scratch, write_files};

/// Stores a tree of one entry.
fn tree_of(repo: &Repository, entry: &TreeEntry) -> NodeId {
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    let sink = |id, bytes: Vec<u8>| -> Result<(), StoreError> { batch.node(id, &bytes) };
    let mut map = Builder::new(Schema::Tree, sink);
    map.push(b"entry", ValueRef::Inline(&entry.encode())).unwrap();
    let root = map.finish().unwrap();
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    root.id
}

#[test]
fn an_entry_that_lies_about_its_size_is_not_checked_out() {
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    write_files(root.path(), 1);
    must_commit(&repo, &me, "first");
    let (small, large) = (BlobId::of(b"prompt 1"), BlobId::of(&vec![1; 1200 << 10]));
    let (small_len, large_len) = (8, 1200 << 10);
    for entry in [
        TreeEntry::file(small, small_len + 1),
        TreeEntry::file(small, small_len - 1),
        TreeEntry::file(small, 3 << 20),
        TreeEntry::file(large, large_len + 1),
        TreeEntry::executable(large, large_len - 1),
        TreeEntry::file(large, 5),
    ] {
        let out = scratch();
        let out = out.path().join("out");
        let refused = checkout_out(&repo, tree_of(&repo, &entry), &out, 2, &Quiet);
        let told = chain(&refused.expect_err("a lie"));
        assert!(told.contains("not the length of the blob"), "{told}");
        assert!(!out.exists(), "something was written");
    }
}
