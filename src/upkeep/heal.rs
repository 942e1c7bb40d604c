//! Takes what is lost from where it still is: a second copy of the repository, the working folder.
//!
//! Nothing is believed: an object counts if it hashes to the id that is wanted.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use bstr::BString;

use crate::capture::{Databases, Outcome, Request, WHOLE_LIMIT, capture_one};
use crate::chunk::ContentHint;
use crate::disk::{Dir, Disk, ReadFile};
use crate::object::{
    BlobId, Commit, Id, Node, ObjectType, RecipeId, RecipeNode, Schema, Signed, Tag, TreeEntry,
    ValueRef,
};
use crate::repo::FOLDER;
use crate::store::{Batch, Lookup, PackWriter, SalvageIndex, Store, StoreError};

use super::connectivity::Wanted;
use super::error::RepairError;
use super::shelf::Shelf;

/// How much of a file is read at a time.
const STEP: usize = 1 << 20;

/// A second copy, opened for reading.
pub(super) struct SecondCopy {
    store: Store,
    salvage: SalvageIndex,
    lost: HashSet<Id>,
}

impl SecondCopy {
    /// Opens the repository or place at `from`.
    ///
    /// # Errors
    /// When there is none, or it is the one that is repaired.
    pub fn open(disk: &Disk, from: &Path, own: &Path) -> Result<Self, RepairError> {
        let none = || RepairError::NoSecondCopy { place: from.into() };
        let folders = [from.join(FOLDER), from.into()];
        let folder = folders.into_iter().find(|folder| folder.join("packs").is_dir());
        let folder = folder.ok_or_else(none)?.canonicalize().map_err(|_| none())?;
        if own.canonicalize().is_ok_and(|own| own == folder) {
            return Err(RepairError::SameCopy { place: from.into() });
        }
        let store = Store::open(disk.clone(), &folder)?;
        let mut damaged: Vec<_> = store
            .damaged_packs()
            .iter()
            .filter_map(|(path, _)| Some((path.clone(), super::contents::pack_id(path)?)))
            .collect();
        let unsound = |pack: &&Arc<crate::store::PackFile>| pack.ensure_sound().is_err();
        let packs = store.pack_files();
        damaged.extend(
            packs.iter().filter(unsound).map(|pack| (store.pack_path(pack.id()), pack.id())),
        );
        let salvage = SalvageIndex::of(damaged.iter().map(|(path, id)| (path.as_path(), *id)));
        Ok(Self { store, salvage, lost: HashSet::new() })
    }

    fn shelf(&self) -> Shelf<'_> {
        Shelf { store: &self.store, salvage: &self.salvage, lost: &self.lost }
    }

    /// Whether it has the object, or a recipe of the blob.
    pub fn has(&self, id: Id, kinds: &[ObjectType]) -> bool {
        let shelf = self.shelf();
        kinds.iter().any(|kind| shelf.read(*kind, id).is_ok())
            || (kinds.contains(&ObjectType::Blob) && !shelf.recipe_roots(id).is_empty())
    }
}

/// What one round of healing brought back.
#[derive(Default)]
pub(super) struct Healed {
    /// Objects out of the second copy.
    pub from_copy: u64,
    /// Objects out of the working folder.
    pub from_folder: u64,
}

/// Stores what is wanted and can be found, and what that leads to.
pub(super) fn heal(
    store: &Store,
    writer: &PackWriter<'_>,
    disk: &Disk,
    root: &Path,
    copy: Option<&SecondCopy>,
    wanted: &BTreeMap<Id, Wanted>,
) -> Result<Healed, RepairError> {
    let mut healer = Healer { store, batch: Batch::new(writer), healed: Healed::default() };
    let mut left = wanted.clone();
    if let Some(copy) = copy {
        healer.take_from_copy(copy, &mut left)?;
    }
    if let Ok(root) = disk.open_dir(root) {
        healer.take_from_folder(&root, &left)?;
    }
    healer.batch.flush()?;
    Ok(healer.healed)
}

/// Something to look for: what it may be, and for a part of a blob, that it is one.
struct Task {
    id: Id,
    kinds: Vec<ObjectType>,
    is_part: bool,
}

struct Healer<'w, 's> {
    store: &'w Store,
    batch: Batch<'w, 's>,
    healed: Healed,
}

impl Healer<'_, '_> {
    fn is_here(&self, id: Id) -> bool {
        matches!(self.store.kind(id), Ok(Lookup::Here(_)))
    }

    fn take_from_copy(
        &mut self,
        copy: &SecondCopy,
        left: &mut BTreeMap<Id, Wanted>,
    ) -> Result<(), RepairError> {
        let shelf = copy.shelf();
        let task = |(id, wanted): (&Id, &Wanted)| Task {
            id: *id,
            kinds: wanted.kinds.clone(),
            is_part: wanted.blob.is_some(),
        };
        let mut tasks: VecDeque<Task> = left.iter().map(task).collect();
        let mut seen: HashSet<Id> = HashSet::new();
        while let Some(task) = tasks.pop_front() {
            if !seen.insert(task.id) || self.is_here(task.id) {
                continue;
            }
            let read = |kind: &ObjectType| Some((*kind, shelf.read(*kind, task.id).ok()?));
            let Some((kind, bytes)) = task.kinds.iter().find_map(read) else {
                if task.kinds.contains(&ObjectType::Blob) && !task.is_part {
                    let roots = shelf.recipe_roots(task.id);
                    tasks.extend(roots.into_iter().map(|root| part(root.id(), ObjectType::Recipe)));
                }
                continue;
            };
            self.put(kind, task.id, &bytes, task.is_part)?;
            self.healed.from_copy += 1;
            left.remove(&task.id);
            tasks.extend(children(kind, &bytes));
        }
        Ok(())
    }

    fn put(
        &mut self,
        kind: ObjectType,
        id: Id,
        bytes: &[u8],
        is_part: bool,
    ) -> Result<(), StoreError> {
        match kind {
            ObjectType::Recipe => {
                let builds = RecipeNode::decode(bytes).ok().and_then(|node| node.builds);
                self.batch.recipe(RecipeId::from_id(id), bytes, builds)
            }
            ObjectType::Blob if is_part => self.batch.chunk(bytes, ContentHint::Unknown).map(drop),
            _ => self.batch.put(kind, id, bytes, ContentHint::Block),
        }
    }

    /// Looks into the files that stand where what is lost stood.
    fn take_from_folder(
        &mut self,
        root: &Dir,
        left: &BTreeMap<Id, Wanted>,
    ) -> Result<(), RepairError> {
        let mut blobs: BTreeMap<BlobId, HashSet<&[u8]>> = BTreeMap::new();
        for (id, wanted) in left {
            let is_blob = wanted.kinds.contains(&ObjectType::Blob);
            let blob = wanted.blob.or(is_blob.then(|| BlobId::from_id(*id)));
            let Some(blob) = blob else { continue };
            let paths = wanted.paths.iter().map(Vec::as_slice);
            blobs.entry(blob).or_default().extend(paths.filter(|path| !path.is_empty()));
        }
        for (blob, paths) in blobs {
            for path in paths {
                if self.take_from_path(root, path, blob, left)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether the file at `path` gave all that its blob lacks.
    fn take_from_path(
        &mut self,
        root: &Dir,
        path: &[u8],
        blob: BlobId,
        left: &BTreeMap<Id, Wanted>,
    ) -> Result<bool, RepairError> {
        let place = Path::new(OsStr::from_bytes(path));
        let (Some(name), Some(folder)) = (place.file_name(), place.parent()) else {
            return Ok(false);
        };
        let Ok(folder) = root.open_beneath(folder) else { return Ok(false) };
        if let Ok(target) = rustix::fs::readlinkat(&folder, name, Vec::new()) {
            let target = target.as_bytes();
            let is_it = BlobId::of(target) == blob && !self.is_here(blob.id());
            if is_it {
                self.batch.put(ObjectType::Blob, blob.id(), target, ContentHint::Block)?;
                self.healed.from_folder += 1;
            }
            return Ok(is_it);
        }
        let Ok(file) = folder.open_read(name) else { return Ok(false) };
        let chunks = self.lost_chunks(blob, left);
        if !chunks.is_empty() {
            let mut all = true;
            for (offset, len, id) in chunks {
                let bytes = file.read_vec_at(offset, len).unwrap_or_default();
                if BlobId::of(&bytes).id() != id {
                    all = false;
                } else if !self.is_here(id) {
                    self.batch.chunk(&bytes, ContentHint::Unknown)?;
                    self.healed.from_folder += 1;
                }
            }
            if all {
                return Ok(true);
            }
        }
        if hash_of(&file).ok() != Some(blob) {
            return Ok(false);
        }
        self.capture(&folder, name, &file, blob)
    }

    /// Stores a file that is the blob, anew.
    fn capture(
        &mut self,
        folder: &Dir,
        name: &OsStr,
        file: &ReadFile,
        blob: BlobId,
    ) -> Result<bool, RepairError> {
        if file.len()? <= WHOLE_LIMIT {
            let bytes = file.read_all(WHOLE_LIMIT)?;
            if BlobId::of(&bytes) != blob {
                return Ok(false);
            }
            self.batch.put(ObjectType::Blob, blob.id(), &bytes, ContentHint::Block)?;
            self.healed.from_folder += 1;
            return Ok(true);
        }
        let cloned = rustix::io::fcntl_dupfd_cloexec(folder, 0);
        let Ok(handle) = cloned else { return Ok(false) };
        let request = Request {
            folder: Arc::new(handle),
            name: BString::from(name.as_bytes()),
            folder_path: Arc::default(),
            databases: Databases::AsFiles,
        };
        let found = capture_one(&request, &mut self.batch)?;
        let is_it = matches!(found, Outcome::Captured(captured) if captured.id == blob);
        self.healed.from_folder += u64::from(is_it);
        Ok(is_it)
    }

    /// The chunks of `blob` that are lost, with their places in it, by its first recipe that can be
    /// read.
    fn lost_chunks(&self, blob: BlobId, left: &BTreeMap<Id, Wanted>) -> Vec<(u64, u64, Id)> {
        let (salvage, lost) = (SalvageIndex::default(), HashSet::new());
        let shelf = Shelf { store: self.store, salvage: &salvage, lost: &lost };
        let roots = shelf.recipe_roots(blob.id());
        let all = roots.into_iter().find_map(|root| chunks_of(&shelf, root));
        let mut chunks = all.unwrap_or_default();
        chunks.retain(|(_, _, id)| left.contains_key(id));
        chunks
    }
}

/// The chunks that a recipe names, with their places; none where a node cannot be read.
fn chunks_of(shelf: &Shelf<'_>, root: RecipeId) -> Option<Vec<(u64, u64, Id)>> {
    let (mut chunks, mut at) = (Vec::new(), 0u64);
    let mut known: HashMap<RecipeId, RecipeNode> = HashMap::new();
    let mut stack = vec![root];
    while let Some(id) = stack.pop() {
        let node = match known.get(&id) {
            Some(node) => node.clone(),
            None => shelf.recipe(id).ok()?,
        };
        if node.level > 0 {
            stack.extend(node.parts.iter().rev().map(|part| RecipeId::from_id(part.id)));
            known.insert(id, node);
            continue;
        }
        for part in &node.parts {
            chunks.push((at, part.len, part.id));
            at = at.checked_add(part.len)?;
        }
    }
    Some(chunks)
}

fn hash_of(file: &ReadFile) -> crate::disk::Result<BlobId> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; STEP];
    let mut at = 0;
    loop {
        match file.read_at(at, &mut buffer)? {
            0 => return Ok(BlobId::from_id(Id::new(*hasher.finalize().as_bytes()))),
            got => {
                hasher.update(&buffer[..got]);
                at += got as u64;
            }
        }
    }
}

fn part(id: Id, kind: ObjectType) -> Task {
    Task { id, kinds: vec![kind], is_part: true }
}

fn whole(id: Id, kind: ObjectType) -> Task {
    Task { id, kinds: vec![kind], is_part: false }
}

/// What an object names.
fn children(kind: ObjectType, bytes: &[u8]) -> Vec<Task> {
    match kind {
        ObjectType::Commit => {
            let payload = Signed::decode(bytes).map(|signed| signed.payload).unwrap_or_default();
            let Ok(commit) = Commit::decode(payload) else { return Vec::new() };
            let maps = [Some(commit.root), commit.origins].into_iter().flatten();
            let mut tasks: Vec<_> = maps.map(|map| whole(map.id(), ObjectType::Node)).collect();
            let parents = commit.parents.iter();
            tasks.extend(parents.map(|parent| whole(parent.id(), ObjectType::Commit)));
            tasks.extend(commit.observed.iter().map(|blob| whole(blob.id(), ObjectType::Blob)));
            tasks
        }
        ObjectType::Tag => {
            let payload = Signed::decode(bytes).map(|signed| signed.payload).unwrap_or_default();
            Tag::decode(payload)
                .map_or_else(|_| Vec::new(), |tag| vec![whole(tag.target, tag.target_type)])
        }
        ObjectType::Recipe => {
            let Ok(node) = RecipeNode::decode(bytes) else { return Vec::new() };
            let kind = if node.level > 0 { ObjectType::Recipe } else { ObjectType::Blob };
            node.parts.iter().map(|named| part(named.id, kind)).collect()
        }
        ObjectType::Node => {
            Node::decode(bytes.to_vec().into()).map_or_else(|_| Vec::new(), |node| below(&node))
        }
        _ => Vec::new(),
    }
}

fn below(node: &Node) -> Vec<Task> {
    if node.level() > 0 {
        return node.children().map(|(_, child)| whole(child.id(), ObjectType::Node)).collect();
    }
    let of_entry = |(_, value): (&[u8], ValueRef<'_>)| match (node.schema(), value) {
        (_, ValueRef::Blob { id, .. }) => Some(whole(id.id(), ObjectType::Blob)),
        (Schema::Root | Schema::System, ValueRef::Inline(bytes)) => {
            Id::from_slice(bytes).map(|id| whole(id, ObjectType::Node))
        }
        (Schema::Tree, ValueRef::Inline(bytes)) => {
            let entry = TreeEntry::decode(bytes).ok()?;
            let map = entry.root().map(|root| whole(root.id(), ObjectType::Node));
            map.or_else(|| entry.blob().map(|blob| whole(blob.id(), ObjectType::Blob)))
        }
        _ => None,
    };
    node.entries().filter_map(of_entry).collect()
}
