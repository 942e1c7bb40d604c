//! `aisr gc`: collects what nothing leads to any more, and merges packs.

use std::io::Write;
use std::time::{Duration, SystemTime};

use aisr::repo::{CONFIG_FILE, FOLDER, Origin, Repository, Setting, SettingsFile, days, in_force};
use aisr::upkeep::{GcOptions, GcReport, gc};

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Output, Paging, count, plural, size, write_json};
use super::surroundings::surroundings;

/// How long what a log entry names is kept, where nothing else is set.
const KEEP: u32 = 90;
const DAY: u64 = 24 * 3600;
/// How long writers are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Collect what no ref, tag or recent operation leads to, and merge packs.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also what was stored in the last 14 days.
    #[arg(long)]
    now: bool,
    /// Say what would go, and do nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    // What was interrupted still needs what it was about to put in place.
    let repo = match arguments.dry_run {
        true => context.repository()?,
        false => context.working_repository()?,
    };
    let keep = keep(&repo)?;
    let options = GcOptions {
        keep: Duration::from_secs(u64::from(keep) * DAY),
        now: arguments.now,
        dry_run: arguments.dry_run,
        at: SystemTime::now(),
        patience: PATIENCE,
    };
    let report = gc(&repo, &options)?;
    let mut out = context.output(Paging::Off);
    match arguments.json {
        true => write_json(&mut out, &report)?,
        false if context.quiet => {}
        false => draw(&report, keep, &mut out)?,
    }
    out.finish()?;
    if report.busy {
        context.hint("run `aisr gc` again once what writes has ended");
    }
    Ok(if report.busy { Answer::No } else { Answer::Yes })
}

/// How many days what a log entry names is kept.
fn keep(repo: &Repository) -> Result<u32, CliError> {
    let user = surroundings()?.config_dir.join(CONFIG_FILE);
    let own = repo.root().join(FOLDER).join(CONFIG_FILE);
    let files =
        [SettingsFile::load(&user, Origin::User)?, SettingsFile::load(&own, Origin::Repository)?];
    let set = in_force(&files, Setting::find("gc.keep")?)?;
    let set = set.and_then(|(_, values)| values.first().and_then(|text| days(text)));
    Ok(set.unwrap_or(KEEP))
}

fn draw(report: &GcReport, keep: u32, out: &mut Output) -> Result<(), CliError> {
    if report.busy {
        writeln!(out, "Nothing is removed: others wrote all the time.")?;
    } else if report.is_nothing() {
        writeln!(
            out,
            "Nothing to collect in {}, {}.",
            plural(report.packs_before, "pack", "packs"),
            size(report.bytes_before)
        )?;
    } else {
        draw_done(report, out)?;
    }
    if report.expired_commits > 0 {
        let commits = plural(report.expired_commits, "commit", "commits");
        writeln!(
            out,
            "  expired  {commits} that only log entries older than {} lead to: \
             kept as a statement, without content",
            plural(u64::from(keep), "day", "days")
        )?;
    }
    if report.waiting_packs > 0 {
        let packs = plural(report.waiting_packs, "pack", "packs");
        let bytes = size(report.waiting_bytes);
        writeln!(out, "  young    {bytes} in {packs} of the last 14 days: --now takes that too")?;
    }
    if report.waste > 0 {
        let waste = size(report.waste);
        writeln!(out, "  waste    {waste} stay in large packs until there is more of it")?;
    }
    Ok(())
}

fn draw_done(report: &GcReport, out: &mut Output) -> Result<(), CliError> {
    let packs = |packs, bytes| format!("{}, {}", plural(packs, "pack", "packs"), size(bytes));
    let before = packs(report.packs_before, report.bytes_before);
    let after = packs(report.packs_after, report.bytes_after);
    let would = if report.dry_run { "would be " } else { "" };
    writeln!(out, "{before} → {would}{after}")?;
    let verb = if report.dry_run { "to go  " } else { "removed" };
    let removed = &report.removed;
    if removed.objects() > 0 {
        let kinds = [
            (removed.commits, "commit", "commits"),
            (removed.tags, "tag", "tags"),
            (removed.nodes, "tree node", "tree nodes"),
            (removed.recipes, "recipe", "recipes"),
            (removed.blobs, "blob or chunk", "blobs and chunks"),
            (removed.copies, "spare copy", "spare copies"),
        ];
        let kinds = kinds.into_iter().filter(|(number, ..)| *number > 0);
        let kinds: Vec<String> = kinds.map(|(n, one, many)| plural(n, one, many)).collect();
        writeln!(out, "  {verb}  {} that nothing leads to", kinds.join(", "))?;
    }
    let (empty, partly) = (report.empty_packs, report.partly_packs);
    if empty + partly > 0 {
        writeln!(out, "  packs    {} whole, {} written anew", count(empty), count(partly))?;
    }
    if report.merged_packs > 0 {
        writeln!(out, "  merged   {}", plural(report.merged_packs, "pack", "packs"))?;
    }
    if report.temporaries > 0 {
        let files = plural(report.temporaries, "file", "files");
        let bytes = size(report.temporary_bytes);
        writeln!(out, "  cleared  {files} that an interrupted command left, {bytes}")?;
    }
    Ok(())
}
