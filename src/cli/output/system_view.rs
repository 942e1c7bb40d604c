//! Components, edges and what changed of them, for people and programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use aisr::object::{AttributeValue, Attributes, Component, ComponentKey, Edge, EdgeKey, Origin};
use aisr::system::{
    ChangeWord, ComponentChange, EdgeChange, Finding, Graph, ManifestError, Narrowed, SystemChanges,
};
use serde::Serialize;

use super::color::{ADDED, HINT, KIND, REMOVED, WARNING};
use super::escape::Escaped;
use super::json::PathText;
use super::numbers::plural;

/// A system, as `--json` prints it.
#[derive(Serialize)]
pub struct GraphView {
    commit: String,
    components: Vec<ComponentView>,
    edges: Vec<EdgeView>,
}

/// A component.
#[derive(Serialize)]
pub struct ComponentView {
    key: String,
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    origins: Vec<OriginView>,
    attributes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<String>,
    /// The bytes of what it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum OriginView {
    Path(PathText),
    /// The key of `external`, in hexadecimal.
    External {
        external: String,
    },
}

/// An edge.
#[derive(Serialize)]
pub struct EdgeView {
    from: String,
    relation: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discovered: Option<BTreeMap<String, String>>,
}

/// What changed of a system, what is captured less, and what is wrong.
#[derive(Serialize)]
pub struct SystemChangesView {
    narrowed: Vec<String>,
    components: Vec<ComponentChangeView>,
    edges: Vec<EdgeChangeView>,
    findings: Vec<FindingView>,
}

#[derive(Serialize)]
struct ComponentChangeView {
    key: String,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<ComponentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<ComponentView>,
}

#[derive(Serialize)]
struct EdgeChangeView {
    change: &'static str,
    #[serde(flatten)]
    edge: EdgeView,
}

/// Something that is wrong, or may be.
#[derive(Serialize)]
pub struct FindingView {
    finding: &'static str,
    severity: aisr::system::Severity,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl GraphView {
    pub fn of(commit: String, graph: &Graph, sizes: &BTreeMap<ComponentKey, u64>) -> Self {
        let components = graph.components.iter();
        Self {
            commit,
            components: components.map(|(k, c)| ComponentView::of(k, c, sizes.get(k))).collect(),
            edges: graph.edges.iter().map(|(key, edge)| EdgeView::of(key, edge)).collect(),
        }
    }
}

impl ComponentView {
    pub fn of(key: &ComponentKey, component: &Component, size: Option<&u64>) -> Self {
        let origin = |origin: &Origin| match origin {
            Origin::Path(path) => OriginView::Path(PathText::of(path.as_bytes())),
            Origin::External(key) => {
                OriginView::External { external: data_encoding::HEXLOWER.encode(key) }
            }
        };
        Self {
            key: key.to_string(),
            kind: key.kind().name(),
            name: key.name().to_owned(),
            content: component.content.map(|id| id.to_hex()),
            origins: component.origins.iter().map(origin).collect(),
            attributes: texts(&component.attributes),
            was: component.was.as_ref().map(ToString::to_string),
            size: size.copied(),
        }
    }
}

impl EdgeView {
    pub fn of(key: &EdgeKey, edge: &Edge) -> Self {
        Self {
            from: key.from.to_string(),
            relation: key.relation.clone(),
            to: key.to.to_string(),
            declared: edge.declared.as_ref().map(texts),
            discovered: edge.discovered.as_ref().map(texts),
        }
    }
}

impl SystemChangesView {
    pub fn of(narrowed: &[Narrowed], changes: &SystemChanges, findings: &[Finding]) -> Self {
        let component = |change: &ComponentChange| {
            let old = change.renamed_from.as_ref().unwrap_or(&change.key);
            let before = change.before.as_ref();
            let after = change.after.as_ref();
            ComponentChangeView {
                key: change.key.to_string(),
                change: change.word().word(),
                renamed_from: change.renamed_from.as_ref().map(ToString::to_string),
                before: before.map(|before| ComponentView::of(old, before, None)),
                after: after.map(|after| ComponentView::of(&change.key, after, None)),
            }
        };
        let edge = |change: &EdgeChange| {
            let state = change.after.as_ref().or(change.before.as_ref()).cloned();
            let edge = EdgeView::of(&change.key, &state.unwrap_or_default());
            EdgeChangeView { change: edge_word(change), edge }
        };
        Self {
            narrowed: narrowed.iter().map(ToString::to_string).collect(),
            components: changes.components.iter().map(component).collect(),
            edges: changes.edges.iter().map(edge).collect(),
            findings: findings.iter().map(FindingView::of).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.narrowed.is_empty()
            && self.components.is_empty()
            && self.edges.is_empty()
            && self.findings.is_empty()
    }
}

impl FindingView {
    pub fn of(finding: &Finding) -> Self {
        Self {
            finding: finding.name(),
            severity: finding.severity(),
            text: finding.to_string(),
            line: finding.line(),
            hint: finding.hint(),
        }
    }
}

fn texts(attributes: &Attributes) -> BTreeMap<String, String> {
    attributes.iter().map(|(name, value)| (name.clone(), attribute_text(value))).collect()
}

/// An attribute as text; bytes in hexadecimal.
pub fn attribute_text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Bytes(bytes) => data_encoding::HEXLOWER.encode(bytes),
    }
}

/// What a component stands on, in few words: one path, or how many.
pub fn origins_in_words(component: &Component) -> String {
    let at = match component.attributes.get("at") {
        Some(AttributeValue::Text(at)) => format!(" {}", Escaped(at.as_bytes())),
        _ => String::new(),
    };
    match component.origins.as_slice() {
        [] => String::new(),
        [Origin::Path(path)] => format!("{path}{at}"),
        [Origin::External(_)] => "outside of the folder".into(),
        origins => {
            let paths = plural(origins.len() as u64, "path", "paths");
            match common_folder(origins) {
                Some(folder) => format!("{paths} in {folder}/"),
                None => paths,
            }
        }
    }
}

fn common_folder(origins: &[Origin]) -> Option<String> {
    let mut paths = origins.iter().filter_map(|origin| match origin {
        Origin::Path(path) => Some(path),
        Origin::External(_) => None,
    });
    let mut folder = paths.next()?.parent()?;
    for path in paths {
        while !path.is_within(&folder) {
            folder = folder.parent()?;
        }
    }
    (!folder.is_root()).then(|| folder.to_string())
}

fn edge_word(change: &EdgeChange) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "new",
        (_, None) => "gone",
        _ => "changed",
    }
}

/// Tells what is captured less, each on a line of its own.
pub fn draw_narrowed(narrowed: &[Narrowed], out: &mut dyn Write) -> io::Result<()> {
    for narrowed in narrowed {
        // Paths and lines in it may be anything.
        let text = narrowed.to_string();
        writeln!(out, "  {WARNING}narrows {WARNING:#} {}", Escaped(text.as_bytes()))?;
    }
    Ok(())
}

/// Draws the components that differ, then the edges by where they begin; at most `most` lines.
pub fn draw_system_changes(
    changes: &SystemChanges,
    most: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let width = changes.components.iter().map(|change| key_text(change).chars().count()).max();
    let width = width.unwrap_or(0);
    let mut lines: Vec<String> =
        changes.components.iter().map(|change| component_line(change, width)).collect();
    let from = changes.edges.iter().map(|change| change.key.from.to_string().len()).max();
    let from = from.unwrap_or(0);
    lines.extend(changes.edges.iter().map(|change| edge_line(change, from)));
    let more = lines.len().saturating_sub(most);
    for line in lines.iter().take(most) {
        writeln!(out, "  {}", line.trim_end())?;
    }
    if more > 0 {
        writeln!(out, "  … and {}", plural(more as u64, "more", "more"))?;
    }
    Ok(())
}

fn key_text(change: &ComponentChange) -> String {
    match &change.renamed_from {
        Some(from) => format!("{from} → {}", change.key),
        None => change.key.to_string(),
    }
}

/// A component that differs, in a line.
fn component_line(change: &ComponentChange, width: usize) -> String {
    let word = change.word();
    let state = change.after.as_ref().or(change.before.as_ref());
    let mut detail = state.map(origins_in_words).unwrap_or_default();
    if word == ChangeWord::Renamed && change.has_other_content() {
        detail = format!("{detail}  and changed");
    }
    let key = key_text(change);
    let pad = width.saturating_sub(key.chars().count());
    format!("{KIND}{:<8}{KIND:#} {key}{:pad$}  {detail}", word.word(), "")
}

/// An edge that differs, in a line.
fn edge_line(change: &EdgeChange, from: usize) -> String {
    let key = &change.key;
    let to = match (&change.before, &change.after) {
        (None, _) => format!("{ADDED}+{}{ADDED:#}", key.to),
        (_, None) => format!("{REMOVED}−{}{REMOVED:#}", key.to),
        _ => format!("~{}", key.to),
    };
    let said = |edge: &Option<Edge>| {
        let said =
            edge.as_ref().and_then(|edge| edge.declared.as_ref().or(edge.discovered.as_ref()));
        let said: Vec<_> = said
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name} {}", Escaped(attribute_text(value).as_bytes())))
            .collect();
        said.join(", ")
    };
    let said = match (said(&change.before), said(&change.after)) {
        (before, after) if change.before.is_some() && change.after.is_some() => {
            format!("  {before} → {after}")
        }
        _ => String::new(),
    };
    format!("{:<8} {:<from$}  {} {to}{said}", "", key.from.to_string(), key.relation)
}

/// Prints a warning of the system, and what can be done about it, to stderr.
pub fn warn_of_finding(finding: &Finding) {
    let text = finding.to_string();
    anstream::eprintln!("{WARNING}warning:{WARNING:#} {}", Escaped(text.as_bytes()));
    if let Some(hint) = finding.hint() {
        anstream::eprintln!("{HINT}hint:{HINT:#} {}", Escaped(hint.as_bytes()));
    }
}

/// Prints that the manifest is not understood, so that nothing is known of the system.
pub fn warn_of_manifest(error: &ManifestError) {
    let text = error.to_string();
    anstream::eprintln!(
        "{WARNING}warning:{WARNING:#} {}: nothing is known of the system until that is put right",
        Escaped(text.as_bytes())
    );
}
