//! What differs of the system: told before any file.

use std::io::Write;

use aisr::diff::FileChange;
use aisr::object::{ComponentKey, Origin, RepoPath};
use aisr::system::{ComponentChange, SystemChanges};
use aisr::worktree::SystemDifference;
use serde::Serialize;

use super::KindFilter;
use crate::cli::error::CliError;
use crate::cli::output::color::KIND;
use crate::cli::output::json::JsonList;
use crate::cli::output::stream::Output;
use crate::cli::output::system_view::{SystemChangesView, draw_narrowed, draw_system_changes};

/// The part of a difference of systems that is asked for.
pub struct SystemPart {
    found: SystemDifference,
    /// Only this component is asked for.
    only: Option<ComponentKey>,
}

impl SystemPart {
    /// The part that touches these paths, this component and these kinds; all, where none is given.
    pub fn new(
        found: SystemDifference,
        paths: &[RepoPath],
        only: Option<ComponentKey>,
        kinds: &[KindFilter],
    ) -> Self {
        let mut found = found;
        let by_kind =
            |key: &ComponentKey| kinds.is_empty() || kinds.iter().any(|kind| kind.names(key));
        let by_name = |key: &ComponentKey| only.as_ref().is_none_or(|only| only == key);
        let by_path = |change: &ComponentChange| {
            paths.is_empty()
                || origins(change).any(|origin| {
                    paths.iter().any(|path| origin.is_within(path) || path.is_within(origin))
                })
        };
        found.changes.components.retain(|change| {
            let former = change.renamed_from.as_ref();
            by_kind(&change.key)
                && by_path(change)
                && (by_name(&change.key) || former.is_some_and(by_name))
        });
        found.changes.edges.retain(|change| {
            let ends = [&change.key.from, &change.key.to];
            paths.is_empty()
                && ends.iter().any(|key| by_kind(key))
                && ends.iter().any(|key| by_name(key))
        });
        if !paths.is_empty() || only.is_some() || !kinds.is_empty() {
            found.narrowed.clear();
        }
        Self { found, only }
    }

    /// Whether nothing of it differs.
    pub fn is_empty(&self) -> bool {
        self.found.changes.is_empty() && self.found.narrowed.is_empty()
    }

    /// The components that changed because this file did.
    pub fn of_file(&self, found: &FileChange) -> Vec<&ComponentKey> {
        let paths = [Some(&found.change.path), found.from.as_ref()];
        let claims = |change: &&ComponentChange| {
            origins(change).any(|origin| paths.iter().flatten().any(|path| path.is_within(origin)))
        };
        self.found.changes.components.iter().filter(claims).map(|change| &change.key).collect()
    }

    /// Whether a file belongs to what was asked for.
    pub fn passes(&self, found: &FileChange) -> bool {
        self.only.is_none() || !self.of_file(found).is_empty()
    }

    /// Draws what is captured less, components, and edges.
    pub fn draw(&self, limit: Option<usize>, out: &mut Output) -> Result<(), CliError> {
        if self.is_empty() {
            return Ok(());
        }
        draw_narrowed(&self.found.narrowed, out)?;
        draw_system_changes(&self.found.changes, limit.unwrap_or(usize::MAX), out)?;
        Ok(writeln!(out)?)
    }

    /// Draws whose file comes next.
    pub fn draw_owners(&self, found: &FileChange, out: &mut Output) -> Result<(), CliError> {
        let owners: Vec<_> = self.of_file(found).iter().map(ToString::to_string).collect();
        match owners.is_empty() {
            true => Ok(()),
            false => Ok(writeln!(out, "{KIND}{}{KIND:#}", owners.join(", "))?),
        }
    }

    /// Writes it as the first value of a list; nothing, where nothing differs.
    pub fn write_json(&self, list: &mut JsonList<'_>) -> Result<(), CliError> {
        if self.is_empty() {
            return Ok(());
        }
        let changes: &SystemChanges = &self.found.changes;
        let system = SystemChangesView::of(&self.found.narrowed, changes, &[]);
        list.push(&SystemValue { system })
    }
}

#[derive(Serialize)]
struct SystemValue {
    system: SystemChangesView,
}

fn origins(change: &ComponentChange) -> impl Iterator<Item = &RepoPath> {
    let states = [&change.before, &change.after].into_iter().flatten();
    states.flat_map(|state| &state.origins).filter_map(|origin| match origin {
        Origin::Path(path) => Some(path),
        Origin::External(_) => None,
    })
}
