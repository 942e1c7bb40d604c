//! Whether an end passes now as often as it did when the search began.

use serde::Serialize;

use super::search::{Class, Observation, Outcome};
use super::verdict::Tally;

/// A chance below this says that something changed.
const CHANCE: f64 = 0.01;

/// A content that stayed the same and passes more or less often than it did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// The content.
    pub class: Class,
    /// The first half of its runs.
    pub early: Tally,
    /// The second half.
    pub late: Tally,
    /// How often halves at least as different come by chance alone.
    pub chance: f64,
}

/// Compares the halves of a content's runs by Fisher's exact test.
pub fn drift(class: Class, observations: &[Observation]) -> Option<Drift> {
    let runs: Vec<Outcome> = observations
        .iter()
        .filter(|one| one.class == class && one.outcome != Outcome::Untestable)
        .map(|one| one.outcome)
        .collect();
    let (first, second) = runs.split_at(runs.len() / 2);
    let tally = |half: &[Outcome]| {
        half.iter().fold(Tally::default(), |mut tally, outcome| {
            tally.add(*outcome);
            tally
        })
    };
    let (early, late) = (tally(first), tally(second));
    let chance = fisher(early, late);
    (chance < CHANCE).then_some(Drift { class, early, late, chance })
}

/// The chance of all tables with these margins that are no likelier than this one.
fn fisher(early: Tally, late: Tally) -> f64 {
    let (goods, bads) = (early.good + late.good, early.bad + late.bad);
    let drawn = early.runs();
    let logs = |n: u32| (1..=n).map(|k| f64::from(k).ln()).sum::<f64>();
    let choose = |n: u32, k: u32| logs(n) - logs(k) - logs(n - k);
    let chance = |good: u32| {
        (choose(goods, good) + choose(bads, drawn - good) - choose(goods + bads, drawn)).exp()
    };
    let this = chance(early.good) * (1.0 + 1e-9);
    let all = drawn.saturating_sub(bads)..=drawn.min(goods);
    all.map(chance).filter(|other| *other <= this).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fisher_gives_the_chance_of_the_lady_who_tastes_tea() {
        let chance = fisher(Tally { good: 3, bad: 1 }, Tally { good: 1, bad: 3 });
        assert!((chance - 34.0 / 70.0).abs() < 1e-9, "{chance}");
    }

    #[test]
    fn a_content_that_stopped_passing_has_drifted() {
        let runs = |good: usize, bad: usize| {
            let outcomes = std::iter::repeat_n(Outcome::Good, good);
            outcomes.chain(std::iter::repeat_n(Outcome::Bad, bad))
        };
        let seen = |outcome| Observation { class: Class(7), outcome };
        let steady: Vec<_> = runs(1, 1).cycle().take(20).map(seen).collect();
        assert_eq!(drift(Class(7), &steady), None);
        let fallen: Vec<_> = runs(8, 8).map(seen).collect();
        let drift = drift(Class(7), &fallen).unwrap();
        assert_eq!((drift.early.good, drift.late.bad), (8, 8));
    }
}
