//! Where nodes end: splitter v1. The shape is the id, so all of this is format
//! (`docs/format.md`, "Splitter").

use std::sync::LazyLock;

use crate::object::limits;

/// The BLAKE3 key-derivation context of the hash key of each level.
const CONTEXT: &str = "aisr 2026-11-24 splitter v1";

/// No node ends while its entries take less than this.
pub const MIN_ENTRY_BYTES: usize = 512;

/// The entries of no node take more than this, which leaves 64 bytes of the limit for the rest
/// of the node.
pub const MAX_ENTRY_BYTES: usize = limits::NODE - 64;

/// A node ends as soon as its entries take more than this, whatever the hash, so that the
/// largest entry there can be (two heads, key and value) still fitted. Only keys that were chosen
/// for it come here; with others the table ends a node long before.
pub const FULL_ENTRY_BYTES: usize = MAX_ENTRY_BYTES - (1 + 3 + limits::KEY + limits::INLINE_VALUE);

/// An inner node has at least this many children, unless it is the last of its level.
pub const MIN_CHILDREN: usize = 4;

/// The chance to end at one byte, times 2³², for each KiB of size so far: the hazard of a
/// Weibull distribution of shape 4 and mean 8 KiB (scale 9,038), so nodes of 8 KiB are common,
/// very short and very long ones rare. `RATE[k] = ⌊2³² · 4 · x³ / 9038⁴⌋` with
/// `x = 1024 · k + 512`.
pub const RATE: [u32; 64] = rate_table();

const fn rate_table() -> [u32; 64] {
    const SCALE: u128 = 9038;
    let mut table = [0; 64];
    let mut k = 0;
    while k < 64 {
        let x = 1024 * k as u128 + 512;
        // The greatest, at k = 63, is about 0.165 · 2³².
        table[k] = (((x * x * x) << 34) / (SCALE * SCALE * SCALE * SCALE)) as u32;
        k += 1;
    }
    table
}

static LEVEL_KEYS: LazyLock<[[u8; 32]; limits::MAP_DEPTH]> =
    LazyLock::new(|| std::array::from_fn(|level| blake3::derive_key(CONTEXT, &[level as u8])));

/// Says where the nodes of one level end, entry by entry.
#[derive(Clone, Debug)]
pub struct Splitter {
    key: &'static [u8; 32],
    min_entries: usize,
    size: usize,
    entries: usize,
}

impl Splitter {
    /// A splitter at the start of a node; `None` if maps have no such level.
    pub fn new(level: u8) -> Option<Self> {
        Some(Self {
            key: LEVEL_KEYS.get(usize::from(level))?,
            min_entries: if level == 0 { 1 } else { MIN_CHILDREN },
            size: 0,
            entries: 0,
        })
    }

    /// Whether the node so far has no entries.
    pub fn is_at_start(&self) -> bool {
        self.entries == 0
    }

    /// Starts the next node.
    pub fn restart(&mut self) {
        (self.size, self.entries) = (0, 0);
    }

    /// Adds an entry of `len` encoded bytes and says whether the node ends after it; at an end
    /// the caller restarts.
    pub fn push(&mut self, key: &[u8], len: usize) -> bool {
        self.size += len;
        self.entries += 1;
        if self.size < MIN_ENTRY_BYTES || self.entries < self.min_entries {
            return false;
        }
        if self.size > FULL_ENTRY_BYTES {
            return true;
        }
        let hash = blake3::keyed_hash(self.key, key);
        let [a, b, c, d, ..] = *hash.as_bytes();
        let drawn = u64::from(u32::from_le_bytes([a, b, c, d]));
        drawn < u64::from(RATE[(self.size >> 10).min(63)]) * len as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_hazard_of_a_weibull_distribution() {
        assert_eq!((RATE[0], RATE[8], RATE[63]), (345, 1_697_802, 707_866_810));
        for (k, rate) in RATE.iter().enumerate() {
            let x = 1024.0 * k as f64 + 512.0;
            let hazard = 4.0 / 9038.0 * (x / 9038.0).powi(3);
            // The table is cut to whole numbers.
            assert!((f64::from(*rate) / 2f64.powi(32) - hazard).abs() < 1e-9);
        }
    }

    #[test]
    fn the_hash_keys_of_the_levels_are_those_of_the_format() {
        let keys = LEVEL_KEYS.map(|key| data_encoding::HEXLOWER.encode(&key));
        let (first, last) = (&keys[0], &keys[15]);
        assert_eq!(first, "8e43a6558de8227d294e5c32781ee5e485a80385361c11432ca2ee2bdd0ce0b8");
        assert_eq!(last, "531b1f9ba72676a3dc3f191ab51129b83f953cde201bd7b49e99065a48033367");
    }

    #[test]
    fn no_node_ends_before_its_minimum() {
        let mut splitter = Splitter::new(0).unwrap();
        let ends = (0..511u32).any(|n| splitter.push(&n.to_le_bytes(), 1));
        assert!(!ends);
    }

    #[test]
    fn an_inner_node_has_four_children_before_a_boundary_is_tested() {
        for salt in 0..100u8 {
            let mut splitter = Splitter::new(1).unwrap();
            let ends = (0..3u8).any(|n| splitter.push(&[salt, n], 4000));
            assert!(!ends);
        }
    }

    #[test]
    fn each_level_has_its_own_salt() {
        let ends = |level| {
            let mut splitter = Splitter::new(level).unwrap();
            (0..2000u32).position(|n| splitter.push(&n.to_le_bytes(), 40))
        };
        assert_ne!(ends(1), ends(2));
        assert!(Splitter::new(16).is_none());
    }

    #[test]
    fn the_least_children_of_a_node_leave_room_for_the_next() {
        const LARGEST: usize = 1 + 3 + limits::KEY + 34;
        const { assert!(MIN_CHILDREN * LARGEST <= FULL_ENTRY_BYTES) }
    }
}
