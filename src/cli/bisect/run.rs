//! `aisr bisect run`: a command tests each commit, in a folder of its own.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use aisr::history::bisect::{BisectError, FoundCommits, Need, Needed, Said, Search, Session, Step};
use aisr::object::CommitId;
use aisr::repo::Repository;
use aisr::worktree::checkout_part;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::job::{Ending, Event, Job, Test, hand_on};
use super::outcome::{StateView, draw_found};
use super::plan::plan;
use super::scratch::Scratch;
use crate::cli::Answer;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{Escaped, Paging, id_and_subject, write_json};
use crate::cli::pathspec;

/// Test commits by a command until the first bad one is found
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
  aisr bisect run --need agent:triage --jobs 4 -- python evals/refunds.py")]
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
    let (sender, events) = channel();
    tell_of_signals(sender.clone())?;
    let mut run = Run {
        context,
        repo: &repo,
        needs: needs(context, &repo, &arguments.need)?,
        test,
        jobs: usize::from(arguments.jobs.max(1)),
        scratch,
        sender,
        events,
        running: Vec::new(),
        started: 0,
        ended: HashMap::new(),
    };
    let found = run.to_the_end(&mut session, arguments.json)?;
    drop(run);
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
pub fn needs(
    context: &Context,
    repo: &Repository,
    named: &[OsString],
) -> Result<Vec<Need>, CliError> {
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

fn tell_of_signals(events: Sender<Event>) -> Result<(), CliError> {
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]);
    let mut signals =
        signals.map_err(|e| CliError::failure(format!("cannot wait for signals: {e}")))?;
    thread::spawn(move || {
        let mut all = signals.forever();
        if all.next().is_some() {
            let _ = events.send(Event::Interrupted);
        }
        // Who asks twice does not wait: the next run cleans up.
        if all.next().is_some() {
            std::process::exit(130);
        }
    });
    Ok(())
}

struct Run<'a> {
    context: &'a Context,
    repo: &'a Repository,
    needs: Vec<Need>,
    test: Test<'a>,
    jobs: usize,
    scratch: Scratch,
    sender: Sender<Event>,
    events: Receiver<Event>,
    running: Vec<Job>,
    /// How many jobs there were.
    started: u64,
    ended: HashMap<CommitId, (Ending, Option<File>)>,
}

impl Run<'_> {
    /// Tests until nothing is left to be tested; gives what was found.
    fn to_the_end(&mut self, session: &mut Session, quiet: bool) -> Result<FoundCommits, CliError> {
        loop {
            let before = session.clone();
            let search = Search::load(self.repo, &before)?;
            let test = match search.next()? {
                Step::Waiting { bad, .. } => {
                    let terms = &session.terms;
                    let word = if bad { &terms.old } else { &terms.new };
                    return Err(CliError::failure(format!("no {word} commit is named yet"))
                        .hint(format!("`aisr bisect {word} REV`")));
                }
                Step::Found(found) => return Ok(found),
                Step::Test(test) => test,
            };
            let wanted = plan(&search, &before.said, test, self.jobs)?;
            drop(search);
            self.drop_unwanted(&wanted);
            self.start(&wanted)?;
            let (ending, kept) = self.wait_for(test.commit)?;
            kept.map_or(Ok(()), hand_on)?;
            let verdict = match ending {
                Ending::Told(verdict) => verdict,
                Ending::Nothing(why) => return Err(self.told_nothing(test.commit, &why)),
            };
            session.said.push(Said { commit: test.commit, verdict });
            // Before it is kept: a verdict that contradicts others is told and not taken.
            Search::load(self.repo, &session.clone())?.next()?;
            session.save(self.repo)?;
            if !quiet && !self.context.quiet {
                let mut out = self.context.output(Paging::Off);
                let commit = id_and_subject(self.repo, test.commit, self.context.verbose)?;
                writeln!(out, "{:<5} {commit}", session.terms.word(verdict))?;
                out.finish()?;
            }
        }
    }

    /// Ends the tests that no way leads to any more.
    fn drop_unwanted(&mut self, wanted: &[CommitId]) {
        for job in std::mem::take(&mut self.running) {
            if wanted.contains(&job.commit) {
                self.running.push(job);
            } else {
                let folder = job.folder.clone();
                job.kill();
                self.scratch.remove(&folder);
            }
        }
    }

    fn start(&mut self, wanted: &[CommitId]) -> Result<(), CliError> {
        for commit in wanted {
            let runs = self.running.iter().any(|job| job.commit == *commit);
            if runs || self.ended.contains_key(commit) {
                continue;
            }
            let folder = self.scratch.folder()?;
            self.check_out(*commit, &folder)?;
            let keep = match self.jobs {
                1 => None,
                _ => Some(self.output_file(&folder)?),
            };
            self.started += 1;
            let started = self.test.start(self.started, *commit, folder, keep, &self.sender);
            let job = started.map_err(|e| {
                let program = Escaped(self.test.program.as_os_str().as_encoded_bytes()).to_string();
                CliError::failure(format!("cannot run {program}: {e}"))
            })?;
            self.running.push(job);
        }
        Ok(())
    }

    fn check_out(&self, commit: CommitId, folder: &Path) -> Result<(), CliError> {
        let skip = || format!("`aisr bisect skip {}` leaves it out", &commit.to_hex()[..8]);
        let repo = self.repo;
        repo.ensure_not_expired(commit.id()).map_err(|e| CliError::from(e).hint(skip()))?;
        let stored = repo.commit(commit)?;
        let needed = Needed::of(repo, &stored, &self.needs)?;
        let files = repo.files(&stored.commit)?;
        let progress = self.context.progress("Writing");
        let threads = self.context.threads();
        let written = checkout_part(repo, files, &needed.paths, folder, threads, &progress);
        progress.finish();
        written.map_err(|e| CliError::from(e).hint(skip()))?;
        Ok(())
    }

    /// A file without a name.
    fn output_file(&self, folder: &Path) -> Result<File, CliError> {
        let beside = folder.parent().unwrap_or(folder);
        let named = self.repo.disk().create_temporary(beside, 0o600).map_err(BisectError::from)?;
        Ok(File::options().read(true).append(true).open(named.path())?)
    }

    /// How the test of a commit ended; waits for that, and collects others meanwhile.
    fn wait_for(&mut self, commit: CommitId) -> Result<(Ending, Option<File>), CliError> {
        loop {
            if let Some(ended) = self.ended.remove(&commit) {
                return Ok(ended);
            }
            match self.events.recv() {
                Ok(Event::Ended(which)) => self.collect(which)?,
                Ok(Event::Interrupted) | Err(_) => {
                    return Err(CliError::interrupted(
                        "the run was interrupted; what was found is kept",
                    )
                    .hint("the same command goes on from here"));
                }
            }
        }
    }

    fn collect(&mut self, which: u64) -> Result<(), CliError> {
        // One that was ended because nobody needs it is told of as well.
        let Some(at) = self.running.iter().position(|job| job.number == which) else {
            return Ok(());
        };
        let job = self.running.remove(at);
        let (commit, folder) = (job.commit, job.folder.clone());
        let ended = job.finish()?;
        self.scratch.remove(&folder);
        self.ended.insert(commit, ended);
        Ok(())
    }

    fn told_nothing(&self, commit: CommitId, why: &str) -> CliError {
        let shown = &commit.to_hex()[..8];
        CliError::failure(format!("the test of {shown} {why}; what was found before is kept"))
            .hint("0 means good, 1 to 124 bad, and 125 that the commit cannot be tested")
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.drop_unwanted(&[]);
    }
}
