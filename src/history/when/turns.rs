//! Where a value turns along a history, from the values and the shape alone.

use std::collections::BTreeMap;

use super::truth::Truth;

/// A commit at which a value is what it was not before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The commit, by its place.
    pub at: usize,
    /// What the value is from here on.
    pub value: Truth,
    /// How it came.
    pub how: How,
}

/// How a value came to a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum How {
    /// The commit has no parents.
    First,
    /// No parent has the value. Where a parent's is not known, it may have been there before.
    Introduced,
    /// Some parents have the value, others do not: the first of either, by their places.
    Arrived {
        /// It came from here.
        from: usize,
        /// It was not here.
        into: usize,
    },
}

/// Commits next to each other whose value is not known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// How many.
    pub commits: usize,
    /// The newest and the oldest, by their places.
    pub newest: usize,
    /// The oldest.
    pub oldest: usize,
}

/// The turns of `values` to true or false, children before parents. `parents` says for each commit
/// the places of its parents, all greater than its own. A commit without parents at which the value
/// is false is no turn.
pub fn turns(values: &[Truth], parents: impl Fn(usize) -> Vec<usize>) -> Vec<Turn> {
    let mut out = Vec::new();
    for (at, value) in values.iter().copied().enumerate() {
        if value == Truth::Unknown {
            continue;
        }
        let parents = parents(at);
        let has_it = |parent: &&usize| values.get(**parent) == Some(&value);
        let with = parents.iter().find(has_it);
        let without = parents.iter().find(|parent| !has_it(parent));
        let how = match (with, without) {
            (None, None) if value == Truth::False => continue,
            (None, None) => How::First,
            (Some(_), None) => continue,
            (None, Some(_)) => How::Introduced,
            (Some(from), Some(into)) => How::Arrived { from: *from, into: *into },
        };
        out.push(Turn { at, value, how });
    }
    out
}

/// The runs of commits that follow each other and whose value is not known, the newest first.
pub fn unknown_runs(values: &[Truth], parents: impl Fn(usize) -> Vec<usize>) -> Vec<Unknown> {
    let is_unknown = |at: usize| values.get(at) == Some(&Truth::Unknown);
    // The newest of each run stands for it (union by path halving).
    let mut heads: Vec<usize> = (0..values.len()).collect();
    fn head(heads: &mut [usize], mut at: usize) -> usize {
        while heads[at] != at {
            heads[at] = heads[heads[at]];
            at = heads[at];
        }
        at
    }
    for at in (0..values.len()).filter(|at| is_unknown(*at)) {
        for parent in parents(at).into_iter().filter(|parent| is_unknown(*parent)) {
            let (a, b) = (head(&mut heads, at), head(&mut heads, parent));
            heads[a.max(b)] = a.min(b);
        }
    }
    let mut runs: BTreeMap<usize, Unknown> = BTreeMap::new();
    for at in (0..values.len()).filter(|at| is_unknown(*at)) {
        let newest = head(&mut heads, at);
        let run = runs.entry(newest).or_insert(Unknown { commits: 0, newest, oldest: at });
        run.commits += 1;
        run.oldest = at;
    }
    runs.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Truth::{False, True, Unknown as Dark};

    /// Places from the newest to the oldest; each line: a value and its parents.
    fn of(history: &[(Truth, &[usize])]) -> (Vec<Turn>, Vec<Unknown>) {
        let values: Vec<Truth> = history.iter().map(|(value, _)| *value).collect();
        let parents = |at: usize| history[at].1.to_vec();
        (turns(&values, parents), unknown_runs(&values, parents))
    }

    #[test]
    fn a_line_turns_where_the_parent_differs() {
        let (turns, dark) = of(&[(False, &[1]), (True, &[2]), (True, &[3]), (False, &[])]);
        let wanted = [(0, False), (2, True)];
        assert_eq!(turns.iter().map(|turn| (turn.at, turn.value)).collect::<Vec<_>>(), wanted);
        assert!(turns.iter().all(|turn| turn.how == How::Introduced) && dark.is_empty());
    }

    #[test]
    fn at_a_merge_a_value_arrives_or_is_introduced() {
        // 0 merges 1 and 2, both on 3.
        let (turns, _) = of(&[(True, &[1, 2]), (True, &[3]), (False, &[3]), (False, &[])]);
        assert_eq!(turns[0].how, How::Arrived { from: 1, into: 2 });
        assert_eq!((turns[1].at, &turns[1].how), (1, &How::Introduced));
        let (turns, _) = of(&[(True, &[1, 2]), (False, &[3]), (False, &[3]), (False, &[])]);
        assert_eq!(turns, [Turn { at: 0, value: True, how: How::Introduced }]);
    }

    #[test]
    fn the_first_commit_turns_only_to_true() {
        assert_eq!(of(&[(True, &[])]).0, [Turn { at: 0, value: True, how: How::First }]);
        assert!(of(&[(False, &[])]).0.is_empty());
    }

    #[test]
    fn what_is_not_known_is_told_by_runs() {
        let history: &[(Truth, &[usize])] = &[
            (True, &[1, 2]),
            (Dark, &[3]),
            (Dark, &[3]),
            (Dark, &[4]),
            (False, &[5]),
            (Dark, &[]),
        ];
        let (turns, dark) = of(history);
        assert_eq!(turns.iter().map(|turn| turn.at).collect::<Vec<_>>(), [0, 4]);
        let runs: Vec<_> = dark.iter().map(|run| (run.commits, run.newest, run.oldest)).collect();
        assert_eq!(runs, [(3, 1, 3), (1, 5, 5)]);
    }
}
