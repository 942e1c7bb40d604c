//! What tables of all kinds show, also those that programs made.

use crate::view::{Element, Record, Value, View};

use super::super::database::SqliteView;
use super::{Database, differences, fields, key, names, rows, sample};

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn keys(view: &SqliteView, table: &str) -> Vec<String> {
    view.tables().iter().find(|t| t.name == table).unwrap().key.clone()
}

#[test]
fn full_text_tables_show_their_rows_and_hide_what_serves_them() {
    let view = sample("virtual-tables.sqlite");
    assert_eq!(names(&view), ["cl", "f4", "ft", "items", "plain", "sqlite_schema"]);
    let row = fields(&[("title", text("t1")), ("body", text("b1")), ("tag", text("g1"))]);
    assert_eq!(rows(&view, "ft", None)[0], Record { key: key(1), value: row });
    assert_eq!(keys(&view, "ft"), ["rowid"]);
    let row = fields(&[("title", text("t1")), ("body", text("b1"))]);
    assert_eq!(rows(&view, "f4", None), [Record { key: key(1), value: row }]);
    // Without content, which rows there are, and how long their texts.
    let row = fields(&[("sz", Value::Bytes(vec![2]))]);
    assert_eq!(rows(&view, "cl", None), [Record { key: key(5), value: row }]);
    let schema = rows(&view, "sqlite_schema", None);
    assert_eq!(schema.len(), 5, "{schema:?}");
}

#[test]
fn a_table_with_vectors_shows_each_row_whole() {
    let view = sample("virtual-tables.sqlite");
    let found = rows(&view, "items", None);
    assert_eq!(keys(&view, "items"), ["doc"]);
    assert_eq!(found.len(), 30);
    // As sqlite-vec itself reads the row of `doc-02`.
    let floats = [26.0_f32, 26.5, 0.0, -26.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    let expected = fields(&[
        ("user_id", Value::Integer(2)),
        ("emb", Value::Bytes(floats)),
        ("bits", Value::Bytes(vec![26, 229])),
        ("label", text("a label longer than twelve bytes 26")),
        ("n", Value::Integer(26)),
        ("score", Value::Double(6.5)),
        ("ok", Value::Integer(0)),
        ("contents", text("contents 26")),
    ]);
    assert_eq!(found[2], Record { key: vec!["doc-02".into()], value: expected });
    assert!(found.windows(2).all(|pair| pair[0].key < pair[1].key));
    let plain = rows(&view, "plain", None);
    let value = fields(&[("a", Value::Bytes(vec![4, 1, 2, 3]))]);
    assert_eq!(plain[4], Record { key: key(40), value });
}

#[test]
fn the_memory_of_real_programs_is_read() {
    let view = sample("sqlite-vec.sqlite");
    assert_eq!(names(&view), ["notes", "notes_fts", "sqlite_schema", "vec"]);
    // The rows of an index over another table are that table's.
    assert_eq!(rows(&view, "notes_fts", None), []);
    let found = rows(&view, "vec", None);
    assert_eq!(found.len(), 200);
    let Value::Fields(values) = &found[0].value else { panic!("{found:?}") };
    assert!(matches!(&values[0], (name, Value::Bytes(v)) if name == "embedding" && v.len() == 32));
    let view = sample("langgraph.sqlite");
    assert_eq!(names(&view), ["checkpoints", "sqlite_schema", "writes"]);
    assert_eq!(keys(&view, "checkpoints"), ["thread_id", "checkpoint_ns", "checkpoint_id"]);
    assert_eq!(
        (rows(&view, "checkpoints", None).len(), rows(&view, "writes", None).len()),
        (128, 256)
    );
    let view = sample("chroma/chroma.sqlite3");
    assert!(names(&view).contains(&"embedding_fulltext_search"));
    assert!(!names(&view).iter().any(|name| name.starts_with("embedding_fulltext_search_")));
    for table in names(&view) {
        rows(&view, table, None);
    }
}

#[test]
fn what_serves_an_unknown_module_stays_in_sight() {
    let view = Database::new("CREATE VIRTUAL TABLE r USING rtree(id, a, b)").view();
    assert_eq!(names(&view), ["r", "r_node", "r_parent", "r_rowid", "sqlite_schema"]);
}

#[test]
fn a_table_of_any_name_beside_an_index_over_another_is_not_hidden() {
    let script = "CREATE TABLE d_content (a); INSERT INTO d_content VALUES (1);
                  CREATE VIRTUAL TABLE d USING fts5(a, content = 'd_content');";
    let view = Database::new(script).view();
    assert_eq!(names(&view), ["d", "d_content", "sqlite_schema"]);
    assert_eq!(rows(&view, "d_content", None).len(), 1);
}

#[test]
fn rows_whose_key_holds_null_are_counted() {
    let script = "CREATE TABLE t (k TEXT PRIMARY KEY, v);
                  INSERT INTO t VALUES (NULL, 1), (NULL, 1), (NULL, 2), ('a', 1);";
    let found = rows(&Database::new(script).view(), "t", None);
    let null = |v: i64| vec![Element::Null, Element::Nested(vec![v.into()])];
    let expected = [
        Record { key: null(1), value: Value::Count(2) },
        Record { key: null(2), value: Value::Count(1) },
        Record { key: vec!["a".into()], value: fields(&[("v", Value::Integer(1))]) },
    ];
    assert_eq!(found, expected);
}

#[test]
fn text_that_is_none_is_not_taken_for_the_bytes_that_it_has() {
    let script = "CREATE TABLE t (k INTEGER PRIMARY KEY, v);
                  INSERT INTO t VALUES (1, CAST(x'ff41' AS TEXT)), (2, x'ff41');";
    let database = Database::new(script);
    let before = database.view();
    let after = database.run("UPDATE t SET v = x'ff41' WHERE k = 1").view();
    assert_eq!(differences(&before, &after, "t").1.len(), 1);
    let broken = Value::List(vec![text("\u{fffd}A"), Value::Bytes(vec![0xff, 0x41])]);
    assert_eq!(rows(&before, "t", None)[0].value, fields(&[("v", broken)]));
}

#[test]
fn a_trigger_is_a_record_of_the_schema() {
    let database = Database::new("CREATE TABLE t (a PRIMARY KEY)");
    let before = database.view();
    let trigger = "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END";
    let (old, new) = differences(&before, &database.run(trigger).view(), "sqlite_schema");
    assert_eq!(old, []);
    let value = fields(&[("tbl_name", text("t")), ("sql", text(trigger))]);
    assert_eq!(new, [Record { key: vec!["trigger".into(), "x".into()], value }]);
}

#[test]
fn statements_that_name_what_is_not_here_are_understood() {
    let database = Database::new("");
    let script = "PRAGMA writable_schema = ON; CREATE TABLE t (a INTEGER PRIMARY KEY, b);
        INSERT INTO t VALUES (1, 2);
        UPDATE sqlite_schema SET sql =
        'CREATE TABLE t (a INTEGER PRIMARY KEY, b COLLATE nowhere CHECK (unknown(b)))';";
    let view = database.run(script).view();
    let value = fields(&[("b", Value::Integer(2))]);
    assert_eq!(rows(&view, "t", None), [Record { key: key(1), value }]);
}
