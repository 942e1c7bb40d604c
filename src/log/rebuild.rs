//! What a damaged log still says, and how one begins again.

use std::path::Path;

use crate::disk::{Disk, ReadFile};
use crate::object::{
    Cause, ChangeKind, KeyBytes, LogEntry, LogEntryId, LogId, RefChange, RefTarget, RepositoryId,
    Stamp, TrustRootId, limits,
};
use crate::sign::SecretKey;

use super::error::LogError;
use super::file::{FRAME_HEAD_LEN, FRAMES_START, Frame, frame, header, next_frame};
use super::place::{read_entry, sign};
use super::ref_name::RefName;
use super::refs::{Head, HeadEntry, Refs};

/// A log is read whole to look through it; none that was written here comes near.
const LONGEST: u64 = 1 << 30;
/// So many refs fit into one entry with much room to spare.
const REFS_OF_ENTRY: usize = 4096;

/// What a log file still says.
pub struct LogSurvey {
    /// The log.
    pub log: LogId,
    /// The repository, the trust root in force and the key, as the last sound entry has them.
    pub repo: RepositoryId,
    /// The trust root.
    pub trust_root: TrustRootId,
    /// The key that signs.
    pub key: KeyBytes,
    /// When the last sound entry was made.
    pub time: Stamp,
    /// How many entries from the first on are sound and follow each other.
    pub entries: u64,
    /// What these lead to. Its last entry is the last of them.
    pub refs: Refs,
    /// The first entry that is not sound: its number, where it is, and what is wrong with it.
    pub broken: Option<BrokenEntry>,
    /// The sound entries behind it.
    pub later: Vec<(LogEntryId, LogEntry)>,
    /// How many bytes at the end are no whole entry.
    pub torn: u64,
}

/// An entry that is not sound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokenEntry {
    /// Its number.
    pub sequence: u64,
    /// Where it starts in the file.
    pub offset: u64,
    /// What is wrong with it.
    pub why: String,
}

impl LogSurvey {
    /// Looks through the log file at `path`. `None` where nothing of it is an entry.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(path: &Path) -> Result<Option<Self>, LogError> {
        let bytes = ReadFile::open(path)?.read_all(LONGEST)?;
        let mut survey = None;
        let end = sound_prefix(&bytes, &mut survey);
        let mut rest = end;
        let mut later = Vec::new();
        while let Some((at, id, entry)) = next_sound(&bytes, rest, survey.as_ref()) {
            let Frame::Whole(object, _) = next_frame(&bytes[at..]) else { break };
            rest = at + FRAME_HEAD_LEN + object.len();
            survey.get_or_insert_with(|| Self::begin(&entry));
            later.push((id, entry));
        }
        let Some(mut survey) = survey else { return Ok(None) };
        survey.torn = (bytes.len() - rest) as u64;
        let head_is_sound = bytes.starts_with(&header(survey.log));
        if !later.is_empty() || !head_is_sound {
            let offset = if head_is_sound { end as u64 } else { 0 };
            let why = match (head_is_sound, next_frame(&bytes[end.min(bytes.len())..])) {
                (false, _) => "the header is not that of this log",
                (_, Frame::Torn(why)) => why,
                _ => "it does not go on with the chain",
            };
            let (sequence, why) = (survey.entries, why.into());
            survey.broken = Some(BrokenEntry { sequence, offset, why });
        }
        if let Some((_, last)) = later.last() {
            (survey.trust_root, survey.time) = (last.trust_root, last.time);
        }
        survey.later = later;
        Ok(Some(survey))
    }

    fn begin(entry: &LogEntry) -> Self {
        let last = HeadEntry { sequence: 0, id: LogEntryId::of(&[]), offset: 0 };
        Self {
            log: entry.log,
            repo: entry.repo,
            trust_root: entry.trust_root,
            key: entry.signer.key,
            time: entry.time,
            entries: 0,
            refs: Refs {
                log: entry.log,
                last,
                length: FRAMES_START,
                head: Head::Detached(LogEntryId::of(&[]).id()),
                refs: Default::default(),
            },
            broken: None,
            later: Vec::new(),
            torn: 0,
        }
    }

    /// The refs, with the changes of sound entries after number `after` that the chain does not
    /// lead to any more: each entry states what its refs became. `None` if no entry says what HEAD
    /// is.
    pub fn refs_with_later(&self, mut refs: Refs, after: Option<u64>) -> Refs {
        let is_later = |entry: &LogEntry| after.is_none_or(|after| entry.sequence > after);
        for (_, entry) in self.later.iter().filter(|(_, entry)| is_later(entry)) {
            for change in &entry.changes {
                force(&mut refs, change);
            }
        }
        refs
    }

    /// Whether the chain or an entry behind it says where HEAD is.
    pub fn knows_head(&self) -> bool {
        let is_head = |change: &RefChange| change.name == b"HEAD";
        self.entries > 0 || self.later.iter().any(|(_, entry)| entry.changes.iter().any(is_head))
    }

    /// The last entry that is sound.
    pub fn last_sound(&self) -> Option<LogEntryId> {
        let last = (self.entries > 0).then_some(self.refs.last.id);
        self.later.last().map(|(id, _)| *id).or(last)
    }
}

/// Follows the chain from the first entry on; gives where it ends.
fn sound_prefix(bytes: &[u8], survey: &mut Option<LogSurvey>) -> usize {
    let mut at = FRAMES_START as usize;
    while let Some(rest) = bytes.get(at..) {
        let Frame::Whole(object, _) = next_frame(rest) else { break };
        let sequence = survey.as_ref().map_or(0, |survey| survey.entries);
        let Ok((entry, signer)) = read_entry(object, sequence) else { break };
        if survey.is_none()
            && (entry.sequence != 0
                || entry.replica.map(KeyBytes::from) != Some(*signer.as_bytes()))
        {
            break;
        }
        let begun = survey.get_or_insert_with(|| LogSurvey::begin(&entry));
        let follows = entry.log == begun.log
            && entry.sequence == begun.entries
            && (begun.entries == 0 || entry.previous == Some(begun.refs.last.id))
            && *signer.as_bytes() == begun.key
            && begun.refs.apply(&entry).is_ok();
        if !follows {
            break;
        }
        let (sequence, id) = (entry.sequence, LogEntryId::of(object));
        begun.refs.last = HeadEntry { sequence, id, offset: at as u64 };
        at += FRAME_HEAD_LEN + object.len();
        (begun.refs.length, begun.entries) = (at as u64, begun.entries + 1);
        (begun.trust_root, begun.time) = (entry.trust_root, entry.time);
    }
    at.min(bytes.len())
}

/// The next entry at or behind `from` that is sound by itself and belongs to the same log.
fn next_sound(
    bytes: &[u8],
    from: usize,
    survey: Option<&LogSurvey>,
) -> Option<(usize, LogEntryId, LogEntry)> {
    let belongs = |entry: &LogEntry| {
        survey.is_none_or(|known| {
            entry.log == known.log
                && entry.signer.key == known.key
                && entry.sequence >= known.entries
        })
    };
    (from..bytes.len().saturating_sub(FRAME_HEAD_LEN)).find_map(|at| {
        // An entry is an array of two: most places are passed over by that.
        if bytes.get(at + FRAME_HEAD_LEN) != Some(&0x82) {
            return None;
        }
        let Frame::Whole(object, _) = next_frame(&bytes[at..]) else { return None };
        let (entry, _) = read_entry(object, 0).ok()?;
        belongs(&entry).then(|| (at, LogEntryId::of(object), entry))
    })
}

/// Gives a ref the value that a change leads to, whatever it had.
fn force(refs: &mut Refs, change: &RefChange) {
    if change.name == b"HEAD" {
        match &change.new {
            Some(RefTarget::Object(id)) => refs.head = Head::Detached(*id),
            Some(RefTarget::Symbolic(name)) => {
                if let Ok(name) = RefName::new(name) {
                    refs.head = Head::Branch(name);
                }
            }
            None => {}
        }
        return;
    }
    let Ok(name) = RefName::new(&change.name) else { return };
    match &change.new {
        Some(RefTarget::Object(id)) => drop(refs.refs.insert(name, *id)),
        Some(RefTarget::Symbolic(_)) => {}
        None => drop(refs.refs.remove(&name)),
    }
}

/// Writes the refs file anew, durably.
///
/// # Errors
/// When the disk says no.
pub fn replace_refs(disk: &Disk, folder: &Path, refs: &Refs) -> Result<(), LogError> {
    Ok(disk.replace_whole(&folder.join("refs"), &refs.encode(), 0o600)?)
}

/// How a log begins again.
pub struct NewLog<'a> {
    /// The repository.
    pub repo: RepositoryId,
    /// The new log.
    pub log: LogId,
    /// What HEAD is.
    pub head: &'a Head,
    /// Every ref.
    pub refs: &'a Refs,
    /// The last sound entry of the log before it.
    pub before: Option<LogEntryId>,
    /// The trust root in force.
    pub trust_root: TrustRootId,
    /// When.
    pub time: Stamp,
}

/// Begins a new log with the refs as they are; from the moment when the refs file names it, it is
/// the log of this place. Its first entry names the last one of the log before it.
///
/// # Errors
/// When the disk says no or the key cannot sign.
pub fn begin_again(
    disk: &Disk,
    folder: &Path,
    new: &NewLog<'_>,
    key: &SecretKey,
) -> Result<(), LogError> {
    let public = *key.public().as_bytes();
    let mut changes = vec![RefChange {
        name: b"HEAD".to_vec(),
        old: None,
        new: Some(new.head.target()),
        kind: ChangeKind::Create,
    }];
    changes.extend(new.refs.refs.iter().map(|(name, id)| RefChange::create(name.as_bytes(), *id)));
    let mut bytes = header(new.log).to_vec();
    let mut last: Option<HeadEntry> = None;
    for changes in changes.chunks(REFS_OF_ENTRY) {
        let sequence = last.map_or(0, |last| last.sequence + 1);
        let ids = new.before.map(|id| id.id()).into_iter().collect();
        let cause = match sequence {
            0 => Cause { ids, ..Cause::of("open") },
            _ => Cause::of("repair"),
        };
        let entry = LogEntry {
            repo: new.repo,
            log: new.log,
            sequence,
            previous: last.map(|last| last.id),
            trust_root: new.trust_root,
            changes: changes.to_vec(),
            signer: crate::object::Actor { key: public, principal: None },
            acting_for: Vec::new(),
            approvals: Vec::new(),
            payload: Vec::new(),
            time: new.time,
            cause,
            replica: (sequence == 0).then(|| *public.point()),
            ext: Vec::new(),
        };
        let object = sign(&entry, key)?;
        debug_assert!(object.len() <= limits::LOG_ENTRY);
        last =
            Some(HeadEntry { sequence, id: LogEntryId::of(&object), offset: bytes.len() as u64 });
        bytes.extend(frame(&object));
    }
    let Some(last) = last else { return Ok(()) };
    let length = bytes.len() as u64;
    let refs = Refs { log: new.log, last, length, head: new.head.clone(), ..new.refs.clone() };
    let path = folder.join("log").join(new.log.to_hex());
    disk.create_whole(&path, &bytes, 0o600)?;
    replace_refs(disk, folder, &refs)
}
