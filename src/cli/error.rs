//! Errors as a person sees them: what, why, and what next.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use aisr::capture::CaptureError;
use aisr::capture::secrets::{AllowedError, Place, Secret};
use aisr::disk::DiskError;
use aisr::history::{HistoryError, RefError, WalkError};
use aisr::log::LogError;
use aisr::map::MapError;
use aisr::object::RepoPath;
use aisr::repo::{ConfigError, IdentityError, RepoError, SETTINGS, SettingError, TrustChangeError};
use aisr::sign::SignError;
use aisr::store::StoreError;
use aisr::trust::{ChangeError, PermissionError, RequestError, TrustError};
use aisr::upkeep::{FsckError, GcError, RepairError};
use aisr::worktree::{Conflict, WorktreeError};

use super::output::{ERROR, Escaped, HINT, lines_of};
use super::run_command::CommandFailure;

mod bisect;
mod blame;
mod remote;
mod system;

/// What kind of end an error is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The command was not used as it must be.
    Usage,
    /// Something went wrong.
    Failure,
    /// Whoever read the output has gone.
    ClosedPipe,
    /// The user ended it.
    Interrupted,
}

/// An error as a person sees it.
#[derive(Debug)]
pub struct CliError {
    pub kind: Kind,
    error: Box<dyn Error>,
    /// Lines that say more, already safe to show.
    details: Vec<String>,
    hints: Vec<String>,
}

impl CliError {
    /// A command that was not used as it must be.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Usage,
            error: text.into().into(),
            details: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Something that went wrong, with no error below it.
    pub fn failure(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Failure,
            error: text.into().into(),
            details: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Something that the user ended.
    pub fn interrupted(text: impl Into<String>) -> Self {
        Self { kind: Kind::Interrupted, ..Self::failure(text) }
    }

    /// Says what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a line that says more and is safe to show.
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    fn caused_by(error: impl Error + 'static, hints: Vec<String>) -> Self {
        Self { kind: Kind::Failure, error: Box::new(error), details: Vec::new(), hints }
    }

    /// The error itself, if it is of this type.
    pub fn downcast<E: Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }

    /// Prints it to stderr.
    pub fn print(&self) {
        if self.kind == Kind::ClosedPipe {
            return;
        }
        let mut text = self.error.to_string();
        let mut next = self.error.source();
        while let Some(source) = next {
            let more = source.to_string();
            // Many messages end with that of their source.
            if !text.ends_with(&more) {
                let _ = write!(text, ": {more}");
            }
            next = source.source();
        }
        anstream::eprintln!("{ERROR}error:{ERROR:#} {}", Escaped(text.as_bytes()));
        for detail in &self.details {
            anstream::eprintln!("  {detail}");
        }
        for hint in &self.hints {
            anstream::eprintln!("{HINT}hint:{HINT:#} {}", Escaped(hint.as_bytes()));
        }
    }
}

impl From<io::Error> for CliError {
    /// Errors of the output: all others come as errors of a room.
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::BrokenPipe => Kind::ClosedPipe,
            _ => Kind::Failure,
        };
        let error = Output { source: error };
        Self { kind, error: Box::new(error), details: Vec::new(), hints: Vec::new() }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write the output")]
struct Output {
    source: io::Error,
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl From<RepoError> for CliError {
    fn from(error: RepoError) -> Self {
        let hints = repo_hints(&error);
        Self::caused_by(error, hints)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        RepoError::from(error).into()
    }
}

impl From<LogError> for CliError {
    fn from(error: LogError) -> Self {
        RepoError::from(error).into()
    }
}

impl From<HistoryError> for CliError {
    fn from(error: HistoryError) -> Self {
        let hints = history_hints(&error);
        Self::caused_by(error, hints)
    }
}

impl From<WalkError> for CliError {
    fn from(error: WalkError) -> Self {
        let hints = repo_hints(&error.source);
        Self::caused_by(error, hints)
    }
}

impl From<WorktreeError> for CliError {
    fn from(error: WorktreeError) -> Self {
        let error = match error {
            WorktreeError::Manifest(e) => return e.into(),
            error => error,
        };
        let hints = match &error {
            // Nobody named the object: a tree did.
            WorktreeError::Repo(RepoError::Store(StoreError::WrongType { .. })) => {
                vec![FSCK.into()]
            }
            WorktreeError::Repo(e) => repo_hints(e),
            WorktreeError::NotEmpty { .. } => vec!["name a folder that does not exist yet".into()],
            WorktreeError::NotInHead { .. } => vec!["`aisr ls -r` lists what is".into()],
            WorktreeError::NotIgnored { .. } => {
                vec!["add it to .aisrignore first, then untrack it".into()]
            }
            WorktreeError::Nowhere { .. } => vec!["`aisr status` lists what changed".into()],
            WorktreeError::Ignored { .. } => {
                vec!["a later line in .aisrignore takes it in again: `!PATH`".into()]
            }
            WorktreeError::TrustStays { .. } => {
                vec!["a key that joined goes by `aisr trust retire-key`".into()]
            }
            WorktreeError::NothingToAmend => vec!["`aisr commit` makes the first one".into()],
            WorktreeError::AmendedMoved => {
                vec!["look at what is there now with `aisr log`, then amend that".into()]
            }
            WorktreeError::NoRoom { .. } => vec!["free some room, or name another place".into()],
            WorktreeError::Sign(e) => remedy(e),
            WorktreeError::System { findings } => system::hints(findings),
            WorktreeError::ComponentTooLarge { .. } => {
                vec!["name the folder instead of all that is in it".into()]
            }
            WorktreeError::InTheWay { conflicts } => in_the_way_hints(conflicts),
            WorktreeError::Interrupted => vec!["run the command again: it ends that first".into()],
            WorktreeError::Plan { path, .. } => {
                let folder = path.parent().unwrap_or(path).display();
                vec![format!(
                    "look into {folder}/files for what it had set aside, then move {folder} away"
                )]
            }
            WorktreeError::Capture(CaptureError::DatabaseWrite { .. }) => {
                vec!["the database is as it was; see that its disk has room".into()]
            }
            WorktreeError::DatabaseRefused { .. } => {
                vec!["see who may write it and its folder, or leave it with --keep PATH".into()]
            }
            WorktreeError::NotWhatItWas { .. } => {
                vec!["restore what a commit holds: `aisr restore --from REV PATH`".into()]
            }
            WorktreeError::SameName { .. } | WorktreeError::NameNotHeld { .. } => {
                vec![
                    "`aisr checkout REV --out DIR` writes to a file system that can hold it".into(),
                ]
            }
            WorktreeError::NoLongerKept { .. } => {
                vec!["`aisr log` lists older states, and `aisr checkout` goes to one".into()]
            }
            WorktreeError::ChangedMeanwhile { .. } => vec!["run the command again".into()],
            WorktreeError::Secrets { secrets, .. } => secret_hints(secrets),
            WorktreeError::Quiesce(_) => vec![
                "run it by hand to see why, or take it back: `aisr allow --list`, --revoke".into(),
            ],
            _ => Vec::new(),
        };
        let details = match &error {
            WorktreeError::Secrets { secrets, more } => secret_lines(secrets, *more),
            WorktreeError::System { findings } => system::details(findings),
            WorktreeError::Quiesce(why) => match why.downcast_ref::<CommandFailure>() {
                Some(failure) => lines_of(&failure.output).collect(),
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        Self { details, ..Self::caused_by(error, hints) }
    }
}

/// Where each secret is; never what it is.
fn secret_lines(secrets: &[Secret], more: u64) -> Vec<String> {
    let lines = secrets.iter().map(|secret| {
        let path = Escaped(&secret.path);
        let place = match &secret.place {
            Place::Line(line) => format!(":{line}"),
            place => format!(" ({})", Escaped(place.to_string().as_bytes())),
        };
        format!("{path}{place}  {}  {}", secret.rule, secret.fingerprint)
    });
    let rest = (more > 0).then(|| format!("and {more} more"));
    lines.chain(rest).collect()
}

fn secret_hints(secrets: &[Secret]) -> Vec<String> {
    let allow = secrets.first().map(|secret| {
        let fingerprint = secret.fingerprint;
        format!("or let one pass, here alone: `aisr allow secret {fingerprint}`")
    });
    let ignore =
        "take it out of the file, or leave the file out: a line in .aisrignore".to_string();
    let is_rest = |secret: &Secret| matches!(secret.place, Place::Page(_));
    let vacuum = secrets
        .iter()
        .any(is_rest)
        .then(|| "`VACUUM` in the database removes what is left of deleted rows".to_string());
    [ignore].into_iter().chain(vacuum).chain(allow).collect()
}

impl From<AllowedError> for CliError {
    fn from(error: AllowedError) -> Self {
        Self::caused_by(error, Vec::new())
    }
}

impl From<RequestError> for CliError {
    fn from(error: RequestError) -> Self {
        Self::caused_by(error, Vec::new())
    }
}

impl From<PermissionError> for CliError {
    fn from(error: PermissionError) -> Self {
        let hint = match &error {
            PermissionError::InsideRepository { .. } => {
                Some("set AISR_CONFIG_DIR to a folder outside of it")
            }
            PermissionError::Line { .. } => Some("take the line out, and allow it again"),
            _ => None,
        };
        Self::caused_by(error, hint.map(Into::into).into_iter().collect())
    }
}

impl From<RefError> for CliError {
    fn from(error: RefError) -> Self {
        let hints = match &error {
            RefError::Repo(e) => repo_hints(e),
            RefError::Store(e) => store_hints(e),
            RefError::Sign(e) => remedy(e),
            RefError::Current { .. } => {
                vec!["rename it with `aisr branch -m`, or check out another first".into()]
            }
            RefError::Unmerged { name, .. } => {
                let name = name.short();
                vec![format!("`aisr branch -D {name}` deletes it all the same")]
            }
            RefError::NotFound { name } if name.is_tag() => vec!["`aisr tag` lists them".into()],
            RefError::NotFound { .. } => vec!["`aisr branch` lists them".into()],
            _ => Vec::new(),
        };
        Self::caused_by(error, hints)
    }
}

impl From<FsckError> for CliError {
    fn from(error: FsckError) -> Self {
        let hints = match &error {
            FsckError::Store(StoreError::Listing { .. }) => vec![REPAIR.into()],
            _ => Vec::new(),
        };
        Self::caused_by(error, hints)
    }
}

impl From<RepairError> for CliError {
    fn from(error: RepairError) -> Self {
        let hint = match &error {
            RepairError::NoSecondCopy { .. } => {
                Some("name a folder that holds `.aisr` or `packs`; fetch a remote one first")
            }
            RepairError::SameCopy { .. } => Some("name another copy of it"),
            RepairError::Newer { .. } => Some("repair it with that version"),
            _ => None,
        };
        Self::caused_by(error, hint.map(Into::into).into_iter().collect())
    }
}

impl From<GcError> for CliError {
    fn from(error: GcError) -> Self {
        match error {
            GcError::Repo(e) => e.into(),
            GcError::Store(StoreError::Disk(DiskError::Locked { .. })) => {
                Self::failure("another command merges or collects packs right now")
                    .hint("run `aisr gc` again once it has ended")
            }
            GcError::Store(e) => e.into(),
            GcError::Log(e) => e.into(),
            GcError::Worktree(e) => e.into(),
            GcError::Disk(_) => Self::caused_by(error, Vec::new()),
            GcError::DamagedPacks { .. } | GcError::Incomplete { .. } => {
                Self::caused_by(error, vec![FSCK.into()])
            }
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::caused_by(error, Vec::new())
    }
}

impl From<SettingError> for CliError {
    fn from(error: SettingError) -> Self {
        let hint = match &error {
            SettingError::Unknown { .. } => {
                let keys = SETTINGS.iter().map(|setting| setting.key()).collect::<Vec<_>>();
                Some(format!("there are {}", keys.join(", ")))
            }
            SettingError::UserOnly { key } => {
                Some(format!("set it for yourself: aisr config --user {key} VALUE"))
            }
            SettingError::NotDays { key, .. } => Some(format!("`aisr config {key} \"90 days\"`")),
            _ => None,
        };
        Self::caused_by(error, hint.into_iter().collect())
    }
}

impl From<IdentityError> for CliError {
    fn from(error: IdentityError) -> Self {
        let hints = match &error {
            IdentityError::NoKey { .. } => {
                vec![
                    "`aisr key new` makes one; `aisr config --user user.key FILE` names yours"
                        .into(),
                ]
            }
            IdentityError::NotHeld { socket: Some(_), .. } => {
                vec![
                    "`ssh-add FILE` lets the agent hold it; `ssh-add -l` lists what it holds"
                        .into(),
                ]
            }
            IdentityError::NotHeld { socket: None, .. } => vec![
                "start one and set SSH_AUTH_SOCK: `eval $(ssh-agent)`, then `ssh-add FILE`".into(),
            ],
            IdentityError::Sign(e) => remedy(e),
            IdentityError::Disk(_) => Vec::new(),
        };
        Self::caused_by(error, hints)
    }
}

impl From<SignError> for CliError {
    fn from(error: SignError) -> Self {
        let hints = remedy(&error);
        Self::caused_by(error, hints)
    }
}

impl From<ChangeError> for CliError {
    fn from(error: ChangeError) -> Self {
        TrustChangeError::from(error).into()
    }
}

impl From<TrustChangeError> for CliError {
    fn from(error: TrustChangeError) -> Self {
        let hints = match &error {
            TrustChangeError::Repo(e) => repo_hints(e),
            TrustChangeError::Change(ChangeError::Sign(e)) => remedy(e),
            TrustChangeError::Change(ChangeError::NoPrincipal { known, .. }) => {
                vec![
                    format!("there are {}", known.join(", ")),
                    "--new-principal NAME makes one".into(),
                ]
            }
            TrustChangeError::Change(ChangeError::Retired { .. }) => {
                vec!["make another key: `aisr key new FILE`".into()]
            }
            TrustChangeError::Change(ChangeError::NobodyLeft { .. }) => {
                vec!["let another key join first: `aisr trust add-key PUBKEY`".into()]
            }
            TrustChangeError::Change(
                ChangeError::MayNot { .. } | ChangeError::NotHeld { .. } | ChangeError::Held { .. },
            ) => vec!["`aisr trust show` tells who may".into()],
            TrustChangeError::Change(_) => Vec::new(),
        };
        Self::caused_by(error, hints)
    }
}

fn in_the_way_hints(conflicts: &[(RepoPath, Conflict)]) -> Vec<String> {
    if conflicts.iter().all(|(_, why)| why.yields_to_force()) {
        return vec![
            "`aisr commit` first, --keep PATH, or --force: `aisr undo` brings back what that drops"
                .into(),
        ];
    }
    if conflicts.iter().any(|(_, why)| *why == Conflict::Locked) {
        return vec!["wait until it is done, or end it, and run the command again".into()];
    }
    if conflicts.iter().any(|(_, why)| matches!(why, Conflict::InUse | Conflict::OtherPages)) {
        return vec![
            "end the programs that have the database open; a last writer removes its -wal and -shm"
                .into(),
        ];
    }
    vec!["move it away, or leave it with --keep PATH".into()]
}

fn remedy(error: &SignError) -> Vec<String> {
    match error {
        SignError::PassphraseNeeded { .. } => {
            vec!["run aisr from a terminal, where it can ask".into()]
        }
        error => error.remedy().map(Into::into).into_iter().collect(),
    }
}

fn repo_hints(error: &RepoError) -> Vec<String> {
    let hint = match error {
        RepoError::NotFound { .. } => "`aisr init` makes a repository of this folder",
        RepoError::Expired { .. } => {
            "`aisr show` tells what it states; its content may come back from another copy"
        }
        RepoError::Exists { .. } => "`aisr log` shows what it holds",
        RepoError::SharedPlace { .. } => "`aisr clone` it, work in the clone, and push",
        RepoError::ForeignOwner { folder, .. } => {
            let root = folder.parent().unwrap_or(folder).display();
            return vec![format!(
                "if you trust it, add the folder to your config.toml: [safe] folders = [\"{root}\"]"
            )];
        }
        RepoError::Requires { .. } => "a newer version of aisr opens it",
        RepoError::RequiresToWrite { .. } => {
            "a newer version of aisr writes to it; this one reads: aisr log, aisr checkout --out DIR"
        }
        RepoError::Sign(e) => return remedy(e),
        RepoError::Store(e) | RepoError::Trust(TrustError::Store(e)) => return store_hints(e),
        RepoError::Map(e) => match &**e {
            MapError::Load { source: StoreError::WrongType { .. }, .. } => FSCK,
            MapError::Load { source, .. } => return store_hints(source),
            _ => FSCK,
        },
        RepoError::Log(LogError::Disk(_) | LogError::Moved { .. } | LogError::ReplicaKey(_))
        | RepoError::Disk(_)
        | RepoError::NoRandomness(_) => return Vec::new(),
        _ => FSCK,
    };
    vec![hint.into()]
}

const REPAIR: &str = "`aisr repair` brings back what can be brought back";
const FSCK: &str = "`aisr fsck` tells what is damaged and what is whole";

fn store_hints(error: &StoreError) -> Vec<String> {
    match error {
        StoreError::Disk(_) | StoreError::WrongType { .. } | StoreError::Listing { .. } => {
            Vec::new()
        }
        _ => vec![FSCK.into()],
    }
}

fn history_hints(error: &HistoryError) -> Vec<String> {
    let hint = match error {
        HistoryError::Unknown { .. } => "`aisr log --oneline` lists the commits",
        HistoryError::Unborn { .. } => "`aisr commit` makes the first one",
        HistoryError::Ambiguous { candidates, .. } => {
            let ids = candidates.iter().map(|(id, kind)| {
                format!("{} {}", kind.name(), &id.to_hex()[..SHOWN_OF_CANDIDATES])
            });
            return vec![format!("type more digits: {}", ids.collect::<Vec<_>>().join(", "))];
        }
        HistoryError::Repo(e) => return repo_hints(e),
        HistoryError::Store(e) => return store_hints(e),
        _ => return Vec::new(),
    };
    vec![hint.into()]
}

/// Enough digits to tell the candidates for a short start apart.
const SHOWN_OF_CANDIDATES: usize = 16;
