//! Contents that are a sequence of records: JSON lines and CSV.
//!
//! What a record is keyed by is found in the records: the first of [`KEYS`] that all of them have,
//! as text or a whole number, each once. Where there is none the table is a
//! multiset of records. Only the places of the records stay in memory beside the content; each is
//! read again when a cursor comes to it.

use std::any::Any;
use std::cmp::Ordering;
use std::ops::Range;

use crate::object::tuple;

use super::csv::{self, Fields, Shape};
use super::document::table;
use super::element::element_of;
use super::error::ViewError;
use super::value::{Element, Record, Value};
use super::{Cursor, Kind, Table, View, json};

/// Fields that identify a record, the most telling first.
pub(super) const KEYS: [&str; 4] = ["id", "_id", "key", "uuid"];

/// How a record is written.
#[derive(PartialEq)]
enum Format {
    JsonLines,
    Csv(Shape),
}

/// Where a record with a key of its own lies.
struct Place {
    key: Element,
    range: Range<usize>,
}

/// A sequence of records, in no order that counts.
pub(super) struct Records {
    content: String,
    format: Format,
    tables: [Table; 1],
    /// Where each record lies, in the order of the content.
    ranges: Vec<Range<usize>>,
    /// The same in the order of their keys, where they have some.
    places: Vec<Place>,
}

impl Records {
    /// JSON values, one in each line; blank lines do not count.
    pub(super) fn json_lines(content: String) -> Result<Self, ViewError> {
        let ranges = lines(&content);
        Self::new(content, Format::JsonLines, ranges)
    }

    /// Comma-separated values, or what else the first line is separated by.
    pub(super) fn csv(content: String) -> Result<Self, ViewError> {
        let (shape, ranges) = csv::records(&content)?;
        Self::new(content, Format::Csv(shape), ranges)
    }

    fn new(content: String, format: Format, ranges: Vec<Range<usize>>) -> Result<Self, ViewError> {
        let mut records =
            Self { content, format, tables: [table("", &[])], ranges, places: Vec::new() };
        if let Some((name, keys)) = records.find_key()? {
            let places = keys.into_iter().zip(&records.ranges);
            records.places =
                places.map(|(key, range)| Place { key, range: range.clone() }).collect();
            records.places.sort_by(|a, b| a.key.cmp(&b.key));
            records.tables = [table("", &[name])];
        }
        Ok(records)
    }

    fn reader(&self) -> Reader<'_> {
        let csv = match &self.format {
            Format::JsonLines => None,
            Format::Csv(shape) => Some((shape, shape.reader())),
        };
        Reader { content: &self.content, csv }
    }

    /// Reads every record once: so a content that opens is sound to its end.
    fn find_key(&self) -> Result<Option<(&'static str, Vec<Element>)>, ViewError> {
        let mut candidates: Vec<(&'static str, Vec<Element>)> =
            KEYS.iter().map(|name| (*name, Vec::new())).collect();
        if matches!(&self.format, Format::Csv(shape) if !shape.has_header()) {
            candidates.clear();
        }
        let mut reader = self.reader();
        for range in &self.ranges {
            let value = reader.read(range)?;
            candidates.retain_mut(|(name, keys)| match key_of(&value, name) {
                Some(key) => {
                    keys.push(key);
                    true
                }
                None => false,
            });
        }
        let unique = |(_, keys): &(&str, Vec<Element>)| {
            let mut sorted: Vec<&Element> = keys.iter().collect();
            sorted.sort_unstable();
            !sorted.is_empty() && sorted.windows(2).all(|pair| pair[0] != pair[1])
        };
        Ok(candidates.into_iter().find(unique))
    }

    /// The places of equal records, in their order, and how often each is there.
    fn counted(&self) -> Result<Vec<(Range<usize>, u64)>, ViewError> {
        let mut keyed = Vec::with_capacity(self.ranges.len());
        let mut reader = self.reader();
        for range in &self.ranges {
            keyed.push((tuple::encode(&[element_of(&reader.read(range)?)]), range.clone()));
        }
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        let equal = keyed.chunk_by(|a, b| a.0 == b.0);
        Ok(equal.filter_map(|run| Some((run.first()?.1.clone(), run.len() as u64))).collect())
    }

    /// The places, where both versions are keyed by the same and written in the same way.
    fn comparable<'v>(&self, beside: Option<&'v dyn View>) -> Option<&'v Self> {
        let beside: &dyn Any = beside?.as_any();
        let beside: &Self = beside.downcast_ref()?;
        (self.tables == beside.tables && self.format == beside.format).then_some(beside)
    }
}

/// Reads single records.
struct Reader<'v> {
    content: &'v str,
    csv: Option<(&'v Shape, Fields)>,
}

impl Reader<'_> {
    fn read(&mut self, range: &Range<usize>) -> Result<Value, ViewError> {
        let text = self.content.get(range.clone()).unwrap_or_default();
        if let Some((shape, fields)) = &mut self.csv {
            return shape.record(text, fields);
        }
        json::parse(text).map_err(|error| match error {
            ViewError::Malformed { why, at, .. } => {
                let at = at.saturating_add(range.start as u64);
                ViewError::Malformed { what: "JSON lines", why, at }
            }
            error => error,
        })
    }
}

/// The lines that are not blank.
fn lines(content: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut out = Vec::new();
    for line in content.split_inclusive('\n') {
        let end = start + line.len();
        if !line.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            out.push(start..end);
        }
        start = end;
    }
    out
}

/// What a record has in a field, if that can identify it.
fn key_of(record: &Value, name: &str) -> Option<Element> {
    let Value::Fields(fields) = record else {
        return None;
    };
    let mut named = fields.iter().filter(|(known, _)| known == name);
    let value = named.next().filter(|_| named.next().is_none()).map(|(_, value)| value)?;
    match element_of(value) {
        key @ (Element::Text(_) | Element::Integer(_)) => Some(key),
        _ => None,
    }
}

impl View for Records {
    fn kind(&self) -> Kind {
        match self.format {
            Format::JsonLines => Kind::JsonLines,
            Format::Csv(_) => Kind::Csv,
        }
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn reads_without_keys(&self) -> bool {
        true
    }

    fn cursor<'v>(
        &'v self,
        table: &Table,
        beside: Option<&'v dyn View>,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError> {
        if table.is_multiset() || self.places.is_empty() {
            let counted = self.counted()?.into_iter();
            return Ok(Box::new(Counted { reader: self.reader(), counted }));
        }
        let beside = self.comparable(beside);
        let other = beside.map_or(&[][..], |beside| beside.places.as_slice()).iter();
        let places = self.places.iter();
        Ok(Box::new(Keyed { records: self, reader: self.reader(), places, beside, other }))
    }

    fn get(&self, _table: &Table, key: &[Element]) -> Result<Option<Value>, ViewError> {
        let [key] = key else { return Ok(None) };
        if !self.places.is_empty() {
            let found = self.places.binary_search_by(|place| place.key.cmp(key)).ok();
            let place = found.and_then(|at| self.places.get(at));
            return place.map(|place| self.reader().read(&place.range)).transpose();
        }
        let mut count = 0;
        let mut reader = self.reader();
        for range in &self.ranges {
            count += u64::from(element_of(&reader.read(range)?) == *key);
        }
        Ok((count > 0).then_some(Value::Count(count)))
    }

    fn finds_by_key(&self, _table: &Table) -> bool {
        !self.places.is_empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Records by key, without those that the other version has in the same bytes.
struct Keyed<'v> {
    records: &'v Records,
    reader: Reader<'v>,
    places: std::slice::Iter<'v, Place>,
    beside: Option<&'v Records>,
    other: std::slice::Iter<'v, Place>,
}

impl Keyed<'_> {
    fn is_shared(&mut self, place: &Place) -> bool {
        let Some(beside) = self.beside else {
            return false;
        };
        while let Some(other) = self.other.as_slice().first() {
            match other.key.cmp(&place.key) {
                Ordering::Less => self.other.next(),
                Ordering::Equal => {
                    let theirs = beside.content.get(other.range.clone());
                    return self.records.content.get(place.range.clone()) == theirs;
                }
                Ordering::Greater => return false,
            };
        }
        false
    }
}

impl Cursor for Keyed<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        while let Some(place) = self.places.next() {
            if !self.is_shared(place) {
                let value = self.reader.read(&place.range)?;
                return Ok(Some(Record { key: vec![place.key.clone()], value }));
            }
        }
        Ok(None)
    }
}

/// Records without keys.
struct Counted<'v> {
    reader: Reader<'v>,
    counted: std::vec::IntoIter<(Range<usize>, u64)>,
}

impl Cursor for Counted<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        let Some((range, times)) = self.counted.next() else {
            return Ok(None);
        };
        let key = vec![element_of(&self.reader.read(&range)?)];
        Ok(Some(Record { key, value: Value::Count(times) }))
    }
}
