//! What is said of a component or an edge, part by part, and which commit said it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::history::ancestry::{Ancestry, Spot};
use crate::history::system_changes::Subject;
use crate::object::{
    AttributeValue, Attributes, CommitId, Component, ComponentKey, Edge, EdgeKey, NodeId, Origin,
};
use crate::repo::{RepoError, Repository};
use crate::system::SystemMaps;
use crate::view::Value;

use super::error::{BlameError, Unread};
use super::trace::{Divided, Traced, trace};

/// Of so many systems it is remembered what they say of the subject.
const REMEMBERED: usize = 64;
/// The part that says that the subject is there.
const THERE: &str = "there";

/// Where what is said of a component or an edge comes from.
#[derive(Debug)]
pub struct FacetsBlame {
    /// Each part, in the order of their names; none where the commit has no such subject. The part
    /// `there` stands for the subject itself.
    pub facets: Vec<BlamedFacet>,
    /// Commits that could not be looked at.
    pub unread: Vec<Unread>,
}

/// A part of what is said, and where it comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlamedFacet {
    /// What it is: `there`, `content`, `origins`, `attribute NAME`, an edge without the subject
    /// (`uses tool:orders`, `agent:triage uses`); of an edge `declared`, `discovered` and
    /// `declared NAME`, `discovered NAME`.
    pub name: String,
    /// What is said.
    pub value: String,
    /// The commit that said it.
    pub commit: CommitId,
}

/// Traces what a commit says of a component or an edge. A component is followed through its former
/// names.
///
/// # Errors
/// When the system of the commit cannot be read.
pub fn blame_facets(
    repo: &Repository,
    commit: CommitId,
    subject: &Subject,
) -> Result<FacetsBlame, BlameError> {
    let ancestry = Ancestry::load_reaching(repo, &[commit]);
    let mut lookup = FacetLookup::new(repo);
    let root = repo.commit(commit)?.commit.root;
    let state = lookup.find(root, subject)?;
    let mut tracer = Facets { lookup, found: Vec::new() };
    let parts: Vec<String> = state.facets.keys().cloned().collect();
    let facets = Arc::clone(&state.facets);
    let unread = trace(&ancestry, commit, state, parts, &mut tracer);
    let mut found = tracer.found;
    found.sort();
    let facets = found.into_iter().map(|(name, commit)| {
        let value = facets.get(&name).cloned().unwrap_or_default();
        BlamedFacet { name, value, commit }
    });
    Ok(FacetsBlame { facets: facets.collect(), unread })
}

/// What a state says of the subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FacetState {
    system: Option<NodeId>,
    subject: Subject,
    /// The name that the component had before, where one is told.
    was: Option<ComponentKey>,
    facets: Arc<BTreeMap<String, String>>,
}

impl FacetState {
    /// Whether the subject is there.
    pub(super) fn is_there(&self) -> bool {
        !self.facets.is_empty()
    }

    /// All that is said, as fields; `None` where the subject is not there.
    pub(super) fn value(&self) -> Option<Value> {
        let field = |(name, value): (&String, &String)| (name.clone(), Value::Text(value.clone()));
        self.is_there().then(|| Value::Fields(self.facets.iter().map(field).collect()))
    }

    /// Whether both say the same.
    pub(super) fn says_what(&self, other: &Self) -> bool {
        self.facets == other.facets
    }

    /// The subject under the name that it had before.
    pub(super) fn former(&self) -> Option<Subject> {
        self.was.clone().map(Subject::Component)
    }
}

/// Reads what states say of a subject.
pub(super) struct FacetLookup<'r> {
    repo: &'r Repository,
    known: VecDeque<FacetState>,
    /// The last map of edges that was read, and what it holds of a component.
    edges: Option<(NodeId, ComponentKey, BTreeMap<String, String>)>,
}

impl<'r> FacetLookup<'r> {
    pub(super) fn new(repo: &'r Repository) -> Self {
        Self { repo, known: VecDeque::new(), edges: None }
    }

    /// What the state with this root map says of the subject.
    pub(super) fn find(
        &mut self,
        root: NodeId,
        subject: &Subject,
    ) -> Result<FacetState, RepoError> {
        let store = self.repo.store();
        let maps = SystemMaps::of_root(store, root)?;
        let is_it = |known: &&FacetState| known.system == maps.id && known.subject == *subject;
        if let Some(known) = self.known.iter().find(is_it) {
            return Ok(known.clone());
        }
        let (mut facets, mut was) = (BTreeMap::new(), None);
        match subject {
            Subject::Component(key) => {
                if let Some(component) = maps.component(store, key)? {
                    facets = of_component(&component);
                    facets.extend(self.edges(maps, key)?);
                    was = component.was;
                }
            }
            Subject::Edge(key) => {
                if let Some(edge) = maps.edge(store, key)? {
                    facets = of_edge(&edge);
                }
            }
        }
        let facets = Arc::new(facets);
        let state = FacetState { system: maps.id, subject: subject.clone(), was, facets };
        self.known.truncate(REMEMBERED - 1);
        self.known.push_front(state.clone());
        Ok(state)
    }

    /// The edges from a component and to it.
    fn edges(
        &mut self,
        maps: SystemMaps,
        key: &ComponentKey,
    ) -> Result<BTreeMap<String, String>, RepoError> {
        let Some(id) = maps.edges else { return Ok(BTreeMap::new()) };
        if let Some((known, of, edges)) = &self.edges
            && (*known, of) == (id, key)
        {
            return Ok(edges.clone());
        }
        let all = SystemMaps { components: None, ..maps }.load(self.repo.store())?.edges;
        let ours =
            all.iter().filter_map(|(edge, said)| Some((edge_of(key, edge)?, in_words(said))));
        let edges: BTreeMap<String, String> = ours.collect();
        self.edges = Some((id, key.clone(), edges.clone()));
        Ok(edges)
    }

    /// What a commit says of the subject.
    pub(super) fn of_commit(
        &mut self,
        commit: CommitId,
        subject: &Subject,
    ) -> Result<FacetState, RepoError> {
        let root = self.repo.commit(commit)?.commit.root;
        self.find(root, subject)
    }
}

fn of_component(component: &Component) -> BTreeMap<String, String> {
    let mut facets = BTreeMap::from([(THERE.to_owned(), String::new())]);
    if let Some(content) = component.content {
        facets.insert("content".to_owned(), content.to_hex());
    }
    let origin = |origin: &Origin| match origin {
        Origin::Path(path) => path.to_string(),
        Origin::External(key) => format!("external {}", data_encoding::HEXLOWER.encode(key)),
    };
    if !component.origins.is_empty() {
        let origins: Vec<String> = component.origins.iter().map(origin).collect();
        facets.insert("origins".to_owned(), origins.join(", "));
    }
    for (name, value) in &component.attributes {
        facets.insert(format!("attribute {name}"), text(value));
    }
    facets
}

fn of_edge(edge: &Edge) -> BTreeMap<String, String> {
    let mut facets = BTreeMap::from([(THERE.to_owned(), String::new())]);
    for (by, said) in [("declared", &edge.declared), ("discovered", &edge.discovered)] {
        let Some(said) = said else { continue };
        facets.insert(by.to_owned(), String::new());
        facets.extend(said.iter().map(|(name, value)| (format!("{by} {name}"), text(value))));
    }
    facets
}

/// An edge as one of its ends sees it.
fn edge_of(key: &ComponentKey, edge: &EdgeKey) -> Option<String> {
    if edge.from == *key {
        return Some(format!("{} {}", edge.relation, edge.to));
    }
    (edge.to == *key).then(|| format!("{} {}", edge.from, edge.relation))
}

/// What is said of an edge, on one line.
fn in_words(edge: &Edge) -> String {
    let said = |by: &str, said: &Attributes| {
        let said = said.iter().map(|(name, value)| format!(" {name}={}", text(value)));
        format!("{by}{}", said.collect::<String>())
    };
    let declared = edge.declared.as_ref().map(|attributes| said("declared", attributes));
    let discovered = edge.discovered.as_ref().map(|attributes| said("discovered", attributes));
    declared.into_iter().chain(discovered).collect::<Vec<_>>().join(", ")
}

fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Bytes(bytes) => data_encoding::HEXLOWER.encode(bytes),
    }
}

struct Facets<'r> {
    lookup: FacetLookup<'r>,
    found: Vec<(String, CommitId)>,
}

impl Traced for Facets<'_> {
    type State = FacetState;
    type Part = String;

    fn parent(
        &mut self,
        _ancestry: &Ancestry<'_>,
        (_, state): (Spot, &FacetState),
        parent: Spot,
        _nth: usize,
    ) -> Result<Option<FacetState>, BlameError> {
        let before = self.lookup.of_commit(parent.id, &state.subject)?;
        Ok(before.is_there().then_some(before))
    }

    fn renamed(
        &mut self,
        _ancestry: &Ancestry<'_>,
        (_, state): (Spot, &FacetState),
        parent: Spot,
    ) -> Result<Option<FacetState>, BlameError> {
        let Some(former) = state.former() else { return Ok(None) };
        let before = self.lookup.of_commit(parent.id, &former)?;
        Ok(before.is_there().then_some(before))
    }

    fn is_same(&self, a: &FacetState, b: &FacetState) -> bool {
        a.says_what(b)
    }

    fn divide(
        &mut self,
        now: &FacetState,
        before: &FacetState,
        parts: Vec<String>,
    ) -> Divided<String> {
        let is_new = |name: &String| now.facets.get(name) != before.facets.get(name);
        Ok(parts.into_iter().partition(is_new))
    }

    fn own(&mut self, commit: CommitId, _state: &FacetState, parts: Vec<String>) {
        self.found.extend(parts.into_iter().map(|name| (name, commit)));
    }
}
