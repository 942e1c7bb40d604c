//! `aisr version`: needs no repository and no configuration.

use std::io::Write;

use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Paging, write_json};

/// Print the version of the program and of the format that it writes.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr version
  aisr version --json")]
pub struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What is known of the program.
#[derive(Serialize)]
pub struct Version {
    pub version: &'static str,
    /// The version of the format that it writes.
    pub format: u32,
    /// The revision that it was built from, where the build said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<&'static str>,
}

impl Version {
    /// That of this program.
    pub fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            format: aisr::repo::FORMAT_VERSION,
            commit: option_env!("AISR_BUILD_COMMIT"),
        }
    }
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let version = Version::this();
    let mut out = context.output(Paging::Off);
    match arguments.json {
        true => write_json(&mut out, &version)?,
        false => writeln!(out, "aisr {} (format {})", version.version, version.format)?,
    }
    out.finish()?;
    Ok(Answer::Yes)
}
