//! Virtual tables whose rows lie in tables of their own: FTS3 to FTS5, and `vec0` of sqlite-vec.
//! Each shows as one table, and those that serve it are hidden. What serves a module that is not
//! known here stays in sight: nothing is hidden that is not shown.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::Layout;
use super::tokens::{Token, virtual_table};
use super::vectors::{VectorColumn, VectorKind, Vectors};

/// A table that is stored.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Where its tree begins.
    pub root: u32,
    /// Where the tree of the index begins that its rows are found by; 0 where there is none.
    pub index: u32,
    /// How its rows lie.
    pub layout: Layout,
}

/// The tables that are stored, by their names in lower case.
pub type Trees = BTreeMap<String, Tree>;

/// What a virtual table shows.
pub enum Shown {
    /// The rows of a table that serves it.
    Rows(Tree),
    /// Rows with vectors.
    Vectors(Box<Vectors>),
    /// Nothing that could be read: the key's names alone.
    Nothing(Vec<String>),
}

/// A virtual table, understood.
pub struct Virtual {
    /// What it shows.
    pub shown: Shown,
    /// The tables that serve it and are hidden, in lower case.
    pub hidden: BTreeSet<String>,
}

/// The virtual table that this statement made; `None` where it made none.
pub fn understood(name: &str, statement: &str, trees: &Trees) -> Option<Virtual> {
    let (module, arguments) = virtual_table(statement)?;
    let serving = Serving { name: name.to_ascii_lowercase(), trees };
    Some(match module.to_ascii_lowercase().as_str() {
        "fts5" => fts5(&serving, &arguments),
        "fts3" | "fts4" => fts4(&serving, &arguments),
        "vec0" => vec0(&serving, &arguments),
        _ => Virtual { shown: nothing(), hidden: BTreeSet::new() },
    })
}

fn nothing() -> Shown {
    Shown::Nothing(vec!["rowid".to_owned()])
}

/// The tables that serve one virtual table.
struct Serving<'t> {
    name: String,
    trees: &'t Trees,
}

impl Serving<'_> {
    fn find(&self, suffix: &str) -> Option<&Tree> {
        self.trees.get(&format!("{}_{suffix}", self.name))
    }

    /// Those of these tables that are there.
    fn hidden<'s>(&self, suffixes: impl IntoIterator<Item = &'s str>) -> BTreeSet<String> {
        let names = suffixes.into_iter().map(|suffix| format!("{}_{suffix}", self.name));
        names.filter(|name| self.trees.contains_key(name)).collect()
    }
}

/// The value of an option, `name = value`; for FTS5 the name may be cut short.
fn option<'a>(arguments: &'a [Vec<Token>], name: &str, short: bool) -> Option<&'a str> {
    arguments.iter().find_map(|argument| match argument.as_slice() {
        [Token::Word(word), Token::Mark('='), value] => {
            let word = word.to_ascii_lowercase();
            let fits = word == name || short && name.starts_with(&word);
            value.name().filter(|_| fits)
        }
        _ => None,
    })
}

/// FTS5 (sqlite.org/fts5.html, §8.2): rows are in `_content`, as `id` and one column `cN` for each
/// declared one, unless the table has no content or another's.
fn fts5(serving: &Serving<'_>, arguments: &[Vec<Token>]) -> Virtual {
    let mut hidden = serving.hidden(["data", "idx", "docsize", "config"]);
    let content = option(arguments, "content", true);
    if content.is_some_and(|content| !content.is_empty()) {
        return Virtual { shown: nothing(), hidden };
    }
    if let Some(tree) = serving.find("content") {
        hidden.extend(serving.hidden(["content"]));
        let is_option = |argument: &&Vec<Token>| argument.get(1) == Some(&Token::Mark('='));
        let columns = arguments.iter().filter(|argument| !is_option(argument));
        let names: Vec<&str> = columns.filter_map(|argument| argument.first()?.name()).collect();
        let renamed = |stored: &str| {
            let declared = |digits: &str| names.get(digits.parse::<usize>().ok()?).copied();
            match (stored.strip_prefix('c'), stored.strip_prefix('l')) {
                (Some(nth), _) => declared(nth).map(str::to_owned),
                (_, Some(nth)) => declared(nth).map(|name| format!("{name} locale")),
                _ => (stored == "id").then(|| "rowid".to_owned()),
            }
        };
        return Virtual { shown: rows(tree, renamed), hidden };
    }
    // Without content the sizes of the texts say which there are.
    let shown = serving
        .find("docsize")
        .map(|tree| rows(tree, |stored| (stored == "id").then(|| "rowid".to_owned())));
    Virtual { shown: shown.unwrap_or_else(nothing), hidden }
}

/// FTS3 and FTS4 (sqlite.org/fts3.html, §9.1): rows are in `_content`, as `docid` and one column
/// `cNname` for each declared one.
fn fts4(serving: &Serving<'_>, arguments: &[Vec<Token>]) -> Virtual {
    let mut hidden = serving.hidden(["segments", "segdir", "docsize", "stat"]);
    let content = match option(arguments, "content", false) {
        Some(_) => None,
        None => serving.find("content"),
    };
    let Some(tree) = content else { return Virtual { shown: nothing(), hidden } };
    hidden.extend(serving.hidden(["content"]));
    let renamed = |stored: &str| {
        let named = stored.strip_prefix('c')?.trim_start_matches(|c: char| c.is_ascii_digit());
        (!named.is_empty()).then(|| named.to_owned())
    };
    Virtual { shown: rows(tree, renamed), hidden }
}

/// The rows of a table under the names that `renamed` gives.
fn rows(tree: &Tree, renamed: impl Fn(&str) -> Option<String>) -> Shown {
    let mut tree = tree.clone();
    for column in &mut tree.layout.columns {
        if let Some(name) = renamed(&column.name) {
            column.name = name;
        }
    }
    Shown::Rows(tree)
}

/// `vec0` of sqlite-vec 0.1 (its ARCHITECTURE.md, and its `vec0_parse_*` for the arguments).
fn vec0(serving: &Serving<'_>, arguments: &[Vec<Token>]) -> Virtual {
    let hidden = {
        let mut names = vec!["chunks".to_owned(), "rowids".to_owned(), "info".to_owned()];
        names.push("auxiliary".to_owned());
        for nth in 0..16 {
            for kind in ["vector_chunks", "metadatachunks", "metadatatext"] {
                names.push(format!("{kind}{nth:02}"));
            }
        }
        serving.hidden(names.iter().map(String::as_str))
    };
    match vectors(serving, arguments) {
        Some(vectors) => Virtual { shown: Shown::Vectors(Box::new(vectors)), hidden },
        // What cannot be read as one table is shown as what it is stored in.
        None => Virtual { shown: nothing(), hidden: BTreeSet::new() },
    }
}

fn vectors(serving: &Serving<'_>, arguments: &[Vec<Token>]) -> Option<Vectors> {
    let (chunks, row_ids) = (serving.find("chunks")?.clone(), serving.find("rowids")?.clone());
    let (mut key, mut has_text_key) = ("rowid".to_owned(), false);
    let (mut columns, mut counts) = (Vec::new(), [0_usize; 4]);
    let mut nth = |kind: usize| {
        counts[kind] += 1;
        counts[kind] - 1
    };
    for argument in arguments {
        let is = |at: usize, word: &str| argument.get(at).is_some_and(|token| token.is(word));
        if argument.get(1) == Some(&Token::Mark('=')) {
            continue;
        }
        if argument.first() == Some(&Token::Mark('+')) {
            let name = argument.get(1)?.name()?.to_owned();
            let place = nth(0);
            columns.push(VectorColumn { name, kind: VectorKind::Auxiliary(place), tree: None });
            continue;
        }
        let name = argument.first()?.name()?.to_owned();
        if is(2, "primary") && is(3, "key") {
            (key, has_text_key) = (name, is(1, "text"));
            continue;
        }
        let (kind, tree) = if is(2, "partition") && is(3, "key") {
            (VectorKind::Partition(nth(1)), None)
        } else if is_vector(argument) {
            let tree = serving.find(&format!("vector_chunks{:02}", nth(2)))?;
            (VectorKind::Vector, Some(tree.clone()))
        } else {
            let place = nth(3);
            let tree = serving.find(&format!("metadatachunks{place:02}"))?;
            let kind = if is(1, "boolean") || is(1, "bool") {
                VectorKind::Boolean
            } else if is(1, "text") {
                VectorKind::Text(serving.find(&format!("metadatatext{place:02}")).cloned())
            } else if is(1, "integer") || is(1, "int") {
                VectorKind::Integer
            } else if is(1, "float") || is(1, "double") {
                VectorKind::Float
            } else {
                return None;
            };
            (kind, Some(tree.clone()))
        };
        columns.push(VectorColumn { name, kind, tree });
    }
    let auxiliary = serving.find("auxiliary").cloned();
    if columns.iter().any(|c| matches!(c.kind, VectorKind::Auxiliary(_))) && auxiliary.is_none() {
        return None;
    }
    Vectors::new(key, has_text_key, columns, chunks, row_ids, auxiliary)
}

/// Whether this is `name type[n]`: the brackets quote, so the number stands in one word.
fn is_vector(argument: &[Token]) -> bool {
    let kinds = ["float", "f32", "int8", "i8", "bit"];
    let kind = argument.get(1).is_some_and(|token| kinds.iter().any(|kind| token.is(kind)));
    kind && matches!(argument.get(2), Some(Token::Quoted(_)))
}
