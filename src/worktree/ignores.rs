//! What is not captured: `.aisrignore` files, with the patterns of gitignore.
//!
//! Only these files count, never `.gitignore`: teams ignore their models and databases in git.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use bstr::{BStr, ByteSlice};
use rustix::fs::{Mode, OFlags, open, openat};

use crate::capture::StatKey;
use crate::object::{ID_LEN, Id, RepoPath};

use super::error::WorktreeError;
use super::ignore_pattern::{Pattern, patterns};
use super::listing::Listing;

/// The name of the files that say what is not captured.
pub const IGNORE_FILE: &str = ".aisrignore";

const IGNORE_FILE_LIMIT: u64 = 1 << 20;

/// What `aisr init` writes into the first one. The program itself ignores nothing, so that two
/// versions of it capture the same.
pub const DEFAULT_IGNORES: &str = "\
# What aisr does not capture: the patterns of gitignore.
# Models, prompts, memory and data belong into the commit: do not ignore them.

# Version control
.git/
.hg/
.svn/
.jj/

# Build output and caches
target/
node_modules/
__pycache__/
*.pyc
.pytest_cache/
.mypy_cache/
.ruff_cache/
.ipynb_checkpoints/
.DS_Store

# Virtual environments
.venv/
venv/

# Secrets
.env
.env.*
!.env.example
id_rsa
id_dsa
id_ecdsa
id_ed25519
id_ecdsa_sk
id_ed25519_sk
*.key
*-key.pem
.netrc
.aws/
.ssh/
credentials.json
";

/// The ignore files that are in force in a folder, the outermost first.
#[derive(Default)]
pub struct Ignores {
    levels: Vec<Level>,
}

/// One ignore file.
struct Level {
    depth: usize,
    /// How long the path of its folder is, with a slash behind it.
    base: usize,
    patterns: Vec<Pattern>,
    /// Stands for this file and those around it.
    rules: Id,
}

impl Ignores {
    /// Stands for the rules that are in force: what they are, and where they were found.
    pub fn rules(&self) -> Id {
        self.levels.last().map_or(Id::new([0; ID_LEN]), |level| level.rules)
    }

    /// Takes up the ignore file of the folder at `path`, if it has one.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn take_up(
        &mut self,
        folder: &Listing,
        path: &RepoPath,
        depth: usize,
    ) -> Result<(), WorktreeError> {
        let path = path.as_bytes().as_bstr();
        if folder.contains(IGNORE_FILE.as_bytes())
            && let Some(text) = read_ignore_file(folder.folder(), path)?
        {
            self.enter(path, depth, &text);
        }
        Ok(())
    }

    /// Takes up the ignore file of the folder at `folder`, whose `text` this is. Whatever it says
    /// is a pattern, as in git, though perhaps one that matches nothing.
    pub fn enter(&mut self, folder: &BStr, depth: usize, text: &[u8]) {
        let base = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.rules().as_bytes());
        hasher.update(&(base as u64).to_le_bytes()).update(folder).update(text);
        let rules = Id::new(*hasher.finalize().as_bytes());
        self.levels.push(Level { depth, base, patterns: patterns(text), rules });
    }

    /// Leaves the folders that are as deep as `depth` or deeper.
    pub fn leave(&mut self, depth: usize) {
        while self.levels.last().is_some_and(|level| level.depth >= depth) {
            self.levels.pop();
        }
    }

    /// Whether the path is left out; it lies below every folder that was entered. The innermost
    /// file that has an opinion decides, and in it the last pattern. That nothing below a folder
    /// that is left out can be taken in again is for the caller, who does not ask there.
    pub fn is_ignored(&self, path: &BStr, directory: bool) -> bool {
        let decides = self.levels.iter().rev().find_map(|level| {
            let path = path.get(level.base..).unwrap_or_default().as_bstr();
            level.patterns.iter().rev().find(|pattern| pattern.matches(path, directory))
        });
        decides.is_some_and(|pattern| !pattern.negated)
    }
}

/// The text of the ignore file in `folder`, whose path is `path`. A link or folder of that name
/// says nothing.
///
/// # Errors
/// When it cannot be read, or is absurdly long.
pub fn read_ignore_file(folder: impl AsFd, path: &BStr) -> Result<Option<Vec<u8>>, WorktreeError> {
    read_named(folder, IGNORE_FILE, path)
}

/// The same of a file called `name`.
pub(super) fn read_named(
    folder: impl AsFd,
    name: &str,
    path: &BStr,
) -> Result<Option<Vec<u8>>, WorktreeError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = openat(folder, name, flags, Mode::empty()) else { return Ok(None) };
    let read = |source| WorktreeError::Read { path: path.into(), source };
    let Some(stat) = StatKey::of_file(&file).map_err(read)? else { return Ok(None) };
    if stat.size > IGNORE_FILE_LIMIT {
        let why = format!("it is over {IGNORE_FILE_LIMIT} bytes");
        return Err(WorktreeError::Ignore { path: path.into(), why });
    }
    let mut text = Vec::new();
    std::fs::File::from(file).read_to_end(&mut text).map_err(read)?;
    Ok(Some(text))
}

/// Whether what lies at `path` under `root` is left out by the ignore files that lie there now.
///
/// # Errors
/// When one of them cannot be read.
pub fn is_ignored_now(
    root: &Path,
    path: &RepoPath,
    directory: bool,
) -> Result<bool, WorktreeError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(mut folder) = open(root, flags - OFlags::NOFOLLOW, Mode::empty()) else {
        return Ok(false);
    };
    let mut ignores = Ignores::default();
    let mut end = 0;
    let whole = path.as_bytes().as_bstr();
    for (depth, name) in path.components().enumerate() {
        let at = whole[..end].as_bstr();
        if let Some(text) = read_ignore_file(&folder, at)? {
            ignores.enter(at, depth, &text);
        }
        end += name.len() + usize::from(end > 0);
        let is_last = end == whole.len();
        if ignores.is_ignored(whole[..end].as_bstr(), !is_last || directory) {
            return Ok(true);
        }
        if !is_last {
            let Ok(below) = openat(&folder, name.as_bytes(), flags, Mode::empty()) else {
                return Ok(false);
            };
            folder = below;
        }
    }
    Ok(false)
}
