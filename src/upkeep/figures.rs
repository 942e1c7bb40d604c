//! A repository in figures, for reports of bugs: counts, sizes and versions.
//!
//! Nothing in them is a name, a path, a message, a key, an id or content, and nothing that a
//! repository could put words into; so they can be shown to strangers. What cannot be read says
//! why, and the rest is told all the same.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::chunk::Codec;
use crate::disk::{Disk, DiskError, ReadFile, file_system_name};
use crate::log::{Head, LogError, PlaceLog, RefName, Refs};
use crate::object::{Id, PackId};
use crate::repo::{FOLDER, FORMAT_VERSION, Format, FormatError};
use crate::store::{PackFile, PackKind, Store, StoreError};
use crate::system::MANIFEST_FILE;
use crate::trust::{TrustError, TrustState};
use crate::worktree::IGNORE_FILE;

/// A part of the figures, or why it cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part<T> {
    /// What was found.
    Read(T),
    /// Why nothing was found, in words of aisr's own.
    Unreadable(String),
}

impl<T: Serialize> Serialize for Part<T> {
    /// The part itself, or a map with the one key `unreadable`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read(part) => part.serialize(serializer),
            Self::Unreadable(why) => BTreeMap::from([("unreadable", why)]).serialize(serializer),
        }
    }
}

impl<T> From<Result<T, String>> for Part<T> {
    fn from(result: Result<T, String>) -> Self {
        result.map_or_else(Self::Unreadable, Self::Read)
    }
}

/// A repository in figures.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Figures {
    /// The file systems that it lies on.
    pub file_systems: Part<FileSystems>,
    /// What it requires.
    pub format: Part<FormatFigures>,
    /// Packs and the objects in them.
    pub packs: Part<PackFigures>,
    /// Log and refs.
    pub log: Part<LogFigures>,
    /// The trust root in force.
    pub trust: Part<TrustFigures>,
    /// What is never transferred.
    pub local: LocalFigures,
}

/// The file systems of a repository, by their names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FileSystems {
    /// Of the folder that is captured.
    pub root: String,
    /// Of its `.aisr`.
    pub repository: String,
}

/// What the format file says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FormatFigures {
    /// The version.
    pub version: u32,
    /// How many things a program must know to open the repository.
    pub requires: u64,
    /// How many of these, or of those needed to write, this version does not know: 0 or 1.
    pub unmet: u64,
    /// How many things a program must know to write to it.
    pub requires_write: u64,
    /// The rule by which large files are cut.
    pub chunker: u32,
}

/// A number of things and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What the packs hold, by their footers. An object that stands in two packs counts twice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct PackFigures {
    /// Packs of nodes, signed objects, recipes and small blobs, and the length of their files.
    pub meta: Amount,
    /// Packs of chunks.
    pub data: Amount,
    /// The length of the longest.
    pub longest: u64,
    /// Packs that do not open or whose footer is damaged, by what is wrong.
    pub damaged: BTreeMap<String, u64>,
    /// Packs without a name, left by writers that were killed or are at work.
    pub unfinished: Amount,
    /// Files that are no packs.
    pub others: Amount,
    /// Objects by type, and their lengths once decoded.
    pub objects: BTreeMap<&'static str, Amount>,
    /// Records by codec, and the lengths of what is stored.
    pub records: BTreeMap<String, Amount>,
    /// Recipes of large blobs.
    pub recipes: u64,
}

/// Log and refs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LogFigures {
    /// How many entries the log has, and their bytes.
    pub entries: Amount,
    /// How many branches there are.
    pub branches: u64,
    /// How many tags.
    pub tags: u64,
    /// How many refs of other kinds.
    pub other_refs: u64,
    /// Whether HEAD is on a branch.
    pub head_on_branch: bool,
    /// Whether HEAD leads to a commit.
    pub head_exists: bool,
}

/// The trust root in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TrustFigures {
    /// Its version.
    pub version: u64,
    /// Principals by kind; kinds that this version does not know count as `other`.
    pub principals: BTreeMap<&'static str, u64>,
    /// How many keys they have.
    pub keys: u64,
    /// How many roles there are.
    pub roles: u64,
}

/// What is never transferred.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LocalFigures {
    /// The lengths of the files that aisr makes in `.aisr/local`; one that is not there is left
    /// out.
    pub files: BTreeMap<&'static str, u64>,
    /// How many operations `undo` could take back.
    pub operations: u64,
    /// Whether one was interrupted.
    pub interrupted: bool,
    /// Temporary files that killed processes left.
    pub temporary: u64,
    /// The length of `.aisrignore`, where there is one.
    pub ignore_file: Option<u64>,
    /// The length of `aisr.toml`, where there is one.
    pub manifest: Option<u64>,
}

/// Files of `.aisr/local` whose lengths tell something.
const LOCAL: [&str; 5] =
    ["stat-cache", "stat-cache-of-paths", "databases", "verified", "replica-key"];

/// Reads the figures of the repository of the folder `root`, even if it does not open.
pub fn figures(disk: &Disk, root: &Path) -> Figures {
    let folder = root.join(FOLDER);
    let log = PlaceLog::open(disk.clone(), &folder).map_err(|e| why_log(&e));
    let trust = match &log {
        Ok(log) => trust(disk, &folder, log).into(),
        Err(_) => Part::Unreadable("the log does not say which repository it is".into()),
    };
    Figures {
        file_systems: file_systems(root, &folder).map_err(|e| why_disk(&e)).into(),
        format: format(&folder).into(),
        packs: packs(&folder.join("packs")).map_err(|e| why_io(&e)).into(),
        log: log.map(|log| log_figures(log.refs())).into(),
        trust,
        local: local(root, &folder),
    }
}

fn file_systems(root: &Path, folder: &Path) -> Result<FileSystems, DiskError> {
    Ok(FileSystems { root: file_system_name(root)?, repository: file_system_name(folder)? })
}

fn format(folder: &Path) -> Result<FormatFigures, String> {
    let file = ReadFile::open(&folder.join("format"));
    let bytes = file.and_then(|file| file.read_all(Format::LIMIT)).map_err(|e| why_disk(&e))?;
    let format = Format::decode(&bytes).map_err(|e| match e {
        FormatError::Later { .. } => "made by a later version".to_owned(),
        FormatError::Damaged(why) => why.to_owned(),
    })?;
    let unmet = format.unmet().or_else(|| format.unmet_for_writing());
    Ok(FormatFigures {
        version: FORMAT_VERSION,
        requires: format.requires.len() as u64,
        unmet: u64::from(unmet.is_some()),
        requires_write: format.requires_write.len() as u64,
        chunker: format.chunker,
    })
}

fn packs(folder: &Path) -> Result<PackFigures, std::io::Error> {
    let mut figures = PackFigures::default();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (name, len) = (entry.file_name(), entry.metadata().map_or(0, |found| found.len()));
        let name = name.to_string_lossy();
        let id = name.strip_suffix(".pack").and_then(|digits| Id::from_hex(digits.as_bytes()));
        match id {
            Some(id) => {
                if let Err(e) = figures.add_pack(&entry.path(), PackId::from_id(id), len) {
                    *figures.damaged.entry(why_store(&e)).or_default() += 1;
                }
            }
            None if name.starts_with("tmp-") => figures.unfinished.add(len),
            None => figures.others.add(len),
        }
    }
    Ok(figures)
}

impl PackFigures {
    fn add_pack(&mut self, path: &Path, id: PackId, len: u64) -> Result<(), StoreError> {
        let pack = PackFile::open(path, id)?;
        let footer = pack.footer()?;
        match footer.kind {
            PackKind::Meta => self.meta.add(len),
            PackKind::Data => self.data.add(len),
        }
        self.longest = self.longest.max(len);
        self.recipes += footer.recipes.len() as u64;
        let mut seen = HashSet::new();
        for entry in footer.entries {
            self.objects.entry(entry.kind.name()).or_default().add(u64::from(entry.len));
            if seen.insert(entry.record) {
                let stored = u64::from(entry.stored);
                self.records.entry(codec_name(entry.codec)).or_default().add(stored);
            }
        }
        Ok(())
    }
}

fn codec_name(number: u8) -> String {
    match Codec::from_u8(number) {
        Some(codec) => format!("{codec:?}").to_lowercase(),
        None => format!("codec {number}"),
    }
}

fn log_figures(refs: &Refs) -> LogFigures {
    let count = |of: fn(&RefName) -> bool| refs.refs.keys().filter(|name| of(name)).count() as u64;
    let (branches, tags) = (count(|name| name.is_branch()), count(|name| name.is_tag()));
    LogFigures {
        entries: Amount { count: refs.last.sequence + 1, bytes: refs.length },
        branches,
        tags,
        other_refs: refs.refs.len() as u64 - branches - tags,
        head_on_branch: matches!(refs.head, Head::Branch(_)),
        head_exists: refs.head_object().is_some(),
    }
}

fn trust(disk: &Disk, folder: &Path, log: &PlaceLog) -> Result<TrustFigures, String> {
    let store = Store::open(disk.clone(), folder).map_err(|e| why_store(&e))?;
    let root = TrustState::load(&store, log.repository(), log.trust_root())
        .map_err(|e| why_trust(&e))?
        .root;
    let mut principals = BTreeMap::new();
    for principal in &root.principals {
        let known = ["person", "service", "agent"].into_iter().find(|kind| *kind == principal.kind);
        *principals.entry(known.unwrap_or("other")).or_default() += 1;
    }
    Ok(TrustFigures {
        version: root.version,
        principals,
        keys: root.principals.iter().map(|principal| principal.keys.len() as u64).sum(),
        roles: root.roles.len() as u64,
    })
}

fn local(root: &Path, folder: &Path) -> LocalFigures {
    let len = |path: &Path| path.metadata().ok().map(|found| found.len());
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    let own = folder.join("local");
    let undo = folder.join("undo");
    let files = LOCAL.iter().filter_map(|name| Some((*name, len(&own.join(name))?)));
    LocalFigures {
        files: files.collect(),
        operations: names(&undo).filter(|name| Id::from_hex(name.as_bytes()).is_some()).count()
            as u64,
        interrupted: undo.join("pending").symlink_metadata().is_ok(),
        temporary: names(&own).filter(|name| name.starts_with("tmp-")).count() as u64,
        ignore_file: len(&root.join(IGNORE_FILE)),
        manifest: len(&root.join(MANIFEST_FILE)),
    }
}

/// What the system said, in its general words: those of an error may name a path.
fn why_io(error: &std::io::Error) -> String {
    error.kind().to_string()
}

fn why_disk(error: &DiskError) -> String {
    match error {
        DiskError::Io { action, source, .. } => format!("cannot {action} it: {}", why_io(source)),
        DiskError::TooShort { .. } => "the file is too short".into(),
        DiskError::TooLarge { .. } => "the file is too large".into(),
        _ => "the disk says no".into(),
    }
}

fn why_store(error: &StoreError) -> String {
    match error {
        StoreError::Disk(e) => why_disk(e),
        StoreError::Damaged { damage, .. } => damage.to_string(),
        StoreError::Listing { source, .. } => why_io(source),
        StoreError::Absent { .. } => "an object is missing".into(),
        _ => "an object is damaged".into(),
    }
}

fn why_log(error: &LogError) -> String {
    match error {
        LogError::Disk(e) => why_disk(e),
        LogError::Refs { .. } => "the refs file is damaged".into(),
        LogError::Damaged { .. } => "the log file is damaged".into(),
        LogError::Short { .. } => "the log is shorter than the refs file says".into(),
        LogError::Entry { .. } => "an entry does not decode".into(),
        LogError::Signature { .. } => "an entry has no good signature".into(),
        LogError::Chain { .. } => "an entry breaks the chain".into(),
        _ => "the log is not sound".into(),
    }
}

fn why_trust(error: &TrustError) -> String {
    match error {
        TrustError::Store(e) => why_store(e),
        TrustError::Genesis { .. } => "the genesis does not decode".into(),
        TrustError::Signature { .. } => "the genesis has no good signature".into(),
        _ => "the trust root is not sound".into(),
    }
}
