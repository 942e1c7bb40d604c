//! Holding still what writes in a folder, for as long as that helps its capture.

use std::error::Error;

use super::error::WorktreeError;

/// Why nothing holds still.
pub type QuiesceError = Box<dyn Error + Send + Sync>;

/// Holds still what writes in a folder. The library starts no programs: who calls it does.
pub trait Quiesce {
    /// Called before the folder is read.
    ///
    /// # Errors
    /// When it does not hold still. Whatever was stopped goes on already.
    fn quiesce(&self) -> Result<(), QuiesceError>;

    /// Lets it go on: called once after each [`Quiesce::quiesce`] that went well, as soon as the
    /// folder need not hold still any more, and after every error.
    fn resume(&self);
}

/// A folder that is held still until this is ended or dropped.
pub struct Quiesced<'a>(Option<&'a dyn Quiesce>);

impl<'a> Quiesced<'a> {
    /// Holds it still, if anything can.
    ///
    /// # Errors
    /// When that fails.
    pub fn begin(by: Option<&'a dyn Quiesce>) -> Result<Self, WorktreeError> {
        match by.map(Quiesce::quiesce) {
            Some(Err(why)) => Err(WorktreeError::Quiesce(why)),
            _ => Ok(Self(by)),
        }
    }

    /// A folder that nobody holds still.
    pub fn not() -> Self {
        Self(None)
    }

    /// Lets it go on.
    pub fn end(&mut self) {
        if let Some(by) = self.0.take() {
            by.resume();
        }
    }
}

impl Drop for Quiesced<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
