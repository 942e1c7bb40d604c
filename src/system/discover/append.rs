//! What was found and a manifest does not say yet, and adding it: what stands there stays.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use toml_edit::{DocumentMut, Item};

use super::place::is_within;
use super::{Discovery, write};
use crate::object::ComponentKey;
use crate::system::{Declared, Glob, Manifest, Mistake, Pattern};

/// Why nothing could be added.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The manifest is not understood as it is.
    #[error("it says something that is not understood: {0}")]
    Invalid(Mistake),
    /// TOML allows no table there: a kind is written as one inline table, say.
    #[error("[{0}] cannot be added to how its kind is written there")]
    NoPlace(String),
}

/// Where the components of a manifest lie, to ask which stand on a path.
pub struct Places<'m> {
    components: &'m [Declared],
    /// Those that name a file or folder, by its path.
    exact: BTreeMap<Vec<u8>, Vec<usize>>,
    patterns: Vec<(Pattern, usize)>,
}

impl<'m> Places<'m> {
    /// Those of the manifest's components.
    pub fn of(manifest: &'m Manifest) -> Self {
        let components = manifest.components.as_slice();
        let mut places = Self { components, exact: BTreeMap::new(), patterns: Vec::new() };
        for (index, declared) in components.iter().enumerate() {
            for glob in &declared.paths {
                match Glob::parse(glob) {
                    Ok(Glob::Path(path)) => {
                        places.exact.entry(path.as_bytes().to_vec()).or_default().push(index);
                    }
                    Ok(Glob::Pattern(pattern)) => places.patterns.push((pattern, index)),
                    Err(_) => {}
                }
            }
        }
        places
    }

    /// The components that stand on the file at `path`, or on the folder if it ends with `/`, or
    /// on a folder above it.
    pub fn standing_on(&self, path: &str) -> Vec<&'m Declared> {
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let mut folder = path.ends_with('/');
        let mut place = path.trim_end_matches('/');
        while !place.is_empty() {
            found.extend(self.exact.get(place.as_bytes()).into_iter().flatten());
            let matching =
                self.patterns.iter().filter(|(p, _)| p.matches(place.as_bytes(), folder));
            found.extend(matching.map(|(_, index)| index));
            place = place.rsplit_once('/').map_or("", |(above, _)| above);
            folder = true;
        }
        found.into_iter().filter_map(|index| self.components.get(index)).collect()
    }

    /// The components that stand on `path`, on a folder above it, or on something in it.
    pub fn within_or_on(&self, path: &str) -> Vec<&'m Declared> {
        let mut standing = self.standing_on(path);
        let path = path.trim_end_matches('/');
        let inside = |glob: &String| match Glob::parse(glob) {
            Ok(Glob::Path(place)) => String::from_utf8_lossy(place.as_bytes()).into_owned(),
            Ok(Glob::Pattern(pattern)) => String::from_utf8_lossy(pattern.literal()).into_owned(),
            Err(_) => String::new(),
        };
        for declared in self.components {
            let there = declared.paths.iter().map(inside).any(|place| is_within(&place, path));
            if there && !standing.contains(&declared) {
                standing.push(declared);
            }
        }
        standing
    }
}

/// What of `found` the manifest does not say: components that stand where none of it does, with
/// their edges, those to components that it names included.
pub(super) fn proposals(found: &Discovery, manifest: &Manifest) -> Discovery {
    let places = Places::of(manifest);
    // What was found is called as the manifest calls it where both mean the same.
    let mut known: BTreeMap<&ComponentKey, ComponentKey> = BTreeMap::new();
    let mut new = Vec::new();
    for declared in &found.components {
        match same(declared, manifest, &places) {
            Some(there) => drop(known.insert(&declared.key, there.key.clone())),
            None => new.push(declared),
        }
    }
    let mut used: BTreeSet<ComponentKey> =
        manifest.components.iter().map(|declared| declared.key.clone()).collect();
    let mut names = known.clone();
    for declared in &new {
        let key = free(&declared.key, &used);
        used.insert(key.clone());
        names.insert(&declared.key, key);
    }
    let renamed = |key: &ComponentKey| names.get(key).cloned().unwrap_or_else(|| key.clone());
    let components: Vec<Declared> = new
        .into_iter()
        .map(|declared| {
            let mut declared = declared.clone();
            declared.edges.iter_mut().for_each(|edge| edge.to = renamed(&edge.to));
            declared.key = renamed(&declared.key);
            declared
        })
        .collect();
    let free = |path: &&String| places.standing_on(path).is_empty();
    let unplaced = found.unplaced.iter().filter(free).cloned().collect();
    let remarks = found.remarks.iter().map(|(key, text)| (renamed(key), text.clone())).collect();
    Discovery { components, unplaced, remarks, ..found.clone() }
}

/// The component of the manifest that this is, whatever it is called there: one of its kind that
/// stands on one of its paths, at the same place inside it; or, for what lies nowhere, the same key.
fn same<'m>(found: &Declared, manifest: &'m Manifest, places: &Places<'m>) -> Option<&'m Declared> {
    let kind = found.key.kind();
    if found.paths.is_empty() {
        return manifest.components.iter().find(|there| there.key == found.key);
    }
    let mut standing = found.paths.iter().flat_map(|glob| match Glob::parse(glob) {
        Ok(Glob::Path(path)) => {
            let slash = if glob.ends_with('/') { "/" } else { "" };
            places.standing_on(&format!("{}{slash}", String::from_utf8_lossy(path.as_bytes())))
        }
        Ok(Glob::Pattern(pattern)) => {
            let has = |there: &&Declared| there.paths.contains(glob);
            let base = format!("{}/", String::from_utf8_lossy(pattern.base().as_bytes()));
            let exact = manifest.components.iter().filter(has);
            places.standing_on(&base).into_iter().chain(exact).collect()
        }
        Err(_) => Vec::new(),
    });
    standing.find(|there| {
        there.key.kind() == kind
            && (found.at == there.at || there.at.is_none() || found.at.is_none())
    })
}

fn free(key: &ComponentKey, used: &BTreeSet<ComponentKey>) -> ComponentKey {
    let mut number = 2;
    let mut free = key.clone();
    while used.contains(&free) {
        match ComponentKey::new(key.kind(), &format!("{}-{number}", key.name())) {
            Ok(next) => free = next,
            Err(_) => return free,
        }
        number += 1;
    }
    free
}

/// The text of a manifest with these components added at its end. Every byte that was there stays
/// where it was, but where a kind is written as an inline table: then that table grows.
///
/// # Errors
/// When the text is no manifest, or has no place for a component.
pub fn append(text: &str, additions: &Discovery) -> Result<String, AppendError> {
    let first = |mut mistakes: Vec<Mistake>| {
        mistakes.truncate(1);
        let nothing = || Mistake { line: 1, why: "not understood".into(), hint: None };
        AppendError::Invalid(mistakes.pop().unwrap_or_else(nothing))
    };
    Manifest::parse(text).map_err(first)?;
    let components: Vec<_> = additions.components.iter().collect();
    if components.is_empty() {
        return Ok(text.to_owned());
    }
    let mut at_end = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        at_end.push('\n');
    }
    at_end.push_str(&write::tables(&components, additions));
    if Manifest::parse(&at_end).is_ok() {
        return Ok(at_end);
    }
    inside(text, &components).filter(|text| Manifest::parse(text).is_ok()).ok_or_else(|| {
        let head = components.first().map_or(String::new(), |declared| write::head(declared));
        AppendError::NoPlace(head.trim_matches(['[', ']']).to_owned())
    })
}

/// The components put into the tables of their kinds, where these cannot be opened again by a head.
fn inside(text: &str, components: &[&Declared]) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    for declared in components {
        let text = write::tables(&[*declared], &Discovery::default());
        let parsed: DocumentMut = text.parse().ok()?;
        let (kind, name) = (declared.key.kind().name(), declared.key.name());
        let table = parsed.get(kind)?.get(name)?.as_table()?.clone();
        let value = toml_edit::Value::InlineTable(table.into_inline_table());
        let kinds = document.get_mut(kind)?.as_table_like_mut()?;
        kinds.insert(name, Item::Value(value));
    }
    Some(document.to_string())
}
