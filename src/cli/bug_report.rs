//! `aisr bug-report`: versions, sizes and counts; no names and no content.

use std::collections::BTreeMap;
use std::env::consts::{ARCH, OS};
use std::io::Write;
use std::path::Path;

use aisr::repo::{CONFIG_FILE, FOLDER, Origin, RepoError, Repository, SETTINGS, SettingsFile};
use aisr::upkeep::{
    Amount, Figures, FileSystems, FormatFigures, LocalFigures, LogFigures, PackFigures, Part,
    TrustFigures, figures,
};
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Output, Paging, count, plural, size, write_json};
use super::surroundings::{set_variables, surroundings};
use super::version::Version;

/// Print what a report of a bug should say of this program, system and repository.
///
/// Versions, sizes and counts: no names of files, branches or people, no messages, no keys, no
/// values of settings and no content, so that it can be shown to strangers. It works in a
/// repository that is damaged, and outside of one; nothing is sent anywhere.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr bug-report
  aisr bug-report --json > report.json")]
pub struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What the report says.
#[derive(Serialize)]
struct Report {
    program: Program,
    system: System,
    /// Which settings are set, by where; never to what.
    settings: BTreeMap<&'static str, Part<Vec<String>>>,
    /// Which variables that aisr reads are set; never to what.
    environment: Vec<&'static str>,
    repository: Part<Figures>,
}

#[derive(Serialize)]
struct Program {
    #[serde(flatten)]
    version: Version,
    target: String,
    /// Whether it is built for debugging.
    debug: bool,
}

#[derive(Serialize)]
struct System {
    name: String,
    release: String,
    machine: String,
    processors: u64,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let report = report(context);
    let mut out = context.output(Paging::Off);
    match arguments.json {
        true => write_json(&mut out, &report)?,
        false => draw(&report, &mut out)?,
    }
    out.finish()?;
    Ok(Answer::Yes)
}

fn report(context: &Context) -> Report {
    let environment = c_library();
    let target = [ARCH, OS, environment].join("-").trim_end_matches('-').to_owned();
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let around = surroundings();
    let config = around.as_ref().map(|around| around.config.clone()).unwrap_or_default();
    let root = Repository::find_root(context.directory(), &config);
    let mut settings = BTreeMap::new();
    if let Ok(around) = &around {
        let file = around.config_dir.join(CONFIG_FILE);
        settings.insert(Origin::User.name(), keys(&file, Origin::User));
    } else {
        settings.insert(Origin::User.name(), Part::Unreadable("they cannot be read".into()));
    }
    if let Ok(root) = root {
        let file = root.join(FOLDER).join(CONFIG_FILE);
        settings.insert(Origin::Repository.name(), keys(&file, Origin::Repository));
    }
    Report {
        program: Program { version: Version::this(), target, debug: cfg!(debug_assertions) },
        system: System {
            name: text(uname.sysname()),
            release: text(uname.release()),
            machine: text(uname.machine()),
            processors: context.threads() as u64,
        },
        settings,
        environment: set_variables(),
        repository: match root {
            Ok(root) => Part::Read(figures(context.disk(), root)),
            Err(RepoError::ForeignOwner { .. }) => {
                Part::Unreadable("it belongs to another user".into())
            }
            Err(_) => Part::Unreadable("there is none here".into()),
        },
    }
}

/// The C library that the program is linked with.
fn c_library() -> &'static str {
    if cfg!(target_env = "musl") {
        "musl"
    } else if cfg!(target_env = "gnu") {
        "gnu"
    } else {
        ""
    }
}

/// The keys that are set in a file of settings.
fn keys(path: &Path, origin: Origin) -> Part<Vec<String>> {
    let Ok(file) = SettingsFile::load(path, origin) else {
        return Part::Unreadable("they cannot be read".into());
    };
    // One of the wrong type is set all the same.
    let is_set = |value: &Result<Option<_>, _>| !matches!(value, Ok(None));
    let set = SETTINGS.into_iter().filter(|setting| is_set(&file.get(*setting)));
    Part::Read(set.map(|setting| setting.key()).collect())
}

/// A list in words.
fn listed(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

fn draw(report: &Report, out: &mut Output) -> Result<(), CliError> {
    let Program { version, target, debug } = &report.program;
    let commit = version.commit.map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let debug = if *debug { ", built for debugging" } else { "" };
    line(
        out,
        "aisr",
        format!("{} (format {}){commit}, {target}{debug}", version.version, version.format),
    )?;
    let System { name, release, machine, processors } = &report.system;
    let processors = plural(*processors, "processor", "processors");
    line(out, "system", format!("{name} {release} {machine}, {processors}"))?;
    for (origin, keys) in &report.settings {
        let keys = match keys {
            Part::Read(keys) => listed(keys.iter().cloned()),
            Part::Unreadable(why) => why.clone(),
        };
        line(out, "settings", format!("of the {origin}: {keys}"))?;
    }
    let variables = report.environment.iter().map(|name| (*name).to_owned());
    line(out, "environment", listed(variables))?;
    let repository = match &report.repository {
        Part::Read(figures) => figures,
        Part::Unreadable(why) => return line(out, "repository", why.clone()),
    };
    let Figures { file_systems, format, packs, log, trust, local } = repository;
    part(out, "file system", file_systems, |FileSystems { root, repository }| {
        vec![match root == repository {
            true => root.clone(),
            false => format!("{root}, and {repository} under .aisr"),
        }]
    })?;
    part(out, "format", format, |format| vec![format_line(format)])?;
    part(out, "packs", packs, pack_lines)?;
    part(out, "log", log, |log| vec![log_line(log)])?;
    part(out, "trust", trust, |trust| vec![trust_line(trust)])?;
    line(out, "local", local_line(local))
}

fn line(out: &mut Output, name: &str, text: String) -> Result<(), CliError> {
    Ok(writeln!(out, "{name:<12} {text}")?)
}

/// Draws a part of the figures, in lines, or why it cannot be read.
fn part<T>(
    out: &mut Output,
    name: &str,
    part: &Part<T>,
    lines: impl FnOnce(&T) -> Vec<String>,
) -> Result<(), CliError> {
    match part {
        Part::Unreadable(why) => line(out, name, format!("not read: {why}")),
        Part::Read(part) => {
            let mut names = std::iter::once(name).chain(std::iter::repeat(""));
            lines(part)
                .into_iter()
                .try_for_each(|text| line(out, names.next().unwrap_or_default(), text))
        }
    }
}

fn format_line(format: &FormatFigures) -> String {
    let FormatFigures { version, requires, requires_write, unmet, chunker } = format;
    let known = if *unmet == 0 { "all known" } else { "not all known" };
    format!(
        "version {version}, {requires} required to open, {requires_write} to write, {known}; \
         chunker {chunker}"
    )
}

fn pack_lines(packs: &PackFigures) -> Vec<String> {
    let amount = |amount: &Amount| format!("{} ({})", count(amount.count), size(amount.bytes));
    let named = |(name, found): (&str, &Amount)| format!("{name} {}", amount(found));
    let mut lines = vec![format!(
        "meta {}, data {}, the longest {}; {}",
        amount(&packs.meta),
        amount(&packs.data),
        size(packs.longest),
        plural(packs.recipes, "recipe", "recipes")
    )];
    lines.push(listed(packs.objects.iter().map(|(name, found)| named((name, found)))));
    lines.push(listed(packs.records.iter().map(|(name, found)| named((name, found)))));
    for (why, number) in &packs.damaged {
        lines.push(format!("{} damaged: {why}", count(*number)));
    }
    for (what, found) in [("unfinished", &packs.unfinished), ("no packs", &packs.others)] {
        if found.count > 0 {
            lines.push(named((what, found)));
        }
    }
    lines
}

fn log_line(log: &LogFigures) -> String {
    let head = match (log.head_on_branch, log.head_exists) {
        (true, true) => "HEAD on a branch",
        (true, false) => "HEAD on a branch without commits",
        (false, _) => "HEAD on no branch",
    };
    format!(
        "{} ({}), {}, {}, {}; {head}",
        plural(log.entries.count, "entry", "entries"),
        size(log.entries.bytes),
        plural(log.branches, "branch", "branches"),
        plural(log.tags, "tag", "tags"),
        plural(log.other_refs, "other ref", "other refs")
    )
}

fn trust_line(trust: &TrustFigures) -> String {
    let principals = trust.principals.iter();
    let principals = principals.map(|(kind, number)| format!("{kind} {}", count(*number)));
    format!(
        "root {}: {}; {}, {}",
        trust.version,
        listed(principals),
        plural(trust.keys, "key", "keys"),
        plural(trust.roles, "role", "roles")
    )
}

fn local_line(local: &LocalFigures) -> String {
    let own = |name: &str, bytes: Option<u64>| bytes.map(|bytes| format!("{name} {}", size(bytes)));
    let files = local.files.iter().filter_map(|(name, bytes)| own(name, Some(*bytes)));
    let root = [own(".aisrignore", local.ignore_file), own("aisr.toml", local.manifest)];
    let kept = plural(local.operations, "operation", "operations");
    let interrupted = if local.interrupted { ", one interrupted" } else { "" };
    let temporary = plural(local.temporary, "temporary file", "temporary files");
    format!(
        "{}; {kept} kept{interrupted}, {temporary}",
        listed(files.chain(root.into_iter().flatten()))
    )
}
