//! Marks what roots lead to: a bit for each object (`docs/storage.md`, "Collecting").

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::object::{
    BlobId, Commit, DecodeError, ExternalEntry, Id, Node, ObjectType, RecipeId, RecipeNode, Schema,
    Signed, Tag, TreeEntry, ValueRef, limits,
};
use crate::store::{Entry, PackFile, Store, StoreError};

use super::index::{Index, Place};

/// So many of the objects that are missing are named.
const NAMED: usize = 5;

/// Something that roots lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    /// An object of whatever type, with all that it holds and stands on.
    Whole(Id),
    /// A commit or tag as a statement, and those that it stands on; not what they hold.
    Statement(Id),
    /// What a directory entry names.
    Entry(TreeEntry),
}

/// What to do with an object.
#[derive(Clone, Copy)]
enum Task {
    Object(Id),
    Statement(Id),
    Node(Id),
    Blob(Id),
}

/// What roots do not lead to a readable object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Missing {
    /// How many.
    pub count: u64,
    /// The first of them, each with its type.
    pub first: Vec<String>,
}

/// What is marked.
pub struct Marks<'s> {
    store: &'s Store,
    index: Index,
    live: Vec<u64>,
    /// Commits that are marked as statements alone.
    statements: HashSet<Id>,
    /// Packs that are to go, by their numbers; objects that lie elsewhere too are marked there.
    doomed: BTreeSet<usize>,
    /// Doomed packs that hold something which was marked only after they were doomed.
    rescued: BTreeSet<usize>,
    missing: Missing,
    /// What is not there is passed over.
    lenient: bool,
}

impl<'s> Marks<'s> {
    /// Nothing is marked, and no pack is known.
    pub fn new(store: &'s Store) -> Self {
        Self {
            store,
            index: Index::default(),
            live: Vec::new(),
            statements: HashSet::new(),
            doomed: BTreeSet::new(),
            rescued: BTreeSet::new(),
            missing: Missing::default(),
            lenient: false,
        }
    }

    /// Adds those of the packs that are not known. What states something by itself is marked in
    /// them.
    ///
    /// # Errors
    /// When the footer of a pack is damaged.
    pub fn add(&mut self, packs: &[Arc<PackFile>]) -> Result<(), StoreError> {
        let new: Vec<_> = packs.iter().filter(|p| !self.index.has(p.id())).cloned().collect();
        let mut kept = Vec::new();
        self.index.add(&new, &mut |place| kept.push(place))?;
        self.live.resize(self.index.rows().div_ceil(64) as usize, 0);
        for place in kept {
            self.set(place);
        }
        Ok(())
    }

    /// From now on these packs, whose marked objects lie in others too, are to go.
    pub fn doom(&mut self, packs: BTreeSet<usize>) {
        self.doomed = packs;
    }

    /// The doomed packs that hold something which was marked since.
    pub fn rescued(&self) -> &BTreeSet<usize> {
        &self.rescued
    }

    /// The objects and their packs.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What is missing of what roots lead to.
    pub fn missing(&self) -> &Missing {
        &self.missing
    }

    /// The commits that are marked as statements alone.
    pub fn statements(&self) -> &HashSet<Id> {
        &self.statements
    }

    /// Whether the object in this row is marked.
    pub fn is_live(&self, row: u32) -> bool {
        self.live[row as usize / 64] & (1 << (row % 64)) != 0
    }

    /// How many objects of a pack are marked.
    pub fn live_in(&self, pack: usize) -> u64 {
        let rows = self.index.rows_of(pack);
        let (first, last) = (rows.start as usize / 64, rows.end as usize / 64);
        let mut count = 0;
        for (at, word) in self.live.iter().enumerate().take(last + 1).skip(first) {
            let mut word = *word;
            if at == first {
                word &= u64::MAX << (rows.start % 64);
            }
            if at == last {
                word &= !(u64::MAX << (rows.end % 64));
            }
            count += u64::from(word.count_ones());
        }
        count
    }

    /// Whether some copy of the object is marked.
    ///
    /// # Errors
    /// When a footer cannot be read.
    pub fn is_marked(&self, id: Id) -> Result<bool, StoreError> {
        Ok(self.find(id)?.is_some_and(|place| self.is_live(place.row)))
    }

    /// Marks an object; says whether it was not.
    fn set(&mut self, place: Place) -> bool {
        let word = &mut self.live[place.row as usize / 64];
        let bit = 1 << (place.row % 64);
        let new = *word & bit == 0;
        *word |= bit;
        if new && self.doomed.contains(&place.pack) {
            self.rescued.insert(place.pack);
        }
        new
    }

    /// The copy of an object that counts: one that is marked, else one that is not about to go.
    fn find(&self, id: Id) -> Result<Option<Place>, StoreError> {
        self.index.find(id, |place| match self.is_live(place.row) {
            true => 0,
            false => 1 + u8::from(self.doomed.contains(&place.pack)),
        })
    }

    /// Marks what a root leads to. What is missing is noted.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn mark(&mut self, root: Root) -> Result<(), StoreError> {
        self.lenient = false;
        self.run(root)
    }

    /// Marks what is there of what a root leads to.
    ///
    /// # Errors
    /// As [`Marks::mark`].
    pub fn mark_what_is_there(&mut self, root: Root) -> Result<(), StoreError> {
        self.lenient = true;
        self.run(root)
    }

    fn run(&mut self, root: Root) -> Result<(), StoreError> {
        let first = match root {
            Root::Whole(id) => Task::Object(id),
            Root::Statement(id) => Task::Statement(id),
            Root::Entry(entry) => match entry.root() {
                Some(root) => Task::Node(root.id()),
                None => Task::Blob(entry.id()),
            },
        };
        let mut tasks = vec![first];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Object(id) => self.object(id, &mut tasks)?,
                Task::Statement(id) => self.statement(id, &mut tasks)?,
                Task::Node(id) => self.node(id, &mut tasks)?,
                Task::Blob(id) => self.blob(id)?,
            }
        }
        Ok(())
    }

    fn object(&mut self, id: Id, tasks: &mut Vec<Task>) -> Result<(), StoreError> {
        let Some((place, entry)) = self.look_up(id)? else {
            // Of a blob in chunks there are recipes alone.
            if self.index.recipes_of(id).next().is_some() {
                return self.blob(id);
            }
            self.miss("object", id);
            return Ok(());
        };
        match entry.kind {
            ObjectType::Node => tasks.push(Task::Node(id)),
            ObjectType::Commit => {
                let known_as_statement = self.statements.remove(&id);
                if self.set(place) || known_as_statement {
                    let Some(commit) = self.commit(place, &entry)? else { return Ok(()) };
                    tasks.extend(commit.parents.iter().map(|parent| Task::Object(parent.id())));
                    tasks.extend(commit.observed.iter().map(|blob| Task::Blob(blob.id())));
                    tasks.extend(commit.origins.iter().map(|node| Task::Node(node.id())));
                    tasks.push(Task::Node(commit.root.id()));
                }
            }
            ObjectType::Tag => {
                self.set(place);
                if let Some(tag) = self.tag(place, &entry)? {
                    tasks.push(Task::Object(tag.target));
                }
            }
            _ => drop(self.set(place)),
        }
        Ok(())
    }

    fn statement(&mut self, id: Id, tasks: &mut Vec<Task>) -> Result<(), StoreError> {
        let Some((place, entry)) = self.look_up(id)? else { return Ok(()) };
        match entry.kind {
            ObjectType::Commit if self.set(place) => {
                self.statements.insert(id);
                if let Some(commit) = self.commit(place, &entry)? {
                    tasks.extend(commit.parents.iter().map(|parent| Task::Statement(parent.id())));
                }
            }
            ObjectType::Tag if self.set(place) => {
                if let Some(tag) = self.tag(place, &entry)? {
                    tasks.push(Task::Statement(tag.target));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Where an object lies, sure to be the one.
    fn look_up(&self, id: Id) -> Result<Option<(Place, Entry)>, StoreError> {
        let Some(place) = self.find(id)? else { return Ok(None) };
        let entry = self.index.entry(place)?;
        Ok((entry.id == id).then_some((place, entry)))
    }

    fn node(&mut self, id: Id, tasks: &mut Vec<Task>) -> Result<(), StoreError> {
        let Some(place) = self.find(id)? else {
            self.miss("map node", id);
            return Ok(());
        };
        if !self.set(place) {
            return Ok(());
        }
        let entry = self.index.entry(place)?;
        let Some(bytes) = self.read(ObjectType::Node, id, place, &entry)? else { return Ok(()) };
        let Ok(node) = Node::decode(bytes.into()) else {
            self.miss("map node", id);
            return Ok(());
        };
        tasks.extend(node.children().map(|(_, child)| Task::Node(child.id())));
        for (_, value) in node.entries() {
            self.value(node.schema(), value, tasks)?;
        }
        Ok(())
    }

    /// What the value of a leaf names.
    fn value(
        &mut self,
        schema: Schema,
        value: ValueRef<'_>,
        tasks: &mut Vec<Task>,
    ) -> Result<(), StoreError> {
        let bytes = match value {
            ValueRef::Inline(bytes) => bytes,
            ValueRef::Blob { id, .. } if schema != Schema::External => {
                tasks.push(Task::Blob(id.id()));
                return Ok(());
            }
            ValueRef::Blob { id, size } => {
                tasks.push(Task::Blob(id.id()));
                return self.long_external(id, size, tasks);
            }
        };
        match schema {
            Schema::Tree => match TreeEntry::decode(bytes) {
                Ok(entry) => tasks.push(match entry.root() {
                    Some(root) => Task::Node(root.id()),
                    None => Task::Blob(entry.id()),
                }),
                Err(_) => self.miss_value(),
            },
            Schema::Root | Schema::System => match Id::from_slice(bytes) {
                Some(id) => tasks.push(Task::Node(id)),
                None => self.miss_value(),
            },
            Schema::External => self.external(bytes, tasks),
            // A component's content is what its origins in `files` and `external` give.
            Schema::Components | Schema::Edges | Schema::Table => {}
        }
        Ok(())
    }

    fn long_external(
        &mut self,
        id: BlobId,
        size: u64,
        tasks: &mut Vec<Task>,
    ) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        let small = size <= limits::COMPONENT as u64;
        let read = self.store.blob(id).and_then(|blob| {
            let fits = small && blob.len() <= limits::COMPONENT as u64;
            match fits {
                true => blob.copy_to(&mut |part| {
                    bytes.extend_from_slice(part);
                    Ok::<_, StoreError>(())
                }),
                false => Ok(()),
            }
        });
        match read {
            Ok(()) => self.external(&bytes, tasks),
            Err(_) => self.miss("blob", id.id()),
        }
        Ok(())
    }

    fn external(&mut self, bytes: &[u8], tasks: &mut Vec<Task>) {
        match ExternalEntry::decode(bytes) {
            Ok(ExternalEntry::Content { blob, .. }) => tasks.push(Task::Blob(blob.id())),
            Ok(ExternalEntry::Table { root, .. }) => tasks.push(Task::Node(root.id())),
            Err(_) => self.miss_value(),
        }
    }

    /// Marks a blob: as one object, or the recipes that build it, with their chunks. Recipes that
    /// are not known to be true count where no other is there.
    fn blob(&mut self, id: Id) -> Result<(), StoreError> {
        let mut roots: Vec<RecipeId> = self.index.recipes_of(id).collect();
        if let Some(place) = self.find(id)? {
            self.set(place);
            // Beside recipes, eight bytes of an id are not enough to go by.
            if roots.is_empty() || self.index.entry(place)?.id == id {
                return Ok(());
            }
        }
        let blob = BlobId::from_id(id);
        if roots.iter().any(|root| self.store.is_verified(*root, blob)) {
            roots.retain(|root| self.store.is_verified(*root, blob));
        }
        let mut whole = false;
        for root in roots {
            whole |= self.recipe(root)?;
        }
        if !whole {
            self.miss("blob", id);
        }
        Ok(())
    }

    /// Marks a recipe and what it is made of; says whether all of that is there.
    fn recipe(&mut self, root: RecipeId) -> Result<bool, StoreError> {
        let mut whole = true;
        let mut nodes = vec![root.id()];
        while let Some(id) = nodes.pop() {
            let Some((place, entry)) = self.look_up(id)? else {
                whole = false;
                continue;
            };
            if !self.set(place) {
                continue;
            }
            let bytes =
                self.store.read_found(ObjectType::Recipe, self.index.pack(place.pack), &entry);
            let node = match bytes.as_deref().map(RecipeNode::decode) {
                Ok(Ok(node)) => node,
                Err(StoreError::Disk(_)) => return bytes.map(|_| false),
                _ => {
                    whole = false;
                    continue;
                }
            };
            for part in node.parts {
                match self.find(part.id)? {
                    _ if node.level > 0 => nodes.push(part.id),
                    Some(place) => drop(self.set(place)),
                    None => whole = false,
                }
            }
        }
        Ok(whole)
    }

    fn commit(&mut self, place: Place, entry: &Entry) -> Result<Option<Commit>, StoreError> {
        self.signed(ObjectType::Commit, place, entry, Commit::decode)
    }

    fn tag(&mut self, place: Place, entry: &Entry) -> Result<Option<Tag>, StoreError> {
        self.signed(ObjectType::Tag, place, entry, Tag::decode)
    }

    fn signed<T>(
        &mut self,
        kind: ObjectType,
        place: Place,
        entry: &Entry,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.read(kind, entry.id, place, entry)? else { return Ok(None) };
        match Signed::decode(&bytes).and_then(|signed| decode(signed.payload)) {
            Ok(object) => Ok(Some(object)),
            Err(_) => {
                self.miss(kind.name(), entry.id);
                Ok(None)
            }
        }
    }

    /// Reads an object; what is damaged counts as missing.
    fn read(
        &mut self,
        kind: ObjectType,
        id: Id,
        place: Place,
        entry: &Entry,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if entry.id == id {
            match self.store.read_found(kind, self.index.pack(place.pack), entry) {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StoreError::Disk(e)) => return Err(e.into()),
                Err(_) => {}
            }
        }
        self.miss(kind.name(), id);
        Ok(None)
    }

    fn miss(&mut self, what: &str, id: Id) {
        if self.lenient {
            return;
        }
        self.missing.count += 1;
        if self.missing.first.len() < NAMED {
            self.missing.first.push(format!("{what} {id}"));
        }
    }

    fn miss_value(&mut self) {
        if !self.lenient {
            self.missing.count += 1;
        }
    }
}
