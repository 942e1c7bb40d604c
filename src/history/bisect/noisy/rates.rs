//! How well pass rates explain tallies, with the rates integrated out.
//!
//! All likelihoods are relative to one pass rate that is known, the mean of all runs, so that
//! those of a thousand runs neither vanish nor overflow.

use std::cell::OnceCell;

use super::verdict::Tally;

/// Logarithms of factorials, and the rate that likelihoods are relative to.
pub struct Scale {
    logs: Vec<f64>,
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
    /// The logarithm of the likelihood of all runs at the rate that is known.
    known: f64,
    orders: Vec<Order>,
    found: Vec<OnceCell<(Split, Own)>>,
}

/// Of rates X ~ Beta(a, b) of what has the fault and Y ~ Beta(c, d) of the rest.
#[derive(Clone, Copy, Default)]
struct Order {
    /// P(X < Y).
    less: f64,
    /// B(a + c, b + d) / (B(a, b) B(c, d)).
    density: f64,
}

impl Scale {
    pub fn new(all: Tally) -> Self {
        let runs = all.good as usize + all.bad as usize;
        let logs: Vec<f64> = (0..runs + 4).map(|n| (n.max(1) as f64).ln()).collect();
        let sums = logs.iter().scan(0.0, |sum, log| {
            *sum += log;
            Some(*sum)
        });
        let factorials = sums.collect();
        let good = (f64::from(all.good) + 1.0) / (runs as f64 + 2.0);
        Self { logs, factorials, good: good.ln(), bad: (1.0 - good).ln() }
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
        let entropy = self.logs[good + bad + 2]
            - mean * self.logs[good + 1]
            - (1.0 - mean) * self.logs[bad + 1];
        Own { likelihood: (self.beta(good, bad) - known).exp(), mean, entropy }
    }
}

impl Rates {
    /// Tabulates P(X < Y): some nanoseconds for each way to split the runs.
    ///
    /// With rates x of what has the fault and y of the rest, uniform over x < y, the likelihood
    /// is 2 B(a, b) B(c, d) P(X < Y). The last factor comes by the recurrences of Cook, *Exact
    /// calculation of beta inequalities* (2005), which follow from
    /// I_x(a + 1, b) = I_x(a, b) - x^a (1 - x)^b / (a B(a, b)); they start where it is least and
    /// only add, so that even a tiny one is exact.
    pub fn new(all: Tally) -> Self {
        let scale = Scale::new(all);
        let (goods, bads) = (all.good as usize, all.bad as usize);
        let (total_good, total_bad) = (f64::from(all.good), f64::from(all.bad));
        let known = total_good * scale.good + total_bad * scale.bad;
        let both = scale.beta(goods + 1, bads + 1);
        let mut orders = vec![Order::default(); (goods + 1) * (bads + 1)];
        // Where all passes and no failure are of what has the fault.
        let mut corner = ((total_good + 1.0).ln() + scale.beta(goods, bads + 1)).exp();
        for bad in 0..=bads {
            let (b, d) = (bad as f64 + 1.0, (bads - bad) as f64 + 1.0);
            let apart = scale.beta(goods, bad) + scale.beta(0, bads - bad);
            let (mut less, mut density) = (corner, (both - apart).exp());
            if bad < bads {
                // From (a, b, c, d) to (a, b + 1, c, d - 1); here c is 1.
                let step = (total_good + total_bad + 3.0) / (total_bad + 1.0) * (d - 1.0) / d;
                corner += density * step * (1.0 / b + 1.0 / (d - 1.0));
            }
            for good in (0..=goods).rev() {
                orders[good * (bads + 1) + bad] = Order { less, density };
                if good > 0 {
                    // From (a, b, c, d) to (a - 1, b, c + 1, d).
                    let (a, c) = (good as f64 + 1.0, (goods - good) as f64 + 1.0);
                    let part = (a - 1.0) / (a + b - 1.0);
                    let step = (total_good + total_bad + 3.0) / (total_good + 1.0) * part;
                    less += density * step * (1.0 / c + 1.0 / (a - 1.0));
                    density *= part * (c + d) / c;
                }
            }
        }
        let found = orders.iter().map(|_| OnceCell::new()).collect();
        Self { scale, all, known, orders, found }
    }

    /// The runs, of which this tally was of what has the fault.
    pub fn split(&self, fault: Tally) -> &(Split, Own) {
        let at = fault.good as usize * (self.all.bad as usize + 1) + fault.bad as usize;
        self.found[at].get_or_init(|| (self.find(fault, self.orders[at]), self.scale.own(fault)))
    }

    fn find(&self, fault: Tally, Order { less, density }: Order) -> Split {
        let rest = self.all.without(fault);
        let [a, b, c, d] = [fault.good, fault.bad, rest.good, rest.bad].map(|n| f64::from(n) + 1.0);
        let apart = self.scale.beta(fault.good as usize, fault.bad as usize)
            + self.scale.beta(rest.good as usize, rest.bad as usize);
        let bounded = |mean: f64| mean.clamp(1e-9, 1.0 - 1e-9);
        let fault = bounded(a / (a + b) * (1.0 - density / a / less));
        let rest = bounded(c / (c + d) * (1.0 + density / c / less));
        Split {
            likelihood: 2.0 * (apart - self.known).exp() * less,
            means: [fault, rest],
            entropies: [entropy(fault), entropy(rest)],
        }
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
