//! One test that runs: the command in a folder with what it needs of a commit.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use aisr::history::bisect::Verdict;
use aisr::object::CommitId;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// Something that a run waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The job of this number ended.
    Ended(u64),
    /// The user wants the run to end.
    Interrupted,
}

/// How a test ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It told what the commit is.
    Told(Verdict),
    /// It says nothing about the commit; why, in words.
    Nothing(String),
}

/// A test that runs.
pub struct Job {
    /// Its number in the run.
    pub number: u64,
    /// Where it runs.
    pub folder: PathBuf,
    child: Child,
    /// Where its output is kept until its turn comes.
    kept: Option<File>,
}

/// The command of a run.
pub struct Test<'a> {
    pub program: &'a Path,
    pub arguments: &'a [std::ffi::OsString],
    pub repository: &'a Path,
}

impl Test<'_> {
    /// Starts it in `folder`. What it prints goes to stderr, or, with `keep`, to a file there first.
    pub fn start(
        &self,
        number: u64,
        commit: CommitId,
        folder: PathBuf,
        keep: Option<File>,
        events: &Sender<Event>,
    ) -> io::Result<Job> {
        let output = || -> io::Result<Stdio> {
            Ok(match &keep {
                Some(file) => file.try_clone()?.into(),
                None => io::stderr().as_fd().try_clone_to_owned()?.into(),
            })
        };
        let child = Command::new(self.program)
            .args(self.arguments)
            .current_dir(&folder)
            .env("AISR_COMMIT", commit.to_hex())
            .env("AISR_DIR", &folder)
            .env("AISR_REPOSITORY", self.repository)
            .stdin(Stdio::null())
            .stdout(output()?)
            .stderr(output()?)
            // What it starts is ended with it.
            .process_group(0)
            .spawn()?;
        let (pid, events) = (Pid::from_child(&child), events.clone());
        thread::spawn(move || {
            // It is left to be collected, so that its number stays its own until then.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
            let _ = events.send(Event::Ended(number));
        });
        Ok(Job { number, folder, child, kept: keep })
    }
}

impl Job {
    /// Ends all that the test started and left running, and says what it told.
    pub fn finish(mut self) -> io::Result<(Ending, Option<File>)> {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let status = self.child.wait()?;
        Ok((ending(status), self.kept))
    }

    /// Ends it, and all that it started.
    pub fn kill(mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// What a test tells by how it ends, as `git bisect run` reads it.
fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ending::Told(Verdict::Good),
        (Some(125), _) => Ending::Told(Verdict::Skip),
        (Some(126), _) => Ending::Nothing("ended with exit code 126: it cannot be run".into()),
        (Some(127), _) => Ending::Nothing("ended with exit code 127: it was not found".into()),
        (Some(1..125), _) => Ending::Told(Verdict::Bad),
        (Some(code), _) => Ending::Nothing(format!("ended with exit code {code}")),
        (None, signal) => {
            Ending::Nothing(format!("was ended by signal {}", signal.unwrap_or_default()))
        }
    }
}

/// Prints what a test printed.
pub fn hand_on(mut kept: File) -> io::Result<()> {
    kept.rewind()?;
    let mut stderr = io::stderr().lock();
    io::copy(&mut kept.take(u64::MAX), &mut stderr).map(|_| ())
}
