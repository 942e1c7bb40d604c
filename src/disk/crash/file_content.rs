//! What a crash can leave of one file's unsynced content.

use super::tree::Content;

/// The unit that reaches the disk whole or not at all.
const BLOCK: usize = 4096;

/// More boundaries or intermediate states than this are thinned out.
const KEPT_BOUNDARIES: usize = 6;

/// A change of a file's content or permission bits.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate { len: u64 },
    SetMode { mode: u32 },
}

/// One content that the file may have after a crash.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) content: Content,
    pub(super) mode: u32,
    pub(super) label: String,
}

/// A file: what is durable, and what was done since.
#[derive(Clone, Debug)]
pub(super) struct FileContent {
    durable: Content,
    durable_mode: u32,
    live: Vec<u8>,
    mode: u32,
    pending: Vec<Edit>,
    /// Filled when asked for, emptied by every change.
    variants: Option<Vec<Variant>>,
}

impl FileContent {
    pub(super) fn new(content: Content, mode: u32) -> FileContent {
        FileContent {
            live: content.bytes.to_vec(),
            durable: content,
            durable_mode: mode,
            mode,
            pending: Vec::new(),
            variants: None,
        }
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn durable(&self) -> (&Content, u32) {
        (&self.durable, self.durable_mode)
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        apply(&mut self.live, &mut self.mode, &edit);
        self.pending.push(edit);
        self.variants = None;
    }

    pub(super) fn sync(&mut self) {
        if self.is_dirty() {
            self.durable = Content::new(self.live.clone());
            self.durable_mode = self.mode;
            self.pending.clear();
            self.variants = None;
        }
    }

    /// The contents that a crash can leave: first the durable one, second the whole one, then torn.
    pub(super) fn variants(&mut self, random: &mut Random) -> &[Variant] {
        if self.variants.is_none() {
            self.variants = Some(self.build_variants(random));
        }
        self.variants.as_deref().unwrap_or_default()
    }

    fn build_variants(&self, random: &mut Random) -> Vec<Variant> {
        let mut found = vec![
            Variant {
                content: self.durable.clone(),
                mode: self.durable_mode,
                label: "absent".to_owned(),
            },
            self.variant(self.live.clone(), "whole".to_owned()),
        ];
        let mut add = |bytes: Vec<u8>, label: String| {
            let variant = self.variant(bytes, label);
            if found.iter().all(|other| other.content != variant.content) {
                found.push(variant);
            }
        };

        let (old_len, new_len) = (self.durable.bytes.len(), self.live.len());
        let dirty = self.dirty_blocks();
        let last_block = usize::MAX;
        add(self.torn(new_len, |_| false), "the new length without the new blocks".to_owned());
        add(self.torn(old_len, |_| true), "the new blocks with the old length".to_owned());
        for kept in thinned(1, dirty.len()) {
            let first_lost = dirty.get(kept).copied().unwrap_or(last_block);
            let boundary = first_lost.saturating_mul(BLOCK).min(new_len);
            add(
                self.torn(new_len, |block| block < first_lost),
                format!("torn at byte {boundary}, with the new length"),
            );
            if boundary > old_len {
                add(
                    self.torn(boundary, |block| block < first_lost),
                    format!("torn and ending at byte {boundary}"),
                );
            }
        }
        if dirty.len() > 1 {
            for _ in 0..2 {
                let salt = random.next();
                add(
                    self.torn(new_len, |block| Random::new(salt ^ block as u64).coin()),
                    "some of the new blocks, with the new length".to_owned(),
                );
            }
        }
        for done in thinned(1, self.pending.len()) {
            let mut bytes = self.durable.bytes.to_vec();
            let mut mode = self.durable_mode;
            for edit in &self.pending[..done] {
                apply(&mut bytes, &mut mode, edit);
            }
            add(bytes, format!("only the first {done} unsynced changes"));
        }
        found
    }

    fn variant(&self, bytes: Vec<u8>, label: String) -> Variant {
        Variant { content: Content::new(bytes), mode: self.mode, label }
    }

    /// The blocks that differ between the durable and the present content.
    fn dirty_blocks(&self) -> Vec<usize> {
        let blocks = self.live.len().div_ceil(BLOCK);
        (0..blocks)
            .filter(|&block| block_of(&self.live, block) != block_of(&self.durable.bytes, block))
            .collect()
    }

    /// The file at a length, each block new or old; what neither has is zeros.
    fn torn(&self, len: usize, is_new: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut bytes = vec![0; len];
        for (block, target) in bytes.chunks_mut(BLOCK).enumerate() {
            let source = if is_new(block) {
                block_of(&self.live, block)
            } else {
                block_of(&self.durable.bytes, block)
            };
            let shared = source.len().min(target.len());
            target[..shared].copy_from_slice(&source[..shared]);
        }
        bytes
    }
}

fn block_of(bytes: &[u8], block: usize) -> &[u8] {
    let start = (block * BLOCK).min(bytes.len());
    let end = (start + BLOCK).min(bytes.len());
    &bytes[start..end]
}

fn apply(bytes: &mut Vec<u8>, mode: &mut u32, edit: &Edit) {
    match edit {
        Edit::Write { offset, bytes: written } => {
            let start = *offset as usize;
            let end = start + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[start..end].copy_from_slice(written);
        }
        Edit::Truncate { len } => bytes.resize(*len as usize, 0),
        Edit::SetMode { mode: new } => *mode = *new,
    }
}

/// The numbers from `start` to before `end`, at most a few of them, the first and last among them.
fn thinned(start: usize, end: usize) -> Vec<usize> {
    let count = end.saturating_sub(start);
    if count <= KEPT_BOUNDARIES {
        return (start..end).collect();
    }
    let last = count - 1;
    (0..KEPT_BOUNDARIES).map(|i| start + i * last / (KEPT_BOUNDARIES - 1)).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers from the same seed on every machine.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(file: &mut FileContent) -> Vec<Vec<u8>> {
        let variants = file.variants(&mut Random::new(1));
        variants.iter().map(|v| v.content.bytes.to_vec()).collect()
    }

    fn empty() -> FileContent {
        FileContent::new(Content::new(Vec::new()), 0o600)
    }

    fn write(file: &mut FileContent, offset: u64, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        file.edit(Edit::Write { offset, bytes });
    }

    #[test]
    fn an_unsynced_write_is_absent_whole_or_zeros_of_its_length() {
        let mut file = empty();
        write(&mut file, 0, b"abc");
        assert_eq!(contents(&mut file), [b"".to_vec(), b"abc".to_vec(), b"\0\0\0".to_vec()]);
    }

    #[test]
    fn a_synced_write_has_no_other_state() {
        let mut file = empty();
        write(&mut file, 0, b"abc");
        file.sync();
        assert!(!file.is_dirty());
        assert_eq!(&*file.durable().0.bytes, b"abc");
    }

    #[test]
    fn an_append_over_a_block_boundary_can_be_torn_there() {
        let mut file = empty();
        write(&mut file, 0, &[1; BLOCK]);
        file.sync();
        write(&mut file, BLOCK as u64, &[2; 2 * BLOCK]);
        let contents = contents(&mut file);
        let torn = [vec![1; BLOCK], vec![2; BLOCK]].concat();
        let with_zeros = [torn.clone(), vec![0; BLOCK]].concat();
        assert!(contents.contains(&torn));
        assert!(contents.contains(&with_zeros));
    }

    #[test]
    fn an_overwritten_block_keeps_its_old_content_when_it_is_lost() {
        let mut file = empty();
        write(&mut file, 0, &[1; 2 * BLOCK]);
        file.sync();
        write(&mut file, 0, &[2; 2 * BLOCK]);
        assert!(contents(&mut file).contains(&[[2; BLOCK], [1; BLOCK]].concat()));
    }

    #[test]
    fn two_unsynced_appends_can_leave_the_first_alone() {
        let mut file = empty();
        write(&mut file, 0, b"one");
        write(&mut file, 3, b"two");
        assert!(contents(&mut file).contains(&b"one".to_vec()));
    }

    #[test]
    fn thinning_keeps_both_ends() {
        assert_eq!(thinned(1, 1), [0; 0]);
        assert_eq!(thinned(1, 4), [1, 2, 3]);
        let many = thinned(1, 100);
        assert_eq!((many[0], many[many.len() - 1]), (1, 99));
        assert_eq!(many.len(), KEPT_BOUNDARIES);
    }
}
