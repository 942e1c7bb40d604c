//! Tests of the view of databases.

mod by_key;
mod hostile;
mod shared;
mod shown;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::view::{Key, Record, Value, View};

use super::database::SqliteView;

/// A database that is changed through SQLite.
struct Database {
    _folder: TempDir,
    path: PathBuf,
    connection: Connection,
}

impl Database {
    /// What was freed keeps its bytes.
    fn new(statements: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(statements).unwrap();
        let quick = "PRAGMA secure_delete = OFF; PRAGMA synchronous = OFF;";
        connection.execute_batch(quick).unwrap();
        Self { _folder: folder, path, connection }
    }

    fn run(&self, statements: &str) -> &Self {
        self.connection.execute_batch(statements).unwrap();
        self
    }

    fn image(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    fn view(&self) -> SqliteView {
        view(self.image())
    }
}

fn view(image: Vec<u8>) -> SqliteView {
    SqliteView::open(Arc::new(image)).unwrap()
}

fn sample(name: &str) -> SqliteView {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/memory").join(name);
    view(std::fs::read(path).unwrap())
}

/// The records of a table, without what another view surely has just so.
fn rows(view: &SqliteView, table: &str, beside: Option<&SqliteView>) -> Vec<Record> {
    let table = view.tables().iter().find(|t| t.name == table).unwrap();
    let beside = beside.map(|view| view as &dyn View);
    let mut cursor = view.cursor(table, beside).unwrap();
    std::iter::from_fn(|| cursor.next().unwrap()).collect()
}

/// What differs between two views of a table: the records on one side alone.
fn differences(a: &SqliteView, b: &SqliteView, table: &str) -> (Vec<Record>, Vec<Record>) {
    let (ours, theirs) = (rows(a, table, Some(b)), rows(b, table, Some(a)));
    let only = |some: &[Record], other: &[Record]| {
        some.iter().filter(|record| !other.contains(record)).cloned().collect()
    };
    (only(&ours, &theirs), only(&theirs, &ours))
}

fn names(view: &SqliteView) -> Vec<&str> {
    view.tables().iter().map(|table| table.name.as_str()).collect()
}

fn key(number: i64) -> Key {
    vec![number.into()]
}

fn fields(fields: &[(&str, Value)]) -> Value {
    Value::Fields(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}
