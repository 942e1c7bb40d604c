//! Which packs go, after everything that must stay was marked.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::object::{Id, ObjectType};
use crate::store::{Entry, Footer, StoreError};

use super::gc_report::Removed;
use super::mark::Marks;

/// What nothing leads to stays so long after it was written: an ingest that was interrupted goes
/// on from it.
const YOUNG: Duration = Duration::from_secs(14 * 24 * 3600);
/// A pack up to this length is written anew for anything that can go.
const SMALL: u64 = 64 << 20;
/// A longer one only where so much of it can: one part in so many.
const SHARE: u64 = 4;

/// What is to be done with the packs, by their numbers.
#[derive(Default)]
pub struct Sweep {
    /// Nothing leads to anything in them.
    pub empty: BTreeSet<usize>,
    /// What is live in them is copied into new packs.
    pub partly: BTreeSet<usize>,
    /// What goes.
    pub removed: Removed,
    /// Bytes that go, as far as it can be told before.
    pub bytes: u64,
    /// Bytes that stay though nothing leads to them, because too little of a pack could go.
    pub waste: u64,
    /// How many packs stay because they are young, and their bytes that could go.
    pub waiting: (u64, u64),
    /// When the first of these is old enough.
    pub next: Option<SystemTime>,
    /// Commits that stay in a pack though nothing leads to them: what they hold may go.
    pub left: BTreeSet<Id>,
}

impl Sweep {
    /// The packs that go.
    pub fn doomed(&self) -> BTreeSet<usize> {
        self.empty.union(&self.partly).copied().collect()
    }
}

/// Decides which packs go at the moment `at`; with `now`, also young ones.
///
/// # Errors
/// When a footer cannot be read.
pub fn sweep(marks: &Marks<'_>, at: SystemTime, now: bool) -> Result<Sweep, StoreError> {
    let mut sweep = Sweep::default();
    for (number, pack) in marks.index().packs().enumerate() {
        let live = marks.live_in(number);
        if live == pack.objects() && live > 0 {
            continue;
        }
        let old_enough = pack.written()?.checked_add(YOUNG).unwrap_or(at);
        let footer = pack.footer()?;
        let dead = dead(marks, number, &footer);
        let bytes: u64 = dead.iter().map(stored_bytes).sum();
        let length = pack.file_len();
        if old_enough > at && !now {
            sweep.waiting.0 += 1;
            sweep.waiting.1 += if live == 0 { length } else { bytes };
            sweep.next = Some(sweep.next.map_or(old_enough, |next| next.min(old_enough)));
        } else if live == 0 {
            sweep.empty.insert(number);
            sweep.bytes += length;
        } else if length <= SMALL || bytes >= length / SHARE {
            sweep.partly.insert(number);
            sweep.bytes += bytes;
        } else {
            sweep.waste += bytes;
        }
        if sweep.empty.contains(&number) || sweep.partly.contains(&number) {
            for entry in &dead {
                sweep.removed.count(entry.kind, marks.is_marked(entry.id)?);
            }
        } else {
            let commits = dead.iter().filter(|entry| entry.kind == ObjectType::Commit);
            sweep.left.extend(commits.map(|entry| entry.id));
        }
    }
    Ok(sweep)
}

fn dead(marks: &Marks<'_>, pack: usize, footer: &Footer) -> Vec<Entry> {
    let rows = marks.index().rows_of(pack).zip(&footer.entries);
    rows.filter(|(row, _)| !marks.is_live(*row)).map(|(_, entry)| *entry).collect()
}

/// What an object takes of its record, as it is stored.
fn stored_bytes(entry: &Entry) -> u64 {
    let (stored, len) = (u64::from(entry.stored), u64::from(entry.len));
    stored * len / u64::from(entry.decoded).max(1)
}
