//! What a look over the folder found, as `init` and `system scan` tell it.

use std::collections::BTreeMap;
use std::io::Write;

use aisr::object::ComponentKind;
use aisr::system::RELATIONS;
use aisr::system::discover::{Discovery, MOST_ENTRIES};
use serde::Serialize;

use super::{Escaped, count, plural};
use crate::cli::error::CliError;

/// How many paths of one sort are listed.
const SHOWN: usize = 6;

/// Writes what was found, and what was not placed, not read or not understood.
pub fn draw_found(found: &Discovery, out: &mut dyn Write) -> Result<(), CliError> {
    if !found.components.is_empty() {
        writeln!(out, "Found         {}", kinds(found))?;
    }
    let relations = relations(found);
    if !relations.is_empty() {
        writeln!(out, "Relations     {relations}")?;
    }
    draw_rest(found, out)
}

/// Writes what was not placed, not read or not understood.
pub fn draw_rest(found: &Discovery, out: &mut dyn Write) -> Result<(), CliError> {
    if !found.unplaced.is_empty() {
        let paths = list(found.unplaced.iter().map(String::as_str));
        let them = if found.unplaced.len() == 1 { "it" } else { "them" };
        let hint = format!("captured all the same; name {them} in aisr.toml if that matters");
        writeln!(out, "Not placed    {paths} ({hint})")?;
    }
    let told = &found.told;
    if !told.too_large.is_empty() {
        let paths = list(told.too_large.iter().map(String::as_str));
        writeln!(out, "Not read      {paths}: too long for what is read to find components")?;
    }
    for (path, why) in told.broken.iter().take(SHOWN) {
        let (path, why) = (Escaped(path.as_bytes()), Escaped(why.as_bytes()));
        writeln!(out, "Not readable  {path}: {why}")?;
    }
    if let Some(more @ 1..) = told.broken.len().checked_sub(SHOWN) {
        writeln!(out, "              and {}", plural(more as u64, "other", "others"))?;
    }
    if told.passed_over > 0 {
        let files = plural(told.passed_over as u64, "file", "files");
        writeln!(out, "Passed over   {files}: too many of their kind to look into each")?;
    }
    if told.cut {
        let most = count(MOST_ENTRIES as u64);
        writeln!(out, "Cut off       the folder has more than is looked at ({most} entries)")?;
    }
    Ok(())
}

/// `2 models, 14 prompts, 2 tool servers (31 tools), 1 memory (sqlite)`.
fn kinds(found: &Discovery) -> String {
    let words = [
        (ComponentKind::Model, "model", "models"),
        (ComponentKind::Prompt, "prompt", "prompts"),
        (ComponentKind::Agent, "agent", "agents"),
        (ComponentKind::Tool, "tool server", "tool servers"),
        (ComponentKind::Memory, "memory", "memories"),
        (ComponentKind::Identity, "identity", "identities"),
    ];
    let parts = words.into_iter().filter_map(|(kind, one, many)| {
        let number = found.count(kind) as u64;
        let more = match kind {
            ComponentKind::Tool if found.tools > 0 => {
                format!(" ({})", plural(found.tools as u64, "tool", "tools"))
            }
            ComponentKind::Memory if !found.memory_formats.is_empty() => {
                format!(" ({})", found.memory_formats.join(", "))
            }
            _ => String::new(),
        };
        (number > 0).then(|| format!("{}{more}", plural(number, one, many)))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// `3 runs, 3 prompted-by`.
fn relations(found: &Discovery) -> String {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for edge in found.components.iter().flat_map(|declared| &declared.edges) {
        *numbers.entry(&edge.relation).or_default() += 1;
    }
    let known = RELATIONS.iter().filter_map(|relation| {
        numbers.get(relation.name).map(|number| format!("{} {}", count(*number), relation.name))
    });
    known.collect::<Vec<_>>().join(", ")
}

fn list<'p>(paths: impl ExactSizeIterator<Item = &'p str>) -> String {
    let more = paths.len().saturating_sub(SHOWN) as u64;
    let shown = paths.take(SHOWN).map(|path| Escaped(path.as_bytes()).to_string());
    let mut shown: Vec<_> = shown.collect();
    if more > 0 {
        shown.push(format!("and {} more", count(more)));
    }
    shown.join(", ")
}

/// What was found, in JSON.
#[derive(Serialize)]
pub struct FoundView<'d> {
    components: Vec<ComponentView<'d>>,
    not_placed: &'d [String],
    not_read: &'d [String],
    not_readable: Vec<BrokenView<'d>>,
    passed_over: usize,
    cut_off: bool,
}

#[derive(Serialize)]
struct ComponentView<'d> {
    component: String,
    paths: &'d [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'d str>,
    edges: Vec<EdgeView<'d>>,
}

#[derive(Serialize)]
struct EdgeView<'d> {
    relation: &'d str,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'d str>,
}

#[derive(Serialize)]
struct BrokenView<'d> {
    path: &'d str,
    why: &'d str,
}

impl<'d> FoundView<'d> {
    pub fn of(found: &'d Discovery) -> Self {
        let edge = |edge: &'d aisr::system::DeclaredEdge| EdgeView {
            relation: &edge.relation,
            to: edge.to.to_string(),
            mode: match edge.attributes.get("mode") {
                Some(aisr::object::AttributeValue::Text(mode)) => Some(mode),
                _ => None,
            },
        };
        let component = |declared: &'d aisr::system::Declared| ComponentView {
            component: declared.key.to_string(),
            paths: &declared.paths,
            at: declared.at.as_deref(),
            edges: declared.edges.iter().map(edge).collect(),
        };
        let broken = found.told.broken.iter();
        Self {
            components: found.components.iter().map(component).collect(),
            not_placed: &found.unplaced,
            not_read: &found.told.too_large,
            not_readable: broken.map(|(path, why)| BrokenView { path, why }).collect(),
            passed_over: found.told.passed_over,
            cut_off: found.told.cut,
        }
    }
}
