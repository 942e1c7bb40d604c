//! SQL over stored databases: read-only, without a checkout, reading only the pages that a query
//! asks for.
//!
//! A stored database is data from anywhere, and may be made to do harm. So SQLite is told to
//! distrust its schema (sqlite.org/security.html), an authorizer lets nothing pass but reading,
//! and time, memory and lengths are limited.

mod vfs;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, Statement};
use thiserror::Error;

use super::error::ViewError;
use super::source::Source;
use vfs::NamedSource;

pub use rusqlite::types::ValueRef;

/// How many steps SQLite's machine makes between two looks at the clock.
const STEPS: i32 = 1000;
/// How many databases may stand beside the first: SQLite's own limit.
const MOST_BESIDE: usize = 10;
/// Bytes of memory that SQLite may take, for sorting above all.
const MEMORY: i64 = 512 << 20;
/// What SQLite advises for databases and queries from anywhere (sqlite.org/security.html), but for
/// lengths, which queries by the user himself may need.
const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, 256 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
    (Limit::SQLITE_LIMIT_COLUMN, 2000),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (Limit::SQLITE_LIMIT_VDBE_OP, 250_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 127),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50_000),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
];
/// The pragmas that only say something.
const PRAGMAS: [&str; 17] = [
    "application_id",
    "collation_list",
    "data_version",
    "encoding",
    "foreign_key_list",
    "freelist_count",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "page_count",
    "page_size",
    "schema_version",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];
/// Functions that reach out of the database, or into memory.
const FORBIDDEN: [&str; 3] = ["fts3_tokenizer", "load_extension", "readfile"];

/// How SQLite's answer to such a one begins.
const FORBIDDEN_FUNCTION: &str = "not authorized to use function";

/// Why a query has no answer.
#[derive(Debug, Error)]
pub enum SqlError {
    /// The stored bytes cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// It is no database.
    #[error("not a SQLite database")]
    NotADatabase,
    /// It asks for more than reading.
    #[error("a stored database is only read: {0}")]
    NotAllowed(String),
    /// It takes too long.
    #[error("the query takes longer than {} s", .0.as_secs())]
    Timeout(Duration),
    /// There are several statements, or none.
    #[error("a query is one statement, and this is {0}")]
    Statements(&'static str),
    /// A name that is not given to a database beside the first.
    #[error("`{0}` cannot name a database beside the first")]
    Name(String),
    /// SQLite says no.
    #[error("{0}")]
    Sqlite(rusqlite::Error),
}

/// Stored databases that are open to queries.
pub struct SqlSession {
    connection: Connection,
    /// Dropped after the connection, which reads them.
    sources: Vec<NamedSource>,
    timeout: Duration,
    timed_out: Arc<AtomicBool>,
    clock: Arc<std::sync::Mutex<Instant>>,
}

impl SqlSession {
    /// Opens `main`, and beside it, by their names, `others`. A query may take `timeout`.
    ///
    /// # Errors
    /// When one of them is no database or cannot be read, or a name cannot be used.
    pub fn open(
        main: Arc<dyn Source>,
        others: Vec<(String, Arc<dyn Source>)>,
        timeout: Duration,
    ) -> Result<Self, SqlError> {
        if let Some((name, _)) = others.get(MOST_BESIDE) {
            return Err(SqlError::Name(name.clone()));
        }
        vfs::register().map_err(SqlError::Sqlite)?;
        let mut sources = vec![NamedSource::new(main)];
        let opened = connect(&mut sources, others);
        let connection = opened.map_err(|e| explain(e, &sources, None))?;
        let (timed_out, clock) = (Arc::default(), Arc::new(std::sync::Mutex::new(Instant::now())));
        let mut session = Self { connection, sources, timeout, timed_out, clock };
        session.guard().map_err(SqlError::Sqlite)?;
        Ok(session)
    }

    /// From here on nothing but reading passes.
    fn guard(&mut self) -> rusqlite::Result<()> {
        self.connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        let (timed_out, clock, timeout) =
            (self.timed_out.clone(), self.clock.clone(), self.timeout);
        self.connection.progress_handler(
            STEPS,
            Some(move || {
                let begun = clock.lock().map_or_else(|e| *e.into_inner(), |begun| *begun);
                let late = begun.elapsed() > timeout;
                timed_out.fetch_or(late, Ordering::Relaxed);
                late
            }),
        )?;
        self.connection.authorizer(Some(authorize))
    }

    /// Asks `query`, one statement, and hands its columns' names to `begin` and then each row to
    /// `row`.
    ///
    /// # Errors
    /// [`SqlError`], or what `begin` or `row` says.
    pub fn query<E: From<SqlError>>(
        &self,
        query: &str,
        begin: &mut dyn FnMut(&[String]) -> Result<(), E>,
        row: &mut dyn FnMut(&[ValueRef<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Ok(mut begun) = self.clock.lock() {
            *begun = Instant::now();
        }
        let mut statement = self.prepare(query)?;
        let columns: Vec<_> = statement.column_names().map(String::from).collect();
        begin(&columns)?;
        let failed = |e| E::from(self.explain(e));
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(found) = rows.next().map_err(failed)? {
            let values: Result<Vec<_>, _> =
                (0..columns.len()).map(|column| found.get_ref(column)).collect();
            row(&values.map_err(failed)?)?;
        }
        Ok(())
    }

    fn prepare(&self, query: &str) -> Result<Statement<'_>, SqlError> {
        let mut batch = rusqlite::Batch::new(&self.connection, query);
        let first = batch.next().map_err(|e| self.explain(e))?;
        let first = first.ok_or(SqlError::Statements("none"))?;
        match batch.next() {
            Ok(None) => Ok(first),
            _ => Err(SqlError::Statements("several")),
        }
    }

    fn explain(&self, error: rusqlite::Error) -> SqlError {
        let late = self.timed_out.swap(false, Ordering::Relaxed).then_some(self.timeout);
        explain(error, &self.sources, late)
    }
}

fn connect(
    sources: &mut Vec<NamedSource>,
    others: Vec<(String, Arc<dyn Source>)>,
) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags_and_vfs(sources[0].uri(), flags, vfs::NAME)?;
    for (limit, value) in LIMITS {
        connection.set_limit(limit, value)?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "hard_heap_limit", MEMORY)?;
    // Reads the schema: what is no database shows now.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    for (name, source) in others {
        let named = NamedSource::new(source);
        let attached = connection.execute("ATTACH ?1 AS ?2", (named.uri(), &name));
        sources.push(named);
        attached?;
    }
    Ok(connection)
}

/// Lets pass what only reads.
fn authorize(context: AuthContext<'_>) -> Authorization {
    let listed = |list: &[&str], name: &str| list.iter().any(|one| one.eq_ignore_ascii_case(name));
    let passes = match context.action {
        AuthAction::Select | AuthAction::Recursive | AuthAction::Read { .. } => true,
        AuthAction::Function { function_name } => !listed(&FORBIDDEN, function_name),
        AuthAction::Pragma { pragma_name, .. } => listed(&PRAGMAS, pragma_name),
        _ => false,
    };
    if passes { Authorization::Allow } else { Authorization::Deny }
}

/// What a failure comes from.
fn explain(error: rusqlite::Error, sources: &[NamedSource], late: Option<Duration>) -> SqlError {
    if let Some(failure) = sources.iter().find_map(NamedSource::failure) {
        return SqlError::View(failure);
    }
    let code = error.sqlite_error_code();
    match (code, late) {
        (Some(rusqlite::ErrorCode::OperationInterrupted), Some(timeout)) => {
            SqlError::Timeout(timeout)
        }
        (Some(rusqlite::ErrorCode::NotADatabase), _) => SqlError::NotADatabase,
        _ if error.to_string().contains(FORBIDDEN_FUNCTION) => {
            SqlError::NotAllowed(error.to_string())
        }
        (
            Some(
                rusqlite::ErrorCode::AuthorizationForStatementDenied
                | rusqlite::ErrorCode::ReadOnly,
            ),
            _,
        ) => SqlError::NotAllowed(error.to_string()),
        _ => SqlError::Sqlite(error),
    }
}

#[cfg(test)]
mod tests;
