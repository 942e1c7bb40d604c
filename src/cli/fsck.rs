//! `aisr fsck`: checks all of a repository.

use std::io::Write;

use aisr::history::SHOWN_DIGITS;
use aisr::repo::Repository;
use aisr::upkeep::{FsckReport, ProblemKind, fsck};

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{BAD, Escaped, GOOD, Output, Paging, count, plural, size, write_json};
use super::surroundings::surroundings;

/// How many commits and paths are named.
const NAMED: usize = 5;

/// Check everything: packs, objects, trees, signatures, the log.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr fsck
  aisr fsck --json")]
pub struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let config = surroundings()?.config;
    let root = Repository::find_root(context.directory(), &config)?;
    let progress = context.progress("Checking");
    let report = fsck(context.disk(), root, context.threads(), &progress)?;
    progress.finish();
    let mut out = context.output(Paging::Off);
    match arguments.json {
        true => write_json(&mut out, &report)?,
        false if context.quiet && report.is_good() => {}
        false => draw(&report, &mut out)?,
    }
    out.finish()?;
    Ok(if report.is_good() { Answer::Yes } else { Answer::No })
}

fn draw(report: &FsckReport, out: &mut Output) -> Result<(), CliError> {
    let packs = match report.packs_good == report.packs {
        true => format!("{GOOD}{} good{GOOD:#}", count(report.packs)),
        false => {
            format!("{BAD}{} of {} good{BAD:#}", count(report.packs_good), count(report.packs))
        }
    };
    let objects = plural(report.objects, "object", "objects");
    writeln!(out, "packs      {packs}; {objects}, {}", size(report.bytes))?;
    if report.recipes > 0 {
        let (good, all) = (count(report.recipes_good), count(report.recipes));
        writeln!(out, "recipes    {good} of {all} build their blobs")?;
    }
    writeln!(
        out,
        "history    {}, {}, {}",
        plural(report.commits, "commit", "commits"),
        plural(report.nodes, "tree node", "tree nodes"),
        plural(report.blobs, "blob", "blobs")
    )?;
    if report.expired > 0 {
        let commits = plural(report.expired, "commit", "commits");
        writeln!(out, "expired    {commits} of the log alone: their content was collected")?;
    }
    let log = report.problems.iter().any(|problem| problem.kind == ProblemKind::Log);
    let chain = if log { format!("{BAD}BAD{BAD:#}") } else { format!("{GOOD}good{GOOD:#}") };
    writeln!(out, "log        {}, chain {chain}", plural(report.log_entries, "entry", "entries"))?;
    for problem in &report.problems {
        let text = format!("{}: {}", problem.place, problem.detail);
        writeln!(out, "{BAD}{:<10}{BAD:#} {}", problem.kind.name(), Escaped(text.as_bytes()))?;
    }
    let more = report.problem_count - report.problems.len() as u64;
    if more > 0 {
        writeln!(out, "and {}", plural(more, "more problem", "more problems"))?;
    }
    if report.is_good() {
        return Ok(writeln!(out, "Everything is whole.")?);
    }
    draw_affected(report, out)
}

fn draw_affected(report: &FsckReport, out: &mut Output) -> Result<(), CliError> {
    let affected = &report.affected;
    if affected.commit_count == 0 {
        return Ok(writeln!(out, "affects    no commit; everything they hold is whole")?);
    }
    // What is listed is escaped already.
    let paths: Vec<&str> = affected.paths.iter().take(NAMED).map(String::as_str).collect();
    let commits = affected.commits.iter().take(NAMED).map(|id| &id[..SHOWN_DIGITS]);
    let commits = commits.collect::<Vec<_>>().join(" ");
    let more = |all: u64, shown: usize| match all > shown as u64 {
        true => format!(" and {} more", count(all - shown as u64)),
        false => String::new(),
    };
    let named = affected.commits.len().min(NAMED);
    let places = match paths.is_empty() {
        true => String::new(),
        false => {
            format!("{}{} in ", paths.join(", "), more(affected.path_count, paths.len()))
        }
    };
    let all = plural(affected.commit_count, "commit", "commits");
    let commits = format!("{commits}{}", more(affected.commit_count, named));
    Ok(writeln!(out, "affects    {places}{commits} ({all}); everything else is whole")?)
}
