//! The image of a database: its pages in order, as one transaction sees them.

use bstr::BString;
use rusqlite::{Connection, Rows};

use crate::chunk::ContentHint;
use crate::object::{BlobId, Id};
use crate::store::whole_hash::{self, WINDOW};
use crate::store::{Batch, Store, StoreError};

use super::error::CaptureError;
use super::large::Source;
use super::pool::Pool;
use super::small::WHOLE_LIMIT;
use super::sqlite::{OpenDatabase, PAGES};
use super::sqlite_btree::Geometry;
use super::sqlite_secrets::{Judge, PageByNumber};

/// What differs between two images of one state: the way it is journalled, the change counter,
/// the schema cookie, the counter's value when a version was last noted, and that version of
/// SQLite, which each writer sets to its own (SQLite file format §1.3).
pub(super) const COUNTERS: [std::ops::Range<usize>; 4] = [18..20, 24..28, 40..44, 92..100];

/// The hash of an image without what differs between two images of one state. Never stored in a
/// repository.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateId(pub Id);

/// A database that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DatabaseImage {
    /// The image's bytes.
    pub id: BlobId,
    /// How many they are.
    pub size: u64,
    /// The state that they are an image of.
    pub state: StateId,
}

/// The pages of an open transaction.
struct Pages<'r> {
    rows: Rows<'r>,
    path: &'r BString,
    /// What was taken out of the rows and not yet handed on lies behind `at`.
    held: Vec<u8>,
    at: usize,
    /// Where `held[at..]` lies in the image.
    offset: u64,
    /// The beginning of the image, without what differs between images of one state.
    first: Vec<u8>,
    /// Asked before pages are stored.
    judge: Option<Judge<'r>>,
}

impl Pages<'_> {
    fn fill(&mut self, wanted: usize) -> Result<(), CaptureError> {
        let failed = |source| CaptureError::Database { path: self.path.clone(), source };
        while self.held.len() - self.at < wanted {
            let Some(row) = self.rows.next().map_err(failed)? else { break };
            let page = row.get_ref(0).map_err(failed)?;
            let page = page.as_blob().map_err(|e| failed(e.into()))?;
            if self.at > 0 {
                self.held.drain(..self.at);
                self.at = 0;
            }
            self.held.extend_from_slice(page);
        }
        Ok(())
    }
}

impl Source for Pages<'_> {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, CaptureError> {
        let again = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
        self.at += again;
        self.offset = offset;
        self.fill(buffer.len())?;
        let got = buffer.len().min(self.held.len() - self.at);
        buffer[..got].copy_from_slice(&self.held[self.at..self.at + got]);
        if offset == 0 && got > self.first.len() {
            self.first = buffer[..got].to_vec();
            blank_counters(&mut self.first);
        }
        Ok(got)
    }

    fn geometry(&self) -> Option<Geometry> {
        self.judge.as_ref().map(Judge::geometry)
    }

    fn passes(&mut self, offset: u64, bytes: &[u8]) -> bool {
        self.judge.as_mut().is_none_or(|judge| judge.passes(offset, bytes))
    }
}

impl OpenDatabase {
    /// Stores the database's image, unless the pool's guard refuses it: then it only gets its id.
    /// A secret in `head`, the version that HEAD has, is no news.
    ///
    /// # Errors
    /// When SQLite cannot read it, or the store cannot take it.
    pub fn capture(
        &self,
        pool: &Pool,
        batch: &mut Batch<'_, '_>,
        head: Option<BlobId>,
        progress: &dyn Fn(u64),
    ) -> Result<DatabaseImage, CaptureError> {
        let failed = |source| CaptureError::Database { path: self.path.clone(), source };
        let number = |what: &str| {
            self.connection
                .pragma_query_value(None, what, |row| row.get::<_, i64>(0))
                .map(i64::unsigned_abs)
        };
        let count = number("page_count").map_err(failed)?;
        let len = count * number("page_size").map_err(failed)?;
        let mut statement = self.connection.prepare(PAGES).map_err(failed)?;
        let mut pages = Pages {
            rows: statement.query([]).map_err(failed)?,
            path: &self.path,
            held: Vec::new(),
            at: 0,
            offset: 0,
            first: Vec::new(),
            judge: self.judge(pool, batch, count, head).map_err(failed)?,
        };
        if len <= WHOLE_LIMIT {
            let mut bytes = vec![0; len as usize];
            let got = pages.read(0, &mut bytes)?;
            bytes.truncate(got);
            progress(got as u64);
            let id = BlobId::of(&bytes);
            if batch.holds(id)? || pages.passes(0, &bytes) {
                batch.blob(&bytes, ContentHint::Block)?;
            }
            pages.judge.into_iter().for_each(Judge::finish);
            let state = StateId(BlobId::of(&pages.first).id());
            return Ok(DatabaseImage { id, size: got as u64, state });
        }
        let streamed = pool.stream(&mut pages, len, batch, progress)?;
        pages.judge.take().into_iter().for_each(Judge::finish);
        let state = match streamed.windows.as_slice() {
            [_, rest @ ..] if !rest.is_empty() => {
                let first = whole_hash::window(0, &pages.first[..WINDOW.min(pages.first.len())]);
                whole_hash::root(&[&[first], rest].concat())
            }
            _ => BlobId::of(&pages.first),
        };
        Ok(DatabaseImage { id: streamed.id, size: streamed.len, state: StateId(state.id()) })
    }

    /// Who decides on new pages, where the pool has a guard.
    fn judge<'j>(
        &'j self,
        pool: &'j Pool<'_>,
        batch: &Batch<'_, 'j>,
        count: u64,
        head: Option<BlobId>,
    ) -> rusqlite::Result<Option<Judge<'j>>> {
        let Some(guard) = pool.guard() else { return Ok(None) };
        let first = PageByNumber::new(&self.connection)?.fetch(1);
        let Some(geometry) = first.and_then(|page| Geometry::of(&page)) else { return Ok(None) };
        let head = head.map(|id| (batch.store(), id));
        Judge::new(guard, &self.path, geometry, count, &self.connection, head).map(Some)
    }
}

/// Hashes a state out of an image of it.
#[derive(Default)]
struct StateHasher {
    hasher: blake3::Hasher,
    /// The beginning, until all counters are in it.
    head: Vec<u8>,
    begun: bool,
}

impl StateHasher {
    fn update(&mut self, bytes: &[u8]) {
        if self.begun {
            self.hasher.update(bytes);
            return;
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() >= COUNTERS[3].end {
            self.begun = true;
            blank_counters(&mut self.head);
            self.hasher.update(&self.head);
        }
    }

    fn finish(mut self) -> StateId {
        if !self.begun {
            self.hasher.update(&self.head);
        }
        StateId(Id::new(*self.hasher.finalize().as_bytes()))
    }
}

/// Hashes an image, and the state that it is one of.
#[derive(Default)]
pub struct ImageHasher {
    whole: blake3::Hasher,
    state: StateHasher,
    size: u64,
}

impl ImageHasher {
    /// Takes what comes next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        self.state.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// The image that was taken.
    pub fn finish(self) -> DatabaseImage {
        let id = BlobId::from_id(Id::new(*self.whole.finalize().as_bytes()));
        DatabaseImage { id, size: self.size, state: self.state.finish() }
    }
}

impl OpenDatabase {
    /// The database's image, without storing it.
    ///
    /// # Errors
    /// When SQLite cannot read it.
    pub fn image(&self) -> Result<DatabaseImage, CaptureError> {
        let mut hasher = ImageHasher::default();
        let read = each_page(&self.connection, &mut |page| {
            hasher.update(page);
            Ok::<_, rusqlite::Error>(())
        });
        read.map_err(|source| CaptureError::Database { path: self.path.clone(), source })?;
        Ok(hasher.finish())
    }
}

/// Hands the pages of the open transaction to `sink`, in order.
pub(super) fn each_page<E: From<rusqlite::Error>>(
    connection: &Connection,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = connection.prepare(PAGES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let page = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        sink(page)?;
    }
    Ok(())
}

/// The state that a stored image is of.
///
/// # Errors
/// When it cannot be read.
pub fn state_of_blob(store: &Store, id: BlobId) -> Result<StateId, StoreError> {
    let mut hasher = StateHasher::default();
    store.blob(id)?.copy_to(&mut |bytes: &[u8]| {
        hasher.update(bytes);
        Ok::<_, StoreError>(())
    })?;
    Ok(hasher.finish())
}

pub(super) fn blank_counters(head: &mut [u8]) {
    for range in COUNTERS {
        if let Some(counter) = head.get_mut(range) {
            counter.fill(0);
        }
    }
}
