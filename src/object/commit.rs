//! A commit: the signed statement that this was the system at this time.

use super::cbor::{DecodeError, MapWriter, Reader, Writer, check_len};
use super::signed::{
    self, ActingFor, Actor, Cause, Extensions, Head, Stamp, filled, need, same, set, text, word,
};
use super::{BlobId, CommitId, Id, NodeId, RepositoryId, limits};

/// What a commit's signature covers (`docs/format.md`, "Commit").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// The repository it was made in.
    pub repo: RepositoryId,
    /// The root map of the state.
    pub root: NodeId,
    /// The commits it follows, the first being the one it was made on.
    pub parents: Vec<CommitId>,
    /// Who signed it.
    pub committer: Actor,
    /// Who made the change, if not the committer: a claim.
    pub author: Option<String>,
    /// In whose place it was made.
    pub acting_for: Vec<ActingFor>,
    /// When the change was made.
    pub authored: Stamp,
    /// When the commit was made.
    pub committed: Stamp,
    /// Why it was made.
    pub cause: Cause,
    /// The traces and conversations it belongs to.
    pub sessions: Vec<Session>,
    /// How the capture went.
    pub report: Option<Report>,
    /// The map that says where changed records came from.
    pub origins: Option<NodeId>,
    /// Blobs that were observed beside the state.
    pub observed: Vec<BlobId>,
    /// What the committer says of it.
    pub message: Option<String>,
    /// What later versions add.
    pub ext: Extensions,
}

/// A trace or conversation that a commit belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// `trace`, `conversation`, …
    pub kind: String,
    /// Its id in the words of whoever keeps it.
    pub id: Vec<u8>,
}

/// How well a capture held one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Level {
    /// Every file is as it was at one single moment.
    Snapshot,
    /// Files were read one after the other while others may have written.
    #[default]
    BestEffort,
}

impl Level {
    /// The word in the payload and in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::BestEffort => "best-effort",
        }
    }
}

/// How the capture went: what it saw, what it left out, and between which moments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// When reading began and ended, in microseconds since the epoch.
    pub window: (i64, i64),
    /// How well one moment was held.
    pub level: Level,
    /// How many files and folders the ignore rules left out.
    pub ignored: u64,
    /// How many paths could not be captured.
    pub skipped: u64,
    /// The first of them, at most [`Report::LISTED`], with the reason.
    pub skipped_paths: Vec<(Vec<u8>, String)>,
    /// Paths that changed while they were read, at most [`Report::LISTED`].
    pub moved: Vec<Vec<u8>>,
}

impl Report {
    /// How many paths of each kind a report lists.
    pub const LISTED: usize = 16;

    fn write(&self, w: &mut Writer) {
        let mut m = MapWriter::new();
        m.field("level", |w| {
            w.text(self.level.name());
        });
        m.list("moved", &self.moved, |w, path| {
            w.bytes(path);
        });
        m.field("window", |w| {
            w.array(2).int(self.window.0).int(self.window.1);
        });
        m.optional("ignored", Some(self.ignored).filter(|n| *n > 0), |w, n| {
            w.uint(n);
        });
        m.optional("skipped", Some(self.skipped).filter(|n| *n > 0), |w, n| {
            w.uint(n);
        });
        m.list("skipped-paths", &self.skipped_paths, |w, (path, reason)| {
            w.array(2).bytes(path).text(reason);
        });
        m.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut window, mut level, mut ignored, mut skipped) = (None, None, None, None);
        let (mut skipped_paths, mut moved) = (None, None);
        r.fields(|r, name| match name {
            "window" => {
                if r.array()? != 2 {
                    return Err(DecodeError::Invalid { field: "window", why: "not two times" });
                }
                set(&mut window, (r.int()?, r.int()?))
            }
            "level" => set(
                &mut level,
                match r.text()? {
                    "snapshot" => Level::Snapshot,
                    "best-effort" => Level::BestEffort,
                    other => {
                        let found = other.into();
                        return Err(DecodeError::UnknownVersion { what: "level", found });
                    }
                },
            ),
            "ignored" => set(&mut ignored, r.uint()?),
            "skipped" => set(&mut skipped, r.uint()?),
            "skipped-paths" => set(
                &mut skipped_paths,
                r.list(|r| {
                    if r.array()? != 2 {
                        let why = "not [path, reason]";
                        return Err(DecodeError::Invalid { field: "skipped-paths", why });
                    }
                    Ok((r.bytes()?.to_vec(), r.text()?.to_owned()))
                })?,
            ),
            "moved" => set(&mut moved, r.list(|r| Ok(r.bytes()?.to_vec()))?),
            _ => Err(DecodeError::UnknownField(name.into())),
        })?;
        Ok(Self {
            window: need(window, "window")?,
            level: need(level, "level")?,
            ignored: ignored.unwrap_or(0),
            skipped: skipped.unwrap_or(0),
            skipped_paths: filled(skipped_paths, "skipped-paths")?,
            moved: filled(moved, "moved")?,
        })
    }
}

impl Commit {
    /// The payload's bytes. Its fields come in the order of the encoding here, since they are
    /// written whenever a commit is read: so there is nothing to sort.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = MapWriter::new();
        signed::write_version(&mut m);
        signed::write_ext(&mut m, &self.ext);
        m.field("repo", |w| {
            w.bytes(self.repo.as_bytes());
        });
        m.field("root", |w| {
            w.bytes(self.root.as_bytes());
        });
        signed::write_type(&mut m, "commit");
        m.field("cause", |w| self.cause.write(w));
        m.optional("author", self.author.as_deref(), |w, a| {
            w.text(a);
        });
        m.optional("report", self.report.as_ref(), |w, r| r.write(w));
        m.optional("message", self.message.as_deref(), |w, t| {
            w.text(t);
        });
        m.optional("origins", self.origins, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.list("parents", &self.parents, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.field("authored", |w| self.authored.write(w));
        m.list("observed", &self.observed, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.list("sessions", &self.sessions, |w, s| {
            let mut inner = MapWriter::new();
            inner.field("id", |w| {
                w.bytes(&s.id);
            });
            inner.field("kind", |w| {
                w.text(&s.kind);
            });
            inner.write(w);
        });
        m.field("committed", |w| self.committed.write(w));
        m.field("committer", |w| self.committer.write(w));
        m.list("acting-for", &self.acting_for, |w, a| a.write(w));
        m.finish()
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of a commit of this version.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        check_len("commit", payload.len(), limits::COMMIT)?;
        let mut head = Head::new("commit");
        let (mut repo, mut root, mut parents, mut committer) = (None, None, None, None);
        let (mut author, mut acting_for, mut authored, mut committed) = (None, None, None, None);
        let (mut cause, mut sessions, mut report, mut origins) = (None, None, None, None);
        let (mut observed, mut message, mut ext) = (None, None, None);
        let mut r = Reader::new(payload);
        r.fields(|r, name| match name {
            "repo" => set(&mut repo, signed::repository(r)?),
            "root" => set(&mut root, NodeId::from_id(Id::new(r.array_of("root")?))),
            "parents" => set(&mut parents, signed::id_list(r, "parents")?),
            "committer" => set(&mut committer, Actor::read(r)?),
            "author" => set(&mut author, text(r, "author")?),
            "acting-for" => set(&mut acting_for, r.list(ActingFor::read)?),
            "authored" => set(&mut authored, Stamp::read(r, "authored")?),
            "committed" => set(&mut committed, Stamp::read(r, "committed")?),
            "cause" => set(&mut cause, Cause::read(r)?),
            "sessions" => set(&mut sessions, r.list(read_session)?),
            "report" => set(&mut report, Report::read(r)?),
            "origins" => set(&mut origins, NodeId::from_id(Id::new(r.array_of("origins")?))),
            "observed" => set(&mut observed, signed::id_list(r, "observed")?),
            "message" => set(&mut message, signed::message(r)?),
            "ext" => set(&mut ext, signed::read_ext(r)?),
            _ => head.read(r, name),
        })?;
        r.end()?;
        head.finish()?;
        let parents = filled(parents, "parents")?;
        check_len("parents", parents.len(), limits::PARENTS)?;
        let commit = Self {
            repo: need(repo, "repo")?,
            root: need(root, "root")?,
            parents: parents.into_iter().map(CommitId::from_id).collect(),
            committer: need(committer, "committer")?,
            author,
            acting_for: filled(acting_for, "acting-for")?,
            authored: need(authored, "authored")?,
            committed: need(committed, "committed")?,
            cause: need(cause, "cause")?,
            sessions: filled(sessions, "sessions")?,
            report,
            origins,
            observed: filled(observed, "observed")?.into_iter().map(BlobId::from_id).collect(),
            message,
            ext: ext.unwrap_or_default(),
        };
        same("commit", payload, &commit.encode())?;
        Ok(commit)
    }
}

fn read_session(r: &mut Reader<'_>) -> Result<Session, DecodeError> {
    let (mut kind, mut id) = (None, None);
    r.fields(|r, name| match name {
        "kind" => set(&mut kind, word(r, "kind")?),
        "id" => set(&mut id, r.bytes()?.to_vec()),
        _ => Err(DecodeError::UnknownField(name.into())),
    })?;
    Ok(Session { kind: need(kind, "kind")?, id: need(id, "id")? })
}
