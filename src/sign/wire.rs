//! The encoding that SSH formats share: big-endian integers and length-prefixed strings
//! (RFC 4251 §5), and the key and signature blobs made of them (RFC 8709 §4 and §6; for security
//! keys OpenSSH's `PROTOCOL.u2f`, "SSH U2F Key formats").

/// The name of plain ed25519 keys (RFC 8709 §4).
pub(super) const ED25519: &str = "ssh-ed25519";
/// The name of ed25519 keys that a security key holds (`PROTOCOL.u2f`).
pub(super) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";

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

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (taken, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*taken)
    }

    /// A string of exactly `N` bytes.
    pub(super) fn string_of<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.string()?.try_into().ok()
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

/// The name that a key or signature blob begins with, if it can be one.
pub(super) fn read_name<'a>(reader: &mut Reader<'a>) -> Option<&'a str> {
    str::from_utf8(reader.string()?).ok().filter(|name| is_algorithm_name(name))
}

/// Whether text can be the name of an SSH algorithm: printable ASCII, at most 64 characters
/// (RFC 4251 §6).
pub(super) fn is_algorithm_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}
