//! Databases that lie end in an error, and soon.

use std::sync::Arc;

use crate::view::{View, ViewError};

use super::super::database::SqliteView;
use super::Database;

const PAGE: usize = 512;

/// A database of small pages: a table of some depth, one whose rows go on, one without row ids.
fn image() -> Vec<u8> {
    let script = "PRAGMA page_size = 512;
        CREATE TABLE t (id INTEGER PRIMARY KEY, a);
        CREATE TABLE w (k PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE l (a);
        WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 300)
        INSERT INTO t SELECT i, 'row ' || i FROM r;
        INSERT INTO w SELECT a, id FROM t;
        INSERT INTO l VALUES (zeroblob(3000)), (zeroblob(100));";
    let image = Database::new(script).image();
    assert_eq!(image[16..18], (PAGE as u16).to_be_bytes());
    image
}

/// Reads all there is, alone and beside another version.
fn read(image: Vec<u8>, beside: &SqliteView) -> Result<usize, ViewError> {
    let view = SqliteView::open(Arc::new(image))?;
    let mut count = 0;
    for table in view.tables() {
        for other in [None, Some(beside as &dyn View)] {
            let mut cursor = view.cursor(table, other)?;
            while cursor.next()?.is_some() {
                count += 1;
            }
        }
    }
    Ok(count)
}

fn page(image: &mut [u8], number: usize) -> &mut [u8] {
    &mut image[(number - 1) * PAGE..number * PAGE]
}

/// The first page that begins with this flag, from page 2 on.
fn find(image: &[u8], flag: u8) -> usize {
    image.chunks(PAGE).skip(1).position(|page| page[0] == flag).unwrap() + 2
}

fn is_malformed(found: Result<usize, ViewError>, why: &str) {
    match found {
        Err(ViewError::Malformed { why: said, .. }) => assert!(said.contains(why), "{said}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tree_that_leads_back_to_itself_ends() {
    let sound = image();
    let beside = SqliteView::open(Arc::new(sound.clone())).unwrap();
    assert!(read(sound.clone(), &beside).unwrap() > 600);
    for flag in [5, 2] {
        let mut image = sound.clone();
        let inner = find(&image, flag);
        page(&mut image, inner)[8..12].copy_from_slice(&(inner as u32).to_be_bytes());
        is_malformed(read(image, &beside), "");
    }
}

#[test]
fn pages_that_are_not_there_are_told() {
    let beside = SqliteView::open(Arc::new(image())).unwrap();
    let mut image = image();
    let inner = find(&image, 5);
    page(&mut image, inner)[8..12].copy_from_slice(&77_777_u32.to_be_bytes());
    is_malformed(read(image.clone(), &beside), "there is no page 77777");
    image.truncate(10 * PAGE);
    assert!(SqliteView::open(Arc::new(image)).is_err());
}

#[test]
fn records_that_go_on_in_a_circle_end() {
    let beside = SqliteView::open(Arc::new(image())).unwrap();
    let mut image = image();
    // The first page with zeros after its pointer goes on in the middle of the long record.
    let next = |image: &[u8], n: usize| {
        u32::from_be_bytes(image[(n - 1) * PAGE..][..4].try_into().unwrap())
    };
    let pages = image.len() / PAGE;
    let on = (2..=pages).find(|n| {
        image[(n - 1) * PAGE + 4..n * PAGE].iter().all(|b| *b == 0) && next(&image, *n) != 0
    });
    let on = on.unwrap();
    page(&mut image, on)[..4].copy_from_slice(&(on as u32).to_be_bytes());
    // The length bounds it: a circle gives wrong bytes, not more of them.
    assert!(read(image.clone(), &beside).is_ok());
    // A payload longer than the database.
    let first_cell = |page: &[u8]| usize::from(u16::from_be_bytes([page[8], page[9]]));
    let leaf = (2..=pages).find(|n| {
        let page = &image[(n - 1) * PAGE..n * PAGE];
        page[0] == 0x0d && page[3..5] == [0, 1] && page[first_cell(page)] >= 0x80
    });
    let bytes = page(&mut image, leaf.unwrap());
    let cell = first_cell(bytes);
    bytes[cell..cell + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x7f]);
    is_malformed(read(image, &beside), "longer than the database");
}

#[test]
fn cells_that_share_bytes_make_no_large_table() {
    let beside = SqliteView::open(Arc::new(image())).unwrap();
    let mut image = image();
    let leaf = find(&image, 0x0d);
    let bytes = page(&mut image, leaf);
    let first = [bytes[8], bytes[9]];
    bytes[3..5].copy_from_slice(&100_u16.to_be_bytes());
    (0..100).for_each(|n| bytes[8 + 2 * n..10 + 2 * n].copy_from_slice(&first));
    is_malformed(read(image, &beside), "overlap");
}

#[test]
fn no_byte_that_is_another_makes_it_panic_or_hang() {
    let sound = image();
    let beside = SqliteView::open(Arc::new(sound.clone())).unwrap();
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for _ in 0..3000 {
        let mut image = sound.clone();
        for _ in 0..1 + random() % 3 {
            // Half of them where pages say what they are.
            let at = random() % image.len();
            let at = if random() % 2 == 0 { at / PAGE * PAGE + at % 12 } else { at };
            image[at] = random() as u8;
        }
        let _ = read(image, &beside);
    }
}
