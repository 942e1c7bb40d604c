//! The relations that have a name of their own, and between what they lead.

use crate::object::ComponentKind;

use ComponentKind::{Agent, Data, Identity, Memory, Model, Prompt, Tool};

/// A relation that every reader knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relation {
    /// The word for it.
    pub name: &'static str,
    /// The kinds that it begins at.
    pub from: &'static [ComponentKind],
    /// The kinds that it leads to. A component of another repository (`system`) may stand for any.
    pub to: &'static [ComponentKind],
}

/// Every relation that has a name of its own. The vocabulary is open: these are the ones whose
/// ends are known.
pub const RELATIONS: [Relation; 8] = [
    Relation { name: "runs", from: &[Agent], to: &[Model] },
    Relation { name: "prompted-by", from: &[Agent], to: &[Prompt] },
    Relation { name: "remembers-in", from: &[Agent], to: &[Memory] },
    Relation { name: "uses", from: &[Agent], to: &[Tool] },
    Relation { name: "acts-as", from: &[Agent], to: &[Identity] },
    Relation { name: "calls", from: &[Agent], to: &[Agent] },
    Relation { name: "delegates", from: &[Identity], to: &[Identity] },
    Relation { name: "derived-from", from: MADE, to: MADE },
];

/// What is made from each other.
const MADE: &[ComponentKind] = &[Model, Memory, Data, Prompt];

impl Relation {
    /// The relation of this name that begins at this kind.
    pub fn of(kind: ComponentKind, name: &str) -> Option<Self> {
        RELATIONS.into_iter().find(|r| r.name == name && r.from.contains(&kind))
    }

    /// Whether it may lead to this kind.
    pub fn leads_to(&self, kind: ComponentKind) -> bool {
        kind == ComponentKind::System || self.to.contains(&kind)
    }
}
