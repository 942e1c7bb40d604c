//! Where results go: stdout, or a pager in front of it.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::adapter::StripBytes;
use anstream::{AutoStream, ColorChoice};
use memchr::memchr;

use super::pager::Pager;

/// Whether a pager may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paging {
    /// On a terminal.
    Auto,
    Off,
}

/// Where results go. What is written may carry colours; they are taken out where none are wanted.
pub struct Output {
    /// `None` once it is finished.
    sink: Option<Box<dyn Write>>,
    /// Takes out colours, unless they are wanted.
    strip: Option<Strip>,
    pager: Option<Pager>,
    terminal: bool,
}

impl Output {
    /// Opens the way to whoever reads.
    pub fn open(paging: Paging) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let choice = AutoStream::choice(&stdout);
        let pager = (terminal && paging == Paging::Auto).then(Pager::start).flatten();
        let (sink, pager): (Box<dyn Write>, _) = match pager {
            Some((pager, stdin)) => (Box::new(BufWriter::new(stdin)), Some(pager)),
            None => (Box::new(BufWriter::with_capacity(64 << 10, stdout)), None),
        };
        let strip = (choice == ColorChoice::Never).then(Strip::default);
        Self { sink: Some(sink), strip, pager, terminal }
    }

    /// Whether a person sees what is written.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether what is written keeps its colours.
    pub fn has_colors(&self) -> bool {
        self.strip.is_none()
    }

    /// Writes bytes as they are: no colours are looked for in them.
    pub fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.as_mut().map_or(Ok(()), |sink| sink.write_all(bytes))
    }

    /// Hands everything on, and waits for the pager.
    pub fn finish(mut self) -> io::Result<()> {
        let flushed = self.flush();
        drop(self.sink.take());
        drop(self.pager.take());
        flushed
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(sink) = &mut self.sink else { return Ok(bytes.len()) };
        match &mut self.strip {
            None => sink.write_all(bytes)?,
            Some(strip) => strip.write(bytes, sink)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Takes out colours. What stands between them, which is nearly all, is handed on as it is.
#[derive(Default)]
struct Strip {
    colors: StripBytes,
    /// Whether what was written last ends inside of a sequence.
    is_inside: bool,
}

impl Strip {
    const ESCAPE: u8 = 0x1b;
    /// The last byte of the sequences that set colours (ECMA-48, SGR), which are all that is
    /// written here: what others wrote is shown escaped.
    const LAST: u8 = b'm';

    fn write(&mut self, mut bytes: &[u8], sink: &mut dyn Write) -> io::Result<()> {
        while !bytes.is_empty() {
            if !self.is_inside {
                let plain = memchr(Self::ESCAPE, bytes).unwrap_or(bytes.len());
                sink.write_all(&bytes[..plain])?;
                bytes = &bytes[plain..];
            }
            let last = memchr(Self::LAST, bytes);
            let (sequence, rest) = bytes.split_at(last.map_or(bytes.len(), |last| last + 1));
            if !self.is_inside && is_color(sequence) {
                bytes = rest;
                continue;
            }
            for piece in self.colors.strip_next(sequence) {
                sink.write_all(piece)?;
            }
            self.is_inside = last.is_none() && !sequence.is_empty();
            bytes = rest;
        }
        Ok(())
    }
}

/// Whether these bytes are one sequence that sets colours, and nothing else.
fn is_color(bytes: &[u8]) -> bool {
    matches!(bytes, [Strip::ESCAPE, b'[', numbers @ .., Strip::LAST]
        if numbers.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';')))
}

impl Drop for Output {
    /// The pager sees the end of its input before it is waited for.
    fn drop(&mut self) {
        drop(self.sink.take());
        drop(self.pager.take());
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_bytes;
    use proptest::prelude::*;

    use super::Strip;

    proptest! {
        #[test]
        fn colors_are_taken_out_wherever_a_write_ends(
            words in prop::collection::vec("(\u{1b}\\[[0-9;]{0,5}m)?[a-zm ·é\n]{0,4}", 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text = words.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut strip, mut out, mut from) = (Strip::default(), Vec::new(), 0);
            for cut in cuts.into_iter().chain([text.len()]) {
                strip.write(&text[from..cut], &mut out).unwrap();
                from = cut;
            }
            prop_assert_eq!(out, strip_bytes(&text).into_vec());
        }
    }
}
