//! `aisr when`: in which commits a question holds, and where that turns.

use std::io::Write;
use std::rc::Rc;
use std::time::Instant;

use aisr::history::query::{Expression, QueryError, parse};
use aisr::history::when::{How, Truth, Turn, WhenOptions, Witness, turns, unknown_runs, when};
use aisr::history::{Every, Range};
use aisr::policy::Verdict;
use aisr::repo::Repository;
use serde::Serialize;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{
    BAD, CommitView, Escaped, Ids, Judged, Names, Output, Paging, WARNING, count, moment, plural,
    seconds, warn_of_unread, write_json,
};

/// Find the commits at which something became true, or stopped being so.
///
/// Asks every commit that this clone's log ever named, also those that no ref leads to any more;
/// with revisions, those behind them. Nothing is checked out. What EXPR can say is in
/// docs/queries.md.
///
/// Exit code 0 if it is true in a commit that was asked, 1 if it is in none, 3 if it is in none
/// that is known but some are not known.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr when 'exists(tool:search)'
  aisr when 'row(memory:store, memories).text ~ \"without review\"'
  aisr when 'content(prompt:system) ~ \"(?i)ignore previous\"' v1..main
  aisr when 'edge(agent:triage, uses, tool:shell) and signer = \"ci@example.org\"' --json")]
pub struct Arguments {
    /// What is asked of each commit.
    #[arg(value_name = "EXPR")]
    expression: String,
    /// Only the commits behind these, or A..B.
    #[arg(value_name = "REV")]
    revisions: Vec<String>,
    /// Every commit that the log ever named: what is asked without REV.
    #[arg(long, conflicts_with = "revisions")]
    all: bool,
    /// Show at most N changes, the newest.
    #[arg(short = 'n', value_name = "N", default_value_t = 100)]
    most: usize,
    /// Believe nothing but commits: do not ask the commit graph, which lies in .aisr/local.
    #[arg(long)]
    without_graph: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let started = Instant::now();
    let expression = read(&arguments.expression)?;
    let repo = context.repository_to_show()?;
    let asked = Asked::of(&repo, arguments)?;
    let Asked { every, shown } = &asked;
    let options = WhenOptions { threads: context.threads() };
    let mut answer = when(&repo, every, &expression, &options);
    let parents =
        |at: usize| every.commits.get(at).map_or(Vec::new(), |known| known.parents.clone());
    let is_shown = |at: usize| shown.get(at) == Some(&true);
    let mut found = turns(&answer.values, parents);
    found.retain(|turn| is_shown(turn.at));
    let more = found.len().saturating_sub(arguments.most);
    found.truncate(arguments.most);
    let witnesses: Vec<Vec<Witness>> = found
        .iter()
        .map(|turn| match (turn.value, &turn.how) {
            (Truth::True, How::First | How::Introduced) => answer.witnesses(turn.at),
            _ => Vec::new(),
        })
        .collect();
    // A run counts as far as it was asked for.
    let masked = answer.values.iter().enumerate().map(|(at, value)| match is_shown(at) {
        true => *value,
        false => Truth::False,
    });
    let masked: Vec<Truth> = masked.collect();
    let dark = unknown_runs(&masked, parents);
    let head = repo.log()?.refs().head_commit();
    let head = head.and_then(|id| every.commits.iter().position(|known| known.id == id));
    let drawn = Drawn {
        repo: &repo,
        every,
        values: &answer.values,
        ids: Ids::new(&repo, context.verbose),
        names: Names::load(&revisions(&repo)?),
    };
    let looked = shown.iter().filter(|shown| **shown).count() as u64;
    let is_true = masked.contains(&Truth::True);
    let unknown = masked.iter().filter(|value| **value == Truth::Unknown).count() as u64;
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        let unknown = dark.iter().map(|run| UnknownView {
            commits: run.commits,
            newest: drawn.id(run.newest),
            oldest: drawn.id(run.oldest),
            why: answer.reason(run.newest).map(str::to_owned),
        });
        let view = WhenView {
            expression: &arguments.expression,
            at_head: head.and_then(|at| answer.values.get(at)).map(|value| value.word()),
            turns: found
                .iter()
                .zip(&witnesses)
                .map(|(turn, witnesses)| drawn.view(turn, witnesses))
                .collect::<Result<_, _>>()?,
            more,
            unknown: unknown.collect(),
            unread: every.unread.iter().map(ToString::to_string).collect(),
            commits: looked,
            read: answer.read,
        };
        write_json(&mut out, &view)?;
    } else {
        for (turn, witnesses) in found.iter().zip(&witnesses) {
            drawn.draw(turn, witnesses, &mut out)?;
        }
        if more > 0 {
            writeln!(
                out,
                "… and {} before: -n {}",
                plural(more as u64, "change", "changes"),
                more + found.len()
            )?;
        }
        for run in &dark {
            let (newest, oldest) = (drawn.show(run.newest), drawn.show(run.oldest));
            let range = match run.commits {
                1 => newest.to_string(),
                _ => format!("{oldest}..{newest}"),
            };
            let why = answer.reason(run.newest).unwrap_or("it cannot be known");
            let commits = plural(run.commits as u64, "commit", "commits");
            writeln!(
                out,
                "{WARNING}unknown{WARNING:#} in {range}, {commits}: {}",
                Escaped(why.as_bytes())
            )?;
        }
        match (is_true, unknown) {
            (false, 0) if looked == 0 => writeln!(out, "never true: there is no commit")?,
            (false, 0) if found.is_empty() => writeln!(out, "never true")?,
            // It was before what was asked for begins.
            (false, 0) => writeln!(out, "true in none that was asked")?,
            (true, _) if found.is_empty() => writeln!(out, "true in all that was asked")?,
            _ => {}
        }
        if let Some(value) = head.filter(|at| is_shown(*at)).and_then(|at| answer.values.get(at)) {
            writeln!(out, "{} at HEAD", value.word())?;
        }
        let (commits, read) = (plural(looked, "commit", "commits"), count(answer.read));
        let took = seconds(started.elapsed().as_secs_f64());
        writeln!(out, "({commits} looked at by id, {read} read, {took})")?;
    }
    out.finish()?;
    repo.checked_signatures().keep();
    warn_of_unread(&every.unread);
    match is_true {
        true => Ok(Answer::Yes),
        false if unknown == 0 && every.unread.is_empty() => Ok(Answer::No),
        false => {
            let commits = plural(unknown, "commit", "commits");
            let text = format!("it is true in no commit that is known, and not known in {commits}");
            Err(CliError::failure(text)
                .hint("`aisr fsck` tells what is damaged; what gc collected is known to no one"))
        }
    }
}

/// Reads the question; shows where it goes wrong.
fn read(text: &str) -> Result<Expression, CliError> {
    parse(text).map_err(|error| {
        let (line, column) = error.line(text);
        let QueryError { why, .. } = &error;
        let caret = format!("{}^", " ".repeat(column));
        // A tab is as wide as the space under it.
        let line = line.replace(|c: char| c.is_control(), " ");
        CliError::usage(format!("the question makes no sense: {why}"))
            .detail(Escaped(line.as_bytes()).to_string())
            .detail(caret)
            .hint("docs/queries.md has the grammar; `aisr help when` has examples")
    })
}

/// Which commits are asked.
struct Asked {
    every: Every,
    shown: Vec<bool>,
}

impl Asked {
    fn of(repo: &Repository, arguments: &Arguments) -> Result<Self, CliError> {
        if arguments.revisions.is_empty() {
            let every = match arguments.without_graph {
                true => Every::load_in_objects(repo)?,
                false => Every::load(repo)?,
            };
            let shown = vec![true; every.commits.len()];
            return Ok(Self { every, shown });
        }
        let words = arguments.revisions.iter().map(String::as_str);
        let Range { include, exclude } = revisions(repo)?.ranges(words)?;
        let starts = [&include[..], &exclude].concat();
        let every = match arguments.without_graph {
            true => Every::behind_in_objects(repo, &starts)?,
            false => Every::behind(repo, &starts)?,
        };
        let places = |ids: &[aisr::object::CommitId]| {
            let is_named = |at: &usize| every.commits.get(*at).is_some_and(|k| ids.contains(&k.id));
            every.reached((0..every.commits.len()).filter(is_named))
        };
        let (inside, outside) = (places(&include), places(&exclude));
        let shown = inside.iter().zip(&outside).map(|(inside, outside)| *inside && !outside);
        let shown = shown.collect();
        Ok(Self { every, shown })
    }
}

/// What turns are drawn with.
struct Drawn<'r> {
    repo: &'r Repository,
    every: &'r Every,
    values: &'r [Truth],
    ids: Ids<'r>,
    names: Names,
}

impl Drawn<'_> {
    fn id(&self, at: usize) -> String {
        self.every.commits.get(at).map(|known| known.id.to_hex()).unwrap_or_default()
    }

    fn show(&self, at: usize) -> Rc<str> {
        self.every.commits.get(at).map(|known| self.ids.show(known.id.id())).unwrap_or_default()
    }

    fn draw(&self, turn: &Turn, found: &[Witness], out: &mut Output) -> Result<(), CliError> {
        let Some(known) = self.every.commits.get(turn.at) else { return Ok(()) };
        let word = turn.value.word();
        let how = match turn.how {
            How::First => "true from the first commit".to_owned(),
            How::Introduced => format!("{word} since"),
            How::Arrived { .. } => format!("{word} arrived at"),
        };
        write!(out, "{how} {}", self.show(turn.at))?;
        // What nobody signed says nothing of itself.
        match self.repo.commit(known.id) {
            Ok(stored) => {
                let view = CommitView::new(Judged::new(self.repo, &stored), &stored, &self.names);
                let when = moment(stored.commit.committed);
                write!(out, "  {when}  {}", who(&view, stored.commit.author.is_some()))?;
            }
            Err(error) => write!(out, "  {}", Escaped(error.to_string().as_bytes()))?,
        }
        if let How::Arrived { from, into } = turn.how {
            let (from, into) = (self.show(from), self.show(into));
            write!(out, "  a merge: {word} in {from}, not in {into}")?;
        } else if known.parents.len() > 1 {
            let parents = known.parents.iter().map(|parent| self.show(*parent));
            let parents = parents.collect::<Vec<_>>().join(" and ");
            write!(out, "  a merge: new here, {word} in neither of {parents}")?;
        }
        if known.parents.iter().any(|at| self.values.get(*at) == Some(&Truth::Unknown)) {
            write!(out, "  {WARNING}not known before{WARNING:#}")?;
        }
        if !known.reachable {
            write!(out, "  {WARNING}no ref leads to it any more{WARNING:#}")?;
        }
        writeln!(out)?;
        for Witness { path, place, text } in found {
            let path = Escaped(path.as_bytes());
            write!(out, "  + {path}  {}", Escaped(place.as_bytes()))?;
            if let Some(text) = text {
                write!(out, "  \"{}\"", Escaped(text.as_bytes()))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn view(&self, turn: &Turn, found: &[Witness]) -> Result<TurnView, CliError> {
        let known = self.every.commits.get(turn.at);
        let parents = known.map_or(&[][..], |known| &known.parents);
        let parents = parents.iter().map(|at| ParentView {
            id: self.id(*at),
            value: self.values.get(*at).map_or("unknown", |value| value.word()),
        });
        let commit = known.and_then(|known| self.repo.commit(known.id).ok());
        Ok(TurnView {
            value: turn.value.word(),
            how: match turn.how {
                How::First => "first",
                How::Introduced => "introduced",
                How::Arrived { .. } => "arrived",
            },
            id: self.id(turn.at),
            reachable: known.is_some_and(|known| known.reachable),
            parents: parents.collect(),
            commit: commit.map(|stored| {
                CommitView::new(Judged::new(self.repo, &stored), &stored, &self.names)
            }),
            witnesses: found
                .iter()
                .map(|found| WitnessView {
                    path: String::from_utf8_lossy(found.path.as_bytes()).into_owned(),
                    place: found.place.clone(),
                    text: found.text.clone(),
                })
                .collect(),
        })
    }
}

/// Who signed, and who is said to have written it.
fn who(view: &CommitView, has_author: bool) -> String {
    let name =
        |name: &Option<String>| Escaped(name.as_deref().unwrap_or_default().as_bytes()).to_string();
    let signed = match view.signature.verdict {
        Verdict::Good => format!("signed by {}", name(&view.committer.name)),
        verdict => format!("{BAD}signature: {}{BAD:#}", verdict.words()),
    };
    match has_author {
        true => format!("{signed}, author {} (claimed)", name(&view.author.name)),
        false => signed,
    }
}

/// The whole answer, as `--json` prints it.
#[derive(Serialize)]
struct WhenView<'a> {
    expression: &'a str,
    at_head: Option<&'static str>,
    turns: Vec<TurnView>,
    more: usize,
    unknown: Vec<UnknownView>,
    unread: Vec<String>,
    commits: u64,
    read: u64,
}

#[derive(Serialize)]
struct TurnView {
    value: &'static str,
    how: &'static str,
    id: String,
    reachable: bool,
    parents: Vec<ParentView>,
    commit: Option<CommitView>,
    witnesses: Vec<WitnessView>,
}

#[derive(Serialize)]
struct ParentView {
    id: String,
    value: &'static str,
}

#[derive(Serialize)]
struct WitnessView {
    path: String,
    place: String,
    text: Option<String>,
}

#[derive(Serialize)]
struct UnknownView {
    commits: usize,
    newest: String,
    oldest: String,
    why: Option<String>,
}
