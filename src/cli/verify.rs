//! `aisr verify`: whether commits are what their signers signed.

use std::ffi::OsString;
use std::io::Write;

use aisr::history::{Revisions, SHOWN_DIGITS};
use aisr::policy::{CommitVerdict, UnknownKeys, Verdict, VerifyReport, verify};

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{
    BAD, Escaped, GOOD, HINT, ID_REST, Output, Paging, WARNING, plural, write_json,
};
use super::target;

/// Check signatures, ids, the log and the refs.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr verify
  aisr verify v1..main
  aisr verify --json --allow-unknown")]
pub struct Arguments {
    /// The commits: one and what is behind it, or A..B; all that refs lead to by default.
    #[arg(value_name = "REV|RANGE")]
    range: Option<OsString>,
    /// Let commits pass that are signed by keys which nobody vouches for.
    #[arg(long)]
    allow_unknown: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let range = match &arguments.range {
        Some(range) => {
            // What checks a repository believes nothing that is derived.
            let revisions = Revisions::load_in_objects(&repo)?;
            Some(revisions.ranges([target::revision(range)?])?)
        }
        None => None,
    };
    let report = verify(&repo, range)?;
    let unknown = if arguments.allow_unknown { UnknownKeys::Pass } else { UnknownKeys::Fail };
    let passes = report.passes(unknown);
    let mut out = context.output(Paging::Off);
    if arguments.json {
        write_json(&mut out, &report)?;
    } else if !(context.quiet && passes) {
        draw(&report, &mut out)?;
    }
    out.finish()?;
    if !passes && !arguments.json && report.passes(UnknownKeys::Pass) {
        anstream::eprintln!(
            "{HINT}hint:{HINT:#} --allow-unknown lets keys pass that nobody vouches for"
        );
    }
    Ok(if passes { Answer::Yes } else { Answer::No })
}

fn draw(report: &VerifyReport, out: &mut Output) -> Result<(), CliError> {
    for commit in &report.not_good {
        draw_commit(commit, out)?;
    }
    for tag in &report.tags_not_good {
        let words = colored(tag.verdict);
        let detail = tag.detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default();
        let name = Escaped(tag.name.as_bytes());
        writeln!(out, "tag {name}  {words}{}", Escaped(detail.as_bytes()))?;
    }
    let bad = report.commits - report.good - report.unknown_keys - report.retired_keys;
    let mut parts = vec![format!("{} good", report.good)];
    if report.unknown_keys > 0 {
        parts.push(format!("{WARNING}{} by unknown keys{WARNING:#}", report.unknown_keys));
    }
    if report.retired_keys > 0 {
        parts.push(format!("{BAD}{} by retired keys{BAD:#}", report.retired_keys));
    }
    if bad > 0 {
        parts.push(format!("{BAD}{bad} BAD{BAD:#}"));
    }
    writeln!(out, "commits  {}: {}", report.commits, parts.join(", "))?;
    if report.tags > 0 {
        let good = report.tags - report.tags_not_good.len() as u64;
        writeln!(out, "tags     {}: {good} good", report.tags)?;
    }
    for problem in &report.refs {
        let text = format!("{}: {}", problem.name, problem.problem);
        writeln!(out, "refs     {BAD}BAD{BAD:#} {}", Escaped(text.as_bytes()))?;
    }
    let log = &report.log;
    match &log.problem {
        None => writeln!(
            out,
            "log      {}, chain {GOOD}good{GOOD:#}, by {}",
            plural(log.entries, "entry", "entries"),
            report.authority
        )?,
        Some(problem) => {
            writeln!(out, "log      {BAD}BAD{BAD:#} {}", Escaped(problem.as_bytes()))?;
        }
    }
    Ok(())
}

fn draw_commit(commit: &CommitVerdict, out: &mut Output) -> Result<(), CliError> {
    let id = &commit.id[..SHOWN_DIGITS];
    let subject = commit.subject.as_deref().unwrap_or_default();
    let more = commit.detail.as_deref().or(commit.key.as_deref()).unwrap_or_default();
    let (more, subject) = (Escaped(more.as_bytes()), Escaped(subject.as_bytes()));
    let words = colored(commit.verdict);
    Ok(writeln!(out, "{ID_REST}{id}{ID_REST:#}  {words}  {more}  {subject}")?)
}

fn colored(verdict: Verdict) -> String {
    let words = verdict.words();
    match verdict {
        Verdict::Good => format!("{GOOD}{words}{GOOD:#}"),
        Verdict::UnknownKey => format!("{WARNING}{words}{WARNING:#}"),
        _ => format!("{BAD}{words}{BAD:#}"),
    }
}
