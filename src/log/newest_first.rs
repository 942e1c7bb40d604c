//! The entries of a log from the last one back.
//!
//! Frames hold their length in front, so the file itself leads forwards only. Backwards, each entry
//! names the id of the one before it, and that one's frame ends where its own begins: the place
//! from which a length leads exactly there, over bytes of that id, is where it starts. So the cost
//! is that of the entries that are read, whatever the length of the log.

use crate::disk::ReadFile;
use crate::object::{LogEntry, LogEntryId, Signed, limits};

use super::error::LogError;
use super::file::{FRAME_HEAD_LEN, FRAMES_START};
use super::place::PlaceLog;

/// How much is read first to find an entry; most are shorter.
const WINDOW: u64 = 4 << 10;
/// The longest frame.
const LONGEST: u64 = (FRAME_HEAD_LEN + limits::LOG_ENTRY) as u64;
/// So many places may look like the start of a frame and be none. In an honest log one entry in
/// millions has a single one.
const FALSE_STARTS: usize = 64;

/// The entries of a log from the last one back, each known by the id that the one behind it names.
///
/// The signature of the last one was checked when the log was opened; the ids carry it to all that
/// are before. [`PlaceLog::walk`] checks every signature.
pub struct NewestFirst<'l> {
    log: &'l PlaceLog,
    file: ReadFile,
    next: Option<Wanted>,
}

/// The same of the log of any place: that of a shared one lies in an object for each entry, and is
/// read whole.
pub enum LogFromEnd<'l> {
    /// A clone's own log.
    Own(NewestFirst<'l>),
    /// What a shared place's log holds, the last entry at the end.
    Shared(Vec<(LogEntryId, LogEntry)>),
}

impl Iterator for LogFromEnd<'_> {
    type Item = Result<(LogEntryId, LogEntry), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Own(entries) => entries.next(),
            Self::Shared(entries) => entries.pop().map(Ok),
        }
    }
}

/// The entry that comes next.
struct Wanted {
    id: LogEntryId,
    sequence: u64,
    /// Where its frame ends in the file.
    end: u64,
}

impl<'l> NewestFirst<'l> {
    pub(super) fn new(log: &'l PlaceLog, file: ReadFile) -> Self {
        let refs = log.refs();
        let last = Wanted { id: refs.last.id, sequence: refs.last.sequence, end: refs.length };
        Self { log, file, next: Some(last) }
    }

    fn read(&mut self, wanted: &Wanted) -> Result<LogEntry, LogError> {
        let Wanted { id, sequence, end } = *wanted;
        let object = self.object_of(wanted)?;
        let unsound = |source| LogError::Entry { sequence, source };
        let signed = Signed::decode(&object).map_err(unsound)?;
        let entry = LogEntry::decode(signed.payload).map_err(unsound)?;
        let start = end - (FRAME_HEAD_LEN + object.len()) as u64;
        let first = start == FRAMES_START;
        let why = if entry.log != self.log.refs().log {
            "it belongs to another log"
        } else if entry.sequence != sequence {
            "its number does not fit"
        } else if first != entry.previous.is_none() || first != (sequence == 0) {
            "the log does not begin with its entry 0"
        } else {
            self.next = entry.previous.map(|id| Wanted { id, sequence: sequence - 1, end: start });
            return Ok(entry);
        };
        Err(LogError::Chain { sequence, id, why: why.into() })
    }

    /// The object whose frame ends at `wanted.end`.
    fn object_of(&self, wanted: &Wanted) -> Result<Vec<u8>, LogError> {
        let room = wanted.end.saturating_sub(FRAMES_START).min(LONGEST);
        let (mut searched, mut false_starts) = (0, 0);
        let mut window = WINDOW.min(room);
        loop {
            let mut bytes = self.file.read_vec_at(wanted.end - window, window)?;
            // Places that a smaller window had are not tried again.
            let places = 0..(window.saturating_sub(searched) as usize).min(bytes.len());
            for at in places.rev() {
                let Some((head, object)) = bytes[at..].split_first_chunk::<FRAME_HEAD_LEN>() else {
                    continue;
                };
                let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
                if len as usize != object.len() {
                    continue;
                }
                if LogEntryId::of(object) == wanted.id {
                    return Ok(bytes.split_off(at + FRAME_HEAD_LEN));
                }
                false_starts += 1;
            }
            if window == room || false_starts > FALSE_STARTS {
                let why = format!("entry {} does not end here", wanted.sequence);
                return Err(self.log.damaged(wanted.end, why));
            }
            searched = window;
            window = (window * 8).min(room);
        }
    }
}

impl Iterator for NewestFirst<'_> {
    type Item = Result<(LogEntryId, LogEntry), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let wanted = self.next.take()?;
        Some(self.read(&wanted).map(|entry| (wanted.id, entry)))
    }
}
