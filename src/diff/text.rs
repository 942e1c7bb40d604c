//! Two texts line by line, as hunks with context.
//!
//! Lines are compared by the histogram algorithm of `imara-diff`, sliders settled by git's indent
//! heuristic, so hunks stand where git's would.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, Hunk as Change, InternedInput, sources::byte_lines};

use super::words::emphasize;

/// How texts are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextOptions {
    /// How many equal lines stand around a change.
    pub context: u32,
    /// The words that differ inside changed lines are wanted.
    pub words: bool,
}

/// Changes that stand together, with the equal lines around them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hunk<'t> {
    /// Its lines in the first text, counted from 0.
    pub before: Range<u32>,
    /// Its lines in the second text, counted from 0.
    pub after: Range<u32>,
    /// The lines: of each change those that go, then those that come.
    pub lines: Vec<Line<'t>>,
}

/// Which of the two texts has a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineKind {
    /// Both.
    Context,
    /// The first.
    Removed,
    /// The second.
    Added,
}

/// A line of a hunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line<'t> {
    /// Which text has it.
    pub kind: LineKind,
    /// Its bytes, with the line end; only the last line of a text may lack one.
    pub text: &'t [u8],
    /// The parts of it that the other text has otherwise; empty where words do not help.
    pub emphasis: Vec<Range<usize>>,
}

/// What turns one text into another. Costs O(lines) memory beside the texts.
pub fn diff_text<'t>(before: &'t [u8], after: &'t [u8], options: TextOptions) -> Vec<Hunk<'t>> {
    let input = InternedInput::new(byte_lines(before), byte_lines(after));
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let changes: Vec<Change> = diff.hunks().collect();
    // As in git, two changes share a hunk when their contexts touch.
    let together =
        |a: &Change, b: &Change| b.before.start - a.before.end <= options.context.saturating_mul(2);
    changes.chunk_by(together).map(|changes| hunk(&input, changes, options)).collect()
}

/// The lines of both texts that differ, counted from 0: each range of the first became one of the
/// second. They are those of [`diff_text`].
pub fn changed_lines(before: &[u8], after: &[u8]) -> Vec<(Range<u32>, Range<u32>)> {
    let input = InternedInput::new(byte_lines(before), byte_lines(after));
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    diff.hunks().map(|change| (change.before, change.after)).collect()
}

/// How many lines are added and removed.
pub fn count_lines(before: &[u8], after: &[u8]) -> (u64, u64) {
    let input = InternedInput::new(byte_lines(before), byte_lines(after));
    let diff = Diff::compute(Algorithm::Histogram, &input);
    (diff.count_additions().into(), diff.count_removals().into())
}

fn hunk<'t>(input: &InternedInput<&'t [u8]>, changes: &[Change], options: TextOptions) -> Hunk<'t> {
    let (first, last) = (&changes[0], &changes[changes.len() - 1]);
    let lead = options.context.min(first.before.start);
    let trail = options.context.min(input.before.len() as u32 - last.before.end);
    let mut out = Hunk {
        before: first.before.start - lead..last.before.end + trail,
        after: first.after.start - lead..last.after.end + trail,
        lines: Vec::new(),
    };
    let old = |at: u32| input.interner[input.before[at as usize]];
    let new = |at: u32| input.interner[input.after[at as usize]];
    let line = |kind, text| Line { kind, text, emphasis: Vec::new() };
    let mut at = out.before.start;
    for change in changes {
        out.lines.extend((at..change.before.start).map(|at| line(LineKind::Context, old(at))));
        at = change.before.end;
        let removed: Vec<_> = change.before.clone().map(old).collect();
        let added: Vec<_> = change.after.clone().map(new).collect();
        let (mut gone, mut come) = (vec![Vec::new(); removed.len()], vec![Vec::new(); added.len()]);
        if options.words {
            (gone, come) = emphasize(&removed, &added);
        }
        let pair = |kind| move |(text, emphasis)| Line { kind, text, emphasis };
        out.lines.extend(removed.into_iter().zip(gone).map(pair(LineKind::Removed)));
        out.lines.extend(added.into_iter().zip(come).map(pair(LineKind::Added)));
    }
    out.lines.extend((at..out.before.end).map(|at| line(LineKind::Context, old(at))));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(context: u32) -> TextOptions {
        TextOptions { context, words: false }
    }

    /// Applies hunks by hand: what a patch program does.
    fn apply(before: &[u8], hunks: &[Hunk<'_>]) -> Vec<u8> {
        let lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
        let mut out = Vec::new();
        let mut at = 0;
        for hunk in hunks {
            out.extend(lines[at..hunk.before.start as usize].concat());
            for line in &hunk.lines {
                if line.kind != LineKind::Removed {
                    out.extend_from_slice(line.text);
                }
            }
            at = hunk.before.end as usize;
        }
        out.extend(lines[at..].concat());
        out
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec("[ab]{0,2}\n?", 0..30).prop_map(|lines| lines.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn hunks_turn_one_text_into_the_other(a in text(), b in text(), context in 0u32..4) {
            let hunks = diff_text(&a, &b, options(context));
            prop_assert_eq!(apply(&a, &hunks), b.clone());
            prop_assert_eq!(hunks.is_empty(), a == b);
            for hunk in &hunks {
                let count = |kind| hunk.lines.iter().filter(|line| line.kind == kind).count();
                let shared = count(LineKind::Context);
                prop_assert_eq!(shared + count(LineKind::Removed), hunk.before.len());
                prop_assert_eq!(shared + count(LineKind::Added), hunk.after.len());
            }
        }
    }

    #[test]
    fn changes_whose_contexts_touch_share_a_hunk() {
        let a = b"1\n2\n3\n4\n5\n6\n7\n8\n";
        let near = diff_text(a, b"x\n2\n3\n4\n5\n6\n7\ny\n", options(3));
        assert_eq!(near.len(), 1);
        let far = diff_text(a, b"x\n2\n3\n4\n5\n6\n7\ny\n", options(2));
        assert_eq!(far.iter().map(|hunk| hunk.before.clone()).collect::<Vec<_>>(), [0..3, 5..8]);
    }
}
