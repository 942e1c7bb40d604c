//! Which paths a commit changed, as a Bloom filter.
//!
//! As git's (gitformat-commit-graph(5), "Bloom Filter Data"): ten bits for each path, seven of
//! them set by double hashing, so one in a hundred other paths seems to be in it. The folders above
//! a path are in it too. A commit that changed more than 512 has one byte with all bits set, which
//! every path seems to be in; one that changed none has one byte without.

use crate::object::RepoPath;

/// Bits for each path.
const BITS: usize = 10;
/// How many of them a path sets.
const HASHES: u64 = 7;
/// Changes, folders above them counted, up to which a commit has a filter of its own.
pub const MOST_PATHS: usize = 512;
/// The longest filter in bytes.
pub const LONGEST: usize = MOST_PATHS * BITS / 8;
const CONTEXT: &str = "aisr 2026-11-25 changed path v1";

/// The hash of one path: bit `n` that it sets is the sum of the first number and `n` times the
/// second, by the number of bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct PathHash(u64, u64);

impl PathHash {
    fn of(path: &[u8]) -> Self {
        let hash = blake3::derive_key(CONTEXT, path);
        let number = |at: usize| hash[at..].first_chunk().map_or(0, |n| u64::from_le_bytes(*n));
        Self(number(0), number(8))
    }

    fn bits(self, filter_len: usize) -> impl Iterator<Item = usize> {
        let count = (filter_len * 8) as u64;
        (0..HASHES).map(move |n| {
            let sum = self.0.wrapping_add(n.wrapping_mul(self.1));
            // The remainder is below the length of a slice.
            (sum % count) as usize
        })
    }
}

/// A path that filters are asked for: it and the folders above it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathKey(Vec<PathHash>);

impl PathKey {
    /// The key of `path`. The root is in every filter.
    pub fn of(path: &RepoPath) -> Self {
        Self(with_folders(path.as_bytes()).map(PathHash::of).collect())
    }
}

/// A path and the folders above it, without the root.
pub fn with_folders(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let whole = (!path.is_empty()).then_some(path.len());
    ends.chain(whole).map(|end| &path[..end])
}

/// The filter of these paths, folders among them; each once.
pub fn build<'p>(paths: impl ExactSizeIterator<Item = &'p [u8]>) -> Vec<u8> {
    match paths.len() {
        0 => return vec![0],
        n if n > MOST_PATHS => return vec![u8::MAX],
        _ => {}
    }
    let mut filter = vec![0u8; (paths.len() * BITS).div_ceil(8)];
    for path in paths {
        for bit in PathHash::of(path).bits(filter.len()) {
            filter[bit / 8] |= 1 << (bit % 8);
        }
    }
    filter
}

/// Whether `path` may be among what changed. An empty filter knows nothing.
pub fn may_contain(filter: &[u8], path: &PathKey) -> bool {
    let has = |bit: usize| filter[bit / 8] >> (bit % 8) & 1 == 1;
    filter.is_empty() || path.0.iter().all(|hash| hash.bits(filter.len()).all(has))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> PathKey {
        PathKey::of(&RepoPath::parse(path).unwrap())
    }

    #[test]
    fn what_went_in_is_in_it_and_little_else() {
        let paths: Vec<String> = (0..300).map(|n| format!("folder/{n}")).collect();
        let all = paths.iter().map(|path| path.as_bytes()).chain([b"folder".as_slice()]);
        let filter = build(all.collect::<Vec<_>>().into_iter());
        assert!(paths.iter().all(|path| may_contain(&filter, &key(path))));
        assert!(may_contain(&filter, &key("folder")));
        let others = (0..10_000).filter(|n| may_contain(&filter, &key(&format!("folder/x{n}"))));
        let others = others.count();
        assert!((20..300).contains(&others), "{others}");
    }

    #[test]
    fn nothing_and_too_much_are_one_byte() {
        let none = build([].into_iter());
        assert!(!may_contain(&none, &key("a")));
        let many: Vec<String> = (0..=MOST_PATHS).map(|n| n.to_string()).collect();
        let all = build(many.iter().map(|path| path.as_bytes()));
        assert_eq!((none.len(), all.len()), (1, 1));
        assert!(may_contain(&all, &key("a")));
        let most = build(many[1..].iter().map(|path| path.as_bytes()));
        assert_eq!(most.len(), LONGEST);
        assert!(may_contain(&[], &key("a")));
    }

    #[test]
    fn the_folders_above_a_path_come_with_it() {
        let all = |path: &'static str| with_folders(path.as_bytes()).collect::<Vec<_>>();
        assert_eq!(all("a/b/c"), [b"a".as_slice(), b"a/b", b"a/b/c"]);
        assert_eq!(all("a"), [b"a"]);
        assert!(all("").is_empty());
    }
}
