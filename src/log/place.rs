//! The log of a place: opening, rolling forward, appending, checking.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::disk::{Disk, Lock, OnExisting, ReadFile, Wait};
use crate::object::{
    Actor, Cause, ID_LEN, Id, KeyBytes, LogEntry, LogEntryId, LogId, RefChange, RepositoryId,
    Signed, Stamp, TrustRootId, limits,
};
use crate::sign::{CheckedSignatures, Namespace, PublicKey, SecretKey, verify};

use super::error::LogError;
use super::file::{FRAME_HEAD_LEN, FRAMES_START, Frame, frame, header, next_frame};
use super::newest_first::{LogFromEnd, NewestFirst};
use super::place_file::PlaceFile;
use super::refs::{Head, HeadEntry, Refs};
use super::shared::SharedLog;

const REFS_LIMIT: u64 = 1 << 30;
/// Another process holds the lock of a log for milliseconds; a minute means that it is stuck.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// The log of a place, and the refs that it moves.
pub struct PlaceLog {
    disk: Disk,
    folder: PathBuf,
    refs: Refs,
    repo: RepositoryId,
    /// The key that signs every entry; none where each is signed by whoever pushed.
    key: Option<KeyBytes>,
    /// The trust root that the last entry says is in force.
    trust_root: TrustRootId,
}

/// What an entry says, beside what the log itself adds.
pub struct Append {
    /// The trust root in force from this entry on. As long as that is the one that the caller's
    /// [`PlaceLog`] saw, the entry says the one in force when it is appended.
    pub trust_root: TrustRootId,
    /// The refs that move; their old values must be those that hold.
    pub changes: Vec<RefChange>,
    /// When.
    pub time: Stamp,
    /// Why.
    pub cause: Cause,
}

/// What a check of a whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSummary {
    /// How many entries there are.
    pub entries: u64,
    /// The key that signed them; none where each is signed by whoever pushed.
    pub key: Option<PublicKey>,
}

impl PlaceLog {
    fn refs_path(folder: &Path) -> PathBuf {
        folder.join("refs")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log").join(self.refs.log.to_hex())
    }

    /// Begins the log `id` of a new clone in `folder`: entry 0, signed by its own key, with HEAD
    /// on `head`. It is durable once the caller has synced `folder`.
    ///
    /// # Errors
    /// When the disk says no or the key cannot sign.
    pub fn create(
        disk: Disk,
        folder: &Path,
        repo: RepositoryId,
        id: LogId,
        head: &Head,
        open: Append,
        key: &SecretKey,
    ) -> Result<Self, LogError> {
        let entry = LogEntry {
            repo,
            log: id,
            sequence: 0,
            previous: None,
            trust_root: open.trust_root,
            changes: open.changes,
            signer: Actor { key: *key.public().as_bytes(), principal: None },
            acting_for: Vec::new(),
            approvals: Vec::new(),
            payload: Vec::new(),
            time: open.time,
            cause: open.cause,
            replica: Some(*key.public().as_bytes().point()),
            ext: Vec::new(),
        };
        let object = sign(&entry, key)?;
        let bytes = [&header(id)[..], &frame(&object)].concat();
        let last = HeadEntry { sequence: 0, id: LogEntryId::of(&object), offset: FRAMES_START };
        let refs = Refs {
            log: id,
            last,
            length: bytes.len() as u64,
            head: head.clone(),
            refs: Default::default(),
        };
        let (key, trust_root) = (Some(*key.public().as_bytes()), entry.trust_root);
        let log = Self { disk, folder: folder.into(), refs, repo, key, trust_root };
        log.disk.create_dir(&folder.join("log"), 0o700)?;
        log.disk.create_whole(&log.log_path(), &bytes, 0o600)?;
        log.replace_refs(&log.refs)?;
        Ok(log)
    }

    /// Opens the log in `folder`, checking its last entry. Whole entries after the one that the
    /// refs file names are rolled forward, in memory; the next append writes that down.
    ///
    /// # Errors
    /// When refs or log are damaged, or the log is shorter than the refs file says.
    pub fn open(disk: Disk, folder: &Path) -> Result<Self, LogError> {
        Self::open_knowing(disk, folder, &CheckedSignatures::default())
    }

    /// As [`PlaceLog::open`]; where the signature of the last entry is known to be good, it is not
    /// checked again.
    ///
    /// # Errors
    /// As [`PlaceLog::open`].
    pub fn open_knowing(
        disk: Disk,
        folder: &Path,
        checked: &CheckedSignatures,
    ) -> Result<Self, LogError> {
        let path = Self::refs_path(folder);
        let bytes = match ReadFile::open(&path) {
            Err(e) if e.is_not_found() && folder.join(PlaceFile::NAME).is_file() => {
                return Self::open_shared(disk, folder, &mut |_, _| ());
            }
            file => file?.read_all(REFS_LIMIT)?,
        };
        let refs = Refs::decode(&bytes).map_err(|why| LogError::Refs { path, why })?;
        let repo = RepositoryId::from_id(Id::new([0; ID_LEN]));
        let trust_root = TrustRootId::from_id(Id::new([0; ID_LEN]));
        let mut log = Self { disk, folder: folder.into(), refs, repo, key: None, trust_root };
        let last = log.check_last(checked)?;
        (log.repo, log.key) = (last.repo, Some(last.signer.key));
        log.trust_root = last.trust_root;
        Ok(log)
    }

    /// Reads the log of the shared place in `folder` from its first entry to its last.
    fn open_shared(
        disk: Disk,
        folder: &Path,
        visit: &mut dyn FnMut(LogEntryId, LogEntry),
    ) -> Result<Self, LogError> {
        let path = folder.join(PlaceFile::NAME);
        let bytes = ReadFile::open(&path)?.read_all(PlaceFile::LIMIT)?;
        let place = PlaceFile::decode(&bytes).map_err(|why| LogError::Place { path, why })?;
        let mut log = SharedLog::new(place.repo, place.log);
        loop {
            let path = folder.join(SharedLog::key(place.log, log.next()));
            let object = match ReadFile::open(&path) {
                Err(e) if e.is_not_found() && log.next() > 0 => break,
                file => file?.read_all(limits::LOG_ENTRY as u64)?,
            };
            let entry = log.take(&object)?;
            visit(log.refs().last.id, entry);
        }
        let refs = log.refs().clone();
        let trust_root = log.trust_root().unwrap_or(TrustRootId::from_id(Id::new([0; ID_LEN])));
        Ok(Self { disk, folder: folder.into(), refs, repo: place.repo, key: None, trust_root })
    }

    /// Whether this is the log of a shared place.
    pub fn is_shared(&self) -> bool {
        self.key.is_none()
    }

    /// The repository that the log belongs to, as its entries say.
    pub fn repository(&self) -> RepositoryId {
        self.repo
    }

    /// The trust root in force, as its last entry says.
    pub fn trust_root(&self) -> TrustRootId {
        self.trust_root
    }

    /// Where every ref points.
    pub fn refs(&self) -> &Refs {
        &self.refs
    }

    /// The file of the log `id`, whose length was checked, and how long it is.
    fn file(&self) -> Result<(ReadFile, u64), LogError> {
        let path = self.log_path();
        let file = ReadFile::open(&path)?;
        let len = file.len()?;
        if len < self.refs.length {
            let (expected, head) = (self.refs.length, self.refs.last.sequence);
            return Err(LogError::Short { path, len, expected, head });
        }
        let mut start = [0; FRAMES_START as usize];
        file.read_exact_at(0, &mut start)?;
        if start != header(self.refs.log) {
            let why = "the header is not that of this log".into();
            return Err(LogError::Damaged { path, offset: 0, why });
        }
        Ok((file, len))
    }

    pub(super) fn damaged(&self, offset: u64, why: impl Into<String>) -> LogError {
        LogError::Damaged { path: self.log_path(), offset, why: why.into() }
    }

    /// Checks the last entry that the refs file names, and rolls forward; gives that entry.
    fn check_last(&mut self, checked: &CheckedSignatures) -> Result<LogEntry, LogError> {
        let (file, len) = self.file()?;
        let HeadEntry { id, offset, sequence } = self.refs.last;
        if offset < FRAMES_START || offset >= self.refs.length {
            return Err(self.damaged(offset, "the refs file names no place in the log"));
        }
        let bytes = file.read_vec_at(offset, len - offset)?;
        let Frame::Whole(object, mut rest) = next_frame(&bytes) else {
            return Err(self.damaged(offset, "no whole entry where the last one must be"));
        };
        let end = offset + (FRAME_HEAD_LEN + object.len()) as u64;
        if LogEntryId::of(object) != id || end != self.refs.length {
            return Err(self.damaged(offset, "this is not the entry that the refs file names"));
        }
        let mut last = match checked.contains(id.id()) {
            true => decode_entry(object, sequence)?.1,
            false => read_entry(object, sequence)?.0,
        };
        checked.add(id.id());
        let key = last.signer.key;
        while let Frame::Whole(object, after) = next_frame(rest) {
            let sequence = self.refs.last.sequence + 1;
            let (entry, signer) = read_entry(object, sequence)?;
            self.check_link(&entry, LogEntryId::of(object), &self.refs.last)?;
            if signer.as_bytes() != &key {
                return Err(self.broken(&self.refs.last, "signed by another key"));
            }
            let mut refs = self.refs.clone();
            refs.apply(&entry).map_err(|why| self.broken(&self.refs.last, &why))?;
            refs.last = HeadEntry { sequence, id: LogEntryId::of(object), offset: refs.length };
            refs.length += (FRAME_HEAD_LEN + object.len()) as u64;
            self.refs = refs;
            last = entry;
            rest = after;
        }
        Ok(last)
    }

    fn broken(&self, at: &HeadEntry, why: &str) -> LogError {
        LogError::Chain { sequence: at.sequence + 1, id: at.id, why: why.into() }
    }

    fn check_link(
        &self,
        entry: &LogEntry,
        id: LogEntryId,
        before: &HeadEntry,
    ) -> Result<(), LogError> {
        let why = if entry.log != self.refs.log {
            "it belongs to another log"
        } else if entry.sequence != before.sequence + 1 {
            "its number does not follow"
        } else if entry.previous != Some(before.id) {
            "it does not name the entry before it"
        } else {
            return Ok(());
        };
        Err(LogError::Chain { sequence: entry.sequence, id, why: why.into() })
    }

    /// Reads every entry from the first to the last, checking chain, signatures and that they
    /// lead to the refs that hold. Each goes to `visit`, with its id.
    ///
    /// # Errors
    /// At the first entry that is not sound.
    pub fn walk(
        &self,
        visit: &mut dyn FnMut(LogEntryId, LogEntry),
    ) -> Result<LogSummary, LogError> {
        if self.is_shared() {
            let log = Self::open_shared(self.disk.clone(), &self.folder, visit)?;
            return Ok(LogSummary { entries: log.refs.last.sequence + 1, key: None });
        }
        let (file, _) = self.file()?;
        let mut offset = FRAMES_START;
        let mut before: Option<HeadEntry> = None;
        let mut key = None;
        let mut refs = Refs { refs: Default::default(), ..self.refs.clone() };
        while offset < self.refs.length {
            let bytes = self.frame_at(&file, offset)?;
            let Frame::Whole(object, _) = next_frame(&bytes) else {
                return Err(self.damaged(offset, "an entry does not match its checksum"));
            };
            let id = LogEntryId::of(object);
            let sequence = before.map_or(0, |b| b.sequence + 1);
            let (entry, signer) = read_entry(object, sequence)?;
            let chain = |why: &str| LogError::Chain { sequence, id, why: why.into() };
            match &before {
                Some(before) => self.check_link(&entry, id, before)?,
                None if entry.sequence != 0 || entry.log != self.refs.log => {
                    return Err(chain("the log does not begin with its entry 0"));
                }
                None => key = entry.replica.map(KeyBytes::from),
            }
            if key.as_ref() != Some(signer.as_bytes()) {
                return Err(chain("signed by another key than entry 0 names"));
            }
            refs.apply(&entry).map_err(|why| chain(&why))?;
            before = Some(HeadEntry { sequence, id, offset });
            offset += (FRAME_HEAD_LEN + object.len()) as u64;
            visit(id, entry);
        }
        let ends = before == Some(self.refs.last) && offset == self.refs.length;
        if !ends || refs.refs != self.refs.refs || refs.head != self.refs.head {
            let path = Self::refs_path(&self.folder);
            let why = "the log does not lead to the refs that it holds".into();
            return Err(LogError::Refs { path, why });
        }
        let key = key.and_then(|key| PublicKey::from_bytes(&key).ok());
        let key = key.ok_or_else(|| self.damaged(FRAMES_START, "entry 0 names no key"))?;
        Ok(LogSummary { entries: self.refs.last.sequence + 1, key: Some(key) })
    }

    /// The entries from the last one back. Costs what is read, not the length of the log, but for
    /// that of a shared place.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn newest_first(&self) -> Result<LogFromEnd<'_>, LogError> {
        if !self.is_shared() {
            return Ok(LogFromEnd::Own(NewestFirst::new(self, self.file()?.0)));
        }
        let mut entries = Vec::new();
        self.walk(&mut |id, entry| entries.push((id, entry)))?;
        Ok(LogFromEnd::Shared(entries))
    }

    fn frame_at(&self, file: &ReadFile, offset: u64) -> Result<Vec<u8>, LogError> {
        let room = self.refs.length - offset;
        let head = file.read_vec_at(offset, room.min(FRAME_HEAD_LEN as u64))?;
        let len = head.first_chunk().map_or(0, |len| u64::from(u32::from_le_bytes(*len)));
        Ok(file.read_vec_at(offset, room.min(len + FRAME_HEAD_LEN as u64))?)
    }

    /// Appends an entry, durably, and moves the refs: once the entry is there, they have moved.
    ///
    /// # Errors
    /// [`LogError::Moved`] when a ref no longer has the old value that a change states, or the
    /// trust root was changed twice at the same time: the caller looks again. Else when the entry
    /// cannot be made durable; the refs are as before then.
    pub fn append(
        &mut self,
        repo: RepositoryId,
        append: Append,
        key: &SecretKey,
    ) -> Result<LogEntryId, LogError> {
        if self.is_shared() {
            return Err(LogError::Shared { folder: self.folder.clone() });
        }
        let lock = self.folder.join("local").join("log-lock");
        let _lock = Lock::exclusive(&lock, Wait::AtMost(LOCK_PATIENCE))?;
        let mut fresh = Self::open(self.disk.clone(), &self.folder)?;
        if Some(key.public().as_bytes()) != fresh.key.as_ref() {
            return Err(LogError::OtherKey { path: fresh.log_path() });
        }
        let changes_trust = append.trust_root != self.trust_root;
        if changes_trust && fresh.trust_root != self.trust_root {
            return Err(LogError::Moved { why: "another trust root is in force now".into() });
        }
        // Who does not change the trust root need not know that somebody else did.
        let trust_root = if changes_trust { append.trust_root } else { fresh.trust_root };
        let entry = LogEntry {
            repo,
            log: fresh.refs.log,
            sequence: fresh.refs.last.sequence + 1,
            previous: Some(fresh.refs.last.id),
            trust_root,
            changes: append.changes,
            signer: Actor { key: *key.public().as_bytes(), principal: None },
            acting_for: Vec::new(),
            approvals: Vec::new(),
            payload: Vec::new(),
            time: append.time,
            cause: append.cause,
            replica: None,
            ext: Vec::new(),
        };
        let mut refs = fresh.refs.clone();
        refs.apply(&entry).map_err(|why| LogError::Moved { why })?;
        let object = sign(&entry, key)?;
        let bytes = frame(&object);
        refs.last = HeadEntry {
            sequence: entry.sequence,
            id: LogEntryId::of(&object),
            offset: fresh.refs.length,
        };
        refs.length += bytes.len() as u64;
        if let Err(error) = fresh.write(&bytes) {
            // What is told to have failed should not be rolled forward.
            let file = fresh.disk.open_file(&fresh.log_path());
            let _ = file.and_then(|file| file.truncate(fresh.refs.length));
            return Err(error);
        }
        // From here on it has happened, whatever becomes of the refs file: who finds the old one
        // rolls forward.
        let _ = fresh.replace_refs(&refs);
        (fresh.refs, fresh.trust_root) = (refs, trust_root);
        *self = fresh;
        Ok(self.refs.last.id)
    }

    /// Writes a frame behind the last entry, durably.
    fn write(&self, frame: &[u8]) -> Result<(), LogError> {
        let file = self.disk.open_file(&self.log_path())?;
        if file.len()? > self.refs.length {
            // What a crash left of an entry that was never acknowledged.
            file.truncate(self.refs.length)?;
        }
        file.write_all_at(self.refs.length, frame)?;
        Ok(file.sync()?)
    }

    /// Replaces the refs file by one that is never torn. Its name is not made durable: the entry
    /// is, and whoever finds the refs before it rolls forward.
    fn replace_refs(&self, refs: &Refs) -> Result<(), LogError> {
        let path = Self::refs_path(&self.folder);
        let folder = self.disk.open_dir(&self.folder)?;
        let file = folder.create_temporary(0o600)?;
        file.write_all_at(0, &refs.encode())?;
        file.sync()?;
        let name = path.file_name().unwrap_or_default();
        Ok(file.place_in(&folder, name, OnExisting::Replace)?)
    }
}

pub(super) fn sign(entry: &LogEntry, key: &SecretKey) -> Result<Vec<u8>, LogError> {
    let payload = entry.encode();
    let signature = key.sign(Namespace::LogEntry, &payload).map_err(LogError::ReplicaKey)?;
    Ok(Signed { payload: &payload, signature: &signature }.encode())
}

fn decode_entry(object: &[u8], sequence: u64) -> Result<(Signed<'_>, LogEntry), LogError> {
    let unsound = |source| LogError::Entry { sequence, source };
    let signed = Signed::decode(object).map_err(unsound)?;
    let entry = LogEntry::decode(signed.payload).map_err(unsound)?;
    Ok((signed, entry))
}

pub(super) fn read_entry(object: &[u8], sequence: u64) -> Result<(LogEntry, PublicKey), LogError> {
    let (signed, entry) = decode_entry(object, sequence)?;
    let signer = verify(Namespace::LogEntry, signed.payload, signed.signature)
        .map_err(|source| LogError::Signature { sequence, source })?;
    if signer.as_bytes() != &entry.signer.key {
        let why = "the signature is by another key than the entry states";
        return Err(LogError::Chain { sequence, id: LogEntryId::of(object), why: why.into() });
    }
    Ok((entry, signer))
}
