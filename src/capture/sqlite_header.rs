//! What the header of a database says (SQLite file format §1.3).

use super::sqlite::MAGIC;

/// How many bytes the header has.
pub const HEADER_LEN: usize = 100;
/// What every header holds at 21: how much of a page may be payload.
const FRACTIONS: [u8; 3] = [64, 32, 32];

/// The header of a database that is what it says: whole pages, as many as it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DatabaseHeader {
    /// The bytes of a page.
    pub page_size: u32,
    /// The bytes at the end of each page that are not SQLite's.
    pub reserved: u8,
}

impl DatabaseHeader {
    /// Reads the header of an image of `len` bytes. `None` where it is no database, or one whose
    /// length is not what the header says: SQLite would believe the header once it wrote to it.
    pub fn parse(head: &[u8], len: u64) -> Option<Self> {
        let header = Self::of_page(head)?;
        let pages = u32::from_be_bytes(head.get(28..32)?.try_into().ok()?);
        let counted = u64::from(pages) * u64::from(header.page_size);
        (pages > 0 && counted == len).then_some(header)
    }

    /// Reads the header that a first page begins with.
    pub fn of_page(head: &[u8]) -> Option<Self> {
        if head.len() < HEADER_LEN || head[..16] != *MAGIC || head[21..24] != FRACTIONS {
            return None;
        }
        let page_size = match u16::from_be_bytes([head[16], head[17]]) {
            1 => 1 << 16,
            size => u32::from(size),
        };
        let valid = page_size.is_power_of_two() && (512..=1 << 16).contains(&page_size);
        valid.then_some(Self { page_size, reserved: head[20] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Vec<u8> {
        let mut head = vec![0; 4096];
        head[..16].copy_from_slice(MAGIC);
        head[16..18].copy_from_slice(&4096u16.to_be_bytes());
        head[20..24].copy_from_slice(&[8, 64, 32, 32]);
        head[28..32].copy_from_slice(&3u32.to_be_bytes());
        head
    }

    #[test]
    fn a_header_says_how_large_the_pages_are() {
        let found = DatabaseHeader::parse(&header(), 3 * 4096);
        assert_eq!(found, Some(DatabaseHeader { page_size: 4096, reserved: 8 }));
        let mut largest = header();
        largest[16..18].copy_from_slice(&[0, 1]);
        assert_eq!(DatabaseHeader::parse(&largest, 3 << 16).map(|h| h.page_size), Some(1 << 16));
    }

    #[test]
    fn what_is_no_database_or_is_longer_than_it_says_has_no_header() {
        assert_eq!(DatabaseHeader::parse(&header(), 4 * 4096), None);
        assert_eq!(DatabaseHeader::parse(&header()[..99], 3 * 4096), None);
        for at in [0, 17, 22, 31] {
            let mut wrong = header();
            wrong[at] ^= 1;
            assert_eq!(DatabaseHeader::parse(&wrong, 3 * 4096), None, "{at}");
        }
        assert_eq!(DatabaseHeader::parse(&[0; 100], 0), None);
    }
}
