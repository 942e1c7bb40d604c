//! The domains that signatures are bound to.

use std::fmt;

/// The type of object that a signature speaks for.
///
/// It is part of the signed bytes (`PROTOCOL.sshsig`, "namespace"), so a signature made for one
/// type never verifies for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Namespace {
    /// The first object of a repository; its id is the repository's.
    Genesis,
    /// A statement of what the system was at a time.
    Commit,
    /// A name given to an object for good.
    Tag,
    /// Who may do what, from one version to the next.
    TrustRoot,
    /// One entry of the log of a place.
    LogEntry,
    /// An approval, endorsement, receipt or witness.
    Attestation,
    /// One principal lets another act for it.
    Delegation,
}

impl Namespace {
    /// All namespaces, each once.
    pub const ALL: [Namespace; 7] = [
        Namespace::Genesis,
        Namespace::Commit,
        Namespace::Tag,
        Namespace::TrustRoot,
        Namespace::LogEntry,
        Namespace::Attestation,
        Namespace::Delegation,
    ];

    /// The text that stands in the signature, and after `-n` of `ssh-keygen -Y`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Namespace::Genesis => "genesis@aisr",
            Namespace::Commit => "commit@aisr",
            Namespace::Tag => "tag@aisr",
            Namespace::TrustRoot => "trust-root@aisr",
            Namespace::LogEntry => "log-entry@aisr",
            Namespace::Attestation => "attestation@aisr",
            Namespace::Delegation => "delegation@aisr",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
