//! Blocks: small objects that are coded together.

use crate::object::{Id, ObjectType};

use super::record::{MAX_OBJECTS, Slot};

/// Small objects are coded together until they make up a block of this length.
pub const BLOCK: usize = 64 << 10;
/// The length of a block of which, as a rule, a few objects are read and nothing beside them.
pub const SHORT_BLOCK: usize = 16 << 10;

/// Objects of one class are coded together, apart from those of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// What says whom to trust: every command reads it first.
    Trust,
    /// Commits and tags: a walk over history reads them alone, and where it looks for a path only
    /// a few.
    History,
    /// All else.
    State,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Trust, Self::History, Self::State];

    /// The class of objects of this type.
    pub fn of(kind: ObjectType) -> Self {
        match kind {
            ObjectType::Genesis | ObjectType::TrustRoot => Self::Trust,
            ObjectType::Commit | ObjectType::Tag => Self::History,
            _ => Self::State,
        }
    }

    /// A block that reaches this length is full.
    pub fn full(self) -> usize {
        match self {
            Self::Trust | Self::History => SHORT_BLOCK,
            Self::State => BLOCK,
        }
    }
}

/// Objects that are coded together.
#[derive(Default)]
pub struct Block {
    /// The objects, one behind the other.
    pub bytes: Vec<u8>,
    /// What each is.
    pub slots: Vec<Slot>,
    /// Their ids.
    pub ids: Vec<Id>,
}

impl Block {
    /// Puts an object behind the others.
    pub fn push(&mut self, slot: Slot, id: Id, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.slots.push(slot);
        self.ids.push(id);
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether it is time to write it, being of this class.
    pub fn is_full(&self, class: Class) -> bool {
        self.bytes.len() >= class.full() || self.slots.len() == MAX_OBJECTS
    }

    /// Takes everything out, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.slots.clear();
        self.ids.clear();
    }
}

/// Blocks that are being filled, one of each class.
#[derive(Default)]
pub struct Blocks([Block; Class::ALL.len()]);

impl Blocks {
    /// The block of a class.
    pub fn of(&mut self, class: Class) -> &mut Block {
        &mut self.0[class as usize]
    }

    /// Puts all into one block where that would be a short one.
    pub fn join_if_short(&mut self) {
        let bytes: usize = self.0.iter().map(|block| block.bytes.len()).sum();
        let objects: usize = self.0.iter().map(|block| block.slots.len()).sum();
        if bytes >= SHORT_BLOCK || objects > MAX_OBJECTS {
            return;
        }
        let [others @ .., state] = &mut self.0;
        for block in others {
            state.bytes.append(&mut block.bytes);
            state.slots.append(&mut block.slots);
            state.ids.append(&mut block.ids);
        }
    }
}
