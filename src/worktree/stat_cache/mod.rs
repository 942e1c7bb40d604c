//! What each file's id was when it was last read, what each folder came to, and what the file
//! system said of them then.
//!
//! `.aisr/local/stat-cache` is derived and never transferred: a flat file, in the order in which
//! a scan ends with things, so that a folder stands behind all that is in it. It says what a
//! file's id *is*, never that the store holds it.
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | `AISRSTAT` |
//! | 8 | version, little-endian: 4 |
//! | 32 | the directory tree that names every id in the file |
//! | … | records ([`Record`]) |
//! | 32 | BLAKE3 of the records, then of the 48 bytes before them |

mod entry;
mod patch;
mod reader;
mod unchanged;
mod writer;

pub use entry::{
    CacheEntry, CachedFolder, Record, decode_entry, decode_record, encode_entry, encode_record,
    scan_order,
};
pub use patch::patch;
pub use reader::CacheReader;
pub use unchanged::Unchanged;
pub use writer::CacheWriter;

use std::path::PathBuf;

use crate::object::ID_LEN;
use crate::repo::Repository;

const MAGIC: &[u8; 8] = b"AISRSTAT";
const VERSION: [u8; 8] = 4u64.to_le_bytes();
const START: usize = 16 + ID_LEN;

/// Where the stat cache of a repository's folder is.
pub fn file(repo: &Repository) -> PathBuf {
    repo.folder().join("local/stat-cache")
}

/// Where that of some paths of the folder is, while one operation reads them more than once.
pub fn file_of_paths(repo: &Repository) -> PathBuf {
    repo.folder().join("local/stat-cache-of-paths")
}
