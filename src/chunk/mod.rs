//! Chunkers and codecs: where a file is cut, and how a chunk is coded.
//!
//! This room knows file formats and coded bytes. It knows no repository, no ids and no files: bytes
//! come in as slices and go out into buffers. It uses no other room of the crate.
//!
//! It promises that no input makes it panic, that every cut plan covers its file exactly whatever a
//! header claims, and that decoding gives exactly the stated length or an error.

mod codec;
mod content;
mod cutter;
mod decoder;
mod encoder;
mod frame;
pub mod gguf;
mod hint;
mod layout;
pub mod planes;
pub mod safetensors;
pub mod sqlite;

pub use codec::{Codec, CodecError, MAX_DECODED};
pub use content::is_zero;
pub use cutter::{Cut, Cutter, LOOKAHEAD, MAX_CHUNK, MAX_HEAD};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use hint::ContentHint;
pub use layout::{Layout, Parsed, Rule, Segment};
