//! Walks the folder in order, and says of each entry what to do with it.
//!
//! The scan is one thread: helpers list ahead of it, it compares with the stat cache, and hands
//! what must be read to the pool. What it finds goes to the tree builder in the same order. It holds one folder's
//! names for each level of depth, never the whole tree.

use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};
use crossbeam_channel::Sender;
use rustix::fs::{AtFlags, FileType, readlinkat, statat};
use rustix::io::Errno;

use crate::capture::{
    BESIDE_DATABASES, Captured, DatabaseState, Databases, Outcome, Pool, Request, StatKey, Ticket,
    WHOLE_LIMIT, is_database_at,
};
use crate::chunk::ContentHint;
use crate::object::{Id, NodeId, RepoPath, TreeEntry, check_name, join_path, limits, not_portable};
use crate::repo::{FOLDER, Repository};
use crate::store::Batch;

use super::ahead::Ahead;
use super::database_cache::KnownDatabase;
use super::error::WorktreeError;
use super::ignores::{IGNORE_FILE, Ignores};
use super::listing::{FolderTimes, Listing};
use super::read_folder::Pass;
use super::report::{Progress, Warning};
use super::selection::Reach;
use super::stat_cache::{CacheReader, CachedFolder, Unchanged};

/// A lot of small files goes to one worker: enough that handing it over costs nothing.
const LOT_FILES: usize = 64;
const LOT_BYTES: u64 = 512 << 10;
/// What is found goes to the builder in lots of this many.
const LOT_EVENTS: usize = 1024;

/// What a scan finds, in order.
pub enum Event {
    /// A folder begins. Where nothing hides in it what a look at times cannot tell, it is noted.
    Enter(BString, Option<FolderNote>),
    /// Records of the stat cache that stay as they are: those of the folder that comes next.
    Records(Vec<u8>),
    /// A folder in which nothing changed, and the databases in it.
    Unchanged(CachedFolder, Vec<BString>),
    /// The folder that began last ends.
    Leave,
    /// A file whose content is known and in the store.
    Known(BString, Captured),
    /// A file that was just read.
    Read(BString, Captured),
    /// A database that has not changed since it was read.
    KnownDatabase(BString, Captured),
    /// A database that is to be read after the scan.
    Database(BString),
    /// A file that is not what it was when this operation read it before.
    Changed(BString),
    /// A file that is being read: its outcome is the next of the lot's.
    Reading(BString),
    /// A link.
    Link(BString, TreeEntry),
    /// Something that the user should know.
    Warn(Warning),
    /// An entry was left out.
    Ignored,
    /// This entry was left out; the path of a folder ends with `/`.
    IgnoredPath(BString),
}

/// What is noted of a folder for the next time.
pub struct FolderNote {
    /// What the file system said of it before it was listed.
    pub stat: StatKey,
    /// The ignore rules in force around it.
    pub rules: Id,
    /// Whether the cache already says so.
    pub known: bool,
}

/// Events, and where the outcomes of those that are being read will arrive.
pub struct Lot {
    /// The events.
    pub events: Vec<Event>,
    /// The outcomes of [`Event::Reading`], in order.
    pub ticket: Option<Ticket>,
}

/// Walks the folder of a repository.
pub struct Scan<'a, 'w, 's> {
    pub repo: &'a Repository,
    /// The directory tree of HEAD: what is in it stays captured when it becomes ignored.
    pub head: Option<NodeId>,
    pub pool: &'a Pool<'a>,
    /// Helpers that look at what comes next.
    pub ahead: &'a Ahead,
    pub cache: CacheReader,
    /// The folders in which nothing changed.
    pub unchanged: &'a Unchanged,
    /// Every id in the cache is known to be stored, so none has to be looked up.
    pub stored: bool,
    /// The paths of what is left out are wanted.
    pub list_ignored: bool,
    /// What this scan goes by.
    pub pass: &'a Pass<'a>,
    pub lots: Sender<Lot>,
    pub progress: &'a dyn Progress,
    pub batch: Batch<'w, 's>,
    pub ignores: Ignores,
    pub events: Vec<Event>,
    pub requests: Vec<Request>,
    pub request_bytes: u64,
}

/// The folder that is being walked.
struct Place {
    path: RepoPath,
    shared_path: Arc<BString>,
    depth: usize,
    /// The folder is ignored: only what HEAD holds is captured.
    tracked_only: bool,
}

impl Scan<'_, '_, '_> {
    /// Walks everything under the root.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub fn run(mut self) -> Result<(), WorktreeError> {
        let listing = Listing::of_root(self.repo.root());
        let mut listing = listing.map_err(|e| read_error(b".".as_bstr(), e))?;
        let place = Place {
            path: RepoPath::root(),
            shared_path: Arc::default(),
            depth: 0,
            tracked_only: false,
        };
        self.folder(&place, b"".as_bstr(), &mut listing)?;
        self.send()?;
        Ok(self.batch.flush()?)
    }

    fn folder(
        &mut self,
        place: &Place,
        name: &BStr,
        listing: &mut Listing,
    ) -> Result<(), WorktreeError> {
        let rules = self.ignores.rules();
        self.ignores.take_up(listing, &place.path, place.depth)?;
        let path = place.path.as_bytes().as_bstr();
        // An ignore file that is left out itself could change unseen.
        let rules_hidden = self.ignores.rules() != rules && {
            let file = join_path(path, IGNORE_FILE.as_bytes());
            place.tracked_only || self.ignores.is_ignored(file.as_bstr(), false)
        };
        let FolderTimes { stat, racy } = listing.times();
        let known = self.unchanged.contains(path);
        let note = (!racy && !place.tracked_only && !rules_hidden).then_some(FolderNote {
            stat,
            rules,
            known,
        });
        self.event(Event::Enter(name.into(), note))?;
        listing.pass_over(|name| self.unchanged.contains(join_path(path, name).as_bstr()));
        for index in 0..listing.len() {
            self.entry(place, listing, index)?;
        }
        self.ignores.leave(place.depth);
        self.event(Event::Leave)
    }

    fn entry(
        &mut self,
        place: &Place,
        listing: &mut Listing,
        index: usize,
    ) -> Result<(), WorktreeError> {
        let seen = listing.see(index, self.ahead);
        let name = listing.name(index);
        if is_own(place.depth, name) {
            return Ok(());
        }
        let only = self.pass.only;
        if let Err(why) = check_name(name) {
            if only.reach(&place.path) != Reach::Within {
                return Ok(());
            }
            let path = join_path(place.path.as_bytes(), name);
            let nested = name == FOLDER;
            self.event(match nested {
                true => Event::Warn(Warning::NestedRepository { path }),
                false => Event::Warn(Warning::Name { path, why: why.to_string() }),
            })?;
            return Ok(());
        }
        let path = place.path.join(name).map_err(|source| WorktreeError::Path {
            path: join_path(place.path.as_bytes(), name),
            source,
        })?;
        let reach = only.reach(&path);
        if reach == Reach::Outside {
            return Ok(());
        }
        let (kind, stat) = match seen {
            Ok(seen) => seen,
            Err(Errno::NOENT) => {
                return self.event(Event::Warn(Warning::Vanished { path: path.as_bytes().into() }));
            }
            Err(e) => return Err(read_error(path.as_bytes().as_bstr(), e)),
        };
        let directory = kind == FileType::Directory;
        if reach == Reach::Above && !directory {
            return Ok(());
        }
        let ignored =
            place.tracked_only || self.ignores.is_ignored(path.as_bytes().as_bstr(), directory);
        if ignored && !self.is_tracked(&path)? {
            return self.event(match self.list_ignored {
                true if directory => Event::IgnoredPath([path.as_bytes(), b"/"].concat().into()),
                true => Event::IgnoredPath(path.as_bytes().into()),
                false => Event::Ignored,
            });
        }
        if let Some(problem) = not_portable(name) {
            let path = path.as_bytes().into();
            self.event(Event::Warn(Warning::NotPortable { path, problem }))?;
        }
        match kind {
            FileType::Directory => self.directory(place, listing, index, path, ignored),
            FileType::RegularFile => self.regular(place, listing, name, path, stat),
            FileType::Symlink => self.link(place, listing, name, &path),
            kind => {
                let kind = match kind {
                    FileType::Fifo => "FIFO",
                    FileType::Socket => "socket",
                    FileType::BlockDevice | FileType::CharacterDevice => "device",
                    _ => "file of an unknown kind",
                };
                self.event(Event::Warn(Warning::Special { path: path.as_bytes().into(), kind }))
            }
        }
    }

    fn is_tracked(&self, path: &RepoPath) -> Result<bool, WorktreeError> {
        Ok(self.repo.entry_in(self.head, path)?.is_some())
    }

    fn directory(
        &mut self,
        place: &Place,
        listing: &mut Listing,
        index: usize,
        path: RepoPath,
        tracked_only: bool,
    ) -> Result<(), WorktreeError> {
        if !tracked_only && self.take_unchanged(&path)? {
            return Ok(());
        }
        let mut below = match listing.below(index) {
            Ok(below) => below,
            Err(Errno::NOENT) => {
                return self.event(Event::Warn(Warning::Vanished { path: path.as_bytes().into() }));
            }
            Err(e) => return Err(read_error(path.as_bytes().as_bstr(), e)),
        };
        let place = Place {
            shared_path: Arc::new(path.as_bytes().into()),
            path,
            depth: place.depth + 1,
            tracked_only,
        };
        self.folder(&place, listing.name(index), &mut below)
    }

    /// Takes over the folder at `path` as the cache has it, if nothing in it changed and all of it
    /// is stored.
    fn take_unchanged(&mut self, path: &RepoPath) -> Result<bool, WorktreeError> {
        let bytes = path.as_bytes().as_bstr();
        let Some(found) = self.unchanged.folder(&self.cache, bytes) else { return Ok(false) };
        let CachedFolder { tree, rules, ignored, files, bytes: size, .. } = found.folder;
        if rules != self.ignores.rules() || (self.list_ignored && ignored > 0) {
            return Ok(false);
        }
        if !self.stored {
            let head = self.repo.entry_in(self.head, path)?;
            if head.and_then(|entry| entry.root()) != Some(tree) {
                return Ok(false);
            }
        }
        // Pieces are large: the builder takes each as it comes.
        self.send()?;
        let lots = &self.lots;
        let copied = found.copy_records(&mut self.cache, |piece| {
            lots.send(Lot { events: vec![Event::Records(piece)], ticket: None }).is_ok()
        });
        copied.map_err(|source| io_error(b".aisr/local/stat-cache".as_bstr(), source))?;
        let below = join_path(bytes, b"");
        let databases = self.pass.known.range(below.clone()..).map(|(path, _)| path);
        let databases = databases.take_while(|path| path.starts_with(&below)).cloned().collect();
        self.progress.advance(files, size);
        self.event(Event::Unchanged(found.folder, databases))?;
        Ok(true)
    }

    fn regular(
        &mut self,
        place: &Place,
        listing: &Listing,
        name: &BStr,
        path: RepoPath,
        stat: StatKey,
    ) -> Result<(), WorktreeError> {
        let beside = BESIDE_DATABASES.iter().find_map(|suffix| name.strip_suffix(*suffix));
        if let Some(database) = beside.filter(|database| listing.contains(database))
            && self.is_database(place, listing, database.as_bstr())
        {
            return Ok(());
        }
        let path_bytes = path.as_bytes().as_bstr();
        if self.pass.deferred.iter().any(|deferred| deferred == path_bytes) {
            return self.event(Event::Database(name.into()));
        }
        if let Some(known) = self.pass.known.get(path_bytes) {
            return self.known_database(listing, name, stat, *known);
        }
        let known = self.cache.get(path.as_bytes().as_bstr());
        let same = known.as_ref().is_some_and(|known| known.stat == stat);
        if self.pass.again.is_some() && !same {
            self.event(Event::Changed(path.as_bytes().into()))?;
        }
        // What has a log beside it may be a database whose rows are there.
        let has_log = || listing.contains(&[name.as_bytes(), b"-wal"].concat());
        if let Some(known) = known.filter(|known| same && !known.racy && !has_log())
            && (self.stored || self.repo.store().has_blob(known.id)?)
        {
            self.progress.advance(1, stat.size);
            let captured = Captured { id: known.id, stat, racy: false, moved: false };
            return self.event(Event::Known(name.into(), captured));
        }
        let request = Request {
            folder: listing.folder().clone(),
            name: name.into(),
            folder_path: place.shared_path.clone(),
            databases: Databases::Apart,
        };
        if stat.size > WHOLE_LIMIT {
            return self.large(name, &request);
        }
        self.requests.push(request);
        self.request_bytes += stat.size;
        self.event(Event::Reading(name.into()))?;
        if self.requests.len() >= LOT_FILES || self.request_bytes >= LOT_BYTES {
            self.send()?;
        }
        Ok(())
    }

    fn known_database(
        &mut self,
        listing: &Listing,
        name: &BStr,
        stat: StatKey,
        known: KnownDatabase,
    ) -> Result<(), WorktreeError> {
        let log = [name.as_bytes(), b"-wal"].concat();
        let wal = match listing.contains(&log) {
            true => statat(listing.folder(), log.as_slice(), AtFlags::SYMLINK_NOFOLLOW).ok(),
            false => None,
        };
        let wal = wal.map(|wal| StatKey::of(&wal)).filter(|wal| wal.size > 0);
        let same = known.state == DatabaseState { main: stat, wal } && !known.racy;
        if !same || !(self.stored || self.repo.store().has_blob(known.image.id)?) {
            return self.event(Event::Database(name.into()));
        }
        self.progress.advance(1, stat.size);
        let stat = StatKey { size: known.image.size, ..stat };
        let captured = Captured { id: known.image.id, stat, racy: false, moved: false };
        self.event(Event::KnownDatabase(name.into(), captured))
    }

    /// Whether there is a database of this name. Those that are known are not opened.
    fn is_database(&self, place: &Place, listing: &Listing, name: &BStr) -> bool {
        let path = join_path(place.path.as_bytes(), name);
        self.pass.known.contains_key(&path)
            || self.pass.deferred.contains(&path)
            || is_database_at(listing.folder(), name.as_bytes())
    }

    fn large(&mut self, name: &BStr, request: &Request) -> Result<(), WorktreeError> {
        self.send()?;
        let progress = self.progress;
        let outcome =
            self.pool.large(request, &mut self.batch, &|bytes| progress.advance(0, bytes))?;
        progress.advance(1, 0);
        match outcome {
            Outcome::Captured(captured) => self.event(Event::Read(name.into(), captured)),
            Outcome::Database => self.event(Event::Database(name.into())),
            Outcome::Vanished => {
                self.event(Event::Warn(Warning::Vanished { path: request.path() }))
            }
        }
    }

    fn link(
        &mut self,
        place: &Place,
        listing: &Listing,
        name: &BStr,
        path: &RepoPath,
    ) -> Result<(), WorktreeError> {
        let target = match readlinkat(listing.folder(), name.as_bytes(), Vec::new()) {
            Ok(target) => target.into_bytes(),
            Err(Errno::NOENT | Errno::INVAL) => {
                return self.event(Event::Warn(Warning::Vanished { path: path.as_bytes().into() }));
            }
            Err(e) => return Err(read_error(path.as_bytes().as_bstr(), e)),
        };
        let Some(entry) = TreeEntry::symlink(&target) else {
            let why = format!("its target is over {} bytes", limits::PATH - 1);
            return self.event(Event::Warn(Warning::Name { path: path.as_bytes().into(), why }));
        };
        self.batch.blob(&target, ContentHint::Block)?;
        if leads_out(&target, place.depth) {
            let path = path.as_bytes().into();
            self.event(Event::Warn(Warning::OutsideLink { path, target: target.into() }))?;
        }
        self.progress.advance(1, 0);
        self.event(Event::Link(name.into(), entry))
    }

    fn event(&mut self, event: Event) -> Result<(), WorktreeError> {
        self.events.push(event);
        if self.events.len() >= LOT_EVENTS {
            self.send()?;
        }
        Ok(())
    }

    /// Sends what is collected: the files to a worker, the events to the builder.
    fn send(&mut self) -> Result<(), WorktreeError> {
        let ticket = match self.requests.is_empty() {
            true => None,
            false => {
                self.request_bytes = 0;
                Some(self.pool.small(std::mem::take(&mut self.requests))?)
            }
        };
        if ticket.is_none() && self.events.is_empty() {
            return Ok(());
        }
        let lot = Lot { events: std::mem::take(&mut self.events), ticket };
        // The builder goes away only after an error of its own, which is the one to tell.
        self.lots.send(lot).map_err(|_| WorktreeError::Stopped)
    }
}

/// Whether a name at `depth` folders below the root is aisr's own.
pub fn is_own(depth: usize, name: &BStr) -> bool {
    depth == 0 && (name == FOLDER || name.starts_with(b".aisr.new-"))
}

/// Whether a link at `depth` folders below the root leads out of it, by its text alone.
fn leads_out(target: &[u8], depth: usize) -> bool {
    if target.starts_with(b"/") {
        return true;
    }
    let mut depth = depth as i64;
    for part in target.split_str("/") {
        match part {
            b".." => depth -= 1,
            b"" | b"." => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

fn read_error(path: &BStr, source: Errno) -> WorktreeError {
    io_error(path, source.into())
}

fn io_error(path: &BStr, source: std::io::Error) -> WorktreeError {
    let path = if path.is_empty() { ".".into() } else { path.to_owned() };
    WorktreeError::Read { path, source }
}
