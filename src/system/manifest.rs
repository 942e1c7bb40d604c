//! The manifest: `aisr.toml` at the root of a folder.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::disk::{Disk, DiskError};
use crate::trust::AskedCommands;

/// Its name.
pub const MANIFEST_FILE: &str = "aisr.toml";

/// Longer ones are not read.
const LIMIT: u64 = 1 << 20;
/// The most parts that a command has, and the most bytes in all: it must be read by whom it asks.
const MOST_PARTS: usize = 64;
const MOST_BYTES: usize = 4 << 10;
/// How long a command may take, in seconds, where nothing is said; and at most.
const TIMEOUT: u64 = 30;
const LONGEST: u64 = 3600;

/// What a folder says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    /// The commands that it asks for around each capture.
    pub capture: Option<AskedCommands>,
}

/// Why a manifest cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It is a link.
    #[error("{} is a symbolic link, which is not followed", path.display())]
    Link {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is not UTF-8.
    #[error("{} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It says something that is not understood.
    #[error("{}, line {line}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

/// The tables that are understood; others are left to those who understand them.
#[derive(Deserialize)]
struct Tables {
    capture: Option<toml::Spanned<Capture>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capture {
    quiesce: Option<toml::Spanned<Vec<String>>>,
    resume: Option<toml::Spanned<Vec<String>>>,
    timeout: Option<toml::Spanned<u64>>,
}

impl Manifest {
    /// Reads the manifest of the folder `root`, which need not have one.
    ///
    /// # Errors
    /// When it is no file, cannot be read, is too long, or says something that is not understood.
    pub fn load(disk: &Disk, root: &Path) -> Result<Self, ManifestError> {
        let path = root.join(MANIFEST_FILE);
        let file = match disk.open_dir(root)?.open_read(MANIFEST_FILE) {
            Ok(file) => file,
            Err(e) if e.is_not_found() => return Ok(Self::default()),
            Err(_) if path.is_symlink() => return Err(ManifestError::Link { path }),
            Err(e) => return Err(e.into()),
        };
        let text = String::from_utf8(file.read_all(LIMIT)?);
        let Ok(text) = text else { return Err(ManifestError::NotText { path }) };
        Self::parse(&text).map_err(|(at, why)| {
            let before = text.as_bytes().get(..at).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            ManifestError::Invalid { path, line, why }
        })
    }

    /// What `text` says, or where it says something wrong.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let tables: Tables = toml::from_str(text).map_err(|e| {
            (e.span().map_or(0, |span| span.start), e.message().replace('\n', ", "))
        })?;
        let Some(table) = tables.capture else { return Ok(Self::default()) };
        let (at, table) = (table.span().start, table.into_inner());
        let Some(quiesce) = table.quiesce else {
            return match table.resume {
                Some(resume) => Err((resume.span().start, "resume without quiesce".into())),
                None => match table.timeout {
                    Some(_) => Err((at, "timeout without quiesce".into())),
                    None => Ok(Self::default()),
                },
            };
        };
        let timeout = table.timeout.map_or(Ok(TIMEOUT), |timeout| match *timeout.get_ref() {
            seconds @ 1..=LONGEST => Ok(seconds),
            _ => Err((timeout.span().start, format!("timeout is not from 1 to {LONGEST} seconds"))),
        })?;
        let (quiesce, resume) = (command(quiesce)?, table.resume.map(command).transpose()?);
        Ok(Self { capture: Some(AskedCommands { quiesce, resume, timeout }) })
    }
}

fn command(argv: toml::Spanned<Vec<String>>) -> Result<Vec<String>, (usize, String)> {
    let (at, argv) = (argv.span().start, argv.into_inner());
    let bytes: usize = argv.iter().map(String::len).sum();
    let wrong = match &argv[..] {
        [] => Some("a command without a program".into()),
        [program, ..] if program.is_empty() => Some("a command without a program".into()),
        parts if parts.len() > MOST_PARTS => Some(format!("a command of over {MOST_PARTS} parts")),
        _ if bytes > MOST_BYTES => Some(format!("a command of over {MOST_BYTES} bytes")),
        parts if parts.iter().any(|part| part.contains('\0')) => {
            Some("a command with a NUL in it".into())
        }
        _ => None,
    };
    wrong.map_or(Ok(argv), |why| Err((at, why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: impl AsRef<[u8]>) -> Result<Manifest, ManifestError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(MANIFEST_FILE), text).unwrap();
        Manifest::load(&Disk::new(), dir.path())
    }

    #[test]
    fn commands_are_read_and_other_tables_are_left_to_others() {
        let text = "name = 1\n[capture]\nquiesce = [\"a\", \"b c\"]\n[model.x]\npath = \"x\"\n";
        let asked = load(text).unwrap().capture.unwrap();
        assert_eq!((asked.quiesce, asked.resume), (vec!["a".into(), "b c".into()], None));
        assert_eq!(asked.timeout, 30);
        let text = "[capture]\nquiesce = [\"a\"]\nresume = [\"b\"]\ntimeout = 3600\n";
        let asked = load(text).unwrap().capture.unwrap();
        assert_eq!((asked.resume, asked.timeout), (Some(vec!["b".into()]), 3600));
        for nothing in ["", "[model.x]\n", "[capture]\n"] {
            assert_eq!(load(nothing).unwrap(), Manifest::default());
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line() {
        let long = format!("[capture]\nquiesce = [{}]\n", "\"a\",".repeat(65));
        let large = format!("[capture]\nquiesce = [\"{}\"]\n", "a".repeat(4097));
        for (text, line, why) in [
            ("[capture]\n\nquiesce = \"a b\"\n", 3, "expected a sequence"),
            ("[capture]\nquiesce = [\"a\", 1]\n", 2, "expected a string"),
            ("[capture]\nquiesce = []\n", 2, "without a program"),
            ("[capture]\nquiesce = [\"\"]\n", 2, "without a program"),
            ("[capture]\nquiesce = [\"a\\u0000\"]\n", 2, "NUL"),
            (&long, 2, "64 parts"),
            (&large, 2, "4096 bytes"),
            ("[capture]\nresume = [\"a\"]\n", 2, "resume without quiesce"),
            ("\n[capture]\ntimeout = 3\n", 2, "timeout without quiesce"),
            ("[capture]\nquiesce = [\"a\"]\ntimeout = 0\n", 3, "from 1 to 3600"),
            ("[capture]\nquiesce = [\"a\"]\ntimeout = -1\n", 3, ""),
            ("[capture]\nquiesce = [\"a\"]\nshell = true\n", 3, "unknown field `shell`"),
            ("a = 1\ncapture = 3\n", 2, ""),
            ("x\n", 1, ""),
        ] {
            match load(text).unwrap_err() {
                ManifestError::Invalid { line: at, why: told, .. } => {
                    assert_eq!(at, line, "{text}: {told}");
                    assert!(told.contains(why), "{text}: {told}");
                }
                other => panic!("{text}: {other}"),
            }
        }
        assert!(matches!(load(b"\xff"), Err(ManifestError::NotText { .. })));
        let huge = vec![b'#'; (1 << 20) + 1];
        assert!(matches!(load(huge), Err(ManifestError::Disk(DiskError::TooLarge { .. }))));
    }

    #[test]
    fn a_link_is_not_followed_and_a_folder_is_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("other"), "[capture]\n").unwrap();
        std::os::unix::fs::symlink("other", dir.path().join(MANIFEST_FILE)).unwrap();
        let error = Manifest::load(&Disk::new(), dir.path()).unwrap_err();
        assert!(matches!(error, ManifestError::Link { .. }), "{error}");
        std::fs::remove_file(dir.path().join(MANIFEST_FILE)).unwrap();
        std::fs::create_dir(dir.path().join(MANIFEST_FILE)).unwrap();
        assert!(Manifest::load(&Disk::new(), dir.path()).is_err());
        let none = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::load(&Disk::new(), none.path()).unwrap(), Manifest::default());
    }
}
