//! CSV (RFC 4180), read by `csv-core`: every content of UTF-8 text is some CSV.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::error::ViewError;
use super::limits::COLUMNS;
use super::value::Value;

/// What fields may be separated by.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How the records of a content are written.
#[derive(PartialEq)]
pub(super) struct Shape {
    delimiter: u8,
    /// The names of the columns; `None` where the first line is a record like the others.
    header: Option<Vec<String>>,
}

impl Shape {
    /// Whether the columns have names.
    pub(super) fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// What reads its records.
    pub(super) fn reader(&self) -> Fields {
        Fields::new(self.delimiter)
    }

    /// The one record that lies in a part of the content. Every field is text.
    pub(super) fn record(&self, text: &str, reader: &mut Fields) -> Result<Value, ViewError> {
        let mut fields = Vec::new();
        reader.next(text.as_bytes(), &mut fields)?;
        let name = |at: usize| {
            let named = self.header.as_ref().and_then(|header| header.get(at));
            let named = named.filter(|name| !name.is_empty());
            named.cloned().unwrap_or_else(|| format!("column {}", at + 1))
        };
        let named = fields.into_iter().enumerate();
        Ok(Value::Fields(named.map(|(at, field)| (name(at), Value::Text(field))).collect()))
    }
}

/// How a content is written, and where each of its records lies, without the header.
pub(super) fn records(content: &str) -> Result<(Shape, Vec<Range<usize>>), ViewError> {
    let bytes = content.as_bytes();
    let delimiter = delimiter_of(bytes);
    let mut reader = Fields::new(delimiter);
    let mut fields = Vec::new();
    let mut ranges = Vec::new();
    let mut header = None;
    let mut at = 0;
    while let Some(rest @ [_, ..]) = bytes.get(at..) {
        let read = reader.next(rest, &mut fields)?;
        if read == 0 {
            break;
        }
        let range = at..at + read;
        at = range.end;
        if fields.is_empty() {
            continue;
        }
        if ranges.is_empty() && header.is_none() && is_header(&fields) {
            header = Some(std::mem::take(&mut fields));
        } else {
            ranges.push(range);
        }
    }
    Ok((Shape { delimiter, header }, ranges))
}

/// A first line names the columns if it has names, each once, and no numbers. A column may have no
/// name: that of the index that pandas writes has none.
fn is_header(fields: &[String]) -> bool {
    let named = fields.iter().map(|field| field.trim()).filter(|name| !name.is_empty());
    let mut names: Vec<&str> = named.collect();
    names.sort_unstable();
    !names.is_empty()
        && names.iter().all(|name| name.parse::<f64>().is_err())
        && names.windows(2).all(|pair| pair[0] != pair[1])
}

/// What separates the most fields of the first line, outside of quotes.
fn delimiter_of(content: &[u8]) -> u8 {
    let mut times = [0usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in content {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            byte if !quoted => {
                let known = DELIMITERS.iter().zip(&mut times).find(|(known, _)| *known == byte);
                if let Some((_, times)) = known {
                    *times += 1;
                }
            }
            _ => {}
        }
    }
    // Of equals the first counts.
    let most = DELIMITERS.iter().zip(times).rev().max_by_key(|(_, times)| *times);
    most.map_or(b',', |(delimiter, _)| *delimiter)
}

/// Reads fields, with memory that is bounded by [`COLUMNS`] and the longest record. It is made once
/// for many records: its tables cost more than a short record.
pub(super) struct Fields {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    fn new(delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, text: vec![0; 256], ends: vec![0; 16] }
    }

    /// The fields of the record that comes first, and how many bytes it takes. No fields where
    /// nothing but blank lines is left.
    fn next(&mut self, content: &[u8], fields: &mut Vec<String>) -> Result<usize, ViewError> {
        let (mut at, mut written, mut ended) = (0, 0, 0);
        fields.clear();
        self.reader.reset();
        loop {
            let rest = content.get(at..).unwrap_or_default();
            let text = self.text.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(ended..).unwrap_or_default();
            let (result, read, wrote, found) = self.reader.read_record(rest, text, ends);
            at += read;
            written += wrote;
            ended += found;
            match result {
                // Whole content is at hand, so an empty rest says that it ends.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() > COLUMNS => {
                    let limit = COLUMNS.to_string();
                    return Err(ViewError::Limit { what: "fields of a record", limit });
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(at),
            }
        }
        let mut start = 0;
        for end in self.ends.iter().take(ended) {
            let field = self.text.get(start..*end).unwrap_or_default();
            let field = String::from_utf8(field.to_vec()).map_err(|_| ViewError::Malformed {
                what: "CSV",
                why: "a field is not UTF-8".to_owned(),
                at: 0,
            })?;
            fields.push(field);
            start = *end;
        }
        Ok(at)
    }
}
