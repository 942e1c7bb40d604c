//! Secrets in what is captured: rules as data, a scanner, and the guard that a capture asks.
//!
//! The scanner is pure: bytes in, findings out, whatever the bytes are. A capture asks the guard
//! before it stores a file.

mod allowed;
mod checksum;
mod guard;
mod rules;
mod scanner;

pub use allowed::{AllowedError, AllowedSecrets};
pub use guard::{Fingerprint, Found, InvalidFingerprint, Place, Secret, SecretGuard};
pub(super) use guard::{KEPT, SCAN_LIMIT, scanner};
pub use scanner::{Finding, Scanner};
