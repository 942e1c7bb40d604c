//! Which commit is tested next.

use std::cmp::Reverse;

use super::dag::Dag;
use super::lookahead::{FEW, Few};
use super::verdicts::{NotMonotone, Open, Suspects, Verdict, first_bad, open};
use super::weights::{rough_weights, weight_of, weights};

/// From so many on, weights are rough, and exact only of those that come close.
const MANY: usize = 16 << 10;
/// So many commits are counted for a rough weight: its error is about a hundredth.
const SAMPLE: usize = 4 << 10;
/// Of so many that come close, the exact weight is looked at.
const CLOSE: usize = 16;

/// What comes next in a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// A bad or a good commit must be named first.
    Waiting {
        /// Whether a bad one is known.
        bad: bool,
        /// Whether a good one is known.
        good: bool,
    },
    /// Test this commit.
    Test {
        /// The commit.
        at: usize,
        /// How many may have brought it, the one that is known to be bad among them.
        left: usize,
        /// About how many tests it takes, this one among them.
        tests: u32,
        /// Whether the good and the bad commit both come from it: it is a question of whether the
        /// search makes sense.
        base: bool,
    },
    /// Nothing is left to be tested.
    Found(Found),
}

/// What a search came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Those that may have brought it: one, unless others were skipped.
    pub first_bad: Vec<usize>,
    /// The one that is known to be bad.
    pub bad: usize,
    /// None of those that were looked at brought it; then `first_bad` is empty, or, where some were
    /// skipped, holds those.
    pub outside: bool,
}

/// What comes next, given who follows whom and what was said so far. With `only`, nothing but those
/// commits are taken for what may have brought it.
///
/// What it says depends on the order of the commits in `dag` and on nothing else.
///
/// # Errors
/// [`NotMonotone`].
pub fn next(
    dag: &Dag,
    said: &[(usize, Verdict)],
    only: Option<&[bool]>,
) -> Result<Next, NotMonotone> {
    Ok(match open(dag, said)? {
        Open::Waiting { bad, good } => Next::Waiting { bad, good },
        Open::Bases(bases) => match bases.last() {
            Some(at) => {
                let left = bases.len();
                Next::Test { at: *at, left, tests: left as u32, base: true }
            }
            None => Next::Waiting { bad: true, good: true },
        },
        Open::Suspects(suspects) => {
            let field = Field::new(dag, said, &suspects, only);
            match field.choose() {
                Some(chosen) => {
                    let left = field.counted.iter().filter(|counted| **counted).count();
                    let at = suspects.all.get(chosen).copied().unwrap_or(suspects.bad);
                    Next::Test { at, left, tests: tests_for(left), base: false }
                }
                None => Next::Found(found(dag, said, suspects, only)),
            }
        }
    })
}

/// The verdicts that a search gets from tests of which `bad` is what each finds; for simulations.
/// Gives the commits in the order in which they are tested.
///
/// # Errors
/// [`NotMonotone`].
pub fn search(
    dag: &Dag,
    said: &mut Vec<(usize, Verdict)>,
    only: Option<&[bool]>,
    test: &mut dyn FnMut(usize) -> Verdict,
) -> Result<(Vec<usize>, Next), NotMonotone> {
    let mut tested = Vec::new();
    loop {
        match next(dag, said, only)? {
            Next::Test { at, .. } => {
                tested.push(at);
                said.push((at, test(at)));
            }
            ended => return Ok((tested, ended)),
        }
    }
}

fn found(dag: &Dag, said: &[(usize, Verdict)], suspects: Suspects, only: Option<&[bool]>) -> Found {
    let bad = suspects.bad;
    let Some(only) = only else {
        return Found { first_bad: first_bad(dag, said, &suspects), bad, outside: false };
    };
    // All that count were tested or skipped; what was found good is no suspect any more.
    let counts = |at: usize| only.get(at) == Some(&true);
    let outside = !counts(bad);
    let first_bad = suspects.all.into_iter().filter(|at| counts(*at)).collect();
    Found { first_bad, bad, outside }
}

/// About how many tests it takes to find one among `left`.
fn tests_for(left: usize) -> u32 {
    usize::BITS - left.saturating_sub(1).leading_zeros()
}

/// The suspects alone. The last is the bad one, to which all others lead.
struct Field {
    dag: Dag,
    /// Those that may have brought it.
    counted: Vec<bool>,
    /// Those of them that can be tested.
    testable: Vec<bool>,
    skipped: Vec<usize>,
}

impl Field {
    fn new(
        dag: &Dag,
        said: &[(usize, Verdict)],
        suspects: &Suspects,
        only: Option<&[bool]>,
    ) -> Self {
        let mut place = vec![u32::MAX; dag.len()];
        for (local, at) in suspects.all.iter().enumerate() {
            place[*at] = local as u32;
        }
        let mut inner = Dag::default();
        let mut parents = Vec::new();
        for at in &suspects.all {
            let known = dag.parents(*at).iter().map(|parent| place[*parent as usize]);
            parents.clear();
            parents.extend(known.filter(|place| *place != u32::MAX));
            inner.push(&parents);
        }
        let is_bad = |at: usize| at == suspects.bad;
        let counts =
            |at: &usize| is_bad(*at) || only.is_none_or(|only| only.get(*at) == Some(&true));
        let counted: Vec<bool> = suspects.all.iter().map(counts).collect();
        let mut testable: Vec<bool> =
            suspects.all.iter().map(|at| counts(at) && !is_bad(*at)).collect();
        let mut skipped = Vec::new();
        for (at, verdict) in said {
            let Some(local) = place.get(*at).filter(|local| **local != u32::MAX) else { continue };
            let local = *local as usize;
            // The latest verdict counts.
            testable[local] = false;
            skipped.retain(|other| *other != local);
            if *verdict == Verdict::Skip && counted[local] {
                skipped.push(local);
            }
        }
        Self { dag: inner, counted, testable, skipped }
    }

    /// The commit whose worse outcome leaves the fewest; `None` where nothing can be tested.
    fn choose(&self) -> Option<usize> {
        if !self.testable.contains(&true) {
            return None;
        }
        let counted = self.counted.iter().filter(|counted| **counted).count();
        if counted <= FEW && self.skipped.is_empty() {
            return Few::new(&self.dag, &self.counted, &self.testable).choose();
        }
        let weights = match counted > MANY {
            true => rough_weights(&self.dag, &self.counted, SAMPLE),
            false => weights(&self.dag, &self.counted),
        };
        let smaller = |weight: u32| (weight as usize).min(counted.saturating_sub(weight as usize));
        let testable = || (0..self.testable.len()).filter(|at| self.testable[*at]);
        // What lies next to a commit that cannot be tested often cannot be tested either: with each
        // that is skipped the next one lies further off.
        let grown = 1usize.checked_shl(self.skipped.len() as u32).unwrap_or(usize::MAX);
        let mut apart = if self.skipped.is_empty() { 0 } else { grown.min(counted / 8) };
        loop {
            let far = |at: &usize| {
                let mut all = self.skipped.iter();
                all.all(|skipped| weights[*skipped].abs_diff(weights[*at]) as usize >= apart)
            };
            // Of several that are alike, the first.
            let halves = |at: usize, weight: u32| (smaller(weight), usize::MAX - at);
            let best = match counted > MANY {
                false => testable().filter(far).max_by_key(|at| halves(*at, weights[*at])),
                true => {
                    let mut close: Vec<usize> = testable().filter(far).collect();
                    close.sort_unstable_by_key(|at| Reverse(halves(*at, weights[*at])));
                    close.truncate(CLOSE);
                    close
                        .into_iter()
                        .max_by_key(|at| halves(*at, weight_of(&self.dag, &self.counted, *at)))
                }
            };
            if best.is_some() || apart == 0 {
                return best;
            }
            apart /= 2;
        }
    }
}
