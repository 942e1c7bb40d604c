//! Who is who, and who may what: the trust roots, what they say of keys, and what the user allowed
//! versioned files to ask for.
//!
//! The genesis embeds version 1; later versions are objects that a place's log brings into force,
//! each signed by one whom the version before lets do so. Permissions lie in the user's own
//! configuration folder, never in a repository. Uses `sign`, `object`, `store` and `disk`.

mod adopt;
mod allowed_signers;
mod chain;
mod change;
mod error;
mod genesis;
mod permissions;
mod request;
mod root;

pub use adopt::{Adoption, adopt};
pub use allowed_signers::allowed_signers;
pub use chain::{Chain, ChainedRoot, MAX_ROOTS};
pub use change::{
    ChangeError, SignedRoot, Whose, find_principal, name_of, sign_root, with_key, without_key,
};
pub use error::TrustError;
pub use genesis::{NewRepository, found};
pub use permissions::{Answered, PermissionError, Permissions, Permitted};
pub use request::{AskedCommands, Command, FolderFile, Purpose, Request, RequestError, RequestId};
pub use root::{Standing, TrustState};
