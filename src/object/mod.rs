//! What a repository is made of, as pure data: ids, encodings and limits (`docs/format.md`).
//!
//! This room touches no disk and knows no other room. Every decoder is strict (one value has one
//! encoding), bounded (limits are checked before anything is allocated) and total (no input makes
//! it panic).

mod attributes;
pub mod cbor;
mod commit;
mod component;
mod edge;
mod external;
mod id;
mod id_list;
mod key;
pub mod limits;
mod log_entry;
mod name;
pub(crate) mod node;
#[cfg(test)]
mod node_tests;
mod operation;
mod recipe;
mod signed;
mod tag;
mod tree_entry;
mod trust_root;
pub mod tuple;

pub use attributes::{AttributeValue, Attributes};
pub use cbor::DecodeError;
pub use commit::{Commit, Level, Report, Session};
pub use component::{Component, ComponentKey, ComponentKind, Origin};
pub use edge::{Edge, EdgeKey};
pub use external::{ExternalEntry, ExternalKey};
pub use id::{
    AttestationId, BlobId, CommitId, DelegationId, FormatId, ID_LEN, Id, LogEntryId, LogId, NodeId,
    ObjectType, PackId, PrincipalId, RecipeId, RepositoryId, TagId, TrustRootId,
};
pub use id_list::{decode_id_list, encode_id_list};
pub use key::{KEY_LEN, KeyBytes};
pub use log_entry::{ChangeKind, LogEntry, RefChange, RefTarget};
pub use name::{
    EscapedName, NameError, PortabilityProblem, RepoPath, check_name, join_path, not_portable,
};
pub use node::{Node, NodeHeader, Schema, Value, ValueRef};
pub use operation::{Operation, Step};
pub use recipe::{Part, RecipeNode};
pub use signed::{ActingFor, Actor, Cause, Extensions, PAYLOAD_VERSION, Signed, Stamp, is_word};
pub use tag::Tag;
pub use tree_entry::{EntryKind, TreeEntry};
pub use trust_root::{Genesis, Principal, Role, TrustRoot};
