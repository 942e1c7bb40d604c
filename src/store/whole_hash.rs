//! The BLAKE3 hash of a large file out of hashes of its windows, which many threads compute.
//!
//! BLAKE3 is a binary tree over chunks of 1,024 bytes; a window whose length is a power of two
//! and which is aligned to it is a subtree (BLAKE3 paper, §2.1 and §5.3; crate `blake3`, module
//! `hazmat`). The result is the plain hash of the whole.

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::object::{BlobId, Id};

/// The length of a window: a power of two.
pub const WINDOW: usize = 1 << 20;

/// The chaining value of the window that starts at `offset`, a multiple of [`WINDOW`], of a file
/// that is longer than one window.
pub fn window(offset: u64, bytes: &[u8]) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    hasher.update(bytes);
    hasher.finalize_non_root()
}

/// The hash of a file of more than one window, from the chaining values of all of them. Only the
/// last window may be shorter than [`WINDOW`].
pub fn root(windows: &[ChainingValue]) -> BlobId {
    let (left, right) = halves(windows);
    let hash = merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash);
    BlobId::from_id(Id::new(*hash.as_bytes()))
}

fn subtree(windows: &[ChainingValue]) -> ChainingValue {
    if let [only] = windows {
        return *only;
    }
    let (left, right) = halves(windows);
    merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
}

/// The left part is the largest power of two that leaves something to the right.
fn halves(windows: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    let left = windows.len().next_power_of_two() / 2;
    windows.split_at(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_give_the_hash_of_the_whole() {
        for len in [WINDOW + 1, 2 * WINDOW, 2 * WINDOW + 1023, 3 * WINDOW, 5 * WINDOW + 77] {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
            let windows: Vec<_> = bytes
                .chunks(WINDOW)
                .enumerate()
                .map(|(n, part)| window((n * WINDOW) as u64, part))
                .collect();
            assert_eq!(root(&windows), BlobId::of(&bytes), "{len} bytes");
        }
    }
}
