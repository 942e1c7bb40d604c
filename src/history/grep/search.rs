//! What of a content matches.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex::bytes::Regex;

use crate::diff::{RecordChanges, pair_tables};
use crate::object::{BlobId, tuple};
use crate::repo::Repository;
use crate::view::sqlite::MAGIC;
use crate::view::{Key, Kind, Opened, Record, Source, StoredSource, Table, Value, ViewError, open};

use super::super::when::{row_place, row_words, text_of};
use super::seen::Seen;

/// So many hits of one content are kept.
const HITS: usize = 10_000;
/// So much of a line or row is kept, in bytes.
const LINE: usize = 4 << 10;

/// A line that matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its number, from 1.
    pub line: u64,
    /// Its text, without its end.
    pub text: Vec<u8>,
}

/// Rows that match, in the order of tables and keys: each in words, and what of it matches.
pub type FoundRows = BTreeMap<(String, Vec<u8>), (String, String)>;

/// What was found in a content.
#[derive(Clone, Debug)]
pub enum Searched {
    /// It is a text.
    Text(Vec<Found>),
    /// It is a database.
    Rows(Arc<FoundRows>),
    /// It is neither.
    Binary,
    /// It cannot be looked through.
    Failed(String),
}

/// Looks for a pattern.
pub struct Searcher<'a> {
    pub repo: &'a Repository,
    pub pattern: &'a Regex,
}

impl Searcher<'_> {
    /// Looks through every content once: texts by several threads, databases one after the other,
    /// since one is read by what differs from another.
    pub fn search(&self, seen: &Seen<'_>, threads: usize) -> HashMap<BlobId, Searched> {
        let mut known = HashSet::new();
        let contents: Vec<BlobId> =
            seen.events.iter().filter_map(|e| e.after).filter(|blob| known.insert(*blob)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut out = Vec::new();
            while let Some(blob) = contents.get(next.fetch_add(1, Ordering::Relaxed)) {
                out.push((*blob, self.search_text(*blob)));
            }
            out
        };
        let mut searched: HashMap<BlobId, Option<Searched>> = HashMap::new();
        std::thread::scope(|scope| {
            let others: Vec<_> =
                (1..threads.min(contents.len())).map(|_| scope.spawn(work)).collect();
            searched.extend(work());
            for other in others {
                match other.join() {
                    Ok(found) => searched.extend(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        let (mut out, mut databases) = (HashMap::new(), HashSet::new());
        for (blob, found) in searched {
            match found {
                Some(found) => drop(out.insert(blob, found)),
                None => drop(databases.insert(blob)),
            }
        }
        let mut last: Option<(BlobId, Opened)> = None;
        for event in &seen.events {
            let Some(blob) = event.after.filter(|blob| databases.contains(blob)) else { continue };
            if out.contains_key(&blob) {
                continue;
            }
            let base = event.before.and_then(|before| match out.get(&before) {
                Some(Searched::Rows(rows)) => Some((before, Arc::clone(rows))),
                _ => None,
            });
            let found = self.search_database(blob, base, &mut last);
            out.insert(blob, found.unwrap_or_else(|error| Searched::Failed(error.to_string())));
        }
        out
    }

    fn source(&self, blob: BlobId) -> Result<StoredSource, ViewError> {
        StoredSource::open(self.repo.shared_store(), blob)
    }

    /// What is found in a text; `None` for a database.
    fn search_text(&self, blob: BlobId) -> Option<Searched> {
        let source = match self.source(blob) {
            Ok(source) => source,
            Err(error) => return Some(Searched::Failed(error.to_string())),
        };
        let mut head = vec![0; MAGIC.len()];
        match source.read_at(0, &mut head) {
            Ok(_) if head == MAGIC => return None,
            Ok(_) => {}
            Err(error) => return Some(Searched::Failed(error.to_string())),
        }
        Some(match text_of(&source) {
            Ok(text) => Searched::Text(self.lines(&text)),
            Err(why) if &*why == super::super::when::NO_TEXT => Searched::Binary,
            Err(why) => Searched::Failed(why.to_string()),
        })
    }

    /// The lines that match.
    fn lines(&self, text: &[u8]) -> Vec<Found> {
        let (mut out, mut at, mut line, mut counted) = (Vec::new(), 0, 1u64, 0);
        while out.len() < HITS
            && let Some(found) = self.pattern.find_at(text, at)
        {
            let before = text.get(..found.start()).unwrap_or_default();
            let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
            let rest = text.get(found.start()..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).map_or(text.len(), |len| found.start() + len);
            // An empty match behind the last line end is in no line.
            if start == text.len() && start > 0 {
                break;
            }
            line += memchr::memchr_iter(b'\n', text.get(counted..start).unwrap_or_default()).count()
                as u64;
            counted = start;
            let text_of_line = text.get(start..end).unwrap_or_default();
            let text_of_line = text_of_line.strip_suffix(b"\r").unwrap_or(text_of_line);
            let kept = text_of_line.get(..LINE).unwrap_or(text_of_line);
            out.push(Found { line, text: kept.to_vec() });
            at = end + 1;
            if at > text.len() {
                break;
            }
        }
        out
    }

    /// The rows of a database that match, by what differs from another whose rows are known.
    fn search_database(
        &self,
        blob: BlobId,
        base: Option<(BlobId, Arc<FoundRows>)>,
        last: &mut Option<(BlobId, Opened)>,
    ) -> Result<Searched, ViewError> {
        let open = |blob: BlobId| open(Arc::new(self.source(blob)?) as Arc<dyn Source>, b"");
        let before = match base {
            Some((before, rows)) => {
                let opened = match last.take() {
                    Some((known, opened)) if known == before => opened,
                    _ => open(before)?,
                };
                Some((opened, rows))
            }
            None => None,
        };
        let after = open(blob)?;
        if after.view.kind() != Kind::Sqlite {
            let why = after.fell_back.as_ref().map(|back| back.why.to_string());
            return Ok(Searched::Failed(why.unwrap_or_else(|| "no sound database".into())));
        }
        let mut rows = before.as_ref().map_or_else(FoundRows::new, |(_, rows)| (**rows).clone());
        let older = before.as_ref().map(|(opened, _)| opened.view.as_ref());
        for pair in pair_tables(older, Some(after.view.as_ref())) {
            let Some(table) = pair.table() else { continue };
            let mut changes = RecordChanges::of(older, Some(after.view.as_ref()), &pair)?;
            while let Some(change) = changes.next_change()? {
                let at = (table.name.clone(), tuple::encode(&change.key));
                rows.remove(&at);
                let found = change.after.and_then(|value| self.row(table, change.key, value));
                if let Some(found) = found.filter(|_| rows.len() < HITS) {
                    rows.insert(at, found);
                }
            }
        }
        *last = Some((blob, after));
        Ok(Searched::Rows(Arc::new(rows)))
    }

    /// What of a row matches.
    fn row(&self, table: &Table, key: Key, value: Value) -> Option<(String, String)> {
        let record = Record { key, value };
        let mut words = row_words(&record);
        if !self.pattern.is_match(words.as_bytes()) {
            return None;
        }
        if let Some((end, _)) = words.char_indices().nth(LINE) {
            words.truncate(end);
        }
        Some((row_place(table, &record), words))
    }
}
