//! The header of SQLite databases: the size of a page.

use super::layout::{Layout, Parsed, Rule, Segment};

/// What every database begins with (SQLite file format §1.3.1).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Bytes of a step, unless one page is larger.
const STEP: u32 = 16 << 10;

/// The layout of a database whose head this is: steps of whole pages up to the end.
///
/// All page sizes are powers of two, so a step holds whole pages and steps line up across versions.
pub fn layout(head: &[u8], file_len: u64) -> Parsed {
    let Some(&[high, low]) = head.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk()) else {
        return Parsed::Other;
    };
    let page = match u32::from(u16::from_be_bytes([high, low])) {
        1 => 64 << 10,
        size if size.is_power_of_two() && size >= 512 => size,
        _ => return Parsed::Other,
    };
    let pages = Segment { end: file_len, rule: Rule::Pages { step: page.max(STEP) } };
    Parsed::Layout(Layout { segments: vec![pages] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(page_size: u16) -> Option<Rule> {
        let head = [&MAGIC[..], &page_size.to_be_bytes()].concat();
        match layout(&head, 1 << 20) {
            Parsed::Layout(layout) => Some(layout.segments[0].rule),
            _ => None,
        }
    }

    #[test]
    fn a_step_is_sixteen_kibibytes_or_one_larger_page() {
        assert_eq!(step(512), Some(Rule::Pages { step: 16 << 10 }));
        assert_eq!(step(4096), Some(Rule::Pages { step: 16 << 10 }));
        assert_eq!(step(32768), Some(Rule::Pages { step: 32 << 10 }));
        assert_eq!(step(1), Some(Rule::Pages { step: 64 << 10 }));
    }

    #[test]
    fn page_sizes_that_sqlite_does_not_have_are_no_database() {
        for size in [0, 2, 256, 1000] {
            assert_eq!(step(size), None, "{size}");
        }
    }
}
