//! Where every object of many packs lies, in twelve bytes and a bit for each.

use std::sync::Arc;

use crate::object::{Id, ObjectType, PackId, RecipeId};
use crate::store::{Entry, PackFile, StoreError};

/// The first eight bytes of an id, and the number of a row; as bytes, so that they sort and lie
/// without gaps.
type Key = [u8; 12];

/// A row of the footer of a pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its number among all rows of the index.
    pub row: u32,
    /// The number of the pack.
    pub pack: usize,
}

/// Where every object of many packs lies.
#[derive(Default)]
pub struct Index {
    packs: Vec<Indexed>,
    /// One list for each time that packs were added.
    lists: Vec<Vec<Key>>,
    /// (blob, root of a recipe that claims to build it), ascending.
    recipes: Vec<(Id, RecipeId)>,
    rows: u32,
}

struct Indexed {
    file: Arc<PackFile>,
    first: u32,
}

impl Index {
    /// Adds packs, after checking their footers; `kept` is told the objects of the kinds that are
    /// reached by no other.
    ///
    /// # Errors
    /// When a footer is damaged, or there are more objects than 32 bits number.
    pub fn add(
        &mut self,
        packs: &[Arc<PackFile>],
        kept: &mut dyn FnMut(Place),
    ) -> Result<(), StoreError> {
        let objects: u64 = packs.iter().map(|pack| pack.objects()).sum();
        let mut list = Vec::with_capacity(usize::try_from(objects).unwrap_or(usize::MAX));
        for file in packs {
            let footer = file.footer()?;
            let (pack, first) = (self.packs.len(), self.rows);
            for entry in &footer.entries {
                let row = self.rows;
                self.rows = row.checked_add(1).ok_or_else(|| StoreError::TooMany {
                    what: "objects",
                    limit: u64::from(u32::MAX),
                })?;
                list.push(key(entry.id, row));
                if is_statement(entry.kind) {
                    kept(Place { row, pack });
                }
            }
            self.recipes.extend(footer.recipes);
            self.packs.push(Indexed { file: file.clone(), first });
        }
        list.sort_unstable();
        self.lists.push(list);
        self.recipes.sort_unstable();
        self.recipes.dedup();
        Ok(())
    }

    /// How many rows there are.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The packs, by their numbers.
    pub fn packs(&self) -> impl ExactSizeIterator<Item = &Arc<PackFile>> {
        self.packs.iter().map(|pack| &pack.file)
    }

    /// The pack of this number.
    pub fn pack(&self, pack: usize) -> &Arc<PackFile> {
        &self.packs[pack].file
    }

    /// Whether the pack is one of these.
    pub fn has(&self, id: PackId) -> bool {
        self.packs().any(|pack| pack.id() == id)
    }

    /// The rows of a pack.
    pub fn rows_of(&self, pack: usize) -> std::ops::Range<u32> {
        let first = self.packs[pack].first;
        first..first + self.packs[pack].file.objects() as u32
    }

    /// What stands in a row.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub fn entry(&self, place: Place) -> Result<Entry, StoreError> {
        let Indexed { file, first } = &self.packs[place.pack];
        file.entry(u64::from(place.row - first))
    }

    /// The copy of an object whose `rank` is the lowest, if there is one. Of a single candidate
    /// the first eight bytes of the id are believed: whoever reads it sees whether it is the one.
    ///
    /// # Errors
    /// When a footer cannot be read.
    pub fn find(&self, id: Id, rank: impl Fn(Place) -> u8) -> Result<Option<Place>, StoreError> {
        let prefix = id.prefix().to_be_bytes();
        let mut candidates = self.lists.iter().flat_map(|list| alike(list, prefix));
        let Some(first) = candidates.next() else { return Ok(None) };
        let Some(second) = candidates.next() else { return Ok(Some(self.place(first))) };
        let mut best = None;
        for key in [first, second].into_iter().chain(candidates) {
            let place = self.place(key);
            if self.entry(place)?.id == id && best.is_none_or(|(least, _)| rank(place) < least) {
                best = Some((rank(place), place));
            }
        }
        Ok(best.map(|(_, place)| place))
    }

    /// The recipes that claim to build a blob.
    pub fn recipes_of(&self, blob: Id) -> impl Iterator<Item = RecipeId> {
        let from = self.recipes.partition_point(|(id, _)| *id < blob);
        self.recipes[from..].iter().take_while(move |(id, _)| *id == blob).map(|(_, root)| *root)
    }

    fn place(&self, key: &Key) -> Place {
        let row = u32::from_be_bytes([key[8], key[9], key[10], key[11]]);
        // The first pack starts at row 0; packs without objects share their row with the next.
        Place { row, pack: self.packs.partition_point(|pack| pack.first <= row) - 1 }
    }
}

/// The keys of a list that start with these bytes.
fn alike(list: &[Key], prefix: [u8; 8]) -> impl Iterator<Item = &Key> {
    let from = list.partition_point(|key| key[..8] < prefix[..]);
    list[from..].iter().take_while(move |key| key[..8] == prefix[..])
}

fn key(id: Id, row: u32) -> Key {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&id.as_bytes()[..8]);
    key[8..].copy_from_slice(&row.to_be_bytes());
    key
}

/// Objects that state something by themselves and that nothing may name: they always stay.
fn is_statement(kind: ObjectType) -> bool {
    !matches!(
        kind,
        ObjectType::Blob
            | ObjectType::Recipe
            | ObjectType::Node
            | ObjectType::Commit
            | ObjectType::Tag
    )
}
