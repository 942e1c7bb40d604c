//! Content-defined cutting: FastCDC, the version of 2020, normalised (Xia et al., "The Design of
//! Fast Content-Defined Chunking for Data Deduplication Based Storage Systems", TPDS 2020).

use fastcdc::v2020::{self, Normalization};

/// No chunk but the last of a segment is smaller.
pub(super) const MIN: usize = 32 << 10;
/// What sizes gather around.
pub(super) const AVERAGE: usize = 64 << 10;
/// No chunk is larger.
pub(super) const MAX: usize = 256 << 10;

/// Finds cuts that move with the content: an edit moves only the cuts near it.
pub(super) struct ContentCutter {
    /// Masks below and above the average size.
    masks: (u64, u64),
}

impl ContentCutter {
    pub(super) fn new() -> ContentCutter {
        ContentCutter { masks: v2020::select_masks(AVERAGE, Normalization::Level2) }
    }

    /// Length of the chunk at the start of `bytes`, which reach [`MAX`] bytes or to the end.
    pub(super) fn cut(&self, bytes: &[u8]) -> usize {
        let (small, large) = self.masks;
        v2020::cut(bytes, MIN, AVERAGE, MAX, small, large, small << 1, large << 1).1
    }
}
