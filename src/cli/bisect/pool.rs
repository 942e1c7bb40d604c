//! The tests that run, each in a folder of its own.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use aisr::history::bisect::{BisectError, Need, Needed, Verdict};
use aisr::object::CommitId;
use aisr::repo::Repository;
use aisr::worktree::checkout_part;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::job::{Ending, Event, Job, Test};
use super::scratch::Scratch;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::Escaped;

/// The tests of a run. Dropped, it ends those that still run; their folders go with it.
pub struct Pool<'a> {
    context: &'a Context,
    repo: &'a Repository,
    needs: &'a [Need],
    test: Test<'a>,
    jobs: usize,
    sender: Sender<Event>,
    events: Receiver<Event>,
    running: Vec<Job>,
    started: u64,
    ended: HashMap<u64, (Ending, Option<File>)>,
    // Last, so that it goes last.
    scratch: Scratch,
}

impl<'a> Pool<'a> {
    /// A pool in which nothing runs yet, for `jobs` tests beside each other.
    pub fn new(
        context: &'a Context,
        repo: &'a Repository,
        needs: &'a [Need],
        test: Test<'a>,
        jobs: usize,
        scratch: Scratch,
    ) -> Result<Self, CliError> {
        let (sender, events) = channel();
        tell_of_signals(sender.clone())?;
        Ok(Self {
            context,
            repo,
            needs,
            test,
            jobs,
            sender,
            events,
            running: Vec::new(),
            started: 0,
            ended: HashMap::new(),
            scratch,
        })
    }

    /// How many tests may run beside each other.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// What the tests need of a state.
    pub fn needs(&self) -> &'a [Need] {
        self.needs
    }

    /// Checks out what a test of the commit needs, and starts it. Gives its number.
    pub fn start(&mut self, commit: CommitId) -> Result<u64, CliError> {
        let folder = self.scratch.folder()?;
        self.check_out(commit, &folder)?;
        let keep = match self.jobs {
            1 => None,
            _ => Some(self.output_file(&folder)?),
        };
        self.started += 1;
        let started = self.test.start(self.started, commit, folder, keep, &self.sender);
        self.running.push(started.map_err(|e| {
            let program = Escaped(self.test.program.as_os_str().as_encoded_bytes()).to_string();
            CliError::failure(format!("cannot run {program}: {e}"))
        })?);
        Ok(self.started)
    }

    /// Ends a test that nobody waits for.
    pub fn cancel(&mut self, number: u64) {
        self.ended.remove(&number);
        if let Some(at) = self.running.iter().position(|job| job.number == number) {
            let job = self.running.remove(at);
            let folder = job.folder.clone();
            job.kill();
            self.scratch.remove(&folder);
        }
    }

    /// What a test told of its commit, and what it printed, where that was kept; waits for it, and
    /// collects others meanwhile.
    pub fn wait_for(
        &mut self,
        number: u64,
        commit: CommitId,
    ) -> Result<(Verdict, Option<File>), CliError> {
        loop {
            match self.ended.remove(&number) {
                None => {}
                Some((Ending::Told(verdict), kept)) => return Ok((verdict, kept)),
                Some((Ending::Nothing(why), kept)) => {
                    kept.map_or(Ok(()), super::job::hand_on)?;
                    return Err(told_nothing(commit, &why));
                }
            }
            match self.events.recv() {
                Ok(Event::Ended(which)) => self.collect(which)?,
                Ok(Event::Interrupted) | Err(_) => {
                    let text = "the run was interrupted; what was found is kept";
                    return Err(
                        CliError::interrupted(text).hint("the same command goes on from here")
                    );
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
        let folder = job.folder.clone();
        let ended = job.finish()?;
        self.scratch.remove(&folder);
        self.ended.insert(which, ended);
        Ok(())
    }

    fn check_out(&self, commit: CommitId, folder: &Path) -> Result<(), CliError> {
        let skip = || format!("`aisr bisect skip {}` leaves it out", &commit.to_hex()[..8]);
        let repo = self.repo;
        repo.ensure_not_expired(commit.id()).map_err(|e| CliError::from(e).hint(skip()))?;
        let stored = repo.commit(commit)?;
        let needed = Needed::of(repo, &stored, self.needs)?;
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
}

impl Drop for Pool<'_> {
    fn drop(&mut self) {
        self.running.drain(..).for_each(Job::kill);
    }
}

fn told_nothing(commit: CommitId, why: &str) -> CliError {
    let shown = &commit.to_hex()[..8];
    CliError::failure(format!("the test of {shown} {why}; what was found before is kept"))
        .hint("0 means good, 1 to 124 bad, and 125 that the commit cannot be tested")
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
