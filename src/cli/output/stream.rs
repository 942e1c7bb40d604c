//! Where results go: stdout, or a pager in front of it.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::adapter::StripBytes;
use anstream::{AutoStream, ColorChoice};

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
    strip: Option<StripBytes>,
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
        let strip = (choice == ColorChoice::Never).then(StripBytes::new);
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
            Some(strip) => {
                for piece in strip.strip_next(bytes) {
                    sink.write_all(piece)?;
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Output {
    /// The pager sees the end of its input before it is waited for.
    fn drop(&mut self) {
        drop(self.sink.take());
        drop(self.pager.take());
    }
}
