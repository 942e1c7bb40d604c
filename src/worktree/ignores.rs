//! What is not captured: `.aisrignore` files, with the patterns of gitignore.
//!
//! Only these files count, never `.gitignore`: teams ignore their models and databases in git.

use std::path::Path;

use bstr::{BStr, ByteSlice};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::object::join_path;

use super::error::WorktreeError;

/// The name of the files that say what is not captured.
pub const IGNORE_FILE: &str = ".aisrignore";

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
    levels: Vec<(usize, Gitignore)>,
}

impl Ignores {
    /// Takes up the ignore file of the folder at `folder`, whose `text` this is.
    ///
    /// # Errors
    /// When a pattern is not one.
    pub fn enter(&mut self, folder: &BStr, depth: usize, text: &[u8]) -> Result<(), WorktreeError> {
        let mut builder = GitignoreBuilder::new(folder.to_path_lossy());
        let invalid = |why: String| {
            let path = join_path(folder, IGNORE_FILE.as_bytes());
            WorktreeError::Ignore { path, why }
        };
        for (number, line) in text.lines().enumerate() {
            let line =
                line.to_str().map_err(|_| invalid(format!("line {} is not UTF-8", number + 1)))?;
            builder
                .add_line(None, line)
                .map_err(|e| invalid(format!("line {}: {e}", number + 1)))?;
        }
        let matcher = builder.build().map_err(|e| invalid(e.to_string()))?;
        self.levels.push((depth, matcher));
        Ok(())
    }

    /// Leaves the folders that are as deep as `depth` or deeper.
    pub fn leave(&mut self, depth: usize) {
        while self.levels.last().is_some_and(|(d, _)| *d >= depth) {
            self.levels.pop();
        }
    }

    /// Whether the path is left out. The innermost file that has an opinion decides.
    pub fn is_ignored(&self, path: &BStr, directory: bool) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        for (_, matcher) in self.levels.iter().rev() {
            match matcher.matched(path, directory) {
                ignore::Match::Ignore(_) => return true,
                ignore::Match::Whitelist(_) => return false,
                ignore::Match::None => {}
            }
        }
        false
    }
}
