//! Simulates `bisect run --noisy` and plain bisection over linear histories; prints JSON lines.
//!
//! Arguments: how many commits, how many simulations. Started by `cargo xtask bench noisy`.

use std::time::Instant;

use aisr::history::bisect::noisy::{Class, Noisy, Observation, Options, Outcome, Search, Searched};

const RATES: [(f64, f64); 3] = [(0.95, 0.75), (0.9, 0.1), (0.7, 0.3)];
const MARKS: [usize; 3] = [50, 100, 300];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn chance(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let (Some(Ok(commits)), Some(Ok(count))) = (words.next(), words.next()) else {
        eprintln!("usage: noisy COMMITS SIMULATIONS");
        std::process::exit(2);
    };
    for (before, after) in RATES {
        let plain = (0..count).filter(|nth| plain(commits, before, after, *nth)).count();
        println!(
            "{{\"who\":\"git bisect\",\"rates\":[{before},{after}],\"right\":[{plain},{plain},{plain}],\"slowest\":0}}"
        );
        let (mut right, mut slowest) = ([0; MARKS.len()], 0.0);
        for nth in 0..count {
            let marks = noisy(commits, before, after, nth, &mut slowest);
            right.iter_mut().zip(marks).for_each(|(sum, is_right)| *sum += usize::from(is_right));
        }
        println!(
            "{{\"who\":\"aisr\",\"rates\":[{before},{after}],\"right\":{right:?},\"slowest\":{slowest}}}"
        );
    }
}

/// Plain bisection, which believes each test.
fn plain(commits: usize, before: f64, after: f64, nth: usize) -> bool {
    let mut random = Random(nth as u64 * 7919 + 1);
    let brought = 1 + (random.chance() * commits as f64) as usize;
    let (mut good, mut bad) = (0, commits);
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        let rate = if middle >= brought { after } else { before };
        if random.chance() < rate { good = middle } else { bad = middle }
    }
    bad == brought
}

/// Whether the likeliest commit is right after so many runs; the slowest choice in ms.
fn noisy(
    commits: usize,
    before: f64,
    after: f64,
    nth: usize,
    slowest: &mut f64,
) -> [bool; MARKS.len()] {
    let mut random = Random(nth as u64 * 7919 + 1);
    let brought = 1 + (random.chance() * commits as f64) as usize;
    let commit = |at: usize| Searched {
        parents: at.checked_sub(1).into_iter().collect(),
        class: Class(at as u32),
        weight: 1.0,
    };
    let search =
        Search { commits: (0..=commits).map(commit).collect(), bad: commits, goods: vec![0] };
    let options = Options { seed: nth as u64, budget: 1000, ..Options::default() };
    let mut noisy = Noisy::new(&search, options).expect("the search is sound");
    let mut right = [false; MARKS.len()];
    for run in 1..=300 {
        let begun = Instant::now();
        let class = noisy.choose().expect("there is always something to run");
        *slowest = (begun.elapsed().as_secs_f64() * 1000.0).max(*slowest);
        let rate = if class.0 as usize >= brought { after } else { before };
        let outcome = if random.chance() < rate { Outcome::Good } else { Outcome::Bad };
        noisy.observe(Observation { class, outcome }).expect("the class is in the search");
        if let Some(at) = MARKS.iter().position(|mark| *mark == run) {
            right[at] = noisy.likeliest().is_some_and(|commits| commits == [brought]);
        }
        // What is certain stays so: 90/10 is over after a hundred runs.
        if run == 100 && before - after > 0.5 {
            right[2] = right[1];
            break;
        }
    }
    right
}
