//! What is checked before a ref moves to what was received.

use crate::object::{CommitId, Id};
use crate::repo::{Repository, SignatureState};
use crate::store::{Incoming, StoreError};

use super::closure::Closure;
use super::commits::{commits_of, missing};
use super::error::{RemoteError, Result};

/// The deepest tree that the format allows needs less.
const STACK: usize = 256 << 20;

/// What was received, beside that all of it is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// How many commits are new.
    pub commits: u64,
    /// How many of them are signed by keys that the trust root in force does not name.
    pub not_vouched_for: u64,
}

/// Follows what the objects `wanted` hold, down to the last object that `have` does not lead to,
/// and checks all of it: that it is there, recipes by the blobs they build, the shapes of maps,
/// sizes and names, signatures.
///
/// # Errors
/// At the first thing that is not right.
pub fn verify_received(
    repo: &Repository,
    incoming: &mut Incoming<'_>,
    place: &str,
    wanted: &[Id],
    have: &[CommitId],
    threads: usize,
) -> Result<Received> {
    for checked in incoming.check_recipes(threads)? {
        match checked {
            // Parts of what nothing leads to may have been collected over there. What something
            // leads to is asked for below.
            Ok(()) | Err(StoreError::Absent { .. }) => {}
            Err(e) => {
                let why = crate::policy::with_sources(&e);
                return Err(RemoteError::Refused { place: place.into(), why });
            }
        }
    }
    let store = incoming.store();
    deep(|| {
        let mut closure = Closure::checking(store, place);
        for id in wanted {
            let (tags, _) = closure.tags(*id)?;
            for tag in &tags {
                ensure_signed(place, "tag", tag.id.id(), &repo.judge_tag(tag))?;
            }
        }
        let want = commits_of(store, wanted.iter().copied());
        let mut received = Received::default();
        for id in missing(store, &want, have)? {
            let stored = closure.commit(id)?;
            let state = repo.judge(&stored);
            ensure_signed(place, "commit", id.id(), &state)?;
            received.commits += 1;
            received.not_vouched_for += u64::from(!state.is_good());
        }
        Ok(received)
    })
}

/// Whose key it is does not matter here; that the bytes are signed by the key they state does.
fn ensure_signed(place: &str, what: &str, id: Id, state: &SignatureState<'_>) -> Result<()> {
    let why = match state {
        SignatureState::Bad(e) => e.to_string(),
        SignatureState::WrongKey => "signed by another key than it states".into(),
        _ => return Ok(()),
    };
    Err(RemoteError::Refused { place: place.into(), why: format!("{what} {id}: {why}") })
}

/// Does what goes as deep as trees do.
pub fn deep<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK);
        let thread = builder.spawn_scoped(scope, work).map_err(RemoteError::Thread)?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
