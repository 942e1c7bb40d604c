//! Who is who, and who may what: the trust root in force, what it says of keys, and what the user
//! allowed versioned files to ask for.
//!
//! The genesis embeds version 1; later versions are objects that a place's log brings into force
//! and come with the work that makes them. Permissions lie in the user's own configuration folder,
//! never in a repository. Uses `sign`, `object`, `store` and `disk`.

mod adopt;
mod genesis;
mod permissions;
mod request;
mod root;

pub use adopt::{Adoption, adopt};
pub use genesis::{NewRepository, found};
pub use permissions::{Answered, PermissionError, Permissions, Permitted};
pub use request::{AskedCommands, Command, FolderFile, Purpose, Request, RequestError, RequestId};
pub use root::{Standing, TrustError, TrustState};
