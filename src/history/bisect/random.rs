//! Histories of any shape, for tests.

use proptest::prelude::*;

use super::dag::Dag;

/// Histories of up to `most` commits: lines, branches, merges of two and three, several roots.
pub fn dags(most: usize) -> impl Strategy<Value = Dag> {
    let parents = (0u8..20, any::<[prop::sample::Index; 3]>());
    prop::collection::vec(parents, 1..=most).prop_map(|plan| {
        let mut all: Vec<Vec<u32>> = Vec::new();
        for (at, (kind, places)) in plan.into_iter().enumerate() {
            let near = |place: &prop::sample::Index| {
                let reach = at.min(12);
                (at - 1 - place.index(reach)) as u32
            };
            let mut parents = match (at, kind) {
                (0, _) | (_, 0) => Vec::new(),
                (_, 1..8) => vec![at as u32 - 1],
                (_, 8..13) => places[..1].iter().map(near).collect(),
                (_, 13..19) => places[..2].iter().map(near).collect(),
                _ => places.iter().map(near).collect::<Vec<_>>(),
            };
            parents.dedup();
            all.push(parents);
        }
        Dag::new(all.iter().map(Vec::as_slice)).expect("parents come first")
    })
}
