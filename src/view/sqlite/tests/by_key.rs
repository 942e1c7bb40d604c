//! Rows that are found by their keys.

use proptest::prelude::*;

use super::{Database, SqliteView, fields, key, rows, view};
use crate::view::{Element, Key, Table, Value, View};

fn table<'v>(view: &'v SqliteView, name: &str) -> &'v Table {
    view.tables().iter().find(|table| table.name == name).unwrap()
}

/// Every row of a table is found under its key, and nothing else is.
fn is_as_going_through_it(view: &SqliteView, name: &str, others: &[Key]) {
    let table = table(view, name);
    let all = rows(view, name, None);
    for record in &all {
        let found = view.get(table, &record.key).unwrap();
        assert_eq!(found.as_ref(), Some(&record.value), "{:?}", record.key);
    }
    for other in others {
        let there = all.iter().find(|record| record.key == *other);
        let found = view.get(table, other).unwrap();
        assert_eq!(found, there.map(|record| record.value.clone()), "{other:?}");
    }
}

#[test]
fn tables_of_every_form_are_searched() {
    let database = Database::new(
        "CREATE TABLE id (id INTEGER PRIMARY KEY, v);
         CREATE TABLE word (k TEXT PRIMARY KEY, v);
         CREATE TABLE pair (v, b, a, PRIMARY KEY (a, b)) WITHOUT ROWID;
         CREATE TABLE mixed (k PRIMARY KEY, v) WITHOUT ROWID;
         CREATE TABLE down (k INTEGER PRIMARY KEY DESC, v);
         CREATE TABLE nocase (k TEXT COLLATE NOCASE PRIMARY KEY, v);
         CREATE TABLE none (a, b);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO id SELECT i * 3, printf('%.*c', i % 70, 'x') FROM n;
         INSERT INTO word SELECT 'k' || (id * 7919 % 10007), v FROM id;
         INSERT INTO word VALUES (NULL, 1), (NULL, 1);
         INSERT INTO pair SELECT v, id, id % 10 FROM id;
         INSERT INTO mixed SELECT id, v FROM id WHERE id < 300;
         INSERT INTO mixed VALUES ('a', 1), (x'61', 2), (1.5, 3), (-1e300, 4), (1e300, 5),
             (9223372036854775807, 6), (9223372036854775807.0, 7), (printf('%.*c', 9000, 'q'), 8);
         INSERT INTO down SELECT id, v FROM id;
         INSERT INTO nocase VALUES ('B', 1), ('a', 2);
         INSERT INTO none VALUES (1, 2), (1, 2);",
    );
    let view = database.view();
    let others = [key(1), key(-5), key(i64::MAX), vec!["k1".into()], vec!["zz".into()], vec![]];
    let more: [Key; 5] = [
        vec![Element::Double(3.0)],
        vec![Element::Null],
        vec![Element::Null, Element::Nested(vec![1i64.into()])],
        vec!["A".into()],
        vec![1i64.into(), 3i64.into()],
    ];
    for name in ["id", "word", "pair", "mixed", "down", "nocase", "none"] {
        is_as_going_through_it(&view, name, &others);
        is_as_going_through_it(&view, name, &more);
        let searched = view.finds_by_key(table(&view, name));
        assert_eq!(searched, !["down", "nocase", "none"].contains(&name), "{name}");
    }
}

#[test]
fn texts_in_utf_16_are_not_searched_by_bytes_of_another_order() {
    let database = Database::new(
        "PRAGMA encoding = 'UTF-16le';
         CREATE TABLE word (k TEXT PRIMARY KEY, v);
         INSERT INTO word VALUES ('é', 1), ('z', 2), ('\u{1f600}', 3), ('\u{ff21}', 4);",
    );
    is_as_going_through_it(&database.view(), "word", &[vec!["a".into()]]);
}

#[test]
fn an_index_that_leads_to_no_row_is_told() {
    let database = Database::new(
        "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1);
         CREATE TABLE u (k TEXT PRIMARY KEY, v);",
    );
    // The index of `t` serves a table that is empty.
    database.run(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'u')
         WHERE name = 't';",
    );
    let view = view(database.image());
    let table = table(&view, "t");
    assert!(view.get(table, &["a".into()]).is_err());
}

#[test]
fn a_row_that_is_found_has_the_columns_of_its_table() {
    let database = Database::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (7, 'x');
         ALTER TABLE t ADD COLUMN b DEFAULT 'later';",
    );
    let view = database.view();
    let found = view.get(table(&view, "t"), &key(7)).unwrap();
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(found, Some(fields(&[("a", text("x")), ("b", text("later"))])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn keys_of_any_kind_are_found(keys in prop::collection::btree_set(any_key(), 1..60)) {
        let database = Database::new("CREATE TABLE t (k PRIMARY KEY) WITHOUT ROWID;
                                      CREATE TABLE u (k PRIMARY KEY);");
        for key in &keys {
            let of = |table: &str| format!("INSERT OR IGNORE INTO {table} VALUES ({key});");
            database.run(&(of("t") + &of("u")));
        }
        let view = database.view();
        is_as_going_through_it(&view, "t", &[]);
        is_as_going_through_it(&view, "u", &[]);
    }
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        (-1000i64..1000).prop_map(|n| n.to_string()),
        (-1e20f64..1e20).prop_map(|n| format!("{n:?}")),
        "[a-zA-Z]{0,600}".prop_map(|text| format!("'{text}'")),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{hex}'")
        }),
    ]
}
