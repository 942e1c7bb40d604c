//! Runs a command that the user allowed: in the folder that asked, for so long and no longer.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use aisr::disk::Disk;
use aisr::repo::FOLDER;
use aisr::trust::{Command, Request};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::{Deserialize, Serialize};

/// So much of the end of what it printed is kept.
const KEPT: u64 = 2 << 10;
/// How long is waited for one that was killed.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// A command that did not do what it is for.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{name} {why}")]
pub struct CommandFailure {
    /// `quiesce` or `resume`.
    pub name: String,
    /// What happened.
    pub why: String,
    /// The end of what it printed.
    pub output: String,
    /// Whether it ran at all.
    pub started: bool,
}

/// Something that whoever waits for a command is told.
pub enum Event {
    /// It ended.
    Exited(Pid),
    /// Nobody needs it any more.
    Abandoned,
}

/// Runs the commands of one request.
pub struct Runner {
    disk: Disk,
    root: PathBuf,
    limit: Duration,
    sender: Sender<Event>,
    events: Receiver<Event>,
    abandoned: bool,
}

impl Runner {
    /// A runner for what `request` asks for.
    pub fn new(disk: &Disk, request: &Request) -> Self {
        let (sender, events) = channel();
        let (root, limit) = (request.root().to_owned(), Duration::from_secs(request.timeout));
        Self { disk: disk.clone(), root, limit, sender, events, abandoned: false }
    }

    /// Where to say that nobody needs the running command any more.
    pub fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Waits until nobody needs what was run.
    pub fn wait_until_abandoned(&mut self) {
        while !self.abandoned {
            self.abandoned = matches!(self.events.recv(), Ok(Event::Abandoned) | Err(_));
        }
    }

    /// Runs a command to its end, which comes at the latest when its time is over.
    pub fn run(&mut self, name: &str, command: &Command) -> Result<(), CommandFailure> {
        let refused = |why: String| CommandFailure {
            name: name.into(),
            why,
            output: String::new(),
            started: false,
        };
        match command.is_current(&self.root) {
            Ok(true) => {}
            Ok(false) => return Err(refused("changed since it was allowed".into())),
            Err(e) => return Err(refused(format!("cannot be run any more: {e}"))),
        }
        let output = self.output_file();
        let output = output.map_err(|e| refused(format!("cannot be run: {e}")))?;
        let child = self.start(command, &output);
        let mut child = child.map_err(|e| refused(format!("cannot be run: {e}")))?;
        let why = self.wait(&mut child);
        why.map_or(Ok(()), |why| {
            let output = end_of(&output).unwrap_or_default();
            Err(CommandFailure { name: name.into(), why, output, started: true })
        })
    }

    /// Where a command prints to: a file without a name. A pipe would end what it leaves running
    /// behind it, once nobody reads from that any more.
    fn output_file(&self) -> Result<File, Box<dyn std::error::Error>> {
        let named = self.disk.create_temporary(&self.root.join(FOLDER).join("local"), 0o600)?;
        Ok(File::options().read(true).append(true).open(named.path())?)
    }

    fn start(&self, command: &Command, output: &File) -> io::Result<Child> {
        let name = command.argv.first().unwrap_or(&command.program);
        std::process::Command::new(&command.program)
            .arg0(name)
            .args(command.argv.iter().skip(1))
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            // What it starts is ended with it, and Ctrl-C is none of its business.
            .process_group(0)
            .spawn()
    }

    /// Waits for the end, and says what was wrong with it.
    fn wait(&mut self, child: &mut Child) -> Option<String> {
        let pid = Pid::from_child(child);
        let sender = self.sender.clone();
        thread::spawn(move || {
            // It is left to be collected, so that its number stays its own until then.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
            let _ = sender.send(Event::Exited(pid));
        });
        let (mut until, mut why) = (Instant::now() + self.limit, None);
        loop {
            let told = self.events.recv_timeout(until.saturating_duration_since(Instant::now()));
            let kill = match told {
                Ok(Event::Exited(which)) if which == pid => {
                    let status = child.wait();
                    return why.or_else(|| status.map_or_else(|e| Some(e.to_string()), wrong_with));
                }
                Ok(Event::Exited(_)) => continue,
                Ok(Event::Abandoned) => {
                    self.abandoned = true;
                    "was ended, because aisr was".to_owned()
                }
                // It was killed and hangs in the kernel: nothing more can be done.
                Err(_) if why.is_some() => return why,
                Err(_) => {
                    format!("was ended, because it took more than {} s", self.limit.as_secs())
                }
            };
            let _ = kill_process_group(pid, Signal::KILL);
            why = why.or(Some(kill));
            until = Instant::now() + LAST_WAIT;
        }
    }
}

fn wrong_with(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("ended with exit code {code}")),
        (None, signal) => Some(format!("was ended by signal {}", signal.unwrap_or_default())),
    }
}

fn end_of(output: &File) -> io::Result<String> {
    let len = output.metadata()?.len();
    let kept = len.min(KEPT);
    let mut bytes = vec![0; kept as usize];
    output.read_exact_at(&mut bytes, len - kept)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A command as it is called: each part in quotes, so that nothing in it can look like two.
pub struct Quoted<'a>(pub &'a [String]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.0.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            let part = part.replace('\\', "\\\\").replace('"', "\\\"");
            write!(f, "{space}\"{}\"", super::output::Escaped(part.as_bytes()))?;
        }
        Ok(())
    }
}
