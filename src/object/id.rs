//! Ids: 32-byte BLAKE3 hashes, one newtype for each kind of thing they name.
//!
//! Every type of object has its own key-derivation context (`docs/format.md`, "Ids"), so an
//! object of one type can never be taken for another. Blobs and chunks share plain BLAKE3 on
//! purpose: a blob's id is what `b3sum` prints.

use std::fmt;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt};
use data_encoding::HEXLOWER;

/// Length of every id in bytes.
pub const ID_LEN: usize = 32;

/// An id whose kind is told by its surroundings (a pack index, a list of references).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; ID_LEN]);

impl Id {
    /// Wraps 32 bytes.
    pub const fn new(bytes: [u8; ID_LEN]) -> Self {
        Self(bytes)
    }

    /// The id whose bytes are `bytes`, or `None` unless there are exactly 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The id that 64 lower-case hexadecimal digits spell.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let mut bytes = [0; ID_LEN];
        (hex.len() == 2 * ID_LEN).then_some(())?;
        HEXLOWER.decode_mut(hex, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; ID_LEN] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The first eight bytes as a number: uniform, so good for interpolation and hashing.
    pub fn prefix(&self) -> u64 {
        u64::from_be_bytes(self.0[..8].try_into().expect("an id has 32 bytes"))
    }

    /// How many hexadecimal digits, from the first, are the same in both.
    pub fn digits_shared(&self, other: Id) -> usize {
        let differ = self.0.iter().zip(other.0).position(|(a, b)| *a != b);
        differ.map_or(2 * ID_LEN, |at| 2 * at + usize::from(self.0[at] >> 4 == other.0[at] >> 4))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", &self.to_hex()[..8])
    }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Id);

        impl $name {
            /// Gives the bytes of `id` this kind.
            pub const fn from_id(id: Id) -> Self {
                Self(id)
            }

            /// The id without its kind.
            pub const fn id(&self) -> Id {
                self.0
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; ID_LEN] {
                self.0.as_bytes()
            }

            /// 64 lower-case hexadecimal digits.
            pub fn to_hex(&self) -> String {
                self.0.to_hex()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.to_hex()[..8])
            }
        }
    };
}

macro_rules! derived_id_type {
    ($(#[$doc:meta])* $name:ident, $context:literal) => {
        id_type!($(#[$doc])* $name);

        impl $name {
            /// The BLAKE3 key-derivation context of this kind of id.
            pub const CONTEXT: &'static str = $context;

            /// The id of the object that is encoded as `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                // What `blake3::derive_key` hashes first, each time.
                static KEY: LazyLock<ContextKey> =
                    LazyLock::new(|| blake3::hazmat::hash_derive_key_context($context));
                let mut hasher = blake3::Hasher::new_from_context_key(&KEY);
                Self(Id::new(*hasher.update(bytes).finalize().as_bytes()))
            }
        }
    };
}

id_type!(
    /// The id of a blob or of a chunk: the plain BLAKE3 hash of its bytes.
    BlobId
);

impl BlobId {
    /// The id of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Id::new(*blake3::hash(bytes).as_bytes()))
    }
}

derived_id_type!(
    /// The id of a recipe node.
    RecipeId,
    "aisr 2026-11-24 recipe node v1"
);
derived_id_type!(
    /// The id of a node of a Merkle map; a map is named by its root node.
    NodeId,
    "aisr 2026-11-24 map node v1"
);
derived_id_type!(
    /// The id of a commit.
    CommitId,
    "aisr 2026-11-24 commit v1"
);
derived_id_type!(
    /// The id of a tag object.
    TagId,
    "aisr 2026-11-24 tag v1"
);
derived_id_type!(
    /// The id of a repository: the id of its genesis.
    RepositoryId,
    "aisr 2026-11-24 genesis v1"
);
derived_id_type!(
    /// The id of a trust root.
    TrustRootId,
    "aisr 2026-11-24 trust root v1"
);
derived_id_type!(
    /// The id of an attestation.
    AttestationId,
    "aisr 2026-11-24 attestation v1"
);
derived_id_type!(
    /// The id of a delegation.
    DelegationId,
    "aisr 2026-11-24 delegation v1"
);
derived_id_type!(
    /// The id of an entry of a place's log.
    LogEntryId,
    "aisr 2026-11-24 log entry v1"
);
derived_id_type!(
    /// The id of a pack: the hash of its footer.
    PackId,
    "aisr 2026-11-24 pack footer v1"
);
derived_id_type!(
    /// The hash of the identity part of `.aisr/format`, which the genesis names.
    FormatId,
    "aisr 2026-11-24 format identity v1"
);

macro_rules! random_id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Wraps 16 bytes.
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// 32 lower-case hexadecimal digits.
            pub fn to_hex(&self) -> String {
                HEXLOWER.encode(&self.0)
            }

            /// The id that 32 lower-case hexadecimal digits spell.
            pub fn from_hex(hex: &[u8]) -> Option<Self> {
                let mut bytes = [0; 16];
                (hex.len() == 32).then_some(())?;
                HEXLOWER.decode_mut(hex, &mut bytes).ok()?;
                Some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.to_hex())
            }
        }
    };
}

random_id_type!(
    /// The random id of a place's log.
    LogId
);
random_id_type!(
    /// The random id of a principal; names change, this does not.
    PrincipalId
);

/// The types of object that a pack can hold, with their numbers in its footer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ObjectType {
    /// Bytes: a whole blob or a chunk of one.
    Blob = 0,
    /// A node of a recipe.
    Recipe = 1,
    /// A node of a Merkle map.
    Node = 2,
    /// A signed commit.
    Commit = 3,
    /// A signed tag.
    Tag = 4,
    /// The signed genesis of a repository.
    Genesis = 5,
    /// A signed trust root, version 2 or later (the first is embedded in the genesis).
    TrustRoot = 6,
    /// A signed attestation; its fields come later.
    Attestation = 7,
    /// A signed delegation; its fields come later.
    Delegation = 8,
    /// A signed log entry of a shared place.
    LogEntry = 9,
}

impl ObjectType {
    /// Every type, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Blob,
        Self::Recipe,
        Self::Node,
        Self::Commit,
        Self::Tag,
        Self::Genesis,
        Self::TrustRoot,
        Self::Attestation,
        Self::Delegation,
        Self::LogEntry,
    ];

    /// The type with this number.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The word for it in messages and in `docs/format.md`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Recipe => "recipe",
            Self::Node => "map node",
            Self::Commit => "commit",
            Self::Tag => "tag",
            Self::Genesis => "genesis",
            Self::TrustRoot => "trust root",
            Self::Attestation => "attestation",
            Self::Delegation => "delegation",
            Self::LogEntry => "log entry",
        }
    }

    /// The id of the object of this type that is encoded as `bytes`.
    pub fn id_of(self, bytes: &[u8]) -> Id {
        match self {
            Self::Blob => BlobId::of(bytes).id(),
            Self::Recipe => RecipeId::of(bytes).id(),
            Self::Node => NodeId::of(bytes).id(),
            Self::Commit => CommitId::of(bytes).id(),
            Self::Tag => TagId::of(bytes).id(),
            Self::Genesis => RepositoryId::of(bytes).id(),
            Self::TrustRoot => TrustRootId::of(bytes).id(),
            Self::Attestation => AttestationId::of(bytes).id(),
            Self::Delegation => DelegationId::of(bytes).id(),
            Self::LogEntry => LogEntryId::of(bytes).id(),
        }
    }
}
