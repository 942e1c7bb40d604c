//! Searches by a noisy test, simulated: of the answers given at 95 %, at least 93 % are right.

use aisr::history::bisect::noisy::{
    Class, Hypothesis, Noisy, Observation, Options, Outcome, Search, Searched, Verdict,
};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn chance(&mut self, of: f64) -> bool {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64 <= of
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// How many searches of each kind, and over how many commits.
const WORLDS: u64 = 60;
const COMMITS: usize = 24;

/// What truly happened, and how often each commit passes.
struct World {
    search: Search,
    truth: Hypothesis,
    rates: Vec<f64>,
}

/// A line of so many commits after the good end.
fn line(commits: usize) -> Search {
    let commit = |at: usize| Searched {
        parents: at.checked_sub(1).into_iter().collect(),
        class: Class(at as u32),
        weight: 1.0,
    };
    Search { commits: (0..=commits).map(commit).collect(), bad: commits, goods: vec![0] }
}

/// A history with branches: each commit goes on from a recent one, and a third of them merge two.
fn branchy(commits: usize, random: &mut Random) -> Search {
    let mut search = line(0);
    for at in 1..=commits {
        let recent = at.min(5);
        let mut parents = vec![at - 1 - random.below(recent)];
        if random.chance(0.35) {
            parents.push(at - 1 - random.below(recent));
        }
        parents.dedup();
        search.commits.push(Searched { parents, class: Class(at as u32), weight: 1.0 });
    }
    // The bad end merges all that nothing else goes on from.
    let mut tips = vec![true; commits + 1];
    search.commits.iter().flat_map(|c| &c.parents).for_each(|parent| tips[*parent] = false);
    let parents = (0..=commits).filter(|at| tips[*at]).collect();
    search.bad = commits + 1;
    search.commits.push(Searched { parents, class: Class(commits as u32 + 1), weight: 1.0 });
    search
}

/// Which commits descend from this one.
fn below(search: &Search, from: usize) -> Vec<bool> {
    let mut marked = vec![false; search.commits.len()];
    marked[from] = true;
    for at in from + 1..marked.len() {
        marked[at] = search.commits[at].parents.iter().any(|parent| marked[*parent]);
    }
    marked
}

const FALLS: [(f64, f64); 4] = [(0.95, 0.75), (0.9, 0.1), (0.7, 0.3), (0.9, 0.6)];

fn one(search: Search, random: &mut Random) -> World {
    let (before, after) = random.one_of(&FALLS);
    let brought = 1 + random.below(search.commits.len() - 1);
    let below = below(&search, brought);
    let rates = below.iter().map(|below| if *below { after } else { before }).collect();
    World { search, truth: Hypothesis::Brought { commits: vec![brought] }, rates }
}

fn none(search: Search, random: &mut Random) -> World {
    let rates = vec![random.one_of(&[0.95, 0.8, 0.5]); search.commits.len()];
    World { search, truth: Hypothesis::NoChange, rates }
}

/// Two commits, of which the second descends from the first and leaves some between.
fn two(search: &Search, random: &mut Random) -> [usize; 2] {
    loop {
        let first = 1 + random.below(search.commits.len() - 1);
        let below = below(search, first);
        let second = 1 + random.below(search.commits.len() - 1);
        if second > first && below[second] {
            return [first, second];
        }
    }
}

fn removed(search: Search, random: &mut Random) -> World {
    let (before, after) = random.one_of(&FALLS);
    let [first, second] = two(&search, random);
    let (brought, gone) = (below(&search, first), below(&search, second));
    let rates = brought.iter().zip(gone).map(|(b, g)| if *b && !g { after } else { before });
    let rates = rates.collect();
    let truth = Hypothesis::BroughtAndRemoved { brought: vec![first], removed: vec![second] };
    World { search, truth, rates }
}

fn twice(search: Search, random: &mut Random) -> World {
    let [before, between, after] =
        random.one_of(&[[0.95, 0.7, 0.4], [0.9, 0.5, 0.1], [0.5, 0.9, 0.2], [0.9, 0.3, 0.6]]);
    let [first, second] = two(&search, random);
    let (one, other) = (below(&search, first), below(&search, second));
    let rate = |(one, other): (&bool, &bool)| match (one, other) {
        (true, true) => after,
        (true, false) => between,
        _ => before,
    };
    let rates = one.iter().zip(&other).map(rate).collect();
    let truth = Hypothesis::ChangedTwice { first: vec![first], second: vec![second] };
    World { search, truth, rates }
}

/// Whether the verdict is an answer, and whether that is right.
fn judged(verdict: &Verdict, truth: &Hypothesis) -> Option<bool> {
    Some(match (verdict, truth) {
        (Verdict::Open | Verdict::Undecided, _) => return None,
        (Verdict::Brought { commits, .. }, Hypothesis::Brought { commits: truth }) => {
            commits == truth
        }
        (Verdict::NoChange { .. }, Hypothesis::NoChange) => true,
        (
            Verdict::BroughtAndRemoved { brought, removed, .. },
            Hypothesis::BroughtAndRemoved { brought: first, removed: second },
        ) => brought == first && removed == second,
        (
            Verdict::NotOneCommit { .. },
            Hypothesis::ChangedTwice { .. } | Hypothesis::BroughtAndRemoved { .. },
        ) => true,
        _ => false,
    })
}

fn run(world: &World, seed: u64, random: &mut Random) -> Verdict {
    let options = Options { seed, budget: 300, ..Options::default() };
    let mut noisy = Noisy::new(&world.search, options).unwrap();
    while let Some(class) = noisy.next() {
        let passes = world.rates[noisy.commit_of(class).unwrap()];
        let outcome = if random.chance(passes) { Outcome::Good } else { Outcome::Bad };
        noisy.observe(Observation { class, outcome }).unwrap();
    }
    noisy.verdict()
}

/// Runs so many worlds; how many answers were given, and how many of them right.
fn simulate(name: &str, make: impl Fn(&mut Random) -> World) -> (usize, usize) {
    let (mut answers, mut right) = (0, 0);
    for seed in 0..WORLDS {
        let mut random = Random(seed * 1000 + name.len() as u64);
        let world = make(&mut random);
        let verdict = run(&world, seed, &mut random);
        if let Some(is_right) = judged(&verdict, &world.truth) {
            answers += 1;
            right += usize::from(is_right);
        }
    }
    (answers, right)
}

#[test]
fn of_answers_given_at_95_percent_at_least_93_are_right() {
    let worlds = [
        ("one", simulate("one", |r| one(line(COMMITS), r))),
        ("one, merges", simulate("one, merges", |r| one(branchy(COMMITS, r), r))),
        ("none", simulate("none", |r| none(line(COMMITS), r))),
        ("none, merges", simulate("none, merges", |r| none(branchy(COMMITS, r), r))),
        ("removed", simulate("removed", |r| removed(line(COMMITS), r))),
        ("removed, merges", simulate("removed, merges", |r| removed(branchy(COMMITS, r), r))),
        ("twice", simulate("twice", |r| twice(line(COMMITS), r))),
        ("twice, merges", simulate("twice, merges", |r| twice(branchy(COMMITS, r), r))),
    ];
    let answers: usize = worlds.iter().map(|(_, (answers, _))| answers).sum();
    let right: usize = worlds.iter().map(|(_, (_, right))| right).sum();
    assert!(right * 100 >= answers * 93, "{right} of {answers}: {worlds:?}");
    // Who answers nothing is never wrong.
    let most = worlds.len() * WORLDS as usize;
    assert!(answers * 2 >= most, "{answers} answers in {most} worlds: {worlds:?}");
    let one = worlds[0].1.0 + worlds[1].1.0;
    assert!(one * 2 >= WORLDS as usize, "{worlds:?}");
}
