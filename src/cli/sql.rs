//! `aisr sql`: a query over a stored version of a database.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use aisr::history::Revisions;
use aisr::object::ComponentKey;
use aisr::repo::Repository;
use aisr::view::sql::{SqlError, SqlSession};
use aisr::view::{Source, StoredSource};
use bstr::{BString, ByteSlice};

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{Paging, RowFormat, RowWriter};
use super::target;

/// Query a SQLite database as a commit holds it, without a checkout.
///
/// The database is only read, and of it no more than the query asks for. Other versions of it, or
/// other databases, may stand beside it under names of their own.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr sql memory/store.sqlite \"SELECT count(*) FROM memories\"
  aisr sql memory:store@v1 \"SELECT max(id) FROM memories\"
  aisr sql v1:memory/store.sqlite \"SELECT * FROM memories WHERE id = 777\" --json
  aisr sql memory/store.sqlite --with old=v1 \\
      \"SELECT * FROM memories EXCEPT SELECT * FROM old.memories\"")]
pub struct Arguments {
    /// The database; without a revision, as HEAD holds it.
    #[arg(value_name = "KIND:NAME[@REV]|[REV:]PATH")]
    target: OsString,
    /// One statement that reads.
    #[arg(value_name = "QUERY")]
    query: String,
    /// Attach another one under NAME; of a revision alone, what the first is in it.
    #[arg(long = "with", value_name = "NAME=REV|TARGET")]
    others: Vec<String>,
    /// How rows are printed: a table to be read, or one of csv and json.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: RowFormat,
    /// The same as --format csv.
    #[arg(long, conflicts_with_all = ["format", "json"])]
    csv: bool,
    /// The same as --format json: an array of objects.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Give up a query that takes longer.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

/// Where a database lies in history.
struct Target {
    revision: String,
    place: Place,
}

/// What it is called in a commit.
#[derive(Clone)]
enum Place {
    Component(ComponentKey),
    Path(BString),
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let revisions = revisions(&repo)?;
    let main = target(&arguments.target)?;
    let mut others = Vec::new();
    for other in &arguments.others {
        let (name, other) = beside(&main, other)?;
        others.push((name, source(&repo, &revisions, &other)?));
    }
    let named = String::from_utf8_lossy(arguments.target.as_encoded_bytes()).into_owned();
    let failed = |error| CliError::from_sql(error, &named);
    let timeout = Duration::from_secs(arguments.timeout);
    let session = SqlSession::open(source(&repo, &revisions, &main)?, others, timeout);
    let session = session.map_err(failed)?;
    let format = match (arguments.csv, arguments.json) {
        (true, _) => RowFormat::Csv,
        (_, true) => RowFormat::Json,
        _ => arguments.format,
    };
    let paging = if format == RowFormat::Table { Paging::Auto } else { Paging::Off };
    let mut out = context.output(paging);
    let rows = std::cell::RefCell::new(RowWriter::new(format, &mut out));
    session
        .query::<Ended>(
            &arguments.query,
            &mut |columns| Ok(rows.borrow_mut().begin(columns)?),
            &mut |row| Ok(rows.borrow_mut().row(row)?),
        )
        .map_err(|ended| match ended {
            Ended::Sql(error) => failed(error),
            Ended::Output(error) => error,
        })?;
    rows.into_inner().end()?;
    out.flush()?;
    out.finish()?;
    Ok(Answer::Yes)
}

/// Why a query ended early.
enum Ended {
    Sql(SqlError),
    Output(CliError),
}

impl From<SqlError> for Ended {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<CliError> for Ended {
    fn from(error: CliError) -> Self {
        Self::Output(error)
    }
}

/// A component, `REV:PATH`, or a path in HEAD.
fn target(argument: &OsStr) -> Result<Target, CliError> {
    if let Some((key, revision)) = argument.to_str().and_then(target::component) {
        return Ok(Target { revision: revision.into(), place: Place::Component(key) });
    }
    let (revision, path) = target::parts(argument)?;
    let whole: BString = argument.as_encoded_bytes().into();
    Ok(match path {
        Some(path) => Target { revision: revision.into(), place: Place::Path(path.into()) },
        None => Target { revision: "HEAD".into(), place: Place::Path(whole) },
    })
}

/// What `NAME=REV` or `NAME=TARGET` stands for beside `main`.
fn beside(main: &Target, argument: &str) -> Result<(String, Target), CliError> {
    let Some((name, other)) = argument.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        return Err(CliError::usage(format!("`--with {argument}` names no database"))
            .hint("as in `--with old=v1`, then `old.memories` is the table of v1"));
    };
    let other = match other.split_once(':') {
        Some(_) => target(OsStr::new(other))?,
        None => Target { revision: other.into(), place: main.place.clone() },
    };
    Ok((name.into(), other))
}

fn source(
    repo: &Repository,
    revisions: &Revisions<'_>,
    target: &Target,
) -> Result<Arc<dyn Source>, CliError> {
    let path = match &target.place {
        Place::Component(key) => {
            target::path_of(repo, revisions, key, &target.revision)?.as_bytes().into()
        }
        Place::Path(path) => path.clone(),
    };
    let place = target::place(repo, revisions, &target.revision, path.as_bstr())?;
    let id = place.entry.blob().ok_or_else(|| {
        CliError::failure(format!("{} is a directory, not a database", place.path))
    })?;
    let opened = StoredSource::open(repo.shared_store(), id).map_err(SqlError::View);
    let opened = opened.map_err(|error| CliError::from_sql(error, &place.path.to_string()))?;
    Ok(Arc::new(opened))
}

impl CliError {
    /// Why the database `named` gives no answer, and what to do.
    fn from_sql(error: SqlError, named: &str) -> Self {
        let text = match &error {
            SqlError::NotADatabase => format!("{named} is {error}"),
            _ => error.to_string(),
        };
        let hint = match &error {
            SqlError::NotADatabase => Some(format!("`aisr cat {named}` prints what it holds")),
            SqlError::NotAllowed(_) => Some(
                "to change a copy: `aisr cat` it to a file, and use any SQLite tool there".into(),
            ),
            SqlError::Timeout(_) => Some("--timeout SECONDS gives it more time".into()),
            SqlError::Statements(_) => Some("quote the whole query as one argument".into()),
            SqlError::Name(_) => Some(
                "take letters; not main, not temp, each name once, and at most ten of them".into(),
            ),
            SqlError::View(_) => Some("`aisr fsck` names what is damaged".into()),
            SqlError::Sqlite(_) if text.contains("no such table") => {
                Some("`PRAGMA table_list` as the query lists them".into())
            }
            SqlError::Sqlite(_) => None,
        };
        let error = match error {
            SqlError::Sqlite(_) | SqlError::Statements(_) | SqlError::Name(_) => {
                CliError::usage(text)
            }
            _ => CliError::failure(text),
        };
        hint.into_iter().fold(error, CliError::hint)
    }
}
