//! Whether two folders hold the same.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Result;

/// What a folder holds under one path.
#[derive(PartialEq, Eq)]
enum Held {
    Folder,
    File { executable: bool, content: Vec<u8> },
    Link(PathBuf),
}

/// Succeeds if `restored` holds what `original` holds, `.aisr` aside.
pub fn same(original: &Path, restored: &Path) -> Result {
    let [original, restored] = [original, restored].map(|folder| {
        let mut held = BTreeMap::new();
        let read = read(folder, Path::new(""), &mut held);
        read.map(|()| held).map_err(|e| format!("cannot read {}: {e}", folder.display()))
    });
    let (original, restored) = (original?, restored?);
    let paths = original.keys().chain(restored.keys());
    match paths.into_iter().find(|path| original.get(*path) != restored.get(*path)) {
        Some(path) => Err(format!("the restored folder differs: {}", path.display())),
        None => Ok(()),
    }
}

fn read(root: &Path, at: &Path, held: &mut BTreeMap<PathBuf, Held>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(at))? {
        let entry = entry?;
        let path = at.join(entry.file_name());
        if path == Path::new(".aisr") {
            continue;
        }
        let kind = entry.file_type()?;
        let what = if kind.is_dir() {
            read(root, &path, held)?;
            Held::Folder
        } else if kind.is_symlink() {
            Held::Link(fs::read_link(entry.path())?)
        } else {
            let executable = is_executable(&entry.metadata()?);
            Held::File { executable, content: fs::read(entry.path())? }
        };
        held.insert(path, what);
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}
