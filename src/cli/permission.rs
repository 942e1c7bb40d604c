//! What a folder asks for, shown exactly, and the question whether to allow it.

use std::io::{self, BufRead, IsTerminal, Write};

use aisr::repo::Repository;
use aisr::system::MANIFEST_FILE;
use aisr::trust::{
    Answered, AskedCommands, PermissionError, Permissions, Permitted, Request, RequestError,
};

use super::capture_commands::CaptureCommands;
use super::context::Context;
use super::error::CliError;
use super::output::{Escaped, HINT, WARNING};
use super::run_command::Quoted;
use super::surroundings::{search_path, surroundings};

/// What the user said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    Yes,
    No,
    /// No, and not to be asked again.
    Never,
    /// There is no terminal, so nobody was asked.
    Nothing,
}

/// The request that the manifest of `repo` makes.
pub fn exact(repo: &Repository, asked: &AskedCommands) -> Result<Request, RequestError> {
    Request::new(repo.id(), repo.root(), asked, &search_path())
}

/// What runs around a commit: what the manifest asks for, as far as the user allows it. Without
/// permission the commit goes on without.
pub fn commands_around(
    context: &Context,
    repo: &Repository,
    asked: &AskedCommands,
) -> Result<Option<CaptureCommands>, CliError> {
    let why = match permitted(context, repo, asked)? {
        Ok(permitted) => return Ok(Some(CaptureCommands::new(context.disk(), permitted))),
        Err(why) => why,
    };
    let text = Escaped(why.to_string().as_bytes()).to_string();
    anstream::eprintln!(
        "{WARNING}warning:{WARNING:#} the commands that {MANIFEST_FILE} asks for are not run: \
         {text}"
    );
    if matches!(why, Without::NotAsked) {
        anstream::eprintln!("{HINT}hint:{HINT:#} `aisr allow` shows them, and asks you");
    }
    Ok(None)
}

/// Why commands are not run.
#[derive(Debug, thiserror::Error)]
enum Without {
    #[error("you have not allowed them")]
    NotAsked,
    #[error("you declined")]
    Declined,
    #[error(transparent)]
    NotExact(#[from] RequestError),
    #[error(transparent)]
    NotPermitted(#[from] PermissionError),
}

fn permitted(
    context: &Context,
    repo: &Repository,
    asked: &AskedCommands,
) -> Result<Result<Permitted, Without>, CliError> {
    let request = match exact(repo, asked) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error.into())),
    };
    let mut permissions = Permissions::load(&surroundings()?.config_dir)?;
    match permissions.answer(&request) {
        Ok(Answered::Yes(permitted)) => return Ok(Ok(permitted)),
        Ok(Answered::Never) => return Ok(Err(Without::Declined)),
        Ok(Answered::Nothing) => {}
        Err(error) => return Ok(Err(error.into())),
    }
    match ask(&request)? {
        Said::Yes => return Ok(Ok(permissions.allow(context.disk(), &request)?)),
        Said::Never => permissions.decline(context.disk(), &request)?,
        Said::No => {}
        Said::Nothing => return Ok(Err(Without::NotAsked)),
    }
    Ok(Err(Without::Declined))
}

/// Shows a request and asks, if there is a terminal to ask on.
pub fn ask(request: &Request) -> Result<Said, CliError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(Said::Nothing);
    }
    let mut out = anstream::stderr();
    writeln!(out, "{MANIFEST_FILE} asks to run these commands around each commit:")?;
    draw_request(&mut out, request)?;
    writeln!(out, "They run as you, with your environment; what else they read may change.")?;
    write!(out, "Allow exactly this? [y/N/never] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Said::Yes,
        "never" => Said::Never,
        _ => Said::No,
    })
}

/// A request, with nothing left out.
pub fn draw_request(out: &mut dyn Write, request: &Request) -> io::Result<()> {
    writeln!(out, "  folder   {}", Escaped(request.root().as_os_str().as_encoded_bytes()))?;
    for (name, command) in request.commands() {
        writeln!(out, "  {name:8} {}", Quoted(&command.argv))?;
        writeln!(out, "           runs {}", Escaped(command.program.as_bytes()))?;
        for file in &command.files {
            let (path, content) = (Escaped(file.path.as_bytes()), &file.content);
            writeln!(out, "           with {path} as it is now, {content}")?;
        }
    }
    writeln!(out, "  timeout  {} s for each", request.timeout)
}
