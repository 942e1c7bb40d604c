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
        write_escaped(f, None, self.0, |_| false)
    }
}

impl fmt::Display for EscapedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, None, self.0, is_layout)
    }
}

fn is_layout(c: char) -> bool {
    matches!(c, '\n' | '\t')
}

fn write_escaped(
    f: &mut dyn fmt::Write,
    mut before: Option<char>,
    text: &[u8],
    keep: impl Fn(char) -> bool,
) -> fmt::Result {
    // Nearly all text is this.
    if let Some(plain) = printable(text) {
        return f.write_str(plain);
    }
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
            c if misleads(c) && !is_at_home(before, c) => write!(f, "{}", c.escape_unicode())?,
            c => f.write_char(c)?,
        }
        before = Some(c);
    }
    Ok(())
}

/// The text, if all of it is printable ASCII.
fn printable(text: &[u8]) -> Option<&str> {
    let is_printable = text.iter().all(|byte| matches!(byte, b' '..=b'~'));
    is_printable.then(|| str::from_utf8(text).ok()).flatten()
}

/// Characters that control a terminal, show text as something else than it is (Unicode TR 36,
/// "Bidirectional text spoofing"), or do not show and can carry what a model reads and a person
/// does not: all that Unicode calls default ignorable, and the blanks among the letters.
pub(super) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether an invisible character stands where writing needs it: one selector of the form of a
/// symbol, one joiner between letters of a script that joins or between symbols. A second one in
/// a row, or one after Latin letters, says nothing that a person could see.
fn is_at_home(before: Option<char>, c: char) -> bool {
    let Some(before) = before else {
        return false;
    };
    match c {
        // `#` and digits become keycaps.
        '\u{fe0e}' | '\u{fe0f}' => {
            matches!(before, '#' | '*' | '0'..='9' | '\u{a9}' | '\u{ae}' | '\u{203c}'..)
                && !misleads(before)
        }
        '\u{e0100}'..='\u{e01ef}' => {
            matches!(before, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
                | '\u{20000}'..='\u{323af}')
        }
        '\u{200c}' | '\u{200d}' => {
            matches!(before, '\u{600}'..='\u{1fff}' | '\u{203c}'..)
                && (!misleads(before) || before == '\u{fe0f}')
        }
        _ => false,
    }
}

/// Makes contents safe piece by piece; a piece may end in the middle of a character.
#[derive(Default)]
pub struct TerminalText {
    begun: Vec<u8>,
    /// The last character that was shown.
    before: Option<char>,
}

impl TerminalText {
    /// The next piece, escaped; the begin of a last character waits for the next.
    pub fn next(&mut self, piece: &[u8]) -> String {
        self.begun.extend_from_slice(piece);
        let whole = self.begun.len() - begun_at_end(&self.begun);
        let rest = self.begun.split_off(whole);
        let text = self.show();
        self.begun = rest;
        text
    }

    /// What is left.
    pub fn end(mut self) -> String {
        self.show()
    }

    fn show(&mut self) -> String {
        let mut out = String::new();
        // Writing into a string does not fail.
        let _ = write_escaped(&mut out, self.before, &self.begun, is_layout);
        self.before = self.begun.chars().next_back().or(self.before);
        out
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

    fn shown(text: &str) -> String {
        Escaped(text.as_bytes()).to_string()
    }

    #[test]
    fn what_does_not_show_is_made_visible() {
        // "hi" in tag characters, which a model reads and a person does not see.
        assert_eq!(
            shown("a\u{e0001}\u{e0068}\u{e0069}\u{e007f}"),
            "a\\u{e0001}\\u{e0068}\\u{e0069}\\u{e007f}"
        );
        for c in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2063}',
            '\u{2066}',
            '\u{2069}',
            '\u{206a}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0020}',
            '\u{e0100}',
            '\u{e01ef}',
        ] {
            assert_eq!(shown(&format!("pay{c}load")), format!("pay{}load", c.escape_unicode()));
            assert_eq!(shown(&c.to_string()), c.escape_unicode().to_string());
        }
    }

    #[test]
    fn selectors_in_a_row_are_a_payload_and_one_is_not() {
        assert_eq!(shown("❤\u{fe0f}!"), "❤\u{fe0f}!");
        assert_eq!(shown("1\u{fe0f}\u{20e3}"), "1\u{fe0f}\u{20e3}");
        assert_eq!(shown("😀\u{fe0f}\u{fe0e}\u{e0141}"), "😀\u{fe0f}\\u{fe0e}\\u{e0141}");
        assert_eq!(shown("葛\u{e0100}"), "葛\u{e0100}");
        assert_eq!(shown("葛\u{e0100}\u{e0101}"), "葛\u{e0100}\\u{e0101}");
    }

    #[test]
    fn joiners_stay_where_writing_needs_them() {
        for text in ["👩\u{200d}🚀", "❤\u{fe0f}\u{200d}🔥", "می\u{200c}خواهم", "क\u{94d}\u{200d}ष"]
        {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("👩\u{200d}\u{200c}🚀"), "👩\u{200d}\\u{200c}🚀");
    }

    #[test]
    fn a_character_cut_in_two_is_still_one() {
        let mut text = TerminalText::default();
        let mut out: String = "a€😀❤\u{fe0f}ü".bytes().map(|byte| text.next(&[byte])).collect();
        out += &text.next(b"\xe2");
        assert_eq!(out + &text.end(), "a€😀❤\u{fe0f}ü\\xe2");
    }
}
