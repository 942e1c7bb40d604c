//! A bisection of a repository: what its session leaves open.

use std::collections::HashSet;

use crate::history::WalkError;
use crate::history::ancestry::Ancestry;
use crate::history::commit_graph::Position;
use crate::object::CommitId;
use crate::repo::Repository;

use super::candidates;
use super::choice::{Next, next};
use super::dag::Dag;
use super::error::BisectError;
use super::session::{Said, Session};
use super::verdicts::{NotMonotone, Open, Suspects, Verdict, open};

/// The commits that a bisection is about, and who follows whom.
///
/// They stand in the order of their generations, those of one generation in that of their ids: so
/// what is tested next depends on the commits alone, in every clone and whatever their clocks say.
pub struct Search<'r> {
    ancestry: Ancestry<'r>,
    session: &'r Session,
    dag: Dag,
    /// Where the commit graph has each.
    positions: Vec<Position>,
    /// The place of each that the commit graph has.
    places: Vec<u32>,
    only: Option<Vec<bool>>,
}

/// What comes next in a bisection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A commit that is bad, or one that is good, must be named first.
    Waiting {
        /// Whether a bad one is known.
        bad: bool,
        /// Whether a good one is known.
        good: bool,
    },
    /// Test this commit.
    Test(Test),
    /// Nothing is left to be tested.
    Found(FoundCommits),
}

/// A commit to be tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Test {
    /// The commit.
    pub commit: CommitId,
    /// How many may have brought what is looked for, the one that is known to be bad among them.
    pub left: usize,
    /// About how many tests it takes, this one among them.
    pub tests: u32,
    /// The good and the bad commit both come from it: if it is bad, the change went away again.
    pub base: bool,
}

/// What a bisection came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundCommits {
    /// Those that may have brought it: one, unless others could not be tested.
    pub first_bad: Vec<CommitId>,
    /// The commit that is known to be bad.
    pub bad: CommitId,
    /// The commits that were looked at did not bring it, as far as they could be tested.
    pub outside: bool,
}

impl<'r> Search<'r> {
    /// Reads what the session is about.
    ///
    /// # Errors
    /// When a commit on the way cannot be read, or the verdicts contradict each other.
    pub fn load(repo: &'r Repository, session: &'r Session) -> Result<Self, BisectError> {
        let starts: Vec<CommitId> = session.said.iter().map(|said| said.commit).collect();
        let ancestry = Ancestry::load_reaching(repo, &starts);
        let graph = ancestry.graph();
        let mut reached = vec![false; graph.len()];
        for start in starts {
            match graph.find(start) {
                Some(at) => reached[at as usize] = true,
                None => return Err(why_not(repo, &ancestry, start)),
            }
        }
        let mut positions = all_behind(&ancestry, reached);
        positions.sort_unstable_by(|a, b| {
            let (a, b) = (graph.row(*a), graph.row(*b));
            (a.generation, a.id).cmp(&(b.generation, b.id))
        });
        let mut places = vec![u32::MAX; graph.len()];
        for (place, at) in positions.iter().enumerate() {
            places[*at as usize] = place as u32;
        }
        let (mut dag, mut parents) = (Dag::default(), Vec::new());
        for at in &positions {
            parents.clear();
            parents.extend(graph.parents(*at).iter().map(|parent| places[*parent as usize]));
            // Parents have smaller generations.
            dag.push(&parents);
        }
        let mut search = Self { ancestry, session, dag, positions, places, only: None };
        search.only = search.candidates()?;
        Ok(search)
    }

    fn candidates(&self) -> Result<Option<Vec<bool>>, BisectError> {
        if self.session.only.is_all() {
            return Ok(None);
        }
        let Some(suspects) = self.open_suspects()? else {
            return Ok(Some(vec![false; self.dag.len()]));
        };
        let spots: Vec<_> =
            suspects.all.iter().map(|at| self.ancestry.spot(self.id(*at))).collect();
        let found = candidates::among(&self.ancestry, &spots, &self.session.only)?;
        let mut marks = vec![false; self.dag.len()];
        for (at, found) in suspects.all.iter().zip(found) {
            marks[*at] = found;
        }
        Ok(Some(marks))
    }

    /// What comes next.
    ///
    /// # Errors
    /// [`BisectError::NotMonotone`].
    pub fn next(&self) -> Result<Step, BisectError> {
        self.next_after(&self.session.said)
    }

    /// What would come next if `said` were what was said: the session's verdicts and others on
    /// suspects.
    ///
    /// # Errors
    /// [`BisectError::NotMonotone`].
    pub fn next_after(&self, said: &[Said]) -> Result<Step, BisectError> {
        let next = next(&self.dag, &self.placed(said), self.only.as_deref());
        Ok(match next.map_err(|e| self.named(e))? {
            Next::Waiting { bad, good } => Step::Waiting { bad, good },
            Next::Test { at, left, tests, base } => {
                Step::Test(Test { commit: self.id(at), left, tests, base })
            }
            Next::Found(found) => Step::Found(FoundCommits {
                first_bad: found.first_bad.iter().map(|at| self.id(*at)).collect(),
                bad: self.id(found.bad),
                outside: found.outside,
            }),
        })
    }

    /// The commits that may have brought it, those with the most behind them last; none before a
    /// bad and a good one are known.
    ///
    /// # Errors
    /// [`BisectError::NotMonotone`].
    pub fn suspects(&self) -> Result<Vec<CommitId>, BisectError> {
        let Some(suspects) = self.open_suspects()? else { return Ok(Vec::new()) };
        let counts =
            |at: &usize| *at == suspects.bad || self.only.as_ref().is_none_or(|only| only[*at]);
        Ok(suspects.all.iter().copied().filter(counts).map(|at| self.id(at)).collect())
    }

    /// Who follows whom.
    pub(super) fn dag(&self) -> &Dag {
        &self.dag
    }

    /// The suspects by their places; `None` before there are any.
    ///
    /// # Errors
    /// [`BisectError::NotMonotone`].
    pub(super) fn open_suspects(&self) -> Result<Option<Suspects>, BisectError> {
        let said = self.placed(&self.session.said);
        Ok(match open(&self.dag, &said).map_err(|e| self.named(e))? {
            Open::Suspects(suspects) => Some(suspects),
            _ => None,
        })
    }

    /// The commit at a place.
    pub(super) fn id(&self, at: usize) -> CommitId {
        self.ancestry.graph().row(self.positions[at]).id
    }

    fn placed(&self, said: &[Said]) -> Vec<(usize, Verdict)> {
        let place = |said: &Said| {
            let at = self.ancestry.graph().find(said.commit)?;
            let place = self.places.get(at as usize).filter(|place| **place != u32::MAX)?;
            Some((*place as usize, said.verdict))
        };
        said.iter().filter_map(place).collect()
    }

    fn named(&self, error: NotMonotone) -> BisectError {
        let terms = &self.session.terms;
        BisectError::NotMonotone {
            good: self.id(error.good),
            good_word: terms.old.clone(),
            bad: self.id(error.bad),
            bad_word: terms.new.clone(),
        }
    }
}

/// All places that those reached lead to, themselves among them. Children come behind their parents
/// in the graph.
fn all_behind(ancestry: &Ancestry<'_>, mut reached: Vec<bool>) -> Vec<Position> {
    let mut all = Vec::new();
    for at in (0..reached.len()).rev() {
        if reached[at] {
            all.push(at as Position);
            for parent in ancestry.graph().parents(at as Position) {
                reached[*parent as usize] = true;
            }
        }
    }
    all
}

/// Why the graph has no place for a commit: one on the way cannot be read.
fn why_not(repo: &Repository, ancestry: &Ancestry<'_>, from: CommitId) -> BisectError {
    let (mut stack, mut seen) = (vec![from], HashSet::from([from]));
    while let Some(id) = stack.pop() {
        match repo.commit(id) {
            Err(e) => return WalkError { id, source: Box::new(e) }.into(),
            Ok(stored) => {
                let parents = stored.commit.parents.into_iter();
                stack.extend(
                    parents.filter(|parent| {
                        ancestry.spot(*parent).at.is_none() && seen.insert(*parent)
                    }),
                );
            }
        }
    }
    BisectError::TooLong { from }
}
