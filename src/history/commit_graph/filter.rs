//! Which paths, components and edges a commit changed.
//!
//! A few paths are listed by their hashes, which answers for certain. More become a Bloom filter as
//! git's (gitformat-commit-graph(5), "Bloom Filter Data"): ten bits for each path, seven of them
//! set by double hashing, so one in a hundred other paths seems to be in it. The folders above a
//! path count as changed too. More than 512 are not kept.

use crate::object::{ComponentKey, EdgeKey, RepoPath};

/// So many paths are listed; more become a Bloom filter.
const MOST_LISTED: usize = 16;
/// Changes, folders above paths counted, of which a Bloom filter is made; more are not kept.
pub const MOST_PATHS: usize = 512;
/// Bits for each path in a Bloom filter.
const BITS: usize = 10;
/// How many of them a path sets.
const HASHES: u64 = 7;
/// The longest filter in bytes.
pub const LONGEST: usize = 1 + MOST_PATHS * BITS / 8;
const CONTEXT: &str = "aisr 2026-11-25 changed path v1";
const HASH_LEN: usize = 16;

/// The first byte of a list of hashes.
const LIST: u8 = 1;
/// The first byte of a Bloom filter.
const BLOOM: u8 = 2;

/// Whether a commit changed a path against its first parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changed {
    /// It did not.
    No,
    /// It did.
    Yes,
    /// Only the trees tell.
    Unknown,
}

/// The start of the hash of a path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct PathHash([u8; HASH_LEN]);

impl PathHash {
    fn of(path: &[u8]) -> Self {
        let mut start = [0; HASH_LEN];
        start.copy_from_slice(&blake3::derive_key(CONTEXT, path)[..HASH_LEN]);
        Self(start)
    }

    /// The bits that it sets in a filter of `len` bytes: the sum of its first number and `n` times
    /// its second, by the number of bits.
    fn bits(self, len: usize) -> impl Iterator<Item = usize> {
        let number = |at: usize| self.0[at..].first_chunk().map_or(0, |n| u64::from_le_bytes(*n));
        let (first, second, count) = (number(0), number(8), (len * 8) as u64);
        (0..HASHES).map(move |n| {
            let sum = first.wrapping_add(n.wrapping_mul(second));
            // The remainder is below the length of a slice.
            (sum % count) as usize
        })
    }
}

/// What filters are asked for: a path and the folders above it, or what they say of a component or
/// an edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathKey(Vec<PathHash>);

impl PathKey {
    /// The key of `path`. Of the root, filters know nothing.
    pub fn of(path: &RepoPath) -> Self {
        Self(with_folders(path.as_bytes()).map(PathHash::of).collect())
    }

    fn of_name(name: &[u8]) -> Self {
        Self(vec![PathHash::of(name)])
    }
}

/// What filters are asked for of a component or an edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemKey {
    /// That it changed.
    pub changed: PathKey,
    /// That it came or went.
    pub came_or_went: PathKey,
}

impl SystemKey {
    /// The keys of a component.
    pub fn of_component(key: &ComponentKey) -> Self {
        Self::of_name(&component_name(&key.encode()))
    }

    /// The keys of an edge.
    pub fn of_edge(key: &EdgeKey) -> Self {
        Self::of_name(&edge_name(&key.encode()))
    }

    fn of_name(name: &[u8]) -> Self {
        let came_or_went = PathKey::of_name(&came_or_went(name));
        Self { changed: PathKey::of_name(name), came_or_went }
    }
}

/// What stands in a filter for the component with this key in its map. No path begins so.
pub fn component_name(key: &[u8]) -> Vec<u8> {
    [b"\0component\0", key].concat()
}

/// The same for an edge.
pub fn edge_name(key: &[u8]) -> Vec<u8> {
    [b"\0edge\0", key].concat()
}

/// What stands beside the name of a component or an edge that is not there on both sides.
pub fn came_or_went(name: &[u8]) -> Vec<u8> {
    [b"\0came or went", name].concat()
}

/// A path and the folders above it, without the root.
pub fn with_folders(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let whole = (!path.is_empty()).then_some(path.len());
    ends.chain(whole).map(|end| &path[..end])
}

/// The filter of these paths, folders among them, each once; empty for too many.
pub fn build<'p>(paths: impl ExactSizeIterator<Item = &'p [u8]>) -> Vec<u8> {
    let count = paths.len();
    let mut hashes: Vec<PathHash> = paths.map(PathHash::of).collect();
    if count > MOST_PATHS {
        return Vec::new();
    }
    if count <= MOST_LISTED {
        hashes.sort_unstable();
        return [LIST].into_iter().chain(hashes.into_iter().flat_map(|hash| hash.0)).collect();
    }
    let len = (count * BITS).div_ceil(8);
    let mut filter = vec![0u8; 1 + len];
    filter[0] = BLOOM;
    for bit in hashes.into_iter().flat_map(|hash| hash.bits(len)) {
        filter[1 + bit / 8] |= 1 << (bit % 8);
    }
    filter
}

/// Whether `path` is among what changed.
pub fn changed(filter: &[u8], path: &PathKey) -> Changed {
    let (Some((kind, rest)), Some(last)) = (filter.split_first(), path.0.last()) else {
        return Changed::Unknown;
    };
    let has = |bit: usize| rest[bit / 8] >> (bit % 8) & 1 == 1;
    match *kind {
        LIST if rest.as_chunks::<HASH_LEN>().0.contains(&last.0) => Changed::Yes,
        LIST => Changed::No,
        BLOOM if rest.is_empty() => Changed::Unknown,
        BLOOM if path.0.iter().all(|hash| hash.bits(rest.len()).all(has)) => Changed::Unknown,
        BLOOM => Changed::No,
        _ => Changed::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> PathKey {
        PathKey::of(&RepoPath::parse(path).unwrap())
    }

    fn filter(paths: &[String]) -> Vec<u8> {
        build(paths.iter().map(|path| path.as_bytes()))
    }

    fn numbers(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("folder/{n}")).collect()
    }

    #[test]
    fn a_few_paths_are_known_for_certain() {
        for count in [0, 1, 16] {
            let paths = numbers(count);
            let filter = filter(&paths);
            assert_eq!(filter.len(), 1 + 16 * count);
            assert!(paths.iter().all(|path| changed(&filter, &key(path)) == Changed::Yes));
            let others = (0..1000).map(|n| changed(&filter, &key(&format!("folder/x{n}"))));
            assert!(others.into_iter().all(|answer| answer == Changed::No));
        }
    }

    #[test]
    fn of_many_paths_few_others_seem_to_be_among_them() {
        let paths = [numbers(300), vec!["folder".into()]].concat();
        let filter = filter(&paths);
        assert!(paths.iter().all(|path| changed(&filter, &key(path)) == Changed::Unknown));
        let others = (0..10_000).map(|n| changed(&filter, &key(&format!("folder/x{n}"))));
        let others = others.filter(|answer| *answer != Changed::No).count();
        assert!((20..300).contains(&others), "{others}");
        assert_eq!(changed(&filter, &key("elsewhere/7")), Changed::No);
    }

    #[test]
    fn of_too_many_paths_and_of_the_root_nothing_is_known() {
        assert!(filter(&numbers(MOST_PATHS + 1)).is_empty());
        assert_eq!(filter(&numbers(MOST_PATHS)).len(), LONGEST);
        assert_eq!(changed(&[], &key("a")), Changed::Unknown);
        assert_eq!(changed(&[BLOOM], &key("a")), Changed::Unknown);
        assert_eq!(changed(&[7, 7], &key("a")), Changed::Unknown);
        let root = PathKey::of(&RepoPath::root());
        assert_eq!(changed(&filter(&numbers(3)), &root), Changed::Unknown);
        assert_eq!(changed(&filter(&numbers(30)), &root), Changed::Unknown);
    }

    #[test]
    fn the_folders_above_a_path_come_with_it() {
        let all = |path: &'static str| with_folders(path.as_bytes()).collect::<Vec<_>>();
        assert_eq!(all("a/b/c"), [b"a".as_slice(), b"a/b", b"a/b/c"]);
        assert_eq!(all("a"), [b"a"]);
        assert!(all("").is_empty());
    }
}
