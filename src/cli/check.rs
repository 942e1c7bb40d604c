//! `aisr check`: what is wrong with the system of the folder, or may be.

use std::io::Write;

use aisr::system::Severity;
use aisr::worktree::{StatusOptions, status};
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{BAD, Escaped, FindingView, HINT, Output, Paging, WARNING, plural, write_json};

/// Check what aisr.toml says against the folder, as every commit does.
///
/// Exits with 1 if there are errors.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr check
  aisr check --strict --json")]
pub struct Arguments {
    /// Exit with 1 if there are warnings, too.
    #[arg(long)]
    strict: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct CheckView {
    components: u64,
    edges: u64,
    findings: Vec<FindingView>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.working_repository_unchanged()?;
    let progress = context.progress("Reading");
    let threads = context.threads();
    let options = StatusOptions { threads, progress: &progress, list_ignored: false };
    let found = status(&repo, &options)?;
    progress.finish();
    let system = found.system?;
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        let findings = system.findings.iter().map(FindingView::of).collect();
        let (components, edges) = (system.components, system.edges);
        write_json(&mut out, &CheckView { components, edges, findings })?;
    } else {
        draw(&system, &mut out)?;
    }
    out.finish()?;
    let is_bad = |severity| arguments.strict || severity == Severity::Error;
    let bad = system.findings.iter().any(|finding| is_bad(finding.severity()));
    Ok(if bad { Answer::No } else { Answer::Yes })
}

fn draw(system: &aisr::worktree::TreeSystem, out: &mut Output) -> Result<(), CliError> {
    for finding in &system.findings {
        let text = finding.to_string();
        let text = Escaped(text.as_bytes());
        match finding.severity() {
            Severity::Error => writeln!(out, "{BAD}error:{BAD:#} {text}")?,
            Severity::Warning => writeln!(out, "{WARNING}warning:{WARNING:#} {text}")?,
        }
        if let Some(hint) = finding.hint() {
            writeln!(out, "{HINT}hint:{HINT:#} {}", Escaped(hint.as_bytes()))?;
        }
    }
    let components = plural(system.components, "component", "components");
    let edges = plural(system.edges, "relation", "relations");
    let of = |severity| system.findings.iter().filter(|f| f.severity() == severity).count() as u64;
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let found = match (errors, warnings) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, n) => plural(n, "warning", "warnings"),
        (n, 0) => plural(n, "error", "errors"),
        (n, m) => format!("{}, {}", plural(n, "error", "errors"), plural(m, "warning", "warnings")),
    };
    Ok(writeln!(out, "{components}, {edges}: {found}.")?)
}
