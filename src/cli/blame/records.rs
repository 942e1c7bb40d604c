//! Rows, key paths, tools and tensors, each behind the commit that brought it.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use aisr::history::blame::{
    BlamedRecord, RecordsBlame, Thing, Wanted, blame_records, last_records,
};
use aisr::object::RepoPath;
use aisr::view::sql::{SqlError, SqlSession, ValueRef};
use aisr::view::sqlite::SCHEMA;
use aisr::view::{Element, Key, Kind, StoredSource, Table, Value, View, open, path_of};

use super::subjects::{draw_events, draw_gone};
use super::{Asked, failed, unread_view, warn_of_unread};
use crate::cli::Answer;
use crate::cli::condition::{Condition, Literal, keys};
use crate::cli::error::CliError;
use crate::cli::output::{
    Escaped, Ids, KIND, Output, Paging, Stamps, count, inline, json_element, json_value, key_shown,
    name_shown, write_json,
};

/// A query of a condition may take so long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which records are meant.
enum Meant {
    /// One record, under the first of these keys that is there.
    One(String, Vec<Key>),
    /// Those with these keys.
    Several(String, Vec<Key>),
    /// Those for which a condition holds.
    Condition(Option<String>, Condition, Vec<String>),
    /// A key path and what lies below it; all without one.
    Below(Option<String>, Option<String>),
}

pub fn draw(asked: &Asked<'_>, path: &RepoPath, kind: Kind) -> Result<Answer, CliError> {
    if matches!(kind, Kind::Bytes) {
        return Err(CliError::failure(format!("{path} is not understood: it has no parts"))
            .hint(format!("`aisr log -- {path}` shows which commits changed it")));
    }
    let meant = meant(asked, path)?;
    let arguments = asked.arguments;
    if let (Meant::One(table, keys), true) = (&meant, arguments.all) {
        let thing = record(path, table, keys.clone());
        return draw_events(asked, &[(one_name(table, asked), thing)]);
    }
    let found = find(asked, path, &meant)?;
    if found.records.is_empty() {
        return draw_absent(asked, path, &meant);
    }
    if arguments.all {
        let name = |record: &BlamedRecord| title(&found, record);
        let thing = |one: &BlamedRecord| {
            let table = found.tables.get(one.table).map_or("", |(table, _)| &table.name);
            record(path, table, vec![one.key.clone()])
        };
        let things: Vec<_> =
            found.records.iter().map(|record| (name(record), thing(record))).collect();
        return draw_events(asked, &things);
    }
    let ids = Ids::new(asked.repo, asked.context.verbose);
    let commits = found
        .records
        .iter()
        .flat_map(|record| record.parts.iter().map(|part| part.commit).chain([record.inserted]));
    let stamps = Stamps::load(asked.repo, &ids, commits, None, || asked.context.threads())?;
    let mut out = asked.context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    match arguments.json {
        true => write_json(&mut out, &view(asked, path, &found, &stamps))?,
        false => draw_records(&found, &stamps, &mut out)?,
    }
    out.finish()?;
    tell_of_more(asked, found.more);
    warn_of_unread(asked, &found.unread);
    Ok(Answer::Yes)
}

/// Tells what became of records that are not there.
fn draw_absent(asked: &Asked<'_>, path: &RepoPath, meant: &Meant) -> Result<Answer, CliError> {
    let last = |table: &Option<String>, passes: &dyn Fn(&Table, &Key, &Value) -> bool| {
        let found = last_records(asked.repo, asked.commit, path, table.as_deref(), passes)?;
        let thing = |(table, key): (String, Key)| (path_of(&key), record(path, &table, vec![key]));
        Ok::<_, CliError>(found.into_iter().map(thing).collect())
    };
    let (name, mut things): (String, Vec<(String, Thing)>) = match meant {
        Meant::One(table, keys) => {
            let name = one_name(table, asked);
            (name.clone(), vec![(name, record(path, table, keys.clone()))])
        }
        Meant::Below(table, Some(typed)) => {
            (typed.clone(), last(table, &|_, key, _| is_below(key, typed))?)
        }
        Meant::Condition(table, condition, columns) => {
            let passes = |table: &Table, key: &Key, value: &Value| {
                condition.holds(table, columns, key, value)
            };
            let typed = asked.arguments.condition.clone().unwrap_or_default();
            (typed, last(table, &passes)?)
        }
        Meant::Several(..) | Meant::Below(_, None) => (String::new(), Vec::new()),
    };
    if things.is_empty() {
        let at = &asked.commit.to_hex()[..8];
        let never = match meant {
            Meant::Several(..) => "",
            _ => ", and none of the versions behind it has one",
        };
        let text = format!("{path} of {at} has no record that is meant{never}");
        return Err(CliError::failure(text).hint(format!(
            "`aisr log -S TEXT -- {path}` finds the commits that brought or took a record"
        )));
    }
    let more = things.len().saturating_sub(asked.arguments.limit.0);
    things.truncate(asked.arguments.limit.0);
    let answer = match asked.arguments.all {
        true => draw_events(asked, &things),
        false => draw_gone(asked, &name, &things),
    };
    tell_of_more(asked, more as u64);
    answer
}

/// Tells how many records more there are than are shown.
fn tell_of_more(asked: &Asked<'_>, more: u64) {
    if more > 0 && !asked.context.quiet && !asked.arguments.json {
        anstream::eprintln!("{} more; --limit all shows them.", count(more));
    }
}

fn record(path: &RepoPath, table: &str, keys: Vec<Key>) -> Thing {
    Thing::Record { path: path.clone(), table: table.to_owned(), keys }
}

/// The name of the one row that is asked about, as it was typed.
fn one_name(table: &str, asked: &Asked<'_>) -> String {
    let arguments = asked.arguments;
    let said = arguments.condition.as_deref().or(arguments.key.as_deref()).unwrap_or_default();
    format!("{table} {said}").trim().to_owned()
}

/// What the arguments mean in this content.
fn meant(asked: &Asked<'_>, path: &RepoPath) -> Result<Meant, CliError> {
    let arguments = asked.arguments;
    let entry = asked.repo.entry_at(asked.repo.files_of(asked.commit)?, path)?;
    let blob = entry.and_then(|entry| entry.blob());
    let Some(blob) = blob else { return Ok(Meant::Below(None, None)) };
    let source = Arc::new(StoredSource::open(asked.repo.shared_store(), blob).map_err(failed)?);
    let view = open(source.clone(), path.as_bytes()).map_err(failed)?.view;
    let is_database = view.kind() == Kind::Sqlite;
    let table = match &arguments.table {
        None if is_database => Some(only_table(&*view, path)?),
        None => single(&*view),
        Some(name) => Some(named_table(&*view, path, name)?),
    };
    let of_table = |table: &Option<Table>| table.as_ref().map(|table| table.name.clone());
    if let Some(text) = &arguments.condition {
        let condition = Condition::parse(text);
        if let Some(table) = &table {
            if let Some(keys) = condition.keys(table) {
                return Ok(Meant::One(table.name.clone(), keys));
            }
            if is_database {
                let keys = keys_by_sql(source, &*view, table, text)?;
                return Ok(Meant::Several(table.name.clone(), keys));
            }
        }
        if let Condition::Sql(text) = &condition {
            let text = format!("`{}` is no condition here", Escaped(text.as_bytes()));
            return Err(CliError::usage(text)
                .hint("as in --where 'id = 777' or --where \"name = 'x' and turn = 3\""));
        }
        let columns = table.as_ref().map(|table| view.columns(table)).unwrap_or_default();
        return Ok(Meant::Condition(of_table(&table), condition, columns));
    }
    if let (Some(key), Some(table)) = (&arguments.key, &table)
        && matches!(view.kind(), Kind::Sqlite | Kind::JsonLines | Kind::Csv)
    {
        let parts: Vec<Literal> = match table.key.len() {
            0 | 1 => vec![Literal::word(key)],
            _ => key.split(',').map(|part| Literal::word(part.trim())).collect(),
        };
        return Ok(Meant::One(table.name.clone(), keys(parts.iter())));
    }
    Ok(Meant::Below(
        of_table(&table).filter(|_| arguments.table.is_some() || is_database),
        arguments.key.clone(),
    ))
}

fn find(asked: &Asked<'_>, path: &RepoPath, meant: &Meant) -> Result<RecordsBlame, CliError> {
    let blame = |wanted: &Wanted<'_>| {
        blame_records(asked.repo, asked.commit, path, wanted, asked.arguments.limit.0)
    };
    Ok(match meant {
        Meant::One(table, keys) | Meant::Several(table, keys) => blame(&Wanted::Keys(table, keys))?,
        Meant::Condition(table, condition, columns) => {
            let passes = |table: &Table, key: &Key, value: &Value| {
                condition.holds(table, columns, key, value)
            };
            blame(&Wanted::Filter(table.as_deref(), &passes))?
        }
        Meant::Below(table, None) => blame(&Wanted::Filter(table.as_deref(), &|_, _, _| true))?,
        Meant::Below(table, Some(below)) => {
            let passes = |_: &Table, key: &Key, _: &Value| is_below(key, below);
            blame(&Wanted::Filter(table.as_deref(), &passes))?
        }
    })
}

/// Whether a key is the one that is typed, or lies below it.
fn is_below(key: &Key, typed: &str) -> bool {
    let starts = |path: &str| {
        path.strip_prefix(typed)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '#', '{', '(']))
    };
    // Names of tools and tensors have dots of their own.
    starts(&path_of(key)) || matches!(key.first(), Some(Element::Text(name)) if starts(name))
}

/// The table of a content that has only one.
fn single(view: &dyn View) -> Option<Table> {
    match view.tables() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

fn named_table(view: &dyn View, path: &RepoPath, name: &str) -> Result<Table, CliError> {
    let found = view.tables().iter().find(|table| table.name == name);
    found.cloned().ok_or_else(|| {
        let shown = Escaped(name.as_bytes());
        CliError::failure(format!("{path} has no table `{shown}`")).hint(listed(view))
    })
}

fn only_table(view: &dyn View, path: &RepoPath) -> Result<Table, CliError> {
    let mut tables = view.tables().iter().filter(|table| table.name != SCHEMA);
    match (tables.next(), tables.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(CliError::failure(format!("{path} has no tables"))),
        _ => {
            Err(CliError::usage(format!("{path} has several tables; name one")).hint(listed(view)))
        }
    }
}

fn listed(view: &dyn View) -> String {
    let names: Vec<_> = view.tables().iter().map(|table| name_shown(&table.name)).collect();
    match names.iter().all(|name| name == "\"\"") {
        true => "it has one table, without a name".to_owned(),
        false => format!("as in --table {}; there are {}", names[0], names.join(", ")),
    }
}

/// The keys of the rows for which SQL says that a condition holds.
fn keys_by_sql(
    source: Arc<StoredSource>,
    view: &dyn View,
    table: &Table,
    condition: &str,
) -> Result<Vec<Key>, CliError> {
    let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
    let columns = if table.is_multiset() { view.columns(table) } else { table.key.clone() };
    let columns: Vec<String> = columns.iter().map(quoted).collect();
    let query =
        format!("SELECT {} FROM {} WHERE ({condition})", columns.join(", "), quoted(&table.name));
    let failed = |error: SqlError| {
        let text = format!("`--where {}`: {error}", Escaped(condition.as_bytes()));
        CliError::usage(text).hint("what SQL has behind WHERE, as in --where \"text LIKE '%x%'\"")
    };
    let session = SqlSession::open(source, Vec::new(), TIMEOUT).map_err(failed)?;
    let mut keys = Vec::new();
    let rows = session.query::<SqlError>(&query, &mut |_| Ok(()), &mut |row| {
        keys.push(row.iter().map(element).collect());
        Ok(())
    });
    rows.map_err(failed)?;
    keys.sort();
    keys.dedup();
    Ok(keys)
}

/// A value of a row as a part of its key.
fn element(value: &ValueRef<'_>) -> Element {
    match value {
        ValueRef::Null => Element::Null,
        ValueRef::Integer(number) => Element::from(*number),
        ValueRef::Real(number) => Element::Double(*number),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Element::Text(text.to_owned()),
            Err(_) => Element::Nested(vec![
                Element::Text(String::from_utf8_lossy(text).into_owned()),
                Element::Bytes(text.to_vec()),
            ]),
        },
        ValueRef::Blob(bytes) => Element::Bytes(bytes.to_vec()),
    }
}

/// Whether the records of a content are drawn as rows with columns.
fn has_rows(kind: Kind) -> bool {
    matches!(kind, Kind::Sqlite | Kind::Csv | Kind::JsonLines)
}

/// Table and key of a record.
fn title(found: &RecordsBlame, record: &BlamedRecord) -> String {
    let Some((table, columns)) = found.tables.get(record.table) else { return String::new() };
    let key = key_shown(found.kind, table, columns, &record.key);
    match table.name.is_empty() || !has_rows(found.kind) {
        true => key,
        false => format!("{}  {key}", name_shown(&table.name)),
    }
}

fn draw_records(found: &RecordsBlame, stamps: &Stamps, out: &mut Output) -> Result<(), CliError> {
    if has_rows(found.kind) {
        for record in &found.records {
            let inserted = stamps.id(record.inserted);
            writeln!(out, "{KIND}{}{KIND:#}  inserted by {inserted}", title(found, record))?;
            let names = record.parts.iter().filter_map(|part| part.name.as_deref());
            let names: Vec<String> = names.map(name_shown).collect();
            let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
            for (nth, part) in record.parts.iter().enumerate() {
                let stamp = stamps.line(part.commit);
                let (name, value) = match (&record.value, names.get(nth)) {
                    (Value::Fields(fields), Some(name)) => {
                        (name.as_str(), fields.get(nth).map(|(_, value)| inline(value)))
                    }
                    (value, _) => ("", Some(inline(value))),
                };
                writeln!(out, "{stamp}  {name:width$}  {}", value.unwrap_or_default())?;
            }
        }
        return Ok(());
    }
    let titles: Vec<String> = found.records.iter().map(|record| title(found, record)).collect();
    let width = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0).min(48);
    for (record, title) in found.records.iter().zip(titles) {
        let Some(part) = record.parts.first() else { continue };
        let stamp = stamps.line(part.commit);
        writeln!(out, "{stamp}  {title:width$}  {}", inline(&record.value))?;
    }
    Ok(())
}

fn view(
    asked: &Asked<'_>,
    path: &RepoPath,
    found: &RecordsBlame,
    stamps: &Stamps,
) -> serde_json::Value {
    let records = found.records.iter().map(|record| {
        let parts = record
            .parts
            .iter()
            .map(|part| serde_json::json!({ "name": part.name, "commit": part.commit.to_hex() }));
        serde_json::json!({
            "table": found.tables.get(record.table).map(|(table, _)| &table.name),
            "key": record.key.iter().map(json_element).collect::<Vec<_>>(),
            "path": path_of(&record.key),
            "value": json_value(&record.value),
            "inserted": record.inserted.to_hex(),
            "parts": parts.collect::<Vec<_>>(),
        })
    });
    serde_json::json!({
        "path": path.to_string(),
        "commit": asked.commit.to_hex(),
        "records": records.collect::<Vec<_>>(),
        "more": found.more,
        "commits": stamps.view(),
        "unread": unread_view(&found.unread),
    })
}
