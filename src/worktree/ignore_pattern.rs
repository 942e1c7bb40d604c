//! One pattern of an ignore file, read and matched as git's `dir.c` does it, byte for byte.
//!
//! The globs themselves are gix's port of git's `wildmatch`. What lies around them is here,
//! because git's own answers hang on it: the literal start of a pattern is compared first, and the
//! glob sees only what follows it.

use bstr::{BStr, BString, ByteSlice};
use gix_glob::wildmatch;
use gix_glob::wildmatch::Mode;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One pattern of an ignore file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// What is matched: no `!` in front, no `/` at the end.
    text: BString,
    /// How much of `text` is literal.
    literal: usize,
    /// `!`: what it matches is not left out.
    pub negated: bool,
    /// It ends with `/`.
    folders_only: bool,
    /// No slash but that at the end: the name alone is compared, at any depth.
    name_only: bool,
}

/// The patterns of a file, in their order.
pub fn patterns(text: &[u8]) -> Vec<Pattern> {
    lines(text).map(Pattern::new).collect()
}

/// The lines of a file that are patterns, without line ends and the spaces before them.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &BStr> {
    let lines = text.strip_prefix(BOM).unwrap_or(text).split(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"#")).filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let line = without_spaces_at_end(line);
        (!line.is_empty()).then(|| line.as_bstr())
    })
}

/// Spaces at the end do not count, unless a backslash stands before them.
fn without_spaces_at_end(line: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut bytes = line.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b' ' => {}
            b'\\' => match bytes.next() {
                Some((at, _)) => end = at + 1,
                None => return line,
            },
            _ => end = at + 1,
        }
    }
    &line[..end]
}

impl Pattern {
    /// Reads a line as [`lines`] gives it. Every line is a pattern, though it may match nothing.
    pub fn new(line: &BStr) -> Self {
        let negated = line.starts_with(b"!");
        let text = if negated { &line[1..] } else { line };
        let folders_only = text.ends_with(b"/");
        let text = if folders_only { &text[..text.len() - 1] } else { text };
        let name_only = !text.contains(&b'/');
        let text = text.strip_prefix(b"/").unwrap_or(text);
        let literal = text.find_byteset(br"*?[\").unwrap_or(text.len());
        Self { text: text.into(), literal, negated, folders_only, name_only }
    }

    /// Whether it means what lies at `path`, from the folder of the ignore file.
    pub fn matches(&self, path: &BStr, directory: bool) -> bool {
        if self.folders_only && !directory {
            return false;
        }
        if self.name_only {
            let name = path.rsplit_once_str("/").map_or(&**path, |(_, name)| name);
            return match self.literal == self.text.len() {
                true => self.text == name,
                false => wildmatch(self.text.as_bstr(), name.as_bstr(), Mode::empty()),
            };
        }
        let (literal, glob) = self.text.split_at(self.literal);
        let Some(rest) = path.strip_prefix(literal) else { return false };
        match glob.is_empty() {
            true => rest.is_empty(),
            false => wildmatch(glob.as_bstr(), rest.as_bstr(), Mode::NO_MATCH_SLASH_LITERAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pattern_is_passed_over_and_all_other_bytes_count() {
        let text = b"\xef\xbb\xbf# no\r\n\r\na \r\nb\\ \n\\#c\n\t\n\xff\n   \nd\0e\nend\r";
        let lines: Vec<_> = lines(text).collect();
        assert_eq!(lines, [&b"a"[..], b"b\\ ", b"\\#c", b"\t", b"\xff", b"d", b"end"]);
    }

    #[test]
    fn a_backslash_at_the_end_keeps_the_spaces_before_it() {
        assert_eq!(without_spaces_at_end(b"a  \\"), b"a  \\");
        assert_eq!(without_spaces_at_end(b"a \\  b \\   "), b"a \\  b \\ ");
    }
}
