//! Names of refs.

use std::fmt;

use bstr::{BStr, BString, ByteSlice};
use thiserror::Error;

use crate::object::ComponentKind;

/// A full name of a ref that git's rules allow: `refs/heads/…`, `refs/tags/…`, `refs/remotes/…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(BString);

/// Why a name is no name of a ref.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RefNameError {
    /// git's rules refuse it.
    #[error("`{name}` is not a valid name: {why}")]
    Invalid {
        /// The name.
        name: BString,
        /// git's reason.
        why: String,
    },
    /// It lies outside the three folders.
    #[error("`{0}` is not under refs/heads/, refs/tags/ or refs/remotes/")]
    Outside(BString),
    /// It is the name of a kind of component: `model:base` must never be a revision and a path.
    #[error("`{0}` is the name of a kind of component")]
    ComponentKind(BString),
}

const FOLDERS: [&str; 3] = ["refs/heads/", "refs/tags/", "refs/remotes/"];
const LIMIT: usize = 1024;

impl RefName {
    /// Checks a full name.
    ///
    /// # Errors
    /// When git's rules refuse it, or it lies outside the known folders.
    pub fn new(name: &[u8]) -> Result<Self, RefNameError> {
        let invalid = |why: String| Err(RefNameError::Invalid { name: name.into(), why });
        let Some(folder) = FOLDERS.iter().find(|f| name.starts_with(f.as_bytes())) else {
            return Err(RefNameError::Outside(name.into()));
        };
        if name.len() > LIMIT {
            return invalid(format!("longer than {LIMIT} bytes"));
        }
        if let Err(e) = gix_validate::reference::name(name.as_bstr()) {
            return invalid(e.to_string());
        }
        let short = &name[folder.len()..];
        if ComponentKind::ALL.iter().any(|kind| kind.name().as_bytes() == short) {
            return Err(RefNameError::ComponentKind(short.into()));
        }
        if short == b"HEAD" || short == b"@" || short.starts_with(b"-") {
            return invalid("reserved".into());
        }
        Ok(Self(name.into()))
    }

    /// The branch of this short name.
    ///
    /// # Errors
    /// As [`RefName::new`].
    pub fn branch(short: &str) -> Result<Self, RefNameError> {
        Self::new(format!("refs/heads/{short}").as_bytes())
    }

    /// The tag of this short name.
    ///
    /// # Errors
    /// As [`RefName::new`].
    pub fn tag(short: &str) -> Result<Self, RefNameError> {
        Self::new(format!("refs/tags/{short}").as_bytes())
    }

    /// The full name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name without its folder.
    pub fn short(&self) -> &BStr {
        let folder = FOLDERS.iter().find(|f| self.0.starts_with(f.as_bytes()));
        self.0[folder.map_or(0, |f| f.len())..].as_bstr()
    }

    /// Whether this is a branch.
    pub fn is_branch(&self) -> bool {
        self.0.starts_with(FOLDERS[0].as_bytes())
    }

    /// Whether this is a tag.
    pub fn is_tag(&self) -> bool {
        self.0.starts_with(FOLDERS[1].as_bytes())
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_else_is_no_name() {
        for kind in ComponentKind::ALL {
            let name = kind.name();
            for found in [RefName::branch(name), RefName::tag(name)] {
                assert_eq!(found, Err(RefNameError::ComponentKind(name.into())));
            }
            assert!(RefName::branch(&format!("{name}s")).is_ok());
            assert!(RefName::branch(&format!("x/{name}")).is_ok());
        }
        for name in ["@", "HEAD", "-x", "a:b", "a@{1}", "a~1", "a^"] {
            let found = RefName::branch(name);
            assert!(matches!(found, Err(RefNameError::Invalid { .. })), "{name}: {found:?}");
        }
    }
}
