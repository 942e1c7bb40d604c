//! Plans for failures that tests inject.

use std::num::NonZeroU64;
use std::str::FromStr;

/// A failure that a test injects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails with ENOSPC and does nothing.
    NoSpace,
    /// The call fails with EIO and does nothing.
    Io,
    /// Half of the buffer is written, then ENOSPC; a call that writes nothing just fails.
    ShortWrite,
    /// The sync reports success and does nothing; counted among syncs alone.
    SkipSync,
}

/// Which call fails, and how: written `enospc:3`, `eio:3`, `short-write:3`, `skip-sync:3` or `none`.
///
/// Calls are counted from 1 over all that change the disk: create, write, allocate, truncate,
/// permissions, the three syncs, rename, remove, both of folders, and symlink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    planned: Option<(Fault, NonZeroU64)>,
}

impl FaultPlan {
    /// Nothing fails; calls are still counted.
    pub fn none() -> FaultPlan {
        FaultPlan::default()
    }

    /// The call number `nth` fails, once.
    pub fn at(fault: Fault, nth: NonZeroU64) -> FaultPlan {
        FaultPlan { planned: Some((fault, nth)) }
    }

    /// What happens to the call that made the counts what they are.
    pub(super) fn verdict(&self, counts: Calls, is_sync: bool) -> Option<Fault> {
        let (fault, nth) = self.planned?;
        let hit = match fault {
            Fault::SkipSync => is_sync && counts.syncs == nth.get(),
            Fault::NoSpace | Fault::Io | Fault::ShortWrite => counts.all == nth.get(),
        };
        hit.then_some(fault)
    }
}

/// A text that is no fault plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no fault plan: enospc:N, eio:N, short-write:N, skip-sync:N or none, with N from 1"
)]
pub struct InvalidFaultPlan {
    /// The text.
    pub text: String,
}

impl FromStr for FaultPlan {
    type Err = InvalidFaultPlan;

    fn from_str(text: &str) -> Result<FaultPlan, InvalidFaultPlan> {
        if text == "none" {
            return Ok(FaultPlan::none());
        }
        let invalid = || InvalidFaultPlan { text: text.to_owned() };
        let (name, nth) = text.split_once(':').ok_or_else(invalid)?;
        let fault = match name {
            "enospc" => Fault::NoSpace,
            "eio" => Fault::Io,
            "short-write" => Fault::ShortWrite,
            "skip-sync" => Fault::SkipSync,
            _ => return Err(invalid()),
        };
        let nth = nth.parse().map_err(|_| invalid())?;
        Ok(FaultPlan::at(fault, nth))
    }
}

/// How many calls a disk has seen that change something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// All calls that change the disk, syncs among them.
    pub all: u64,
    /// The syncs alone: of files, folders, and file systems.
    pub syncs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_as_it_is_written() {
        let third = NonZeroU64::new(3).unwrap();
        for (text, plan) in [
            ("none", FaultPlan::none()),
            ("enospc:3", FaultPlan::at(Fault::NoSpace, third)),
            ("eio:3", FaultPlan::at(Fault::Io, third)),
            ("short-write:3", FaultPlan::at(Fault::ShortWrite, third)),
            ("skip-sync:3", FaultPlan::at(Fault::SkipSync, third)),
        ] {
            assert_eq!(text.parse(), Ok(plan));
        }
    }

    #[test]
    fn a_text_that_is_no_plan_is_refused() {
        for text in ["", "eio", "eio:", "eio:0", "eio:-1", "eio:x", "fire:3"] {
            assert!(text.parse::<FaultPlan>().is_err(), "{text:?}");
        }
    }
}
