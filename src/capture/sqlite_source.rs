//! The pages of a live database, seen as bytes that can be read at any place.

use std::any::Any;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bstr::BString;
use rusqlite::{Connection, OptionalExtension};

use crate::view::{Source, ViewError};

use super::sqlite::{OpenDatabase, Refused};

/// A database in the folder, read out of one transaction: whatever is written meanwhile, its bytes
/// stay those of the moment at which it was opened. What waits in its log is part of them.
pub struct DatabaseSource {
    open: Mutex<OpenDatabase>,
    page_size: u64,
    pages: u64,
}

impl DatabaseSource {
    /// Begins a transaction on the database at `file`, `path` inside the root.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn open(file: &Path, path: BString) -> Result<Self, Refused> {
        let mode = OpenDatabase::mode(file)?;
        let open = OpenDatabase::begin(file, path, mode)?;
        let pragma = |name: &str| -> Result<u64, Refused> {
            let number = open
                .connection
                .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
            let number = number.map_err(|e| Refused::Unreadable(e.to_string()))?;
            u64::try_from(number).map_err(|e| Refused::Unreadable(e.to_string()))
        };
        let (page_size, pages) = (pragma("page_size")?.max(1), pragma("page_count")?);
        Ok(Self { open: Mutex::new(open), page_size, pages })
    }
}

impl Source for DatabaseSource {
    fn len(&self) -> u64 {
        self.page_size.saturating_mul(self.pages)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(filled as u64);
            if at >= self.len() {
                break;
            }
            let page = page(&open.connection, at / self.page_size + 1)?;
            let inside = usize::try_from(at % self.page_size).unwrap_or(usize::MAX);
            let bytes = page.get(inside..).unwrap_or_default();
            let len = bytes.len().min(rest.len());
            let (Some(to), Some(from)) = (rest.get_mut(..len), bytes.get(..len)) else { break };
            if len == 0 {
                break;
            }
            to.copy_from_slice(from);
            filled += len;
        }
        if open.is_whole() { Ok(filled) } else { Err(moved()) }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn moved() -> ViewError {
    std::io::Error::other("the database was changed while it was read").into()
}

fn page(connection: &Connection, number: u64) -> Result<Vec<u8>, ViewError> {
    let read = || {
        let sql = "SELECT data FROM sqlite_dbpage('main') WHERE pgno = ?1";
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        connection.prepare_cached(sql)?.query_row([number], |row| row.get(0)).optional()
    };
    let page = read().map_err(|e: rusqlite::Error| std::io::Error::other(e))?;
    Ok(page.unwrap_or_default())
}
