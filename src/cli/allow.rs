//! `aisr allow`: what the user lets pass, kept in the user's own configuration folder.

use std::io::Write;

use aisr::capture::secrets::{AllowedSecrets, Fingerprint};
use aisr::system::{MANIFEST_FILE, Manifest};
use aisr::trust::{Answered, Permissions, Request};
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{JsonList, Output, Paging};
use super::permission::{Said, ask, draw_request, exact};
use super::surroundings::surroundings;

/// The fewest digits that name a request.
const FEWEST_DIGITS: usize = 4;

/// Allow what aisr.toml asks for, or a secret that commit refused; list and revoke what is allowed.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr allow
  aisr allow --list
  aisr allow secret 0123456789abcdef")]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// List what is allowed, and what was declined for good.
    #[arg(long, conflicts_with = "revoke")]
    list: bool,
    /// Print JSON.
    #[arg(long, requires = "list")]
    json: bool,
    /// Take it back: it is neither allowed nor declined any more.
    #[arg(long, value_name = "ID")]
    revoke: Option<String>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Let one secret at one path be committed.
    Secret {
        /// Its fingerprint, as `aisr commit` printed it.
        fingerprint: Fingerprint,
    },
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let mut out = context.output(Paging::Off);
    let answer = match arguments {
        Arguments { what: Some(What::Secret { fingerprint }), .. } => {
            allow_secret(context, *fingerprint, &mut out)
        }
        Arguments { revoke: Some(id), .. } => revoke(context, id, &mut out),
        Arguments { list: true, json, .. } => list(*json, &mut out),
        _ => allow_manifest(context, &mut out),
    }?;
    out.finish()?;
    Ok(answer)
}

fn allow_secret(
    context: &Context,
    fingerprint: Fingerprint,
    out: &mut Output,
) -> Result<Answer, CliError> {
    let mut allowed = AllowedSecrets::load(&surroundings()?.config_dir)?;
    let new = allowed.allow(context.disk(), fingerprint)?;
    if !context.quiet {
        let said = if new { "Allowed" } else { "Allowed already" };
        writeln!(out, "{said}: secret {fingerprint}")?;
    }
    Ok(Answer::Yes)
}

/// Shows what the folder asks for, and asks the user.
fn allow_manifest(context: &Context, out: &mut Output) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let Some(asked) = Manifest::load(context.disk(), repo.root())?.capture else {
        writeln!(out, "{MANIFEST_FILE} asks for nothing.")?;
        return Ok(Answer::Yes);
    };
    let request = exact(&repo, &asked)?;
    let mut permissions = Permissions::load(&surroundings()?.config_dir)?;
    if matches!(permissions.answer(&request)?, Answered::Yes(_)) {
        writeln!(out, "Allowed already: commands {}", request.id())?;
        draw_request(out, &request)?;
        return Ok(Answer::Yes);
    }
    match ask(&request)? {
        Said::Yes => {
            permissions.allow(context.disk(), &request)?;
            writeln!(out, "Allowed: commands {}", request.id())?;
            Ok(Answer::Yes)
        }
        said @ (Said::No | Said::Never) => {
            if said == Said::Never {
                permissions.decline(context.disk(), &request)?;
            }
            writeln!(out, "Not allowed.")?;
            Ok(Answer::No)
        }
        Said::Nothing => {
            draw_request(out, &request)?;
            out.flush()?;
            Err(CliError::failure("there is no terminal to ask on, so nothing is allowed")
                .hint("run `aisr allow` from a terminal"))
        }
    }
}

fn revoke(context: &Context, id: &str, out: &mut Output) -> Result<Answer, CliError> {
    let is_hex = id.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    if !is_hex || id.len() < FEWEST_DIGITS {
        let fewest = format!("an id has at least {FEWEST_DIGITS} hexadecimal digits");
        return Err(CliError::usage(fewest).hint("`aisr allow --list` shows them"));
    }
    let config_dir = surroundings()?.config_dir;
    let mut secrets = AllowedSecrets::load(&config_dir)?;
    if let Ok(fingerprint) = id.parse()
        && secrets.revoke(context.disk(), fingerprint)?
    {
        return told(context, out, "secret", &fingerprint.to_string());
    }
    let mut permissions = Permissions::load(&config_dir)?;
    let answered = permissions.allowed().iter().chain(permissions.declined());
    let ids = answered.map(Request::id);
    let found: Vec<_> = ids.filter(|known| known.to_string().starts_with(id)).collect();
    match found[..] {
        [known] => {
            permissions.revoke(context.disk(), known)?;
            told(context, out, "commands", &known.to_string())
        }
        [] => Err(CliError::failure(format!("{id} is neither allowed nor declined"))
            .hint("`aisr allow --list` shows what is")),
        _ => Err(CliError::failure(format!("{} ids start with {id}", found.len()))
            .hint("type more digits: `aisr allow --list` shows them")),
    }
}

fn told(context: &Context, out: &mut Output, what: &str, id: &str) -> Result<Answer, CliError> {
    if !context.quiet {
        writeln!(out, "Revoked: {what} {id}")?;
    }
    Ok(Answer::Yes)
}

/// A secret that is allowed, in JSON.
#[derive(Serialize)]
struct SecretView {
    id: String,
    allowed: bool,
    purpose: &'static str,
}

/// A request that is allowed or declined, in JSON.
#[derive(Serialize)]
struct RequestView<'a> {
    id: String,
    allowed: bool,
    #[serde(flatten)]
    request: &'a Request,
}

fn list(json: bool, out: &mut Output) -> Result<Answer, CliError> {
    let config_dir = surroundings()?.config_dir;
    let secrets = AllowedSecrets::load(&config_dir)?;
    let permissions = Permissions::load(&config_dir)?;
    let allowed = permissions.allowed().iter().map(|request| (true, request));
    let answered = allowed.chain(permissions.declined().iter().map(|request| (false, request)));
    if json {
        let mut list = JsonList::begin(out);
        for fingerprint in secrets.fingerprints() {
            let id = fingerprint.to_string();
            list.push(&SecretView { id, allowed: true, purpose: "secret" })?;
        }
        for (allowed, request) in answered {
            list.push(&RequestView { id: request.id().to_string(), allowed, request })?;
        }
        list.end()?;
        return Ok(Answer::Yes);
    }
    for fingerprint in secrets.fingerprints() {
        writeln!(out, "secret {fingerprint}")?;
    }
    for (allowed, request) in answered {
        let declined = if allowed { "" } else { " (declined)" };
        writeln!(out, "commands {}{declined}", request.id())?;
        draw_request(out, request)?;
    }
    Ok(Answer::Yes)
}
