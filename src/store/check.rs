//! Checks a pack from its first byte to its last.

use crate::object::{Id, ObjectType, PackId, RecipeId};

use super::error::{PackDamage, Result, StoreError};
use super::footer::Entry;
use super::lookup::Store;
use super::pack_file::PackFile;
use super::record::{HEADER_LEN, RECORD_HEAD_LEN};

/// What a check of a pack found.
#[derive(Debug, Default)]
pub struct PackReport {
    /// How many objects are sound.
    pub objects: u64,
    /// How many bytes they take once decoded.
    pub bytes: u64,
    /// What is wrong, one text a damage.
    pub problems: Vec<String>,
    /// The objects that cannot be read, by type.
    pub lost: Vec<(Id, ObjectType)>,
    /// (blob, recipe root) as the footer states them.
    pub recipes: Vec<(Id, RecipeId)>,
    /// The sound objects that are not blobs, with their types.
    pub structured: Vec<(Id, ObjectType)>,
}

/// Checks a pack from its first byte to its last: that records follow each other without gaps,
/// that every object hashes to its id, and that the footer states exactly these objects.
///
/// # Errors
/// Only when the disk does not let itself be read; damage is in the report.
pub fn check_pack(store: &Store, pack: &PackFile) -> Result<PackReport> {
    let mut report = PackReport::default();
    let footer = match pack.footer() {
        Ok(footer) => footer,
        Err(StoreError::Disk(e)) => return Err(e.into()),
        Err(e) => {
            report.problems.push(e.to_string());
            return Ok(report);
        }
    };
    report.recipes = footer.recipes.clone();
    let mut by_record = footer.entries;
    // An object of no length starts where the one behind it does.
    by_record.sort_unstable_by_key(|entry| (entry.record, entry.start, entry.len));
    let (mut at, mut records) = (HEADER_LEN as u64, 0);
    let mut claims = Vec::new();
    for group in by_record.chunk_by(|a, b| a.record == b.record) {
        records += 1;
        if group[0].record != at {
            report.problems.push(gap(pack.id(), at));
        }
        let (header, payload) = match pack.record_header(group[0].record) {
            Ok(found) => found,
            Err(StoreError::Disk(e)) if !matches!(e, crate::disk::DiskError::TooShort { .. }) => {
                return Err(e.into());
            }
            Err(e) => {
                report.problems.push(e.to_string());
                report.lost.extend(group.iter().map(|entry| (entry.id, entry.kind)));
                at = end_of(group);
                continue;
            }
        };
        at = payload + u64::from(header.stored);
        let roots = header.slots.iter().zip(group);
        claims.extend(
            roots.filter_map(|(slot, entry)| Some((slot.builds?, RecipeId::from_id(entry.id)))),
        );
        let agree = header.slots.len() == group.len()
            && header.slots.iter().zip(group).all(|(slot, entry)| {
                let row = (entry.kind, entry.len, entry.codec, entry.stored, entry.decoded);
                // The header of a record that stands on others is not known yet.
                row == (slot.kind, slot.len, header.codec, header.stored, header.decoded)
                    && entry.depth == 0
            });
        if !agree {
            let damage = PackDamage::Inconsistent("footer and record do not agree");
            let (pack, offset) = (pack.id().to_hex(), group[0].record);
            report.problems.push(StoreError::Damaged { pack, offset, damage }.to_string());
            report.lost.extend(group.iter().map(|entry| (entry.id, entry.kind)));
            continue;
        }
        let stored = pack.stored_at(payload, header.stored)?;
        let offset = group[0].record;
        let bytes = match store.decode_bytes(pack, offset, header.codec, stored, header.decoded) {
            Ok(bytes) => bytes,
            Err(e) => {
                report.problems.push(e.to_string());
                report.lost.extend(group.iter().map(|entry| (entry.id, entry.kind)));
                continue;
            }
        };
        for entry in group {
            let object = &bytes[entry.start as usize..(entry.start + entry.len) as usize];
            if entry.kind.id_of(object) == entry.id {
                report.objects += 1;
                report.bytes += object.len() as u64;
                if entry.kind != ObjectType::Blob {
                    report.structured.push((entry.id, entry.kind));
                }
            } else {
                let (pack, id, kind) = (pack.id(), entry.id, entry.kind);
                report.problems.push(StoreError::WrongId { pack, offset, id, kind }.to_string());
                report.lost.push((entry.id, entry.kind));
            }
        }
    }
    if report.lost.is_empty() && (at != footer.offset || records != footer.records) {
        report.problems.push(gap(pack.id(), at));
    }
    claims.sort_unstable();
    if report.lost.is_empty() && claims != report.recipes {
        let damage = PackDamage::Inconsistent("the rows of recipes are not those of the records");
        let (pack, offset) = (pack.id().to_hex(), footer.offset);
        report.problems.push(StoreError::Damaged { pack, offset, damage }.to_string());
    }
    Ok(report)
}

/// Where a record whose header is damaged ends, by its footer rows: its roots of recipes, whose
/// ids lengthen the header, are not known, so it may end later.
fn end_of(group: &[Entry]) -> u64 {
    group[0].record + (RECORD_HEAD_LEN + group.len() * 8) as u64 + u64::from(group[0].stored)
}

fn gap(pack: PackId, offset: u64) -> String {
    let damage = PackDamage::Inconsistent("bytes that belong to no record");
    StoreError::Damaged { pack: pack.to_hex(), offset, damage }.to_string()
}
