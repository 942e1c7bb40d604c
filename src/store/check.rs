//! Checks a pack from its first byte to its last.

use std::ops::Range;
use std::sync::Arc;

use crate::object::{Id, ObjectType, PackId, RecipeId};

use super::error::{PackDamage, StoreError};
use super::footer::Entry;
use super::lookup::Store;
use super::pack_file::PackFile;
use super::record::{HEADER_LEN, RECORD_HEAD_LEN, Slot};

/// What a check of a pack found.
#[derive(Debug, Default)]
pub struct PackReport {
    /// How many objects are sound.
    pub objects: u64,
    /// How many bytes they take once decoded.
    pub bytes: u64,
    /// What is wrong.
    pub problems: Vec<PackProblem>,
    /// The objects that cannot be read, by type.
    pub lost: Vec<(Id, ObjectType)>,
    /// (blob, recipe root) as the footer states them.
    pub recipes: Vec<(Id, RecipeId)>,
}

/// A damage in a pack.
#[derive(Clone, Debug)]
pub struct PackProblem {
    /// The number of the record, counted from 1.
    pub record: Option<u64>,
    /// Where it is, or where the record starts.
    pub offset: Option<u64>,
    /// The objects that cannot be read because of it.
    pub objects: Vec<(Id, ObjectType)>,
    /// What is wrong, in words.
    pub detail: String,
}

impl PackProblem {
    /// A damage that no record has alone.
    pub fn of_pack(error: &StoreError) -> Self {
        let offset = match error {
            StoreError::Damaged { offset, .. } => Some(*offset),
            _ => None,
        };
        Self { record: None, offset, objects: Vec::new(), detail: error.to_string() }
    }
}

/// A pack whose footer is sound, to be checked in parts.
pub struct PackCheck<'s> {
    store: &'s Store,
    pack: Arc<PackFile>,
    /// The rows of the footer, by record.
    rows: Vec<Entry>,
    /// Where in `rows` each record begins.
    starts: Vec<usize>,
    records: u64,
    recipes: Vec<(Id, RecipeId)>,
}

/// What a check of some records of a pack found.
#[derive(Default)]
pub struct SpanReport {
    report: PackReport,
    /// Where the first record starts and the last one ends.
    place: Option<Range<u64>>,
    /// A record after which nobody knows where the next one starts.
    is_torn: bool,
    /// (blob, recipe root) as the headers of records state them.
    claims: Vec<(Id, RecipeId)>,
    /// How many stored bytes were read.
    read: u64,
}

impl SpanReport {
    /// How many stored bytes were read.
    pub fn read(&self) -> u64 {
        self.read
    }
}

/// The objects that a damaged record loses, and what is wrong with it.
type Loss = (Vec<(Id, ObjectType)>, StoreError);

/// Checks a pack from its first byte to its last: that records follow each other without gaps,
/// that every object hashes to its id, and that the footer states exactly these objects. What the
/// disk does not let itself be read is damaged.
pub fn check_pack(store: &Store, pack: &Arc<PackFile>) -> PackReport {
    match PackCheck::begin(store, pack) {
        Err(report) => report,
        Ok(check) => check.join([check.check(0..check.starts.len(), &|_| false)]),
    }
}

impl<'s> PackCheck<'s> {
    /// Reads the footer.
    ///
    /// # Errors
    /// Where it is damaged, a report that says so and nothing else.
    pub fn begin(store: &'s Store, pack: &Arc<PackFile>) -> Result<Self, PackReport> {
        let footer = pack.footer().map_err(|e| PackReport {
            problems: vec![PackProblem::of_pack(&e)],
            ..PackReport::default()
        })?;
        let mut rows = footer.entries;
        // An object of no length starts where the one behind it does.
        rows.sort_unstable_by_key(|row| (row.record, row.start, row.len));
        let is_first = |n: &usize| *n == 0 || rows[*n].record != rows[*n - 1].record;
        let starts = (0..rows.len()).filter(is_first).collect();
        let (records, recipes, pack) = (footer.records, footer.recipes, pack.clone());
        Ok(Self { store, pack, rows, starts, records, recipes })
    }

    /// The records in spans of about `bytes` stored bytes each.
    pub fn spans(&self, bytes: u64) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let mut first = 0;
        for n in 1..=self.starts.len() {
            let is_full = || self.offset(n) - self.offset(first) >= bytes;
            if n == self.starts.len() || is_full() {
                spans.push(first..n);
                first = n;
            }
        }
        spans
    }

    fn offset(&self, record: usize) -> u64 {
        self.rows[self.starts[record]].record
    }

    fn group(&self, record: usize) -> &[Entry] {
        let end = self.starts.get(record + 1).copied().unwrap_or(self.rows.len());
        &self.rows[self.starts[record]..end]
    }

    /// Checks some records. Of a record for which `is_known` says that its object was just read
    /// and hashed, only the header is looked at; it is asked for records of one object.
    pub fn check(&self, records: Range<usize>, is_known: &dyn Fn(&Entry) -> bool) -> SpanReport {
        let mut span = SpanReport::default();
        for record in records {
            let group = self.group(record);
            let start = group[0].record;
            if let Some(place) = &span.place
                && place.end != start
                && !span.is_torn
            {
                span.report.problems.push(gap(self.pack.id(), place.end));
            }
            let first = span.place.as_ref().map_or(start, |place| place.start);
            let (end, outcome) = self.record(group, is_known, &mut span);
            span.is_torn = end.is_none();
            span.place = Some(first..end.unwrap_or_else(|| end_of(group)));
            let report = &mut span.report;
            let sound = group.len() - outcome.as_ref().err().map_or(0, |(lost, _)| lost.len());
            report.objects += sound as u64;
            report.bytes += group.iter().map(|row| u64::from(row.len)).sum::<u64>();
            if let Err((lost, error)) = outcome {
                let lost_bytes = |id: Id| group.iter().find(|row| row.id == id).map(|row| row.len);
                let gone = lost.iter().filter_map(|(id, _)| lost_bytes(*id)).map(u64::from);
                report.bytes -= gone.sum::<u64>();
                report.lost.extend(&lost);
                report.problems.push(PackProblem {
                    record: Some(record as u64 + 1),
                    offset: Some(start),
                    objects: lost,
                    detail: error.to_string(),
                });
            }
        }
        span
    }

    /// Checks one record. Gives where it ends, if its header tells, and what is lost with it.
    fn record(
        &self,
        group: &[Entry],
        is_known: &dyn Fn(&Entry) -> bool,
        span: &mut SpanReport,
    ) -> (Option<u64>, Result<(), Loss>) {
        let pack = &self.pack;
        let offset = group[0].record;
        let all = |e| (group.iter().map(|row| (row.id, row.kind)).collect(), e);
        let (header, payload) = match pack.record_header(offset) {
            Ok(found) => found,
            Err(e) => return (None, Err(all(e))),
        };
        let end = Some(payload + u64::from(header.stored));
        let roots = header.slots.iter().zip(group);
        let builds = |(slot, row): (&Slot, &Entry)| Some((slot.builds?, RecipeId::from_id(row.id)));
        span.claims.extend(roots.filter_map(builds));
        let agree = header.slots.len() == group.len()
            && header.slots.iter().zip(group).all(|(slot, row)| {
                let stated = (row.kind, row.len, row.codec, row.stored, row.decoded);
                // The header of a record that stands on others is not known yet.
                stated == (slot.kind, slot.len, header.codec, header.stored, header.decoded)
                    && row.depth == 0
            });
        if !agree {
            let damage = PackDamage::Inconsistent("footer and record do not agree");
            let error = StoreError::Damaged { pack: pack.id().to_hex(), offset, damage };
            return (end, Err(all(error)));
        }
        if let [row] = group
            && is_known(row)
        {
            return (end, Ok(()));
        }
        span.read += u64::from(header.stored);
        let decoded = pack.stored_at(payload, header.stored).and_then(|stored| {
            self.store.decode_bytes(pack, offset, header.codec, stored, header.decoded)
        });
        let bytes = match decoded {
            Ok(bytes) => bytes,
            Err(e) => return (end, Err(all(e))),
        };
        let is_false = |row: &&Entry| {
            let object = bytes.get(row.start as usize..(row.start + row.len) as usize);
            object.is_none_or(|object| row.kind.id_of(object) != row.id)
        };
        let lost: Vec<_> = group.iter().filter(is_false).map(|row| (row.id, row.kind)).collect();
        match lost.first().copied() {
            None => (end, Ok(())),
            Some((id, kind)) => {
                (end, Err((lost, StoreError::WrongId { pack: pack.id(), offset, id, kind })))
            }
        }
    }

    /// Puts together what was found in spans that make up the whole pack, in their order.
    pub fn join(&self, spans: impl IntoIterator<Item = SpanReport>) -> PackReport {
        let mut whole = PackReport { recipes: self.recipes.clone(), ..PackReport::default() };
        let (mut at, mut is_torn) = (HEADER_LEN as u64, false);
        let mut claims = Vec::new();
        for span in spans {
            if let Some(place) = span.place {
                if place.start != at && !is_torn {
                    whole.problems.push(gap(self.pack.id(), at));
                }
                (at, is_torn) = (place.end, span.is_torn);
            }
            whole.objects += span.report.objects;
            whole.bytes += span.report.bytes;
            whole.problems.extend(span.report.problems);
            whole.lost.extend(span.report.lost);
            claims.extend(span.claims);
        }
        let ends = at == self.pack.records_end() && self.starts.len() as u64 == self.records;
        if whole.lost.is_empty() && !ends {
            whole.problems.push(gap(self.pack.id(), at));
        }
        claims.sort_unstable();
        if whole.lost.is_empty() && claims != self.recipes {
            let damage =
                PackDamage::Inconsistent("the rows of recipes are not those of the records");
            let (pack, offset) = (self.pack.id().to_hex(), self.pack.records_end());
            whole.problems.push(PackProblem::of_pack(&StoreError::Damaged {
                pack,
                offset,
                damage,
            }));
        }
        whole
    }
}

/// Where a record whose header is damaged ends, by its footer rows: its roots of recipes, whose
/// ids lengthen the header, are not known, so it may end later.
fn end_of(group: &[Entry]) -> u64 {
    group[0].record + (RECORD_HEAD_LEN + group.len() * 8) as u64 + u64::from(group[0].stored)
}

fn gap(pack: PackId, offset: u64) -> PackProblem {
    let damage = PackDamage::Inconsistent("bytes that belong to no record");
    PackProblem::of_pack(&StoreError::Damaged { pack: pack.to_hex(), offset, damage })
}
