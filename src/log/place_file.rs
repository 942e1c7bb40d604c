//! The file `place` of a shared place: which repository it holds, and which log orders its refs.

use crate::object::{Id, LogId, RepositoryId};

const CONTEXT: &str = "aisr 2026-11-25 place file v1";
const FIRST: &str = "aisr-place 0";

/// What makes a folder, or a prefix of an object storage, a shared place (`docs/format.md`,
/// "Shared places").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlaceFile {
    /// The repository.
    pub repo: RepositoryId,
    /// The one log that moves its refs.
    pub log: LogId,
}

impl PlaceFile {
    /// The name of the file.
    pub const NAME: &'static str = "place";
    /// The longest file that is read.
    pub const LIMIT: u64 = 4 << 10;

    /// The file's text.
    pub fn encode(&self) -> String {
        let body = format!("{FIRST}\nrepository {}\nlog {}\n", self.repo, self.log);
        let sum = Id::new(blake3::derive_key(CONTEXT, body.as_bytes()));
        format!("{body}checksum {sum}\n")
    }

    /// Reads the file.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
        let mut lines = text.lines();
        if lines.next() != Some(FIRST) {
            return Err(format!("it does not start with `{FIRST}`"));
        }
        let mut value = |name: &str| lines.next().and_then(|line| line.strip_prefix(name));
        let repo = value("repository ").and_then(|hex| Id::from_hex(hex.as_bytes()));
        let log = value("log ").and_then(|hex| LogId::from_hex(hex.as_bytes()));
        let (Some(repo), Some(log)) = (repo, log) else {
            return Err("it names no repository and log".into());
        };
        let file = Self { repo: RepositoryId::from_id(repo), log };
        match file.encode() == text {
            true => Ok(file),
            false => Err("it does not match its checksum, or is not in its one form".into()),
        }
    }
}
