//! The layout of a file: consecutive segments, and how each is cut.

use super::hint::ContentHint;

/// Tensors below this are gathered with their neighbours, and a rest below it joins the step before.
pub(super) const SMALL: u64 = 64 << 10;

/// How the bytes of one segment are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// By content (FastCDC).
    Content,
    /// In equal steps of 256 KiB from the start of the segment; a short rest joins the last step.
    Tensor {
        /// What the elements are.
        hint: ContentHint,
    },
    /// In equal steps that hold whole pages of a database.
    Pages {
        /// Bytes of a step.
        step: u32,
    },
}

/// A run of bytes from the end of the segment before (or the start of the file).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset in the file just after the last byte.
    pub end: u64,
    /// How it is cut.
    pub rule: Rule,
}

/// Segments from the start of a file, with rising ends; what lies behind the last is cut by content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The segments in file order.
    pub segments: Vec<Segment>,
}

/// What the head of a file says about its layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The header is complete.
    Layout(Layout),
    /// The header goes on behind the head.
    Needs {
        /// Length of a head worth trying, more than was given.
        head_len: usize,
    },
    /// The file is not of this format, or its header makes no sense.
    Other,
}

/// Where a header says that one tensor lies: absolute offsets, not yet believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub start: u64,
    pub end: u64,
    pub hint: ContentHint,
}

/// A layout of header, then tensors.
///
/// Boundaries follow from the tensors alone, so that a tensor gives the same chunks wherever it lies.
/// A tensor of at least [`SMALL`] bytes is a segment. Smaller neighbours are gathered into segments
/// of up to [`SMALL`] bytes, anew after each large tensor, so that norms and biases do not become a
/// chunk each and a changed one costs one small chunk.
///
/// Any claim is harmless: extents are sorted and clipped to what is left of the file, empty ones are
/// dropped, and holes between them are treated as tensors of unknown elements. As two neighbouring
/// small segments hold more than [`SMALL`] bytes together, no header can ask for many tiny chunks.
pub(super) fn of_tensors(data_start: u64, file_len: u64, mut extents: Vec<Extent>) -> Layout {
    extents.sort_unstable_by_key(|extent| (extent.start, extent.end));
    let mut gathering = Gathering {
        segments: vec![Segment { end: data_start, rule: Rule::Content }],
        position: data_start,
        pending: None,
    };
    for extent in extents {
        let end = extent.end.min(file_len);
        let start = extent.start.max(gathering.position);
        if start >= end {
            continue;
        }
        if start > gathering.position {
            gathering.add(start, ContentHint::Numeric);
        }
        gathering.add(end, extent.hint);
    }
    gathering.close();
    Layout { segments: gathering.segments }
}

struct Gathering {
    segments: Vec<Segment>,
    /// End of the last extent added.
    position: u64,
    /// Bytes and hint of the small extents not yet in a segment.
    pending: Option<(u64, ContentHint)>,
}

impl Gathering {
    fn add(&mut self, end: u64, hint: ContentHint) {
        let len = end - self.position;
        if let Some((bytes, _)) = self.pending
            && bytes + len > SMALL
        {
            self.close();
        }
        self.position = end;
        if len >= SMALL {
            self.segments.push(Segment { end, rule: Rule::Tensor { hint } });
            return;
        }
        self.pending = Some(match self.pending {
            None => (len, hint),
            Some((bytes, same)) if same == hint => (bytes + len, hint),
            Some((bytes, _)) => (bytes + len, ContentHint::Numeric),
        });
    }

    fn close(&mut self) {
        if let Some((_, hint)) = self.pending.take() {
            self.segments.push(Segment { end: self.position, rule: Rule::Tensor { hint } });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(extents: &[(u64, u64)]) -> Vec<u64> {
        let extents = extents
            .iter()
            .map(|&(start, end)| Extent { start, end, hint: ContentHint::Bf16 })
            .collect();
        of_tensors(100, 10_000_000, extents).segments.iter().map(|segment| segment.end).collect()
    }

    #[test]
    fn each_large_tensor_is_a_segment() {
        assert_eq!(ends(&[(100, 100_100), (100_100, 300_100)]), [100, 100_100, 300_100]);
    }

    #[test]
    fn small_tensors_between_large_ones_are_gathered() {
        assert_eq!(
            ends(&[(100, 100_100), (100_100, 100_200), (100_200, 100_900), (100_900, 300_000)]),
            [100, 100_100, 100_900, 300_000]
        );
    }

    #[test]
    fn gathering_starts_anew_before_it_is_no_longer_small() {
        let small: Vec<_> = (0..4).map(|i| (100 + i * 30_000, 100 + (i + 1) * 30_000)).collect();
        assert_eq!(ends(&small), [100, 60_100, 120_100]);
    }

    #[test]
    fn overlapping_unordered_and_inverted_claims_give_rising_ends_within_the_file() {
        let ends = ends(&[
            (9_999_000, u64::MAX),
            (500_000, 100),
            (200_000, 600_000),
            (100, 300_000),
            (0, 50),
        ]);
        assert!(ends.is_sorted_by(|a, b| a < b), "{ends:?}");
        assert_eq!(ends.last(), Some(&10_000_000));
    }

    #[test]
    fn a_gathered_run_of_mixed_elements_promises_no_brain_floats() {
        let extents = vec![
            Extent { start: 100, end: 200, hint: ContentHint::Bf16 },
            Extent { start: 200, end: 300, hint: ContentHint::Numeric },
        ];
        let layout = of_tensors(100, 1000, extents);
        assert_eq!(
            layout.segments[1],
            Segment { end: 300, rule: Rule::Tensor { hint: ContentHint::Numeric } }
        );
    }
}
