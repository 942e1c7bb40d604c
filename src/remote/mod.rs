//! Second copies: places that are cloned, fetched from and pushed to (`docs/copies.md`).
//!
//! A place is a few keys with bytes under them, as an object storage has: list, get, get a range,
//! put if absent. Nothing here relies on renames, locks or appends of a place, and nothing that a
//! place says is believed: packs are hashed record by record, recipes by the blobs that they build,
//! and what a ref is to name is followed to its last object before the ref moves. Uses `worktree`,
//! `history` and the rooms below.

mod address;
mod clone;
mod closure;
mod commits;
mod create;
mod error;
mod fetch;
mod folder;
mod maps;
mod place;
mod pull;
mod push;
mod receipt;
mod remotes;
mod seen;
mod source;
mod transfer;

pub use address::{parse_address, resolve};
pub use clone::{CloneOptions, Cloned, clone};
pub use create::{create_place, init_shared};
pub use error::RemoteError;
pub use fetch::{FetchOptions, FetchReport, RefUpdate, UpdateKind, fetch};
pub use folder::FolderPlace;
pub use place::{Fill, Listed, Place, Put};
pub use pull::{Pulled, fast_forward};
pub use push::{PushOptions, PushReport, push};
pub use receipt::Received;
pub use remotes::{
    Remote, add_remote, find_remote, remotes, remove_remote, second_copy, set_upstream, upstream,
};
pub use transfer::Moved;
