//! `aisr fsck`: checks all of a repository.

use std::io::Write;

use aisr::history::SHOWN_DIGITS;
use aisr::repo::Repository;
use aisr::upkeep::{Affected, AffectedPlace, FsckReport, Problem, ProblemKind, fsck};

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
    if !report.is_good() {
        context.hint("`aisr repair` brings back what can be; --from PLACE uses a second copy");
    }
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
    if report.expired_commits > 0 {
        let commits = plural(report.expired_commits, "commit", "commits");
        writeln!(out, "expired    {commits} of the log alone: their content was collected")?;
    }
    let log = report.problems.iter().any(|problem| problem.kind == ProblemKind::Log);
    let chain = if log { format!("{BAD}BAD{BAD:#}") } else { format!("{GOOD}good{GOOD:#}") };
    writeln!(out, "log        {}, chain {chain}", plural(report.log_entries, "entry", "entries"))?;
    draw_problems(&report.problems, report.problem_count, out)?;
    if report.is_good() {
        return Ok(writeln!(out, "Everything is whole.")?);
    }
    draw_affected(&report.affected, out)?;
    if report.salvageable > 0 {
        let held = plural(report.salvageable, "object", "objects");
        let lost = plural(report.lost, "object", "objects");
        writeln!(out, "repair     {held} in damaged packs can be taken over; {lost} lost")?;
    }
    Ok(())
}

/// One line for each problem.
pub fn draw_problems(problems: &[Problem], all: u64, out: &mut Output) -> Result<(), CliError> {
    for problem in problems {
        let record = problem.record.map(|n| format!(" record {}", count(n))).unwrap_or_default();
        let objects = match (problem.objects.first(), problem.object_count) {
            (None, _) => String::new(),
            (Some(first), 1) => format!(" ({first})"),
            (Some(first), n) => format!(" ({first} and {} more)", count(n - 1)),
        };
        let (place, detail) = (&problem.place, &problem.detail);
        // Errors of the store name the pack, which stands before them here.
        let detail = detail.replace(&format!("pack {place} is damaged"), "damaged");
        let text = format!("{place}{record}{objects}: {detail}");
        writeln!(out, "{BAD}{:<10}{BAD:#} {}", problem.kind.name(), Escaped(text.as_bytes()))?;
    }
    let more = all - problems.len() as u64;
    if more > 0 {
        writeln!(out, "and {}", plural(more, "more problem", "more problems"))?;
    }
    Ok(())
}

/// Which paths in which commits are hurt.
pub fn draw_affected(affected: &Affected, out: &mut Output) -> Result<(), CliError> {
    if affected.commit_count == 0 {
        return Ok(writeln!(out, "affects    no commit; everything they hold is whole")?);
    }
    let short = |id: &str| id[..SHOWN_DIGITS].to_owned();
    let range = |place: &AffectedPlace| {
        let commits = plural(place.commit_count, "commit", "commits");
        match place.first == place.last {
            true => format!("{} ({commits})", short(&place.first)),
            false => format!("{}…{} ({commits})", short(&place.first), short(&place.last)),
        }
    };
    for (nth, place) in affected.places.iter().take(NAMED).enumerate() {
        let label = if nth == 0 { "affects" } else { "" };
        // What is listed is escaped already.
        writeln!(out, "{label:<10} {} in {}", place.path, range(place))?;
    }
    let named = affected.places.len().min(NAMED) as u64;
    if affected.path_count > named {
        writeln!(out, "{:<10} and {} more", "", count(affected.path_count - named))?;
    }
    let commits = affected.commits.iter().take(NAMED).map(|id| short(id));
    let commits = commits.collect::<Vec<_>>().join(" ");
    let more = match affected.commit_count.saturating_sub(NAMED as u64) {
        0 => String::new(),
        more => format!(" and {} more", count(more)),
    };
    let all = plural(affected.commit_count, "commit", "commits");
    let label = if affected.places.is_empty() { "affects" } else { "" };
    Ok(writeln!(out, "{label:<10} {commits}{more} ({all}); everything else is whole")?)
}
