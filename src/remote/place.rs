//! What a place can do: what an object storage with conditional puts can, and no more.

use std::ops::ControlFlow;

use super::error::Result;

/// Keys with bytes under them. What lies under a key never changes once it is there.
///
/// Two implementations exist: a folder, and the tests' own in memory. An object storage joins them.
pub trait Place: Sync {
    /// What people call it.
    fn name(&self) -> &str;

    /// Shows every key that starts with `prefix` (which ends with `/`) and has no other `/` behind
    /// it, in any order, until `visit` breaks off.
    ///
    /// # Errors
    /// When the place cannot be listed.
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Listed) -> ControlFlow<()>) -> Result<()>;

    /// All bytes under a key, or `None` where there is nothing.
    ///
    /// # Errors
    /// When there are more than `limit`, or they cannot be read.
    fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>>;

    /// So many bytes from an offset on.
    ///
    /// # Errors
    /// When there are fewer, or they cannot be read.
    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Vec<u8>>;

    /// Puts what `fill` hands over under a key where there is nothing, durably and at once: nobody
    /// sees a part of it, and of two who put, one finds the key taken.
    ///
    /// # Errors
    /// When `fill` fails or the place says no; nothing is under the key then.
    fn put_if_absent(&self, key: &str, fill: &mut Fill<'_>) -> Result<Put>;
}

/// Hands over bytes, piece by piece.
pub type Fill<'a> = dyn FnMut(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> + 'a;

/// A key that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The whole key.
    pub key: String,
    /// How many bytes lie under it.
    pub len: u64,
}

/// What became of what was put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// It is there.
    Created,
    /// Something else was there before, and stays.
    Exists,
}

/// Puts bytes that are there as a whole.
pub fn put_bytes(place: &dyn Place, key: &str, bytes: &[u8]) -> Result<Put> {
    place.put_if_absent(key, &mut |sink| sink(bytes))
}
