//! The principals of a trust root in the format that `ssh-keygen -Y verify` reads
//! (ssh-keygen(1), "ALLOWED SIGNERS").

use crate::object::{Principal, TrustRoot};
use crate::sign::{Namespace, PublicKey};

/// One line for each key of each principal, which may sign what aisr signs and nothing else.
///
/// A principal goes by its name where that is a plain word that no other has, else by its id: a
/// name with spaces, commas or wildcards would mean something else there.
pub fn allowed_signers(root: &TrustRoot) -> String {
    let namespaces = Namespace::ALL.map(Namespace::as_str).join(",");
    let mut out = String::new();
    for principal in &root.principals {
        let identity = identity(root, principal);
        for key in principal.keys.iter().filter_map(|key| PublicKey::from_bytes(key).ok()) {
            let line = key.to_openssh("");
            out += &format!("{identity} namespaces=\"{namespaces}\" {line}\n");
        }
    }
    out
}

fn identity(root: &TrustRoot, principal: &Principal) -> String {
    let is_plain = |name: &&String| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"@._+-".contains(&b);
        let shared = root.principals.iter().filter(|p| p.names.first() == Some(name)).count() > 1;
        name.bytes().all(plain) && !name.starts_with('-') && !shared
    };
    let name = principal.names.first().filter(is_plain).cloned();
    name.unwrap_or_else(|| principal.id.to_hex())
}
