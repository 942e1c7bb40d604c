//! What this clone did: the entries of its log, newest first.

use crate::log::PlaceLog;
use crate::object::{LogEntry, LogEntryId};

use super::error::HistoryError;

/// One entry of a clone's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoggedOperation {
    /// The entry's id.
    pub id: LogEntryId,
    /// What it says.
    pub entry: LogEntry,
}

/// The entries of the log, newest first; each is read when it is asked for.
///
/// # Errors
/// When the log cannot be opened; later ones when an entry is not sound.
pub fn operations(
    log: &PlaceLog,
) -> Result<impl Iterator<Item = Result<LoggedOperation, HistoryError>>, HistoryError> {
    let entries = log.newest_first()?;
    Ok(entries.map(|found| {
        let (id, entry) = found?;
        Ok(LoggedOperation { id, entry })
    }))
}
