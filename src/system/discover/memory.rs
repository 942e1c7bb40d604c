//! Memory: vector stores, databases, records.

use std::collections::{BTreeMap, BTreeSet};

use super::classify::{DATABASES, MEMORY_FOLDERS, RECORDS, VECTORS, is_of_the_project};
use super::draft::Draft;
use super::finder::Finder;
use super::names::longer_and_longer;
use super::place::{ending_of, folder_of, is_below, is_within, name_of, stem_of};
use crate::object::ComponentKind;

/// What every database of SQLite begins with (file format, §1.3.1).
const SQLITE: &[u8] = b"SQLite format 3\0";
/// What a database of DuckDB has at 8.
const DUCKDB: &[u8] = b"DUCK";
/// So much of a file of records tells what they are.
const RECORDS_HEAD: usize = 4 << 10;
/// More files of records than this in one folder are one memory.
const FEW: usize = 8;
/// Words in the names of files of records that are a memory.
const WORDS: [&str; 9] = [
    "memory",
    "memories",
    "episode",
    "conversation",
    "session",
    "history",
    "chat",
    "dialog",
    "thread",
];
/// What records of telemetry begin with (OTLP, JSON encoding).
const TELEMETRY: [&str; 3] = ["\"resourceSpans\"", "\"resourceLogs\"", "\"resourceMetrics\""];

/// Takes up the folders that are vector stores.
pub(super) fn find_stores(finder: &mut Finder<'_>) {
    let mut stores: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut lance: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in finder.paths {
        let folder = folder_of(path);
        let has = |name: &str| finder.paths.contains(&format!("{folder}/{name}"));
        match name_of(path) {
            "chroma.sqlite3" => drop(stores.insert(folder.into(), "chroma")),
            "index.faiss" => drop(stores.insert(folder.into(), "faiss")),
            "docstore.json" if has("index_store.json") => {
                stores.insert(folder.into(), "llama-index");
            }
            "storage.sqlite" if name_of(folder_of(folder)) == "collection" => {
                stores.insert(folder_of(folder_of(folder)).into(), "qdrant");
            }
            _ => {}
        }
        if let Some(at) = path.find(".lance/").map(|at| at + ".lance".len())
            && let Some(table) = path.get(..at)
        {
            lance.entry(folder_of(table)).or_default().insert(table);
        }
    }
    for (folder, tables) in lance {
        // Several tables side by side are one store, if nothing else lies there.
        let together = tables.len() > 1 && !folder.is_empty();
        let mut inside = finder.within(folder).filter_map(|path| path.get(folder.len() + 1..));
        let alone = together
            && inside.all(|path| path.split('/').next().is_some_and(|p| p.ends_with(".lance")));
        match alone {
            true => drop(stores.insert(folder.to_owned(), "lance")),
            false => stores.extend(tables.into_iter().map(|table| (table.to_owned(), "lance"))),
        }
    }
    for (folder, format) in stores {
        if finder.folder_owner(&folder).is_some() {
            continue;
        }
        let draft = store(finder, &folder, format);
        finder.add(draft);
    }
}

fn store(finder: &Finder<'_>, folder: &str, format: &'static str) -> Draft {
    let name = if folder.is_empty() { format } else { stem_of(folder) };
    let names = longer_and_longer(name, folder);
    // A store that shares its folder with other things is its own files.
    let is_own = |path: &&str| {
        let inside = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
        let (first, below) = inside.split_once('/').map_or((inside, false), |(f, _)| (f, true));
        match format {
            "chroma" if below => first.len() == 36 && first.matches('-').count() == 4,
            "chroma" => first == "chroma.sqlite3",
            "faiss" => !below && first.starts_with("index."),
            _ => true,
        }
    };
    let (own, others): (Vec<&str>, Vec<&str>) = finder.within(folder).partition(is_own);
    let whole = others.is_empty() && !folder.is_empty();
    Draft {
        files: own.into_iter().map(str::to_owned).collect(),
        folder: whole.then(|| folder.to_owned()),
        format: Some(format),
        ..Draft::new(ComponentKind::Memory, names, "")
    }
}

/// Takes up databases and vector indexes that are one file.
pub(super) fn find_databases(finder: &mut Finder<'_>) {
    let all: Vec<String> = finder.paths.iter().cloned().collect();
    for path in all {
        let ending = ending_of(&path);
        let ending = ending.as_str();
        if finder.is_claimed(&path) {
            continue;
        }
        let format = if DATABASES.contains(&ending) {
            match finder.head(&path, SQLITE.len()) {
                Some(head) if head.bytes.starts_with(SQLITE) => "sqlite",
                Some(head) if head.bytes.get(8..12) == Some(DUCKDB) => "duckdb",
                _ => continue,
            }
        } else if VECTORS.contains(&ending) && ending != "index" {
            "vectors"
        } else {
            continue;
        };
        finder.add(of_file(&path, format));
    }
}

/// The memory that is this file.
pub(super) fn of_file(path: &str, format: &'static str) -> Draft {
    let names = longer_and_longer(stem_of(path), path);
    Draft { format: Some(format), ..Draft::new(ComponentKind::Memory, names, path) }
}

/// Takes up records, and the notes in a folder that is called memory.
pub(super) fn find_records(finder: &mut Finder<'_>) {
    let mut folders: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let all: Vec<String> = finder.paths.iter().filter(|p| !finder.is_claimed(p)).cloned().collect();
    for path in all {
        let ending = ending_of(&path);
        let is_memory = match ending.as_str() {
            ending if RECORDS.contains(&ending) => is_record_of_memory(finder, &path),
            "json" | "md" | "txt" => {
                is_below(&path, &["memory", "memories"]) && !is_of_the_project(&path)
            }
            _ => false,
        };
        if is_memory {
            folders.entry((folder_of(&path).to_owned(), ending)).or_default().push(path);
        }
    }
    for ((folder, ending), files) in folders {
        let (format, few) = match ending.as_str() {
            "jsonl" | "ndjson" => ("jsonl", FEW),
            _ => ("notes", 1),
        };
        if files.len() <= few || folder.is_empty() {
            for file in files {
                finder.add(of_file(&file, format));
            }
            continue;
        }
        let names = longer_and_longer(name_of(&folder), &folder);
        let glob = format!("{}/*.{ending}", super::resolve::escaped(&folder));
        let draft = Draft {
            files,
            format: Some(format),
            glob: Some(glob),
            ..Draft::new(ComponentKind::Memory, names, "")
        };
        finder.add(draft);
    }
}

fn is_record_of_memory(finder: &mut Finder<'_>, path: &str) -> bool {
    let stem = stem_of(path).to_ascii_lowercase();
    let named = WORDS.iter().any(|word| stem.contains(word)) || is_below(path, &MEMORY_FOLDERS);
    let other = ["train", "eval", "test", "trace", "otlp", "log"];
    let named_otherwise =
        other.iter().any(|word| stem.split(['.', '-', '_']).any(|part| part == *word));
    if !named || named_otherwise || is_within(path, "data/train") {
        return false;
    }
    let Some(head) = finder.head(path, RECORDS_HEAD) else { return false };
    let text = String::from_utf8_lossy(&head.bytes);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    first.trim_start().starts_with(['{', '[']) && !TELEMETRY.iter().any(|name| first.contains(name))
}
