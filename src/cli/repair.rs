//! `aisr repair`: brings back what can be brought back, and says what is lost.

use std::io::Write;

use aisr::remote::second_copy;
use aisr::repo::{FOLDER, Repository};
use aisr::upkeep::{RepairOptions, RepairReport, RepairedPack, repair};

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::fsck::{draw_affected, draw_problems};
use super::output::{BAD, Escaped, GOOD, Output, Paging, count, plural, write_json};
use super::surroundings::surroundings;

/// Bring back what is damaged, from here or from a second copy; say what is lost.
#[derive(clap::Args)]
pub struct Arguments {
    /// Change nothing: say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Take what is lost from a second copy: a remote, another repository, or a folder that holds
    /// `packs`.
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let config = surroundings()?.config;
    let root = Repository::find_root(context.directory(), &config)?;
    let progress = context.progress("Checking");
    let from = arguments.from.as_deref();
    let from = from.map(|from| second_copy(&root.join(FOLDER), from, context.directory()));
    let from = from.transpose()?;
    let options = RepairOptions {
        dry_run: arguments.dry_run,
        from: from.as_deref(),
        threads: context.threads(),
        progress: &progress,
    };
    let report = repair(context.disk(), root, &options)?;
    progress.finish();
    let mut out = context.output(Paging::Off);
    match arguments.json {
        true => write_json(&mut out, &report)?,
        false if context.quiet && report.is_whole() => {}
        false => draw(&report, &mut out)?,
    }
    out.finish()?;
    if !report.is_whole() {
        context.hint(match (&arguments.from, report.dry_run) {
            (None, false) => "`aisr repair --from PLACE` takes what is lost from a second copy",
            (None, true) => "`aisr repair` does this; --from PLACE takes what is lost from a copy",
            (Some(_), true) => "the same without --dry-run does this",
            (Some(_), false) => "another copy may hold what is lost: --from PLACE",
        });
    } else if report.dry_run && !report.is_idle() {
        context.hint("the same without --dry-run does this");
    }
    let would_act = report.dry_run && !report.is_idle();
    Ok(if report.is_whole() && !would_act { Answer::Yes } else { Answer::No })
}

fn draw(report: &RepairReport, out: &mut Output) -> Result<(), CliError> {
    for step in &report.steps {
        let text = format!("{}: {}", step.what, step.detail);
        writeln!(out, "{:<10} {}", "file", Escaped(text.as_bytes()))?;
    }
    for pack in &report.packs {
        writeln!(out, "{:<10} {}", "pack", pack_line(pack, report.dry_run))?;
    }
    let verb = if report.dry_run { "can be taken" } else { "taken" };
    let sources = [(report.from_copy, "second copy"), (report.from_folder, "working folder")];
    for (objects, source) in sources {
        if objects > 0 {
            let objects = plural(objects, "object", "objects");
            writeln!(out, "{:<10} {objects} {verb} from the {source}", "healed")?;
        }
    }
    if let Some(aside) = &report.aside {
        let aside = aside.display().to_string();
        let text = format!("{aside} keeps what was damaged; remove it when nothing is missed");
        writeln!(out, "{:<10} {}", "aside", Escaped(text.as_bytes()))?;
    }
    if report.is_whole() {
        let text = match (report.is_idle(), report.dry_run) {
            (true, _) => "Nothing to repair: everything is whole.",
            (false, true) => "Nothing would be lost.",
            (false, false) => "Everything is whole.",
        };
        return Ok(writeln!(out, "{GOOD}{text}{GOOD:#}")?);
    }
    draw_problems(&report.problems, report.problem_count, out)?;
    let lost = plural(report.lost, "object", "objects");
    writeln!(out, "{BAD}{:<10}{BAD:#} {lost}", "lost")?;
    draw_affected(&report.affected, out)
}

fn pack_line(pack: &RepairedPack, is_dry: bool) -> String {
    let name = &pack.pack[..aisr::history::SHOWN_DIGITS];
    let kept = plural(pack.kept, "object", "objects");
    let lost = match pack.lost {
        Some(0) => "nothing in it is lost".into(),
        Some(lost) => format!("{} in it lost", count(lost)),
        None => "its footer is lost, so nobody knows what else it held".into(),
    };
    match (&pack.new, is_dry) {
        (_, true) => format!("{name}…: {kept} can be taken over, {lost}"),
        (Some(new), _) if *new == pack.pack => format!("{name}…: written anew, {kept}, {lost}"),
        (Some(new), _) => {
            let new = &new[..aisr::history::SHOWN_DIGITS];
            format!("{name}…: {kept} taken over into {new}…, {lost}")
        }
        (None, _) => format!("{name}…: nothing in it can be read, {lost}"),
    }
}
