//! `.aisr/format`: what the repository is made of (`docs/format.md`, "The format file").

use crate::object::{FormatId, Id};

const CHECKSUM: &str = "aisr 2026-11-24 format file v1";
const IDENTITY: &str = "aisr-format 0\nobject-hash blake3\nsplitter 1\n";
/// The version of the format that this program reads and writes.
pub const FORMAT_VERSION: u32 = 0;
/// The requirement of a shared place: its refs are what its log leads to.
pub const SHARED_PLACE: &str = "shared-place";
/// The requirements that this version can meet.
const KNOWN: [&str; 1] = [SHARED_PLACE];

/// What the repository is made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Format {
    /// What a program must know to open it.
    pub requires: Vec<String>,
    /// What a program must know to write to it.
    pub requires_write: Vec<String>,
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
            "{IDENTITY}\n{}\n{}\nchunker 1\n\n",
            line("requires", &self.requires),
            line("requires-write", &self.requires_write)
        );
        let sum = Id::new(blake3::derive_key(CHECKSUM, body.as_bytes()));
        format!("{body}checksum {sum}\n")
    }

    /// Reads the file.
    ///
    /// # Errors
    /// A text that says what is wrong; a version that is not known is named before anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
        let first = text.lines().next().unwrap_or_default();
        match first.strip_prefix("aisr-format ") {
            Some("0") => {}
            Some(version) => return Err(format!("format version {version} is not known")),
            None => return Err("it does not start with `aisr-format`".into()),
        }
        let at = text.rfind("checksum ").ok_or("it has no checksum")?;
        let sum = Id::new(blake3::derive_key(CHECKSUM, &bytes[..at]));
        if text[at..] != format!("checksum {sum}\n") {
            return Err("it does not match its checksum".into());
        }
        let rest = text[..at]
            .strip_prefix(IDENTITY)
            .ok_or("it names an object hash or splitter that is not known")?;
        let mut format = Self::default();
        for line in rest.lines().filter(|line| !line.is_empty()) {
            let mut words = line.split(' ');
            let key = words.next().unwrap_or_default();
            let names: Vec<String> = words.map(Into::into).collect();
            match key {
                "requires" => format.requires = names,
                "requires-write" => format.requires_write = names,
                "chunker" if names == ["1"] => {}
                _ => return Err(format!("the line `{line}` is not known")),
            }
        }
        if format.encode() != text {
            return Err("it is not in its one form".into());
        }
        Ok(format)
    }

    /// The first requirement for opening that this version does not know.
    pub fn unmet(&self) -> Option<&str> {
        self.requires.iter().map(String::as_str).find(|name| !KNOWN.contains(name))
    }

    /// The first requirement for writing that this version does not know.
    pub fn unmet_for_writing(&self) -> Option<&str> {
        self.requires_write.iter().map(String::as_str).find(|name| !KNOWN.contains(name))
    }
}
