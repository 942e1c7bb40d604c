//! Who follows whom, and nothing else.

/// Commits by their places, parents before children.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dag {
    /// Where the parents of each commit begin in `parents`; one more than there are commits.
    starts: Vec<u32>,
    parents: Vec<u32>,
}

impl Default for Dag {
    /// Nothing.
    fn default() -> Self {
        Self { starts: vec![0], parents: Vec::new() }
    }
}

impl Dag {
    /// The graph in which each commit has these parents. `None` where one names a parent that does
    /// not come before it.
    pub fn new<'p>(all: impl IntoIterator<Item = &'p [u32]>) -> Option<Self> {
        let mut dag = Self::default();
        for parents in all {
            dag.push(parents)?;
        }
        Some(dag)
    }

    /// Adds a commit with these parents; `None` where they do not come before it.
    pub(super) fn push(&mut self, parents: &[u32]) -> Option<()> {
        let at = u32::try_from(self.len()).ok()?;
        if parents.iter().any(|parent| *parent >= at) {
            return None;
        }
        self.parents.extend_from_slice(parents);
        self.starts.push(u32::try_from(self.parents.len()).ok()?);
        Some(())
    }

    /// How many commits there are.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parents of the commit at a place; none of what is not there.
    pub fn parents(&self, at: usize) -> &[u32] {
        let bounds = self.starts.get(at).zip(self.starts.get(at + 1));
        bounds.and_then(|(from, to)| self.parents.get(*from as usize..*to as usize)).unwrap_or(&[])
    }

    /// Which commits `starts` are or lead to.
    pub fn behind(&self, starts: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut reached = vec![false; self.len()];
        for start in starts {
            if let Some(mark) = reached.get_mut(start) {
                *mark = true;
            }
        }
        for at in (0..self.len()).rev() {
            if reached[at] {
                for parent in self.parents(at) {
                    reached[*parent as usize] = true;
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first() {
        assert!(Dag::new([&[][..], &[0], &[0, 1]]).is_some());
        assert!(Dag::new([&[][..], &[1]]).is_none());
        assert!(Dag::new([&[2][..], &[], &[]]).is_none());
    }

    #[test]
    fn what_lies_behind_is_all_ancestors_and_the_start() {
        // 0 - 1 - 3, 0 - 2, 4 alone.
        let dag = Dag::new([&[][..], &[0], &[0], &[1], &[]]).unwrap();
        assert_eq!(dag.behind([3]), [true, true, false, true, false]);
        assert_eq!(dag.behind([2, 4]), [true, false, true, false, true]);
        assert_eq!(dag.behind([9]), [false; 5]);
        assert!(dag.parents(9).is_empty());
    }
}
