//! One path of a component: a path, or a glob over paths, from the root of the folder.

use bstr::{BStr, BString, ByteSlice};
use gix_glob::wildmatch;
use gix_glob::wildmatch::Mode;
use thiserror::Error;

use crate::object::{NameError, RepoPath, limits};

/// The most runs of `*` in a glob: each may try every part of a path.
const MOST_STARS: usize = 16;

/// What a `path` of the manifest means.
///
/// Without `*`, `?` and `[` it names one file or folder. With them it is a glob as in `.aisrignore`,
/// compared with whole paths from the root: `*` and `?` stop at `/`, `**/` stands for any folders;
/// it means files and links, or folders if it ends with `/`. A backslash takes the meaning from
/// the character behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Glob {
    /// A file or folder.
    Path(RepoPath),
    /// All that match.
    Pattern(Pattern),
}

/// A path with wildcards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// Without the `/` at the end.
    text: BString,
    /// The folder that all it matches lies in, as far as the pattern names it.
    base: RepoPath,
    /// What all it matches begins with.
    literal: BString,
    /// It means folders.
    folders: bool,
}

/// Why a text is no path of a component.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum GlobError {
    /// It begins with `/`.
    #[error("begins with `/`: paths are relative to the folder of aisr.toml")]
    Absolute,
    /// It contains no path that can be.
    #[error("is no path inside the folder: {0}")]
    Name(#[from] NameError),
    /// It means the whole folder.
    #[error("is the whole folder: a component is a part of it")]
    Whole,
    /// Too many `*`.
    #[error("has more than 16 `*`")]
    Stars,
    /// A backslash at the end.
    #[error("ends with a backslash")]
    Backslash,
}

impl GlobError {
    /// What may have been meant by `text`.
    pub fn instead(&self, text: &str) -> Option<String> {
        let better = text.trim_start_matches('/').replace("/./", "/").replace("//", "/");
        let better = better.strip_prefix("./").unwrap_or(&better).to_owned();
        (better != text && Glob::parse(&better).is_ok()).then_some(better)
    }
}

impl Glob {
    /// Reads a `path`.
    ///
    /// # Errors
    /// When no path in the folder could match it.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        if text.starts_with('/') {
            return Err(GlobError::Absolute);
        }
        if matches!(text, "." | "./") {
            return Err(GlobError::Whole);
        }
        let (text, folders) = match text.strip_suffix('/') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let bytes = text.as_bytes();
        if bytes.len() > limits::PATH {
            return Err(NameError::PathTooLong { len: bytes.len() }.into());
        }
        let (literal, end) = unescaped(bytes)?;
        if end == bytes.len() {
            return Ok(Self::Path(RepoPath::parse(literal)?));
        }
        for part in bytes.split(|byte| *byte == b'/') {
            match part {
                b"" => return Err(NameError::Empty.into()),
                b"." | b".." => return Err(NameError::Dots.into()),
                _ => {}
            }
        }
        if bytes.contains(&0) {
            return Err(NameError::Nul.into());
        }
        let stars = bytes.split(|byte| *byte != b'*').filter(|run| !run.is_empty()).count();
        if stars > MOST_STARS {
            return Err(GlobError::Stars);
        }
        let base = match literal.rfind_byte(b'/') {
            Some(slash) => RepoPath::parse(&literal[..slash])?,
            None => RepoPath::root(),
        };
        let pattern = Pattern { text: bytes.into(), base, literal, folders };
        Ok(Self::Pattern(pattern))
    }
}

impl Pattern {
    /// The folder that all it matches lies in.
    pub fn base(&self) -> &RepoPath {
        &self.base
    }

    /// What every path that it matches begins with.
    pub fn literal(&self) -> &[u8] {
        &self.literal
    }

    /// Whether it means folders, not files.
    pub fn means_folders(&self) -> bool {
        self.folders
    }

    /// Whether it means what lies at `path`: a folder, or a file or link.
    pub fn matches(&self, path: &[u8], folder: bool) -> bool {
        folder == self.folders
            && path.starts_with(&self.literal)
            && wildmatch(self.text.as_bstr(), BStr::new(path), Mode::NO_MATCH_SLASH_LITERAL)
    }
}

/// What stands before the first wildcard, without its escapes, and where that wildcard is.
fn unescaped(text: &[u8]) -> Result<(BString, usize), GlobError> {
    let mut literal = BString::default();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'*' | b'?' | b'[' => return Ok((literal, at)),
            b'\\' => match bytes.next() {
                Some((_, escaped)) => literal.push(*escaped),
                None => return Err(GlobError::Backslash),
            },
            byte => literal.push(*byte),
        }
    }
    Ok((literal, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(glob: &str, path: &str) -> bool {
        match Glob::parse(glob).unwrap() {
            Glob::Path(at) => at.as_bytes() == path.trim_end_matches('/').as_bytes(),
            Glob::Pattern(pattern) => {
                pattern.matches(path.trim_end_matches('/').as_bytes(), path.ends_with('/'))
            }
        }
    }

    #[test]
    fn a_glob_is_compared_with_the_whole_path() {
        for (glob, path, expected) in [
            ("prompts/triage.md", "prompts/triage.md", true),
            ("memory/", "memory", true),
            ("a\\*b", "a*b", true),
            ("*.md", "a.md", true),
            ("*.md", "b/a.md", false),
            ("**/*.md", "a.md", true),
            ("**/*.md", "b/c/a.md", true),
            ("b/**", "b/c/a.md", true),
            ("b/**", "bc/a.md", false),
            ("b/*", "b/c/a.md", false),
            ("b/?", "b/c", true),
            ("b/[ab]", "b/c", false),
            ("b/\\*?", "b/*c", true),
            ("b/*", "b/c/", false),
            ("b/*/", "b/c/", true),
            ("b/*/", "b/c", false),
        ] {
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused_and_the_path_that_was_meant_is_told() {
        for (glob, why, instead) in [
            ("/etc/x", "begins with", Some("etc/x")),
            ("../x", "`..`", None),
            ("a/../*", "`..`", None),
            ("./x", "`.`", Some("x")),
            ("a//*", "empty", Some("a/*")),
            (".", "whole folder", None),
            ("", "empty", None),
            (".aisr/x", ".aisr", None),
            (".aisr/*", ".aisr", None),
            ("a\\", "backslash", None),
            (&"*a".repeat(17), "16", None),
            (&"a".repeat(5000), "4096", None),
        ] {
            let error = Glob::parse(glob).unwrap_err();
            assert!(error.to_string().contains(why), "{glob}: {error}");
            assert_eq!(error.instead(glob).as_deref(), instead, "{glob}");
        }
    }

    proptest! {
        #[test]
        fn what_matches_lies_in_the_base_and_begins_as_the_glob(
            glob in "([ab*?]{1,3}/){0,2}[ab*?]{1,3}", path in "([ab]{1,2}/){0,2}[ab]{1,2}",
        ) {
            if let Ok(Glob::Pattern(pattern)) = Glob::parse(&glob) {
                let path = RepoPath::parse(path).unwrap();
                if pattern.matches(path.as_bytes(), false) {
                    prop_assert!(path.is_within(pattern.base()));
                    prop_assert!(path.as_bytes().starts_with(pattern.literal()));
                }
            }
        }

        #[test]
        fn any_text_is_a_glob_or_told(text in ".{0,20}", path in ".{0,20}") {
            if let Ok(Glob::Pattern(pattern)) = Glob::parse(&text) {
                pattern.matches(path.as_bytes(), false);
            }
        }
    }
}
