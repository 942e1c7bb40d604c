//! What a recording disk wrote down.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::states::{Budget, CrashStates};
use super::tree::Tree;
use crate::disk::error::{Action, Result, failed};
use crate::disk::hook::Hook;
use crate::disk::operation::Operation;

/// The record of a disk: where it began, and what happened since.
///
/// A file that is moved into the recorded folder from outside is not seen.
#[derive(Clone)]
pub struct Recorder {
    initial: Tree,
    hook: Arc<Hook>,
}

impl Recorder {
    pub(in crate::disk) fn new(root: &Path, hook: Arc<Hook>) -> Result<Recorder> {
        let initial = Tree::load(root).map_err(failed(Action::Read, root))?;
        Ok(Recorder { initial, hook })
    }

    /// What happened so far, in order.
    pub fn operations(&self) -> Vec<Operation> {
        self.hook.operations()
    }

    /// The states that a crash could have left at any moment so far.
    pub fn crash_states(&self, budget: Budget) -> CrashStates {
        CrashStates::new(self.initial.clone(), self.operations(), budget)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("operations", &self.operations()).finish_non_exhaustive()
    }
}
