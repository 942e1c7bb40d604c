//! What SQLite says of the statements that made a database's tables.
//!
//! The statements are parsed by SQLite itself, as it does when it opens a database: they are put
//! into the schema of an empty one in memory, which has no content that they could reach. Nothing
//! of them is run; virtual tables are not put there at all.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use crate::view::ViewError;

use super::header::malformed;
use super::layout::{Column, Layout, Search};
use super::record::Stored;

/// No longer statement is looked at.
const STATEMENT: usize = 1 << 20;
/// The pages of the empty database: a tree with row ids and one without, each of one short row.
const WITH_ROW_IDS: u32 = 2;
const WITHOUT_ROW_IDS: u32 = 3;
const GROUND: &str = "
    PRAGMA foreign_keys = OFF;
    CREATE TABLE r (a);
    INSERT INTO r VALUES (NULL);
    CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID;
    INSERT INTO w VALUES (0);";

/// So many statements are remembered, none longer than [`SHORT`].
const REMEMBERED: usize = 64;
const SHORT: usize = 16 << 10;

/// Layouts by the names and statements of their tables. To ask SQLite takes longer than to read a
/// row, and versions of one database have the same tables.
static KNOWN: Mutex<VecDeque<((String, String), Layout)>> = Mutex::new(VecDeque::new());

/// How the rows of a table lie that this statement made. `judge` is made where it is needed.
///
/// # Errors
/// When SQLite would not take the statement out of a schema.
pub fn layout(judge: &mut Option<Judge>, name: &str, statement: &str) -> Result<Layout, ViewError> {
    let known = |list: &VecDeque<((String, String), Layout)>| {
        let is_it = |((a, b), _): &&((String, String), Layout)| a == name && b == statement;
        list.iter().find(is_it).map(|(_, layout)| layout.clone())
    };
    if let Some(layout) = known(&KNOWN.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(layout);
    }
    let judge = match judge {
        Some(judge) => judge,
        none => none.insert(Judge::new()?),
    };
    let layout = judge.layout(name, statement)?;
    if statement.len() <= SHORT {
        let mut list = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        list.truncate(REMEMBERED - 1);
        list.push_front(((name.to_owned(), statement.to_owned()), layout.clone()));
    }
    Ok(layout)
}

/// Tells how the rows of tables lie.
pub struct Judge {
    connection: Connection,
}

impl Judge {
    /// Begins with no table.
    ///
    /// # Errors
    /// When SQLite cannot be had.
    pub fn new() -> Result<Self, ViewError> {
        let connection = ground().map_err(|e| refused("SQLite does not start", &e))?;
        Ok(Self { connection })
    }

    /// How the rows of a table lie that this statement made.
    ///
    /// # Errors
    /// When SQLite would not take it out of a schema.
    pub fn layout(&self, name: &str, statement: &str) -> Result<Layout, ViewError> {
        if statement.len() > STATEMENT {
            let limit = format!("{} KiB", STATEMENT >> 10);
            return Err(ViewError::Limit { what: "a table's statement", limit });
        }
        let said = || self.judged(name, statement);
        said().map_err(|e| refused(&format!("the table {name:?} cannot be understood"), &e))
    }

    fn judged(&self, name: &str, statement: &str) -> rusqlite::Result<Layout> {
        self.put(name, statement, WITH_ROW_IDS)?;
        let mut declared = self.columns(name)?;
        let index = self.primary_index(name)?;
        let order = match &index {
            Some(index) => self.index_columns(index)?,
            None => Vec::new(),
        };
        // An index beside a table's tree ends with the row's id, which is no column.
        let has_row_ids = order.is_empty() || order.contains(&-1);
        declared.retain(|column| column.hidden != VIRTUAL);
        let mut key: Vec<(i64, usize)> =
            declared.iter().enumerate().map(|(n, c)| (c.key, n)).collect();
        key.retain(|(place, _)| *place > 0);
        key.sort_unstable();
        let key: Vec<usize> = key.into_iter().map(|(_, column)| column).collect();
        let row_id = match key.as_slice() {
            // With an index of its own such a key is another name of nothing (DESC).
            [only] if has_row_ids && index.is_none() => Some(*only),
            _ => None,
        };
        let search = match index {
            _ if row_id.is_some() => Search::RowId,
            Some(index) if self.is_plain(&index, &declared, &key)? => match has_row_ids {
                true => Search::Index(index),
                false => Search::Tree,
            },
            _ => Search::Scan,
        };
        if !has_row_ids {
            self.put(name, statement, WITHOUT_ROW_IDS)?;
        }
        let mut defaults = self.defaults(name, &declared)?.into_iter();
        let columns = declared.into_iter().enumerate().map(|(nth, column)| {
            let place = match has_row_ids {
                true => nth,
                false => order.iter().position(|id| *id == column.id).unwrap_or(usize::MAX),
            };
            Column {
                is_real: is_real(&column.kind),
                name: column.name,
                place,
                is_row_id: row_id == Some(nth),
                default: defaults.next().unwrap_or(Stored::Null),
            }
        });
        Ok(Layout { columns: columns.collect(), key, has_row_ids, search })
    }

    /// Makes the statement all that the schema holds; its table's tree begins at `root`.
    fn put(&self, name: &str, statement: &str, root: u32) -> rusqlite::Result<()> {
        self.connection.execute_batch("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema;")?;
        self.connection.execute(
            "INSERT INTO sqlite_schema VALUES ('table', ?1, ?1, ?2, ?3)",
            params![name, root, statement],
        )?;
        self.connection.execute_batch("PRAGMA writable_schema = RESET;")
    }

    fn columns(&self, name: &str) -> rusqlite::Result<Vec<Declared>> {
        let sql = "SELECT cid, name, type, pk, hidden, dflt_value IS NOT NULL
                   FROM pragma_table_xinfo(?1) ORDER BY cid";
        let mut found = self.connection.prepare(sql)?;
        let columns = found.query_map([name], |row| {
            let (id, key, hidden) = (row.get(0)?, row.get(3)?, row.get(4)?);
            let (name, kind, has_default) = (row.get(1)?, row.get(2)?, row.get(5)?);
            Ok(Declared { id, name, kind, key, hidden, has_default })
        })?;
        columns.collect()
    }

    /// The index that keeps the primary key, where there is one.
    fn primary_index(&self, name: &str) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT name FROM pragma_index_list(?1) WHERE origin = 'pk'";
        let mut found = self.connection.prepare(sql)?;
        let mut names = found.query_map([name], |row| row.get(0))?;
        names.next().transpose()
    }

    /// Whether an index begins with the key's columns in their order, each ascending and compared
    /// byte by byte.
    fn is_plain(&self, index: &str, columns: &[Declared], key: &[usize]) -> rusqlite::Result<bool> {
        let sql = "SELECT cid, desc = 0 AND coll = 'BINARY'
                   FROM pragma_index_xinfo(?1) ORDER BY seqno";
        let mut found = self.connection.prepare(sql)?;
        let found = found.query_map([index], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let found: Vec<(i64, bool)> = found.collect::<rusqlite::Result<_>>()?;
        let wanted = key.iter().filter_map(|column| columns.get(*column)).map(|column| column.id);
        let wanted: Vec<(i64, bool)> = wanted.map(|id| (id, true)).collect();
        Ok(found.starts_with(&wanted))
    }

    fn index_columns(&self, index: &str) -> rusqlite::Result<Vec<i64>> {
        let sql = "SELECT cid FROM pragma_index_xinfo(?1) ORDER BY seqno";
        let mut found = self.connection.prepare(sql)?;
        let columns = found.query_map([index], |row| row.get(0))?;
        columns.collect()
    }

    /// What the columns hold in rows that were written before they were there: SQLite reads them
    /// out of a row that is too short.
    fn defaults(&self, name: &str, columns: &[Declared]) -> rusqlite::Result<Vec<Stored>> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let mut defaults = Vec::with_capacity(columns.len());
        // A generated column that is stored is in every row.
        for (column, name_of) in columns.iter().zip(names) {
            if column.hidden != ORDINARY || column.id == 0 || !column.has_default {
                defaults.push(Stored::Null);
                continue;
            }
            // Indexes have no trees here.
            let sql = format!("SELECT {name_of} FROM {} NOT INDEXED", quoted(name));
            let default = self.connection.query_row(&sql, [], |row| {
                Ok(match row.get_ref(0)? {
                    ValueRef::Null => Stored::Null,
                    ValueRef::Integer(number) => Stored::Integer(number),
                    ValueRef::Real(number) => Stored::Real(number),
                    ValueRef::Text(text) => match str::from_utf8(text) {
                        Ok(text) => Stored::Text(text.into()),
                        Err(_) => Stored::BrokenText(text.into()),
                    },
                    ValueRef::Blob(bytes) => Stored::Blob(bytes.into()),
                })
            })?;
            defaults.push(default);
        }
        Ok(defaults)
    }
}

/// What `hidden` says of a column.
const ORDINARY: i64 = 0;
/// Of a generated one that is not stored.
const VIRTUAL: i64 = 2;

struct Declared {
    id: i64,
    name: String,
    kind: String,
    /// Its place in the primary key, from 1 on.
    key: i64,
    hidden: i64,
    has_default: bool,
}

fn ground() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(GROUND)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // No statement that is asked for is longer than those that are judged and their names.
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 4 * STATEMENT as i32)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, 4 * STATEMENT as i32)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    Ok(connection)
}

fn refused(what: &str, error: &rusqlite::Error) -> ViewError {
    malformed(format!("{what}: {error}"), 0)
}

/// Whether SQLite gives a column of this type the affinity REAL (datatypes §3.1).
fn is_real(kind: &str) -> bool {
    let kind = kind.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    has(&["REAL", "FLOA", "DOUB"]) && !has(&["INT", "CHAR", "CLOB", "TEXT", "BLOB"])
}
