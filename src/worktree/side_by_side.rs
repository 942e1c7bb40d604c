//! A stored content beside one in the folder: where they differ, told by the ids of the stored one's
//! chunks, so that what both share is hashed once and neither decoded nor looked into.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use crate::object::BlobId;
use crate::view::{Chunk, Source, ViewError};

/// Contents below this are cheaper to read.
const LEAST: u64 = 1 << 20;

/// The first and the second content.
type Pair = (Arc<dyn Source>, Arc<dyn Source>);

/// Two contents that know where they differ from each other, if one of them is stored in chunks and
/// the other is not; else both as they are.
///
/// # Errors
/// When the content that is not stored cannot be read, or the list of chunks of the other.
pub fn side_by_side(a: Arc<dyn Source>, b: Arc<dyn Source>) -> Result<Pair, ViewError> {
    if a.len().min(b.len()) < LEAST {
        return Ok((a, b));
    }
    let (stored, plain) = match (a.chunks(0..1)?, b.chunks(0..1)?) {
        (Some(_), None) => (&a, &b),
        (None, Some(_)) => (&b, &a),
        _ => return Ok((a, b)),
    };
    let Some(chunks) = stored.chunks(0..stored.len())? else { return Ok((a, b)) };
    let differences = Arc::new(differences(&chunks, stored.len(), &**plain)?);
    let beside = |source| -> Arc<dyn Source> {
        Arc::new(Beside { source, differences: Arc::clone(&differences) })
    };
    Ok((beside(a), beside(b)))
}

/// Where a content is not what the chunks say.
fn differences(
    chunks: &[Chunk],
    stored_len: u64,
    plain: &dyn Source,
) -> Result<Vec<Range<u64>>, ViewError> {
    let mut out: Vec<Range<u64>> = Vec::new();
    let mut push = |range: Range<u64>| match out.last_mut().filter(|last| last.end >= range.start) {
        Some(last) => last.end = last.end.max(range.end),
        None => out.push(range),
    };
    let mut buffer = Vec::new();
    for chunk in chunks {
        let end = chunk.offset.saturating_add(chunk.len);
        buffer.resize(usize::try_from(chunk.len).unwrap_or(0), 0);
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match plain.read_at(chunk.offset.saturating_add(filled as u64), rest)? {
                0 => break,
                read => filled += read,
            }
        }
        if filled < buffer.len() || BlobId::of(&buffer) != chunk.id {
            push(chunk.offset..end);
        }
    }
    if plain.len() != stored_len {
        push(plain.len().min(stored_len)..plain.len().max(stored_len));
    }
    Ok(out)
}

/// One of two contents.
struct Beside {
    source: Arc<dyn Source>,
    /// Where it differs from the other one, which holds the same list.
    differences: Arc<Vec<Range<u64>>>,
}

impl Source for Beside {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
        self.source.read_at(offset, buffer)
    }

    fn chunks(&self, range: Range<u64>) -> Result<Option<Vec<Chunk>>, ViewError> {
        self.source.chunks(range)
    }

    fn differences(&self, other: &dyn Source) -> Result<Option<Vec<Range<u64>>>, ViewError> {
        let other = other.as_any().downcast_ref::<Self>();
        let is_pair = other.is_some_and(|other| Arc::ptr_eq(&self.differences, &other.differences));
        Ok(is_pair.then(|| self.differences.to_vec()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are stored in chunks of one length.
    struct Chunked(Vec<u8>, usize);

    impl Source for Chunked {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
            self.0.read_at(offset, buffer)
        }

        fn chunks(&self, _: Range<u64>) -> Result<Option<Vec<Chunk>>, ViewError> {
            let chunk = |(n, bytes): (usize, &[u8])| Chunk {
                offset: (n * self.1) as u64,
                len: bytes.len() as u64,
                id: BlobId::of(bytes),
            };
            Ok(Some(self.0.as_slice().chunks(self.1).enumerate().map(chunk).collect()))
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    #[test]
    fn chunks_tell_where_a_file_in_the_folder_differs() {
        let old: Vec<u8> = (0..3u32 << 20).map(|n| (n / 7) as u8).collect();
        let mut new = old.clone();
        new[5000] ^= 1;
        new.extend([1, 2, 3]);
        let len = old.len() as u64;
        for turned in [false, true] {
            let stored: Arc<dyn Source> = Arc::new(Chunked(old.clone(), 4096));
            let plain: Arc<dyn Source> = Arc::new(new.clone());
            let (a, b) = if turned { (plain, stored) } else { (stored, plain) };
            let (a, b) = side_by_side(a, b).unwrap();
            let wanted = Some(vec![4096..8192, len..len + 3]);
            assert_eq!(a.differences(&*b).unwrap(), wanted);
            assert_eq!(b.differences(&*a).unwrap(), wanted);
            // Another pair knows nothing of it.
            let other: Arc<dyn Source> = Arc::new(new.clone());
            assert_eq!(a.differences(&*other).unwrap(), None);
        }
    }
}
