//! What a name in a directory stands for: the leaf value of a map of schema `tree`
//! (`docs/format.md`, "Tree entries").

use super::cbor::{DecodeError, Reader, Writer};
use super::id::{BlobId, Id, NodeId};
use super::limits;

/// The kinds of thing that a directory holds, with their numbers in the encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum EntryKind {
    /// A regular file.
    File = 0,
    /// A regular file that may be run.
    Executable = 1,
    /// A symbolic link; its target is a blob.
    Symlink = 2,
    /// A directory: the root of a map of its own.
    Directory = 3,
}

impl EntryKind {
    /// The kind with this number.
    pub fn from_u64(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::File),
            1 => Some(Self::Executable),
            2 => Some(Self::Symlink),
            3 => Some(Self::Directory),
            _ => None,
        }
    }

    /// The word for it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Executable => "executable",
            Self::Symlink => "symlink",
            Self::Directory => "directory",
        }
    }
}

/// One entry of a directory: what it is, the id of its content, and its size in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TreeEntry {
    kind: EntryKind,
    id: Id,
    size: u64,
}

impl TreeEntry {
    /// A regular file of `size` bytes.
    pub fn file(content: BlobId, size: u64) -> Self {
        Self::new(EntryKind::File, content.id(), size)
    }

    /// An executable file of `size` bytes.
    pub fn executable(content: BlobId, size: u64) -> Self {
        Self::new(EntryKind::Executable, content.id(), size)
    }

    /// A file of `size` bytes, executable or not.
    pub fn regular(content: BlobId, size: u64, executable: bool) -> Self {
        match executable {
            true => Self::executable(content, size),
            false => Self::file(content, size),
        }
    }

    /// A symbolic link to `target`, whose bytes are stored as a blob. `None` if the target is
    /// empty or as long as no path may be (4,095 bytes at most).
    pub fn symlink(target: &[u8]) -> Option<Self> {
        let entry = Self::new(EntryKind::Symlink, BlobId::of(target).id(), target.len() as u64);
        entry.has_valid_size().then_some(entry)
    }

    /// A directory whose map has this root and this sum of content bytes.
    pub fn directory(root: NodeId, bytes: u64) -> Self {
        Self::new(EntryKind::Directory, root.id(), bytes)
    }

    fn new(kind: EntryKind, id: Id, size: u64) -> Self {
        Self { kind, id, size }
    }

    fn has_valid_size(&self) -> bool {
        self.kind != EntryKind::Symlink || (1..limits::PATH as u64).contains(&self.size)
    }

    /// What it is.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// The id of the content, whatever it names.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Length of the content; for a directory the sum over everything below it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The blob of a file, executable or symbolic link.
    pub fn blob(&self) -> Option<BlobId> {
        (self.kind != EntryKind::Directory).then(|| BlobId::from_id(self.id))
    }

    /// The root of a directory's map.
    pub fn root(&self) -> Option<NodeId> {
        (self.kind == EntryKind::Directory).then(|| NodeId::from_id(self.id))
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(3).uint(self.kind as u64).bytes(self.id.as_bytes()).uint(self.size);
        w.finish()
    }

    /// Reads an entry, refusing whatever is not its one encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        if r.array()? != 3 {
            return Err(DecodeError::Unexpected { expected: "a tree entry of three items", at: 0 });
        }
        let number = r.uint()?;
        let kind = EntryKind::from_u64(number).ok_or_else(|| DecodeError::UnknownVersion {
            what: "kind of tree entry",
            found: number.to_string(),
        })?;
        let entry = Self::new(kind, Id::new(r.array_of("tree entry")?), r.uint()?);
        r.end()?;
        if !entry.has_valid_size() {
            return Err(DecodeError::Invalid {
                field: "tree entry",
                why: "the target of a symbolic link has 1 to 4,095 bytes",
            });
        }
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let blob = BlobId::of(b"x");
        for entry in [
            TreeEntry::file(blob, 0),
            TreeEntry::executable(blob, u64::MAX),
            TreeEntry::symlink(b"target").unwrap(),
            TreeEntry::directory(NodeId::of(b"n"), 7),
        ] {
            assert_eq!(TreeEntry::decode(&entry.encode()), Ok(entry));
        }
    }

    #[test]
    fn a_symlink_has_a_target_shorter_than_a_path() {
        assert_eq!(TreeEntry::symlink(b""), None);
        assert!(TreeEntry::symlink(&[b'a'; 4095]).is_some());
        assert_eq!(TreeEntry::symlink(&[b'a'; 4096]), None);
        let forged = TreeEntry::new(EntryKind::Symlink, BlobId::of(b"").id(), 0);
        assert!(TreeEntry::decode(&forged.encode()).is_err());
    }

    #[test]
    fn an_unknown_kind_is_named() {
        let mut bytes = TreeEntry::file(BlobId::of(b"x"), 1).encode();
        bytes[1] = 4;
        let error = TreeEntry::decode(&bytes).unwrap_err();
        assert!(matches!(error, DecodeError::UnknownVersion { .. }));
    }

    proptest! {
        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(
            noise in proptest::collection::vec(any::<u8>(), 0..8),
            at in 0usize..40,
        ) {
            let mut bytes = TreeEntry::file(BlobId::of(b"x"), 300).encode();
            let at = at.min(bytes.len());
            let end = (at + noise.len()).min(bytes.len());
            bytes.splice(at..end, noise);
            if let Ok(entry) = TreeEntry::decode(&bytes) {
                prop_assert_eq!(entry.encode(), bytes);
            }
        }
    }
}
