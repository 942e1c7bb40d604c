//! `aisr config`: what is set, where, and setting it.

use std::io::Write;

use aisr::repo::{
    CONFIG_FILE, FOLDER, Origin, Repository, SETTINGS, Setting, SettingsFile, in_force,
};
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Escaped, JsonList, Output, Paging};
use super::surroundings::surroundings;

/// Show settings and set them: yours win over the repository's own.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr config --list --show-origin
  aisr config user.email mara@example.org
  aisr config user.key ~/.ssh/release_ed25519
  aisr config --unset user.key")]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    /// `KEY` shows a setting, `KEY VALUE` sets it; `get` or `set` may stand in front.
    #[arg(value_name = "KEY [VALUE]")]
    words: Vec<String>,
    /// Take a setting out.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["words", "list"])]
    unset: Option<String>,
    /// List all that is set.
    #[arg(short, long, conflicts_with = "words")]
    list: bool,
    /// Say where each comes from.
    #[arg(long)]
    show_origin: bool,
    /// Only your own configuration.
    #[arg(long)]
    user: bool,
    /// Only the configuration of this repository, which is not versioned.
    #[arg(long, conflicts_with = "user")]
    repo: bool,
    /// Print JSON.
    #[arg(long, requires = "list")]
    json: bool,
}

/// A setting, as `--json` prints it.
#[derive(Serialize)]
struct SettingView {
    key: String,
    values: Vec<String>,
    origin: &'static str,
    file: String,
    /// Another file wins over it.
    overridden: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let mut files = files(context, arguments)?;
    let words = match arguments.words.split_first() {
        Some((first, rest)) if (first == "get" || first == "set") && !rest.is_empty() => rest,
        _ => &arguments.words[..],
    };
    let mut out = context.output(Paging::Off);
    let answer = match (&arguments.unset, words) {
        (Some(key), _) => {
            let setting = Setting::find(key)?;
            match file_to_change(&mut files)?.unset(context.disk(), setting)? {
                true => Answer::Yes,
                false => Answer::No,
            }
        }
        (None, []) => {
            list(&files, arguments, &mut out)?;
            Answer::Yes
        }
        (None, [key]) => show(&files, Setting::find(key)?, arguments, &mut out)?,
        (None, [key, values @ ..]) => {
            let setting = Setting::find(key)?;
            file_to_change(&mut files)?.set(context.disk(), setting, values)?;
            Answer::Yes
        }
    };
    out.finish()?;
    Ok(answer)
}

/// The files that are meant, the user's first.
fn files(context: &Context, arguments: &Arguments) -> Result<Vec<SettingsFile>, CliError> {
    let around = surroundings()?;
    let root = Repository::find_root(context.directory(), &around.config);
    let mut files = Vec::new();
    if !arguments.repo {
        files.push(SettingsFile::load(&around.config_dir.join(CONFIG_FILE), Origin::User)?);
    }
    match root {
        _ if arguments.user => {}
        Ok(root) => {
            let path = root.join(FOLDER).join(CONFIG_FILE);
            files.push(SettingsFile::load(&path, Origin::Repository)?);
        }
        Err(e) if arguments.repo => return Err(e.into()),
        // Outside of repositories there is the user's own.
        Err(_) => {}
    }
    Ok(files)
}

/// Without `--repo`, what is set is set in the user's own file.
fn file_to_change(files: &mut [SettingsFile]) -> Result<&mut SettingsFile, CliError> {
    files.first_mut().ok_or_else(|| CliError::failure("there is no file to write"))
}

fn show(
    files: &[SettingsFile],
    setting: Setting,
    arguments: &Arguments,
    out: &mut Output,
) -> Result<Answer, CliError> {
    let Some((file, values)) = in_force(files, setting)? else { return Ok(Answer::No) };
    for value in values {
        writeln!(out, "{}{}", origin(file, arguments), Escaped(value.as_bytes()))?;
    }
    Ok(Answer::Yes)
}

fn list(files: &[SettingsFile], arguments: &Arguments, out: &mut Output) -> Result<(), CliError> {
    let mut views = Vec::new();
    for setting in SETTINGS {
        let winner = in_force(files, setting)?.map(|(file, _)| file.origin());
        for file in files {
            let Some(values) = file.get(setting)? else { continue };
            let overridden = winner != Some(file.origin());
            if !arguments.json {
                let key = setting.key();
                // What another file wins over is shown only beside where it comes from.
                if overridden && !arguments.show_origin {
                    continue;
                }
                for value in &values {
                    let value = Escaped(value.as_bytes());
                    let note = if overridden { " (overridden)" } else { "" };
                    writeln!(out, "{}{key}={value}{note}", origin(file, arguments))?;
                }
            }
            views.push(SettingView {
                key: setting.key(),
                values,
                origin: file.origin().name(),
                file: file.path().to_string_lossy().into_owned(),
                overridden,
            });
        }
    }
    if arguments.json {
        let mut list = JsonList::begin(out);
        views.iter().try_for_each(|view| list.push(view))?;
        list.end()?;
    }
    Ok(())
}

fn origin(file: &SettingsFile, arguments: &Arguments) -> String {
    match arguments.show_origin {
        true => {
            let path = Escaped(file.path().as_os_str().as_encoded_bytes()).to_string();
            format!("{}:{path}\t", file.origin().name())
        }
        false => String::new(),
    }
}
