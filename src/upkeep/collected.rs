//! That nothing was left to collect, and until when: saves the next `gc` the walk.

use std::path::PathBuf;

use crate::disk::ReadFile;
use crate::object::{Id, LogEntryId};
use crate::repo::Repository;

const CONTEXT: &str = "aisr 2026-11-25 collected v1";
const PACKS: &str = "aisr 2026-11-25 list of packs v1";
const LIMIT: u64 = 4096;

/// The state of a repository in which nothing was left to collect. It is believed only while all
/// of it holds: nothing is ever removed by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Collected {
    /// The last log entry.
    pub log: LogEntryId,
    /// What the packs are: a hash of their ids.
    pub packs: Id,
    /// How long log entries were kept, in microseconds.
    pub keep: u64,
    /// From this moment on something may have expired: microseconds since the epoch.
    pub until: i64,
    /// Whether something stays only because it is young.
    pub held: bool,
}

impl Collected {
    /// The hash of the packs that a store has now.
    pub fn packs_of(repo: &Repository) -> Id {
        let packs = repo.store().pack_files();
        let mut ids: Vec<_> = packs.iter().map(|pack| pack.id()).collect();
        ids.sort_unstable();
        let mut hasher = blake3::Hasher::new_derive_key(PACKS);
        for id in ids {
            hasher.update(id.as_bytes());
        }
        Id::new(*hasher.finalize().as_bytes())
    }

    /// The file's text.
    pub fn encode(&self) -> String {
        let Self { log, packs, keep, until, held } = self;
        let held = u8::from(*held);
        let body = format!(
            "aisr-collected 0\nlog {log}\npacks {packs}\nkeep {keep}\nuntil {until}\nheld {held}\n"
        );
        format!("{body}checksum {}\n", Id::new(blake3::derive_key(CONTEXT, body.as_bytes())))
    }

    /// Reads the file's text; `None` if it is not the one form of such a state.
    pub fn decode(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix("aisr-collected 0\n")?.split('\n');
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let log = LogEntryId::from_id(Id::from_hex(field("log")?.as_bytes())?);
        let packs = Id::from_hex(field("packs")?.as_bytes())?;
        let keep = field("keep")?.parse().ok()?;
        let until = field("until")?.parse().ok()?;
        let held = field("held")? == "1";
        let state = Self { log, packs, keep, until, held };
        (state.encode() == text).then_some(state)
    }

    fn path(repo: &Repository) -> PathBuf {
        repo.folder().join("local/collected")
    }

    /// What was written last, if it can be read.
    pub(super) fn load(repo: &Repository) -> Option<Self> {
        let bytes = ReadFile::open(&Self::path(repo)).and_then(|file| file.read_all(LIMIT)).ok()?;
        Self::decode(std::str::from_utf8(&bytes).ok()?)
    }

    /// Remembers the state. It need not be durable, and that it cannot be written is no error.
    pub(super) fn save(&self, repo: &Repository) {
        let local = repo.folder().join("local");
        let _ = repo.disk().open_dir(&local).and_then(|folder| {
            let file = folder.create_temporary(0o600)?;
            file.write_all_at(0, self.encode().as_bytes())?;
            file.place_in(&folder, "collected", crate::disk::OnExisting::Replace)
        });
    }
}
