//! Which commits may have brought something by what they changed, found by ids alone.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::disk::ReadFile;
use crate::history::ancestry::{Ancestry, Spot};
use crate::map::Map;
use crate::object::{CommitId, ID_LEN, Id, KeyBytes, NodeId, Schema, Value};
use crate::repo::{RepoError, Repository, StoredCommit};
use crate::sign::PublicKey;
use crate::system::SystemMaps;
use crate::trust::Standing;

use super::error::BisectError;
use super::saved::folder;
use super::session::Only;

/// The ids of all that is named, as one.
type Digest = [u8; 32];

/// For each of the commits, whether the ids of what is named differ from every parent, and one of
/// those who are named signed it.
///
/// What is named counts as a whole: where one side of a merge changed a prompt and the other a tool,
/// the merge alone has both.
///
/// # Errors
/// When a commit, its tree or its system cannot be read.
pub fn among(
    ancestry: &Ancestry<'_>,
    spots: &[Spot],
    only: &Only,
) -> Result<Vec<bool>, BisectError> {
    let mut known = Known::load(ancestry.repo(), only);
    let (before, mut reader) = (known.marks.len(), Reader::new(ancestry, only));
    let mut found = Vec::with_capacity(spots.len());
    for spot in spots {
        let mark = match known.marks.get(&spot.id) {
            Some(mark) => *mark,
            None => reader.counts(*spot)?,
        };
        known.marks.insert(spot.id, mark);
        found.push(mark);
    }
    if known.marks.len() > before {
        known.save(ancestry.repo());
    }
    Ok(found)
}

struct Reader<'a, 'r> {
    ancestry: &'a Ancestry<'r>,
    only: &'a Only,
    of_commits: HashMap<CommitId, Digest>,
    of_trees: HashMap<NodeId, Digest>,
    of_components: HashMap<NodeId, Digest>,
    named_keys: HashMap<KeyBytes, Named>,
}

/// Whether somebody whose commits are looked for has a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    No,
    /// The key itself is named.
    Key,
    /// Its owner is.
    Principal,
}

impl<'a, 'r> Reader<'a, 'r> {
    fn new(ancestry: &'a Ancestry<'r>, only: &'a Only) -> Self {
        Self {
            ancestry,
            only,
            of_commits: HashMap::new(),
            of_trees: HashMap::new(),
            of_components: HashMap::new(),
            named_keys: HashMap::new(),
        }
    }

    fn counts(&mut self, spot: Spot) -> Result<bool, RepoError> {
        if !self.only.by.is_empty() {
            let stored = self.ancestry.repo().commit(spot.id)?;
            if !self.is_signed_by_one(&stored) {
                return Ok(false);
            }
        }
        if !self.only.has_subjects() {
            return Ok(true);
        }
        let parents = self.ancestry.facts(spot)?.parents;
        let now = self.digest(spot)?;
        for parent in &parents {
            if self.digest(*parent)? == now {
                return Ok(false);
            }
        }
        // The first commits have what is named or not.
        Ok(!parents.is_empty() || now != self.nothing())
    }

    fn is_signed_by_one(&mut self, stored: &StoredCommit) -> bool {
        let repo = self.ancestry.repo();
        let key = stored.commit.committer.key;
        let by = &self.only.by;
        let named = *self.named_keys.entry(key).or_insert_with(|| named(repo, &key, by));
        match named {
            Named::No => false,
            Named::Key => repo.judge_to_show(stored).is_sound(),
            Named::Principal => repo.judge_to_show(stored).is_good(),
        }
    }

    fn digest(&mut self, spot: Spot) -> Result<Digest, RepoError> {
        if let Some(digest) = self.of_commits.get(&spot.id) {
            return Ok(*digest);
        }
        let mut hasher = blake3::Hasher::new();
        if !self.only.paths.is_empty() {
            hasher.update(&self.of_tree(self.ancestry.files(spot)?)?);
        }
        if !(self.only.components.is_empty() && self.only.kinds.is_empty()) {
            let repo = self.ancestry.repo();
            let root = repo.commit(spot.id)?.commit.root;
            let maps = SystemMaps::of_root(repo.store(), root)?;
            hasher.update(&match maps.components {
                Some(components) => self.of_system(components)?,
                None => self.no_components(),
            });
        }
        let digest = *hasher.finalize().as_bytes();
        self.of_commits.insert(spot.id, digest);
        Ok(digest)
    }

    /// The digest of a state in which nothing of what is named is there.
    fn nothing(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        if !self.only.paths.is_empty() {
            let mut none = blake3::Hasher::new();
            self.only.paths.iter().for_each(|_| add(&mut none, b""));
            hasher.update(none.finalize().as_bytes());
        }
        if !(self.only.components.is_empty() && self.only.kinds.is_empty()) {
            hasher.update(&self.no_components());
        }
        *hasher.finalize().as_bytes()
    }

    fn of_tree(&mut self, files: NodeId) -> Result<Digest, RepoError> {
        if let Some(digest) = self.of_trees.get(&files) {
            return Ok(*digest);
        }
        let mut hasher = blake3::Hasher::new();
        for path in &self.only.paths {
            let entry = self.ancestry.repo().entry_at(files, path)?;
            add(&mut hasher, &entry.map(|entry| entry.encode()).unwrap_or_default());
        }
        let digest = *hasher.finalize().as_bytes();
        self.of_trees.insert(files, digest);
        Ok(digest)
    }

    fn no_components(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        self.only.components.iter().for_each(|_| add(&mut hasher, b""));
        *hasher.finalize().as_bytes()
    }

    fn of_system(&mut self, components: NodeId) -> Result<Digest, RepoError> {
        if let Some(digest) = self.of_components.get(&components) {
            return Ok(*digest);
        }
        let map = Map::open(self.ancestry.repo().store(), components, Schema::Components)?;
        let mut hasher = blake3::Hasher::new();
        for key in &self.only.components {
            let value = map.get(&key.encode())?;
            add(&mut hasher, value.as_ref().map(bytes_of).unwrap_or_default());
        }
        for kind in &self.only.kinds {
            let start = format!("{}:", kind.name());
            let mut cursor = map.cursor();
            cursor.seek(start.as_bytes())?;
            while let Some((key, value)) = cursor.entry() {
                if !key.starts_with(start.as_bytes()) {
                    break;
                }
                add(&mut hasher, key);
                add(&mut hasher, bytes_of(&value.to_value()));
                cursor.advance()?;
            }
        }
        let digest = *hasher.finalize().as_bytes();
        self.of_components.insert(components, digest);
        Ok(digest)
    }
}

/// The bytes of a value, or the id of the blob that holds it.
fn bytes_of(value: &Value) -> &[u8] {
    match value {
        Value::Inline(bytes) => bytes,
        Value::Blob { id, .. } => id.as_bytes(),
    }
}

/// Adds bytes so that no other bytes beside others come to the same.
fn add(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn named(repo: &Repository, key: &KeyBytes, by: &[String]) -> Named {
    let fingerprint = PublicKey::from_bytes(key).ok().map(|key| key.fingerprint());
    if fingerprint.is_some_and(|fingerprint| by.contains(&fingerprint)) {
        return Named::Key;
    }
    let principal = match repo.trust().standing(key) {
        Standing::Principal(principal) | Standing::Retired { principal, .. } => principal,
        Standing::Unknown => return Named::No,
    };
    let id = principal.id.to_hex();
    let is_named = by.iter().any(|name| *name == id || principal.names.contains(name));
    if is_named { Named::Principal } else { Named::No }
}

/// What was found out before, in `.aisr/local/bisect/candidates`: derived, and found out again where
/// it is not there or damaged.
struct Known {
    /// What it holds for.
    of: Digest,
    marks: HashMap<CommitId, bool>,
}

const HEADER: &[u8] = b"aisr-bisect-candidates 0\n";
const CONTEXT: &str = "aisr 2026-11-26 bisect candidates v1";
/// A larger file is not read: it would hold eight million commits.
const LIMIT: u64 = 256 << 20;

fn path(repo: &Repository) -> PathBuf {
    folder(repo).join("candidates")
}

impl Known {
    fn load(repo: &Repository, only: &Only) -> Self {
        let mut hasher = blake3::Hasher::new();
        only.words().iter().for_each(|word| add(&mut hasher, word.as_bytes()));
        // Whose a key is, the trust root in force says.
        add(&mut hasher, repo.trust().chain().last().id.as_bytes());
        let of = *hasher.finalize().as_bytes();
        let bytes = ReadFile::open(&path(repo)).and_then(|file| file.read_all(LIMIT));
        let marks = bytes.ok().and_then(|bytes| decode(&bytes, &of)).unwrap_or_default();
        Self { of, marks }
    }

    /// Best effort: it only saves work.
    fn save(&self, repo: &Repository) {
        let mut out = [HEADER, &self.of].concat();
        for (id, mark) in &self.marks {
            out.extend_from_slice(id.as_bytes());
            out.push(u8::from(*mark));
        }
        out.extend(blake3::derive_key(CONTEXT, &out));
        if repo.ensure_writable().is_ok() && folder(repo).is_dir() {
            let _ = repo.disk().replace_whole(&path(repo), &out, 0o600);
        }
    }
}

fn decode(bytes: &[u8], of: &Digest) -> Option<HashMap<CommitId, bool>> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(ID_LEN)?)?;
    let rows = body.strip_prefix(HEADER)?.strip_prefix(of)?;
    if blake3::derive_key(CONTEXT, body) != sum {
        return None;
    }
    let mark = |row: &[u8]| {
        let (id, mark) = row.split_at_checked(ID_LEN)?;
        Some((CommitId::from_id(Id::from_slice(id)?), *mark == [1]))
    };
    rows.chunks(ID_LEN + 1).map(mark).collect()
}
