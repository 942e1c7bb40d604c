//! The outline of a magicless zstd frame (RFC 8878 §3.1.1), so that a decoder can hold it to one frame.

/// The most that one zstd block decodes to (RFC 8878 §3.1.1.2.4).
const BLOCK_MAX: usize = 128 << 10;

/// The most bytes that `frame` can decode to, or `None` unless it is exactly one plain frame.
///
/// Plain means without magic number, content size, checksum and dictionary: a zero descriptor, a
/// window byte, blocks. Only block headers are read, so the cost is one step per 128 KiB.
pub(super) fn decoded_bound(frame: &[u8]) -> Option<usize> {
    let (&[descriptor, _window], mut rest) = frame.split_first_chunk()?;
    if descriptor != 0 {
        return None;
    }
    let mut bound = 0usize;
    loop {
        let (&[a, b, c], body) = rest.split_first_chunk()?;
        let header = u32::from_le_bytes([a, b, c, 0]);
        let size = (header >> 3) as usize;
        let stored = match (header >> 1) & 3 {
            0 | 2 => size,
            1 => 1,
            _ => return None,
        };
        rest = body.get(stored..)?;
        bound = bound.saturating_add(BLOCK_MAX);
        if header & 1 == 1 {
            return rest.is_empty().then_some(bound);
        }
    }
}
