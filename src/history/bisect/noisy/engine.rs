//! A search as it goes: what was seen, what to run next, what it has come to.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::drift::{Drift, drift};
use super::graph::Graph;
use super::hypotheses::Hypotheses;
use super::posterior::{Extent, Pair, Posterior, Seen};
use super::random::Random;
use super::rates::Rates;
use super::search::{Class, NoisyError, Observation, Options, Outcome, Search};
use super::verdict::{Hypothesis, Kinds, Tally, Verdict, Weighed};

/// How many runs an answer may take at most.
pub const MOST_RUNS: u32 = 1000;
/// After so many runs without one of the bad end, or of a good one, it is run again.
const ENDS_EVERY: usize = 24;
/// Each so manieth run is chosen by all hypotheses, the others by single commits alone.
const PAIRS_EVERY: usize = 8;
/// Contents whose gain is at least this part of the greatest are drawn from.
const NEARLY: f64 = 0.97;
/// From this probability on, every other run is one that tells most about whether the leading
/// answer holds.
const LEADS: f64 = 0.5;

/// A search by a noisy test.
pub struct Noisy {
    graph: Graph,
    hypotheses: Hypotheses,
    rates: Rates,
    seen: Seen,
    testable: Vec<bool>,
    by_class: HashMap<Class, usize>,
    options: Options,
    observations: Vec<Observation>,
    whole: OnceCell<Posterior>,
}

impl Noisy {
    /// Begins a search.
    pub fn new(search: &Search, options: Options) -> Result<Self, NoisyError> {
        if !(options.confidence > 0.5 && options.confidence < 1.0) {
            return Err(NoisyError::Confidence(options.confidence));
        }
        if options.budget == 0 || options.budget > MOST_RUNS {
            return Err(NoisyError::Budget { asked: options.budget, most: MOST_RUNS });
        }
        let graph = Graph::new(search)?;
        let testable = vec![true; graph.contents.len()];
        let hypotheses = Hypotheses::new(&graph, &testable);
        let by_class =
            graph.contents.iter().enumerate().map(|(at, content)| (content.class, at)).collect();
        let seen = Seen {
            contents: vec![Tally::default(); graph.contents.len()],
            nodes: vec![Tally::default(); hypotheses.nodes.len()],
            all: Tally::default(),
        };
        let rates = Rates::new(seen.all);
        let (observations, whole) = (Vec::new(), OnceCell::new());
        Ok(Self {
            graph,
            hypotheses,
            rates,
            seen,
            testable,
            by_class,
            options,
            observations,
            whole,
        })
    }

    /// Goes on with a search of which this was seen.
    pub fn resume(
        search: &Search,
        options: Options,
        observations: &[Observation],
    ) -> Result<Self, NoisyError> {
        let mut noisy = Self::new(search, options)?;
        for observation in observations {
            noisy.observe(*observation)?;
        }
        Ok(noisy)
    }

    /// Takes note of one run.
    pub fn observe(&mut self, observation: Observation) -> Result<(), NoisyError> {
        let Observation { class, outcome } = observation;
        let content = *self.by_class.get(&class).ok_or(NoisyError::NoSuchClass(class.0))?;
        if outcome == Outcome::Untestable {
            self.testable[content] = false;
            self.find_hypotheses();
        } else {
            if self.seen.all.runs() >= MOST_RUNS {
                return Err(NoisyError::Budget { asked: MOST_RUNS + 1, most: MOST_RUNS });
            }
            if !self.testable[content] && self.seen.contents[content].runs() == 0 {
                self.seen.contents[content].add(outcome);
                self.find_hypotheses();
            } else {
                self.seen.contents[content].add(outcome);
                for node in self.hypotheses.holders.row(content) {
                    self.seen.nodes[node].add(outcome);
                }
            }
            self.seen.all.add(outcome);
            self.rates = Rates::new(self.seen.all);
        }
        self.observations.push(observation);
        self.whole.take();
        Ok(())
    }

    /// All that was observed, in order: with the search and the options the whole state.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// The first commit that has a content.
    pub fn commit_of(&self, class: Class) -> Option<usize> {
        Some(self.graph.contents[*self.by_class.get(&class)?].commit)
    }

    /// What to run next; nothing when there is a verdict.
    pub fn next(&self) -> Option<Class> {
        (self.verdict() == Verdict::Open).then(|| self.choose()).flatten()
    }

    /// Several contents to run at once; one may be named several times.
    pub fn next_many(&self, count: usize) -> Vec<Class> {
        if self.verdict() != Verdict::Open {
            return Vec::new();
        }
        let left = self.options.budget.saturating_sub(self.seen.all.runs()) as usize;
        (0..count.min(left)).filter_map(|nth| self.choose_nth(nth)).collect()
    }

    /// What to run next, whatever the verdict; nothing if nothing can be run.
    pub fn choose(&self) -> Option<Class> {
        self.choose_nth(0)
    }

    fn choose_nth(&self, ahead: usize) -> Option<Class> {
        let step = self.observations.len() + ahead;
        let mut random = Random::new(self.options.seed ^ ((step as u64) << 32));
        if let Some(end) = self.stale_end(&mut random).filter(|_| ahead == 0) {
            return Some(self.graph.contents[end].class);
        }
        let quick = self.weigh(Extent::Where);
        let leads = quick.lead() >= LEADS || quick.any_one() == 0.0;
        let posterior =
            if leads || step.is_multiple_of(PAIRS_EVERY) { self.whole() } else { &quick };
        let confirms = posterior.lead() >= LEADS && step.is_multiple_of(2);
        let all_gains = if confirms { &posterior.leader_gains } else { &posterior.gains };
        let gains = || {
            let gains = all_gains.iter().copied().enumerate();
            gains.filter(|(content, _)| self.testable[*content])
        };
        let most = gains().map(|(_, gain)| gain).fold(f64::NEG_INFINITY, f64::max);
        let least = most - most.abs() * (1.0 - NEARLY);
        let good: Vec<usize> =
            gains().filter(|(_, gain)| *gain >= least).map(|(content, _)| content).collect();
        if good.is_empty() {
            return None;
        }
        Some(self.graph.contents[good[random.below(good.len())]].class)
    }

    /// An end that was not run for long.
    fn stale_end(&self, random: &mut Random) -> Option<usize> {
        let recent = self.observations.len().checked_sub(ENDS_EVERY)?;
        let goods = &self.graph.goods;
        let ends = [self.graph.bad, goods[random.below(goods.len())]];
        ends.into_iter().filter(|end| self.testable[*end]).find(|end| {
            let class = self.graph.contents[*end].class;
            self.observations[recent..].iter().all(|observation| observation.class != class)
        })
    }

    /// What the search has come to.
    pub fn verdict(&self) -> Verdict {
        let posterior = self.whole();
        let enough = self.options.confidence;
        let all = self.seen.all;
        if posterior.none >= enough {
            return Verdict::NoChange { probability: posterior.none, all };
        }
        if let Some((node, probability)) = posterior.best_one().filter(|best| best.1 >= enough) {
            let after = self.seen.nodes[node];
            let commits = self.commits(node);
            return Verdict::Brought { commits, probability, before: all.without(after), after };
        }
        if let Some(pair) = posterior.best_removed.filter(|pair| pair.probability >= enough) {
            let with = self.seen.nodes[pair.first].without(self.seen.nodes[pair.second]);
            return Verdict::BroughtAndRemoved {
                brought: self.commits(pair.first),
                removed: self.commits(pair.second),
                probability: pair.probability,
                without: all.without(with),
                with,
            };
        }
        let several = posterior.twice + posterior.scattered;
        if several >= enough {
            return self.not_one(several);
        }
        if all.runs() < self.options.budget && self.testable.contains(&true) {
            return Verdict::Open;
        }
        let two = several + posterior.removed;
        if two >= enough { self.not_one(two) } else { Verdict::Undecided }
    }

    fn not_one(&self, probability: f64) -> Verdict {
        let twice = self.whole().best_twice;
        let likeliest = twice.map(|pair| Hypothesis::ChangedTwice {
            first: self.commits(pair.first),
            second: self.commits(pair.second),
        });
        Verdict::NotOneCommit { probability, likeliest }
    }

    /// The likeliest hypotheses, likeliest first, at most a hundred: of pairs only the likeliest
    /// of each kind.
    pub fn posterior(&self) -> Vec<Weighed> {
        let posterior = self.whole();
        let mut weighed = vec![
            Weighed { hypothesis: Hypothesis::NoChange, probability: posterior.none },
            Weighed { hypothesis: Hypothesis::Scattered, probability: posterior.scattered },
        ];
        for (node, probability) in posterior.one.iter().enumerate() {
            if *probability > 0.0 {
                let hypothesis = Hypothesis::Brought { commits: self.commits(node) };
                weighed.push(Weighed { hypothesis, probability: *probability });
            }
        }
        if let Some(Pair { first, second, probability }) = posterior.best_removed {
            let (brought, removed) = (self.commits(first), self.commits(second));
            let hypothesis = Hypothesis::BroughtAndRemoved { brought, removed };
            weighed.push(Weighed { hypothesis, probability });
        }
        if let Some(Pair { first, second, probability }) = posterior.best_twice {
            let (first, second) = (self.commits(first), self.commits(second));
            let hypothesis = Hypothesis::ChangedTwice { first, second };
            weighed.push(Weighed { hypothesis, probability });
        }
        weighed.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        weighed.truncate(100);
        weighed
    }

    /// The probability of each kind of hypothesis.
    pub fn kinds(&self) -> Kinds {
        let posterior = self.whole();
        Kinds {
            no_change: posterior.none,
            brought: posterior.any_one(),
            brought_and_removed: posterior.removed,
            changed_twice: posterior.twice,
            scattered: posterior.scattered,
        }
    }

    /// The ends whose pass rate seems to have changed while the search went on.
    pub fn drifts(&self) -> Vec<Drift> {
        let ends = std::iter::once(self.graph.bad).chain(self.graph.goods.iter().copied());
        let drift = |end: usize| drift(self.graph.contents[end].class, &self.observations);
        ends.filter_map(drift).collect()
    }

    /// The commit, or those that no test can tell apart, that is likeliest to have brought it
    /// alone.
    pub fn likeliest(&self) -> Option<Vec<usize>> {
        let posterior = self.weigh(Extent::Where);
        posterior.best_one().map(|(node, _)| self.commits(node))
    }

    fn commits(&self, node: usize) -> Vec<usize> {
        self.hypotheses.nodes[node].commits.clone()
    }

    fn whole(&self) -> &Posterior {
        self.whole.get_or_init(|| self.weigh(Extent::All))
    }

    fn weigh(&self, extent: Extent) -> Posterior {
        Posterior::new(&self.hypotheses, &self.rates, &self.seen, extent)
    }

    /// Finds the hypotheses that what can be tested and what was tested tell apart.
    fn find_hypotheses(&mut self) {
        let contents = self.testable.iter().zip(&self.seen.contents);
        let visible: Vec<bool> =
            contents.map(|(testable, tally)| *testable || tally.runs() > 0).collect();
        self.hypotheses = Hypotheses::new(&self.graph, &visible);
        self.seen.nodes = vec![Tally::default(); self.hypotheses.nodes.len()];
        for (content, tally) in self.seen.contents.iter().enumerate() {
            for node in self.hypotheses.holders.row(content) {
                self.seen.nodes[node].good += tally.good;
                self.seen.nodes[node].bad += tally.bad;
            }
        }
    }
}

impl Tally {
    /// How many runs.
    pub fn runs(self) -> u32 {
        self.good + self.bad
    }

    pub(super) fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Good => self.good += 1,
            Outcome::Bad => self.bad += 1,
            Outcome::Untestable => {}
        }
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
