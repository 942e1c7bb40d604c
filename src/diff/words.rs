//! Which words differ inside changed lines.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

/// Lines of more bytes together are not compared by words.
const LIMIT: usize = 64 << 10;

/// The parts of some lines.
type Parts = Vec<Vec<Range<usize>>>;

/// Marks, in lines that go and lines that come in their place, the words that differ. Nothing is
/// marked where too little is shared for marks to help.
pub fn emphasize(removed: &[&[u8]], added: &[&[u8]]) -> (Parts, Parts) {
    let none = || (vec![Vec::new(); removed.len()], vec![Vec::new(); added.len()]);
    let len = |lines: &[&[u8]]| lines.iter().map(|line| line.len()).sum::<usize>();
    if removed.is_empty() || added.is_empty() || len(removed) + len(added) > LIMIT {
        return none();
    }
    let mut input: InternedInput<&[u8]> = InternedInput::default();
    input.update_before(removed.iter().flat_map(|line| words(line)));
    input.update_after(added.iter().flat_map(|line| words(line)));
    let diff = Diff::compute(Algorithm::Histogram, &input);
    let (gone, lost) = marks(removed, |word| diff.is_removed(word));
    let (come, won) = marks(added, |word| diff.is_added(word));
    let visible = |lines: &[&[u8]]| {
        let bytes = lines.iter().flat_map(|line| line.iter());
        bytes.filter(|byte| !byte.is_ascii_whitespace()).count()
    };
    let (old, new) = (visible(removed), visible(added));
    // A third must be shared, or the marks are noise.
    let shared = (old - lost.min(old)) + (new - won.min(new));
    if shared * 3 < old + new { none() } else { (gone, come) }
}

/// The marked parts of each line, and how many visible bytes are marked.
fn marks(lines: &[&[u8]], differs: impl Fn(u32) -> bool) -> (Parts, usize) {
    let mut number = 0;
    let mut marked = 0;
    let of_line = |line: &&[u8]| {
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        for word in words(line) {
            let end = at + word.len();
            if differs(number) && word != b"\n" {
                marked += word.iter().filter(|byte| !byte.is_ascii_whitespace()).count();
                match parts.last_mut().filter(|last| last.end == at) {
                    Some(last) => last.end = end,
                    None => parts.push(at..end),
                }
            }
            number += 1;
            at = end;
        }
        parts
    };
    (lines.iter().map(of_line).collect(), marked)
}

/// Cuts a line into runs of letters and digits, runs of white space, line ends, and single signs.
/// A character is never cut: bytes above ASCII count as letters.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.chunk_by(|a, b| class(*a) == class(*b) && class(*a) < SIGN)
}

/// The first class whose bytes stand alone.
const SIGN: u8 = 2;

fn class(byte: u8) -> u8 {
    match byte {
        b'_' | 0x80.. => 0,
        byte if byte.is_ascii_alphanumeric() => 0,
        b' ' | b'\t' => 1,
        _ => SIGN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_that_differ_are_marked() {
        let old: &[u8] = b"Never promise a date.\n";
        let new: &[u8] = "Never promise a d\u{e4}te or an amount.\n".as_bytes();
        let (gone, come) = emphasize(&[old], &[new]);
        let shown = |line: &[u8], parts: &[Range<usize>]| -> Vec<String> {
            parts
                .iter()
                .map(|part| String::from_utf8(line[part.clone()].to_vec()).unwrap())
                .collect()
        };
        assert_eq!(shown(old, &gone[0]), ["date"]);
        assert_eq!(shown(new, &come[0]), ["d\u{e4}te or an amount"]);
    }

    #[test]
    fn lines_that_share_next_to_nothing_are_not_marked() {
        let (gone, come) = emphasize(&[b"one two three\n"], &[b"vier acht zehn\n"]);
        assert!(gone[0].is_empty() && come[0].is_empty());
    }
}
