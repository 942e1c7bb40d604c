//! What the first page says of the database (SQLite file format §1.3), and its pages by number.

use crate::view::{Source, ViewError};

/// What every database begins with.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How many bytes the header has.
pub const HEADER_LEN: usize = 100;
/// What every header holds at 21: how much of a page may be payload.
const FRACTIONS: [u8; 3] = [64, 32, 32];
/// The least bytes of a page that SQLite may use.
const LEAST_USABLE: usize = 480;
/// The page of the byte at this offset holds locks, and no content.
const LOCK_BYTE: u64 = 1 << 30;
/// The most pages that a database has (SQLite's own limit).
const MOST_PAGES: u64 = 4_294_967_294;

/// How texts are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, the less significant byte first.
    Utf16Le,
    /// UTF-16, the more significant byte first.
    Utf16Be,
}

/// How the pages of a database lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The bytes of a page.
    pub page_size: usize,
    /// Those of them that SQLite uses.
    pub usable: usize,
    /// How texts are kept.
    pub encoding: Encoding,
    /// Whether pages tell in a map who points at them.
    pub auto_vacuum: bool,
    /// The first page of the list of free pages; 0 where none is free.
    pub first_free: u32,
    /// How many pages there are.
    pub pages: u32,
}

/// What makes the bytes no sound database.
pub fn malformed(why: impl Into<String>, at: u64) -> ViewError {
    ViewError::Malformed { what: "SQLite database", why: why.into(), at }
}

impl Header {
    /// Reads the header of a content.
    ///
    /// # Errors
    /// When it cannot be read, or is none of a sound database.
    pub fn read(source: &dyn Source) -> Result<Self, ViewError> {
        let mut head = [0; HEADER_LEN];
        if source.read_at(0, &mut head)? < HEADER_LEN {
            return Err(malformed("it is shorter than a header", source.len()));
        }
        Self::parse(&head, source.len())
    }

    /// Takes a header apart that stands before a content of `len` bytes.
    ///
    /// # Errors
    /// When it is none of a sound database.
    pub fn parse(head: &[u8; HEADER_LEN], len: u64) -> Result<Self, ViewError> {
        if head[..16] != *MAGIC {
            return Err(malformed("it does not begin as one", 0));
        }
        let page_size = match u16::from_be_bytes([head[16], head[17]]) {
            1 => 1 << 16,
            size => usize::from(size),
        };
        if !page_size.is_power_of_two() || !(512..=1 << 16).contains(&page_size) {
            return Err(malformed(format!("pages of {page_size} bytes"), 16));
        }
        if head[19] > 2 {
            return Err(malformed("it is of a later version", 19));
        }
        let usable = page_size - usize::from(head[20]);
        if usable < LEAST_USABLE {
            return Err(malformed("too much of each page is reserved", 20));
        }
        if head[21..24] != FRACTIONS {
            return Err(malformed("the fractions of payload are others", 21));
        }
        let encoding = match u32_at(head, 56).unwrap_or_default() {
            0 | 1 => Encoding::Utf8,
            2 => Encoding::Utf16Le,
            3 => Encoding::Utf16Be,
            other => return Err(malformed(format!("texts in the encoding {other}"), 56)),
        };
        let there = (len / page_size as u64).min(MOST_PAGES);
        // The count is good where the version that last set it is the last that wrote.
        let counted = u64::from(u32_at(head, 28).unwrap_or_default());
        let pages = if counted == 0 || head[24..28] != head[92..96] { there } else { counted };
        if pages > there || pages == 0 {
            return Err(malformed(format!("{pages} pages, and bytes for {there}"), 28));
        }
        Ok(Self {
            page_size,
            usable,
            encoding,
            auto_vacuum: u32_at(head, 52).unwrap_or_default() != 0,
            first_free: u32_at(head, 32).unwrap_or_default(),
            // At most `MOST_PAGES`.
            pages: pages as u32,
        })
    }

    /// Where a page begins.
    pub fn offset(&self, page: u32) -> u64 {
        u64::from(page).saturating_sub(1) * self.page_size as u64
    }

    /// The page that is never used, because locks lie there.
    pub fn lock_page(&self) -> u32 {
        // Pages have at least 512 bytes.
        (LOCK_BYTE / self.page_size as u64 + 1) as u32
    }

    /// Whether a page holds a part of the map of who points at whom (§1.8).
    pub fn is_pointer_map(&self, page: u32) -> bool {
        if !self.auto_vacuum || page < 2 {
            return false;
        }
        let group = self.usable as u32 / 5 + 1;
        let first = (page - 2) / group * group + 2;
        let map = if first == self.lock_page() { first + 1 } else { first };
        map == page
    }
}

/// The pages of a content by their numbers.
#[derive(Clone, Copy)]
pub struct Pages<'s> {
    /// How they lie.
    pub header: Header,
    source: &'s dyn Source,
}

impl<'s> Pages<'s> {
    /// The pages of a content with this header.
    pub fn new(header: Header, source: &'s dyn Source) -> Self {
        Self { header, source }
    }

    /// The bytes of a page.
    ///
    /// # Errors
    /// When there is no such page, or it cannot be read.
    pub fn read(&self, page: u32) -> Result<Vec<u8>, ViewError> {
        let mut bytes = vec![0; self.header.page_size];
        self.read_into(page, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills a buffer of the size of a page with the bytes of one.
    ///
    /// # Errors
    /// When there is no such page, or it cannot be read.
    pub fn read_into(&self, page: u32, bytes: &mut [u8]) -> Result<(), ViewError> {
        let offset = self.header.offset(page);
        if page == 0 || page > self.header.pages {
            return Err(malformed(format!("there is no page {page}"), offset));
        }
        if self.source.read_at(offset, bytes)? < bytes.len() {
            return Err(malformed(format!("page {page} is cut off"), offset));
        }
        Ok(())
    }
}

/// A number of four bytes.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// A number of two bytes.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}
