//! What in a state makes a question hold, in few words.

use crate::object::RepoPath;
use crate::view::{Element, Record, Table, Value, path_of};

use super::super::query::{
    Atom, Condition, Expression, column_of, leaf_values, shown_part, shown_value,
};
use super::contents::{Contents, File, first_leaf, is_under, line_of};
use super::rows::{RowTest, visit_new_rows};

/// So many are told for one part of a question.
const TOLD: usize = 3;
/// So much of a text is shown, in characters.
const SHOWN: usize = 200;

/// A row, a line or a value that makes a question hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    /// The file that it lies in.
    pub path: RepoPath,
    /// Where in the file: `memories id 777`, `line 12`, `agents.triage.model`.
    pub place: String,
    /// What is there, shortened; `None` where being there is all.
    pub text: Option<String>,
}

/// The atoms that can make the expression hold by holding themselves, by their places.
pub fn helping(expression: &Expression) -> Vec<usize> {
    let (mut out, mut next) = (Vec::new(), 0);
    walk(expression, true, &mut next, &mut out);
    out
}

fn walk(expression: &Expression, positive: bool, next: &mut usize, out: &mut Vec<usize>) {
    match expression {
        Expression::Atom(_) => {
            if positive {
                out.push(*next);
            }
            *next += 1;
        }
        Expression::Not(inner) => walk(inner, !positive, next, out),
        Expression::All(parts) | Expression::Any(parts) => {
            parts.iter().for_each(|part| walk(part, positive, next, out));
        }
    }
}

/// What in these files makes the atom hold that nothing in `before` did.
pub fn witnesses(
    contents: &mut Contents<'_>,
    atom: &Atom,
    files: &[File],
    before: &[File],
) -> Vec<Witness> {
    let mut out = Vec::new();
    for file in files {
        if out.len() >= TOLD || before.contains(file) {
            continue;
        }
        match atom {
            Atom::Content { test, .. } => {
                let found = contents.text(file.blob).ok().and_then(|text| line_of(&text, test));
                out.extend(found.map(|(number, line)| Witness {
                    path: file.path.clone(),
                    place: format!("line {number}"),
                    text: Some(shortened(&String::from_utf8_lossy(&line))),
                }));
            }
            Atom::Tool { name, field, test, .. } => {
                let leaf = leaf(contents, file, &mut |table, key, value| {
                    let [tool, rest @ ..] = key else { return false };
                    table == "tools"
                        && *tool == name.as_str().into()
                        && field.as_deref().is_none_or(|field| is_under(rest, field))
                        && test.as_ref().is_none_or(|test| test.passes(value))
                });
                out.extend(leaf);
            }
            Atom::Key { path, test, .. } => {
                let leaf = leaf(contents, file, &mut |_, key, value| {
                    is_under(key, path) && test.as_ref().is_none_or(|test| test.passes(value))
                });
                out.extend(leaf);
            }
            Atom::Row { table, conditions, .. } => {
                let test = RowTest { table: table.as_deref(), conditions };
                rows(contents, &test, file, before, &mut out);
            }
            _ => {}
        }
    }
    out.truncate(TOLD);
    out
}

fn leaf(
    contents: &mut Contents<'_>,
    file: &File,
    passes: &mut dyn FnMut(&str, &[Element], &Value) -> bool,
) -> Option<Witness> {
    let opened = contents.open(file).ok()?;
    let opened = opened.as_ref().as_ref().ok()?;
    let found =
        first_leaf(opened, &mut |_, table, key, value| passes(table, key, value)).ok()??;
    Some(Witness {
        path: file.path.clone(),
        place: path_of(&found.key),
        text: Some(shortened(&shown_value(&found.value))),
    })
}

fn rows(
    contents: &mut Contents<'_>,
    test: &RowTest<'_>,
    file: &File,
    before: &[File],
    out: &mut Vec<Witness>,
) {
    let base = before.iter().find(|base| base.path == file.path);
    let base = base.and_then(|base| contents.open(base).ok());
    let Ok(opened) = contents.open(file) else { return };
    let Ok(opened) = opened.as_ref() else { return };
    let base = base.as_ref().and_then(|base| base.as_ref().as_ref().ok());
    let base = base.map(|base| base.view.as_ref());
    // What cannot be read now was told where it was judged.
    let _ = visit_new_rows(base, opened.view.as_ref(), test, &mut |table, columns, record| {
        out.push(Witness {
            path: file.path.clone(),
            place: row_place(table, record),
            text: row_text(table, columns, record, test.conditions),
        });
        out.len() < TOLD
    });
}

/// `memories id 777`.
pub fn row_place(table: &Table, record: &Record) -> String {
    let mut words = Vec::new();
    if !table.name.is_empty() {
        words.push(table.name.clone());
    }
    if table.is_multiset() {
        words.push("row".into());
    } else {
        for (name, part) in table.key.iter().zip(&record.key) {
            words.push(format!("{name} {}", shown_part(part)));
        }
    }
    shortened(&words.join(" "))
}

/// What the last condition looked at, or all texts of the row.
fn row_text(
    table: &Table,
    columns: &[String],
    record: &Record,
    conditions: &[Condition],
) -> Option<String> {
    let asked = conditions.last().and_then(|condition| {
        let value = column_of(table, columns, record, &condition.column)?;
        let passes = |leaf: &&Value| condition.test.as_ref().is_none_or(|test| test.passes(leaf));
        leaf_values(&value).into_iter().find(passes).map(shown_value)
    });
    let text = asked.unwrap_or_else(|| row_words(record));
    (!text.is_empty()).then(|| shortened(&text))
}

/// All that a row says, one after the other.
pub fn row_words(record: &Record) -> String {
    let whole: Vec<Value> = match &record.value {
        Value::Count(_) => record.key.iter().map(crate::view::value_of).collect(),
        value => vec![value.clone()],
    };
    let leaves = whole.iter().flat_map(leaf_values).map(shown_value);
    leaves.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn shortened(text: &str) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
