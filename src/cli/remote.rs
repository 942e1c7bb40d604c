//! `aisr remote`: places that have a name.

use std::io::Write;

use aisr::log::{Head, RefName};
use aisr::remote::{
    FolderPlace, Remote, add_remote, create_place, find_remote, parse_address, remotes,
    remove_remote, resolve,
};
use clap::Subcommand;
use serde::Serialize;

use super::Answer;
use super::context::{Context, MakeKey};
use super::error::CliError;
use super::output::{Escaped, JsonList, Paging};

/// List the places that have a name; add or remove one.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Give a place a name.
    Add {
        /// The name.
        name: String,
        /// Its folder, or `file:///PATH`
        place: String,
        /// Make the place first, for this repository.
        #[arg(long)]
        create: bool,
    },
    /// List the names, with -v the places too.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a name away; what was fetched stays.
    Remove {
        /// The name.
        name: String,
    },
}

#[derive(Serialize)]
struct RemoteView<'a> {
    name: &'a str,
    place: &'a str,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    match &arguments.command {
        None => list(context, false),
        Some(Command::List { json }) => list(context, *json),
        Some(Command::Add { name, place, create }) => add(context, name, place, *create),
        Some(Command::Remove { name }) => {
            remove_remote(&context.repository()?, name)?;
            Ok(Answer::Yes)
        }
    }
}

fn list(context: &Context, json: bool) -> Result<Answer, CliError> {
    let all = remotes(&context.repository()?)?;
    let mut out = context.output(Paging::Off);
    if json {
        let mut list = JsonList::begin(&mut out);
        for Remote { name, place } in &all {
            list.push(&RemoteView { name, place })?;
        }
        list.end()?;
    } else {
        for Remote { name, place } in &all {
            match context.verbose {
                true => writeln!(out, "{name}  {}", Escaped(place.as_bytes()))?,
                false => writeln!(out, "{name}")?,
            }
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}

fn add(context: &Context, name: &str, address: &str, create: bool) -> Result<Answer, CliError> {
    let repo = context.working_repository_unchanged()?;
    if find_remote(&repo, name).is_ok() {
        let name = name.to_owned();
        return Err(aisr::remote::RemoteError::RemoteExists { name }.into());
    }
    let root = parse_address(address, context.directory())?;
    if create {
        let identity = context.identity(MakeKey::Never)?;
        let place = FolderPlace::ensure(context.disk(), &root)?;
        let branch = match &repo.log()?.refs().head {
            Head::Branch(name) => name.clone(),
            Head::Detached(_) => {
                RefName::branch("main").map_err(|e| CliError::failure(e.to_string()))?
            }
        };
        create_place(&repo, &place, &branch, &identity)?;
    } else {
        FolderPlace::open(context.disk(), &root)?;
    }
    let root = resolve(&root);
    let place = root
        .to_str()
        .ok_or_else(|| CliError::failure(format!("the path {} is not UTF-8", root.display())))?;
    add_remote(&repo, &Remote { name: name.into(), place: place.into() })?;
    if create && !context.quiet {
        let mut out = context.output(Paging::Off);
        writeln!(out, "Made a shared place in {}", Escaped(place.as_bytes()))?;
        out.finish()?;
    }
    Ok(Answer::Yes)
}
