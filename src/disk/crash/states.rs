//! All states that a crash can leave, each checked once.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::file_content::Random;
use super::model::{Model, Uncertain};
use super::tree::Tree;
use crate::disk::operation::Operation;

/// How many states are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Up to so many open changes and unsynced files, and at most 20, every combination is looked at.
    pub exhaustive_up_to: usize,
    /// Where there are more: so many samples, shared out over all such moments of the workload.
    pub samples: usize,
    /// From which samples are drawn; told with every failure.
    pub seed: u64,
}

impl Budget {
    /// Every combination of up to 10 open changes, 1,000 samples beyond.
    pub fn seeded(seed: u64) -> Budget {
        Budget { exhaustive_up_to: 10, samples: 1000, seed }
    }
}

/// What a check of one state says: an error is a promise broken.
pub type CheckResult = Result<(), Box<dyn Error>>;

/// How a state came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateInfo {
    /// How many operations of the record had happened.
    pub operations: usize,
    /// The last of them.
    pub last: Option<String>,
    /// The marks that had been passed, in order.
    pub marks: Vec<String>,
    /// What was lost or torn.
    pub lost: Vec<String>,
    /// The seed of the samples.
    pub seed: u64,
}

impl StateInfo {
    /// Whether the workload had passed a mark, so that what it tells must be true.
    pub fn has_mark(&self, label: &str) -> bool {
        self.marks.iter().any(|mark| mark == label)
    }
}

impl fmt::Display for StateInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash after operation {}", self.operations)?;
        if let Some(last) = &self.last {
            write!(f, " ({last})")?;
        }
        if !self.marks.is_empty() {
            write!(f, ", after {}", self.marks.join(", "))?;
        }
        write!(f, ", seed {}", self.seed)?;
        for lost in &self.lost {
            write!(f, "\n  {lost}")?;
        }
        Ok(())
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Distinct states, each with the marks passed.
    pub states: usize,
    /// States that were built, equal ones among them.
    pub built: usize,
}

/// Why the states could not all be checked, or which is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrashError {
    /// A check refused a state.
    #[error("{info}\n  {reason}")]
    Broken {
        /// The state.
        info: StateInfo,
        /// What the check said.
        reason: Box<dyn Error>,
    },
    /// The record tells of a file that it does not know: something wrote past the disk.
    #[error("operation {number} of the record does not fit those before: {operation}")]
    Unplayable {
        /// Its number, from 1.
        number: usize,
        /// What it does.
        operation: String,
    },
    /// A state could not be written out.
    #[error("cannot write a crash state to {}", path.display())]
    Scratch {
        /// The folder for the state.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The states that a crash can leave, for every moment of a recorded workload.
#[derive(Clone, Debug)]
pub struct CrashStates {
    initial: Tree,
    operations: Vec<Operation>,
    budget: Budget,
}

impl CrashStates {
    pub(super) fn new(initial: Tree, operations: Vec<Operation>, budget: Budget) -> CrashStates {
        CrashStates { initial, operations, budget }
    }

    /// The recorded operations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The same workload without its sync number `nth`, from 0; `None` if it has fewer.
    pub fn without_sync(&self, nth: usize) -> Option<CrashStates> {
        let mut other = self.clone();
        other.operations.remove(self.sync_positions().nth(nth)?);
        Some(other)
    }

    /// Checks every distinct state, each in a fresh folder below `scratch`, to the first that is broken.
    ///
    /// The check may change the folder; it is removed afterwards.
    pub fn for_each_state(
        &self,
        scratch: &Path,
        mut check: impl FnMut(&StateInfo, &Path) -> CheckResult,
    ) -> Result<Checked, CrashError> {
        let samples = self.samples_per_moment()?;
        let mut walk =
            Walk { scratch, check: &mut check, seen: HashSet::new(), checked: Checked::default() };
        let mut model = Model::new(&self.initial, self.budget.seed);
        let mut moment = Moment::new(self.budget.seed);
        let mut random = Random::new(self.budget.seed);
        walk.visit(&mut model, &moment, self.choices(samples, &mut random))?;
        for (index, operation) in self.operations.iter().enumerate() {
            self.play(&mut model, index)?;
            moment.pass(index, operation);
            walk.visit(&mut model, &moment, self.choices(samples, &mut random))?;
        }
        Ok(walk.checked)
    }

    /// The syncs that can be left out one at a time without any check noticing.
    ///
    /// A workload in which each sync is needed gives none. The whole workload must pass first.
    pub fn needless_syncs(
        &self,
        scratch: &Path,
        mut check: impl FnMut(&StateInfo, &Path) -> CheckResult,
    ) -> Result<Vec<String>, CrashError> {
        self.for_each_state(scratch, &mut check)?;
        let mut needless = Vec::new();
        for (nth, position) in self.sync_positions().enumerate() {
            let Some(mutant) = self.without_sync(nth) else {
                break;
            };
            match mutant.for_each_state(scratch, &mut check) {
                Err(CrashError::Broken { .. }) => {}
                Err(error) => return Err(error),
                Ok(_) => needless.push(format!(
                    "operation {}: {}",
                    position + 1,
                    self.operations[position]
                )),
            }
        }
        Ok(needless)
    }

    fn exhaustive_up_to(&self) -> usize {
        self.budget.exhaustive_up_to.min(20)
    }

    fn sync_positions(&self) -> impl Iterator<Item = usize> {
        let operations = self.operations.iter().enumerate();
        operations.filter(|(_, operation)| operation.is_sync()).map(|(index, _)| index)
    }

    fn play(&self, model: &mut Model, index: usize) -> Result<(), CrashError> {
        let operation = &self.operations[index];
        model.play(operation).ok_or_else(|| CrashError::Unplayable {
            number: index + 1,
            operation: operation.to_string(),
        })
    }

    /// Shares the samples out over the moments that have too many combinations.
    fn samples_per_moment(&self) -> Result<usize, CrashError> {
        let mut model = Model::new(&self.initial, self.budget.seed);
        let mut crowded = 0;
        for index in 0..self.operations.len() {
            self.play(&mut model, index)?;
            if model.uncertain().outcomes.len() > self.exhaustive_up_to() {
                crowded += 1;
            }
        }
        Ok(self.budget.samples.div_ceil(crowded.max(1)))
    }

    fn choices<'r>(
        &self,
        samples: usize,
        random: &'r mut Random,
    ) -> impl FnOnce(&Uncertain) -> Vec<Vec<usize>> + use<'r> {
        let exhaustive_up_to = self.exhaustive_up_to();
        move |uncertain| {
            if uncertain.outcomes.len() <= exhaustive_up_to {
                every_choice(uncertain)
            } else {
                sampled_choices(&uncertain.outcomes, samples, random)
            }
        }
    }
}

/// Every combination of absent and whole; and every torn content of one file at a time, with every
/// combination of the changes of folders and the other files all absent or all whole.
fn every_choice(uncertain: &Uncertain) -> Vec<Vec<usize>> {
    let outcomes = &uncertain.outcomes;
    let changes = outcomes.len() - uncertain.file_count();
    let mut choices = Vec::new();
    for subset in 0_u64..1 << outcomes.len() {
        let plain: Vec<usize> =
            (0..outcomes.len()).map(|index| (subset >> index & 1) as usize).collect();
        let whole = plain[changes..].iter().sum::<usize>();
        for index in changes..outcomes.len() {
            // With this file whole and the others alike: once for each torn content.
            if plain[index] == 1 && (whole == 1 || whole == uncertain.file_count()) {
                choices.extend((2..outcomes[index]).map(|torn| {
                    let mut choice = plain.clone();
                    choice[index] = torn;
                    choice
                }));
            }
        }
        choices.push(plain);
    }
    choices
}

/// Nothing, everything, everything but one, and random combinations.
fn sampled_choices(outcomes: &[usize], samples: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let everything = vec![1; outcomes.len()];
    let mut choices = vec![vec![0; outcomes.len()], everything.clone()];
    for (index, &count) in outcomes.iter().enumerate() {
        for outcome in (0..count).filter(|&outcome| outcome != 1) {
            let mut choice = everything.clone();
            choice[index] = outcome;
            choices.push(choice);
        }
    }
    for _ in 0..samples {
        choices.push(outcomes.iter().map(|&count| random.below(count)).collect());
    }
    choices
}

/// How far the record has been played.
struct Moment {
    operations: usize,
    last: Option<String>,
    marks: Vec<String>,
    seed: u64,
}

impl Moment {
    fn new(seed: u64) -> Moment {
        Moment { operations: 0, last: None, marks: Vec::new(), seed }
    }

    fn pass(&mut self, index: usize, operation: &Operation) {
        self.operations = index + 1;
        self.last = Some(operation.to_string());
        if let Operation::Mark { label } = operation {
            self.marks.push(label.clone());
        }
    }
}

struct Walk<'a, C> {
    scratch: &'a Path,
    check: &'a mut C,
    seen: HashSet<(usize, [u8; 32])>,
    checked: Checked,
}

impl<C: FnMut(&StateInfo, &Path) -> CheckResult> Walk<'_, C> {
    fn visit(
        &mut self,
        model: &mut Model,
        moment: &Moment,
        choices: impl FnOnce(&Uncertain) -> Vec<Vec<usize>>,
    ) -> Result<(), CrashError> {
        let uncertain = model.uncertain();
        for choice in choices(&uncertain) {
            let tree = model.tree_after_crash(&uncertain, &choice);
            self.checked.built += 1;
            // Equal folders are another matter once more marks have been passed.
            if !self.seen.insert((moment.marks.len(), tree.hash())) {
                continue;
            }
            let info = StateInfo {
                operations: moment.operations,
                last: moment.last.clone(),
                marks: moment.marks.clone(),
                lost: model.describe(&uncertain, &choice),
                seed: moment.seed,
            };
            self.check_state(&tree, info)?;
        }
        Ok(())
    }

    fn check_state(&mut self, tree: &Tree, info: StateInfo) -> Result<(), CrashError> {
        self.checked.states += 1;
        let folder = self.scratch.join(format!("state-{}", self.checked.states));
        let scratch = |source| CrashError::Scratch { path: folder.clone(), source };
        tree.create_at(&folder).map_err(scratch)?;
        let outcome = (self.check)(&info, &folder);
        std::fs::remove_dir_all(&folder).map_err(scratch)?;
        outcome.map_err(|reason| CrashError::Broken { info, reason })
    }
}
