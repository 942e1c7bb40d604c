//! The one table of limits, checked before anything is allocated (`docs/format.md`, "Limits").

/// Longest chunk in bytes.
pub const CHUNK: usize = 8 << 20;
/// Longest record of a pack in bytes, decoded.
pub const RECORD: usize = 16 << 20;
/// Longest encoded map node or recipe node in bytes.
pub const NODE: usize = 64 << 10;
/// Greatest number of levels of a map or recipe.
pub const MAP_DEPTH: usize = 16;
/// Longest key of a map in bytes.
pub const KEY: usize = 4 << 10;
/// Longest encoded value kept inside a node; longer ones go out as blobs.
pub const INLINE_VALUE: usize = 1024;
/// Greatest number of folders inside each other.
pub const DIRECTORY_DEPTH: usize = 512;
/// Longest path in bytes.
pub const PATH: usize = 4096;
/// Longest name of one part of a path in bytes.
pub const NAME: usize = 255;
/// Longest encoded commit or tag in bytes.
pub const COMMIT: usize = 64 << 10;
/// Longest message in bytes.
pub const MESSAGE: usize = 32 << 10;
/// Greatest number of parents of a commit.
pub const PARENTS: usize = 64;
/// Longest encoded log entry, genesis or trust root in bytes.
pub const LOG_ENTRY: usize = 16 << 20;
/// Longest encoded component or edge in bytes.
pub const COMPONENT: usize = 16 << 20;
/// Greatest number of deltas that stand on each other.
pub const DELTA_DEPTH: u8 = 3;
/// Deepest nesting of arrays and maps in one encoded object.
pub const NESTING: usize = 16;
/// The file of an operation.
pub const OPERATION: usize = 1 << 30;

/// The size of a signed commit or tag that is over its limit, and that limit: of the payload, or
/// of the message in it.
pub fn exceeded(payload: usize, message: usize) -> Option<(usize, usize)> {
    [(payload, COMMIT), (message, MESSAGE)].into_iter().find(|(size, limit)| size > limit)
}
