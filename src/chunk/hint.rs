//! What a chunk probably holds.

/// What the bytes of one chunk probably are, so that the encoder need not guess.
///
/// A hint is never trusted: a wrong one costs time or space, not correctness, and none is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentHint {
    /// Nothing is known.
    Unknown,
    /// Tensor data of 2-byte brain floats, little endian.
    Bf16,
    /// Tensor data of any other element type.
    Numeric,
    /// Whole pages of an SQLite database.
    SqlitePage,
    /// A block of several small files, mostly text.
    Block,
}
