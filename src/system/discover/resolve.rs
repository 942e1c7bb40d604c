//! From what was found to components with names, and edges between them.

use std::collections::{BTreeMap, BTreeSet};

use super::Discovery;
use super::classify::{RECORDS, TEXTS, WEIGHTS};
use super::draft::{Draft, Reference};
use super::finder::Finder;
use super::identities::{self, CARD};
use super::names::{assign, candidates, plain};
use super::place::{ending_of, is_within, join, name_of, stem_of};
use super::{memory, models, prompts};
use crate::object::{Attributes, ComponentKey, ComponentKind};
use crate::system::{Declared, DeclaredEdge, Glob};

use ComponentKind::{Agent, Identity, Memory, Model, Prompt, Tool};

/// What a model is called where the one who calls decides, and what says nothing.
const NO_MODELS: [&str; 6] = ["inherit", "default", "auto", "none", "null", "custom"];

/// An edge between drafts.
struct Link {
    from: usize,
    relation: &'static str,
    to: usize,
    attributes: Attributes,
}

/// Follows the references, names everything, and empties the finder of its drafts.
pub(super) fn resolve(finder: &mut Finder<'_>) -> Discovery {
    join_lists(finder);
    let mut links = Vec::new();
    let known = Known::of(&finder.drafts);
    let mut models = NamedModels::default();
    for from in 0..finder.drafts.len() {
        let references =
            finder.drafts.get_mut(from).map(|draft| std::mem::take(&mut draft.references));
        for reference in references.unwrap_or_default() {
            match target(finder, &known, &reference) {
                Some(to) => links.push(link(from, &reference, to)),
                None if reference.relation == "runs" => models.note(from, reference),
                None => {}
            }
        }
    }
    models.add(finder, &mut links);
    cards(finder, &mut links);
    finish(finder, &links)
}

fn link(from: usize, reference: &Reference, to: usize) -> Link {
    Link { from, relation: reference.relation, to, attributes: reference.attributes.clone() }
}

/// A server that a client starts and the list of its tools are one tool: of one name, they are
/// joined.
fn join_lists(finder: &mut Finder<'_>) {
    let mut servers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, draft) in finder.drafts.iter().enumerate() {
        if draft.kind == Tool && draft.at.is_some() && draft.rank == 0 {
            servers.entry(draft.name()).or_default().push(index);
        }
    }
    let lists = finder.drafts.iter().enumerate().filter(|(_, draft)| !draft.tools.is_empty());
    let mut of_server: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (list, draft) in lists {
        if let Some([server]) = servers.get(draft.name()).map(Vec::as_slice) {
            of_server.entry(*server).or_default().push(list);
        }
    }
    for (server, lists) in of_server {
        let [list] = lists.as_slice() else { continue };
        let Some(draft) = finder.drafts.get_mut(*list) else { continue };
        let (files, tools) = (std::mem::take(&mut draft.files), std::mem::take(&mut draft.tools));
        draft.gone = true;
        if let Some(draft) = finder.drafts.get_mut(server) {
            draft.files.extend(files);
            draft.files.sort();
            draft.tools = tools;
        }
    }
}

/// The drafts by what they may be called.
struct Known {
    names: BTreeMap<(ComponentKind, String), Vec<usize>>,
    /// Tools by the names of what their servers offer; none where several do.
    offered: BTreeMap<String, Option<usize>>,
}

impl Known {
    fn of(drafts: &[Draft]) -> Self {
        let mut known = Self { names: BTreeMap::new(), offered: BTreeMap::new() };
        for (index, draft) in drafts.iter().enumerate().filter(|(_, draft)| !draft.gone) {
            for name in draft.names.iter().take(3) {
                known.names.entry((draft.kind, name.clone())).or_default().push(index);
            }
            for tool in &draft.tools {
                let only = known.offered.entry(tool.clone()).or_insert(Some(index));
                if *only != Some(index) {
                    *only = None;
                }
            }
        }
        known
    }

    /// The one that has this name: the one that would like it best and is first in rank.
    fn by_name(&self, drafts: &[Draft], kind: ComponentKind, name: &str) -> Option<usize> {
        let name = plain(name);
        let found = self.names.get(&(kind, name.clone()))?;
        let key = |index: &usize| {
            let draft = drafts.get(*index)?;
            let place = draft.names.iter().position(|known| *known == name)?;
            Some((place, draft.rank))
        };
        let best = found.iter().filter_map(key).min()?;
        let mut equal = found.iter().filter(|index| key(index) == Some(best));
        let first = equal.next()?;
        // Which of two equals is meant, nobody can say.
        equal.next().is_none().then_some(*first)
    }
}

fn target(finder: &mut Finder<'_>, known: &Known, reference: &Reference) -> Option<usize> {
    let value = without_scheme(&reference.value);
    if let Some(found) = by_path(finder, reference, value) {
        return Some(found);
    }
    let drafts = &finder.drafts;
    let by_name = |name: &str| known.by_name(drafts, reference.to, name);
    match reference.to {
        Model => {
            if NO_MODELS.contains(&value) {
                return None;
            }
            by_name(value).or_else(|| by_name(name_of(value))).or_else(|| {
                let weights = WEIGHTS.contains(&ending_of(value).as_str());
                weights.then(|| by_name(stem_of(value))).flatten()
            })
        }
        Tool => tool(known, drafts, value),
        Identity => {
            if let Some(found) = finder.identities.get(&reference.value) {
                return Some(*found);
            }
            if let Some(found) = by_name(value) {
                return Some(found);
            }
            let plain_word = !value.is_empty() && !value.contains(['/', ' ', ':']);
            let draft = || identities::named(&reference.file, &reference.at, value);
            plain_word.then(draft).filter(|draft| !draft.names.is_empty()).map(|draft| {
                let index = finder.add(draft);
                finder.identities.insert(reference.value.clone(), index);
                index
            })
        }
        _ => by_name(value),
    }
}

/// A tool by its name, by its server's name in front of it, or as the only one offered so.
fn tool(known: &Known, drafts: &[Draft], value: &str) -> Option<usize> {
    let by_name = |name: &str| known.by_name(drafts, Tool, name);
    // As Claude Code writes tools of servers: mcp__SERVER__TOOL.
    if let Some(rest) = value.strip_prefix("mcp__") {
        return by_name(rest.split("__").next().unwrap_or(rest));
    }
    by_name(value)
        .or_else(|| value.split_once(['/', '.', ':']).and_then(|(server, _)| by_name(server)))
        .or_else(|| known.offered.get(value).copied().flatten())
}

/// What lies at the path that a reference may be, seen from its file or from the root. A file that
/// is nothing yet becomes what it is referred to as.
fn by_path(finder: &mut Finder<'_>, reference: &Reference, value: &str) -> Option<usize> {
    let value = value.trim_end_matches('/');
    let looks = value.contains('/') || !ending_of(value).is_empty();
    if value.is_empty() || value.starts_with('/') || !looks {
        return None;
    }
    let places = [join(&reference.folder, value), join("", value)];
    for path in places.into_iter().flatten().filter(|path| !path.is_empty()) {
        if finder.paths.contains(&path) {
            return match finder.owner(&path) {
                Some(owner) => of_kind(finder, reference, &path, owner),
                None => taken_up(finder, reference, &path),
            };
        }
        let within = finder.within(&path).next().is_some();
        if !within {
            continue;
        }
        let of_kind = |(index, draft): (usize, &Draft)| {
            let inside = draft.folder.iter().chain(&draft.files);
            let mut inside = inside.filter(|place| **place == path || is_within(place, &path));
            (draft.kind == reference.to && !draft.gone && inside.next().is_some()).then_some(index)
        };
        let mut inside = finder.drafts.iter().enumerate().filter_map(of_kind);
        let first = inside.next()?;
        return inside.next().is_none().then_some(first);
    }
    None
}

/// The draft of the wanted kind that a file is part of.
fn of_kind(finder: &Finder<'_>, reference: &Reference, path: &str, owner: usize) -> Option<usize> {
    let is = |draft: &Draft| draft.kind == reference.to && !draft.gone;
    if finder.drafts.get(owner).is_some_and(is) {
        return Some(owner);
    }
    let has = |draft: &Draft| is(draft) && draft.files.iter().any(|file| file == path);
    let mut all = finder.drafts.iter().enumerate().filter(|(_, draft)| has(draft));
    let first = all.next().map(|(index, _)| index)?;
    all.next().is_none().then_some(first)
}

/// Only what could be such a thing: a text a prompt, records or notes a memory.
fn taken_up(finder: &mut Finder<'_>, reference: &Reference, path: &str) -> Option<usize> {
    let ending = ending_of(path);
    let ending = ending.as_str();
    let draft = match reference.to {
        Prompt if TEXTS.contains(&ending) || matches!(ending, "yaml" | "yml" | "json") => {
            prompts::of_file(path)
        }
        Memory if RECORDS.contains(&ending) => memory::of_file(path, "jsonl"),
        Memory if matches!(ending, "json" | "md" | "txt" | "csv" | "parquet") => {
            memory::of_file(path, "notes")
        }
        _ => return None,
    };
    Some(finder.add(draft))
}

/// Without what names the kind of a place, not the place.
fn without_scheme(value: &str) -> &str {
    let schemes =
        ["sqlite+aiosqlite:///", "sqlite:///", "duckdb:///", "file://", "file:", "@", "./"];
    let found = schemes.iter().find_map(|scheme| value.strip_prefix(scheme));
    let value = found.unwrap_or(value);
    value.strip_prefix("./").unwrap_or(value)
}

/// Models that agents run and that lie nowhere here: those behind an interface.
#[derive(Default)]
struct NamedModels {
    /// By the name without the provider: who runs it, and how it is written.
    found: BTreeMap<String, Vec<(usize, Reference)>>,
}

impl NamedModels {
    fn note(&mut self, from: usize, reference: Reference) {
        let value = without_scheme(&reference.value);
        let is_path = WEIGHTS.contains(&ending_of(value).as_str()) || value.starts_with(['.', '/']);
        let is_name = !value.contains(char::is_whitespace) && value.len() <= 128 && !is_path;
        let name = plain(name_of(value));
        if is_name && !name.is_empty() && !NO_MODELS.contains(&value) && !value.contains("://") {
            self.found.entry(name).or_default().push((from, reference));
        }
    }

    /// One component for each model, or for each provider of it where several are named.
    fn add(self, finder: &mut Finder<'_>, links: &mut Vec<Link>) {
        for (name, uses) in self.found {
            let provider = |reference: &Reference| {
                let written =
                    reference.value.rsplit_once('/').map(|(provider, _)| provider.to_owned());
                written.unwrap_or_default()
            };
            let providers: BTreeSet<String> =
                uses.iter().map(|(_, r)| provider(r)).filter(|p| !p.is_empty()).collect();
            let mut indexes: BTreeMap<String, usize> = BTreeMap::new();
            for (from, reference) in uses {
                let provider = provider(&reference);
                let several = providers.len() > 1 && !provider.is_empty();
                let group = if several { provider.clone() } else { String::new() };
                let to = *indexes.entry(group.clone()).or_insert_with(|| {
                    let long = format!("{group}-{name}");
                    let text = if several { long.as_str() } else { name.as_str() };
                    finder.add(Draft::new(Model, candidates([text]), ""))
                });
                links.push(link(from, &reference, to));
            }
        }
    }
}

/// An agent acts as what its card says: the card names it.
fn cards(finder: &Finder<'_>, links: &mut Vec<Link>) {
    let mut agents: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, draft) in finder.drafts.iter().enumerate().filter(|(_, d)| d.kind == Agent) {
        agents.entry(draft.name()).or_default().push(index);
    }
    let cards = finder.drafts.iter().enumerate().filter(|(_, d)| d.format == Some(CARD));
    for (to, card) in cards {
        if let Some([from]) = agents.get(card.name()).map(Vec::as_slice) {
            let attributes = Attributes::new();
            links.push(Link { from: *from, relation: "acts-as", to, attributes });
        }
    }
}

fn finish(finder: &mut Finder<'_>, links: &[Link]) -> Discovery {
    let drafts = std::mem::take(&mut finder.drafts);
    // The names of those that are gone are free.
    let (there, drafts): (Vec<_>, Vec<_>) =
        drafts.into_iter().enumerate().filter(|(_, draft)| !draft.gone).unzip();
    let keys = assign(&drafts, &BTreeSet::new());
    let by_index: BTreeMap<usize, &ComponentKey> =
        there.iter().zip(&keys).filter_map(|(index, key)| Some((*index, key.as_ref()?))).collect();
    let mut components: BTreeMap<ComponentKey, Declared> = BTreeMap::new();
    let mut found = Discovery::default();
    for (draft, key) in drafts.iter().zip(&keys) {
        let Some(key) = key else { continue };
        let paths = paths(draft);
        if paths.iter().any(|path| Glob::parse(path).is_err()) {
            continue;
        }
        found.tools += draft.tools.len();
        if draft.kind == Memory
            && let Some(format) = draft.format
            && !found.memory_formats.contains(&format)
        {
            found.memory_formats.push(format);
        }
        if let Some(remark) = &draft.remark {
            found.remarks.push((key.clone(), remark.clone()));
        }
        let attributes = draft.attributes.clone();
        let declared =
            Declared { paths, at: draft.at.clone(), attributes, ..Declared::new(key.clone()) };
        components.insert(key.clone(), declared);
    }
    for link in links {
        let (Some(from), Some(to)) = (by_index.get(&link.from), by_index.get(&link.to)) else {
            continue;
        };
        if from == to || !components.contains_key(*to) {
            continue;
        }
        let Some(declared) = components.get_mut(*from) else { continue };
        let same = |edge: &DeclaredEdge| edge.relation == link.relation && edge.to == **to;
        if !declared.edges.iter().any(same) {
            declared.edges.push(DeclaredEdge {
                relation: link.relation.to_owned(),
                to: (*to).clone(),
                attributes: link.attributes.clone(),
                line: None,
            });
        }
    }
    for declared in components.values_mut() {
        declared.edges.sort_by(|a, b| (&a.relation, &a.to).cmp(&(&b.relation, &b.to)));
    }
    found.memory_formats.sort_unstable();
    found.components = components.into_values().collect();
    found
}

/// What the manifest says of where a draft lies; parts of one model are one glob.
fn paths(draft: &Draft) -> Vec<String> {
    if let Some(folder) = &draft.folder {
        return vec![format!("{}/", escaped(folder))];
    }
    if let Some(glob) = &draft.glob {
        return vec![glob.clone()];
    }
    let mut paths: Vec<String> = Vec::new();
    for file in &draft.files {
        let path = match (models::shard(stem_of(file)), file.rsplit_once('.')) {
            (Some((before, total)), Some((stem, ending))) => {
                let folder = stem.strip_suffix(stem_of(file)).unwrap_or_default();
                let start = escaped(&format!("{folder}{before}"));
                format!("{start}-*-of-{total}.{}", escaped(ending))
            }
            _ => escaped(file),
        };
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// A path as the manifest writes it: what would be a wildcard loses that meaning.
pub(super) fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}
