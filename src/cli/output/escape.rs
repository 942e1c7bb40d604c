//! What others wrote, made safe to show: nothing in it moves the cursor, changes colours, or turns
//! the direction of text.

use std::fmt;

use bstr::ByteSlice;

/// Text on one line.
pub struct Escaped<'a>(pub &'a [u8]);

/// Text of several lines: line ends and tabs stay.
pub struct EscapedText<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0, |_| false)
    }
}

impl fmt::Display for EscapedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0, is_layout)
    }
}

fn is_layout(c: char) -> bool {
    matches!(c, '\n' | '\t')
}

fn write_escaped(f: &mut dyn fmt::Write, text: &[u8], keep: impl Fn(char) -> bool) -> fmt::Result {
    for (start, end, c) in text.char_indices() {
        match c {
            c if keep(c) => f.write_char(c)?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            '\u{fffd}' if &text[start..end] != "\u{fffd}".as_bytes() => {
                for byte in &text[start..end] {
                    write!(f, "\\x{byte:02x}")?;
                }
            }
            c if misleads(c) => write!(f, "{}", c.escape_unicode())?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

/// Characters that control a terminal, or show text as something else than it is (Unicode TR 36,
/// "Bidirectional text spoofing").
pub(super) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Makes contents safe piece by piece; a piece may end in the middle of a character.
#[derive(Default)]
pub struct TerminalText {
    begun: Vec<u8>,
}

impl TerminalText {
    /// The next piece, escaped; the begin of a last character waits for the next.
    pub fn next(&mut self, piece: &[u8]) -> String {
        self.begun.extend_from_slice(piece);
        let whole = self.begun.len() - begun_at_end(&self.begun);
        let rest = self.begun.split_off(whole);
        let text = EscapedText(&self.begun).to_string();
        self.begun = rest;
        text
    }

    /// What is left.
    pub fn end(self) -> String {
        EscapedText(&self.begun).to_string()
    }
}

/// How many bytes at the end are the begin of a character that may still become whole.
fn begun_at_end(bytes: &[u8]) -> usize {
    let longest = bytes.len().min(3);
    (1..=longest)
        .find(|n| {
            let start = bytes[bytes.len() - n];
            let len = match start {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => 0,
            };
            len > *n
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        let text = b"a\x1b[31mred\x07\r\n\xff\xe2\x80\xae\xc2\x9b";
        let shown = "a\\u{1b}[31mred\\u{7}\\r\\n\\xff\\u{202e}\\u{9b}";
        assert_eq!(Escaped(text).to_string(), shown);
    }

    #[test]
    fn text_keeps_its_lines_and_its_letters() {
        let text = "Grüße\t❤\u{fe0f}\nC:\\new";
        assert_eq!(EscapedText(text.as_bytes()).to_string(), text);
    }

    #[test]
    fn a_character_cut_in_two_is_still_one() {
        let mut text = TerminalText::default();
        let mut out: String = "a€😀ü".bytes().map(|byte| text.next(&[byte])).collect();
        out += &text.next(b"\xe2");
        assert_eq!(out + &text.end(), "a€😀ü\\xe2");
    }
}
