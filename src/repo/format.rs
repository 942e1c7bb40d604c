//! `.aisr/format`: what the repository is made of (`docs/format.md`, "The format file").

use thiserror::Error;

use crate::object::{FormatId, Id};

const CHECKSUM: &str = "aisr 2026-11-24 format file v1";
const IDENTITY: &str = "aisr-format 0\nobject-hash blake3\nsplitter 1\n";
/// The version of the format that this program reads and writes.
pub const FORMAT_VERSION: u32 = 0;
/// The rule by which this program cuts large files.
const CHUNKER: u32 = 1;
/// The requirement of a shared place: its refs are what its log leads to.
pub const SHARED_PLACE: &str = "shared-place";
/// The requirements that this version can meet.
const KNOWN: [&str; 1] = [SHARED_PLACE];

/// What the repository is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Format {
    /// What a program must know to open it.
    pub requires: Vec<String>,
    /// What a program must know to write to it.
    pub requires_write: Vec<String>,
    /// The rule by which its large files are cut; only writers need to know it.
    pub chunker: u32,
}

/// Why a format file cannot be used.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FormatError {
    /// It is sound, and names something that this version does not know.
    #[error("it names {what}, which this version of aisr does not know")]
    Later {
        /// What, with its name or number.
        what: String,
    },
    /// It is not what any version writes.
    #[error("{0}")]
    Damaged(&'static str),
}

impl Default for Format {
    fn default() -> Self {
        Self { requires: Vec::new(), requires_write: Vec::new(), chunker: CHUNKER }
    }
}

impl Format {
    /// The longest file that is read.
    pub const LIMIT: u64 = 64 << 10;

    /// The hash of the part that never changes, which the genesis names.
    pub fn id() -> FormatId {
        FormatId::of(IDENTITY.as_bytes())
    }

    /// The file's text.
    pub fn encode(&self) -> String {
        let line = |key: &str, names: &[String]| {
            std::iter::once(key)
                .chain(names.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let body = format!(
            "{IDENTITY}\n{}\n{}\nchunker {}\n\n",
            line("requires", &self.requires),
            line("requires-write", &self.requires_write),
            self.chunker
        );
        let sum = Id::new(blake3::derive_key(CHECKSUM, body.as_bytes()));
        format!("{body}checksum {sum}\n")
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`FormatError`]; a version that is not known is named before anything else is looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let damaged = |why| Err(FormatError::Damaged(why));
        let Ok(text) = std::str::from_utf8(bytes) else { return damaged("it is not text") };
        let first = text.lines().next().unwrap_or_default();
        match first.strip_prefix("aisr-format ") {
            Some(version) if number(version) == Some(FORMAT_VERSION) => {}
            Some(version) if number(version).is_some() => {
                return Err(FormatError::Later { what: format!("format version {version}") });
            }
            _ => return damaged("it does not start with `aisr-format` and a version"),
        }
        let Some(at) = text.rfind("checksum ") else { return damaged("it has no checksum") };
        let sum = Id::new(blake3::derive_key(CHECKSUM, &bytes[..at]));
        if text[at..] != format!("checksum {sum}\n") {
            return damaged("it does not match its checksum");
        }
        let mut format = Self::default();
        for (at, line) in text[..at].lines().enumerate().skip(1) {
            let mut words = line.split(' ');
            let key = words.next().unwrap_or_default();
            let names: Vec<String> = words.map(Into::into).collect();
            match (at, key) {
                (1, "object-hash") if names == ["blake3"] => {}
                (2, "splitter") if names == ["1"] => {}
                (4, "requires") => format.requires = names,
                (5, "requires-write") => format.requires_write = names,
                (6, "chunker") if names.len() == 1 => match number(&names[0]) {
                    Some(chunker) => format.chunker = chunker,
                    None => return damaged("its chunker is no number"),
                },
                (3 | 7, "") => {}
                (3.., "object-hash" | "splitter" | "requires" | "requires-write" | "chunker") => {
                    return damaged("its lines are not in their order");
                }
                _ => return Err(FormatError::Later { what: format!("`{line}`") }),
            }
        }
        let mut names = format.requires.iter().chain(&format.requires_write);
        match format.encode() == text && names.all(|name| is_word(name)) {
            true => Ok(format),
            false => damaged("it is not in its one form"),
        }
    }

    /// The first requirement for opening that this version does not know.
    pub fn unmet(&self) -> Option<String> {
        unknown(&self.requires)
    }

    /// The first requirement for writing that this version does not know.
    pub fn unmet_for_writing(&self) -> Option<String> {
        let chunker = || (self.chunker != CHUNKER).then(|| format!("`chunker {}`", self.chunker));
        unknown(&self.requires_write).or_else(chunker)
    }
}

fn unknown(names: &[String]) -> Option<String> {
    let mut names = names.iter().filter(|name| !KNOWN.contains(&name.as_str()));
    names.next().map(|name| format!("`{name}`"))
}

fn is_word(name: &str) -> bool {
    let in_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(in_word)
}

/// A number without leading zeros.
fn number(digits: &str) -> Option<u32> {
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}
