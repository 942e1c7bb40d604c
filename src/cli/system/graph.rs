//! `aisr system [REV]`: the graph of a commit's system.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Write;

use aisr::object::{Component, ComponentKey, ComponentKind, Edge, EdgeKey, EscapedName, Origin};
use aisr::repo::Repository;
use aisr::system::{Graph, SystemMaps, origin_sizes};

use crate::cli::Answer;
use crate::cli::context::{Context, revisions};
use crate::cli::error::CliError;
use crate::cli::output::{
    Escaped, GraphView, KIND, Output, Paging, origins_in_words, size, write_json,
};
use crate::cli::target;

#[derive(clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// The commit.
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: OsString,
    /// Print one line for each component, then one for each edge.
    #[arg(long, group = "form")]
    table: bool,
    /// Print it for Graphviz.
    #[arg(long, group = "form")]
    dot: bool,
    /// Print it for Mermaid.
    #[arg(long, group = "form")]
    mermaid: bool,
    /// Print JSON.
    #[arg(long, group = "form")]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let (id, system) = read(&repo, &arguments.revision)?;
    let graph = &system.graph;
    let is_plain = arguments.json || arguments.dot || arguments.mermaid;
    let mut out = context.output(if is_plain { Paging::Off } else { Paging::Auto });
    if arguments.json {
        write_json(&mut out, &GraphView::of(id, graph, &system.sizes))?;
    } else if arguments.dot {
        draw_dot(graph, &mut out)?;
    } else if arguments.mermaid {
        draw_mermaid(graph, &mut out)?;
    } else if arguments.table {
        draw_table(&system, &mut out)?;
    } else {
        draw_tree(&system, &mut out)?;
    }
    out.finish()?;
    if graph.is_empty() && !is_plain && !context.quiet {
        anstream::eprintln!("No components: the aisr.toml of this commit names none.");
    }
    Ok(Answer::Yes)
}

/// A system, and how large what its components stand on is.
pub struct Read {
    pub graph: Graph,
    pub sizes: BTreeMap<ComponentKey, u64>,
}

/// Reads the system of a commit, and gives the commit's id.
pub fn read(repo: &Repository, revision: &OsString) -> Result<(String, Read), CliError> {
    let revisions = revisions(repo)?;
    let stored = revisions.commit(target::revision(revision)?)?;
    let maps = SystemMaps::of_root(repo.store(), stored.commit.root)?;
    let graph = maps.load(repo.store())?;
    let sizes = match graph.components.is_empty() {
        true => BTreeMap::new(),
        false => origin_sizes(repo.store(), repo.files(&stored.commit)?, &graph)?,
    };
    Ok((stored.id.to_hex(), Read { graph, sizes }))
}

fn draw_tree(system: &Read, out: &mut Output) -> Result<(), CliError> {
    let graph = &system.graph;
    let mut edges: BTreeMap<&ComponentKey, Vec<(&EdgeKey, &Edge)>> = BTreeMap::new();
    for (key, edge) in &graph.edges {
        edges.entry(&key.from).or_default().push((key, edge));
    }
    let led_to: BTreeSet<&ComponentKey> = graph.edges.keys().map(|key| &key.to).collect();
    let relation = graph.edges.keys().map(|key| key.relation.len()).max().unwrap_or(0);
    let target = graph.edges.keys().map(|key| key.to.to_string().len()).max().unwrap_or(0);
    // Agents first, for they are what the rest is there for; then what else begins relations; at
    // the end what stands in none. What only ends them stands there alone.
    let rank = |key: &ComponentKey| match edges.contains_key(key) {
        _ if key.kind() == ComponentKind::Agent => 0,
        true => 1,
        false => 2,
    };
    let mut components: Vec<_> = graph.components.iter().collect();
    components.sort_by_key(|(key, _)| rank(key));
    for (key, component) in components {
        let below = edges.get(key).map(Vec::as_slice).unwrap_or_default();
        if below.is_empty() && led_to.contains(key) {
            continue;
        }
        let detail = detail(system, key, component);
        writeln!(out, "{KIND}{key}{KIND:#}{}", after("  ", &detail))?;
        for (n, (edge, said)) in below.iter().enumerate() {
            let branch = if n + 1 == below.len() { "└─" } else { "├─" };
            let to = graph.components.get(&edge.to);
            let detail = to.map(|to| self::detail(system, &edge.to, to)).unwrap_or_default();
            let detail = [mode(said), detail].concat();
            let line =
                format!("{branch} {:<relation$}  {:<target$}", edge.relation, edge.to.to_string());
            writeln!(out, "{}", format!("{line}  {detail}").trim_end())?;
        }
    }
    Ok(())
}

/// The mode of an edge, where it has one.
fn mode(edge: &Edge) -> String {
    let said = edge.declared.as_ref().or(edge.discovered.as_ref());
    match said.and_then(|said| said.get("mode")) {
        Some(aisr::object::AttributeValue::Text(mode)) => {
            format!("{}  ", Escaped(mode.as_bytes()))
        }
        _ => String::new(),
    }
}

/// What a component stands on, and how large that is.
fn detail(system: &Read, key: &ComponentKey, component: &Component) -> String {
    let origins = origins_in_words(component);
    match system.sizes.get(key) {
        Some(bytes) => format!("{origins}  {}", size(*bytes)),
        None => origins,
    }
}

fn after(gap: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{gap}{text}") }
}

fn draw_table(system: &Read, out: &mut Output) -> Result<(), CliError> {
    let graph = &system.graph;
    let key = graph.components.keys().map(|key| key.to_string().len()).max().unwrap_or(0);
    for (name, component) in &graph.components {
        let id = component.content.map(|id| id.to_hex()).unwrap_or_default();
        let id = id.get(..8).unwrap_or("-");
        let bytes = system.sizes.get(name).map(|bytes| size(*bytes)).unwrap_or_default();
        let line = format!("{:<key$}  {id:<8}  {bytes:>9}  ", name.to_string());
        writeln!(out, "{}", format!("{line}{}", origins_in_words(component)).trim_end())?;
    }
    if !graph.edges.is_empty() {
        writeln!(out)?;
    }
    let relation = graph.edges.keys().map(|edge| edge.relation.len()).max().unwrap_or(0);
    for (edge, said) in &graph.edges {
        let line =
            format!("{:<key$}  {:<relation$}  {}", edge.from.to_string(), edge.relation, edge.to);
        writeln!(out, "{}", format!("{line}  {}", mode(said)).trim_end())?;
    }
    Ok(())
}

// Keys and relations are letters, digits, `:`, `.`, `-` and `_`, so quotes hold them as they are.

fn draw_dot(graph: &Graph, out: &mut Output) -> Result<(), CliError> {
    writeln!(out, "digraph system {{\n  rankdir=LR;\n  node [shape=box];")?;
    for key in graph.components.keys() {
        writeln!(out, "  \"{key}\";")?;
    }
    for edge in graph.edges.keys() {
        writeln!(out, "  \"{}\" -> \"{}\" [label=\"{}\"];", edge.from, edge.to, edge.relation)?;
    }
    writeln!(out, "}}")?;
    Ok(())
}

fn draw_mermaid(graph: &Graph, out: &mut Output) -> Result<(), CliError> {
    writeln!(out, "flowchart LR")?;
    let numbers: BTreeMap<&ComponentKey, usize> =
        graph.components.keys().enumerate().map(|(n, key)| (key, n)).collect();
    for (key, n) in &numbers {
        writeln!(out, "  c{n}[\"{key}\"]")?;
    }
    for edge in graph.edges.keys() {
        let ends = [&edge.from, &edge.to].map(|end| numbers.get(end));
        if let [Some(from), Some(to)] = ends {
            writeln!(out, "  c{from} -- \"{}\" --> c{to}", edge.relation)?;
        }
    }
    Ok(())
}

/// What a component stands on, one each.
pub fn origins(component: &Component) -> impl Iterator<Item = String> {
    component.origins.iter().map(|origin| match origin {
        Origin::Path(path) => path.to_string(),
        Origin::External(key) => format!("external {}", EscapedName(key)),
    })
}
