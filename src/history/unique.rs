//! The shortest unique start of an id.

use crate::object::{Id, ObjectType};
use crate::store::{Store, StoreError};

use super::revision::LEAST_DIGITS;

/// How many digits of an id are shown at least.
pub const SHOWN_DIGITS: usize = 8;

/// How an id is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shortest {
    /// The digits that are shown: at least [`SHOWN_DIGITS`], and enough to be unique.
    pub digits: String,
    /// How many of them are needed to tell the id from all others of the repository.
    pub unique: usize,
}

/// The shortest start of `id` that no other commit or tag shares. Costs a few reads for each
/// pack, whatever their size.
///
/// # Errors
/// When a pack's footer is damaged.
pub fn shortest(store: &Store, id: Id) -> Result<Shortest, StoreError> {
    let hex = id.to_hex();
    let kinds = [ObjectType::Commit, ObjectType::Tag];
    let near = store.with_prefix(&hex[..LEAST_DIGITS], &kinds, usize::MAX)?;
    let shared = near.iter().filter(|(other, _)| *other != id).map(|(other, _)| {
        let other = other.to_hex();
        hex.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
    });
    let unique = shared.max().map_or(LEAST_DIGITS, |shared| shared + 1);
    Ok(Shortest { digits: hex[..unique.max(SHOWN_DIGITS)].to_owned(), unique })
}
