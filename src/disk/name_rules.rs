//! How file systems compare names, found out by asking the one at hand.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;
use unicode_normalization::UnicodeNormalization;

use super::dir::Dir;
use super::error::{Action, Result, failed};

/// Which names a file system takes for one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NameRules {
    /// Those that differ only in the case of letters.
    pub folds_case: bool,
    /// Those that differ only in how a character is composed.
    pub folds_form: bool,
    /// Those that differ only in dots and spaces at the end.
    pub drops_ends: bool,
}

impl NameRules {
    /// Those of all file systems together.
    pub const STRICTEST: Self = Self { folds_case: true, folds_form: true, drops_ends: true };

    /// Whether every two names are two.
    pub fn tells_all_apart(self) -> bool {
        self == Self::default()
    }

    /// What all names have in common that are taken for `name`.
    pub fn key(self, name: &[u8]) -> Cow<'_, [u8]> {
        let name = match self.drops_ends {
            true => trim_end(name),
            false => name,
        };
        let plain = match self.folds_case {
            true => name.iter().all(|b| b.is_ascii() && !b.is_ascii_uppercase()),
            false => name.is_ascii() || !self.folds_form,
        };
        if plain {
            return Cow::Borrowed(name);
        }
        let Ok(text) = std::str::from_utf8(name) else {
            return Cow::Owned(name.to_ascii_lowercase());
        };
        let mut text = Cow::Borrowed(text);
        if self.folds_form {
            text = Cow::Owned(text.nfd().collect());
        }
        if self.folds_case {
            // Up and down again: so characters meet that have one capital.
            text = Cow::Owned(text.to_uppercase().to_lowercase());
        }
        if self.folds_form {
            text = Cow::Owned(text.nfd().collect());
        }
        Cow::Owned(text.into_owned().into_bytes())
    }
}

fn trim_end(name: &[u8]) -> &[u8] {
    let len = name.iter().rposition(|byte| !matches!(byte, b'.' | b' ')).map_or(0, |at| at + 1);
    &name[..len]
}

impl Dir {
    /// Which names the file system of this folder takes for one. A file is made here for it, and
    /// removed again.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn name_rules(&self) -> Result<NameRules> {
        if let Some(rules) = self.disk().pretended_names() {
            return Ok(rules);
        }
        let random = random(self)?;
        // What cannot hold the accent does not fold it.
        let names = [format!("tmp-prob\u{e9}-{random}"), format!("tmp-probe-{random}")];
        let mut made = Err(Errno::INVAL);
        let mut probe = "";
        for name in &names {
            probe = name;
            made = self.make_probe(OsStr::new(name));
            if made.is_ok() {
                break;
            }
        }
        made.map_err(failed(Action::Create, &self.path().join(probe)))?;
        let stat = |name: &str| statat(self, name, AtFlags::SYMLINK_NOFOLLOW).ok();
        let own = stat(probe).map(|stat| (stat.st_dev, stat.st_ino));
        let finds = |name: String| {
            own.is_some() && stat(&name).map(|stat| (stat.st_dev, stat.st_ino)) == own
        };
        let decomposed: String = probe.nfd().collect();
        let rules = NameRules {
            folds_case: finds(probe.to_ascii_uppercase()),
            folds_form: decomposed != probe && finds(decomposed),
            drops_ends: finds(format!("{probe}.")),
        };
        let _ = unlinkat(self, probe, AtFlags::empty());
        Ok(rules)
    }

    /// Whether the file system of this folder can hold a name as it is. A folder is made here for
    /// it, and removed again.
    ///
    /// # Errors
    /// When no folder can be made, or it cannot be listed.
    pub fn holds_name(&self, name: &OsStr) -> Result<bool> {
        if let Some(rules) = self.disk().pretended_names() {
            return Ok(!rules.drops_ends || trim_end(name.as_bytes()) == name.as_bytes());
        }
        let folder = OsString::from(format!("tmp-probe-{}", random(self)?));
        let path = self.path().join(&folder);
        mkdirat(self, &folder, Mode::RWXU).map_err(failed(Action::CreateDir, &path))?;
        let held = self.sub_dir(&folder).and_then(|dir| dir.holds_alone(name));
        let _ = unlinkat(self, &folder, AtFlags::REMOVEDIR);
        held
    }

    /// Makes a file in this empty folder, looks what name it has, and removes it.
    fn holds_alone(&self, name: &OsStr) -> Result<bool> {
        match self.make_probe(name) {
            Ok(()) => {}
            Err(e @ (Errno::NOSPC | Errno::DQUOT | Errno::IO)) => {
                return Err(failed(Action::Create, &self.path().join(name))(e));
            }
            Err(_) => return Ok(false),
        }
        let listed = rustix::fs::Dir::read_from(self).and_then(|mut dir| {
            let found = dir.find_map(|entry| match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => None,
                entry => Some(entry.map(|entry| entry.file_name().to_bytes() == name.as_bytes())),
            });
            found.unwrap_or(Ok(false))
        });
        let _ = unlinkat(self, name, AtFlags::empty());
        listed.map_err(failed(Action::Open, self.path()))
    }

    /// Makes an empty file that nothing depends on: neither recorded nor made durable.
    fn make_probe(&self, name: &OsStr) -> rustix::io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        openat(self, name, flags, Mode::RUSR | Mode::WUSR).map(drop)
    }
}

fn random(folder: &Dir) -> Result<String> {
    let random = getrandom::u64();
    let random = random.map_err(|e| failed(Action::Create, folder.path())(io::Error::other(e)))?;
    Ok(format!("{random:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;

    const FOLDS: NameRules = NameRules { folds_case: true, folds_form: true, drops_ends: false };

    #[test]
    fn names_that_some_file_system_takes_for_one_have_one_key() {
        for (a, b) in [
            ("README", "readme"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{e9}", "e\u{301}"),
            ("\u{c9}", "e\u{301}"),
            ("\u{212a}", "k"),
            ("\u{3c3}", "\u{3c2}"),
        ] {
            assert_eq!(FOLDS.key(a.as_bytes()), FOLDS.key(b.as_bytes()), "{a} {b}");
            let rules = NameRules::default();
            assert_ne!(rules.key(a.as_bytes()), rules.key(b.as_bytes()), "{a} {b}");
        }
        assert_ne!(FOLDS.key(b"a."), FOLDS.key(b"a"));
        let rules = NameRules { drops_ends: true, ..NameRules::default() };
        assert_eq!(rules.key(b"a. ."), rules.key(b"a"));
        assert_ne!(rules.key(b"A"), rules.key(b"a"));
        assert_ne!(FOLDS.key(b"\xff"), FOLDS.key(b"\xfe"));
        assert_eq!(FOLDS.key(b"A\xff"), FOLDS.key(b"a\xff"));
    }

    #[test]
    fn a_file_system_that_tells_names_apart_is_known_and_nothing_of_the_question_stays() {
        let root = tempfile::tempdir().unwrap();
        let dir = Disk::new().open_dir(root.path()).unwrap();
        let rules = dir.name_rules().unwrap();
        // What it says is what it does.
        std::fs::write(root.path().join("a"), "").unwrap();
        assert_eq!(rules.folds_case, root.path().join("A").exists());
        assert_eq!(rules.drops_ends, root.path().join("a.").exists());
        let odd = OsStr::from_bytes(b"2026-11-02T04:12 \x07\xff.");
        let held = std::fs::write(root.path().join(odd), "").is_ok();
        assert_eq!(dir.holds_name(odd).unwrap(), held && !rules.drops_ends);
        assert!(!dir.holds_name(OsStr::new(&"a".repeat(300))).unwrap());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1 + usize::from(held));
    }
}
