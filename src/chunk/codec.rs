//! The codecs of stored bytes: their numbers, limits and errors.

use thiserror::Error;

/// The most that one record may hold once decoded (16 MiB).
pub const MAX_DECODED: usize = 16 << 20;

/// How stored bytes are coded; the number is part of the pack format.
///
/// Numbers 3 to 15 are kept for more codecs of numeric data, 16 for deltas against another chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// The bytes themselves.
    Raw = 0,
    /// One standard zstd frame that states its content size, without a dictionary.
    Zstd = 1,
    /// Numbers split into byte planes, laid out as in [`super::planes`].
    Planes = 2,
}

impl Codec {
    /// The codec with this number, if this version knows it.
    pub fn from_u8(number: u8) -> Option<Codec> {
        match number {
            0 => Some(Codec::Raw),
            1 => Some(Codec::Zstd),
            2 => Some(Codec::Planes),
            _ => None,
        }
    }
}

/// Why stored bytes do not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The stated length is above [`MAX_DECODED`].
    #[error("a record of {len} bytes is above the limit of {MAX_DECODED}")]
    TooLong {
        /// The stated length.
        len: usize,
    },
    /// The bytes decode to another length than stated, as far as could be seen.
    #[error("stored bytes do not decode to the {expected} bytes stated")]
    WrongLength {
        /// The stated length.
        expected: usize,
    },
    /// The coded bytes end too early, go on too long, or contradict themselves.
    #[error("{codec:?} bytes are malformed")]
    Malformed {
        /// The codec that refused them.
        codec: Codec,
    },
    /// The element kind of the planes is none that this version knows.
    #[error("planes of unknown element kind {kind}")]
    UnknownElement {
        /// The kind byte.
        kind: u8,
    },
}
