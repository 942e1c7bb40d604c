//! Contents read into memory.

use super::error::ViewError;
use super::source::Source;

/// The first bytes of a content, at most `len`.
pub(super) fn head(source: &dyn Source, len: usize) -> Result<Vec<u8>, ViewError> {
    read(source, source.len().min(len as u64))
}

/// A whole content of at most `limit` bytes.
pub(super) fn whole(source: &dyn Source, limit: u64) -> Result<Vec<u8>, ViewError> {
    let len = source.len();
    if len > limit {
        let limit = format!("{} MiB", limit >> 20);
        return Err(ViewError::Limit { what: "a content", limit });
    }
    read(source, len)
}

fn read(source: &dyn Source, len: u64) -> Result<Vec<u8>, ViewError> {
    // At most what the caller bounded, so it fits the memory.
    let mut out = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let mut filled = 0;
    while let Some(rest @ [_, ..]) = out.get_mut(filled..) {
        match source.read_at(filled as u64, rest)? {
            0 => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            read => filled += read,
        }
    }
    Ok(out)
}
