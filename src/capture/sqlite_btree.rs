//! The pages of a database, taken apart: b-tree pages into cells, records into values (SQLite file
//! format §1.5, §1.6 and §2.1). Pure, and total: what does not fit is passed over.

use std::ops::Range;

/// No header of a record is longer: SQLite has at most 32,767 columns.
const HEADER: usize = 32_768 * 9;

/// How the pages of a database lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// The bytes of a page.
    pub page: usize,
    /// Those of them that SQLite uses.
    pub usable: usize,
    /// Whether texts are kept as UTF-16.
    pub utf16: bool,
}

impl Geometry {
    /// What the first page says.
    pub fn of(first: &[u8]) -> Option<Self> {
        let page = match u16::from_be_bytes(bytes_at(first, 16)?) {
            1 => 64 << 10,
            size if size.is_power_of_two() && size >= 512 => usize::from(size),
            _ => return None,
        };
        let usable = page - usize::from(*first.get(20)?);
        let utf16 = u32::from_be_bytes(bytes_at(first, 56)?) > 1;
        Some(Self { page, usable, utf16 })
    }

    /// How much of a record stays in its cell.
    fn local(&self, payload: u64, table: bool) -> usize {
        let usable = self.usable as u64;
        let share = |parts: u64| (usable - 12) * parts / 255 - 23;
        let most = if table { usable - 35 } else { share(64) };
        if payload <= most {
            return payload as usize;
        }
        let least = share(32);
        let fitting = least + (payload - least) % (usable - 4);
        (if fitting <= most { fitting } else { least }) as usize
    }
}

/// A page of a b-tree.
pub struct TreePage {
    /// Its cells, in the order of their keys.
    pub cells: Vec<Cell>,
    /// The last child of a page that has children.
    pub last_child: Option<u32>,
    /// Where its header and the pointers to its cells lie.
    pub head: Range<usize>,
}

/// A cell of a page.
pub struct Cell {
    /// The child whose keys come before this cell.
    pub child: Option<u32>,
    /// The row's id, in a table that has them.
    pub row: Option<i64>,
    /// Where the cell lies in the page.
    pub range: Range<usize>,
    /// Where the record lies in it, or its beginning; empty where the cell holds none.
    pub local: Range<usize>,
    /// The length of the record.
    pub payload: u64,
    /// The first page with the rest of the record.
    pub overflow: Option<u32>,
}

impl TreePage {
    /// Takes the page `number` apart; `None` when it is none of a b-tree.
    pub fn parse(geometry: &Geometry, number: u32, page: &[u8]) -> Option<Self> {
        let start = if number == 1 { 100 } else { 0 };
        let (table, leaf) = match page.get(start)? {
            0x0d => (true, true),
            0x05 => (true, false),
            0x0a => (false, true),
            0x02 => (false, false),
            _ => return None,
        };
        let count = usize::from(u16::from_be_bytes(bytes_at(page, start + 3)?));
        let pointers = start + if leaf { 8 } else { 12 };
        let last_child =
            if leaf { None } else { bytes_at(page, start + 8).map(u32::from_be_bytes) };
        let head = 0..(pointers + 2 * count).min(page.len());
        let cells = (0..count).filter_map(|nth| {
            let at = u16::from_be_bytes(bytes_at(page, pointers + 2 * nth)?);
            cell(geometry, page, usize::from(at), table, leaf)
        });
        Some(Self { cells: cells.collect(), last_child, head })
    }
}

fn cell(geometry: &Geometry, page: &[u8], start: usize, table: bool, leaf: bool) -> Option<Cell> {
    let (mut at, mut child) = (start, None);
    if !leaf {
        child = Some(u32::from_be_bytes(bytes_at(page, at)?));
        at += 4;
    }
    if table && !leaf {
        let (row, len) = varint(page, at)?;
        let (range, local) = (start..at + len, at..at);
        return Some(Cell { child, row: Some(row), range, local, payload: 0, overflow: None });
    }
    let (payload, len) = varint(page, at)?;
    at += len;
    let mut row = None;
    if table {
        let (id, len) = varint(page, at)?;
        row = Some(id);
        at += len;
    }
    let payload = u64::try_from(payload).ok()?;
    let local = at..at + geometry.local(payload, table);
    page.get(local.clone())?;
    let whole = local.len() as u64 == payload;
    let overflow = match whole {
        true => None,
        false => Some(u32::from_be_bytes(bytes_at(page, local.end)?)),
    };
    let range = start..local.end + if whole { 0 } else { 4 };
    Some(Cell { child, row, range, local, payload, overflow })
}

/// A value of a record that may hold text.
pub struct TextValue {
    /// Where it lies in the record.
    pub range: Range<usize>,
    /// It is a BLOB.
    pub blob: bool,
}

/// The texts and BLOBs of the record that begins with these bytes; `None` where its header is not
/// all there.
pub fn text_values(record: &[u8]) -> Option<Vec<TextValue>> {
    let (header, mut at) = varint(record, 0)?;
    let header = usize::try_from(header).ok().filter(|len| *len <= HEADER)?;
    record.get(..header)?;
    let (mut values, mut start) = (Vec::new(), header);
    while at < header {
        let (kind, len) = varint(record, at)?;
        at += len;
        let kind = u64::try_from(kind).ok()?;
        let size = match kind {
            0 | 8..=11 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            kind => (kind - 12) / 2,
        };
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        if kind >= 12 && size > 0 {
            values.push(TextValue { range: start..end, blob: kind % 2 == 0 });
        }
        start = end;
    }
    Some(values)
}

/// A number of one to nine bytes, and how many they are.
fn varint(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut value = 0_u64;
    for len in 1..=9 {
        let byte = *bytes.get(at + len - 1)?;
        if len == 9 {
            return Some(((value << 8 | u64::from(byte)) as i64, len));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value as i64, len));
        }
    }
    None
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Every text that SQLite itself put into cells that fit their pages.
    fn texts(image: &[u8]) -> Vec<(Option<i64>, String)> {
        let geometry = Geometry::of(image).unwrap();
        let mut found = Vec::new();
        for (nth, page) in image.chunks(geometry.page).enumerate() {
            let Some(tree) = TreePage::parse(&geometry, nth as u32 + 1, page) else { continue };
            for cell in tree.cells.iter().filter(|cell| cell.overflow.is_none()) {
                let record = &page[cell.local.clone()];
                for value in text_values(record).unwrap_or_default() {
                    let text = String::from_utf8_lossy(&record[value.range]).into_owned();
                    found.push((cell.row, text));
                }
            }
        }
        found
    }

    #[test]
    fn rows_are_read_as_sqlite_wrote_them() {
        for size in [512, 4096, 65536] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let db = Connection::open(&path).unwrap();
            db.pragma_update(None, "page_size", size).unwrap();
            db.execute_batch(
                "CREATE TABLE t (a, b TEXT, c, d TEXT);
                 CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
                 WITH RECURSIVE r(i) AS (SELECT -3 UNION ALL SELECT i + 1 FROM r WHERE i < 900)
                 INSERT INTO t(rowid, a, b, c, d)
                 SELECT i * 7919, i, 'b' || i, i / 3.0, 'd' || i FROM r;
                 INSERT INTO w SELECT 'k' || b, 1 FROM t;",
            )
            .unwrap();
            drop(db);
            let found = texts(&std::fs::read(&path).unwrap());
            for i in [-3_i64, 0, 450, 900] {
                assert!(found.contains(&(Some(i * 7919), format!("b{i}"))), "{size}: b{i}");
                assert!(found.contains(&(Some(i * 7919), format!("d{i}"))), "{size}: d{i}");
                assert!(found.contains(&(None, format!("kb{i}"))), "{size}: kb{i}");
            }
            let rows = found.iter().filter(|(row, text)| row.is_some() && text.starts_with('b'));
            assert_eq!(rows.count(), 904, "{size}");
        }
    }

    #[test]
    fn no_page_makes_it_panic() {
        let geometry = Geometry { page: 512, usable: 512, utf16: false };
        let mut state = 1_u32;
        for kind in [0x0d, 0x05, 0x0a, 0x02] {
            for _ in 0..2000 {
                let mut page: Vec<u8> = (0..512)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 24) as u8
                    })
                    .collect();
                page[0] = kind;
                page[3] = 0;
                let tree = TreePage::parse(&geometry, 2, &page).unwrap();
                for cell in tree.cells {
                    text_values(&page[cell.local]);
                }
            }
        }
    }
}
