//! `aisr system scan`: what the folder holds that aisr.toml does not name.

use std::ffi::OsString;
use std::io::Write;

use aisr::object::{ComponentKey, RepoPath};
use aisr::system::discover::{Discovery, Places, append, first_manifest, written};
use aisr::system::{MANIFEST_FILE, Manifest};
use aisr::worktree::survey;

use crate::cli::Answer;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{Escaped, FoundView, Paging, draw_found, draw_rest, plural, write_json};
use crate::cli::pathspec::repo_paths;

/// Look over the folder for components that aisr.toml does not name, and propose them.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr system scan
  aisr system scan --add prompts/escalate.md
  aisr system scan --write")]
pub struct Arguments {
    /// Add everything that is proposed at the end of aisr.toml; what stands there stays.
    #[arg(long, conflicts_with = "add")]
    write: bool,
    /// Add what stands on these files or folders, and nothing else.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    add: Vec<OsString>,
    /// Print what is proposed as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.working_repository_unchanged()?;
    let only = repo_paths(context, &repo, &arguments.add)?;
    let found = survey(&repo)?;
    let (manifest, text) = Manifest::load_text(context.disk(), repo.root())?;
    let mut lacking = found.beyond(&manifest);
    if !only.is_empty() {
        keep(&mut lacking, &only, &manifest)?;
    }
    let write = (arguments.write || !only.is_empty()) && !lacking.components.is_empty();
    if write {
        let new = match &text {
            Some(text) => append(text, &lacking)
                .map_err(|e| CliError::failure(format!("{MANIFEST_FILE} is left as it is: {e}")))?,
            None => first_manifest(&lacking),
        };
        let path = repo.root().join(MANIFEST_FILE);
        context
            .disk()
            .replace_whole(&path, new.as_bytes(), 0o644)
            .map_err(aisr::repo::RepoError::from)?;
    }
    if context.quiet && !arguments.json {
        return Ok(Answer::Yes);
    }
    let mut out = context.output(Paging::Off);
    if arguments.json {
        write_json(&mut out, &FoundView::of(&lacking))?;
    } else if write {
        draw_found(&lacking, &mut out)?;
        let number = plural(lacking.components.len() as u64, "component", "components");
        writeln!(out, "Added         {number} to {MANIFEST_FILE}")?;
    } else if lacking.components.is_empty() {
        draw_rest(&lacking, &mut out)?;
        writeln!(out, "Nothing to add: {MANIFEST_FILE} names every component that is found.")?;
    } else {
        draw_found(&lacking, &mut out)?;
        write!(out, "{}", written(&lacking))?;
        out.finish()?;
        context.hint("`aisr system scan --write` adds this to aisr.toml, --add PATH a part of it");
        return Ok(Answer::Yes);
    }
    out.finish()?;
    Ok(Answer::Yes)
}

/// Keeps what stands on these paths alone.
fn keep(found: &mut Discovery, only: &[RepoPath], manifest: &Manifest) -> Result<(), CliError> {
    let all = std::mem::take(&mut found.components);
    let as_manifest = Manifest { components: all, ..Manifest::default() };
    let places = Places::of(&as_manifest);
    let mut kept = Vec::new();
    for path in only {
        let text = String::from_utf8_lossy(path.as_bytes());
        let standing = places.within_or_on(&text);
        if standing.is_empty() {
            return Err(unknown(path, manifest, &text));
        }
        kept.extend(standing.into_iter().cloned());
    }
    kept.sort_by(|a, b| a.key.cmp(&b.key));
    kept.dedup_by(|a, b| a.key == b.key);
    // An edge to what is proposed too and is not added would dangle.
    let there = |key: &ComponentKey| {
        manifest.components.iter().any(|declared| declared.key == *key)
            || as_manifest.components.iter().all(|declared| declared.key != *key)
    };
    let added: Vec<_> = kept.iter().map(|declared| declared.key.clone()).collect();
    for declared in &mut kept {
        declared.edges.retain(|edge| added.contains(&edge.to) || there(&edge.to));
    }
    found.components = kept;
    found.unplaced.clear();
    Ok(())
}

fn unknown(path: &RepoPath, manifest: &Manifest, text: &str) -> CliError {
    let shown = Escaped(path.as_bytes());
    match Places::of(manifest).standing_on(text).first() {
        Some(declared) => {
            let key = &declared.key;
            CliError::failure(format!("{shown} belongs to {key} already"))
                .hint(format!("line {} of {MANIFEST_FILE} names it", declared.line.unwrap_or(1)))
        }
        None => {
            CliError::failure(format!("what {shown} is cannot be told from its name or content"))
                .hint(format!(
                    "name it by hand: [KIND.NAME] and path = \"{shown}\" in {MANIFEST_FILE}"
                ))
        }
    }
}
