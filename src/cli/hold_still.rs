//! The process beside a commit that runs the commands around it.
//!
//! It lives on when the commit is interrupted or killed, and so the folder's writers always go on.
//! It reads a request from its input, runs `quiesce`, and once its input ends, `resume`; of each it
//! prints what came of it.

use std::io::{self, BufRead, Write};

use aisr::disk::Disk;
use aisr::trust::Request;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::warn_of_command;
use super::run_command::{CommandFailure, Event, Runner};

/// Its name on the command line.
pub const NAME: &str = "hold-still";

/// Runs the commands around a commit. Only `commit` calls it.
#[derive(clap::Args)]
pub struct Arguments {}

pub fn run(context: &Context) -> Result<Answer, CliError> {
    // No terminal, so no Ctrl-C either.
    let _ = rustix::process::setsid();
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    if line.is_empty() {
        // The commit ended before it asked for anything.
        return Ok(Answer::Yes);
    }
    let request: Request = serde_json::from_str(&line)
        .map_err(|_| CliError::usage(format!("`aisr {NAME}` is for `aisr commit` alone")))?;
    hold(context.disk(), &request);
    Ok(Answer::Yes)
}

fn hold(disk: &Disk, request: &Request) {
    let mut runner = Runner::new(disk, request);
    let sender = runner.sender();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = sender.send(Event::Abandoned);
    });
    let held = runner.run("quiesce", &request.quiesce);
    let started = held.as_ref().map_or_else(|failure| failure.started, |()| true);
    // Whoever waits for it may be gone; the rest is to be done all the more.
    let _ = tell(&held);
    runner.wait_until_abandoned();
    let resumed = match &request.resume {
        Some(resume) if started => runner.run("resume", resume),
        _ => Ok(()),
    };
    if let (Err(_), Err(failure)) = (tell(&resumed), &resumed) {
        warn_of_command(failure);
    }
}

/// Prints one line: what came of a command.
fn tell(outcome: &Result<(), CommandFailure>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, outcome)?;
    out.write_all(b"\n")?;
    out.flush()
}
