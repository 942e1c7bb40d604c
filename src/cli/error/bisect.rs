//! Errors of bisections.

use aisr::disk::DiskError;
use aisr::history::bisect::BisectError;

use super::{CliError, repo_hints};

impl From<BisectError> for CliError {
    fn from(error: BisectError) -> Self {
        let hint = match error {
            BisectError::NoSession => "`aisr bisect start BAD GOOD` begins one",
            BisectError::UnderWay => "`aisr bisect reset` ends it; `aisr bisect view` shows it",
            BisectError::Damaged { .. } => {
                "`aisr bisect reset REV` ends it and goes to REV; `aisr op log` tells where HEAD was"
            }
            BisectError::NotMonotone { .. } => {
                "the change went away again, or a verdict is wrong: `aisr bisect log` lists them"
            }
            BisectError::Walk(error) => return error.into(),
            BisectError::Repo(error) => {
                let hints = repo_hints(&error);
                return Self::caused_by(error, hints);
            }
            BisectError::Disk(DiskError::Locked { .. }) => {
                return Self::failure("another `aisr bisect` is at work here")
                    .hint("wait for it, or end it");
            }
            BisectError::Disk(_) | BisectError::TooLong { .. } => {
                return Self::caused_by(error, Vec::new());
            }
        };
        Self::caused_by(error, vec![hint.into()])
    }
}
