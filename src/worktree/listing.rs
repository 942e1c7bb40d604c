//! A folder's names and what the file system says of each, read ahead of the scan.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use bstr::{BStr, ByteSlice};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, fstat, openat, statat};
use rustix::io::{Errno, Result};

use crate::capture::{StatKey, now_nanos};

use super::ahead::{Ahead, Task};

/// The file system is asked about this many entries at once.
const BLOCK: usize = 512;
/// Blocks of a folder that are read ahead.
const BLOCKS_AHEAD: usize = 4;
/// So many folders below one are at most one helper's work: waking it costs as much as reading
/// one. The first is wanted at once, so the groups begin with one folder and double.
const GROUP: usize = 16;
/// Groups of folders that are read ahead.
const GROUPS_AHEAD: usize = 3;
/// A folder of more entries is read only when its turn comes, so that little is held.
const SMALL: usize = 1024;
const BUFFER: usize = 32 << 10;

/// What the file system says of an entry.
pub type Seen = Result<(FileType, StatKey)>;

/// A folder's names in plain byte order, in one buffer.
struct Names {
    bytes: Vec<u8>,
    entries: Vec<(u32, u8, FileType)>,
}

impl Names {
    /// Reads at most `limit` names; `None` if there are more.
    fn read(folder: &OwnedFd, limit: usize) -> Result<Option<Self>> {
        let mut buffer = Vec::with_capacity(BUFFER);
        let mut names = Self { bytes: Vec::new(), entries: Vec::new() };
        let mut listing = RawDir::new(folder, buffer.spare_capacity_mut());
        while let Some(entry) = listing.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.entries.len() == limit {
                return Ok(None);
            }
            let (at, len) = (u32::try_from(names.bytes.len()), u8::try_from(name.len()));
            let (Ok(at), Ok(len)) = (at, len) else { return Err(Errno::NAMETOOLONG) };
            names.entries.push((at, len, entry.file_type()));
            names.bytes.extend_from_slice(name);
        }
        let bytes = &names.bytes;
        let name = |(at, len, _): &(u32, u8, FileType)| &bytes[*at as usize..][..usize::from(*len)];
        names.entries.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        Ok(Some(names))
    }

    fn name(&self, index: usize) -> &BStr {
        let (at, len, _) = self.entries[index];
        self.bytes[at as usize..][..usize::from(len)].as_bstr()
    }

    /// What the file system says of the entries of one block. A folder is told by its name's
    /// entry alone.
    fn see(&self, folder: &OwnedFd, block: usize) -> Vec<Seen> {
        let from = block * BLOCK;
        let see = |index: usize| {
            let kind = self.entries[index].2;
            if kind == FileType::Directory {
                return Ok((kind, StatKey::default()));
            }
            let stat = statat(folder, self.name(index).as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?;
            Ok((FileType::from_raw_mode(stat.st_mode), StatKey::of(&stat)))
        };
        (from..self.entries.len().min(from + BLOCK)).map(see).collect()
    }
}

/// What opening and listing a folder gives.
enum Opened {
    /// All names, and the first block of what the file system says of them.
    Small(OwnedFd, Names, Vec<Seen>, FolderTimes),
    /// Too many to be held before their turn.
    Large(OwnedFd),
}

/// What the file system said of a folder before it was listed.
#[derive(Clone, Copy)]
pub struct FolderTimes {
    /// The times.
    pub stat: StatKey,
    /// Whether names may come or go without their showing it.
    pub racy: bool,
}

impl FolderTimes {
    fn of(folder: &OwnedFd) -> Result<Self> {
        let now = now_nanos();
        let stat = StatKey::of(&fstat(folder)?);
        Ok(Self { stat, racy: stat.is_racy(now) })
    }
}

fn open(parent: &OwnedFd, name: &BStr) -> Result<Opened> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, name.as_bytes(), flags, Mode::empty())?;
    let times = FolderTimes::of(&folder)?;
    Ok(match Names::read(&folder, SMALL)? {
        Some(names) => {
            let seen = names.see(&folder, 0);
            Opened::Small(folder, names, seen, times)
        }
        // Reading stopped somewhere: the one who reads it all opens it anew.
        None => Opened::Large(openat(parent, name.as_bytes(), flags, Mode::empty())?),
    })
}

/// Folders that one helper opens: which entry of their parent each is, and what was found.
type Group = VecDeque<(usize, Result<Opened>)>;

/// A folder that is being walked: its entries in plain byte order. They are asked for front to
/// back; helpers look at what comes next.
pub struct Listing {
    folder: Arc<OwnedFd>,
    times: FolderTimes,
    names: Arc<Names>,
    block: usize,
    seen: Vec<Seen>,
    blocks: VecDeque<Task<Vec<Seen>>>,
    group: Group,
    groups: VecDeque<Task<Group>>,
    /// The entries before this one are in a group, or are no folders.
    grouped: usize,
    /// So many folders are in the next group.
    next: usize,
    /// Entries that are not opened ahead, ascending.
    passed_over: Vec<usize>,
}

impl Listing {
    /// That of the folder at `root`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn of_root(root: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self::of(rustix::fs::open(root, flags, Mode::empty())?)
    }

    fn of(folder: OwnedFd) -> Result<Self> {
        let times = FolderTimes::of(&folder)?;
        let names = Names::read(&folder, usize::MAX)?.ok_or(Errno::OVERFLOW)?;
        let seen = names.see(&folder, 0);
        Ok(Self::begin(folder, names, seen, times))
    }

    fn begin(folder: OwnedFd, names: Names, seen: Vec<Seen>, times: FolderTimes) -> Self {
        Self {
            folder: Arc::new(folder),
            times,
            names: Arc::new(names),
            block: 0,
            seen,
            blocks: VecDeque::new(),
            group: VecDeque::new(),
            groups: VecDeque::new(),
            grouped: 0,
            next: 1,
            passed_over: Vec::new(),
        }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Arc<OwnedFd> {
        &self.folder
    }

    /// What the file system said of it before it was listed.
    pub fn times(&self) -> FolderTimes {
        self.times
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.names.entries.len()
    }

    /// The name of an entry.
    pub fn name(&self, index: usize) -> &BStr {
        self.names.name(index)
    }

    /// Whether there is an entry of this name.
    pub fn contains(&self, name: &[u8]) -> bool {
        let names = &self.names;
        let at = names.entries.binary_search_by(|(at, len, _)| {
            names.bytes[*at as usize..][..usize::from(*len)].cmp(name)
        });
        at.is_ok()
    }

    /// Does not open ahead the folders of whose names `what` says so.
    pub fn pass_over(&mut self, what: impl Fn(&BStr) -> bool) {
        let folders = self.names.entries.iter().enumerate();
        let folders = folders.filter(|(_, (.., kind))| *kind == FileType::Directory);
        self.passed_over =
            folders.map(|(at, _)| at).filter(|at| what(self.names.name(*at))).collect();
    }

    /// What the file system says of an entry; of a folder, only that it is one.
    pub fn see(&mut self, index: usize, ahead: &Ahead) -> Seen {
        self.look_ahead(index, ahead);
        while self.block < index / BLOCK {
            self.block += 1;
            self.seen = match self.blocks.pop_front() {
                Some(task) => task.take(),
                None => self.names.see(&self.folder, self.block),
            };
        }
        self.seen[index % BLOCK]
    }

    fn look_ahead(&mut self, index: usize, ahead: &Ahead) {
        let count = self.names.entries.len();
        while self.blocks.len() < BLOCKS_AHEAD
            && (self.block + self.blocks.len() + 1) * BLOCK < count
        {
            let block = self.block + self.blocks.len() + 1;
            let (folder, names) = (self.folder.clone(), self.names.clone());
            self.blocks.push_back(ahead.start(move || names.see(&folder, block)));
        }
        while self.groups.len() < GROUPS_AHEAD && self.grouped < count {
            let rest = self.grouped.max(index)..count;
            let wanted = |at: &usize| {
                self.names.entries[*at].2 == FileType::Directory
                    && self.passed_over.binary_search(at).is_err()
            };
            let group: Vec<_> = rest.filter(wanted).take(self.next).collect();
            self.next = GROUP.min(2 * self.next);
            self.grouped = group.last().map_or(count, |last| last + 1);
            if !group.is_empty() {
                let (parent, names) = (self.folder.clone(), self.names.clone());
                let open = move |at: usize| (at, open(&parent, names.name(at)));
                self.groups.push_back(ahead.start(|| group.into_iter().map(open).collect()));
            }
        }
    }

    /// The listing of the folder that an entry is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn below(&mut self, index: usize) -> Result<Self> {
        if self.group.back().is_none_or(|(last, _)| *last < index) {
            self.group = self.groups.pop_front().map(Task::take).unwrap_or_default();
        }
        while self.group.front().is_some_and(|(at, _)| *at < index) {
            self.group.pop_front();
        }
        let opened = match self.group.pop_front_if(|(at, _)| *at == index) {
            Some((_, opened)) => opened,
            // Only its stat said that it is a folder.
            None => open(&self.folder, self.name(index)),
        };
        match opened? {
            Opened::Small(folder, names, seen, times) => {
                Ok(Self::begin(folder, names, seen, times))
            }
            Opened::Large(folder) => Self::of(folder),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    /// Everything below a folder, by path: its kind, and its length if it is a file.
    fn found(listing: &mut Listing, at: &[u8], ahead: &Ahead, all: &mut BTreeMap<Vec<u8>, u64>) {
        let mut last: Option<Vec<u8>> = None;
        for index in 0..listing.len() {
            let (kind, stat) = listing.see(index, ahead).unwrap();
            let name = listing.name(index).to_vec();
            assert!(last.as_ref().is_none_or(|last| *last < name), "out of order");
            let path = [at, b"/", &name].concat();
            if kind == FileType::Directory && !name.ends_with(b"passed over") {
                let mut below = listing.below(index).unwrap();
                found(&mut below, &path, ahead, all);
            }
            assert!(all.insert(path, stat.size).is_none());
            last = Some(name);
        }
    }

    fn files(folder: &Path, count: usize) {
        fs::create_dir_all(folder).unwrap();
        for n in 0..count {
            fs::write(folder.join(format!("f{n}")), vec![0; n % 7]).unwrap();
        }
    }

    #[test]
    fn everything_is_seen_in_order_however_much_is_looked_at_ahead() {
        let root = tempfile::tempdir().unwrap();
        files(root.path(), 2 * BLOCK + 3);
        files(&root.path().join("large"), SMALL + 1);
        files(&root.path().join("not larger"), SMALL);
        for n in 0..3 * GROUP {
            // Between the files, so that groups and blocks meet in every way.
            let name = if n % 5 == 0 { format!("f{n} passed over") } else { format!("f{n} d") };
            files(&root.path().join(name).join("below"), n);
        }
        let expected: usize = 2 * BLOCK + 3 + 2 * SMALL + 1 + 2 + 3 * GROUP;
        let below = (0..3 * GROUP).filter(|n| n % 5 != 0).map(|n| n + 1).sum::<usize>();
        for threads in [0, 1, 3] {
            let mut all = BTreeMap::new();
            Ahead::run(threads, |ahead| {
                found(&mut Listing::of_root(root.path()).unwrap(), b"", ahead, &mut all);
            });
            assert_eq!(all.len(), expected + below, "{threads} helpers");
            assert_eq!(all[b"/large/f1024".as_slice()], SMALL as u64 % 7);
            assert_eq!(all[b"/f13 d/below/f12".as_slice()], 12 % 7);
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_when_its_turn_comes() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("gone")).unwrap();
        fs::create_dir(root.path().join("there")).unwrap();
        let mut listing = Listing::of_root(root.path()).unwrap();
        fs::remove_dir(root.path().join("gone")).unwrap();
        Ahead::run(1, |ahead| {
            assert!(listing.see(0, ahead).is_ok(), "the name's entry says that it is a folder");
            assert_eq!(listing.below(0).err(), Some(Errno::NOENT));
            assert_eq!(listing.below(1).unwrap().len(), 0);
        });
    }
}
