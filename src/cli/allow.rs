//! `aisr allow`: what the user lets pass, kept in the user's own configuration folder.

use std::io::Write;

use aisr::capture::secrets::{AllowedSecrets, Fingerprint};

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::Paging;
use super::surroundings::surroundings;

/// Let a finding pass that commit refused; list and revoke what passes.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Arguments {
    /// List what is allowed.
    #[arg(long, conflicts_with = "revoke")]
    list: bool,
    /// Allow it no longer.
    #[arg(long, value_name = "FINGERPRINT")]
    revoke: Option<Fingerprint>,
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
    let mut allowed = AllowedSecrets::load(&surroundings()?.config_dir)?;
    let mut out = context.output(Paging::Off);
    if let Some(What::Secret { fingerprint }) = arguments.what {
        let new = allowed.allow(context.disk(), fingerprint)?;
        if !context.quiet {
            let said = if new { "Allowed" } else { "Allowed already" };
            writeln!(out, "{said}: secret {fingerprint}")?;
        }
    } else if let Some(fingerprint) = arguments.revoke {
        if !allowed.revoke(context.disk(), fingerprint)? {
            return Err(CliError::failure(format!("{fingerprint} is not allowed"))
                .hint("`aisr allow --list` shows what is"));
        }
        if !context.quiet {
            writeln!(out, "Revoked: secret {fingerprint}")?;
        }
    } else {
        for fingerprint in allowed.fingerprints() {
            writeln!(out, "secret {fingerprint}")?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}
