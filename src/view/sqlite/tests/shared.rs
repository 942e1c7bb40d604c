//! What two versions share is left out, and nothing else.

use rusqlite::MAIN_DB;

use crate::view::{Cursor, Record, Value};

use super::super::cursor::Sorted;
use super::{Database, differences, fields, key, names, rows};

/// A table of `count` rows of about a hundred bytes.
fn many(count: usize) -> String {
    format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT, n);
         WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < {count})
         INSERT INTO t SELECT i, printf('%0100d', i), i FROM r;"
    )
}

/// A table of rows that go on in other pages.
const LONG: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB);
     WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 200)
     INSERT INTO t SELECT i, zeroblob(20000) FROM r;";

#[test]
fn a_changed_row_costs_the_leaf_that_it_lies_in() {
    let database = Database::new(&many(20_000));
    let before = database.view();
    let after = database.run("UPDATE t SET n = -1 WHERE id = 7777").view();
    let read = rows(&before, "t", Some(&after));
    assert!(read.len() < 50, "{} rows", read.len());
    let (old, new) = differences(&before, &after, "t");
    assert_eq!((old.len(), new.len()), (1, 1));
    let text = Value::Text(format!("{:0100}", 7777));
    let value = fields(&[("text", text), ("n", Value::Integer(-1))]);
    assert_eq!(new, [Record { key: key(7777), value }]);
}

#[test]
fn leaves_that_move_up_or_down_the_tree_are_shared_still() {
    let database = Database::new(&many(300));
    let before = database.view();
    // The tree grows by a level, and most of the old leaves stay.
    let more = "WITH RECURSIVE r(i) AS (SELECT 301 UNION ALL SELECT i + 1 FROM r WHERE i < 20000)
                INSERT INTO t SELECT i, printf('%0100d', i), i FROM r;";
    let after = database.run(more).view();
    assert!(rows(&before, "t", Some(&after)).len() < 100);
    let (old, new) = differences(&before, &after, "t");
    assert_eq!((old.len(), new.len()), (0, 19_700));
}

#[test]
fn a_leaf_that_was_freed_keeps_its_bytes_and_is_not_shared() {
    let database = Database::new(&many(2000));
    let before = database.view();
    let image = database.image();
    let after = database.run("DELETE FROM t WHERE id BETWEEN 500 AND 1500").view();
    // The case is there: some leaf of gone rows has just the bytes that it had.
    let gone = [b"00001000".as_slice(), b"00000900", b"00001200"];
    let now = database.image();
    let same = image.chunks(4096).zip(now.chunks(4096)).filter(|(a, b)| a == b);
    let kept = same.filter(|(a, _)| gone.iter().any(|row| memchr::memmem::find(a, row).is_some()));
    assert!(kept.count() > 0);
    let (old, new) = differences(&before, &after, "t");
    assert_eq!((old.len(), new.len()), (1001, 0));
}

#[test]
fn a_table_that_is_dropped_and_made_again_in_other_pages_has_its_rows() {
    let database = Database::new(&many(500));
    let before = database.view();
    let again = format!("CREATE TABLE other (a); DROP TABLE t; {}", many(500));
    let after = database.run(&again).view();
    assert_eq!(differences(&before, &after, "t"), (Vec::new(), Vec::new()));
    let (dropped, last) = (database.run("DROP TABLE t").view(), many(500).replace("i, i", "i, -i"));
    assert_eq!(names(&dropped), ["other", "sqlite_schema"]);
    let last = database.run(&last.replace("i), i", "i), -i")).view();
    assert_eq!(differences(&after, &last, "t").1.len(), 500);
}

#[test]
fn a_row_that_changes_only_where_it_goes_on_is_seen() {
    let database = Database::new(LONG);
    let before = database.view();
    let image = database.image();
    let mut blob = database.connection.blob_open(MAIN_DB, "t", "data", 77, false).unwrap();
    blob.write_at(b"poison", 15_000).unwrap();
    blob.close().unwrap();
    let after = database.view();
    // The case is there: two pages changed, the first and one that belongs to no tree.
    let now = database.image();
    let pages = image.chunks(4096).zip(now.chunks(4096));
    let changed: Vec<u8> = pages.filter(|(a, b)| a != b).map(|(_, b)| b[0]).collect();
    assert_eq!(changed, [b'S', 0]);
    let (old, new) = differences(&before, &after, "t");
    assert_eq!((old.len(), new.len()), (1, 1));
    assert_eq!(new[0].key, key(77));
    assert!(rows(&before, "t", Some(&after)).len() < 30);
}

#[test]
fn rows_written_over_in_pages_that_others_left_are_told_apart() {
    let database = Database::new(LONG);
    let before = database.view();
    let script = "DELETE FROM t WHERE id IN (3, 90, 180);
                  INSERT INTO t VALUES (500, randomblob(20000)), (501, randomblob(50000));
                  UPDATE t SET data = randomblob(20000) WHERE id = 10;";
    let after = database.run(script).view();
    let (old, new) = differences(&before, &after, "t");
    let keys = |records: &[Record]| -> Vec<_> { records.iter().map(|r| r.key.clone()).collect() };
    assert_eq!(keys(&old), [key(3), key(10), key(90), key(180)]);
    assert_eq!(keys(&new), [key(10), key(500), key(501)]);
}

#[test]
fn vacuum_changes_no_row() {
    let script = "CREATE TABLE plain (a, b); CREATE TABLE gone (a);
        WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 900)
        INSERT INTO plain SELECT i % 50, 'x' FROM r;
        INSERT INTO gone SELECT randomblob(300) FROM plain; DELETE FROM plain WHERE rowid < 300;";
    let database = Database::new(&format!("{script}{}", many(900)));
    database.run("DROP TABLE gone");
    let before = database.view();
    let after = database.run("VACUUM").view();
    for table in ["plain", "t", "sqlite_schema"] {
        assert_eq!(differences(&before, &after, table), (Vec::new(), Vec::new()), "{table}");
    }
    // The rows got other ids.
    let first = "SELECT min(rowid) FROM plain";
    assert_eq!(database.connection.query_row(first, [], |row| row.get(0)), Ok(1));
}

#[test]
fn a_column_that_comes_changes_the_rows_that_have_something_in_it() {
    let database = Database::new(&many(10));
    let before = database.view();
    let after =
        database.run("ALTER TABLE t ADD COLUMN more; UPDATE t SET more = 1 WHERE id = 4").view();
    let (old, new) = differences(&before, &after, "t");
    assert_eq!((old.len(), new.len()), (1, 1));
    assert_eq!(new[0].key, key(4));
    assert_eq!(rows(&after, "t", None)[0].value.clone(), {
        let text = Value::Text(format!("{:0100}", 1));
        fields(&[("text", text), ("n", Value::Integer(1)), ("more", Value::Null)])
    });
}

#[test]
fn rows_are_sorted_in_as_many_passes_as_memory_asks_for() {
    let script = "CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE TABLE m (a);
        WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 500)
        INSERT INTO w SELECT 'k' || (i * 7919 % 1000), i FROM r;
        INSERT INTO m SELECT v % 60 FROM w;";
    let view = Database::new(script).view();
    for table in ["w", "m"] {
        let tree = view.tree(table).unwrap();
        let (all, shape) = view.rows(tree, None).unwrap();
        let mut cursor = Sorted::new(all, &tree.layout, shape).with_limit(6000);
        let found: Vec<Record> = std::iter::from_fn(|| cursor.next().unwrap()).collect();
        assert_eq!(found, rows(&view, table, None), "{table}");
        assert!(found.windows(2).all(|pair| pair[0].key < pair[1].key), "{table}");
        let count = |record: &Record| match record.value {
            Value::Count(count) => count,
            _ => 1,
        };
        assert_eq!(found.iter().map(count).sum::<u64>(), 500, "{table}");
    }
}
