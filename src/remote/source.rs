//! What a place says of itself: which repository it holds, and where its refs point.

use crate::log::{
    FRAME_HEAD_LEN, Frame, LogError, PlaceFile, Refs, SharedLog, next_frame, read_shared_entry,
};
use crate::object::{LogEntry, RepositoryId, TrustRootId, limits};
use crate::repo::Format;

use super::error::{RemoteError, Result};
use super::place::Place;

const REFS_LIMIT: u64 = 64 << 20;
/// So many new entries of a log are read at once.
const ENTRIES: u64 = 1 << 20;

/// What a place says of itself.
pub struct Source {
    /// The repository.
    pub repo: RepositoryId,
    /// HEAD, branches and tags; nothing else of another's refs matters.
    pub refs: Refs,
    /// The trust root in force there.
    pub trust_root: TrustRootId,
    /// The log of a shared place; a repository that somebody works in has one of its own, which
    /// says nothing to others.
    pub log: Option<SharedLog>,
    /// The entries that are new since `seen`.
    pub entries: Vec<LogEntry>,
}

/// Reads what a place says. Of a shared place's log only what is new since `seen` is read.
///
/// # Errors
/// When there is no place, its log is not the one that was seen, or something is not sound.
pub fn look(place: &dyn Place, seen: Option<&Refs>) -> Result<Source> {
    let format = get(place, "format", Format::LIMIT)?;
    let format =
        Format::decode(&format).map_err(|why| unsound(place, "format", why.to_string()))?;
    if let Some(what) = format.unmet() {
        let what = format!("{what} (it says so in {})", place.name());
        return Err(crate::repo::RepoError::Requires { what }.into());
    }
    match place.get(PlaceFile::NAME, PlaceFile::LIMIT)? {
        Some(bytes) => {
            let file = PlaceFile::decode(&bytes);
            shared(place, file.map_err(|why| unsound(place, PlaceFile::NAME, why))?, seen)
        }
        None => working(place),
    }
}

fn get(place: &dyn Place, key: &str, limit: u64) -> Result<Vec<u8>> {
    let found = place.get(key, limit)?;
    found.ok_or_else(|| RemoteError::NotAPlace { place: place.name().into() })
}

pub fn unsound(place: &dyn Place, key: &str, why: impl Into<String>) -> RemoteError {
    RemoteError::Unsound { place: place.name().into(), key: key.into(), why: why.into() }
}

fn shared(place: &dyn Place, file: PlaceFile, seen: Option<&Refs>) -> Result<Source> {
    let rewritten = |why: String| RemoteError::Rewritten { place: place.name().into(), why };
    let (mut log, mut trust_root) = (SharedLog::new(file.repo, file.log), None);
    if let Some(seen) = seen {
        let sequence = seen.last.sequence;
        if seen.log != file.log {
            return Err(rewritten(format!("it was {}, and is {}", seen.log, file.log)));
        }
        let key = SharedLog::key(file.log, sequence);
        let gone = || rewritten(format!("entry {sequence}, which was seen, is gone"));
        let object = place.get(&key, limits::LOG_ENTRY as u64)?.ok_or_else(gone)?;
        let (id, entry, _) = read_shared_entry(&object).map_err(in_log(place))?;
        if id != seen.last.id {
            return Err(rewritten(format!("entry {sequence} is another than the one seen")));
        }
        trust_root = Some(entry.trust_root);
        log = SharedLog::resume(file.repo, seen.clone());
    }
    let entries = read_on(place, &mut log)?;
    let trust_root = log.trust_root().or(trust_root);
    let trust_root =
        trust_root.ok_or_else(|| unsound(place, &SharedLog::key(file.log, 0), "it is missing"))?;
    let refs = log.refs().clone();
    Ok(Source { repo: file.repo, refs, trust_root, log: Some(log), entries })
}

/// Reads the entries behind the last one of `log`.
///
/// # Errors
/// When one is not sound.
pub fn read_on(place: &dyn Place, log: &mut SharedLog) -> Result<Vec<LogEntry>> {
    let mut entries = Vec::new();
    let id = log.refs().log;
    while let Some(object) = place.get(&SharedLog::key(id, log.next()), limits::LOG_ENTRY as u64)? {
        if entries.len() as u64 >= ENTRIES {
            let (place, what) = (place.name().into(), "new log entries");
            return Err(RemoteError::TooMany { place, what, limit: ENTRIES });
        }
        entries.push(log.take(&object).map_err(in_log(place))?);
    }
    Ok(entries)
}

fn in_log(place: &dyn Place) -> impl FnOnce(LogError) -> RemoteError {
    let place = place.name().to_owned();
    move |source| RemoteError::PlaceLog { place, source }
}

/// A repository that somebody works in: its refs, and what its last log entry says.
fn working(place: &dyn Place) -> Result<Source> {
    let bytes = get(place, "refs", REFS_LIMIT)?;
    let mut refs = Refs::decode(&bytes).map_err(|why| unsound(place, "refs", why))?;
    let key = format!("log/{}", refs.log);
    let offset = refs.last.offset;
    let len = refs.length.checked_sub(offset).and_then(|len| usize::try_from(len).ok());
    let longest = limits::LOG_ENTRY + FRAME_HEAD_LEN;
    let len = len.filter(|len| *len <= longest);
    let len = len.ok_or_else(|| unsound(place, "refs", "it names no place in the log"))?;
    let bytes = place.get_range(&key, offset, len)?;
    let Frame::Whole(object, []) = next_frame(&bytes) else {
        return Err(unsound(place, &key, "no whole entry where the last one must be"));
    };
    let (id, entry, _) = read_shared_entry(object).map_err(in_log(place))?;
    if id != refs.last.id {
        return Err(unsound(place, &key, "not the entry that the refs file names"));
    }
    refs.refs.retain(|name, _| name.is_branch() || name.is_tag());
    let (repo, trust_root) = (entry.repo, entry.trust_root);
    Ok(Source { repo, refs, trust_root, log: None, entries: Vec::new() })
}
