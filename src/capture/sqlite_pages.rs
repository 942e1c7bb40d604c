//! The image of a database: its pages in order, as one transaction sees them.

use blake3::hazmat::ChainingValue;
use rusqlite::Connection;

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
use super::sqlite_main_file::{ImageReader, PageByNumber};
use super::sqlite_secrets::Judge;

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
    reader: ImageReader<'r>,
    /// The beginning of the image, without what differs between images of one state.
    first: Vec<u8>,
    /// Asked before pages are stored.
    judge: Option<Judge<'r>>,
}

impl Source for Pages<'_> {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, CaptureError> {
        let got = self.reader.read(offset, buffer)?;
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
    /// When it cannot be read, or the store cannot take it.
    pub fn capture(
        &self,
        pool: &Pool,
        batch: &mut Batch<'_, '_>,
        head: Option<BlobId>,
        progress: &dyn Fn(u64),
    ) -> Result<DatabaseImage, CaptureError> {
        let failed = |source| CaptureError::Database { path: self.path.clone(), source };
        let reader = self.reader()?;
        let (len, count) = (reader.size(), reader.count());
        let judge = self.judge(pool, batch, count, head).map_err(failed)?;
        let mut pages = Pages { reader, first: Vec::new(), judge };
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

/// Hashes an image, and the state that it is one of. The two differ in the first window alone.
#[derive(Default)]
pub struct ImageHasher {
    /// Up to one window, which may be the last.
    held: Vec<u8>,
    windows: Vec<ChainingValue>,
    /// The first window of the state.
    first: Option<ChainingValue>,
    size: u64,
}

impl ImageHasher {
    /// Takes what comes next.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.held.len() == WINDOW {
                self.end_window();
            }
            let (now, later) = bytes.split_at(bytes.len().min(WINDOW - self.held.len()));
            self.held.extend_from_slice(now);
            bytes = later;
        }
    }

    fn end_window(&mut self) {
        let offset = (self.windows.len() * WINDOW) as u64;
        self.windows.push(whole_hash::window(offset, &self.held));
        if offset == 0 {
            blank_counters(&mut self.held);
            self.first = Some(whole_hash::window(0, &self.held));
        }
        self.held.clear();
    }

    /// The image that was taken.
    pub fn finish(mut self) -> DatabaseImage {
        let (id, state) = if self.windows.is_empty() {
            let id = BlobId::of(&self.held);
            blank_counters(&mut self.held);
            (id, BlobId::of(&self.held))
        } else {
            self.end_window();
            let id = whole_hash::root(&self.windows);
            self.windows.splice(..1, self.first);
            (id, whole_hash::root(&self.windows))
        };
        DatabaseImage { id, size: self.size, state: StateId(state.id()) }
    }
}

impl OpenDatabase {
    /// The database's image, without storing it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn image(&self) -> Result<DatabaseImage, CaptureError> {
        let mut hasher = ImageHasher::default();
        let mut reader = self.reader()?;
        let mut buffer = vec![0; reader.size().min(WINDOW as u64) as usize];
        let mut at = 0;
        while at < reader.size() {
            let got = reader.read(at, &mut buffer)?;
            hasher.update(&buffer[..got]);
            at += got as u64;
        }
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
    let mut hasher = ImageHasher::default();
    store.blob(id)?.copy_to(&mut |bytes: &[u8]| {
        hasher.update(bytes);
        Ok::<_, StoreError>(())
    })?;
    Ok(hasher.finish().state)
}

pub(super) fn blank_counters(head: &mut [u8]) {
    for range in COUNTERS {
        if let Some(counter) = head.get_mut(range) {
            counter.fill(0);
        }
    }
}
