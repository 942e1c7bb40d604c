//! Places as people name them, and what moved between them.

use std::io::Write;

use aisr::log::RefName;
use aisr::object::{Id, TrustRootId};
use aisr::remote::{
    FolderPlace, Moved, RefUpdate, Remote, UpdateKind, find_remote, parse_address, upstream,
};
use aisr::repo::Repository;
use serde::Serialize;

use super::context::Context;
use super::error::CliError;
use super::output::{BRANCH, Escaped, Ids, size};

/// The remote of this name, or the one that the branch goes with.
pub fn remote(
    repo: &Repository,
    name: Option<&String>,
    branch: Option<&RefName>,
) -> Result<Remote, CliError> {
    Ok(match name {
        Some(name) => find_remote(repo, name)?,
        None => upstream(repo, branch)?,
    })
}

/// Opens the place of a remote.
pub fn open(context: &Context, address: &str) -> Result<FolderPlace, CliError> {
    let root = parse_address(address, context.directory())?;
    Ok(FolderPlace::open(context.disk(), &root)?)
}

/// A ref that moved, as `--json` prints it.
#[derive(Serialize)]
pub struct UpdateView {
    #[serde(rename = "ref")]
    name: String,
    old: Option<String>,
    new: Option<String>,
    kind: &'static str,
}

impl UpdateView {
    pub fn of(update: &RefUpdate) -> Self {
        Self {
            name: update.name.to_string(),
            old: update.old.map(|id| id.to_hex()),
            new: update.new.map(|id| id.to_hex()),
            kind: match update.kind {
                UpdateKind::Create => "create",
                UpdateKind::Forward => "forward",
                UpdateKind::Force => "force",
                UpdateKind::Delete => "delete",
                UpdateKind::Kept => "kept",
            },
        }
    }
}

/// Says which trust root came into force, and where.
pub fn draw_trust_root(
    ids: &Ids<'_>,
    root: Option<TrustRootId>,
    place: &str,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    if let Some(root) = root {
        writeln!(out, "  trust root {} is in force {place} now", ids.show(root.id()))?;
    }
    Ok(())
}

/// One line for each ref that moved: `origin/main 7c1f09d2..3fa9c7b1`.
pub fn draw_updates(
    ids: &Ids<'_>,
    updates: &[RefUpdate],
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let shown = |update: &RefUpdate| {
        let tag = if update.name.is_tag() { "tag " } else { "" };
        format!("{tag}{}", Escaped(update.name.short()))
    };
    let width = updates.iter().map(|u| shown(u).chars().count()).max().unwrap_or_default();
    let id = |id: Option<Id>| id.map(|id| ids.show(id)).unwrap_or_default();
    for update in updates {
        let name = shown(update);
        let fill = " ".repeat(width - name.chars().count());
        let (old, new) = (id(update.old), id(update.new));
        let text = match update.kind {
            UpdateKind::Create => format!("new, at {new}"),
            UpdateKind::Forward => format!("{old}..{new}"),
            UpdateKind::Force => format!("{old}...{new} (replaced)"),
            UpdateKind::Delete => format!("gone, was at {old}"),
            UpdateKind::Kept => format!("stays at {old}, and is another there"),
        };
        writeln!(out, "  {BRANCH}{name}{BRANCH:#}{fill}  {text}")?;
    }
    Ok(())
}

/// `, 1.2 KB in 1 pack`, or nothing.
pub fn moved_text(moved: Moved) -> String {
    match moved.packs {
        0 => String::new(),
        1 => format!(", {} in 1 pack", size(moved.bytes)),
        packs => format!(", {} in {packs} packs", size(moved.bytes)),
    }
}
