//! `aisr grep`: a pattern in the contents of one or of all versions.

use std::ffi::OsString;
use std::io::Write;
use std::rc::Rc;
use std::time::Instant;

use aisr::history::grep::{
    GrepReport, GrepScope, Hit, HitPlace, component_paths, grep, kind_paths,
};
use aisr::history::{Every, Range, split_path};
use aisr::object::{CommitId, ComponentKey, ComponentKind};
use aisr::repo::Repository;
use regex::bytes::{Regex, RegexBuilder};
use serde::Serialize;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{
    Escaped, Ids, Output, Paging, PathText, WARNING, count, plural, seconds, warn_of_unread,
    write_json,
};
use super::pathspec::repo_paths;
use super::system::key_of;

/// Look for a pattern in committed contents.
///
/// Looks through HEAD; with revisions, through each of them, or through all commits of A..B; with
/// --all, through every version that this clone's log ever named, also where no ref leads there any
/// more. Text and records are searched line by line, databases row by row; other contents are
/// passed over and counted. Each content is read once, and told with the first and the last commit
/// that has it.
///
/// Exit code 0 if there is a match, 1 if there is none, 3 if there is none but something could not
/// be looked through.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr grep 'refund' -- prompts
  aisr grep -i 'ignore previous' --all
  aisr grep --all --component memory:store 'without review'
  aisr grep -F 'ignore previous' v1..main -l")]
pub struct Arguments {
    /// A pattern in the syntax of the regex crate; ^ and $ match at lines.
    #[arg(value_name = "PATTERN", allow_hyphen_values = true)]
    pattern: String,
    /// The versions to look through, or A..B.
    #[arg(value_name = "REV")]
    revisions: Vec<String>,
    /// Only these files, and what lies in these folders.
    #[arg(last = true, value_name = "PATHS")]
    paths: Vec<OsString>,
    /// Every version that the log ever named.
    #[arg(long, conflicts_with = "revisions")]
    all: bool,
    /// Upper and lower case are alike.
    #[arg(short, long)]
    ignore_case: bool,
    /// Whole words only.
    #[arg(short, long)]
    word_regexp: bool,
    /// The pattern is a text, not a pattern.
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Show only the names of files.
    #[arg(short = 'l', long)]
    files_with_matches: bool,
    /// Show numbers of lines.
    #[arg(short = 'n', long)]
    line_number: bool,
    /// Only the files that this component stood on in any of the versions.
    #[arg(long, value_name = "KIND:NAME", conflicts_with = "kind")]
    component: Option<String>,
    /// Only the files that components of this kind stood on in any of the versions.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<ComponentKind>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn kind(name: &str) -> Result<ComponentKind, String> {
    let known = || ComponentKind::ALL.map(ComponentKind::name).join(", ");
    ComponentKind::from_name(name).ok_or_else(|| format!("kinds are {}", known()))
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let started = Instant::now();
    let pattern = pattern(arguments)?;
    let repo = context.repository_to_show()?;
    let (every, selected) = versions(&repo, arguments)?;
    let component = arguments.component.as_deref().map(key_of).transpose()?;
    let scope = scope(context, &repo, &every, component.as_ref(), arguments)?;
    let report = grep(&repo, &every, &selected, &pattern, &scope, context.threads())?;
    let versions = selected.iter().filter(|selected| **selected).count() as u64;
    let drawn = Drawn {
        every: &every,
        ids: Ids::new(&repo, context.verbose),
        is_one: versions == 1,
        lines: arguments.line_number,
    };
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        write_json(&mut out, &drawn.view(&report, versions))?;
    } else if arguments.files_with_matches {
        drawn.draw_files(&report.hits, &mut out)?;
    } else {
        report.hits.iter().try_for_each(|hit| drawn.draw(hit, &mut out))?;
    }
    out.finish()?;
    if !context.quiet && !arguments.json {
        let (versions, contents) = (
            plural(versions, "version", "versions"),
            plural(report.contents, "content", "contents"),
        );
        let took = seconds(started.elapsed().as_secs_f64());
        let binary = match report.binary {
            0 => String::new(),
            binary => format!(", {} passed over as neither text nor database", count(binary)),
        };
        anstream::eprintln!("({versions}, {contents} read once each{binary}, {took})");
    }
    for (path, why) in &report.skipped {
        let (path, why) = (Escaped(path.as_bytes()), Escaped(why.as_bytes()));
        anstream::eprintln!("{WARNING}warning:{WARNING:#} {path} was not looked through: {why}");
    }
    if let Some(first) = report.unread.first() {
        let commits = plural(report.unread.len() as u64, "version", "versions");
        let first = drawn.id(*first);
        anstream::eprintln!(
            "{WARNING}warning:{WARNING:#} the content of {commits} cannot be read, {first} among them"
        );
    }
    warn_of_unread(&every.unread);
    let whole = report.skipped.is_empty() && report.unread.is_empty() && every.unread.is_empty();
    match (report.hits.is_empty(), whole) {
        (false, _) => Ok(Answer::Yes),
        (true, true) => Ok(Answer::No),
        (true, false) => Err(CliError::failure("no match, but not all could be looked through")),
    }
}

fn pattern(arguments: &Arguments) -> Result<Regex, CliError> {
    const LIMIT: usize = 16 << 20;
    let mut text = match arguments.fixed_strings {
        true => regex::escape(&arguments.pattern),
        false => arguments.pattern.clone(),
    };
    if arguments.word_regexp {
        text = format!(r"\b(?:{text})\b");
    }
    let mut builder = RegexBuilder::new(&text);
    builder.multi_line(true).case_insensitive(arguments.ignore_case).size_limit(LIMIT);
    builder.build().map_err(|error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        CliError::usage(format!("`{}` is no pattern: {last}", arguments.pattern))
            .hint("`-F` looks for the text as it stands")
    })
}

/// Which commits there are, and which of them are looked through.
fn versions(repo: &Repository, arguments: &Arguments) -> Result<(Every, Vec<bool>), CliError> {
    if arguments.all {
        let every = Every::load(repo)?;
        let selected = vec![true; every.commits.len()];
        return Ok((every, selected));
    }
    let revisions = revisions(repo)?;
    let (mut single, mut ranges) = (Vec::new(), Range::default());
    for word in &arguments.revisions {
        if split_path(word.as_str().into()).1.is_some() {
            let text = format!("`{}` is no revision", Escaped(word.as_bytes()));
            return Err(
                CliError::usage(text).hint("paths come last: `aisr grep PATTERN REV -- PATH`")
            );
        }
        match word.contains("..") || word.starts_with('^') {
            true => {
                let Range { include, exclude } = revisions.range(word)?;
                ranges.include.extend(include);
                ranges.exclude.extend(exclude);
            }
            false => single.push(revisions.commit(word)?.id),
        }
    }
    if arguments.revisions.is_empty() {
        single.push(revisions.commit("HEAD")?.id);
    }
    // What lies behind a single version does not matter.
    if ranges.include.is_empty() && ranges.exclude.is_empty() {
        let every = Every::only(repo, &single)?;
        let selected = vec![true; every.commits.len()];
        return Ok((every, selected));
    }
    let starts = [&single[..], &ranges.include, &ranges.exclude].concat();
    let every = Every::behind(repo, &starts)?;
    let named = |ids: &[CommitId]| {
        let is_named = |at: &usize| every.commits.get(*at).is_some_and(|k| ids.contains(&k.id));
        (0..every.commits.len()).filter(is_named).collect::<Vec<_>>()
    };
    let inside = every.reached(named(&ranges.include));
    let outside = every.reached(named(&ranges.exclude));
    let mut selected: Vec<bool> =
        inside.iter().zip(&outside).map(|(inside, outside)| *inside && !outside).collect();
    for at in named(&single) {
        selected[at] = true;
    }
    Ok((every, selected))
}

fn scope(
    context: &Context,
    repo: &Repository,
    every: &Every,
    component: Option<&ComponentKey>,
    arguments: &Arguments,
) -> Result<GrepScope, CliError> {
    let paths = repo_paths(context, repo, &arguments.paths)?;
    let of_components = match (component, arguments.kind) {
        (Some(key), _) => component_paths(repo, every, key),
        (None, Some(kind)) => kind_paths(repo, every, kind)?,
        (None, None) if paths.is_empty() => return Ok(GrepScope::all()),
        (None, None) => return Ok(GrepScope::of(paths)),
    };
    let scope = GrepScope::of(of_components);
    match paths.is_empty() {
        true => Ok(scope),
        false => Ok(scope.and(&paths)),
    }
}

/// What hits are drawn with.
struct Drawn<'r> {
    every: &'r Every,
    ids: Ids<'r>,
    /// Whether one version was looked through, so that it need not be named.
    is_one: bool,
    lines: bool,
}

impl Drawn<'_> {
    fn id(&self, at: usize) -> Rc<str> {
        self.every.commits.get(at).map(|known| self.ids.show(known.id.id())).unwrap_or_default()
    }

    /// `3fa9c7b1..9b20f4c8  `, or nothing.
    fn range(&self, first: usize, last: usize, reachable: bool) -> String {
        if self.is_one {
            return String::new();
        }
        let range = match first == last {
            true => self.id(first).to_string(),
            false => format!("{}..{}", self.id(first), self.id(last)),
        };
        match reachable {
            true => format!("{range}  "),
            false => format!("{range} {WARNING}(no ref leads there any more){WARNING:#}  "),
        }
    }

    fn draw(&self, hit: &Hit, out: &mut Output) -> Result<(), CliError> {
        let range = self.range(hit.first, hit.last, hit.reachable);
        let (path, text) = (Escaped(hit.path.as_bytes()), Escaped(&hit.text));
        match &hit.place {
            HitPlace::Line(number) if self.lines => {
                writeln!(out, "{range}{path}:{number}:{text}")?;
            }
            HitPlace::Line(_) => writeln!(out, "{range}{path}:{text}")?,
            HitPlace::Row(row) => {
                writeln!(out, "{range}{path}:{}:{text}", Escaped(row.as_bytes()))?;
            }
        }
        Ok(())
    }

    /// Each file once; hits of one file stand together.
    fn draw_files(&self, hits: &[Hit], out: &mut Output) -> Result<(), CliError> {
        for hits in hits.chunk_by(|a, b| a.path == b.path) {
            let Some(hit) = hits.first() else { continue };
            let first = hits.iter().map(|hit| hit.first).max().unwrap_or(hit.first);
            let last = hits.iter().map(|hit| hit.last).min().unwrap_or(hit.last);
            let reachable = hits.iter().any(|hit| hit.reachable);
            let range = self.range(first, last, reachable);
            writeln!(out, "{range}{}", Escaped(hit.path.as_bytes()))?;
        }
        Ok(())
    }

    fn view(&self, report: &GrepReport, versions: u64) -> GrepView {
        let hex = |at: usize| self.every.commits.get(at).map(|known| known.id.to_hex());
        let hits = report.hits.iter().map(|hit| HitView {
            path: PathText::of(hit.path.as_bytes()),
            line: match &hit.place {
                HitPlace::Line(number) => Some(*number),
                HitPlace::Row(_) => None,
            },
            row: match &hit.place {
                HitPlace::Line(_) => None,
                HitPlace::Row(row) => Some(row.clone()),
            },
            text: String::from_utf8_lossy(&hit.text).into_owned(),
            first: hex(hit.first),
            last: hex(hit.last),
            reachable: hit.reachable,
        });
        GrepView {
            hits: hits.collect(),
            versions,
            contents: report.contents,
            binary: report.binary,
            skipped: report
                .skipped
                .iter()
                .map(|(path, why)| SkippedView {
                    path: PathText::of(path.as_bytes()),
                    why: why.clone(),
                })
                .collect(),
            unread: report.unread.iter().filter_map(|at| hex(*at)).collect(),
        }
    }
}

/// What was found, as `--json` prints it.
#[derive(Serialize)]
struct GrepView {
    hits: Vec<HitView>,
    versions: u64,
    contents: u64,
    binary: u64,
    skipped: Vec<SkippedView>,
    unread: Vec<String>,
}

#[derive(Serialize)]
struct HitView {
    #[serde(flatten)]
    path: PathText,
    line: Option<u64>,
    row: Option<String>,
    text: String,
    first: Option<String>,
    last: Option<String>,
    reachable: bool,
}

#[derive(Serialize)]
struct SkippedView {
    #[serde(flatten)]
    path: PathText,
    why: String,
}
