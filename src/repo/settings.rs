//! The settings that `aisr config` reads and writes: the user's file over the repository's own.
//!
//! Neither is ever versioned. What decides whom to trust or with what to sign is taken from the
//! user's file alone: a repository, `.aisr` included, may come from somebody else.

use std::path::{Path, PathBuf};

use thiserror::Error;
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

use crate::disk::{Disk, DiskError};

/// The name of both files.
pub const CONFIG_FILE: &str = "config.toml";

/// Something that can be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    section: &'static str,
    name: &'static str,
    /// Where it may be set.
    pub scope: Scope,
    shape: Shape,
}

/// Where a setting may be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// In the user's own file alone.
    User,
    /// In both.
    Both,
}

/// How many values it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    One,
    /// A time in whole days, as in `90 days`.
    Days,
    List,
}

/// Whose file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The user's own.
    User,
    /// The repository's own, in its `.aisr`.
    Repository,
}

impl Origin {
    /// The word in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Repository => "repository",
        }
    }
}

/// All settings.
pub const SETTINGS: [Setting; 4] = [
    Setting { section: "gc", name: "keep", scope: Scope::Both, shape: Shape::Days },
    Setting { section: "safe", name: "folders", scope: Scope::User, shape: Shape::List },
    Setting { section: "user", name: "email", scope: Scope::Both, shape: Shape::One },
    Setting { section: "user", name: "key", scope: Scope::User, shape: Shape::One },
];

/// Why a setting cannot be read or written.
#[derive(Debug, Error)]
pub enum SettingError {
    /// There is no such setting.
    #[error("there is no setting `{key}`")]
    Unknown {
        /// What was typed.
        key: String,
    },
    /// The repository's file may not say it.
    #[error("{key} is taken from your own configuration alone, never from a repository's")]
    UserOnly {
        /// The setting.
        key: String,
    },
    /// It has one value.
    #[error("{key} has one value, and {given} were given")]
    OneValue {
        /// The setting.
        key: String,
        /// How many.
        given: usize,
    },
    /// It is a time in days.
    #[error("{key} is a time in whole days, as in \"90 days\", and not {given:?}")]
    NotDays {
        /// The setting.
        key: String,
        /// What was given.
        given: String,
    },
    /// The file says something of another type.
    #[error("{key} in {} is not {wanted}", path.display())]
    Type {
        /// The setting.
        key: String,
        /// The file.
        path: PathBuf,
        /// What it must be.
        wanted: &'static str,
    },
    /// The file is not TOML.
    #[error("{} is not a valid configuration", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml_edit::TomlError>,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Setting {
    /// The setting of this key.
    ///
    /// # Errors
    /// [`SettingError::Unknown`].
    pub fn find(key: &str) -> Result<Self, SettingError> {
        let found = SETTINGS.into_iter().find(|setting| setting.key() == key);
        found.ok_or_else(|| SettingError::Unknown { key: key.into() })
    }

    /// Its key, as in `user.email`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// A file of settings. What it says beside them, comments too, stays as it is.
pub struct SettingsFile {
    path: PathBuf,
    origin: Origin,
    document: DocumentMut,
}

impl SettingsFile {
    /// Reads the file, which need not exist.
    ///
    /// # Errors
    /// When it exists and cannot be read, or is not TOML.
    pub fn load(path: &Path, origin: Origin) -> Result<Self, SettingError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(SettingError::Read { path: path.into(), source }),
        };
        let document = text
            .parse::<DocumentMut>()
            .map_err(|e| SettingError::Parse { path: path.into(), source: Box::new(e) })?;
        Ok(Self { path: path.into(), origin, document })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose it is.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The values of a setting; none where the file does not say it, or has no say in it.
    ///
    /// # Errors
    /// [`SettingError::Type`].
    pub fn get(&self, setting: Setting) -> Result<Option<Vec<String>>, SettingError> {
        if self.ensure_may_say(setting).is_err() {
            return Ok(None);
        }
        let section = self.document.get(setting.section);
        let Some(item) = section.and_then(|section| section.get(setting.name)) else {
            return Ok(None);
        };
        let wrong = |wanted| {
            let (key, path) = (setting.key(), self.path.clone());
            SettingError::Type { key, path, wanted }
        };
        match setting.shape {
            Shape::One => {
                let text = item.as_str().ok_or_else(|| wrong("a text"))?;
                Ok(Some(vec![text.to_owned()]))
            }
            Shape::Days => {
                let text = item.as_str().filter(|text| days(text).is_some());
                let text = text.ok_or_else(|| wrong("a time in whole days, as in \"90 days\""))?;
                Ok(Some(vec![text.to_owned()]))
            }
            Shape::List => {
                let texts = item.as_array().ok_or_else(|| wrong("a list of texts"))?.iter();
                let texts = texts.map(|value| value.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(|| wrong("a list of texts")).map(Some)
            }
        }
    }

    /// Sets a setting and writes the file.
    ///
    /// # Errors
    /// When this file may not say it, when it has one value and more are given, or when the file
    /// cannot be written.
    pub fn set(
        &mut self,
        disk: &Disk,
        setting: Setting,
        values: &[String],
    ) -> Result<(), SettingError> {
        self.ensure_may_say(setting)?;
        let item = match (setting.shape, values) {
            (Shape::One, [one]) => value(one),
            (Shape::Days, [given]) if days(given).is_none() => {
                let (key, given) = (setting.key(), given.clone());
                return Err(SettingError::NotDays { key, given });
            }
            (Shape::Days, [one]) => value(one),
            (Shape::One | Shape::Days, _) => {
                let (key, given) = (setting.key(), values.len());
                return Err(SettingError::OneValue { key, given });
            }
            (Shape::List, values) => value(values.iter().collect::<Array>()),
        };
        self.put(setting, item)?;
        self.write(disk)
    }

    /// Takes a setting out and writes the file; whether it was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn unset(&mut self, disk: &Disk, setting: Setting) -> Result<bool, SettingError> {
        let section = self.document.get_mut(setting.section).and_then(Item::as_table_like_mut);
        let removed = section.and_then(|section| section.remove(setting.name));
        if removed.is_none() {
            return Ok(false);
        }
        self.write(disk)?;
        Ok(true)
    }

    fn ensure_may_say(&self, setting: Setting) -> Result<(), SettingError> {
        match (self.origin, setting.scope) {
            (Origin::Repository, Scope::User) => Err(SettingError::UserOnly { key: setting.key() }),
            _ => Ok(()),
        }
    }

    /// The values of `key` in every section `[section.NAME]`, each with its name; what is no text
    /// is passed over.
    pub fn named(&self, section: &str, key: &str) -> Vec<(String, String)> {
        let Some(table) = self.document.get(section).and_then(Item::as_table_like) else {
            return Vec::new();
        };
        let values = table.iter().filter_map(|(name, item)| {
            let value = item.as_table_like()?.get(key)?.as_str()?;
            Some((name.to_owned(), value.to_owned()))
        });
        values.collect()
    }

    /// Sets `key` in the section `[section.NAME]` and writes the file.
    ///
    /// # Errors
    /// When something else stands in its place, or the file cannot be written.
    pub fn set_named(
        &mut self,
        disk: &Disk,
        section: &str,
        name: &str,
        key: &str,
        text: &str,
    ) -> Result<(), SettingError> {
        let wrong = SettingError::Type {
            key: section.into(),
            path: self.path.clone(),
            wanted: "a table of tables",
        };
        let mut outer = Table::new();
        outer.set_implicit(true);
        let outer = self.document.entry(section).or_insert(Item::Table(outer));
        let Some(outer) = outer.as_table_like_mut() else { return Err(wrong) };
        let inner = outer.entry(name).or_insert(Item::Table(Table::new()));
        let Some(inner) = inner.as_table_like_mut() else { return Err(wrong) };
        inner.insert(key, value(text));
        self.write(disk)
    }

    /// Takes out the section `[section.NAME]` and writes the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove_named(
        &mut self,
        disk: &Disk,
        section: &str,
        name: &str,
    ) -> Result<(), SettingError> {
        let outer = self.document.get_mut(section).and_then(Item::as_table_like_mut);
        outer.and_then(|outer| outer.remove(name));
        self.write(disk)
    }

    fn put(&mut self, setting: Setting, mut item: Item) -> Result<(), SettingError> {
        let section = self.document.entry(setting.section).or_insert(Item::Table(Table::new()));
        let Some(section) = section.as_table_like_mut() else {
            let (key, path) = (setting.section.into(), self.path.clone());
            return Err(SettingError::Type { key, path, wanted: "a table" });
        };
        // A comment behind the old value stays behind the new one.
        let old = section.get(setting.name).and_then(Item::as_value).map(Value::decor);
        if let (Some(decor), Some(new)) = (old.cloned(), item.as_value_mut()) {
            *new.decor_mut() = decor;
        }
        section.insert(setting.name, item);
        Ok(())
    }

    fn write(&self, disk: &Disk) -> Result<(), SettingError> {
        if let Some(folder) = self.path.parent() {
            disk.create_dir_all_synced(folder, 0o700)?;
        }
        Ok(disk.replace_whole(&self.path, self.document.to_string().as_bytes(), 0o600)?)
    }
}

/// The number of days that a text such as `90 days` says.
pub fn days(text: &str) -> Option<u32> {
    let (number, unit) = text.trim().split_once(' ')?;
    matches!(unit.trim(), "day" | "days").then(|| number.parse().ok()).flatten()
}

/// What holds: the user's file says it, or else the repository's.
///
/// # Errors
/// [`SettingError::Type`].
pub fn in_force<'f>(
    files: impl IntoIterator<Item = &'f SettingsFile>,
    setting: Setting,
) -> Result<Option<(&'f SettingsFile, Vec<String>)>, SettingError> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by_key(|file| file.origin == Origin::Repository);
    for file in files {
        if let Some(values) = file.get(setting)? {
            return Ok(Some((file, values)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, name: &str, origin: Origin, text: &str) -> SettingsFile {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        SettingsFile::load(&path, origin).unwrap()
    }

    #[test]
    fn setting_a_value_keeps_comments_and_all_else() {
        let dir = tempfile::tempdir().unwrap();
        let text = "# mine\n[user]\nemail = \"a@x\" # old\nother = 1\n";
        let mut user = file(dir.path(), "user", Origin::User, text);
        let email = Setting::find("user.email").unwrap();
        user.set(&Disk::new(), email, &["b@x".into()]).unwrap();
        let text = std::fs::read_to_string(user.path()).unwrap();
        assert_eq!(text, "# mine\n[user]\nemail = \"b@x\" # old\nother = 1\n");
        assert!(user.unset(&Disk::new(), email).unwrap());
        assert!(!user.unset(&Disk::new(), email).unwrap());
        let text = std::fs::read_to_string(user.path()).unwrap();
        assert_eq!(text, "# mine\n[user]\nother = 1\n");
    }

    #[test]
    fn the_users_file_is_over_the_repositorys() {
        let dir = tempfile::tempdir().unwrap();
        let user = file(dir.path(), "user", Origin::User, "[user]\nemail = \"u@x\"\n");
        let empty = file(dir.path(), "empty", Origin::User, "");
        let repo = file(dir.path(), "repo", Origin::Repository, "[user]\nemail = \"r@x\"\n");
        let email = Setting::find("user.email").unwrap();
        let value = |files: [&SettingsFile; 2]| in_force(files, email).unwrap().unwrap().1;
        assert_eq!(value([&repo, &user]), ["u@x"]);
        assert_eq!(value([&repo, &empty]), ["r@x"]);
    }

    #[test]
    fn a_repository_has_no_say_in_whom_to_trust_and_what_signs() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[user]\nkey = \"/k\"\n[safe]\nfolders = [\"/\"]\n";
        let mut repo = file(dir.path(), "repo", Origin::Repository, text);
        for key in ["user.key", "safe.folders"] {
            let setting = Setting::find(key).unwrap();
            assert_eq!(repo.get(setting).unwrap(), None);
            let set = repo.set(&Disk::new(), setting, &["/x".into()]);
            assert!(matches!(set, Err(SettingError::UserOnly { .. })), "{key}");
        }
        assert_eq!(std::fs::read_to_string(repo.path()).unwrap(), text);
    }
}
