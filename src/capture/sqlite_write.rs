//! Giving a database other content through SQLite, while others have it open.
//!
//! The pages that differ are written in one transaction into the table `sqlite_dbpage`. So others
//! are kept apart by SQLite's own locks, see all of it or nothing, and drop what they had read;
//! a crash in the midst is taken back by whoever opens the database next.

use std::path::Path;

use bstr::BString;
use rusqlite::ffi::SQLITE_CORRUPT;
use rusqlite::{Connection, OpenFlags, Statement};

use super::error::CaptureError;
use super::sqlite::{PAGES, Refused, failure, refuse_other_pages, refused, uri, wait_for_lock};
use super::sqlite_header::DatabaseHeader;
use super::sqlite_main_file::LOCK_BYTE;
use super::sqlite_pages::{COUNTERS, DatabaseImage, ImageHasher, blank_counters, each_page};

const PAGE: &str = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
/// Without data, this page and all behind it go at the end of the transaction.
const WRITE_PAGE: &str = "INSERT INTO sqlite_dbpage (pgno, data) VALUES (?1, ?2)";
const AUTO_VACUUM_FULL: i64 = 1;

/// A database that nobody else may write, in a transaction that is not committed.
#[derive(Debug)]
pub struct LockedDatabase {
    connection: Connection,
    path: BString,
    header: DatabaseHeader,
    pages: u32,
    /// It has a log: what others read stays as it is until they begin again.
    log: bool,
}

impl LockedDatabase {
    /// Takes the write lock of the database at `file`, `path` inside the root; where it has a
    /// rollback journal, nobody reads it meanwhile either. A hot journal is rolled back.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn lock(file: &Path, path: BString) -> Result<Self, Refused> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let opened = Connection::open_with_flags(uri(file, "?mode=rw"), flags);
        let connection = opened.and_then(begin).map_err(|error| refused(&error))?;
        let first: Vec<u8> =
            connection.query_row(PAGE, [1], |row| row.get(0)).map_err(|error| refused(&error))?;
        let header = DatabaseHeader::of_page(&first).ok_or(Refused::NotADatabase)?;
        let (pages, log) = layout(&connection).map_err(|error| refused(&error))?;
        Ok(Self { connection, path, header, pages, log })
    }

    /// Its header.
    pub fn header(&self) -> DatabaseHeader {
        self.header
    }

    /// What it holds now.
    ///
    /// # Errors
    /// When SQLite cannot read it.
    pub fn image(&self) -> Result<DatabaseImage, CaptureError> {
        self.copy_to(&mut |_| Ok(()))
    }

    /// Hands its image to `sink`, page by page.
    ///
    /// # Errors
    /// When SQLite cannot read it, or `sink` fails.
    pub fn copy_to<E: From<CaptureError>>(
        &self,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<DatabaseImage, E> {
        let mut hasher = ImageHasher::default();
        let mut failed = None;
        let read = each_page(&self.connection, &mut |page| {
            hasher.update(page);
            sink(page).map_err(|error| {
                failed = Some(error);
                rusqlite::Error::InvalidQuery
            })
        });
        match (read, failed) {
            (_, Some(error)) => Err(error),
            (Ok(()), None) => Ok(hasher.finish()),
            (Err(source), None) => {
                Err(CaptureError::Database { path: self.path.clone(), source }.into())
            }
        }
    }

    /// Begins to give it other content.
    ///
    /// # Errors
    /// When SQLite cannot read it.
    pub fn writer(&self) -> Result<PageWriter<'_>, CaptureError> {
        let failed = |source| CaptureError::Database { path: self.path.clone(), source };
        Ok(PageWriter {
            database: self,
            read: self.connection.prepare(PAGE).map_err(failed)?,
            write: self.connection.prepare(WRITE_PAGE).map_err(failed)?,
            buffer: Vec::new(),
            next: 1,
            first: Vec::new(),
            changed: false,
        })
    }

    /// Makes what was written durable, for all to see at once.
    ///
    /// # Errors
    /// When the disk says no. The database is as it was then.
    pub fn commit(self) -> Result<(), CaptureError> {
        let done = self.connection.execute_batch("COMMIT");
        done.map_err(|source| CaptureError::DatabaseWrite { path: self.path, source })
    }
}

fn begin(mut connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_handler(Some(wait_for_lock))?;
    connection.execute_batch("PRAGMA synchronous = EXTRA; BEGIN EXCLUSIVE")?;
    refuse_other_pages(&connection)?;
    connection.prepare(PAGES)?;
    Ok(connection)
}

/// How many pages a database has, and whether it has a log.
fn layout(connection: &Connection) -> rusqlite::Result<(u32, bool)> {
    let pages = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    Ok((pages, mode == "wal"))
}

/// Takes an image of the same page size, and writes the pages that differ.
pub struct PageWriter<'d> {
    database: &'d LockedDatabase,
    read: Statement<'d>,
    write: Statement<'d>,
    /// Less than a page.
    buffer: Vec<u8>,
    /// The number of the page that comes next.
    next: u32,
    /// The first page is written last: it changes only where something else does.
    first: Vec<u8>,
    changed: bool,
}

impl PageWriter<'_> {
    /// Takes what comes next of the image.
    ///
    /// # Errors
    /// When SQLite cannot write it.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), CaptureError> {
        let size = self.database.header.page_size as usize;
        if !self.buffer.is_empty() {
            let missing = bytes.len().min(size - self.buffer.len());
            let (head, rest) = bytes.split_at(missing);
            self.buffer.extend_from_slice(head);
            bytes = rest;
            if self.buffer.len() < size {
                return Ok(());
            }
            let page = std::mem::take(&mut self.buffer);
            self.page(&page)?;
        }
        let pages = bytes.chunks_exact(size);
        self.buffer.extend_from_slice(pages.remainder());
        for page in pages {
            self.page(page)?;
        }
        Ok(())
    }

    fn page(&mut self, page: &[u8]) -> Result<(), CaptureError> {
        let number = self.next;
        self.next += 1;
        if number == 1 {
            self.first = page.to_vec();
            return Ok(());
        }
        self.replace(number, page).map_err(|source| self.failed(source))
    }

    fn replace(&mut self, number: u32, page: &[u8]) -> rusqlite::Result<()> {
        if number == self.lock_page() {
            return Ok(());
        }
        let is_same = |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.as_blob()? == page);
        if number <= self.database.pages && self.read.query_row([number], is_same)? {
            return Ok(());
        }
        self.changed = true;
        self.write.execute((number, page)).map(drop)
    }

    fn lock_page(&self) -> u32 {
        LOCK_BYTE / self.database.header.page_size + 1
    }

    /// Ends the image: what lies behind it goes.
    ///
    /// # Errors
    /// When SQLite cannot write it.
    pub fn finish(mut self) -> Result<(), CaptureError> {
        if self.first.is_empty() || !self.buffer.is_empty() {
            return Err(self.failed(failure(SQLITE_CORRUPT, "the new content is not whole pages")));
        }
        self.write_rest().map_err(|source| self.failed(source))
    }

    fn write_rest(&mut self) -> rusqlite::Result<()> {
        let LockedDatabase { connection, pages, log, .. } = self.database;
        let shrinks = self.next <= *pages;
        let now: Vec<u8> = self.read.query_row([1], |row| row.get(0))?;
        let mut first = std::mem::take(&mut self.first);
        if !self.changed && !shrinks && is_one_state(&first, &now) {
            return Ok(());
        }
        let vacuum: i64 = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))?;
        if vacuum == AUTO_VACUUM_FULL {
            // Else the commit would move pages about. The first page, as it is written next,
            // says again what the image says.
            connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
        }
        // The way of journalling stays, and the counters go on from those of the database.
        for kept in COUNTERS {
            first[kept.clone()].copy_from_slice(&now[kept]);
        }
        self.write.execute((1, first))?;
        if shrinks {
            self.drop_pages(*pages, *log)?;
        }
        // Whoever has read the schema reads it again.
        let cookie = i32::from_be_bytes([now[40], now[41], now[42], now[43]]);
        connection.pragma_update(None, "schema_version", cookie.wrapping_add(1))
    }

    fn drop_pages(&mut self, pages: u32, log: bool) -> rusqlite::Result<()> {
        if !log {
            // A journal holds only what is written over: without this, a crash would lose them.
            let lock_page = self.lock_page();
            for number in (self.next..=pages).filter(|number| *number != lock_page) {
                let page: Vec<u8> = self.read.query_row([number], |row| row.get(0))?;
                self.write.execute((number, page))?;
            }
        }
        self.write.execute((self.next, rusqlite::types::Null)).map(drop)
    }

    fn failed(&self, source: rusqlite::Error) -> CaptureError {
        CaptureError::DatabaseWrite { path: self.database.path.clone(), source }
    }
}

/// Whether two first pages differ in counters alone.
fn is_one_state(a: &[u8], b: &[u8]) -> bool {
    let [a, b] = [a, b].map(|page| {
        let mut page = page.to_vec();
        blank_counters(&mut page);
        page
    });
    a == b
}
