//! How many commits each commit leads to.

use super::dag::Dag;

/// So many words of 64 commits are looked at together: a row of them is 128 bytes.
const WORDS: usize = 16;
const BLOCK: usize = 64 * WORDS;

type Row = [u64; WORDS];

/// For each commit, how many of those that count it is or leads to.
///
/// Git counts along lines and walks anew from each merge, which is quadratic in what a history of
/// merges has. Here commits in a line are taken as one; of each line one row of bits says what it
/// comes from, in blocks of 1,024 commits, so that all rows of a block lie near. That is `k·n/128`
/// steps for `k` lines and `n` commits, and `128·k` bytes.
pub fn weights(dag: &Dag, counted: &[bool]) -> Vec<u32> {
    let lines = Lines::new(dag, counted);
    let from_merges = lines.count(dag);
    let mut weights = vec![0u32; dag.len()];
    for at in 0..dag.len() {
        let line = lines.of[at] as usize;
        let before = match (lines.heads[line] == at, dag.parents(at)) {
            (_, []) => 0,
            (false, parents) => weights[parents[0] as usize],
            (true, [parent]) => weights[*parent as usize],
            (true, _) => from_merges[line],
        };
        weights[at] = before + u32::from(counted[at]);
    }
    weights
}

/// About the same for very many commits: counted is every so-manieth of those that count, about
/// `sample` in all. Cheap enough for a hundred thousand commits that are all merges.
pub fn rough_weights(dag: &Dag, counted: &[bool], sample: usize) -> Vec<u32> {
    let total = counted.iter().filter(|counted| **counted).count();
    let stride = total.div_ceil(sample.max(1)).max(1);
    let mut seen = 0usize;
    let chosen = counted.iter().map(|counted| {
        seen += usize::from(*counted);
        *counted && seen.is_multiple_of(stride)
    });
    let rough = weights(dag, &chosen.collect::<Vec<_>>());
    rough.into_iter().map(|weight| weight.saturating_mul(stride as u32)).collect()
}

/// What [`weights`] finds for one commit.
pub fn weight_of(dag: &Dag, counted: &[bool], at: usize) -> u32 {
    let behind = dag.behind([at]);
    behind.iter().zip(counted).filter(|(behind, counted)| **behind && **counted).count() as u32
}

/// A history taken apart into lines, each of commits with one parent that is the one before.
struct Lines {
    /// The line of each commit.
    of: Vec<u32>,
    /// The first commit of each line.
    heads: Vec<usize>,
    /// For each line, the number of its first commit that counts; then that of all.
    starts: Vec<usize>,
    /// For each commit, the number behind the last one that counts of its line up to it.
    ends: Vec<usize>,
}

impl Lines {
    fn new(dag: &Dag, counted: &[bool]) -> Self {
        let mut of = vec![0u32; dag.len()];
        let (mut heads, mut tails, mut lens) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..dag.len() {
            let before = match dag.parents(at) {
                [parent] => Some(of[*parent as usize]).filter(|line| {
                    let tail: usize = tails[*line as usize];
                    tail == *parent as usize
                }),
                _ => None,
            };
            let line = before.map_or(heads.len(), |line| line as usize);
            if before.is_none() {
                heads.push(at);
                tails.push(at);
                lens.push(0usize);
            }
            of[at] = line as u32;
            tails[line] = at;
            lens[line] += usize::from(counted[at]);
        }
        let mut starts = vec![0];
        for len in lens {
            starts.push(starts[starts.len() - 1] + len);
        }
        let mut ends = vec![0; dag.len()];
        let mut next = starts.clone();
        for at in 0..dag.len() {
            let line = of[at] as usize;
            next[line] += usize::from(counted[at]);
            ends[at] = next[line];
        }
        Self { of, heads, starts, ends }
    }

    /// For the head of each line that is a merge, how many that count lie behind it.
    fn count(&self, dag: &Dag) -> Vec<u32> {
        let lines = self.heads.len();
        let mut counts = vec![0u32; lines];
        if !self.heads.iter().any(|head| dag.parents(*head).len() > 1) {
            return counts;
        }
        let mut rows: Vec<Row> = vec![[0; WORDS]; lines];
        let total = self.starts[lines];
        for block in (0..total).step_by(BLOCK) {
            // What comes before the block comes from nothing in it.
            let first = self.starts.partition_point(|start| *start <= block).min(lines);
            for line in first..lines {
                let mut row = [0; WORDS];
                let parents = dag.parents(self.heads[line]);
                for parent in parents {
                    let parent = *parent as usize;
                    let from = self.of[parent] as usize;
                    if from >= first {
                        for (into, word) in row.iter_mut().zip(&rows[from]) {
                            *into |= word;
                        }
                    }
                    let (start, end) = (self.starts[from], self.ends[parent]);
                    set(&mut row, start.saturating_sub(block), end.saturating_sub(block));
                }
                rows[line] = row;
                if parents.len() > 1 {
                    counts[line] += row.iter().map(|word| word.count_ones()).sum::<u32>();
                }
            }
        }
        counts
    }
}

/// Sets the bits `from..to`, as far as there are any.
fn set(row: &mut Row, from: usize, to: usize) {
    let (from, to) = (from.min(BLOCK), to.min(BLOCK));
    if from >= to {
        return;
    }
    let last = (to - 1) / 64;
    for (word, bits) in row.iter_mut().enumerate().take(last + 1).skip(from / 64) {
        let low = from.saturating_sub(word * 64).min(63);
        let high = (to - word * 64).min(64);
        *bits |= (u64::MAX >> (64 - (high - low))) << low;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::random::dags;
    use super::*;

    fn plain(dag: &Dag, counted: &[bool]) -> Vec<u32> {
        (0..dag.len()).map(|at| weight_of(dag, counted, at)).collect()
    }

    proptest! {
        #[test]
        fn weights_are_what_plain_counting_finds(
            dag in dags(120),
            seed in any::<u64>(),
        ) {
            let counted: Vec<bool> =
                (0..dag.len()).map(|at| seed.rotate_left(at as u32 * 7) & 3 != 0).collect();
            prop_assert_eq!(weights(&dag, &counted), plain(&dag, &counted));
        }
    }

    #[test]
    fn weights_hold_over_many_blocks() {
        // Ladders: two lines that merge into each other at every third step.
        let mut all: Vec<Vec<u32>> = vec![vec![], vec![0], vec![0]];
        for at in 3..3 * BLOCK as u32 {
            all.push(if at % 3 == 0 { vec![at - 1, at - 2] } else { vec![at - 2] });
        }
        let dag = Dag::new(all.iter().map(Vec::as_slice)).unwrap();
        let counted = vec![true; dag.len()];
        let weights = weights(&dag, &counted);
        let rough = rough_weights(&dag, &counted, 256);
        for at in [0, 2, 63, 64, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 17, 3 * BLOCK - 1] {
            assert_eq!(weights[at], weight_of(&dag, &counted, at), "{at}");
            assert!(weights[at].abs_diff(rough[at]) <= 24, "{at}: {} {}", weights[at], rough[at]);
        }
    }

    #[test]
    fn a_range_of_bits_is_set_and_nothing_else() {
        for (from, to) in [(0, 0), (0, 1), (63, 64), (63, 65), (5, 900), (0, BLOCK), (9, 5000)] {
            let mut row = [0; WORDS];
            set(&mut row, from, to);
            let bits = (0..BLOCK).filter(|bit| row[bit / 64] >> (bit % 64) & 1 == 1);
            assert!(bits.eq(from..to.min(BLOCK)), "{from}..{to}");
        }
    }
}
