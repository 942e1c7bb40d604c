//! A path that differs, in JSON.

use aisr::diff::{FileChange, PathChange};
use aisr::object::TreeEntry;
use serde::Serialize;

use super::json::PathText;

/// One path that differs.
#[derive(Serialize)]
pub struct ChangeView {
    #[serde(flatten)]
    path: PathText,
    change: &'static str,
    /// The former path of what was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<PathText>,
    /// In percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<EntryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<EntryView>,
}

#[derive(Serialize)]
struct EntryView {
    kind: &'static str,
    id: String,
    size: u64,
}

impl ChangeView {
    pub fn of(found: &FileChange) -> Self {
        let change = &found.change;
        Self {
            path: PathText::of(change.path.as_bytes()),
            change: change_word(found),
            from: found.from.as_ref().map(|path| PathText::of(path.as_bytes())),
            similarity: found.from.is_some().then_some(found.similarity),
            before: change.before.map(EntryView::of),
            after: change.after.map(EntryView::of),
        }
    }
}

impl EntryView {
    fn of(entry: TreeEntry) -> Self {
        Self { kind: entry.kind().name(), id: entry.id().to_hex(), size: entry.size() }
    }
}

/// What happened to a path, in a word.
pub fn change_word(found: &FileChange) -> &'static str {
    match (&found.change, &found.from) {
        (_, Some(_)) => "renamed",
        (PathChange { before: None, .. }, None) => "new",
        (PathChange { after: None, .. }, None) => "gone",
        _ => "changed",
    }
}
