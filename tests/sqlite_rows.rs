//! What the view of a database says is what SQLite says: whole, and two versions beside each
//! other, over random schemas and changes.
//!
//! `AISR_DATABASE_CASES` sets how many cases are tried, `AISR_DATABASE_SEED` the first of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aisr::view::sqlite::{SCHEMA, SqliteView};
use aisr::view::{Cursor, Element, Record, Table, Value, View};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB};

/// Cases of the suite.
const CASES: u64 = 250;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// A literal of any type.
    fn literal(&mut self, large: usize) -> String {
        match self.below(12) {
            0 => "NULL".into(),
            1 => (self.below(5) as i64 - 2).to_string(),
            2 => (self.next() as i64 >> self.below(64)).to_string(),
            3 => format!("{}.0", self.below(100)),
            4 => format!("{:?}", self.next() as i32 as f64 / 7.0),
            5 => format!("x'{}'", hex(&self.bytes(3))),
            6 => {
                let len = self.below(large as u64) as usize;
                format!("x'{}'", hex(&self.bytes(len)))
            }
            7 => {
                let len = self.below(large as u64) as usize;
                format!("'{}'", "long text ".repeat(len / 10))
            }
            8 => "'Ünïcode \u{1f512}'".into(),
            9 => "''".into(),
            _ => format!("'t{}'", self.below(1000)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

const TYPES: [&str; 10] = [
    "INTEGER",
    "TEXT",
    "REAL",
    "BLOB",
    "NUMERIC",
    "",
    "INT",
    "DOUBLE PRECISION",
    "VARCHAR(20)",
    "FLOATING POINT",
];
const STRICT_TYPES: [&str; 6] = ["INTEGER", "TEXT", "REAL", "BLOB", "INT", "ANY"];

/// The statement of a table that may be any.
fn create(random: &mut Random, name: &str) -> String {
    let columns = 1 + random.below(5) as usize;
    let strict = random.one_in(6);
    let mut parts = Vec::new();
    let names: Vec<String> = (0..columns)
        .map(|n| match random.below(8) {
            0 => format!("c \"{n}"),
            1 => format!("select{n}"),
            _ => format!("c{n}"),
        })
        .collect();
    let kind = random.below(8);
    let key_column = random.below(columns as u64) as usize;
    for (n, column) in names.iter().enumerate() {
        let types = if strict { &STRICT_TYPES[..] } else { &TYPES[..] };
        let mut part = format!("{} {}", quoted(column), random.pick(types));
        if kind == 1 && n == key_column {
            part = format!("{} INTEGER PRIMARY KEY /* ) , */", quoted(column));
            if random.one_in(4) {
                part.push_str(" DESC");
            }
        } else if kind == 2 && n == key_column {
            part.push_str(random.pick::<&str>(&[" PRIMARY KEY", " COLLATE NOCASE PRIMARY KEY"]));
        }
        if random.one_in(5) {
            part.push_str(" DEFAULT 'd'' -- '");
        }
        parts.push(part);
    }
    if random.one_in(4) {
        let stored = if random.one_in(2) { "STORED" } else { "VIRTUAL" };
        let at = random.below(parts.len() as u64 + 1) as usize;
        let kind = if strict { "ANY" } else { "" };
        parts.insert(
            at,
            format!(
                "\"gen\" {kind} GENERATED ALWAYS AS (hex({}) || '!') {stored}",
                quoted(&names[0])
            ),
        );
    }
    let mut options = Vec::new();
    if (3..=5).contains(&kind) {
        let mut key = Vec::new();
        for n in 0..=random.below(columns as u64) as usize {
            let more = random.pick::<&str>(&["", "", " DESC", " COLLATE NOCASE", " COLLATE RTRIM"]);
            key.push(format!("{}{more}", quoted(&names[(n + key_column) % columns])));
        }
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    if (2..=5).contains(&kind) && random.one_in(2) {
        options.push("WITHOUT ROWID");
    }
    if strict {
        options.push("STRICT");
    }
    format!("CREATE TABLE {} ({}) {}", quoted(name), parts.join(", -- , (\n"), options.join(", "))
}

/// The columns of a table that rows can be written to, and its others that are stored.
fn columns(db: &Connection, table: &str) -> Vec<(String, i64, i64)> {
    let mut found =
        db.prepare("SELECT name, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid").unwrap();
    let rows = found.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn tables(db: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let mut found = db.prepare(sql).unwrap();
    found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Changes something. What SQLite refuses does no harm.
fn change(db: &Connection, random: &mut Random, page: usize) {
    let all = tables(db);
    let step = if all.is_empty() { 0 } else { random.below(30) };
    if step == 0 {
        let name = format!("table {}", random.below(4));
        let statement = create(random, &name);
        let _ = db.execute_batch(&statement);
        return;
    }
    let table = random.pick(&all).clone();
    let of = quoted(&table);
    let written: Vec<String> =
        columns(db, &table).into_iter().filter(|c| c.2 == 0).map(|c| c.0).collect();
    let column = quoted(random.pick::<String>(&written));
    let large = *random.pick(&[20, 200, page, 3 * page]);
    let some = format!(
        "rowid IN (SELECT rowid FROM {of} WHERE abs(random()) % {} = 0)",
        1 + random.below(20)
    );
    // Without row ids there is no such name.
    let some = match db.prepare(&format!("SELECT rowid FROM {of}")) {
        Ok(_) => some,
        Err(_) => format!("length({}) % {} = 0", column, 1 + random.below(9)),
    };
    match step {
        1 => drop(db.execute_batch(&format!("DROP TABLE {of}"))),
        2 => drop(db.execute_batch("VACUUM")),
        3 => drop(db.execute_batch("PRAGMA incremental_vacuum")),
        4 => {
            let default = match random.below(4) {
                0 => String::new(),
                1 => " DEFAULT 7".to_owned(),
                2 => " DEFAULT (-2.5)".to_owned(),
                _ => " DEFAULT 'x'".to_owned(),
            };
            let kind = random.pick(&["TEXT", "REAL", "INTEGER", "BLOB"]);
            let name = format!("more{}", random.below(5));
            drop(db.execute_batch(&format!("ALTER TABLE {of} ADD COLUMN {name} {kind}{default}")));
        }
        5 => drop(db.execute_batch(&format!("ALTER TABLE {of} DROP COLUMN {column}"))),
        6 => {
            let name = format!("renamed{}", random.below(9));
            drop(db.execute_batch(&format!("ALTER TABLE {of} RENAME COLUMN {column} TO {name}")));
        }
        7 => {
            let name = format!("i{}", random.below(5));
            let sql = match random.one_in(2) {
                true => format!("CREATE INDEX {name} ON {of} ({column})"),
                false => format!("DROP INDEX IF EXISTS {name}"),
            };
            drop(db.execute_batch(&sql));
        }
        8..=10 => drop(db.execute_batch(&format!("DELETE FROM {of} WHERE {some}"))),
        11 => {
            let value = random.literal(large);
            drop(db.execute_batch(&format!(
                "UPDATE OR IGNORE {of} SET {column} = {value} WHERE {some}"
            )));
        }
        12..=14 => {
            // The same length: SQLite writes in place, and perhaps only where a row goes on.
            let sql = format!(
                "UPDATE OR IGNORE {of} SET {column} = CAST(substr({column}, 1, length({column}) - 1) || 'z' AS BLOB)
                 WHERE typeof({column}) = 'blob' AND {some}"
            );
            drop(db.execute_batch(&sql));
        }
        15..=17 => {
            let sql = format!(
                "SELECT rowid FROM {of} WHERE typeof({column}) = 'blob' AND length({column}) > 0 ORDER BY random() LIMIT 1"
            );
            let Ok(row) = db.query_row(&sql, [], |row| row.get::<_, i64>(0)) else { return };
            let name = column[1..column.len() - 1].replace("\"\"", "\"");
            let Ok(mut blob) = db.blob_open(MAIN_DB, table.as_str(), name.as_str(), row, false)
            else {
                return;
            };
            let at = blob.len() - 1;
            let _ = blob.write_at(&[random.next() as u8], at);
        }
        _ => {
            let most = *random.pick(&[1, 5, 60]);
            let rows = 1 + random.below(most);
            let list: Vec<String> = written.iter().map(|name| quoted(name)).collect();
            for _ in 0..rows {
                let values: Vec<String> = written.iter().map(|_| random.literal(large)).collect();
                let (list, values) = (list.join(", "), values.join(", "));
                drop(db.execute_batch(&format!(
                    "INSERT OR IGNORE INTO {of} ({list}) VALUES ({values})"
                )));
            }
        }
    }
}

/// An empty database of any kind.
fn open(random: &mut Random, path: &Path) -> (Connection, usize) {
    let page = *random.pick(&[512, 512, 1024, 4096, 65536]);
    let db = Connection::open(path).unwrap();
    let encoding = *random.pick(&["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"]);
    let vacuum = *random.pick(&["NONE", "NONE", "FULL", "INCREMENTAL"]);
    let settings = format!(
        "PRAGMA page_size = {page}; PRAGMA encoding = '{encoding}'; PRAGMA auto_vacuum = {vacuum};
         PRAGMA user_version = 1; PRAGMA foreign_keys = OFF;"
    );
    db.execute_batch(&settings).unwrap();
    let quick =
        "PRAGMA secure_delete = OFF; PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;";
    if random.one_in(4) {
        drop(db);
        // SQLite has no statement for it: a part of each page that it does not use.
        let mut image = std::fs::read(path).unwrap();
        let reserved = *random.pick(&[8_u16, 16, 32]);
        image[20] = reserved as u8;
        let content = (page as u32 - u32::from(reserved)) as u16;
        image[105..107].copy_from_slice(&content.to_be_bytes());
        std::fs::write(path, image).unwrap();
        let db = Connection::open(path).unwrap();
        db.execute_batch(quick).unwrap();
        return (db, page);
    }
    db.execute_batch(quick).unwrap();
    (db, page)
}

/// A row as SQLite gives it.
type Row = Vec<(String, Stored)>;
#[derive(Clone, PartialEq, Debug)]
enum Stored {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Stored {
    fn element(&self) -> Element {
        match self.clone() {
            Self::Null => Element::Null,
            Self::Integer(number) => Element::from(number),
            Self::Real(number) => Element::Double(number),
            Self::Text(text) => Element::Text(text),
            Self::Blob(bytes) => Element::Bytes(bytes),
        }
    }

    fn value(&self) -> Value {
        match self.clone() {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(number.into()),
            Self::Real(number) => Value::Double(number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Bytes(bytes),
        }
    }
}

/// A table as SQLite gives it.
struct Oracle {
    columns: Vec<String>,
    key: Vec<String>,
    has_row_ids: bool,
    rows: Vec<Row>,
}

fn oracle(db: &Connection, table: &str) -> Oracle {
    let all = columns(db, table);
    let stored: Vec<String> = all.iter().filter(|c| c.2 != 2).map(|c| c.0.clone()).collect();
    let mut key: Vec<(i64, String)> =
        all.iter().filter(|c| c.1 > 0).map(|c| (c.1, c.0.clone())).collect();
    key.sort();
    let list: Vec<String> = stored.iter().map(|name| quoted(name)).collect();
    let sql = format!("SELECT {} FROM {} NOT INDEXED", list.join(", "), quoted(table));
    let mut found = db.prepare(&sql).unwrap();
    let mut rows = found.query([]).unwrap();
    let mut all_rows = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let value = |n: usize| match row.get_ref(n).unwrap() {
            ValueRef::Null => Stored::Null,
            ValueRef::Integer(number) => Stored::Integer(number),
            ValueRef::Real(number) => Stored::Real(number),
            ValueRef::Text(text) => Stored::Text(String::from_utf8(text.into()).unwrap()),
            ValueRef::Blob(bytes) => Stored::Blob(bytes.into()),
        };
        all_rows
            .push(stored.iter().enumerate().map(|(n, name)| (name.clone(), value(n))).collect());
    }
    let sql = "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'";
    let without: bool = db.query_row(sql, [table], |row| row.get(0)).unwrap();
    let key = key.into_iter().map(|(_, name)| name).collect();
    Oracle { columns: stored, key, has_row_ids: !without, rows: all_rows }
}

/// The records that the rows of `of` make beside `other`, in the order of columns of `leading`.
fn records(of: &Oracle, other: Option<&Oracle>, leading: &Oracle) -> BTreeMap<Vec<Element>, Value> {
    let alone = |name: &String| other.is_some_and(|other| !other.columns.contains(name));
    let mut order: Vec<&String> =
        leading.columns.iter().filter(|name| of.columns.contains(name) && !alone(name)).collect();
    order.extend(of.columns.iter().filter(|name| alone(name)));
    order.retain(|name| !of.key.contains(name));
    let mut records = BTreeMap::new();
    for row in &of.rows {
        let get = |name: &String| &row.iter().find(|(column, _)| column == name).unwrap().1;
        let key: Vec<Element> = of.key.iter().map(|name| get(name).element()).collect();
        let shown = order.iter().filter(|name| !(alone(name) && *get(name) == Stored::Null));
        let counted = of.key.is_empty() || of.has_row_ids && key.contains(&Element::Null);
        if counted {
            let rest: Vec<Element> = shown
                .map(|name| match alone(name) {
                    true => Element::Nested(vec![name.as_str().into(), get(name).element()]),
                    false => get(name).element(),
                })
                .collect();
            let key = match of.key.is_empty() {
                true => rest,
                false => [key, vec![Element::Nested(rest)]].concat(),
            };
            let count = records.entry(key).or_insert(Value::Count(0));
            let Value::Count(n) = count else { unreachable!() };
            *n += 1;
        } else {
            let fields = shown.map(|name| ((*name).clone(), get(name).value())).collect();
            let twice = records.insert(key, Value::Fields(fields));
            assert_eq!(twice, None);
        }
    }
    records
}

fn read(mut cursor: Box<dyn Cursor + '_>) -> BTreeMap<Vec<Element>, Value> {
    let mut records = BTreeMap::new();
    let mut last: Option<Vec<Element>> = None;
    while let Some(Record { key, value }) = cursor.next().unwrap() {
        assert!(last.as_ref().is_none_or(|last| *last < key), "{last:?} comes before {key:?}");
        last = Some(key.clone());
        records.insert(key, value);
    }
    records
}

/// What differs, counts as how many more there are.
fn differences(
    a: &BTreeMap<Vec<Element>, Value>,
    b: &BTreeMap<Vec<Element>, Value>,
) -> BTreeMap<Vec<Element>, String> {
    let mut found = BTreeMap::new();
    for key in a.keys().chain(b.keys()) {
        let change = match (a.get(key), b.get(key)) {
            (Some(Value::Count(a)), Some(Value::Count(b))) => {
                format!("{:+}", *b as i64 - *a as i64)
            }
            (Some(Value::Count(a)), None) => format!("{:+}", -(*a as i64)),
            (None, Some(Value::Count(b))) => format!("{:+}", *b as i64),
            (a, b) if a == b => continue,
            (a, b) => format!("{a:?} {b:?}"),
        };
        if change != "+0" {
            found.insert(key.clone(), change);
        }
    }
    found
}

fn table<'v>(view: &'v SqliteView, name: &str) -> Option<&'v Table> {
    view.tables().iter().find(|table| table.name == name)
}

fn compare(
    seed: u64,
    before: (&SqliteView, &BTreeMap<String, Oracle>),
    after: (&SqliteView, &BTreeMap<String, Oracle>),
) {
    for (name, theirs) in after.1 {
        let case = format!("seed {seed}, {name}");
        let there = table(after.0, name).expect(&case);
        assert_eq!(there.key, theirs.key, "{case}");
        assert_eq!(after.0.columns(there), theirs.columns, "{case}");
        let whole = read(after.0.cursor(there, None).unwrap());
        assert_eq!(whole, records(theirs, None, theirs), "{case}");
        let Some(ours) = before.1.get(name).filter(|ours| ours.key == theirs.key) else { continue };
        let here = table(before.0, name).unwrap();
        let a = read(before.0.cursor(here, Some(after.0)).unwrap());
        let b = read(after.0.cursor(there, Some(before.0)).unwrap());
        let (all_a, all_b) = (records(ours, Some(theirs), ours), records(theirs, Some(ours), ours));
        assert_eq!(differences(&a, &b), differences(&all_a, &all_b), "{case}");
        assert!(a.iter().all(|(key, value)| fits(all_a.get(key), value)), "{case}");
        assert!(b.iter().all(|(key, value)| fits(all_b.get(key), value)), "{case}");
    }
    let names: Vec<&str> = after.0.tables().iter().map(|table| table.name.as_str()).collect();
    let expected: Vec<&str> = after.1.keys().map(String::as_str).collect();
    assert_eq!(names.into_iter().filter(|name| *name != SCHEMA).collect::<Vec<_>>(), expected);
}

/// Whether a record is one of those that there are, or counts some of them.
fn fits(all: Option<&Value>, value: &Value) -> bool {
    match (all, value) {
        (Some(Value::Count(all)), Value::Count(some)) => some <= all,
        (all, value) => all == Some(value),
    }
}

fn view(path: &Path) -> SqliteView {
    SqliteView::open(Arc::new(std::fs::read(path).unwrap())).unwrap()
}

fn case(seed: u64) {
    let mut random = Random(seed);
    let memory = tempfile::tempdir_in("/dev/shm");
    let folder = memory.or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("db");
    let (db, page) = open(&mut random, &path);
    let state = |db: &Connection| -> BTreeMap<String, Oracle> {
        tables(db).into_iter().map(|name| (name.clone(), oracle(db, &name))).collect()
    };
    let steps = *random.pick(&[10, 40, 100]);
    for _ in 0..steps {
        change(&db, &mut random, page);
    }
    let mut before = (view(&path), state(&db));
    for _ in 0..3 {
        for _ in 0..1 + random.below(12) {
            change(&db, &mut random, page);
        }
        let after = (view(&path), state(&db));
        compare(seed, (&before.0, &before.1), (&after.0, &after.1));
        before = after;
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn every_version_and_every_difference_is_what_sqlite_says() {
    let first = number("AISR_DATABASE_SEED", 1);
    let cases = number("AISR_DATABASE_CASES", CASES);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for seed in (first..first + cases).filter(|seed| seed % threads == thread) {
                    case(seed);
                }
            });
        }
    });
}
