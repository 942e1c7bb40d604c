//! Blame of the lines of a text.

use std::ops::Range;
use std::sync::Arc;

use crate::diff::changed_lines;
use crate::history::ancestry::{Ancestry, Spot};
use crate::object::{BlobId, CommitId, RepoPath};
use crate::repo::Repository;

use super::error::{BlameError, Unread};
use super::files::{FileState, FileVersions, read};
use super::trace::{Divided, Traced, trace};

/// Larger texts are not compared line by line.
const TEXT_LIMIT: u64 = 64 << 20;
/// How many texts are kept.
const KEPT: usize = 4;

/// A text, and where its lines come from.
#[derive(Debug)]
pub struct LinesBlame {
    /// The text.
    pub text: Vec<u8>,
    /// The lines that were asked for, in order.
    pub lines: Vec<BlamedLine>,
    /// Commits that could not be looked at.
    pub unread: Vec<Unread>,
}

/// A line, and where it comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlamedLine {
    /// Its number in the text, from 1.
    pub line: u32,
    /// Where it lies in the text, its end with it.
    pub range: Range<usize>,
    /// The commit that brought it.
    pub commit: CommitId,
    /// What the file was called there.
    pub path: Arc<RepoPath>,
    /// Its number there, from 1.
    pub there: u32,
}

/// Traces the lines of the text at `path` of a commit; of `wanted`, numbers from 1, where not all
/// are asked for. Lines are compared as `diff` compares them, and the file is followed through
/// renames.
///
/// # Errors
/// When the commit has no such text, or it cannot be read. What lies behind and cannot be read is
/// named in [`LinesBlame::unread`].
pub fn blame_lines(
    repo: &Repository,
    commit: CommitId,
    path: &RepoPath,
    wanted: Option<Range<u32>>,
) -> Result<LinesBlame, BlameError> {
    let ancestry = Ancestry::load_reaching(repo, &[commit]);
    let files = ancestry.files(ancestry.spot(commit))?;
    let no_file = || BlameError::NoFile { path: path.clone(), commit };
    let state = FileState::find(repo, files, path)?.ok_or_else(no_file)?;
    let mut tracer =
        Lines { repo, versions: FileVersions::new(repo), texts: Vec::new(), found: Vec::new() };
    let text = tracer.text(&state)?;
    if memchr::memchr(0, &text).is_some() {
        return Err(BlameError::NoText { path: path.clone() });
    }
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let start = ranges.last().map_or(0, |last| last.end);
        ranges.push(start..start + line.len());
    }
    // The limit of a text keeps this far below the end of the type.
    let count = u32::try_from(ranges.len()).unwrap_or(u32::MAX);
    let wanted = wanted.unwrap_or(1..count.saturating_add(1));
    let first = wanted.start.max(1).min(count.saturating_add(1)) - 1;
    let end = wanted.end.max(1).min(count.saturating_add(1)) - 1;
    let run = Run { last: first, here: first, len: end.saturating_sub(first) };
    let parts = if run.len == 0 { Vec::new() } else { vec![run] };
    let unread = trace(&ancestry, commit, state, parts, &mut tracer);
    tracer.found.sort_by_key(|found| found.run.last);
    let mut lines = Vec::new();
    for Found { commit, path, run } in tracer.found {
        for nth in 0..run.len {
            let Some(range) = ranges.get((run.last + nth) as usize).cloned() else { continue };
            let (line, there) = (run.last + nth + 1, run.here + nth + 1);
            lines.push(BlamedLine { line, range, commit, path: Arc::clone(&path), there });
        }
    }
    Ok(LinesBlame { text: text.to_vec(), lines, unread })
}

/// Lines that stand together, in the text that is asked about and in a version of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    last: u32,
    here: u32,
    len: u32,
}

struct Found {
    commit: CommitId,
    path: Arc<RepoPath>,
    run: Run,
}

struct Lines<'r> {
    repo: &'r Repository,
    versions: FileVersions<'r>,
    texts: Vec<(BlobId, Arc<Vec<u8>>)>,
    found: Vec<Found>,
}

impl Lines<'_> {
    fn text(&mut self, state: &FileState) -> Result<Arc<Vec<u8>>, BlameError> {
        if state.entry.size() > TEXT_LIMIT {
            return Err(BlameError::TooLarge { path: state.path.clone(), limit: TEXT_LIMIT });
        }
        let id = state.blob();
        if let Some((_, text)) = self.texts.iter().find(|(known, _)| *known == id) {
            return Ok(Arc::clone(text));
        }
        let text = Arc::new(read(self.repo, id)?);
        self.texts.truncate(KEPT - 1);
        self.texts.insert(0, (id, Arc::clone(&text)));
        Ok(text)
    }
}

impl Traced for Lines<'_> {
    type State = FileState;
    type Part = Run;

    fn parent(
        &mut self,
        ancestry: &Ancestry<'_>,
        child: (Spot, &FileState),
        parent: Spot,
        nth: usize,
    ) -> Result<Option<FileState>, BlameError> {
        Ok(self.versions.parent(ancestry, child, parent, nth)?)
    }

    fn renamed(
        &mut self,
        ancestry: &Ancestry<'_>,
        child: (Spot, &FileState),
        parent: Spot,
    ) -> Result<Option<FileState>, BlameError> {
        Ok(self.versions.renamed(ancestry, child, parent)?)
    }

    fn is_same(&self, a: &FileState, b: &FileState) -> bool {
        a.has_bytes_of(b)
    }

    fn divide(&mut self, now: &FileState, before: &FileState, parts: Vec<Run>) -> Divided<Run> {
        let texts = self.text(now).and_then(|now| Ok((now, self.text(before)?)));
        match texts {
            Ok((now, before)) => Ok(divide(&changed_lines(&before, &now), parts)),
            Err(why) => Err((parts, why)),
        }
    }

    fn own(&mut self, commit: CommitId, state: &FileState, parts: Vec<Run>) {
        let path = Arc::new(state.path.clone());
        self.found.extend(parts.into_iter().map(|run| Found {
            commit,
            path: Arc::clone(&path),
            run,
        }));
    }
}

/// Divides runs of the later text by what changed: first what changed, then what did not, as runs
/// of the earlier one.
fn divide(changes: &[(Range<u32>, Range<u32>)], mut runs: Vec<Run>) -> (Vec<Run>, Vec<Run>) {
    runs.sort_unstable_by_key(|run| run.here);
    let (mut kept, mut passed) = (Vec::new(), Vec::new());
    // Changes that end before a run do not meet the next one either.
    let mut first = 0;
    for run in runs {
        let (mut at, end) = (run.here, run.here + run.len);
        while changes.get(first).is_some_and(|(_, after)| after.end <= at) {
            first += 1;
        }
        let mut next = first;
        while at < end {
            let piece =
                |until: u32| Run { last: run.last + (at - run.here), here: at, len: until - at };
            match changes.get(next) {
                Some((_, after)) if after.start <= at && at < after.end => {
                    let until = after.end.min(end);
                    kept.push(piece(until));
                    at = until;
                }
                Some((_, after)) if after.end <= at => next += 1,
                found => {
                    let until = found.map_or(end, |(_, after)| after.start.min(end));
                    let before = next.checked_sub(1).and_then(|last| changes.get(last));
                    // Behind a change lines are as far from its end as they were before.
                    let here = before.map_or(at, |(before, after)| before.end + (at - after.end));
                    passed.push(Run { here, ..piece(until) });
                    at = until;
                }
            }
        }
    }
    (kept, passed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec("[abc]\n", 0..20).prop_map(|lines| lines.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn what_passes_is_the_same_line_and_nothing_is_lost(
            before in text(),
            after in text(),
            cuts in prop::collection::vec(0u32..20, 0..4),
        ) {
            let lines = |text: &[u8]| -> Vec<Vec<u8>> {
                text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
            };
            let (old, new) = (lines(&before), lines(&after));
            let count = new.len() as u32;
            let mut cuts: Vec<u32> = cuts.into_iter().map(|cut| cut.min(count)).collect();
            cuts.extend([0, count]);
            cuts.sort_unstable();
            let runs = cuts.windows(2).map(|c| Run { last: c[0] + 100, here: c[0], len: c[1] - c[0] });
            let runs: Vec<Run> = runs.filter(|run| run.len > 0).rev().collect();
            let (kept, passed) = divide(&changed_lines(&before, &after), runs);
            let mut seen = vec![0; new.len()];
            for run in &kept {
                (0..run.len).for_each(|nth| seen[(run.here + nth) as usize] += 1);
                prop_assert_eq!(run.last, run.here + 100);
            }
            for run in &passed {
                for nth in 0..run.len {
                    let last = (run.last - 100 + nth) as usize;
                    seen[last] += 1;
                    prop_assert_eq!(&new[last], &old[(run.here + nth) as usize]);
                }
            }
            prop_assert!(seen.iter().all(|times| *times == 1), "{:?}", seen);
        }
    }
}
