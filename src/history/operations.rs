//! What this clone did: the entries of its log, newest first.

use crate::log::PlaceLog;
use crate::object::{LogEntry, LogEntryId};

use super::error::HistoryError;

/// One entry of a clone's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// The entry's id.
    pub id: LogEntryId,
    /// What it says.
    pub entry: LogEntry,
}

/// The last `most` entries of the log, newest first; the whole log is checked on the way.
///
/// # Errors
/// When an entry is not sound.
pub fn operations(log: &PlaceLog, most: usize) -> Result<Vec<Operation>, HistoryError> {
    let mut found = std::collections::VecDeque::new();
    log.walk(&mut |id, entry| {
        found.push_front(Operation { id, entry });
        found.truncate(most);
    })?;
    Ok(found.into())
}
