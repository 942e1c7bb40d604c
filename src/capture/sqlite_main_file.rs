//! Reading the pages of an open transaction at the disk's speed.
//!
//! SQLite itself reads a page out of the main file where the log has no frame of it that the
//! transaction sees, and no page that it reads there changes until the transaction ends
//! (`docs/working-folder.md`, "At the disk's speed"). So those pages may be read past it, in large
//! pieces. All others come through it.

use std::os::fd::OwnedFd;
use std::path::Path;

use bstr::BString;
use rusqlite::{Connection, Statement};
use rustix::fs::{Advice, Mode as FileMode, OFlags, fadvise};

use super::error::CaptureError;
use super::large::read_full;
use super::sqlite::{DatabaseState, Mode, beside};
use super::stat::StatKey;

/// SQLite's locks lie on this byte; the page that it is in is never used (file format §1.3.1).
pub(super) const LOCK_BYTE: u32 = 1 << 30;
/// How long the header of a log is, and that of each frame in it (file format §4.1 and §4.2).
const LOG_HEADER: usize = 32;
const FRAME_HEADER: u64 = 24;
/// What a log begins with; the last bit says in which order its sums are taken.
const LOG_MAGIC: u32 = 0x377f_0682;
/// So many page numbers out of a log are gathered before those that repeat are dropped.
const LOT: usize = 1 << 16;

/// The main file of a database that has a transaction open.
///
/// When any descriptor of a file is closed, all locks fall that this process has on it. So this
/// is dropped after the connection, and after the connections on all names that the file may have.
#[derive(Debug)]
pub(super) struct MainFile {
    file: OwnedFd,
    /// Kept for the same reason: it may be a database under another name.
    log: Option<OwnedFd>,
    /// Bytes of a page.
    page_size: u64,
    apart: Apart,
}

/// Which pages are read through SQLite.
#[derive(Debug)]
enum Apart {
    All,
    /// These, in order: the log may hold a frame of them, or SQLite gives them out as it likes.
    These(Vec<u32>),
}

impl MainFile {
    /// Opens the main file at `path` of a database with a transaction that has read something.
    /// `before` is what the file system said before the connection was opened. Where anything is
    /// odd, all pages come through SQLite.
    pub(super) fn open(
        connection: &Connection,
        path: &Path,
        mode: Mode,
        before: DatabaseState,
    ) -> Option<Self> {
        let file = open(path)?;
        let mut main = Self { file, log: None, page_size: 1, apart: Apart::All };
        // From here on the descriptor is kept whatever happens.
        let _ = fadvise(&main.file, 0, None, Advice::Sequential);
        if let Some(apart) = main.find_apart(connection, path, mode, before) {
            main.apart = Apart::These(apart);
        }
        Some(main)
    }

    /// `None` where anything is odd.
    fn find_apart(
        &mut self,
        connection: &Connection,
        path: &Path,
        mode: Mode,
        before: DatabaseState,
    ) -> Option<Vec<u32>> {
        let (page_size, count) = layout(connection).ok()?;
        self.page_size = page_size;
        if StatKey::of_file(&self.file).ok()??.inode != before.main.inode {
            return None;
        }
        let mut apart = Vec::new();
        if mode != Mode::Settled && has_log(connection).ok()? {
            let log = self.log.insert(open(&beside(path, "-wal"))?);
            let stat = StatKey::of_file(&*log).ok()??;
            if before.wal.is_some_and(|wal| wal.inode != stat.inode) {
                return None;
            }
            apart = pages_in_log(log, stat.size, page_size, count)?;
        }
        let lock_page = (u64::from(LOCK_BYTE) / page_size + 1) as u32;
        if u64::from(lock_page) <= count {
            apart.push(lock_page);
        }
        sort(&mut apart);
        if apart.first() != Some(&1) {
            let mut first = vec![0; page_size as usize];
            let got = read_full(&self.file, 0, &mut first).ok()?;
            let expected = PageByNumber::new(connection).ok()?.fetch(1)?;
            if got != first.len() || first != expected {
                return None;
            }
        }
        Some(apart)
    }

    /// Reads what lies at `offset`, up to the next page that is read through SQLite or is not
    /// whole in the file.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Apart::These(apart) = &self.apart else { return Ok(0) };
        let number = offset / self.page_size + 1;
        let next = apart.partition_point(|apart| u64::from(*apart) < number);
        let start = |apart: &u32| (u64::from(*apart) - 1) * self.page_size;
        let room = apart.get(next).map_or(u64::MAX, |apart| start(apart).saturating_sub(offset));
        let wanted = buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let got = read_full(&self.file, offset, &mut buffer[..wanted])?;
        if got == wanted {
            return Ok(got);
        }
        let end = offset + got as u64;
        Ok((end - end % self.page_size).saturating_sub(offset) as usize)
    }
}

fn open(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, FileMode::empty()).ok()
}

/// The bytes of a page, and how many pages there are.
fn layout(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let number = |what: &str| {
        connection.pragma_query_value(None, what, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    };
    Ok((number("page_size")?, number("page_count")?))
}

/// Whether this transaction reads out of a log, whatever the file said before it began.
fn has_log(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(mode == "wal")
}

/// The pages of which a log of `len` bytes has a frame, of this or an earlier round of it: more
/// than any transaction sees. Those behind the last page are left out. `None` where it is no log
/// of pages of this size.
fn pages_in_log(log: &OwnedFd, len: u64, page_size: u64, count: u64) -> Option<Vec<u32>> {
    if len < LOG_HEADER as u64 {
        return Some(Vec::new());
    }
    let mut head = [0; LOG_HEADER];
    let got = read_full(log, 0, &mut head).ok()?;
    if got == 0 {
        // Cut off since: then nobody reads in it.
        return Some(Vec::new());
    }
    let number = |at: usize| head[at..].first_chunk().copied().map(u32::from_be_bytes);
    if number(0)? & !1 != LOG_MAGIC || u64::from(number(8)?) != page_size {
        return None;
    }
    let (mut pages, mut limit) = (Vec::new(), LOT);
    let frame = FRAME_HEADER + page_size;
    let mut at = LOG_HEADER as u64;
    while at < len {
        let mut number = [0; 4];
        if read_full(log, at, &mut number).ok()? < number.len() {
            break;
        }
        let number = u32::from_be_bytes(number);
        if number != 0 && u64::from(number) <= count {
            pages.push(number);
        }
        if pages.len() == limit {
            sort(&mut pages);
            limit = 2 * pages.len() + LOT;
        }
        at += frame;
    }
    Some(pages)
}

fn sort(pages: &mut Vec<u32>) {
    pages.sort_unstable();
    pages.dedup();
}

/// The pages of the open transaction, each by itself, through SQLite.
pub(super) struct PageByNumber<'c>(Statement<'c>);

impl<'c> PageByNumber<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        connection.prepare("SELECT data FROM sqlite_dbpage WHERE pgno = ?1").map(Self)
    }

    pub(super) fn fetch(&mut self, number: u32) -> Option<Vec<u8>> {
        self.0.query_row([number], |row| row.get(0)).ok()
    }

    /// Copies what lies at `start` in a page; gives how much.
    fn copy(&mut self, number: u64, start: usize, to: &mut [u8]) -> rusqlite::Result<usize> {
        self.0.query_row([number as i64], |row| {
            let page = row.get_ref(0)?.as_blob()?;
            let rest = page.get(start..).unwrap_or_default();
            let len = rest.len().min(to.len());
            to[..len].copy_from_slice(&rest[..len]);
            Ok(len)
        })
    }
}

/// The image of a database in an open transaction: its pages in order.
pub(super) struct ImageReader<'c> {
    main: Option<&'c MainFile>,
    pages: PageByNumber<'c>,
    path: &'c BString,
    page_size: u64,
    /// How many pages the transaction sees.
    count: u64,
}

impl<'c> ImageReader<'c> {
    /// Reads the pages that `connection` sees, out of `main` where that is sound. `path` is the
    /// database's path inside the root.
    pub(super) fn new(
        connection: &'c Connection,
        main: Option<&'c MainFile>,
        path: &'c BString,
    ) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Database { path: path.clone(), source };
        let (page_size, count) = layout(connection).map_err(failed)?;
        let pages = PageByNumber::new(connection).map_err(failed)?;
        Ok(Self { main, pages, path, page_size, count })
    }

    /// How many pages there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The bytes of the image.
    pub(super) fn size(&self) -> u64 {
        self.count * self.page_size
    }

    /// How many pages may be read past SQLite.
    #[cfg(test)]
    pub(super) fn past_sqlite(&self) -> u64 {
        match self.main.map(|main| &main.apart) {
            Some(Apart::These(apart)) => self.count - apart.len() as u64,
            _ => 0,
        }
    }

    /// Fills the buffer with what lies at `offset`; less only at the end.
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, CaptureError> {
        let room = self.size().saturating_sub(offset);
        let wanted = buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut at = 0;
        while at < wanted {
            let (here, rest) = (offset + at as u64, &mut buffer[at..wanted]);
            let got = match self.main.map_or(Ok(0), |main| main.read(here, rest)) {
                Ok(0) => self.read_apart(here, rest)?,
                Ok(got) => got,
                Err(source) => return Err(CaptureError::Read { path: self.path.clone(), source }),
            };
            at += got;
        }
        Ok(wanted)
    }

    /// Reads of the page that `offset` lies in, through SQLite.
    fn read_apart(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, CaptureError> {
        let (number, start) = (offset / self.page_size + 1, (offset % self.page_size) as usize);
        let short = rusqlite::Error::QueryReturnedNoRows;
        let read = match self.pages.copy(number, start, buffer) {
            Ok(0) => Err(short),
            other => other,
        };
        read.map_err(|source| CaptureError::Database { path: self.path.clone(), source })
    }
}
