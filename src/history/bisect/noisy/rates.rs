//! How well pass rates explain tallies, with the rates integrated out.
//!
//! All likelihoods are relative to one pass rate that is known, the mean of all runs, so that
//! those of a thousand runs neither vanish nor overflow.

use super::verdict::Tally;

/// Logarithms of factorials, and the rate that likelihoods are relative to.
pub struct Scale {
    factorials: Vec<f64>,
    good: f64,
    bad: f64,
}

/// A tally of its own pass rate, of which nothing is known: Beta(1, 1).
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// The likelihood.
    pub likelihood: f64,
    /// The chance that the next run passes.
    pub mean: f64,
    /// The entropy of that chance, in nats.
    pub entropy: f64,
}

/// A tally of what has the fault beside the tally of the rest, where the first passes less often.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    /// The likelihood of both.
    pub likelihood: f64,
    /// The chances that the next run passes, of what has the fault and of the rest.
    pub means: [f64; 2],
    /// Their entropies, in nats.
    pub entropies: [f64; 2],
}

/// Both, for each part of all runs that may have been of what has the fault.
pub struct Rates {
    pub scale: Scale,
    all: Tally,
    table: Vec<(Split, Own)>,
}

impl Scale {
    pub fn new(all: Tally) -> Self {
        let runs = all.good as usize + all.bad as usize;
        let mut factorials = Vec::with_capacity(runs + 4);
        let mut sum = 0.0;
        factorials.push(sum);
        for n in 1..runs + 4 {
            sum += (n as f64).ln();
            factorials.push(sum);
        }
        let good = (f64::from(all.good) + 1.0) / (runs as f64 + 2.0);
        Self { factorials, good: good.ln(), bad: (1.0 - good).ln() }
    }

    /// The logarithm of Beta(1 + good, 1 + bad).
    fn beta(&self, good: usize, bad: usize) -> f64 {
        self.factorials[good] + self.factorials[bad] - self.factorials[good + bad + 1]
    }

    /// A tally that is part of all.
    pub fn own(&self, tally: Tally) -> Own {
        let (good, bad) = (tally.good as usize, tally.bad as usize);
        let known = good as f64 * self.good + bad as f64 * self.bad;
        let mean = (good as f64 + 1.0) / ((good + bad) as f64 + 2.0);
        Own { likelihood: (self.beta(good, bad) - known).exp(), mean, entropy: entropy(mean) }
    }
}

impl Rates {
    /// Tabulates them: some hundred nanoseconds for each way to split the runs.
    ///
    /// With rates x of what has the fault and y of the rest, uniform over x < y, the likelihood
    /// is 2 B(a, b) B(c, d) P(X < Y), X ~ Beta(a, b), Y ~ Beta(c, d). The last factor comes by
    /// the recurrences of Cook, *Exact calculation of beta inequalities* (2005), which follow
    /// from I_x(a + 1, b) = I_x(a, b) - x^a (1 - x)^b / (a B(a, b)); they start where it is least
    /// and only add, so that even a tiny one is exact.
    pub fn new(all: Tally) -> Self {
        let scale = Scale::new(all);
        let (goods, bads) = (all.good as usize, all.bad as usize);
        let (total_good, total_bad) = (f64::from(all.good), f64::from(all.bad));
        let known = total_good * scale.good + total_bad * scale.bad;
        let empty = Split { likelihood: 0.0, means: [0.5; 2], entropies: [0.0; 2] };
        let none = Own { likelihood: 0.0, mean: 0.5, entropy: 0.0 };
        let mut table = vec![(empty, none); (goods + 1) * (bads + 1)];
        let both = scale.beta(goods + 1, bads + 1);
        // P(X < Y) where all passes and no failure are of what has the fault.
        let mut corner = ((total_good + 1.0).ln() + scale.beta(goods, bads + 1)).exp();
        for bad in 0..=bads {
            let (b, d) = (bad as f64 + 1.0, (bads - bad) as f64 + 1.0);
            let mut less = corner;
            for good in (0..=goods).rev() {
                let (a, c) = (good as f64 + 1.0, (goods - good) as f64 + 1.0);
                let apart = scale.beta(good, bad) + scale.beta(goods - good, bads - bad);
                // B(a + c, b + d) / (B(a, b) B(c, d))
                let density = (both - apart).exp();
                let likelihood = 2.0 * (apart - known).exp() * less;
                let fault = (a / (a + b) * (1.0 - density / a / less)).clamp(1e-9, 1.0 - 1e-9);
                let rest = (c / (c + d) * (1.0 + density / c / less)).clamp(1e-9, 1.0 - 1e-9);
                table[good * (bads + 1) + bad] = (
                    Split {
                        likelihood,
                        means: [fault, rest],
                        entropies: [entropy(fault), entropy(rest)],
                    },
                    scale.own(Tally { good: good as u32, bad: bad as u32 }),
                );
                if good == goods && bad < bads {
                    // (a, b, c, d) to (a, b + 1, c, d - 1)
                    let between = density * (total_good + total_bad + 3.0) / (total_bad + 1.0)
                        * (d - 1.0)
                        / (c + d - 1.0);
                    corner += between * (1.0 / b + 1.0 / (d - 1.0));
                }
                if good > 0 {
                    // (a, b, c, d) to (a - 1, b, c + 1, d)
                    let between = density * (total_good + total_bad + 3.0) / (total_good + 1.0)
                        * (a - 1.0)
                        / (a + b - 1.0);
                    less += between * (1.0 / c + 1.0 / (a - 1.0));
                }
            }
        }
        Self { scale, all, table }
    }

    /// The runs, of which this tally was of what has the fault.
    pub fn split(&self, fault: Tally) -> &(Split, Own) {
        let width = self.all.bad as usize + 1;
        &self.table[fault.good as usize * width + fault.bad as usize]
    }

    /// All runs.
    pub fn all(&self) -> Tally {
        self.all
    }
}

/// The entropy of a chance, in nats.
pub fn entropy(chance: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    term(chance) + term(1.0 - chance)
}

impl Tally {
    /// All of these but for a part of them.
    pub fn without(self, part: Self) -> Self {
        Self { good: self.good.saturating_sub(part.good), bad: self.bad.saturating_sub(part.bad) }
    }
}
