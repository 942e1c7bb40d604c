//! Text, line by line, and bytes of which nothing more is known.

use std::any::Any;

use super::document::table;
use super::error::ViewError;
use super::value::{Record, Value};
use super::{Cursor, Kind, Table, View};

/// How many bytes are looked at for zeros, which no text has. As in git.
const LOOKED_AT: usize = 8_000;

/// Whether the content is taken for text. What is not UTF-8 is text all the same, so that one wrong
/// byte does not hide the lines around it.
pub(super) fn is_text(head: &[u8]) -> bool {
    let head = head.get(..LOOKED_AT).unwrap_or(head);
    memchr::memchr(0, head).is_none()
}

/// A text: a record for each line, under its number from 1 on. A line is text with its end, or
/// bytes where it is not UTF-8.
///
/// Two texts are better compared by lines that move than by lines of one number, so `diff` does not
/// compare these records.
pub(super) struct Text {
    content: Vec<u8>,
    tables: [Table; 1],
}

impl Text {
    pub(super) fn new(content: Vec<u8>) -> Self {
        Self { content, tables: [table("", &["line"])] }
    }
}

impl View for Text {
    fn kind(&self) -> Kind {
        Kind::Text
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn cursor<'v>(
        &'v self,
        _table: &Table,
        _beside: Option<&'v dyn View>,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError> {
        Ok(Box::new(Lines { rest: &self.content, number: 0 }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Lines<'v> {
    rest: &'v [u8],
    number: u64,
}

impl Cursor for Lines<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let len = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |end| end + 1);
        let (line, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.number += 1;
        let value = match str::from_utf8(line) {
            Ok(line) => Value::Text(line.to_owned()),
            Err(_) => Value::Bytes(line.to_vec()),
        };
        Ok(Some(Record { key: vec![self.number.into()], value }))
    }
}

/// Bytes: no tables. They are the same where their ids are.
pub(super) struct Bytes;

impl View for Bytes {
    fn kind(&self) -> Kind {
        Kind::Bytes
    }

    fn tables(&self) -> &[Table] {
        &[]
    }

    fn cursor<'v>(
        &'v self,
        _table: &Table,
        _beside: Option<&'v dyn View>,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError> {
        Ok(Box::new(Lines { rest: &[], number: 0 }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
