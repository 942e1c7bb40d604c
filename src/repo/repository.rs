//! The handle of an opened repository.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::disk::{Disk, ReadFile};
use crate::log::{Append, LogError, PlaceLog};
use crate::object::{Cause, LogEntryId, RefChange, RepositoryId, TrustRootId};
use crate::sign::{CheckedSignatures, SecretKey};
use crate::store::Store;
use crate::trust::{Adoption, TrustState, adopt};

use super::arrivals::Arrivals;
use super::config::UserConfig;
use super::error::RepoError;
use super::format::{Format, FormatError, SHARED_PLACE};

/// The folder of a repository, inside its root.
pub const FOLDER: &str = ".aisr";

/// An opened repository.
pub struct Repository {
    root: PathBuf,
    folder: PathBuf,
    disk: Disk,
    format: Format,
    store: Arc<Store>,
    trust: TrustState,
    checked: CheckedSignatures,
    arrivals: OnceLock<Arrivals>,
    /// The log as it was when this was opened to show, for the first who asks.
    opened_log: Mutex<Option<PlaceLog>>,
}

impl Repository {
    /// Opens the repository whose root is `from` or the nearest folder above it.
    ///
    /// # Errors
    /// When there is none, when its `.aisr` belongs to another user whom `config` does not allow,
    /// or when what is needed to open it is damaged.
    pub fn discover(disk: Disk, from: &Path, config: &UserConfig) -> Result<Self, RepoError> {
        Self::open(disk, Self::find_root(from, config)?)
    }

    /// As [`Repository::discover`], to show what is there: signatures that were found good before,
    /// as the user's cache folder `cache` has it, are not checked again. A folder inside the root
    /// is not asked: what lies there may come from elsewhere.
    ///
    /// # Errors
    /// As [`Repository::discover`].
    pub fn discover_to_show(
        disk: Disk,
        from: &Path,
        config: &UserConfig,
        cache: &Path,
    ) -> Result<Self, RepoError> {
        let root = Self::find_root(from, config)?;
        let resolved = |path: &Path| path.ancestors().find_map(|at| at.canonicalize().ok());
        let is_inside = match (resolved(cache), resolved(root)) {
            (Some(cache), Some(root)) => cache.starts_with(root),
            _ => true,
        };
        let checked = match is_inside {
            true => CheckedSignatures::default(),
            false => CheckedSignatures::of_user(disk.clone(), cache),
        };
        let (mut repo, log) = Self::open_knowing(disk, root, checked)?;
        repo.opened_log = Mutex::new(Some(log));
        Ok(repo)
    }

    /// Finds the root of the repository that `from` lies in, without opening it.
    ///
    /// # Errors
    /// When there is none, or its `.aisr` belongs to another user whom `config` does not allow.
    pub fn find_root<'p>(from: &'p Path, config: &UserConfig) -> Result<&'p Path, RepoError> {
        let found = from.ancestors().find(|dir| dir.join(FOLDER).is_dir());
        let root = found.ok_or_else(|| RepoError::NotFound { from: from.into() })?;
        let folder = root.join(FOLDER);
        let safe = config.safe.folders.iter().any(|dir| dir == root);
        let own = rustix::process::geteuid().as_raw();
        // A link of one's own may lead to the folder of another.
        for metadata in [folder.symlink_metadata(), folder.metadata()] {
            let uid = metadata.map_or(0, |metadata| metadata.uid());
            if uid != own && !safe {
                return Err(RepoError::ForeignOwner { folder, uid });
            }
        }
        Ok(root)
    }

    /// Opens the repository of the folder `root`.
    ///
    /// # Errors
    /// When what is needed to open it is missing or damaged.
    pub fn open(disk: Disk, root: &Path) -> Result<Self, RepoError> {
        Self::open_knowing(disk, root, CheckedSignatures::default()).map(|(repo, _)| repo)
    }

    fn open_knowing(
        disk: Disk,
        root: &Path,
        checked: CheckedSignatures,
    ) -> Result<(Self, PlaceLog), RepoError> {
        let folder = root.join(FOLDER);
        let path = folder.join("format");
        let bytes = ReadFile::open(&path)?.read_all(Format::LIMIT)?;
        let format = Format::decode(&bytes).map_err(|source| match source {
            FormatError::Later { what } => RepoError::Requires { what },
            source => RepoError::Format { path, source },
        })?;
        if let Some(what) = format.unmet() {
            return Err(RepoError::Requires { what });
        }
        let store = Arc::new(Store::open(disk.clone(), &folder)?);
        let log = PlaceLog::open_knowing(disk.clone(), &folder, &checked)?;
        let (id, in_force) = (log.repository(), log.trust_root());
        let trust = TrustState::load_knowing(&store, id, in_force, &checked)?;
        if trust.format != Format::id() {
            let (found, expected) = (Format::id(), trust.format);
            return Err(RepoError::ForeignFormat { found, expected });
        }
        let (root, arrivals, opened_log) = (root.into(), OnceLock::new(), Mutex::default());
        let repo = Self { root, folder, disk, format, store, trust, checked, arrivals, opened_log };
        Ok((repo, log))
    }

    /// The folder that is captured.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its `.aisr`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The disk that everything is written through.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, for what outlives this handle.
    pub fn shared_store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// The trust root in force.
    pub fn trust(&self) -> &TrustState {
        &self.trust
    }

    /// The signatures that were found good.
    pub fn checked_signatures(&self) -> &CheckedSignatures {
        &self.checked
    }

    /// When commits and tags came to be known here; computed at the first call.
    pub(super) fn arrivals(&self) -> &Arrivals {
        self.arrivals.get_or_init(|| Arrivals::of(self))
    }

    /// The repository's id.
    pub fn id(&self) -> RepositoryId {
        self.trust.repo
    }

    /// Opens the log as it is now; for the first who asks of a repository that was opened to show,
    /// as it was when that was opened.
    ///
    /// # Errors
    /// When refs or log are damaged.
    pub fn log(&self) -> Result<PlaceLog, LogError> {
        let opened = self.opened_log.lock().unwrap_or_else(PoisonError::into_inner).take();
        match opened {
            Some(log) => Ok(log),
            None => PlaceLog::open_knowing(self.disk.clone(), &self.folder, &self.checked),
        }
    }

    /// Whether this is a shared place: a repository without a working copy, moved by pushes alone.
    pub fn is_shared_place(&self) -> bool {
        self.format.requires.iter().any(|name| name == SHARED_PLACE)
    }

    /// Refuses to write where the format asks for more than this version knows.
    ///
    /// # Errors
    /// [`RepoError::RequiresToWrite`], and [`RepoError::SharedPlace`] for a shared place.
    pub fn ensure_writable(&self) -> Result<(), RepoError> {
        match self.format.unmet_for_writing() {
            Some(what) => Err(RepoError::RequiresToWrite { what }),
            None if self.is_shared_place() => {
                Err(RepoError::SharedPlace { root: self.root.clone() })
            }
            None => Ok(()),
        }
    }

    /// Moves refs by an entry of this clone's log.
    ///
    /// # Errors
    /// [`LogError::Moved`] when a ref has not the old value that a change states.
    pub fn move_refs(
        &self,
        log: &mut PlaceLog,
        changes: Vec<RefChange>,
        cause: Cause,
    ) -> Result<LogEntryId, RepoError> {
        self.put_in_force(log, log.trust_root(), changes, cause)
    }

    /// Puts a trust root in force by an entry of this clone's log, and moves refs with it. The root
    /// must be in the store. This handle goes on by the root that it was opened with.
    ///
    /// # Errors
    /// When the root does not go on from the one in force ([`adopt`]). [`LogError::Moved`] when
    /// another trust root came into force meanwhile, or a ref has not the old value that a change
    /// states.
    pub fn put_in_force(
        &self,
        log: &mut PlaceLog,
        trust_root: TrustRootId,
        mut changes: Vec<RefChange>,
        cause: Cause,
    ) -> Result<LogEntryId, RepoError> {
        self.ensure_writable()?;
        let before = log.trust_root();
        if trust_root != before && adopt(&self.store, before, trust_root)? == Adoption::Behind {
            let why = "a later trust root is in force".into();
            return Err(LogError::Moved { why }.into());
        }
        // The one order that an entry may hold them in.
        changes.sort_by(|a, b| a.name.cmp(&b.name));
        let path = self.folder.join("local/replica-key");
        let key = SecretKey::load(&path, &mut |_| Ok(None))?;
        let append = Append { trust_root, changes, time: super::now(), cause };
        Ok(log.append(self.id(), append, &key)?)
    }
}
