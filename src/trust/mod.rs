//! Who is who: the trust root in force, and what it says of keys.
//!
//! The genesis embeds version 1; later versions are objects that a place's log brings into force
//! and come with the work that makes them. Uses `sign`, `object` and `store`.

mod genesis;
mod root;

pub use genesis::{NewRepository, found};
pub use root::{Standing, TrustError, TrustState};
