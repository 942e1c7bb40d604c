//! `aisr system show KIND:NAME [REV]`: one component, and all edges in and out.

use std::ffi::OsString;
use std::io::Write;

use aisr::object::{AttributeValue, Attributes, ComponentKey, EdgeKey};
use aisr::system::nearest;
use serde::Serialize;

use super::graph::{origins, read};
use crate::cli::Answer;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{
    ComponentView, EdgeView, Escaped, KIND, Output, Paging, attribute_text, size, write_json,
};

/// Show one component: what it is, and every edge that leads to it or from it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr system show agent:triage
  aisr system show model:base v1 --json")]
pub struct Arguments {
    /// The component.
    #[arg(value_name = "KIND:NAME")]
    component: String,
    /// The commit.
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: OsString,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ShowView {
    commit: String,
    component: ComponentView,
    /// The edges that begin at it.
    out: Vec<EdgeView>,
    /// The edges that end at it.
    r#in: Vec<EdgeView>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let key = key_of(&arguments.component)?;
    let repo = context.repository()?;
    let (id, system) = read(&repo, &arguments.revision)?;
    let Some(component) = system.graph.components.get(&key) else {
        let keys: Vec<String> = system.graph.components.keys().map(ToString::to_string).collect();
        let shown = id.get(..8).unwrap_or(&id);
        let error = CliError::failure(format!("there is no {key} in {shown}"));
        return Err(match nearest(&arguments.component, keys.iter().map(String::as_str)) {
            Some(name) => error.hint(format!("did you mean {name}?")),
            None => error.hint("`aisr system` lists what is"),
        });
    };
    let edges = || system.graph.edges.iter();
    let leaving: Vec<_> = edges().filter(|(edge, _)| edge.from == key).collect();
    let coming: Vec<_> = edges().filter(|(edge, _)| edge.to == key).collect();
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        let view = ShowView {
            commit: id,
            component: ComponentView::of(&key, component, system.sizes.get(&key)),
            out: leaving.iter().map(|(key, edge)| EdgeView::of(key, edge)).collect(),
            r#in: coming.iter().map(|(key, edge)| EdgeView::of(key, edge)).collect(),
        };
        write_json(&mut out, &view)?;
        out.finish()?;
        return Ok(Answer::Yes);
    }
    writeln!(out, "{KIND}{key}{KIND:#}")?;
    if let Some(content) = component.content {
        let bytes = system.sizes.get(&key).map(|bytes| format!("  {}", size(*bytes)));
        field("content", &format!("{}{}", content.to_hex(), bytes.unwrap_or_default()), &mut out)?;
    }
    for origin in origins(component) {
        field("origin", &origin, &mut out)?;
    }
    if let Some(was) = &component.was {
        field("was", &was.to_string(), &mut out)?;
    }
    attributes(&component.attributes, &mut out)?;
    let sides: [(&str, &[_], OtherEnd); 2] =
        [("out", &leaving, |edge| &edge.to), ("in", &coming, |edge| &edge.from)];
    let all = || leaving.iter().chain(&coming);
    let relation = all().map(|(edge, _)| edge.relation.len()).max().unwrap_or(0);
    for (name, edges, end) in sides {
        let width = edges.iter().map(|(edge, _)| end(edge).to_string().len()).max().unwrap_or(0);
        for (edge, said) in edges {
            let other = end(edge);
            let id = system.graph.components.get(other).and_then(|other| other.content);
            let id = id.map(|id| id.to_hex()).unwrap_or_default();
            let id = id.get(..8).unwrap_or("-");
            let mut line =
                format!("{:<relation$}  {:<width$}  {id:<8}", edge.relation, other.to_string());
            for (from, said) in [("", &said.declared), ("discovered ", &said.discovered)] {
                for (name, value) in said.iter().flatten() {
                    let value = attribute_text(value);
                    line = format!("{line}  {from}{name} {}", Escaped(value.as_bytes()));
                }
            }
            field(name, line.trim_end(), &mut out)?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}

/// The end of an edge at which the component is not.
type OtherEnd = fn(&EdgeKey) -> &ComponentKey;

/// Reads a component's key.
pub fn key_of(text: &str) -> Result<ComponentKey, CliError> {
    text.parse().map_err(|_| {
        CliError::usage(format!("`{}` is no component", Escaped(text.as_bytes())))
            .hint("a component is KIND:NAME, as in agent:triage")
    })
}

fn attributes(attributes: &Attributes, out: &mut Output) -> Result<(), CliError> {
    for (name, value) in attributes {
        let value: &AttributeValue = value;
        field(name, &Escaped(attribute_text(value).as_bytes()).to_string(), out)?;
    }
    Ok(())
}

fn field(name: &str, value: &str, out: &mut Output) -> Result<(), CliError> {
    Ok(writeln!(out, "  {name:<8}  {value}")?)
}
