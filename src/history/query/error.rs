//! What is wrong with a question, and where.

use thiserror::Error;

/// Why a text is no question.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{why}")]
pub struct QueryError {
    /// The byte of the text at which it goes wrong; its length where more is expected.
    pub at: usize,
    /// What is wrong, or what was expected there.
    pub why: String,
}

impl QueryError {
    pub(super) fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }

    /// The line of `text` that it is about, and the column in it, in characters from 0.
    pub fn line<'t>(&self, text: &'t str) -> (&'t str, usize) {
        let mut at = self.at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let (before, after) = text.split_at(at);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let end = after.find('\n').map_or(text.len(), |end| at + end);
        let line = text.get(start..end).unwrap_or_default();
        (line, text.get(start..at).unwrap_or_default().chars().count())
    }
}
