//! Cutting a file into chunks while it streams by.

use super::content::{self, ContentCutter};
use super::hint::ContentHint;
use super::layout::{Layout, Parsed, Rule, SMALL, Segment};
use super::{gguf, safetensors, sqlite};

/// No chunk of any repository is larger (8 MiB); this version makes none above [`LOOKAHEAD`].
pub const MAX_CHUNK: usize = 8 << 20;
/// The longest head that is read for a header (16 MiB); above it a file is cut by content.
pub const MAX_HEAD: usize = 16 << 20;
/// Bytes of a step within a tensor.
const TENSOR_STEP: u64 = 256 << 10;
/// How many bytes from a chunk's start on a [`Cutter`] must see, unless the file ends before.
///
/// The largest chunk: a step of a tensor and a short rest.
pub const LOOKAHEAD: usize = 512 << 10;

const _: () = assert!(content::MAX <= LOOKAHEAD);
const _: () = assert!((TENSOR_STEP + SMALL) as usize <= LOOKAHEAD && LOOKAHEAD <= MAX_CHUNK);

/// One chunk of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its length in bytes, never 0.
    pub len: usize,
    /// What it probably holds.
    pub hint: ContentHint,
}

/// The formats whose structure says where to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Safetensors,
    Gguf,
    Sqlite,
}

impl Format {
    const ALL: [Format; 3] = [Format::Safetensors, Format::Gguf, Format::Sqlite];

    fn layout(self, head: &[u8], file_len: u64) -> Parsed {
        match self {
            Format::Safetensors => safetensors::layout(head, file_len),
            Format::Gguf => gguf::layout(head, file_len),
            Format::Sqlite => sqlite::layout(head, file_len),
        }
    }
}

/// Decides where one file is cut, chunk by chunk, from a window over its bytes.
///
/// Cuts follow from the file's bytes and its length alone: not from its name, and not from how the
/// windows happen to be sliced. A file that grows or shrinks while it is read is still covered.
pub struct Cutter {
    /// Segments not yet begun, last one first.
    ahead: Vec<Segment>,
    current: Segment,
    position: u64,
    content: ContentCutter,
}

/// What lies behind the last segment that a layout names.
const BEYOND: Segment = Segment { end: u64::MAX, rule: Rule::Content };

impl Cutter {
    /// A cutter for the file of `file_len` bytes that begins with `head`.
    ///
    /// A head that ends within the header makes the file unstructured, see [`Cutter::bytes_needed`].
    pub fn new(head: &[u8], file_len: u64) -> Cutter {
        let mut ahead = structure(head, file_len).segments;
        ahead.push(BEYOND);
        ahead.reverse();
        let current = ahead.pop().unwrap_or(BEYOND);
        Cutter { ahead, current, position: 0, content: ContentCutter::new() }
    }

    /// The length of a longer head that is worth reading before [`Cutter::new`], if one is.
    ///
    /// More than `head.len()`, at most [`MAX_HEAD`] and `file_len`. Ask again with the longer head:
    /// not every format says at its start how long its header is.
    pub fn bytes_needed(head: &[u8], file_len: u64) -> Option<usize> {
        Format::ALL.into_iter().find_map(|format| match format.layout(head, file_len) {
            Parsed::Needs { head_len } => Some(head_len),
            Parsed::Layout(_) | Parsed::Other => None,
        })
    }

    /// How many bytes [`Cutter::next`] must see at once.
    pub fn lookahead(&self) -> usize {
        LOOKAHEAD
    }

    /// The chunk at the start of `window`, which starts where the last chunk ended.
    ///
    /// The window holds at least [`Cutter::lookahead`] bytes, or all that remain and `at_eof` is
    /// set. `None` says that it is empty, or too short without being the end. With `at_eof`, every
    /// window that is not empty gives a chunk, so the cuts always add up to the file.
    pub fn next(&mut self, window: &[u8], at_eof: bool) -> Option<Cut> {
        if window.is_empty() || (window.len() < LOOKAHEAD && !at_eof) {
            return None;
        }
        while self.current.end <= self.position
            && let Some(segment) = self.ahead.pop()
        {
            self.current = segment;
        }
        let cut = self.cut(window);
        self.position = self.position.saturating_add(cut.len as u64);
        Some(cut)
    }

    fn cut(&self, window: &[u8]) -> Cut {
        let left = self.current.end.saturating_sub(self.position).max(1);
        let reach = usize::try_from(left).map_or(window.len(), |left| left.min(window.len()));
        let (len, hint) = match self.current.rule {
            Rule::Content => (self.content.cut(&window[..reach]), ContentHint::Unknown),
            Rule::Tensor { hint } if left < TENSOR_STEP + SMALL => (reach, hint),
            Rule::Tensor { hint } => (reach.min(TENSOR_STEP as usize), hint),
            Rule::Pages { step } => (reach.min(step as usize), ContentHint::SqlitePage),
        };
        Cut { len, hint }
    }
}

fn structure(head: &[u8], file_len: u64) -> Layout {
    Format::ALL
        .into_iter()
        .find_map(|format| match format.layout(head, file_len) {
            Parsed::Layout(layout) => Some(layout),
            Parsed::Needs { .. } | Parsed::Other => None,
        })
        .unwrap_or_default()
}

#[cfg(test)]
#[path = "cutter_tests.rs"]
mod tests;
