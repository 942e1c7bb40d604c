//! Names and paths of the tree: which are valid at all, and which are portable
//! (`docs/format.md`, "Names").
//!
//! A name is bytes. An invalid one is refused by every encoder and decoder; one that is not
//! portable is valid where the file system can hold it, and only told about.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use thiserror::Error;

use super::limits;

/// Why a name or path is refused.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum NameError {
    /// No bytes at all, or two separators in a row.
    #[error("a name is empty")]
    Empty,
    /// `.` or `..`.
    #[error("`.` and `..` are not names")]
    Dots,
    /// A `/` inside a name.
    #[error("a name contains `/`")]
    Separator,
    /// A NUL byte.
    #[error("a name contains a NUL byte")]
    Nul,
    /// Longer than file systems take.
    #[error("a name of {len} bytes is longer than 255")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// A name that some file system takes for `.aisr`.
    #[error("a name that some file systems take for `.aisr`")]
    Reserved,
    /// A path longer than the limit.
    #[error("a path of {len} bytes is longer than 4096")]
    PathTooLong {
        /// Its length.
        len: usize,
    },
    /// Too many folders inside each other.
    #[error("a path is deeper than 512 folders")]
    TooDeep,
}

/// Refuses a name that no directory may hold.
pub fn check_name(name: &[u8]) -> Result<(), NameError> {
    match name {
        b"" => return Err(NameError::Empty),
        b"." | b".." => return Err(NameError::Dots),
        _ => {}
    }
    if name.len() > limits::NAME {
        return Err(NameError::TooLong { len: name.len() });
    }
    for byte in name {
        match byte {
            b'/' => return Err(NameError::Separator),
            0 => return Err(NameError::Nul),
            _ => {}
        }
    }
    if may_be_reserved(name) && is_reserved(name) {
        return Err(NameError::Reserved);
    }
    Ok(())
}

/// A cheap test that every name which [`is_reserved`] refuses passes: the first character is a
/// dot, a letter A, or not ASCII.
fn may_be_reserved(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'.' | b'a' | b'A' | 0x80..))
}

/// Whether HFS+, APFS, NTFS or FAT would open `.aisr` under this name: letters in any case,
/// ignorable characters anywhere, the short forms `AISR~1` to `AISR~9`, and behind either
/// spaces, dots, a stream (`:`) or more of a path (`\`). After git's `is_hfs_dotgit` and
/// `is_ntfs_dotgit`.
fn is_reserved(name: &[u8]) -> bool {
    let mut folded = name.chars().filter(|c| !is_ignorable(*c)).map(fold);
    let stem_matches = match folded.next() {
        Some('.') => folded.by_ref().take(4).eq("aisr".chars()),
        Some('a') => {
            folded.by_ref().take(4).eq("isr~".chars()) && matches!(folded.next(), Some('1'..='9'))
        }
        _ => false,
    };
    if !stem_matches {
        return false;
    }
    match folded.find(|c| !matches!(c, '.' | ' ')) {
        None => true,
        Some(c) => matches!(c, ':' | '\\'),
    }
}

/// Folds the letters of `aisr`; the table is part of the format, so it depends on no version of
/// Unicode.
fn fold(c: char) -> char {
    match c {
        'A' => 'a',
        'I' | '\u{130}' | '\u{131}' => 'i',
        'S' | '\u{17f}' => 's',
        'R' => 'r',
        other => other,
    }
}

/// Characters that show nothing and that some file systems drop when they compare names.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A name below a folder, as bytes: for messages, which must also name what no [`RepoPath`] can.
pub fn join_path(folder: &[u8], name: &[u8]) -> BString {
    match folder {
        [] => name.into(),
        folder => [folder, b"/", name].concat().into(),
    }
}

/// A path inside the tree: relative, `/`-separated, every part a valid name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(BString);

impl RepoPath {
    /// The folder that everything lies in.
    pub fn root() -> Self {
        Self(BString::default())
    }

    /// Reads a path. The empty path is refused; [`RepoPath::root`] makes it.
    pub fn parse(path: impl AsRef<[u8]>) -> Result<Self, NameError> {
        let path = path.as_ref();
        if path.len() > limits::PATH {
            return Err(NameError::PathTooLong { len: path.len() });
        }
        for (index, name) in path.split(|byte| *byte == b'/').enumerate() {
            if index == limits::DIRECTORY_DEPTH {
                return Err(NameError::TooDeep);
            }
            check_name(name)?;
        }
        Ok(Self(path.into()))
    }

    /// The path of `name` inside this folder.
    pub fn join(&self, name: impl AsRef<[u8]>) -> Result<Self, NameError> {
        let name = name.as_ref();
        check_name(name)?;
        let mut path = self.0.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        if path.len() > limits::PATH {
            return Err(NameError::PathTooLong { len: path.len() });
        }
        if self.depth() == limits::DIRECTORY_DEPTH {
            return Err(NameError::TooDeep);
        }
        Ok(Self(path))
    }

    /// Whether it is the folder that everything lies in.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as the system takes it, relative to the root.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// The names from the outside in; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &BStr> {
        self.0.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).map(BStr::new)
    }

    /// The number of names.
    pub fn depth(&self) -> usize {
        self.components().count()
    }

    /// The last name; `None` for the root.
    pub fn file_name(&self) -> Option<&BStr> {
        self.components().next_back()
    }

    /// The folder it lies in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let len = self.0.rfind_byte(b'/').unwrap_or(0);
        Some(Self(self.0[..len].into()))
    }

    /// Whether it is `folder` or lies in it.
    pub fn is_within(&self, folder: &Self) -> bool {
        match self.0.strip_prefix(folder.as_bytes()) {
            Some(rest) => folder.is_root() || matches!(rest.first(), None | Some(b'/')),
            None => false,
        }
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, &self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoPath({self})")
    }
}

/// A name as it may be shown on a terminal: what is not UTF-8, controls what follows, or turns
/// the direction of text is escaped, and so is the backslash.
pub struct EscapedName<'a>(pub &'a [u8]);

impl fmt::Display for EscapedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0)
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, name: &[u8]) -> fmt::Result {
    for (start, end, c) in name.char_indices() {
        match c {
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\u{fffd}' if &name[start..end] != "\u{fffd}".as_bytes() => {
                for byte in &name[start..end] {
                    write!(f, "\\x{byte:02x}")?;
                }
            }
            c if c.is_control() || is_ignorable(c) || matches!(c, '\u{2028}' | '\u{2029}') => {
                write!(f, "{}", c.escape_unicode())?;
            }
            c => write!(f, "{c}")?,
        }
    }
    Ok(())
}

/// Why some system cannot hold a valid name, or holds it as another.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum PortabilityProblem {
    /// Not UTF-8, which macOS and Windows cannot hold.
    #[error("is not UTF-8")]
    NotUtf8,
    /// A control character.
    #[error("contains a control character")]
    Control,
    /// A character that Windows gives another meaning.
    #[error("contains `{0}`")]
    Character(char),
    /// A device of Windows, with or without an extension.
    #[error("names a device on Windows")]
    Device,
    /// Another name of its folder but for case, form of characters, or dots at the end.
    #[error("is what some systems take for another name of its folder")]
    Alike,
    /// A dot or space at the end, which Windows drops.
    #[error("ends with a dot or space")]
    TrailingDotOrSpace,
}

/// The first reason why some system cannot hold `name`, which is valid.
pub fn not_portable(name: &[u8]) -> Option<PortabilityProblem> {
    let Ok(text) = std::str::from_utf8(name) else {
        return Some(PortabilityProblem::NotUtf8);
    };
    if text.chars().any(char::is_control) {
        return Some(PortabilityProblem::Control);
    }
    if let Some(c) = text.chars().find(|c| r#"<>:"|?*\"#.contains(*c)) {
        return Some(PortabilityProblem::Character(c));
    }
    if text.ends_with(['.', ' ']) {
        return Some(PortabilityProblem::TrailingDotOrSpace);
    }
    is_device(text).then_some(PortabilityProblem::Device)
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let mut number = port.unwrap_or_default().chars();
    matches!(number.next(), Some('0'..='9' | '¹' | '²' | '³')) && number.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_no_file_system_holds_are_refused() {
        assert_eq!(check_name(b""), Err(NameError::Empty));
        assert_eq!(check_name(b"."), Err(NameError::Dots));
        assert_eq!(check_name(b".."), Err(NameError::Dots));
        assert_eq!(check_name(b"a/b"), Err(NameError::Separator));
        assert_eq!(check_name(b"a\0"), Err(NameError::Nul));
        assert_eq!(check_name(&[b'a'; 255]), Ok(()));
        let error = check_name(&[b'a'; 256]);
        assert_eq!(error, Err(NameError::TooLong { len: 256 }));
    }

    #[test]
    fn every_way_to_write_the_name_of_our_own_folder_is_refused() {
        for name in [
            ".aisr",
            ".AISR",
            ".Aisr",
            ".ai\u{200c}sr",
            "\u{feff}.aisr",
            "\u{202e}.aisr\u{2069}",
            ".a\u{ad}isr",
            ".aisr\u{fe0f}",
            ".ai\u{17f}r",
            ".a\u{131}sr",
            ".A\u{130}SR",
            ".aisr.",
            ".aisr .. ",
            ".aisr::$INDEX_ALLOCATION",
            ".aisr:stream",
            ".aisr\\config",
            "aisr~1",
            "AISR~9",
            "AISR~1. ",
            "aisr~1::$DATA",
        ] {
            let found = check_name(name.as_bytes());
            assert_eq!(found, Err(NameError::Reserved), "{name:?}");
        }
        assert_eq!(check_name(b".aisr:\xff"), Err(NameError::Reserved));
    }

    #[test]
    fn names_that_only_resemble_it_are_valid() {
        for name in [
            ".aisrignore",
            "aisr",
            "aisr.toml",
            ".aisr-old",
            "..aisr",
            " .aisr",
            ".aisr x",
            "aisr~",
            "aisr~0",
            "aisr~12",
            "aisr~1x",
            "...",
            "\u{200d}",
        ] {
            assert_eq!(check_name(name.as_bytes()), Ok(()), "{name:?}");
        }
        assert_eq!(check_name(b".ais\xffr"), Ok(()));
    }

    #[test]
    fn a_path_is_relative_and_has_no_empty_parts() {
        for path in ["", "/a", "a/", "a//b", "a/../b", "./a", "a/.aisr/b"] {
            assert!(RepoPath::parse(path).is_err(), "{path:?}");
        }
        let path = RepoPath::parse("memory/store.sqlite").unwrap();
        assert_eq!(path.depth(), 2);
        assert_eq!(path.file_name().unwrap(), "store.sqlite");
        assert_eq!(path.parent(), Some(RepoPath::parse("memory").unwrap()));
        assert_eq!(path.parent().unwrap().parent(), Some(RepoPath::root()));
        assert_eq!(RepoPath::root().parent(), None);
    }

    #[test]
    fn a_path_is_within_its_folders_and_itself() {
        let [path, folder, other] = ["a/b", "a", "a/bc"].map(|p| RepoPath::parse(p).unwrap());
        assert!(path.is_within(&folder) && path.is_within(&path));
        assert!(path.is_within(&RepoPath::root()));
        assert!(!other.is_within(&path) && !folder.is_within(&path));
    }

    #[test]
    fn paths_have_their_limits() {
        let deepest = ["a"; 512].join("/");
        let path = RepoPath::parse(&deepest).unwrap();
        assert_eq!(path.join("a"), Err(NameError::TooDeep));
        let error = RepoPath::parse(format!("{deepest}/a"));
        assert_eq!(error, Err(NameError::TooDeep));
        let long = vec!["a".repeat(255); 16].join("/");
        let path = RepoPath::parse(&long).unwrap();
        assert_eq!(path.as_bytes().len(), 4095);
        let error = path.join("b");
        assert_eq!(error, Err(NameError::PathTooLong { len: 4097 }));
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let path = RepoPath::parse(&b"a\x1b[2J\n\\\xff/\xe2\x80\xae\xc3\xa9"[..]).unwrap();
        let shown = path.to_string();
        assert_eq!(shown, r"a\u{1b}[2J\n\\\xff/\u{202e}é");
        let shown = EscapedName("\u{fffd}".as_bytes()).to_string();
        assert_eq!(shown, "\u{fffd}");
    }

    #[test]
    fn what_some_system_cannot_hold_is_told() {
        use PortabilityProblem as P;
        for (name, problem) in [
            (&b"a\xff"[..], P::NotUtf8),
            (b"a\x07", P::Control),
            (b"a\xc2\x85", P::Control),
            (b"a:b", P::Character(':')),
            (b"a\\b", P::Character('\\')),
            (b"why?", P::Character('?')),
            (b"end.", P::TrailingDotOrSpace),
            (b"end ", P::TrailingDotOrSpace),
            (b"nul", P::Device),
            (b"Con.txt", P::Device),
            (b"COM1.tar.gz", P::Device),
            ("lpt¹".as_bytes(), P::Device),
            (b"aux .log", P::Device),
            (b"CONOUT$", P::Device),
        ] {
            assert_eq!(not_portable(name), Some(problem), "{}", name.as_bstr());
        }
        for name in ["null", "com", "com10", "console", ".con", "model.bin", "naïve"] {
            assert_eq!(not_portable(name.as_bytes()), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn joining_and_parsing_agree(names in proptest::collection::vec("[a-c.]{1,3}", 1..5)) {
            let joined = names
                .iter()
                .try_fold(RepoPath::root(), |path, name| path.join(name));
            let parsed = RepoPath::parse(names.join("/"));
            prop_assert_eq!(&joined, &parsed);
            if let Ok(path) = parsed {
                prop_assert!(path.components().eq(names.iter().map(String::as_str)));
            }
        }
    }
}
