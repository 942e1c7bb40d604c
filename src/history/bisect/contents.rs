//! A history as a noisy test sees it: which commits hold the same where it looks.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::object::{CommitId, ComponentKey, Id, NodeId};
use crate::repo::{RepoError, Repository, StoredCommit};
use crate::system::{SystemMaps, changes_of};

use super::error::BisectError;
use super::need::{Need, Needed};
use super::noisy::{Class, Search as NoisySearch, Searched};
use super::search::Search;

/// How likely a commit is that changed the tested component itself, beside one that changed nothing
/// near: the bound of the prior.
const NEAREST: f64 = 10.0;
/// What is so many edges away or more counts as nothing near.
const FAR: i32 = 3;

/// A history as a noisy test sees it.
pub struct Contents {
    /// What is searched.
    pub search: NoisySearch,
    /// The commit at each place of the search.
    pub commits: Vec<CommitId>,
}

impl Contents {
    /// What a bisection leaves open, with what a test that needs `needs` sees of each commit; `None`
    /// before a bad and a good commit are known.
    ///
    /// # Errors
    /// When a commit, its tree or its system cannot be read.
    pub fn of(
        repo: &Repository,
        search: &Search<'_>,
        needs: &[Need],
    ) -> Result<Option<Self>, BisectError> {
        let Some(open) = search.open_suspects()? else { return Ok(None) };
        let dag = search.dag();
        let mut is_open = vec![false; dag.len()];
        open.all.iter().for_each(|at| is_open[*at] = true);
        let mut place = vec![usize::MAX; dag.len()];
        let mut reader = Reader { repo, needs, known: HashMap::new(), classes: HashMap::new() };
        let (mut commits, mut searched, mut goods) = (Vec::new(), Vec::new(), Vec::new());
        // What lies just outside is good: it shows what was there before.
        let mut outside = vec![false; dag.len()];
        for at in &open.all {
            dag.parents(*at).iter().for_each(|parent| outside[*parent as usize] = true);
        }
        for at in (0..dag.len()).filter(|at| is_open[*at] || outside[*at]) {
            let id = search.id(at);
            let stored = repo.commit(id)?;
            let parents = dag.parents(at).iter().map(|parent| place[*parent as usize]);
            let parents: Vec<usize> = match is_open[at] {
                true => parents.filter(|place| *place != usize::MAX).collect(),
                false => Vec::new(),
            };
            if !is_open[at] {
                goods.push(commits.len());
            }
            place[at] = commits.len();
            let class = reader.class(&stored)?;
            let weight = match is_open[at] {
                true => reader.weight(&stored, class)?,
                false => 1.0,
            };
            searched.push(Searched { parents, class, weight });
            commits.push(id);
        }
        let bad = place.get(open.bad).copied().unwrap_or_default();
        Ok(Some(Self { search: NoisySearch { commits: searched, bad, goods }, commits }))
    }

    /// What a test sees of a commit; `None` of one that the search does not hold.
    pub fn class_of(&self, commit: CommitId) -> Option<Class> {
        let at = self.commits.iter().position(|known| *known == commit)?;
        self.search.commits.get(at).map(|searched| searched.class)
    }
}

struct Reader<'r> {
    repo: &'r Repository,
    needs: &'r [Need],
    /// What is known by the tree and the system of a commit.
    known: HashMap<(NodeId, Option<NodeId>), Class>,
    /// The number of each content.
    classes: HashMap<Id, Class>,
}

impl Reader<'_> {
    fn class(&mut self, stored: &StoredCommit) -> Result<Class, RepoError> {
        let files = self.repo.files(&stored.commit)?;
        let system = SystemMaps::of_root(self.repo.store(), stored.commit.root)?.id;
        if let Some(class) = self.known.get(&(files, system)) {
            return Ok(*class);
        }
        let content = Needed::of(self.repo, stored, self.needs)?.class(self.repo, stored)?;
        let next = Class(self.classes.len() as u32);
        let class = *self.classes.entry(content).or_insert(next);
        self.known.insert((files, system), class);
        Ok(class)
    }

    /// How likely a commit is to have brought something: the nearer what it changed is to the
    /// tested components, the likelier, from 1 to [`NEAREST`].
    fn weight(&mut self, stored: &StoredCommit, class: Class) -> Result<f64, RepoError> {
        let tested = self.needs.iter().filter_map(|need| match need {
            Need::Component(key) => Some(key.clone()),
            Need::Path(_) => None,
        });
        let tested: Vec<ComponentKey> = tested.collect();
        let Some(parent) = stored.commit.parents.first().filter(|_| !tested.is_empty()) else {
            return Ok(1.0);
        };
        let before = self.repo.commit(*parent)?;
        if self.class(&before)? == class {
            return Ok(1.0);
        }
        let store = self.repo.store();
        let now = SystemMaps::of_root(store, stored.commit.root)?;
        let then = SystemMaps::of_root(store, before.commit.root)?;
        let changes = changes_of(store, then, now)?;
        let distances = self.distances(now, tested)?;
        let changed = changes.components.iter().filter_map(|change| distances.get(&change.key));
        let edges = changes.edges.iter().filter_map(|change| distances.get(&change.key.from));
        let Some(nearest) = changed.chain(edges).copied().min() else { return Ok(1.0) };
        Ok(NEAREST.powf(f64::from(FAR - nearest.min(FAR)) / f64::from(FAR)))
    }

    /// How many edges lie between the tested components and what they reach.
    fn distances(
        &self,
        maps: SystemMaps,
        tested: Vec<ComponentKey>,
    ) -> Result<BTreeMap<ComponentKey, i32>, RepoError> {
        let graph = maps.load(self.repo.store())?;
        let mut found: BTreeMap<ComponentKey, i32> = BTreeMap::new();
        let mut open: VecDeque<(ComponentKey, i32)> =
            tested.into_iter().map(|key| (key, 0)).collect();
        while let Some((key, distance)) = open.pop_front() {
            if found.contains_key(&key) {
                continue;
            }
            let next = graph.edges.keys().filter(|edge| edge.from == key);
            open.extend(next.map(|edge| (edge.to.clone(), distance + 1)));
            found.insert(key, distance);
        }
        Ok(found)
    }
}
