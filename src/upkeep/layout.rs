//! What stands where in `.aisr` (`docs/format.md`, "Layout of a repository").

use std::fmt;
use std::path::{Path, PathBuf};

use crate::log::PlaceFile;

/// Folders without which nothing works.
pub const FOLDERS: [&str; 3] = ["packs", "log", "local"];
/// Files that must be regular ones, if they are there.
const FILES: [&str; 21] = [
    "format",
    "refs",
    "place",
    "config.toml",
    "local/replica-key",
    "local/verified",
    "local/stat-cache",
    "local/stat-cache-of-paths",
    "local/databases",
    "local/folder-lock",
    "local/lease",
    "local/log-lock",
    "local/upkeep-lock",
    "local/commit-graph-lock",
    "local/incoming-lock",
    "local/outgoing-lock",
    "local/commit-graph",
    "local/doomed",
    "local/expired",
    "local/collected",
    "undo/pending/plan",
];

/// Why something in `.aisr` is not what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misplaced {
    /// A folder is missing.
    NoFolder,
    /// Something else stands in place of a folder.
    NotAFolder,
    /// A folder, a link or a pipe stands in place of a file.
    NotAFile,
}

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoFolder => "the folder is missing",
            Self::NotAFolder => "something else stands in place of the folder",
            Self::NotAFile => "it is not a regular file",
        })
    }
}

/// What is not what it should be. A link to a file or folder is none: locks and appends go
/// through no link.
pub fn misplaced(folder: &Path) -> Vec<(PathBuf, Misplaced)> {
    let mut found = Vec::new();
    // What only one clone knows has no folder in a shared place.
    let is_place = folder.join(PlaceFile::NAME).is_file();
    for name in FOLDERS.into_iter().chain(["undo"]) {
        let path = folder.join(name);
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {
                if name != "undo" && !(is_place && name == "local") {
                    found.push((path, Misplaced::NoFolder));
                }
            }
            _ => found.push((path, Misplaced::NotAFolder)),
        }
    }
    for name in FILES {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            found.push((path, Misplaced::NotAFile));
        }
    }
    found
}
