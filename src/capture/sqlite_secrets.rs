//! Secrets in the rows of a database: pages that the repository does not hold yet are taken apart,
//! and each text in them is scanned as one value.
//!
//! Workers scan what lies in one page. A record that goes on in overflow pages is put together by
//! the thread that has the transaction, before any of the new page is stored.

use std::collections::HashSet;

use bstr::BString;
use rusqlite::Connection;

use crate::object::BlobId;
use crate::store::{ChunkRef, Store};

use super::secrets::{Fingerprint, KEPT, SCAN_LIMIT, Secret, SecretGuard, scanner};
use super::sqlite_btree::{Cell, Geometry, TreePage, text_values};
use super::sqlite_main_file::PageByNumber;
use super::sqlite_owner::{Wanted, places};

/// What a page was found to hold.
#[derive(Default)]
pub(super) struct PageScan {
    pub found: Vec<InPage>,
    /// A text goes on in pages that were not at hand.
    pub undecided: bool,
    /// A record was too long to be scanned.
    pub unread: bool,
}

/// A secret in a page.
pub(super) struct InPage {
    pub rule: String,
    pub secret: Vec<u8>,
    /// The cell that holds it, unless it lies outside of any.
    pub cell: Option<usize>,
}

/// Gives a page by its number.
pub(super) type Fetch<'f> = dyn FnMut(u32) -> Option<Vec<u8>> + 'f;

/// Whether a worker finds nothing in these pages that the thread with the transaction must look
/// at. The first of them begins at `offset`.
pub(super) fn is_clear(geometry: &Geometry, offset: u64, bytes: &[u8]) -> bool {
    pages(*geometry, offset, bytes).all(|(number, page)| {
        let scan = scan_page(geometry, number, page, None);
        scan.found.is_empty() && !scan.undecided
    })
}

fn pages(geometry: Geometry, offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let first = offset / geometry.page as u64 + 1;
    bytes.chunks(geometry.page).zip(first..).map(|(page, nth)| (nth as u32, page))
}

/// Scans one page. Records that go on elsewhere are followed where `fetch` gives pages.
pub(super) fn scan_page(
    geometry: &Geometry,
    number: u32,
    page: &[u8],
    mut fetch: Option<&mut Fetch<'_>>,
) -> PageScan {
    let mut scan = PageScan::default();
    let mentioned = scanner().mentions(page);
    let Some(tree) = TreePage::parse(geometry, number, page) else {
        if mentioned {
            // A piece of a record, or what is left of one. What touches its ends may be cut.
            let end = geometry.usable.min(page.len());
            let rest = page.get(4..end).unwrap_or_default();
            let found = scanner().scan(rest).into_iter();
            let inside = found.filter(|f| f.range.start > 0 && f.range.end < rest.len());
            scan.found.extend(inside.map(|finding| InPage {
                rule: finding.rule,
                secret: rest[finding.range].to_vec(),
                cell: None,
            }));
        }
        return scan;
    };
    for (nth, cell) in tree.cells.iter().enumerate() {
        let local = &page[cell.local.clone()];
        if cell.overflow.is_none() || !goes_on(local) {
            if mentioned {
                scan_record(local, nth, &mut scan);
            }
            continue;
        }
        match &mut fetch {
            None => scan.undecided = true,
            Some(_) if cell.payload > SCAN_LIMIT => scan.unread = true,
            Some(fetch) => match record(geometry, page, cell, *fetch) {
                Some(record) => scan_record(&record, nth, &mut scan),
                None => scan.unread = true,
            },
        }
    }
    if mentioned {
        // What lies in no cell: what is left of rows that are gone.
        let mut rest = page.to_vec();
        let cells = tree.cells.iter().map(|cell| cell.range.clone());
        for range in cells.chain([tree.head]) {
            rest[range].fill(0);
        }
        let found = scanner().scan(&rest).into_iter();
        scan.found.extend(found.map(|finding| InPage {
            rule: finding.rule,
            secret: rest[finding.range].to_vec(),
            cell: None,
        }));
    }
    scan
}

/// Whether a text of the record that begins with `local` may go on behind it.
fn goes_on(local: &[u8]) -> bool {
    let Some(values) = text_values(local) else { return true };
    let beyond = |end: usize| end > local.len();
    values.iter().filter(|value| beyond(value.range.end)).any(|value| {
        let here = local.get(value.range.start..).unwrap_or_default();
        !value.blob || may_be_text(here)
    })
}

/// Whether a BLOB that begins with these bytes may be a text.
fn may_be_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(),
    };
    valid && !bytes.contains(&0)
}

fn scan_record(record: &[u8], cell: usize, scan: &mut PageScan) {
    for value in text_values(record).unwrap_or_default() {
        let end = value.range.end.min(record.len());
        let Some(bytes) = record.get(value.range.start..end) else { continue };
        if value.blob && std::str::from_utf8(bytes).is_err() {
            continue;
        }
        let found = scanner().scan(bytes).into_iter();
        scan.found.extend(found.map(|finding| InPage {
            rule: finding.rule,
            secret: bytes[finding.range].to_vec(),
            cell: Some(cell),
        }));
    }
}

/// The whole record of a cell that goes on in overflow pages.
fn record(geometry: &Geometry, page: &[u8], cell: &Cell, fetch: &mut Fetch<'_>) -> Option<Vec<u8>> {
    let whole = usize::try_from(cell.payload).ok()?;
    let mut record = page[cell.local.clone()].to_vec();
    let mut next = cell.overflow?;
    while record.len() < whole {
        let page = fetch(next)?;
        let part = page.get(4..geometry.usable)?;
        record.extend_from_slice(&part[..part.len().min(whole - record.len())]);
        next = u32::from_be_bytes(*page.first_chunk()?);
    }
    Some(record)
}

/// Decides on the pages of one database that are new, and keeps what speaks against them.
pub(super) struct Judge<'j> {
    guard: &'j SecretGuard<'j>,
    path: &'j BString,
    geometry: Geometry,
    connection: &'j Connection,
    pages: PageByNumber<'j>,
    /// What HEAD has at this path.
    head: Option<(&'j Store, BlobId)>,
    /// What HEAD's version holds; built when it is first asked for.
    known: Option<HashSet<Fingerprint>>,
    refused: Vec<(Wanted, String, Fingerprint)>,
    /// How many more were refused than are kept.
    more: u64,
    /// How many pages there are, and how many may still be fetched: a sound database needs each
    /// at most once.
    count: u64,
    budget: u64,
    unread: bool,
}

impl<'j> Judge<'j> {
    pub(super) fn new(
        guard: &'j SecretGuard<'j>,
        path: &'j BString,
        geometry: Geometry,
        count: u64,
        connection: &'j Connection,
        head: Option<(&'j Store, BlobId)>,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            guard,
            path,
            geometry,
            connection,
            pages: PageByNumber::new(connection)?,
            head,
            known: None,
            refused: Vec::new(),
            more: 0,
            count,
            budget: count,
            // The scanner reads UTF-8.
            unread: geometry.utf16,
        })
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Whether pages that no pack holds yet may be stored. The first begins at `offset`.
    pub(super) fn passes(&mut self, offset: u64, bytes: &[u8]) -> bool {
        let mut passes = true;
        for (number, page) in pages(self.geometry, offset, bytes) {
            let mut fetch = |number| {
                self.budget = self.budget.checked_sub(1)?;
                self.pages.fetch(number)
            };
            let scan = scan_page(&self.geometry, number, page, Some(&mut fetch));
            self.unread |= scan.unread;
            for InPage { rule, secret, cell } in scan.found {
                let fingerprint = Fingerprint::of(&rule, self.path.as_ref(), &secret);
                if self.guard.allows(&fingerprint) || self.knows(&fingerprint) {
                    continue;
                }
                passes = false;
                match self.refused.len() < KEPT {
                    true => self.refused.push((Wanted { page: number, cell }, rule, fingerprint)),
                    false => self.more += 1,
                }
            }
        }
        passes
    }

    fn knows(&mut self, fingerprint: &Fingerprint) -> bool {
        let (geometry, path, head) = (&self.geometry, self.path, self.head);
        let known = self.known.get_or_insert_with(|| {
            // A version that cannot be read holds nothing.
            let found = head.and_then(|(store, id)| StoredImage::open(store, id));
            found.map(|image| image.secrets(geometry, path)).unwrap_or_default()
        });
        known.contains(fingerprint)
    }

    /// Tells the guard what was found, and where.
    pub(super) fn finish(mut self) {
        if self.unread {
            self.guard.skip_database();
        }
        if self.refused.is_empty() {
            return;
        }
        let wanted: Vec<_> = self.refused.iter().map(|(wanted, ..)| *wanted).collect();
        let mut budget = self.count;
        let mut fetch = |number| {
            budget = budget.checked_sub(1)?;
            self.pages.fetch(number)
        };
        let places = places(self.connection, &mut fetch, &self.geometry, &wanted);
        let secrets = self.refused.into_iter().zip(places);
        let secrets = secrets.map(|((_, rule, fingerprint), place)| Secret {
            path: self.path.clone(),
            place,
            rule,
            fingerprint,
        });
        self.guard.refuse(secrets, self.more);
    }
}

/// The image of a database in the store, page by page.
struct StoredImage<'s> {
    store: &'s Store,
    chunks: Vec<ChunkRef>,
    /// The chunk that was read last.
    last: Option<(usize, Vec<u8>)>,
}

impl<'s> StoredImage<'s> {
    fn open(store: &'s Store, id: BlobId) -> Option<Self> {
        let (chunks, last) = match store.blob(id).ok()? {
            crate::store::Blob::Whole(bytes) => {
                let len = bytes.len() as u64;
                (vec![ChunkRef { offset: 0, len, id }], Some((0, bytes)))
            }
            crate::store::Blob::Chunked(mut chunks) => {
                let mut all = Vec::new();
                while let Some(chunk) = chunks.next_chunk().ok()? {
                    all.push(chunk);
                }
                (all, None)
            }
        };
        Some(Self { store, chunks, last })
    }

    fn page(&mut self, size: usize, number: u32) -> Option<Vec<u8>> {
        let at = u64::from(number.checked_sub(1)?) * size as u64;
        let nth = self.chunks.partition_point(|chunk| chunk.offset <= at).checked_sub(1)?;
        if self.last.as_ref().is_none_or(|(last, _)| *last != nth) {
            self.last = Some((nth, self.store.read_chunk(&self.chunks[nth]).ok()?));
        }
        let (_, bytes) = self.last.as_ref()?;
        let start = (at - self.chunks[nth].offset) as usize;
        bytes.get(start..start + size).map(Into::into)
    }

    /// The fingerprints of all that a scan of it finds.
    fn secrets(mut self, geometry: &Geometry, path: &BString) -> HashSet<Fingerprint> {
        let mut known = HashSet::new();
        let end = self.chunks.last().map_or(0, |chunk| chunk.offset + chunk.len);
        let mut budget = end / geometry.page as u64;
        for number in 1.. {
            let Some(page) = self.page(geometry.page, number) else { break };
            let mut fetch = |number| {
                budget = budget.checked_sub(1)?;
                self.page(geometry.page, number)
            };
            let scan = scan_page(geometry, number, &page, Some(&mut fetch));
            let found = scan.found.iter();
            known.extend(found.map(|f| Fingerprint::of(&f.rule, path.as_ref(), &f.secret)));
        }
        known
    }
}
