//! Blobs, whole or in chunks.

use crate::object::{BlobId, DecodeError, Id, ObjectType, Part, RecipeId, RecipeNode};

use super::error::{Result, StoreError};
use super::lookup::{Reason, Store};

/// A blob, ready to be read.
pub enum Blob<'s> {
    /// It is one object.
    Whole(Vec<u8>),
    /// It is built from chunks by a recipe that is known to be true.
    Chunked(Chunks<'s>),
}

/// A chunk of a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkRef {
    /// Where it starts in the blob.
    pub offset: u64,
    /// Its length.
    pub len: u64,
    /// Its id.
    pub id: BlobId,
}

/// The chunks of a blob, in order. Reads one path of the recipe at a time.
pub struct Chunks<'s> {
    store: &'s Store,
    total: u64,
    at: u64,
    /// For each level, the parts still to come, last first.
    stack: Vec<(u8, Vec<Part>)>,
}

impl Blob<'_> {
    /// The blob's length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Chunked(chunks) => chunks.total,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands the bytes to `sink`, piece by piece.
    ///
    /// # Errors
    /// When a chunk cannot be read, or `sink` fails.
    pub fn copy_to<E: From<StoreError>>(
        self,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Whole(bytes) => sink(&bytes),
            Self::Chunked(mut chunks) => {
                while let Some(chunk) = chunks.next_chunk()? {
                    sink(&chunks.store.read_chunk(&chunk)?)?;
                }
                Ok(())
            }
        }
    }
}

impl<'s> Chunks<'s> {
    pub(super) fn new(store: &'s Store, root: RecipeId, blob: BlobId) -> Result<Self> {
        let node = store.recipe_node(root)?;
        if node.builds != Some(blob) {
            let source = DecodeError::Invalid { field: "b", why: "not the blob of its row" };
            return Err(StoreError::Recipe { id: root, source });
        }
        let total = node.total();
        Ok(Self { store, total, at: 0, stack: vec![level(node)] })
    }

    /// How many bytes the recipe's root says that they make up.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The next chunk, or `None` after the last.
    ///
    /// # Errors
    /// When a node of the recipe is absent, damaged, or does not fit the node above it.
    pub fn next_chunk(&mut self) -> Result<Option<ChunkRef>> {
        loop {
            let Some((height, parts)) = self.stack.last_mut() else { return Ok(None) };
            let height = *height;
            let Some(part) = parts.pop() else {
                self.stack.pop();
                continue;
            };
            if height == 0 {
                let id = BlobId::from_id(part.id);
                let chunk = ChunkRef { offset: self.at, len: part.len, id };
                self.at += part.len;
                return Ok(Some(chunk));
            }
            let id = RecipeId::from_id(part.id);
            let node = self.store.recipe_node(id)?;
            if node.level + 1 != height || node.total() != part.len || node.builds.is_some() {
                let why = "does not fit the node above it";
                let source = DecodeError::Invalid { field: "n", why };
                return Err(StoreError::Recipe { id, source });
            }
            self.stack.push(level(node));
        }
    }
}

fn level(node: RecipeNode) -> (u8, Vec<Part>) {
    let mut parts = node.parts;
    parts.reverse();
    (node.level, parts)
}

impl Store {
    pub(super) fn recipe_node(&self, id: RecipeId) -> Result<RecipeNode> {
        let bytes = self.read(ObjectType::Recipe, id.id())?;
        RecipeNode::decode(&bytes).map_err(|source| StoreError::Recipe { id, source })
    }

    /// Reads one chunk, checked against its id and length.
    ///
    /// # Errors
    /// When it is absent or damaged, or the recipe lies about its length.
    pub fn read_chunk(&self, chunk: &ChunkRef) -> Result<Vec<u8>> {
        let bytes = self.read(ObjectType::Blob, chunk.id.id())?;
        if bytes.len() as u64 != chunk.len {
            let recipes = vec!["a chunk has another length than the recipe says".into()];
            return Err(StoreError::FalseRecipes { id: chunk.id.id(), recipes });
        }
        Ok(bytes)
    }

    /// Opens a blob.
    ///
    /// A recipe counts only after this repository made it, or hashed the whole blob through it
    /// once: where no such recipe is known, this does so. A recipe that turns out false is passed
    /// over.
    ///
    /// # Errors
    /// When the blob is absent, or no recipe builds it.
    pub fn blob(&self, id: BlobId) -> Result<Blob<'_>> {
        if let Some(blob) = self.find_blob(id)? {
            return Ok(blob);
        }
        // A reader's second look: packs may have come, and footers must be sound.
        self.locate(id.id())?;
        self.find_blob(id)?.ok_or_else(|| self.absent("blob", id.id(), Reason::Missing))
    }

    /// Whether the blob is here to stay, for whoever is about to name it: whole, or by a true
    /// recipe of which every part is here. Only a recipe that is not known to be true is read
    /// through.
    ///
    /// # Errors
    /// When a pack cannot be searched.
    pub fn has_blob(&self, id: BlobId) -> Result<bool> {
        if self.is_present(id.id())? {
            return Ok(true);
        }
        let mut unknown = Vec::new();
        for root in self.recipe_roots(id)? {
            match self.verified().contains(root, id) {
                true if self.has_parts(root)? => return Ok(true),
                true => {}
                false => unknown.push(root),
            }
        }
        for root in unknown {
            if self.verify_recipe(root, id).is_ok() && self.has_parts(root)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether all nodes and chunks of a recipe are here to stay.
    fn has_parts(&self, root: RecipeId) -> Result<bool> {
        let mut nodes = vec![root];
        while let Some(id) = nodes.pop() {
            if !self.is_present(id.id())? {
                return Ok(false);
            }
            // One that cannot be read is stored again.
            let Ok(node) = self.recipe_node(id) else { return Ok(false) };
            for part in node.parts {
                match node.level {
                    0 if !self.is_present(part.id)? => return Ok(false),
                    0 => {}
                    _ => nodes.push(RecipeId::from_id(part.id)),
                }
            }
        }
        Ok(true)
    }

    /// Visits every object that makes up the blob: itself where it is one object, else the nodes and
    /// chunks of a recipe that is known to be true. A node that `past` knows is passed over with all
    /// below it.
    ///
    /// # Errors
    /// When the blob or a node of its recipe is absent or damaged.
    pub fn parts_of(
        &self,
        id: BlobId,
        past: &dyn Fn(Id) -> bool,
        visit: &mut dyn FnMut(Id),
    ) -> Result<()> {
        if self.find(id.id())?.is_some() {
            visit(id.id());
            return Ok(());
        }
        // Finds out which recipe is true, where that is not known yet.
        self.blob(id)?;
        let root = self.true_root(id)?;
        let root = root.ok_or_else(|| self.absent("blob", id.id(), Reason::Missing))?;
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if past(node.id()) {
                continue;
            }
            visit(node.id());
            let RecipeNode { level, parts, .. } = self.recipe_node(node)?;
            for part in parts {
                match level {
                    0 if past(part.id) => {}
                    0 => visit(part.id),
                    _ => stack.push(RecipeId::from_id(part.id)),
                }
            }
        }
        Ok(())
    }

    fn find_blob(&self, id: BlobId) -> Result<Option<Blob<'_>>> {
        if let Some((pack, entry)) = self.find(id.id())? {
            let bytes = self.read_found(ObjectType::Blob, &pack, &entry)?;
            return Ok(Some(Blob::Whole(bytes)));
        }
        let roots = self.recipe_roots(id)?;
        if let Some(root) = roots.iter().find(|root| self.verified().contains(**root, id)) {
            return Ok(Some(Blob::Chunked(Chunks::new(self, *root, id)?)));
        }
        let mut wrong = Vec::new();
        for root in roots {
            match self.verify_recipe(root, id) {
                Ok(()) => return Ok(Some(Blob::Chunked(Chunks::new(self, root, id)?))),
                Err(e) => wrong.push(format!("{root}: {e}")),
            }
        }
        if wrong.is_empty() {
            return Ok(None);
        }
        Err(StoreError::FalseRecipes { id: id.id(), recipes: wrong })
    }

    fn recipe_roots(&self, id: BlobId) -> Result<Vec<RecipeId>> {
        let mut roots = Vec::new();
        for pack in self.pack_files().iter() {
            roots.extend(pack.recipes_of(id.id())?);
        }
        Ok(roots)
    }

    /// A recipe that is known to build the blob.
    pub(super) fn true_root(&self, id: BlobId) -> Result<Option<RecipeId>> {
        let roots = self.recipe_roots(id)?;
        Ok(roots.into_iter().find(|root| self.verified().contains(*root, id)))
    }

    /// Whether the recipe `root` is known to build the blob `id`.
    pub fn is_verified(&self, root: RecipeId, id: BlobId) -> bool {
        self.verified().contains(root, id)
    }

    /// How many bytes the blob has, as the footers and recipes say, without reading it. `None`
    /// when it is not here.
    ///
    /// # Errors
    /// When a pack cannot be searched, or no recipe of the blob can be read.
    pub fn blob_size(&self, id: BlobId) -> Result<Option<u64>> {
        if let Some((_, entry)) = self.find(id.id())? {
            return Ok(Some(u64::from(entry.len)));
        }
        let mut failed = None;
        for root in self.recipe_roots(id)? {
            match self.recipe_node(root) {
                Ok(node) => return Ok(Some(node.total())),
                Err(e) => failed = Some(e),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// Hashes the whole blob through a recipe and remembers the recipe if it is true.
    ///
    /// # Errors
    /// When a part cannot be read, or the recipe builds something else.
    pub fn verify_recipe(&self, root: RecipeId, id: BlobId) -> Result<()> {
        let mut hasher = blake3::Hasher::new();
        let blob = Blob::Chunked(Chunks::new(self, root, id)?);
        blob.copy_to::<StoreError>(&mut |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        let found = Id::new(*hasher.finalize().as_bytes());
        if found != id.id() {
            let recipes = vec![format!("{root} builds {found}")];
            return Err(StoreError::FalseRecipes { id: id.id(), recipes });
        }
        self.verified().add(&[(root, id)]);
        Ok(())
    }
}
