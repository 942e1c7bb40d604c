//! The commands around a capture, as the commit sees them: a process of its own runs them.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use aisr::disk::Disk;
use aisr::trust::{Permitted, Request};
use aisr::worktree::{Quiesce, QuiesceError};

use super::hold_still;
use super::output::warn_of_command;
use super::run_command::{CommandFailure, Runner};

/// Commands that the user allowed, run around each reading of a folder.
pub struct CaptureCommands {
    permitted: Permitted,
    disk: Disk,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    keeper: Option<Keeper>,
    held: Duration,
    failed: Vec<CommandFailure>,
}

/// The process that runs them.
struct Keeper {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    begun: Instant,
}

impl CaptureCommands {
    /// Commands that are to be run.
    pub fn new(disk: &Disk, permitted: Permitted) -> Self {
        Self { permitted, disk: disk.clone(), state: RefCell::default() }
    }

    /// For how long the folder was held still, in seconds.
    pub fn held(&self) -> f64 {
        self.state.borrow().held.as_secs_f64()
    }

    /// Prints what went wrong with `resume`.
    pub fn warn(&self) {
        self.state.borrow().failed.iter().for_each(warn_of_command);
    }

    fn request(&self) -> &Request {
        self.permitted.request()
    }

    /// Lets the folder go on. Where the process is gone, this one does what was left to it.
    fn let_go(&self, keeper: Keeper) {
        let Keeper { mut process, input, mut output, begun } = keeper;
        drop(input);
        let resumed = outcome(&mut output);
        let _ = process.wait();
        let resumed = resumed.unwrap_or_else(|_| self.resume_here());
        let mut state = self.state.borrow_mut();
        state.held += begun.elapsed();
        state.failed.extend(resumed.err());
    }

    fn resume_here(&self) -> Result<(), CommandFailure> {
        let request = self.request();
        let mut runner = Runner::new(&self.disk, request);
        request.resume.as_ref().map_or(Ok(()), |resume| runner.run("resume", resume))
    }
}

impl Quiesce for CaptureCommands {
    fn quiesce(&self) -> Result<(), QuiesceError> {
        let mut keeper = Keeper::start(self.request())?;
        match outcome(&mut keeper.output) {
            Ok(Ok(())) => {
                self.state.borrow_mut().keeper = Some(keeper);
                Ok(())
            }
            Ok(Err(failure)) => {
                self.let_go(keeper);
                Err(failure.into())
            }
            Err(error) => {
                self.let_go(keeper);
                Err(error.into())
            }
        }
    }

    fn resume(&self) {
        let keeper = self.state.borrow_mut().keeper.take();
        if let Some(keeper) = keeper {
            self.let_go(keeper);
        }
    }
}

impl Keeper {
    fn start(request: &Request) -> io::Result<Self> {
        let begun = Instant::now();
        let mut process = Command::new(std::env::current_exe()?)
            .arg(hold_still::NAME)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = (process.stdin.take(), process.stdout.take());
        let (Some(mut input), Some(output)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        writeln!(input, "{}", request.line())?;
        Ok(Self { process, input, output: BufReader::new(output), begun })
    }
}

/// What the process says came of a command.
fn outcome(output: &mut impl BufRead) -> io::Result<Result<(), CommandFailure>> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::other("the process that runs the commands ended"));
    }
    Ok(serde_json::from_str(&line)?)
}
