//! `aisr bisect run`: a command tests each commit, in a folder of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use aisr::history::bisect::{FoundCommits, Need, Said, Search, Session, Step};
use aisr::object::CommitId;
use aisr::repo::Repository;

use super::job::{Test, hand_on};
use super::noisy;
use super::outcome::{StateView, draw_found};
use super::plan::plan;
use super::pool::Pool;
use super::scratch::Scratch;
use crate::cli::Answer;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{Paging, id_and_subject, write_json};
use crate::cli::pathspec;

/// Test commits by a command until the first bad one is found.
///
/// Each commit is checked out to a temporary folder, in which the command runs; the working folder is
/// not touched. Exit code 0 means good, 125 that the commit cannot be tested, any other below 126
/// that it is bad; what else it ends with ends the run. What was found is kept: the same command goes
/// on where a run was interrupted.
///
/// The command is told the commit by AISR_COMMIT, its folder by AISR_DIR, and that of the repository
/// by AISR_REPOSITORY. It runs as you, with your environment.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr bisect run -- sh -c '! grep -q approve prompts/refunds.md'
  aisr bisect run --need agent:triage --jobs 4 -- python evals/refunds.py
  aisr bisect run --noisy --need agent:triage -- python evals/one_case.py")]
pub struct Arguments {
    /// Check out only what this component reaches by edges, or this path; may be given more than
    /// once. Everything if left out.
    #[arg(long, value_name = "KIND:NAME|PATH")]
    need: Vec<OsString>,
    /// Run N tests beside each other; what is found is what one after the other would find.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: u16,
    /// Make the temporary folders here, instead of in the system's place for such.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// The test passes only sometimes: run it as often as it takes to be sure, each time where the
    /// most is to be learned.
    #[arg(long)]
    noisy: bool,
    /// How sure to be, above 0.5 and below 1.
    #[arg(long, value_name = "P", default_value_t = 0.95, requires = "noisy")]
    confidence: f64,
    /// Give up after N runs, those of before counted.
    #[arg(long, value_name = "N", default_value_t = 300, requires = "noisy")]
    budget: u32,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
    /// The command. A program that is named by a path is that of the folder you are in.
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    command: Vec<OsString>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let _lock = Session::lock(&repo)?;
    let mut session = Session::load(&repo)?;
    let [program, rest @ ..] = &arguments.command[..] else {
        return Err(CliError::usage("which command tests?"));
    };
    let program = program_of(context, program);
    let test = Test { program: &program, arguments: rest, repository: repo.root() };
    let parent = arguments.scratch.as_ref().map(|dir| context.directory().join(dir));
    let scratch = Scratch::new(&repo, &parent.unwrap_or_else(std::env::temp_dir))?;
    let needs = needs(context, &repo, &arguments.need)?;
    let jobs = usize::from(arguments.jobs.max(1));
    let mut pool = Pool::new(context, &repo, &needs, test, jobs, scratch)?;
    if arguments.noisy {
        let how = noisy::How {
            confidence: arguments.confidence,
            budget: arguments.budget,
            json: arguments.json,
        };
        return noisy::run(context, &repo, session, pool, &how);
    }
    let found = to_the_end(context, &repo, &mut session, &mut pool, arguments.json)?;
    drop(pool);
    let mut out = context.output(Paging::Off);
    match arguments.json {
        true => {
            write_json(&mut out, &StateView::of(&session, &Step::Found(found.clone())))?;
        }
        false => draw_found(context, &repo, &session, &found, &mut out)?,
    }
    out.finish()?;
    Ok(if found.first_bad.len() == 1 && !found.outside { Answer::Yes } else { Answer::No })
}

/// What `--need` names: a component, else a path.
fn needs(context: &Context, repo: &Repository, named: &[OsString]) -> Result<Vec<Need>, CliError> {
    let need = |text: &OsString| match text.to_str().and_then(|text| text.parse().ok()) {
        Some(key) => Ok(Need::Component(key)),
        None => pathspec::repo_path(context, repo, text).map(Need::Path),
    };
    named.iter().map(need).collect()
}

/// A program that is named by a relative path lies where the user is, not in what is tested.
fn program_of(context: &Context, program: &OsString) -> PathBuf {
    let path = Path::new(program);
    match path.is_relative() && path.components().count() > 1 {
        true => context.directory().join(path),
        false => path.to_owned(),
    }
}

/// The error where a bad or a good commit is missing.
pub fn not_begun(session: &Session, bad: bool) -> CliError {
    let word = if bad { &session.terms.old } else { &session.terms.new };
    CliError::failure(format!("no {word} commit is named yet"))
        .hint(format!("`aisr bisect {word} REV`"))
}

/// Tests until nothing is left to be tested; gives what was found.
fn to_the_end(
    context: &Context,
    repo: &Repository,
    session: &mut Session,
    pool: &mut Pool<'_>,
    json: bool,
) -> Result<FoundCommits, CliError> {
    let mut numbers: HashMap<CommitId, u64> = HashMap::new();
    loop {
        let before = session.clone();
        let search = Search::load(repo, &before)?;
        let test = match search.next()? {
            Step::Waiting { bad, .. } => return Err(not_begun(session, bad)),
            Step::Found(found) => return Ok(found),
            Step::Test(test) => test,
        };
        let wanted = plan(&search, &before.said, test, pool.jobs())?;
        drop(search);
        numbers.retain(|commit, number| {
            let keep = wanted.contains(commit);
            if !keep {
                pool.cancel(*number);
            }
            keep
        });
        for commit in wanted {
            if let Entry::Vacant(free) = numbers.entry(commit) {
                free.insert(pool.start(commit)?);
            }
        }
        let Some(number) = numbers.remove(&test.commit) else { continue };
        let (verdict, kept) = pool.wait_for(number, test.commit)?;
        kept.map_or(Ok(()), hand_on)?;
        session.said.push(Said { commit: test.commit, verdict });
        // Before it is kept: a verdict that contradicts others is told and not taken.
        Search::load(repo, &session.clone())?.next()?;
        session.save(repo)?;
        if !json && !context.quiet {
            let mut out = context.output(Paging::Off);
            let commit = id_and_subject(repo, test.commit, context.verbose)?;
            writeln!(out, "{:<5} {commit}", session.terms.word(verdict))?;
            out.finish()?;
        }
    }
}
