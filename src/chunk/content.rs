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
        // Holes of sparse files: no need to roll over what is known to hold no cut.
        if bytes.len() >= MAX && is_zero(&bytes[..MAX]) {
            return MAX;
        }
        self.roll(bytes)
    }

    fn roll(&self, bytes: &[u8]) -> usize {
        let (small, large) = self.masks;
        v2020::cut(bytes, MIN, AVERAGE, MAX, small, large, small << 1, large << 1).1
    }
}

/// Whether all bytes are zero.
pub fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|part| *part == ZEROS[..part.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_cut_as_rolling_over_them_cuts_them() {
        let cutter = ContentCutter::new();
        let mut bytes = vec![0; 2 * MAX];
        assert_eq!(cutter.roll(&bytes), MAX);
        assert_eq!(cutter.cut(&bytes), MAX);
        for at in [0, 4095, 4096, MIN, AVERAGE, MAX - 1] {
            bytes[at] = 1;
            assert!(!is_zero(&bytes[..MAX]), "{at}");
            assert_eq!(cutter.cut(&bytes), cutter.roll(&bytes), "{at}");
            bytes[at] = 0;
        }
    }
}
