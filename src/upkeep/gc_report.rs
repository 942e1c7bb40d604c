//! What a collection did, as plain values.

use serde::Serialize;

use crate::object::ObjectType;

/// What a collection did, or would do.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct GcReport {
    /// Whether nothing was done but to look.
    pub dry_run: bool,
    /// Whether writers were at work for so long that nothing was removed.
    pub busy: bool,
    /// How many packs there were.
    pub packs_before: u64,
    /// How many bytes they had.
    pub bytes_before: u64,
    /// How many packs there are.
    pub packs_after: u64,
    /// How many bytes they have.
    pub bytes_after: u64,
    /// How many packs held nothing that anything leads to.
    pub empty_packs: u64,
    /// How many packs were written anew, without what nothing leads to.
    pub partly_packs: u64,
    /// How many packs were merged.
    pub merged_packs: u64,
    /// What went.
    pub removed: Removed,
    /// How many log entries are older than what they name is kept.
    pub expired_entries: u64,
    /// How many commits are kept as statements alone: only these entries lead to them.
    pub expired_commits: u64,
    /// How many packs stay because they are young.
    pub waiting_packs: u64,
    /// How many of their bytes nothing leads to.
    pub waiting_bytes: u64,
    /// Bytes that nothing leads to and that stay, because they are few beside what is live.
    pub waste: u64,
    /// How many files that dead writers left were removed.
    pub temporaries: u64,
    /// How many bytes these had.
    pub temporary_bytes: u64,
}

/// Objects that went, by type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Removed {
    /// Commits.
    pub commits: u64,
    /// Tags.
    pub tags: u64,
    /// Nodes of maps.
    pub nodes: u64,
    /// Nodes of recipes.
    pub recipes: u64,
    /// Blobs and chunks.
    pub blobs: u64,
    /// Further copies of objects that stay.
    pub copies: u64,
}

impl Removed {
    pub(super) fn count(&mut self, kind: ObjectType, is_copy: bool) {
        let number = match kind {
            _ if is_copy => &mut self.copies,
            ObjectType::Commit => &mut self.commits,
            ObjectType::Tag => &mut self.tags,
            ObjectType::Node => &mut self.nodes,
            ObjectType::Recipe => &mut self.recipes,
            _ => &mut self.blobs,
        };
        *number += 1;
    }

    /// How many objects went.
    pub fn objects(&self) -> u64 {
        self.commits + self.tags + self.nodes + self.recipes + self.blobs + self.copies
    }
}

impl GcReport {
    /// Whether there was nothing to do.
    pub fn is_nothing(&self) -> bool {
        self.removed.objects() + self.empty_packs + self.merged_packs + self.temporaries == 0
    }
}
