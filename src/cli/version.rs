//! `aisr version`: needs no repository and no configuration.

use std::io::Write;

use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Paging, write_json};

/// Print the version of the program and of the format that it writes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    format: u32,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let version =
        Version { version: env!("CARGO_PKG_VERSION"), format: aisr::repo::FORMAT_VERSION };
    let mut out = context.output(Paging::Off);
    match arguments.json {
        true => write_json(&mut out, &version)?,
        false => writeln!(out, "aisr {} (format {})", version.version, version.format)?,
    }
    out.finish()?;
    Ok(Answer::Yes)
}
