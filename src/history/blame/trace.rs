//! The walk that all kinds of blame share.

use std::collections::{BinaryHeap, HashMap};

use crate::history::ancestry::{Ancestry, Spot};
use crate::object::CommitId;

use super::error::{BlameError, Unread};

/// Something whose parts are traced.
pub trait Traced {
    /// What a commit has of it.
    type State: Clone + PartialEq;
    /// A part, or several that are traced alike.
    type Part;

    /// What the `nth` parent, from 0, has of it under the same name; `None` where there is nothing.
    ///
    /// # Errors
    /// When the parent cannot be read.
    fn parent(
        &mut self,
        ancestry: &Ancestry<'_>,
        child: (Spot, &Self::State),
        parent: Spot,
        nth: usize,
    ) -> Result<Option<Self::State>, BlameError>;

    /// What a parent that has nothing under the same name has under another.
    ///
    /// # Errors
    /// When the parent cannot be read.
    fn renamed(
        &mut self,
        ancestry: &Ancestry<'_>,
        child: (Spot, &Self::State),
        parent: Spot,
    ) -> Result<Option<Self::State>, BlameError>;

    /// Whether two states are surely the same in every part.
    fn is_same(&self, a: &Self::State, b: &Self::State) -> bool;

    /// Divides the parts of `now`: first those that `before` has not just so, then those that it
    /// has, as parts of `before`.
    ///
    /// # Errors
    /// When a content cannot be read; the parts come back.
    fn divide(
        &mut self,
        now: &Self::State,
        before: &Self::State,
        parts: Vec<Self::Part>,
    ) -> Divided<Self::Part>;

    /// Takes note that parts are a commit's own.
    fn own(&mut self, commit: CommitId, state: &Self::State, parts: Vec<Self::Part>);
}

/// What a parent has not just so and what it has; or all, and why that cannot be told.
pub type Divided<P> = Result<(Vec<P>, Vec<P>), (Vec<P>, BlameError)>;

/// Parts of one state that wait at a commit.
type Waiting<T> = Vec<(<T as Traced>::State, Vec<<T as Traced>::Part>)>;

/// Traces `parts` of the state that `start` has, until each is some commit's own. A parent that
/// cannot be looked at counts as having nothing, and is named.
///
/// Commits are visited by their generations, so each is visited once, whatever its clock says.
pub fn trace<T: Traced>(
    ancestry: &Ancestry<'_>,
    start: CommitId,
    state: T::State,
    parts: Vec<T::Part>,
    traced: &mut T,
) -> Vec<Unread> {
    let mut walk = Walk::<T> { ancestry, queue: BinaryHeap::new(), waiting: HashMap::new() };
    let mut unread = Vec::new();
    walk.add(ancestry.spot(start), state, parts);
    while let Some(spot) = walk.next() {
        for (state, parts) in walk.waiting.remove(&spot.id).unwrap_or_default() {
            walk.visit(spot, &state, parts, traced, &mut unread);
        }
    }
    unread
}

struct Walk<'a, 'r, T: Traced> {
    ancestry: &'a Ancestry<'r>,
    queue: BinaryHeap<Turn>,
    waiting: HashMap<CommitId, Waiting<T>>,
}

/// When a commit is visited. What the graph does not know cannot lie behind what it knows.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    unknown: bool,
    generation: u32,
    id: CommitId,
}

impl<T: Traced> Walk<'_, '_, T> {
    fn add(&mut self, spot: Spot, state: T::State, parts: Vec<T::Part>) {
        if parts.is_empty() {
            return;
        }
        let waiting = self.waiting.entry(spot.id).or_insert_with(|| {
            let generation = spot.at.map_or(0, |at| self.ancestry.graph().row(at).generation);
            self.queue.push(Turn { unknown: spot.at.is_none(), generation, id: spot.id });
            Vec::new()
        });
        match waiting.iter_mut().find(|(known, _)| *known == state) {
            Some((_, known)) => known.extend(parts),
            None => waiting.push((state, parts)),
        }
    }

    fn next(&mut self) -> Option<Spot> {
        self.queue.pop().map(|turn| self.ancestry.spot(turn.id))
    }

    fn visit(
        &mut self,
        spot: Spot,
        state: &T::State,
        mut parts: Vec<T::Part>,
        traced: &mut T,
        unread: &mut Vec<Unread>,
    ) {
        let parents = match self.ancestry.facts(spot) {
            Ok(facts) => facts.parents,
            Err(e) => {
                unread.push(Unread { commit: spot.id, why: e.into() });
                Default::default()
            }
        };
        let mut failed = |commit: CommitId, why: BlameError| unread.push(Unread { commit, why });
        let mut states: Vec<(Spot, Option<T::State>)> = Vec::with_capacity(parents.len());
        for (nth, parent) in parents.into_iter().enumerate() {
            match traced.parent(self.ancestry, (spot, state), parent, nth) {
                Ok(Some(before)) if traced.is_same(state, &before) => {
                    return self.add(parent, before, parts);
                }
                Ok(before) => states.push((parent, before)),
                Err(why) => failed(parent.id, why),
            }
        }
        for (parent, before) in &mut states {
            if before.is_some() {
                continue;
            }
            match traced.renamed(self.ancestry, (spot, state), *parent) {
                Ok(Some(found)) if traced.is_same(state, &found) => {
                    return self.add(*parent, found, parts);
                }
                Ok(found) => *before = found,
                Err(why) => failed(parent.id, why),
            }
        }
        for (parent, before) in states {
            let Some(before) = before.filter(|_| !parts.is_empty()) else { continue };
            let (kept, passed) = match traced.divide(state, &before, parts) {
                Ok(divided) => divided,
                Err((kept, why)) => {
                    failed(parent.id, why);
                    (kept, Vec::new())
                }
            };
            parts = kept;
            self.add(parent, before, passed);
        }
        if !parts.is_empty() {
            traced.own(spot.id, state, parts);
        }
    }
}
