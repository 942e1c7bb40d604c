//! Speed of hashing, cutting and coding on one core.
#![allow(missing_docs)]
fn main() {}
