//! Errors of blame.

use aisr::history::blame::BlameError;

use super::{CliError, repo_hints};

impl From<BlameError> for CliError {
    fn from(error: BlameError) -> Self {
        let hints = match &error {
            BlameError::Repo(error) => repo_hints(error),
            BlameError::NoFile { path, .. } => {
                vec![format!("`aisr log --oneline -- {path}` shows when it went")]
            }
            BlameError::View(_) => vec!["`aisr fsck` names what is damaged".to_owned()],
            _ => Vec::new(),
        };
        Self::caused_by(error, hints)
    }
}
