//! Refs, log and the key of this clone: what can be derived is, else a new log begins.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::disk::{Lock, ReadFile, Wait};
use crate::log::{
    BrokenEntry, Head, HeadEntry, LogSurvey, NewLog, PlaceLog, RefName, Refs, begin_again,
    replace_refs,
};
use crate::object::{
    Commit, CommitId, Id, KEY_LEN, LogEntryId, LogId, ObjectType, RepositoryId, Signed, Tag,
    TrustRootId,
};
use crate::policy::with_sources;
use crate::repo::now;
use crate::sign::SecretKey;
use crate::store::Store;
use crate::trust::{Adoption, Chain, adopt};

use super::error::RepairError;
use super::repair::Bench;
use super::repair_files::keep_copy;

const REFS_LIMIT: u64 = 1 << 30;
/// As for an append: a minute means that whoever has the lock is stuck.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);
/// How many commits are looked through for those that no other follows.
const COMMITS: usize = 1 << 20;
/// How many trust roots are looked at.
const ROOTS: usize = 1 << 12;
const KEY: &str = "local/replica-key";

/// What is there of refs and log.
struct Found {
    /// The refs file, or what is wrong with it.
    refs: Result<Refs, String>,
    refs_bytes: Vec<u8>,
    /// The log, as far as it can be read.
    survey: Option<LogSurvey>,
    /// The files of the folder `log` that are no log any more once a new one begins.
    files: Vec<PathBuf>,
}

/// What refs and log must become.
enum Plan {
    /// Nothing has to change.
    Stay,
    /// The refs file follows from the log.
    RefsOnly { refs: Refs, why: String },
    /// A new log begins with these refs.
    NewLog { refs: Refs, why: String },
}

/// Repairs refs, log and key. Gives the refs as they then are, where anything was to be done.
pub(super) fn repair_log(
    bench: &mut Bench<'_>,
    store: &Store,
) -> Result<Option<Refs>, RepairError> {
    let lock = bench.folder.join("local/log-lock");
    let _lock = match bench.is_dry {
        true => None,
        false => Some(Lock::exclusive(&lock, Wait::AtMost(LOCK_PATIENCE))?),
    };
    let found = look(bench)?;
    let _ = allowed(ReadFile::open(&bench.folder.join(KEY)))?;
    let key = SecretKey::load(&bench.folder.join(KEY), &mut |_| Ok(None));
    let log_key = found.survey.as_ref().map(|survey| survey.key);
    let key_why = match &key {
        Err(e) => Some(with_sources(e)),
        Ok(key) if log_key.is_some_and(|known| known != *key.public().as_bytes()) => {
            Some("it is not the key of the log".into())
        }
        Ok(_) => None,
    };
    match (plan(bench, store, &found), key_why) {
        (Plan::Stay, None) => Ok(None),
        (Plan::RefsOnly { refs, why }, None) => {
            restore_refs(bench, &found, &refs, &why)?;
            Ok(Some(refs))
        }
        (Plan::NewLog { refs, why }, None) => {
            let key = key?;
            new_log(bench, store, &found, &refs, &why, &key)?;
            Ok(Some(refs))
        }
        (plan, Some(key_why)) => {
            let (refs, why) = match plan {
                Plan::Stay => (present(bench, &found), String::new()),
                Plan::RefsOnly { refs, why } | Plan::NewLog { refs, why } => (Some(refs), why),
            };
            let Some(refs) = refs else { return Ok(None) };
            let detail = format!("{key_why}: a new key is made, so a new log begins");
            bench.report.step(KEY, detail);
            let key = new_key(bench)?;
            new_log(bench, store, &found, &refs, &why, &key)?;
            Ok(Some(refs))
        }
    }
}

/// The refs as they are, with what is rolled forward.
fn present(bench: &Bench<'_>, found: &Found) -> Option<Refs> {
    let open = PlaceLog::open(bench.disk.clone(), &bench.folder);
    open.map(|log| log.refs().clone()).ok().or_else(|| found.refs.as_ref().ok().cloned())
}

fn look(bench: &Bench<'_>) -> Result<Found, RepairError> {
    let path = bench.folder.join("refs");
    let read = allowed(ReadFile::open(&path).and_then(|file| file.read_all(REFS_LIMIT)))?;
    let refs = match &read {
        Ok(bytes) => Refs::decode(bytes),
        Err(e) if e.is_not_found() => Err("it is missing".into()),
        Err(e) => Err(with_sources(e)),
    };
    let entries = std::fs::read_dir(bench.folder.join("log")).into_iter().flatten().flatten();
    let is_log = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        LogId::from_hex(name.as_bytes()).is_some()
    };
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(is_log).collect();
    files.sort();
    for file in &files {
        let _ = allowed(ReadFile::open(file))?;
    }
    let surveys = files.iter().filter_map(|path| LogSurvey::of(path).ok().flatten());
    let survey = match &refs {
        Ok(refs) => surveys.into_iter().find(|survey| survey.log == refs.log),
        // Without refs: the log that was written to last.
        Err(_) => surveys.max_by_key(|survey| survey.time.micros),
    };
    Ok(Found { refs, refs_bytes: read.unwrap_or_default(), survey, files })
}

/// What this user may not read is no damage, but an error.
fn allowed<T>(read: crate::disk::Result<T>) -> Result<crate::disk::Result<T>, RepairError> {
    match read {
        Err(e) if e.io_kind() == Some(std::io::ErrorKind::PermissionDenied) => Err(e.into()),
        other => Ok(other),
    }
}

fn plan(bench: &Bench<'_>, store: &Store, found: &Found) -> Plan {
    let sound = PlaceLog::open(bench.disk.clone(), &bench.folder)
        .and_then(|log| log.walk(&mut |_, _| {}).map(|_| log));
    let opened = match sound {
        Ok(_) => return Plan::Stay,
        Err(e) => with_sources(&e),
    };
    match (&found.refs, &found.survey) {
        (Err(why), Some(survey)) => match &survey.broken {
            None => {
                let entries = survey.entries;
                let why =
                    format!("{why}: derived from the log, which ends with entry {}", entries - 1);
                let torn = match survey.torn {
                    0 => String::new(),
                    n => format!("; {n} bytes behind it are no whole entry"),
                };
                Plan::RefsOnly { refs: survey.refs.clone(), why: format!("{why}{torn}") }
            }
            Some(broken) => {
                let refs = survey.refs_with_later(survey.refs.clone(), None);
                let refs = with_head(survey.knows_head(), refs);
                let why = format!("{}; the refs file is damaged too: {why}", tell(broken, survey));
                Plan::NewLog { refs, why }
            }
        },
        (Ok(refs), Some(survey)) => {
            let is_behind = survey.refs.last.sequence < refs.last.sequence;
            match &survey.broken {
                // The chain is whole and signed, and reaches as far: it is right, not the file.
                None if !is_behind => {
                    let why = format!("{opened}: derived from the log");
                    Plan::RefsOnly { refs: survey.refs.clone(), why }
                }
                None => Plan::NewLog { refs: refs.clone(), why: opened },
                Some(broken) => {
                    let after = Some(refs.last.sequence);
                    let state = survey.refs_with_later(refs.clone(), after);
                    Plan::NewLog { refs: state, why: tell(broken, survey) }
                }
            }
        }
        (Ok(refs), None) => Plan::NewLog { refs: refs.clone(), why: opened },
        (Err(why), None) => Plan::NewLog {
            refs: from_objects(store),
            why: format!("refs and log are lost ({why}): the tips of the history that is here"),
        },
    }
}

fn tell(broken: &BrokenEntry, survey: &LogSurvey) -> String {
    let BrokenEntry { sequence, offset, why } = broken;
    let later = survey.later.len();
    format!("entry {sequence} at byte {offset} is damaged ({why}); {later} behind it are sound")
}

fn with_head(is_known: bool, refs: Refs) -> Refs {
    match (is_known, RefName::branch("main")) {
        (false, Ok(main)) => Refs { head: Head::Branch(main), ..refs },
        _ => refs,
    }
}

fn restore_refs(
    bench: &mut Bench<'_>,
    found: &Found,
    refs: &Refs,
    why: &str,
) -> Result<(), RepairError> {
    bench.report.step("refs", why);
    if bench.is_dry {
        return Ok(());
    }
    if !found.refs_bytes.is_empty() {
        keep_copy(bench, "refs", &found.refs_bytes)?;
    }
    Ok(replace_refs(bench.disk, &bench.folder, refs)?)
}

fn new_key(bench: &mut Bench<'_>) -> Result<SecretKey, RepairError> {
    let key = SecretKey::generate()?;
    if bench.is_dry {
        return Ok(key);
    }
    let path = bench.folder.join(KEY);
    let before = ReadFile::open(&path).and_then(|file| file.read_all(1 << 20));
    if let Ok(before) = before {
        keep_copy(bench, "replica-key", &before)?;
    }
    let pem = key.to_openssh_pem("aisr replica")?;
    bench.disk.replace_whole(&path, pem.as_bytes(), 0o600)?;
    Ok(key)
}

fn new_log(
    bench: &mut Bench<'_>,
    store: &Store,
    found: &Found,
    refs: &Refs,
    why: &str,
    key: &SecretKey,
) -> Result<(), RepairError> {
    let Some((repo, trust_root)) = founded(store, found) else {
        let detail = "a new log cannot begin: the genesis is lost, and no log entry names it";
        bench.report.step("log", detail);
        return Ok(());
    };
    let before = found.survey.as_ref().and_then(LogSurvey::last_sound);
    let kept = match why.is_empty() {
        true => "it goes on in a new log".to_owned(),
        false => format!("{why}: a new log begins with the refs as they are"),
    };
    let lost = "`undo`, `op log` and @{N} do not reach behind it";
    bench.report.step("log", format!("{kept}; {lost}"));
    if bench.is_dry {
        return Ok(());
    }
    if let Err(why) = &found.refs
        && !found.refs_bytes.is_empty()
    {
        bench.report.step("refs", format!("{why}: written anew"));
        keep_copy(bench, "refs", &found.refs_bytes)?;
    }
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(RepairError::NoRandomness)?;
    let (log, time) = (LogId::new(id), now());
    let new = NewLog { repo, log, head: &refs.head, refs, before, trust_root, time };
    begin_again(bench.disk, &bench.folder, &new, key)?;
    for file in &found.files {
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        bench.aside.put(file, &format!("log-{name}"))?;
    }
    Ok(())
}

/// The repository and the trust root in force, from the log; else from the one genesis that is
/// here, and the longest chain of roots that follows from it.
fn founded(store: &Store, found: &Found) -> Option<(RepositoryId, TrustRootId)> {
    if let Some(survey) = &found.survey {
        return Some((survey.repo, survey.trust_root));
    }
    let geneses = store.with_prefix("", &[ObjectType::Genesis], 2).ok()?;
    let [(id, _)] = geneses.as_slice() else { return None };
    let repo = RepositoryId::from_id(*id);
    let mut root = Chain::genesis(store, repo).ok()?.last().id;
    for (id, _) in store.with_prefix("", &[ObjectType::TrustRoot], ROOTS).unwrap_or_default() {
        let later = TrustRootId::from_id(id);
        if let Ok(Adoption::Extends(_)) = adopt(store, root, later) {
            root = later;
        }
    }
    Some((repo, root))
}

/// Where neither refs nor log say anything: tags by the names that they state, and the commits
/// that no other follows, the newest of them as `main`.
fn from_objects(store: &Store) -> Refs {
    let kinds = [ObjectType::Commit, ObjectType::Tag];
    let objects = store.with_prefix("", &kinds, COMMITS).unwrap_or_default();
    let (mut commits, mut parents) = (Vec::new(), HashSet::new());
    let mut refs = Refs {
        log: LogId::new([0; 16]),
        last: HeadEntry { sequence: 0, id: LogEntryId::of(&[]), offset: 0 },
        length: 0,
        head: Head::Detached(Id::new([0; KEY_LEN])),
        refs: Default::default(),
    };
    for (id, kind) in objects {
        let Ok(object) = store.read(kind, id) else { continue };
        let Ok(signed) = Signed::decode(&object) else { continue };
        if kind == ObjectType::Tag {
            let name = Tag::decode(signed.payload).ok().map(|tag| tag.name);
            let name =
                name.and_then(|name| RefName::new(&[b"refs/tags/", &name[..]].concat()).ok());
            refs.refs.extend(name.map(|name| (name, id)));
        } else if let Ok(commit) = Commit::decode(signed.payload) {
            parents.extend(commit.parents.iter().copied());
            commits.push((commit.committed.micros, CommitId::from_id(id)));
        }
    }
    commits.retain(|(_, id)| !parents.contains(id));
    commits.sort_unstable();
    let newest = commits.pop();
    let found = commits.iter().map(|(_, id)| (format!("found/{}", &id.to_hex()[..16]), id.id()));
    let tips = newest.iter().map(|(_, id)| ("main".to_owned(), id.id())).chain(found);
    let named = tips.filter_map(|(name, id)| Some((RefName::branch(&name).ok()?, id)));
    refs.refs.extend(named);
    with_head(false, refs)
}
