//! The file of a log: a header, then checksummed frames of one entry each.

use crate::object::{LogId, limits};

const MAGIC: &[u8; 8] = b"AISRLOG\0";
const VERSION: u8 = 0;
const HASH_BLAKE3: u8 = 1;
const CONTEXT: &str = "aisr 2026-11-24 log frame v1";

/// Where the first frame starts.
pub const FRAMES_START: u64 = 32;
/// Length of what stands before an entry in its frame.
pub const FRAME_HEAD_LEN: usize = 12;

/// The header of the log `id`.
pub fn header(id: LogId) -> [u8; FRAMES_START as usize] {
    let mut out = [0; FRAMES_START as usize];
    out[..8].copy_from_slice(MAGIC);
    out[8..10].copy_from_slice(&[VERSION, HASH_BLAKE3]);
    out[16..].copy_from_slice(id.as_bytes());
    out
}

fn check(len: [u8; 4], entry: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&len).update(entry);
    hasher.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes")
}

/// The frame that holds `entry`.
pub fn frame(entry: &[u8]) -> Vec<u8> {
    let len = (entry.len() as u32).to_le_bytes();
    [&len[..], &check(len, entry), entry].concat()
}

/// What lies at some place of a log file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// A whole frame: its entry, and what follows it.
    Whole(&'a [u8], &'a [u8]),
    /// The file ends here.
    End,
    /// Bytes that are no whole frame.
    Torn(&'static str),
}

/// Reads the frame at the start of `bytes`.
pub fn next_frame(bytes: &[u8]) -> Frame<'_> {
    if bytes.is_empty() {
        return Frame::End;
    }
    let Some((head, rest)) = bytes.split_first_chunk::<FRAME_HEAD_LEN>() else {
        return Frame::Torn("a frame ends early");
    };
    let (len, sum) = head.split_first_chunk::<4>().expect("a frame's head has twelve bytes");
    let entry_len = u32::from_le_bytes(*len) as usize;
    if entry_len > limits::LOG_ENTRY {
        return Frame::Torn("an entry is over the limit");
    }
    let Some((entry, rest)) = rest.split_at_checked(entry_len) else {
        return Frame::Torn("a frame ends early");
    };
    if check(*len, entry) != sum {
        return Frame::Torn("an entry does not match its checksum");
    }
    Frame::Whole(entry, rest)
}
