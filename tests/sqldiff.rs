//! The rows and columns that differ between two versions of a database are those that `sqldiff`, of
//! SQLite's own tools, tells.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use aisr::diff::{RecordChange, RecordChanges, field_changes, pair_tables};
use aisr::view::sqlite::SqliteView;
use aisr::view::{Element, Table, Value, View};
use rusqlite::Connection;

/// One table by row id, one by a composite key, one without row ids. The names need no quotes.
const SCHEMA: &str = "
    CREATE TABLE memories (id INTEGER PRIMARY KEY, text TEXT, weight REAL, embedding BLOB);
    CREATE TABLE links (source INT, kind TEXT, target, PRIMARY KEY (kind, source));
    CREATE TABLE settings (name TEXT PRIMARY KEY, value, at INT) WITHOUT ROWID;";

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's MMIX generator.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn literal(&mut self) -> String {
        match self.below(7) {
            0 => "NULL".into(),
            1 => self.below(1000).to_string(),
            2 => format!("-{}", self.below(9) + 1),
            3 => format!("{}.5", self.below(100)),
            4 => format!("x'{:04x}'", self.below(1 << 16)),
            5 => format!("'it''s {}'", self.below(50)),
            // Longer than a page.
            _ => format!("'{}'", "long ".repeat(self.below(1200) as usize)),
        }
    }
}

fn insert(random: &mut Random) -> String {
    let (key, a, b, c) = (random.below(400), random.literal(), random.literal(), random.literal());
    match random.below(3) {
        0 => format!("INSERT OR IGNORE INTO memories VALUES ({key}, {a}, {b}, {c})"),
        1 => format!("INSERT OR IGNORE INTO links VALUES ({key}, 'k{}', {a})", key % 7),
        _ => format!("INSERT OR IGNORE INTO settings VALUES ('s{key}', {a}, {b})"),
    }
}

fn change(random: &mut Random) -> String {
    let (key, value) = (random.below(400), random.literal());
    match random.below(10) {
        0..3 => insert(random),
        3 => format!("UPDATE memories SET text = {value} WHERE id = {key}"),
        4 => format!("UPDATE memories SET weight = {value}, embedding = {value} WHERE id = {key}"),
        5 => format!("UPDATE links SET target = {value} WHERE source = {key}"),
        6 => format!("UPDATE settings SET value = {value} WHERE name = 's{key}'"),
        7 => format!("DELETE FROM memories WHERE id = {key}"),
        8 => format!("DELETE FROM links WHERE source = {key}"),
        _ => format!("DELETE FROM settings WHERE name = 's{key}'"),
    }
}

/// A statement as `sqldiff` writes it.
fn statement(table: &Table, change: &RecordChange) -> String {
    let name = &table.name;
    let key: Vec<_> = table.key.iter().cloned().zip(change.key.iter().map(element)).collect();
    let wanted = key.iter().map(|(column, value)| format!("{column}={value}"));
    let wanted = wanted.collect::<Vec<_>>().join(" AND ");
    match (&change.before, &change.after) {
        (Some(_), None) => format!("DELETE FROM {name} WHERE {wanted};"),
        (None, Some(Value::Fields(fields))) => {
            let rest = fields.iter().map(|(column, field)| (column.clone(), value(field)));
            let (columns, values): (Vec<_>, Vec<_>) = key.into_iter().chain(rest).unzip();
            format!("INSERT INTO {name}({}) VALUES({});", columns.join(","), values.join(","))
        }
        (Some(before), Some(after)) => {
            let set = field_changes(before, after).into_iter().map(|field| {
                let after = field.after.map_or_else(|| "NULL".into(), value);
                format!("{}={after}", field.path.join("."))
            });
            format!("UPDATE {name} SET {} WHERE {wanted};", set.collect::<Vec<_>>().join(", "))
        }
        other => panic!("{other:?}"),
    }
}

fn element(element: &Element) -> String {
    value(&aisr::view::value_of(element))
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Integer(n) => n.to_string(),
        Value::Double(n) => format!("{n:?}"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bytes(bytes) => {
            format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        other => panic!("{other:?}"),
    }
}

fn ours(before: &Path, after: &Path) -> BTreeSet<String> {
    let view = |path| SqliteView::open(Arc::new(std::fs::read(path).unwrap())).unwrap();
    let (before, after) = (view(before), view(after));
    let (before, after): (&dyn View, &dyn View) = (&before, &after);
    let mut found = BTreeSet::new();
    for pair in pair_tables(Some(before), Some(after)) {
        let mut changes = RecordChanges::of(Some(before), Some(after), &pair).unwrap();
        while let Some(change) = changes.next_change().unwrap() {
            found.insert(statement(pair.table().unwrap(), &change));
        }
    }
    found
}

fn theirs(before: &Path, after: &Path) -> BTreeSet<String> {
    // By primary key: without the option it pairs rows by their numbers.
    let ran = Command::new("sqldiff").arg("--primarykey").args([before, after]).output();
    let ran = ran.expect("sqldiff is in the package sqlite3-tools or sqlite3");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn rows_and_columns_that_differ_are_those_of_sqldiff() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("before.sqlite"), folder.path().join("after.sqlite"));
    let mut told = 0;
    for seed in 0..20 {
        let mut random = Random(seed);
        let _ = std::fs::remove_file(&before);
        let db = Connection::open(&before).unwrap();
        db.execute_batch(SCHEMA).unwrap();
        let rows: Vec<_> = (0..600).map(|_| insert(&mut random)).collect();
        db.execute_batch(&rows.join(";\n")).unwrap();
        drop(db);
        std::fs::copy(&before, &after).unwrap();
        let db = Connection::open(&after).unwrap();
        let changes: Vec<_> = (0..1 + random.below(120)).map(|_| change(&mut random)).collect();
        db.execute_batch(&changes.join(";\n")).unwrap();
        if seed % 4 == 0 {
            db.execute_batch("VACUUM").unwrap();
        }
        drop(db);
        let (ours, theirs) = (ours(&before, &after), theirs(&before, &after));
        assert_eq!(ours, theirs, "seed {seed}");
        told += ours.len();
    }
    assert!(told > 300, "{told} changes are hardly a test");
}
