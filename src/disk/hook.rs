//! Where recording and injected failures take hold of an operation.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::error::Action;
use super::fault::{Calls, Fault, FaultPlan};
use super::operation::{FileId, Operation};

/// What a disk under test does besides its work.
///
/// The state stays locked while an operation runs, so the record is in the order in which things
/// happened, whatever threads they came from.
pub(super) struct Hook {
    faults: FaultPlan,
    /// What is recorded lies below this folder; nothing is recorded without it.
    root: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: Calls,
    last_file: u64,
    recorded_files: HashSet<FileId>,
    operations: Vec<Operation>,
}

impl Hook {
    pub(super) fn new(root: Option<PathBuf>, faults: FaultPlan) -> Hook {
        Hook { faults, root, state: Mutex::default() }
    }

    pub(super) fn calls(&self) -> Calls {
        self.state().calls
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        self.state().operations.clone()
    }

    pub(super) fn next_file(&self) -> FileId {
        let mut state = self.state();
        state.last_file += 1;
        FileId(state.last_file)
    }

    /// Writes down what needs no call to the system that could fail.
    pub(super) fn note(&self, operation: impl FnOnce(&Path) -> Option<Operation>) {
        self.record(&mut self.state(), operation);
    }

    pub(super) fn change<T>(
        &self,
        action: Action,
        run: impl FnOnce() -> io::Result<T>,
        operation: impl FnOnce(&Path) -> Option<Operation>,
    ) -> io::Result<T> {
        let mut state = self.state();
        if let Some(fault) = self.count(&mut state, action) {
            return Err(refusal(fault));
        }
        let value = run()?;
        self.record(&mut state, operation);
        Ok(value)
    }

    pub(super) fn sync(
        &self,
        action: Action,
        run: impl FnOnce() -> io::Result<()>,
        operation: impl FnOnce(&Path) -> Option<Operation>,
    ) -> io::Result<()> {
        let mut state = self.state();
        match self.count(&mut state, action) {
            Some(Fault::SkipSync) => return Ok(()),
            Some(fault) => return Err(refusal(fault)),
            None => {}
        }
        run()?;
        self.record(&mut state, operation);
        Ok(())
    }

    pub(super) fn write(
        &self,
        file: FileId,
        offset: u64,
        bytes: &[u8],
        run: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state();
        let fault = self.count(&mut state, Action::Write);
        let written = match fault {
            Some(Fault::ShortWrite) => &bytes[..bytes.len() / 2],
            Some(fault) => return Err(refusal(fault)),
            None => bytes,
        };
        run(written)?;
        self.record(&mut state, |_| {
            Some(Operation::Write { file, offset, bytes: written.to_vec() })
        });
        match fault {
            Some(fault) => Err(refusal(fault)),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, state: &mut State, action: Action) -> Option<Fault> {
        state.calls.all += 1;
        if action.is_sync() {
            state.calls.syncs += 1;
        }
        self.faults.verdict(state.calls, action.is_sync())
    }

    fn record(&self, state: &mut State, operation: impl FnOnce(&Path) -> Option<Operation>) {
        let Some(operation) = self.root.as_deref().and_then(operation) else {
            return;
        };
        if let Some(file) = operation.made_file() {
            state.recorded_files.insert(file);
        }
        // A file outside the root was never recorded as made, so neither is what happens to it.
        if operation.used_file().is_none_or(|file| state.recorded_files.contains(&file)) {
            state.operations.push(operation);
        }
    }
}

fn refusal(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace | Fault::ShortWrite => Errno::NOSPC.into(),
        Fault::Io | Fault::SkipSync => Errno::IO.into(),
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("faults", &self.faults)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
