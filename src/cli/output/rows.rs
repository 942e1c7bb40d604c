//! Rows of a query: as a table, as CSV, as JSON.

use std::io::Write;

use aisr::view::sql::ValueRef;
use anstyle::Style;
use serde::{Serialize, Serializer};

use super::escape::Escaped;
use super::stream::Output;
use crate::cli::error::CliError;

/// How rows are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum RowFormat {
    /// Columns that are aligned.
    Table,
    /// RFC 4180, with a line of names; bytes in hexadecimal digits.
    Csv,
    /// An array of objects.
    Json,
}

/// So many rows are looked at to find how wide the columns of a table are.
const LOOKED_AT: usize = 500;
/// No column is aligned to more characters.
const WIDEST: usize = 60;
/// Bytes that a table shows of a value that is no text.
const SHOWN_BYTES: usize = 16;
const HEADER: Style = Style::new().bold();

/// Prints rows while they are found.
pub struct RowWriter<'o> {
    format: RowFormat,
    out: &'o mut Output,
    columns: Vec<String>,
    /// The rows of a table that wait until the widths are known.
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    rows: u64,
}

impl<'o> RowWriter<'o> {
    /// Prints to `out`.
    pub fn new(format: RowFormat, out: &'o mut Output) -> Self {
        Self { format, out, columns: Vec::new(), waiting: Vec::new(), widths: None, rows: 0 }
    }

    /// The names of the columns.
    pub fn begin(&mut self, columns: &[String]) -> Result<(), CliError> {
        self.columns = columns.to_vec();
        match self.format {
            RowFormat::Csv => self.csv(columns.iter().map(|name| name.as_bytes().to_vec())),
            RowFormat::Json => {
                self.columns = distinct(columns);
                Ok(())
            }
            RowFormat::Table => Ok(()),
        }
    }

    /// A row.
    pub fn row(&mut self, values: &[ValueRef<'_>]) -> Result<(), CliError> {
        match self.format {
            RowFormat::Csv => self.csv(values.iter().map(plain))?,
            RowFormat::Json => self.json(values)?,
            RowFormat::Table => {
                let shown: Vec<_> = values.iter().map(cell).collect();
                match &self.widths {
                    Some(_) => self.line(&shown, Style::new())?,
                    None => self.waiting.push(shown),
                }
                if self.waiting.len() >= LOOKED_AT {
                    self.draw_waiting()?;
                }
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// There are no more.
    pub fn end(mut self) -> Result<(), CliError> {
        match self.format {
            RowFormat::Json => {
                self.out.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?;
            }
            RowFormat::Table => self.draw_waiting()?,
            RowFormat::Csv => {}
        }
        Ok(())
    }

    /// On a terminal nothing that it obeys is written; a program gets the bytes as they are.
    fn csv(&mut self, fields: impl Iterator<Item = Vec<u8>>) -> Result<(), CliError> {
        let terminal = self.out.is_terminal();
        let safe = |field: Vec<u8>| match terminal {
            true => Escaped(&field).to_string().into_bytes(),
            false => field,
        };
        let fields: Vec<_> = fields.map(|field| quoted(&safe(field))).collect();
        self.out.write_raw(&fields.join(&b","[..]))?;
        Ok(self.out.write_raw(b"\r\n")?)
    }

    fn json(&mut self, values: &[ValueRef<'_>]) -> Result<(), CliError> {
        self.out.write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
        let text = serde_json::to_vec(&JsonRow { names: &self.columns, values })?;
        Ok(self.out.write_raw(&text)?)
    }

    fn draw_waiting(&mut self) -> Result<(), CliError> {
        if self.widths.is_some() {
            return Ok(());
        }
        let names: Vec<_> =
            self.columns.iter().map(|name| Escaped(name.as_bytes()).to_string()).collect();
        let waiting = std::mem::take(&mut self.waiting);
        let widths = names.iter().enumerate().map(|(at, name)| {
            let longest = waiting.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
            longest.chain([width(name)]).max().unwrap_or(0).min(WIDEST)
        });
        self.widths = Some(widths.collect());
        self.line(&names, HEADER)?;
        waiting.iter().try_for_each(|row| self.line(row, Style::new()))
    }

    fn line(&mut self, cells: &[String], style: Style) -> Result<(), CliError> {
        let widths = self.widths.as_deref().unwrap_or_default();
        let mut line = String::new();
        for (at, cell) in cells.iter().enumerate() {
            line += cell;
            if at + 1 < cells.len() {
                let room = widths.get(at).copied().unwrap_or(0).saturating_sub(width(cell));
                line.extend(std::iter::repeat_n(' ', room + 2));
            }
        }
        Ok(writeln!(self.out, "{style}{line}{style:#}")?)
    }
}

/// A row as an object, its columns in their order.
struct JsonRow<'r, 'v> {
    names: &'r [String],
    values: &'r [ValueRef<'v>],
}

impl Serialize for JsonRow<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.values.iter().map(json_value)))
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A value in a table: on one line, with nothing in it that a terminal obeys.
fn cell(value: &ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => real(*number),
        ValueRef::Text(text) => Escaped(text).to_string(),
        ValueRef::Blob(bytes) if bytes.len() > SHOWN_BYTES => {
            let start = data_encoding::HEXLOWER.encode(&bytes[..SHOWN_BYTES]);
            format!("x'{start}…' ({} bytes)", bytes.len())
        }
        ValueRef::Blob(bytes) => format!("x'{}'", data_encoding::HEXLOWER.encode(bytes)),
    }
}

/// A value for a program; NULL is nothing.
fn plain(value: &ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Null => Vec::new(),
        ValueRef::Integer(number) => number.to_string().into_bytes(),
        ValueRef::Real(number) => real(*number).into_bytes(),
        ValueRef::Text(text) => text.to_vec(),
        ValueRef::Blob(bytes) => data_encoding::HEXLOWER.encode(bytes).into_bytes(),
    }
}

/// A number as SQLite's shell prints it where it is whole: with a point.
fn real(number: f64) -> String {
    format!("{number:?}")
}

/// A field of RFC 4180.
fn quoted(field: &[u8]) -> Vec<u8> {
    if !field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return field.to_vec();
    }
    let mut out = vec![b'"'];
    for byte in field {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out
}

/// Text that is not UTF-8, and bytes, are objects that say so.
fn json_value(value: &ValueRef<'_>) -> serde_json::Value {
    let hex = |bytes: &[u8]| serde_json::json!({ "hex": data_encoding::HEXLOWER.encode(bytes) });
    match value {
        ValueRef::Null => serde_json::Value::Null,
        ValueRef::Integer(number) => (*number).into(),
        ValueRef::Real(number) if number.is_finite() => (*number).into(),
        ValueRef::Real(number) => real(*number).into(),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => text.into(),
            Err(_) => hex(text),
        },
        ValueRef::Blob(bytes) => hex(bytes),
    }
}

/// The names, those that repeat with a number: an object has each once.
fn distinct(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.clone();
        let mut number = 1;
        while names.contains(&name) {
            name = format!("{column}:{number}");
            number += 1;
        }
        names.push(name);
    }
    names
}
