//! Errors of second copies.

use aisr::remote::RemoteError;

use super::{CliError, remedy, repo_hints, store_hints};

impl From<RemoteError> for CliError {
    fn from(error: RemoteError) -> Self {
        if let RemoteError::Worktree(error) = error {
            return (*error).into();
        }
        let hints = remote_hints(&error);
        Self::caused_by(error, hints)
    }
}

fn remote_hints(error: &RemoteError) -> Vec<String> {
    let hint = match error {
        RemoteError::NotAPlace { .. } => {
            "`aisr remote add NAME PLACE --create` makes a place, `aisr init --bare PLACE` a new one"
        }
        RemoteError::PlaceExists { .. } => "`aisr clone` it, or name another folder",
        RemoteError::OtherRepository { .. } => {
            "`aisr remote add NAME PLACE --create` makes a place for this repository elsewhere"
        }
        RemoteError::Rewritten { .. } => {
            "ask who did that; to take the place as it is now, remove the remote and add it again"
        }
        RemoteError::Working { .. } => {
            "push to a shared place: `aisr remote add NAME PLACE --create` makes one"
        }
        RemoteError::Refused { .. } | RemoteError::Missing { .. } | RemoteError::Unsound { .. } => {
            "nothing moved here; `aisr -C PLACE fsck` tells what is wrong there"
        }
        RemoteError::NotForward { .. } => "fetch first, and push again; or --force",
        RemoteError::NotThere { .. } => "`aisr fetch --prune` forgets branches that are gone there",
        RemoteError::CurrentThere { .. } => "every clone of the place begins with it, so it stays",
        RemoteError::Contended { .. } => "push again",
        RemoteError::NoRemote { .. } => {
            "`aisr remote list` lists them, `aisr remote add NAME PLACE` adds one"
        }
        RemoteError::RemoteExists { name } => {
            return vec![format!("`aisr remote remove {name}` takes it away")];
        }
        RemoteError::BadName { .. } => "letters, digits, `-`, `_` and `.`",
        RemoteError::NoBranch { .. } => "`aisr branch` lists them, `aisr commit` makes the first",
        RemoteError::Detached => "check out a branch, or name one",
        RemoteError::Diverged { other, .. } => {
            let other = other.short();
            return vec![format!(
                "look at both: `aisr log HEAD..{other}`; `aisr checkout -b NAME {other}` takes theirs"
            )];
        }
        RemoteError::NotEmpty { .. } => "name a folder that does not exist yet",
        RemoteError::OtherDraft { path } => {
            return vec![format!("remove {}, and clone again", path.display())];
        }
        RemoteError::Repo(e) => return repo_hints(e),
        RemoteError::Store(e) => return store_hints(e),
        RemoteError::Sign(e) => return remedy(e),
        _ => return Vec::new(),
    };
    vec![hint.into()]
}
