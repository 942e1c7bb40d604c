//! The encoding that SSH formats share: big-endian integers and length-prefixed strings
//! (RFC 4251 §5), and the ed25519 key and signature blobs made of them (RFC 8709 §4 and §6).

/// The name of the one key type that aisr uses (RFC 8709 §4).
pub(super) const ED25519: &str = "ssh-ed25519";

/// Takes fields off the front of bytes; `None` when they end too early.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn uint32(&mut self) -> Option<u32> {
        let (taken, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*taken))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.uint32()?).ok()?;
        self.bytes(length)
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }
}

/// Appends a length-prefixed string; what this room writes is far below 4 GiB.
pub(super) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(u32::try_from(bytes.len()).is_ok());
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The algorithm's name and the raw bytes of a key or of a signature.
pub(super) fn named_blob(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + ED25519.len() + raw.len());
    put_string(&mut out, ED25519.as_bytes());
    put_string(&mut out, raw);
    out
}

/// Why a key or signature blob could not be taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BlobFlaw {
    /// Fields end early, have a wrong length, or bytes follow them.
    Malformed,
    /// A well-formed name, of another algorithm.
    OtherAlgorithm(String),
}

/// Takes a [`named_blob`] of exactly `N` raw bytes apart.
pub(super) fn read_named_blob<const N: usize>(blob: &[u8]) -> Result<[u8; N], BlobFlaw> {
    let mut reader = Reader::new(blob);
    let name = reader.string().ok_or(BlobFlaw::Malformed)?;
    if name != ED25519.as_bytes() {
        return Err(match str::from_utf8(name) {
            Ok(name) if is_algorithm_name(name) => BlobFlaw::OtherAlgorithm(name.to_owned()),
            _ => BlobFlaw::Malformed,
        });
    }
    let raw = reader.string().ok_or(BlobFlaw::Malformed)?;
    if reader.remaining() != 0 {
        return Err(BlobFlaw::Malformed);
    }
    raw.try_into().map_err(|_| BlobFlaw::Malformed)
}

/// Whether text can be the name of an SSH algorithm: printable ASCII, at most 64 characters
/// (RFC 4251 §6).
pub(super) fn is_algorithm_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}
