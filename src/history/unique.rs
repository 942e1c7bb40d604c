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
    let kinds = [ObjectType::Commit, ObjectType::Tag];
    let shared = store.digits_shared(id, &kinds, LEAST_DIGITS as u32)?;
    let unique = shared.map_or(LEAST_DIGITS, |shared| shared + 1);
    let mut digits = id.to_hex();
    digits.truncate(unique.max(SHOWN_DIGITS));
    Ok(Shortest { digits, unique })
}
