//! A small folder held in memory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Content of a file, with the hash by which equal states are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: Arc<[u8]>,
    hash: [u8; 32],
}

impl Content {
    pub(super) fn new(bytes: Vec<u8>) -> Content {
        let hash = blake3::hash(&bytes).into();
        Content { bytes: bytes.into(), hash }
    }
}

/// A folder's whole content.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) mode: u32,
    pub(super) entries: BTreeMap<OsString, Entry>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    File { content: Content, mode: u32 },
    Dir(Tree),
    Symlink(PathBuf),
}

impl Tree {
    pub(super) fn load(folder: &Path) -> io::Result<Tree> {
        let mut entries = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let metadata = entry.metadata()?;
            let mode = metadata.permissions().mode() & 0o7777;
            let loaded = if metadata.is_dir() {
                Entry::Dir(Tree::load(&path)?)
            } else if metadata.is_symlink() {
                Entry::Symlink(std::fs::read_link(&path)?)
            } else if metadata.is_file() {
                let content = Content::new(std::fs::read(&path)?);
                Entry::File { content, mode }
            } else {
                continue;
            };
            entries.insert(entry.file_name(), loaded);
        }
        let mode = std::fs::metadata(folder)?.permissions().mode() & 0o7777;
        Ok(Tree { mode, entries })
    }

    /// Writes the tree into a new folder; folders stay writable so that they can be removed.
    pub(super) fn create_at(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir(folder)?;
        for (name, entry) in &self.entries {
            let path = folder.join(name);
            match entry {
                Entry::Dir(tree) => tree.create_at(&path)?,
                Entry::Symlink(target) => std::os::unix::fs::symlink(target, &path)?,
                Entry::File { content, mode } => {
                    let mut options = std::fs::OpenOptions::new();
                    let mut file = options.write(true).create_new(true).mode(*mode).open(&path)?;
                    io::Write::write_all(&mut file, &content.bytes)?;
                }
            }
        }
        std::fs::set_permissions(folder, PermissionsExt::from_mode(self.mode | 0o700))
    }

    /// The hash of names, kinds, permission bits and content.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        self.update(&mut hasher);
        hasher.finalize().into()
    }

    fn update(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.mode.to_le_bytes());
        hasher.update(&(self.entries.len() as u64).to_le_bytes());
        for (name, entry) in &self.entries {
            update_bytes(hasher, name.as_bytes());
            match entry {
                Entry::File { content, mode } => {
                    hasher.update(b"f").update(&mode.to_le_bytes());
                    hasher.update(&content.hash);
                }
                Entry::Symlink(target) => {
                    hasher.update(b"s");
                    update_bytes(hasher, target.as_os_str().as_bytes());
                }
                Entry::Dir(tree) => {
                    hasher.update(b"d");
                    tree.update(hasher);
                }
            }
        }
    }
}

fn update_bytes(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}
