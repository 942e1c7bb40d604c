//! Commits in lots, those that are not asked for left out.

use aisr::history::blame::RowWalk;
use aisr::history::{CommitWalk, ContentSearch, SubjectWalk, Touched, Walked};
use aisr::object::RepoPath;
use aisr::repo::StoredCommit;
use aisr::system::SystemChanges;

use super::row_lines;
use crate::cli::error::CliError;

/// So many commits are read before their signatures are judged, all at once.
const BATCH: usize = 64;

/// Commits in lots.
pub struct Batches<'r> {
    /// Where they come from.
    pub walk: CommitWalk<'r>,
    /// Only commits that changed it are given.
    pub filter: Option<Filter<'r>>,
    /// Only commits that changed what is looked for are given.
    pub search: Option<ContentSearch<'r>>,
    /// So many more are given.
    pub left: usize,
}

/// What is followed.
pub enum Filter<'r> {
    /// A component or an edge; whether what a commit did to it is shown.
    Subject(SubjectWalk<'r>, bool),
    /// A row, the path of its content, and what it is called.
    Row(Box<RowWalk<'r>>, RepoPath, String),
}

/// What a commit did to what is followed.
pub enum Detail {
    /// To a component or an edge.
    System(SystemChanges),
    /// To a row, in lines.
    Row(Vec<String>),
}

/// A commit that is shown.
pub struct Item {
    /// The commit.
    pub stored: Box<StoredCommit>,
    /// What it did to what is followed.
    pub detail: Option<Detail>,
}

/// Commits that are shown.
pub struct Batch {
    /// The commits.
    pub items: Vec<Item>,
    /// What came instead of another.
    pub failed: Option<CliError>,
}

impl Batches<'_> {
    /// The next commits; `None` at the end.
    pub fn read(&mut self) -> Option<Batch> {
        let items = Vec::with_capacity(BATCH.min(self.left));
        let mut batch = Batch { items, failed: None };
        while batch.items.len() < BATCH {
            match self.next() {
                None => break,
                Some(Ok((_, Some(item)))) => batch.items.push(item),
                Some(Ok((_, None))) => {}
                Some(Err(error)) => {
                    batch.failed = Some(error);
                    return Some(batch);
                }
            }
        }
        (!batch.items.is_empty()).then_some(batch)
    }

    /// Whether commits on the way may be left out.
    pub fn is_filtered(&self) -> bool {
        self.filter.is_some() || self.search.is_some() || self.walk.leaves_out()
    }

    /// How many are read at once.
    pub const fn lot() -> usize {
        BATCH
    }

    /// The next commit on the way, and the same if it is shown; `None` at the end.
    pub fn next(&mut self) -> Option<Result<(Walked, Option<Item>), CliError>> {
        if self.left == 0 {
            return None;
        }
        let mut touched = Touched::Unknown;
        let walked = self.walk.next_if(&mut |graph, at| {
            if let Some(Filter::Subject(subject, _)) = &self.filter {
                touched = subject.touched(graph, at);
            }
            touched != Touched::No
        });
        let mut walked = match walked? {
            Ok(walked) => walked,
            Err(error) => return Some(Err(error.into())),
        };
        let Some(stored) = walked.shown.take() else { return Some(Ok((walked, None))) };
        match self.item(stored, touched) {
            Ok(item) => {
                self.left -= usize::from(item.is_some());
                Some(Ok((walked, item)))
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// The commit, if it is to be shown.
    fn item(
        &mut self,
        stored: Box<StoredCommit>,
        touched: Touched,
    ) -> Result<Option<Item>, CliError> {
        if let Some(search) = &mut self.search
            && !search.matches(&stored)?
        {
            return Ok(None);
        }
        let detail = match &mut self.filter {
            None => return Ok(Some(Item { stored, detail: None })),
            Some(Filter::Subject(subject, shows_change)) => {
                let known = match touched {
                    Touched::Changed { .. } if !*shows_change => {
                        return Ok(Some(Item { stored, detail: None }));
                    }
                    Touched::Changed { before, after } => subject.change(before, after)?,
                    _ => None,
                };
                let changes = known.map_or_else(|| subject.visit(&stored), |it| Ok(Some(it)))?;
                changes.map(Detail::System)
            }
            Some(Filter::Row(row, _, title)) => {
                row.visit(&stored)?.map(|change| Detail::Row(row_lines(title, &change)))
            }
        };
        Ok(detail.map(|detail| Item { stored, detail: Some(detail) }))
    }
}
