//! A pattern, looked for in many versions at once.
//!
//! Which contents there are is found by comparing commits, which costs what they changed; each
//! content is read once, whatever the number of commits that have it. In a database that changed
//! little only the rows that differ are read.

mod scope;
mod search;
mod seen;

pub use scope::{GrepScope, component_paths, kind_paths};

use std::collections::{BTreeMap, HashMap, HashSet};

use regex::bytes::Regex;

use crate::object::{BlobId, RepoPath};
use crate::repo::{RepoError, Repository};

use super::every::Every;
use search::{Found, Searched, Searcher};
use seen::Seen;

/// What was looked for, and what was found.
#[derive(Debug, Default)]
pub struct GrepReport {
    /// The hits, by path, in the order in which they stand in their files.
    pub hits: Vec<Hit>,
    /// How many contents were read.
    pub contents: u64,
    /// How many of them are neither text nor a database, and were passed over.
    pub binary: u64,
    /// Contents that could not be looked through, each with a path it lies at and the reason.
    pub skipped: Vec<(RepoPath, String)>,
    /// Commits whose tree cannot be read, by their places.
    pub unread: Vec<usize>,
}

/// A line or a row that matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The file.
    pub path: RepoPath,
    /// Where in the file, in the newest of the commits.
    pub place: HitPlace,
    /// The line, or what of the row matches.
    pub text: Vec<u8>,
    /// The oldest of the commits that have it, by its place.
    pub first: usize,
    /// The newest.
    pub last: usize,
    /// Whether HEAD or a ref leads to one of them.
    pub reachable: bool,
}

/// Where a hit is in its file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HitPlace {
    /// A line, from 1.
    Line(u64),
    /// A row, in words: `memories id 777`.
    Row(String),
}

/// Looks for `pattern` in the commits of `every` that are `selected`. Of a line or row that stays
/// as it is over many versions, one hit is told.
///
/// # Errors
/// Never for what a single content or commit holds: that is told in the report.
pub fn grep(
    repo: &Repository,
    every: &Every,
    selected: &[bool],
    pattern: &Regex,
    scope: &GrepScope,
    threads: usize,
) -> Result<GrepReport, RepoError> {
    let seen = Seen::of(repo, every, selected, scope)?;
    let searcher = Searcher { repo, pattern };
    let searched = searcher.search(&seen, threads.max(1));
    let mut report = GrepReport { unread: seen.unread.clone(), ..GrepReport::default() };
    let mut told: HashSet<BlobId> = HashSet::new();
    for event in &seen.events {
        let Some(blob) = event.after.filter(|blob| told.insert(*blob)) else { continue };
        report.contents += 1;
        match searched.get(&blob) {
            Some(Searched::Binary) => report.binary += 1,
            Some(Searched::Failed(why)) => {
                report.skipped.push((seen.path(event.path).clone(), why.clone()));
            }
            _ => {}
        }
    }
    for (path, spans) in seen.spans(&|blob| has_hits(searched.get(&blob))) {
        report.hits.extend(hits_of(&path, spans, &searched));
    }
    Ok(report)
}

fn has_hits(searched: Option<&Searched>) -> bool {
    matches!(searched, Some(Searched::Text(found)) if !found.is_empty())
        || matches!(searched, Some(Searched::Rows(rows)) if !rows.is_empty())
}

/// In which commits a content lies at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Span {
    first: usize,
    last: usize,
    reachable: bool,
}

impl Span {
    fn with(self, other: Self) -> Self {
        Self {
            first: self.first.max(other.first),
            last: self.last.min(other.last),
            reachable: self.reachable || other.reachable,
        }
    }
}

/// The hits of one path: equal lines of several contents are one.
fn hits_of(
    path: &RepoPath,
    spans: BTreeMap<usize, (BlobId, Span)>,
    searched: &HashMap<BlobId, Searched>,
) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    // By what matches, and which of the equal ones it is.
    let mut known: HashMap<(Option<String>, Vec<u8>, usize), usize> = HashMap::new();
    for (blob, span) in spans.into_values() {
        let mut again: HashMap<(Option<String>, Vec<u8>), usize> = HashMap::new();
        let mut add = |place: HitPlace, text: &[u8]| {
            let row = match &place {
                HitPlace::Row(row) => Some(row.clone()),
                HitPlace::Line(_) => None,
            };
            let nth = again.entry((row.clone(), text.to_vec())).or_default();
            *nth += 1;
            let key = (row, text.to_vec(), *nth);
            match known.get(&key).and_then(|at| hits.get_mut(*at)) {
                Some(hit) => {
                    let old = Span { first: hit.first, last: hit.last, reachable: hit.reachable };
                    let new = old.with(span);
                    if new.last < hit.last {
                        hit.place = place;
                    }
                    (hit.first, hit.last, hit.reachable) = (new.first, new.last, new.reachable);
                }
                None => {
                    known.insert(key, hits.len());
                    let Span { first, last, reachable } = span;
                    let (path, text) = (path.clone(), text.to_vec());
                    hits.push(Hit { path, place, text, first, last, reachable });
                }
            }
        };
        match searched.get(&blob) {
            Some(Searched::Text(found)) => {
                for Found { line, text } in found {
                    add(HitPlace::Line(*line), text);
                }
            }
            Some(Searched::Rows(rows)) => {
                for (row, text) in rows.values() {
                    add(HitPlace::Row(row.clone()), text.as_bytes());
                }
            }
            _ => {}
        }
    }
    hits.sort_by(|a, b| (&a.place, a.last).cmp(&(&b.place, b.last)));
    hits
}
