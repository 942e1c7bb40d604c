//! Where in trees damage is met, and in which commits.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use crate::object::{CommitId, EscapedName, Id, ObjectType};

use super::report::AffectedPlace;

/// How many places below one node are told apart.
pub const NODE_PLACES: usize = 1000;
/// How many in all.
const PLACES: usize = 10_000;

/// Something at a path that is damaged or missing.
#[derive(Clone, PartialEq, Eq)]
pub struct Hurt {
    pub path: Vec<u8>,
    pub id: Id,
    pub kind: ObjectType,
}

/// What is damaged below a node, by the path from there.
pub type Hurts = Rc<Vec<Hurt>>;

/// The paths that lead to damage.
#[derive(Default)]
pub struct Places {
    places: BTreeMap<Vec<u8>, Place>,
}

struct Place {
    objects: Vec<(Id, ObjectType)>,
    count: u64,
    first: (i64, CommitId),
    last: (i64, CommitId),
}

impl Places {
    /// Notes where the commit `id`, made at `time`, is damaged.
    pub fn note(&mut self, hurts: Vec<Hurt>, time: i64, id: CommitId) {
        let mut paths: BTreeMap<Vec<u8>, Vec<(Id, ObjectType)>> = BTreeMap::new();
        for Hurt { path, id, kind } in hurts {
            paths.entry(path).or_default().push((id, kind));
        }
        for (path, objects) in paths {
            if !self.places.contains_key(&path) && self.places.len() >= PLACES {
                continue;
            }
            let this = (time, id);
            let new = Place { objects: Vec::new(), count: 0, first: this, last: this };
            let place = self.places.entry(path).or_insert(new);
            place.count += 1;
            place.first = place.first.min(this);
            place.last = place.last.max(this);
            let known: HashSet<_> = place.objects.iter().copied().collect();
            place.objects.extend(objects.into_iter().filter(|object| !known.contains(object)));
            place.objects.truncate(NODE_PLACES);
        }
    }

    /// The places as the report names them.
    pub fn into_report(self) -> Vec<AffectedPlace> {
        self.places.into_iter().map(affected).collect()
    }
}

fn affected((path, place): (Vec<u8>, Place)) -> AffectedPlace {
    let escaped = EscapedName(&path).to_string();
    AffectedPlace {
        path: if path.is_empty() { "(all files)".into() } else { escaped },
        objects: place.objects.iter().map(|(id, kind)| format!("{} {id}", kind.name())).collect(),
        commit_count: place.count,
        first: place.first.1.to_hex(),
        last: place.last.1.to_hex(),
    }
}

/// A path below a folder, either of which may be empty.
pub fn join(folder: &[u8], path: &[u8]) -> Vec<u8> {
    match (folder.is_empty(), path.is_empty()) {
        (true, _) => path.to_vec(),
        (_, true) => folder.to_vec(),
        _ => [folder, b"/", path].concat(),
    }
}
