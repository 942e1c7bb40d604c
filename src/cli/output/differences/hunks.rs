//! Hunks of text: those of a patch, and those of a text inside a record.

use std::io::Write;
use std::ops::Range;

use aisr::diff::{Hunk, Line, LineKind};

use crate::cli::error::CliError;
use crate::cli::output::color::{ADDED, HUNK, REMOVED};
use crate::cli::output::escape::EscapedText;
use crate::cli::output::stream::Output;

/// How hunks are drawn.
#[derive(Clone, Copy)]
pub struct HunkStyle {
    /// What stands before each line.
    pub indent: &'static str,
    /// Where each hunk lies is told.
    pub places: bool,
    /// The words that differ are marked as `[-so-]` and `{+so+}` where there are no colours.
    pub words: bool,
    /// A program may apply it: the bytes as they are.
    pub exact: bool,
    /// A last line without a line end is told.
    pub ends: bool,
}

impl HunkStyle {
    /// Draws hunks.
    pub fn draw(self, hunks: &[Hunk<'_>], out: &mut Output) -> Result<(), CliError> {
        for (nth, hunk) in hunks.iter().enumerate() {
            if self.places {
                let (before, after) = (range(&hunk.before), range(&hunk.after));
                writeln!(out, "{}{HUNK}@@ -{before} +{after} @@{HUNK:#}", self.indent)?;
            } else if nth > 0 {
                writeln!(out, "{}{HUNK}…{HUNK:#}", self.indent)?;
            }
            hunk.lines.iter().try_for_each(|line| self.line(line, out))?;
        }
        Ok(())
    }

    fn line(self, line: &Line<'_>, out: &mut Output) -> Result<(), CliError> {
        let (sign, style) = match line.kind {
            LineKind::Context => (" ", anstyle::Style::new()),
            LineKind::Removed => ("-", REMOVED),
            LineKind::Added => ("+", ADDED),
        };
        let (text, ended) = match line.text.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (line.text, false),
        };
        let marks = self.words && !out.has_colors();
        if self.exact && !marks && !out.is_terminal() && !out.has_colors() {
            out.write_raw(sign.as_bytes())?;
            out.write_raw(text)?;
            out.write_raw(b"\n")?;
        } else {
            let (open, close) = match line.kind {
                _ if !marks => ("", ""),
                LineKind::Removed => ("[-", "-]"),
                LineKind::Added => ("{+", "+}"),
                LineKind::Context => ("", ""),
            };
            write!(out, "{}{style}{sign}", self.indent)?;
            let mut at = 0;
            for part in &line.emphasis {
                let plain = EscapedText(text.get(at..part.start).unwrap_or_default());
                let marked = EscapedText(text.get(part.clone()).unwrap_or_default());
                let strong = style.invert();
                write!(out, "{plain}{style:#}{strong}{open}{marked}{close}{strong:#}{style}")?;
                at = part.end;
            }
            writeln!(out, "{}{style:#}", EscapedText(text.get(at..).unwrap_or_default()))?;
        }
        if !ended && self.ends {
            writeln!(out, "{}\\ No newline at end of file", self.indent)?;
        }
        Ok(())
    }
}

/// Counted from 1; where no line is meant, the line before.
fn range(lines: &Range<u32>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        len => format!("{},{len}", lines.start + 1),
    }
}
