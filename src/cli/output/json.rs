//! JSON: one value, or a list that is written while it is found.

use std::io::Write;

use serde::Serialize;

use crate::cli::error::CliError;

/// Writes one value and a line end.
pub fn write_json(out: &mut dyn Write, value: &impl Serialize) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    Ok(writeln!(out)?)
}

/// A path in JSON: its text, and its bytes where they are not UTF-8.
#[derive(Serialize)]
pub struct PathText {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
}

impl PathText {
    pub fn of(bytes: &[u8]) -> Self {
        let is_text = std::str::from_utf8(bytes).is_ok();
        let path_hex = (!is_text).then(|| data_encoding::HEXLOWER.encode(bytes));
        Self { path: String::from_utf8_lossy(bytes).into_owned(), path_hex }
    }
}

/// A list of which no more than one value is held at a time.
pub struct JsonList<'o> {
    out: &'o mut dyn Write,
    empty: bool,
}

impl<'o> JsonList<'o> {
    pub fn begin(out: &'o mut dyn Write) -> Self {
        Self { out, empty: true }
    }

    pub fn push(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        self.out.write_all(if self.empty { b"[\n" } else { b",\n" })?;
        self.empty = false;
        Ok(serde_json::to_writer_pretty(&mut *self.out, value)?)
    }

    pub fn end(self) -> Result<(), CliError> {
        Ok(self.out.write_all(if self.empty { b"[]\n" } else { b"\n]\n" })?)
    }
}
