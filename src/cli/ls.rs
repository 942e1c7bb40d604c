//! `aisr ls`: what is in the tree of a commit.

use std::ffi::OsString;
use std::io::Write;

use aisr::object::{BlobId, EntryKind, RepoPath, TreeEntry};
use aisr::repo::{Descend, Repository};
use aisr::store::StoreError;
use serde::Serialize;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{Escaped, Ids, JsonList, KIND, Output, Paging, PathText, count};
use super::target::{self, Place};

/// List what is in a commit.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr ls
  aisr ls -r -l v1
  aisr ls main:prompts")]
pub struct Arguments {
    /// The commit, and where in it.
    #[arg(value_name = "REV[:PATH]", default_value = "HEAD")]
    target: OsString,
    /// List everything below, by its path from the root.
    #[arg(short, long)]
    recursive: bool,
    /// Kind, id and size as well.
    #[arg(short, long)]
    long: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How a listing looks.
#[derive(Clone, Copy)]
pub struct Style {
    pub long: bool,
    pub recursive: bool,
    pub json: bool,
}

#[derive(Serialize)]
struct EntryView {
    #[serde(flatten)]
    path: PathText,
    kind: &'static str,
    id: String,
    size: u64,
    /// Where a symbolic link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let (revision, path) = target::parts(&arguments.target)?;
    let revisions = revisions(&repo)?;
    let place = target::place(&repo, &revisions, revision, path.unwrap_or_default())?;
    let Arguments { recursive, long, json, .. } = *arguments;
    let mut out = context.output(if json { Paging::Off } else { Paging::Auto });
    let ids = Ids::new(&repo, context.verbose);
    write(&repo, place, Style { long, recursive, json }, &ids, &mut out)?;
    out.finish()?;
    Ok(Answer::Yes)
}

/// Lists a directory, or the one entry that is no directory.
pub fn write(
    repo: &Repository,
    place: Place,
    style: Style,
    ids: &Ids<'_>,
    out: &mut Output,
) -> Result<(), CliError> {
    if style.json {
        let mut list = JsonList::begin(out);
        visit(repo, &place, style, &mut |path, entry| list.push(&view(repo, path, &entry)?))?;
        return list.end();
    }
    visit(repo, &place, style, &mut |path, entry| {
        // Recursive lists and lone files show whole paths, a directory the names in it.
        let inside = !style.recursive && path != &place.path;
        let name = path.file_name().filter(|_| inside).map_or(path.as_bytes(), |name| name);
        if style.long {
            let id = ids.plain(entry.id());
            write!(out, "{:<10} {id} {:>15}  ", entry.kind().name(), count(entry.size()))?;
        }
        let shown = Escaped(name);
        match entry.kind() {
            EntryKind::Directory => writeln!(out, "{KIND}{shown}/{KIND:#}")?,
            EntryKind::Symlink if style.long => {
                writeln!(out, "{shown} -> {}", Escaped(&link_target(repo, &entry)?))?;
            }
            _ => writeln!(out, "{shown}")?,
        }
        Ok(())
    })
}

fn visit(
    repo: &Repository,
    place: &Place,
    style: Style,
    each: &mut dyn FnMut(&RepoPath, TreeEntry) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let Some(root) = place.entry.root() else { return each(&place.path, place.entry) };
    repo.walk_tree(root, &place.path, &mut |path, entry| {
        // As in git, a recursive list is of files: directories are their paths' parts.
        if !style.recursive || entry.kind() != EntryKind::Directory {
            each(path, entry)?;
        }
        Ok(if style.recursive { Descend::Into } else { Descend::Past })
    })
}

fn view(repo: &Repository, path: &RepoPath, entry: &TreeEntry) -> Result<EntryView, CliError> {
    let target = match entry.kind() {
        EntryKind::Symlink => Some(link_target(repo, entry)?),
        _ => None,
    };
    Ok(EntryView {
        path: PathText::of(path.as_bytes()),
        kind: entry.kind().name(),
        id: entry.id().to_hex(),
        size: entry.size(),
        target: target.map(|target| String::from_utf8_lossy(&target).into_owned()),
    })
}

fn link_target(repo: &Repository, entry: &TreeEntry) -> Result<Vec<u8>, CliError> {
    let mut target = Vec::new();
    repo.store().blob(BlobId::from_id(entry.id()))?.copy_to::<StoreError>(&mut |piece| {
        target.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(target)
}
