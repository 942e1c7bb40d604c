//! What verdicts leave open: which commits may have brought what is looked for.
//!
//! All is decided by who follows whom. A verdict speaks for more than its commit: what lies behind a
//! good commit is good, and what follows a bad one is bad, as long as only one change matters.

use super::dag::Dag;

/// What was found of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// It does not have what is looked for.
    Good,
    /// It has it.
    Bad,
    /// It cannot be told.
    Skip,
}

/// A commit that is good although it follows a bad one: what is looked for came and went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotMonotone {
    /// The good one.
    pub good: usize,
    /// The bad one behind it.
    pub bad: usize,
}

/// What verdicts leave open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Open {
    /// No commit that is bad is known, or none that is good.
    Waiting {
        /// Whether a bad one is known.
        bad: bool,
        /// Whether a good one is known.
        good: bool,
    },
    /// There is a good one that does not lead to the bad one: before all else it is to be seen that
    /// the commits from which both come are good.
    Bases(Vec<usize>),
    /// These may have brought it.
    Suspects(Suspects),
}

/// The commits that may have brought it: behind the bad one, and not behind a good one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suspects {
    /// All of them, ascending.
    pub all: Vec<usize>,
    /// The one that is known to be bad.
    pub bad: usize,
}

/// Works out what is left open after `said`, of which the latest comes last and counts.
///
/// # Errors
/// [`NotMonotone`].
pub fn open(dag: &Dag, said: &[(usize, Verdict)]) -> Result<Open, NotMonotone> {
    let verdicts = Verdicts::new(dag, said);
    let goods: Vec<usize> = verdicts.all(Verdict::Good).collect();
    let bads: Vec<usize> = verdicts.all(Verdict::Bad).collect();
    let good = dag.behind(goods.iter().copied());
    if let Some(bad) = bads.iter().copied().find(|bad| good[*bad]) {
        let follows = |g: &&usize| dag.behind([**g]).get(bad) == Some(&true);
        // The nearest of them: it has the fewest commits between.
        let good = goods.iter().filter(follows).min().copied().unwrap_or(bad);
        return Err(NotMonotone { good, bad });
    }
    let Some(bad) = verdicts.bad_to_follow(dag, &good, &bads) else {
        return Ok(Open::Waiting { bad: false, good: !goods.is_empty() });
    };
    if goods.is_empty() {
        return Ok(Open::Waiting { bad: true, good: false });
    }
    let behind_bad = dag.behind([bad]);
    let bases = verdicts.bases(dag, &behind_bad, &good, &goods, &bads);
    if !bases.is_empty() {
        return Ok(Open::Bases(bases));
    }
    let all = (0..dag.len()).filter(|at| behind_bad[*at] && !good[*at]).collect();
    Ok(Open::Suspects(Suspects { all, bad }))
}

/// The first bad set: every suspect that is known to be bad or was skipped, and whose parents are
/// each good, ancestors of a good one, or connected to one through skipped commits.
///
/// A parent that was skipped counts as connected if its own parents are good or connected: then all
/// that lies behind it may be good. So once nothing is left to be tested, the set holds exactly
/// those that may be the first.
pub fn first_bad(dag: &Dag, said: &[(usize, Verdict)], suspects: &Suspects) -> Vec<usize> {
    let verdicts = Verdicts::new(dag, said);
    let mut open = vec![false; dag.len()];
    for at in &suspects.all {
        open[*at] = true;
    }
    // Whether a commit is good, or may be as far as its ancestors go.
    let mut clear: Vec<bool> = open.iter().map(|open| !open).collect();
    let mut first = Vec::new();
    for at in suspects.all.iter().copied() {
        let all_clear = dag.parents(at).iter().all(|parent| clear[*parent as usize]);
        let verdict = verdicts.of(at);
        clear[at] = all_clear && verdict == Some(Verdict::Skip);
        if all_clear && matches!(verdict, Some(Verdict::Bad | Verdict::Skip)) {
            first.push(at);
        }
    }
    first
}

/// The latest verdict on each commit.
struct Verdicts<'s> {
    said: &'s [(usize, Verdict)],
    latest: Vec<Option<Verdict>>,
}

impl<'s> Verdicts<'s> {
    fn new(dag: &Dag, said: &'s [(usize, Verdict)]) -> Self {
        let mut latest = vec![None; dag.len()];
        for (at, verdict) in said {
            if let Some(known) = latest.get_mut(*at) {
                *known = Some(*verdict);
            }
        }
        Self { said, latest }
    }

    fn of(&self, at: usize) -> Option<Verdict> {
        self.latest.get(at).copied().flatten()
    }

    /// Those with this verdict, the latest last.
    fn all(&self, verdict: Verdict) -> impl Iterator<Item = usize> {
        let said = self.said.iter().map(|(at, _)| *at);
        said.filter(move |at| self.of(*at) == Some(verdict))
    }

    /// The bad one whose ancestors are looked at: the one that was named last, or, where others that
    /// are bad lie behind it, one that has none behind it.
    fn bad_to_follow(&self, dag: &Dag, good: &[bool], bads: &[usize]) -> Option<usize> {
        let last = *bads.last()?;
        let behind = dag.behind([last]);
        let mut follows_bad = vec![false; dag.len()];
        for at in 0..dag.len() {
            follows_bad[at] = dag.parents(at).iter().any(|parent| {
                let parent = *parent as usize;
                !good[parent] && (follows_bad[parent] || self.of(parent) == Some(Verdict::Bad))
            });
        }
        bads.iter().rev().copied().find(|at| behind[*at] && !follows_bad[*at])
    }

    /// The commits from which both the bad one and a good one come that does not lead to any bad
    /// one (git's `check_merge_bases`), as long as nothing was said of them.
    fn bases(
        &self,
        dag: &Dag,
        behind_bad: &[bool],
        good: &[bool],
        goods: &[usize],
        bads: &[usize],
    ) -> Vec<usize> {
        let behind_any_bad = dag.behind(bads.iter().copied());
        let trusted = dag.behind(goods.iter().copied().filter(|at| behind_any_bad[*at]));
        let shared = |at: usize| behind_bad[at] && good[at] && !trusted[at];
        let mut has_child = vec![false; dag.len()];
        for at in (0..dag.len()).filter(|at| behind_bad[*at] && good[*at]) {
            for parent in dag.parents(at) {
                has_child[*parent as usize] = true;
            }
        }
        (0..dag.len())
            .filter(|at| shared(*at) && !has_child[*at] && self.of(*at).is_none())
            .collect()
    }
}
