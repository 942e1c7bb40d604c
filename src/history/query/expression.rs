//! A question, understood.

use std::fmt;

use crate::object::{ComponentKey, EdgeKey, RepoPath};

use super::test::{Condition, Number, Test};

/// A question about a state, or about a commit.
#[derive(Clone, Debug)]
pub enum Expression {
    /// What a state or a commit must be.
    Atom(Atom),
    /// It does not hold.
    Not(Box<Expression>),
    /// All of them hold. At least two.
    All(Vec<Expression>),
    /// At least one of them holds. At least two.
    Any(Vec<Expression>),
}

/// One thing that is asked.
#[derive(Clone, Debug)]
pub enum Atom {
    /// The target is there.
    Exists(Target),
    /// The edge is there.
    Edge(EdgeKey),
    /// A file of the target is a text that passes.
    Content {
        /// Whose.
        target: Target,
        /// What it must be.
        test: Test,
    },
    /// A row of a table passes.
    Row {
        /// Whose.
        target: Target,
        /// The table; `None` for any.
        table: Option<String>,
        /// What the row must be: all of it.
        conditions: Vec<Condition>,
    },
    /// So many rows of a table pass.
    Count {
        /// Whose.
        target: Target,
        /// The table; `None` for all of them together.
        table: Option<String>,
        /// What a row must be to count.
        conditions: Vec<Condition>,
        /// How many there must be.
        number: Number,
    },
    /// A tool of a list of tools is there, or has a field that passes.
    Tool {
        /// Whose.
        target: Target,
        /// The tool's name.
        name: String,
        /// The field, as a path; `None` where the tool must only be there.
        field: Option<String>,
        /// What the field must be; `None` where it must only be there.
        test: Option<Test>,
    },
    /// A value at a path of a document is there, or passes.
    Key {
        /// Whose.
        target: Target,
        /// The path, as `aisr diff` shows it.
        path: String,
        /// What the value must be; `None` where it must only be there.
        test: Option<Test>,
    },
    /// The target is not what any parent of the commit has.
    Changed(Target),
    /// The commit carries a good signature by this principal or key.
    Signer {
        /// A name of the principal, its id, or the fingerprint of the key.
        name: String,
    },
}

/// What an atom is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Target {
    /// A component.
    Component(ComponentKey),
    /// A file, or a folder with all that is in it.
    Path(RepoPath),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(key) => key.fmt(f),
            Self::Path(path) => write!(f, "path:{path}"),
        }
    }
}

impl Expression {
    /// All atoms, from left to right.
    pub fn atoms(&self) -> Vec<&Atom> {
        let (mut out, mut stack) = (Vec::new(), vec![self]);
        while let Some(expression) = stack.pop() {
            match expression {
                Self::Atom(atom) => out.push(atom),
                Self::Not(inner) => stack.push(inner),
                Self::All(parts) | Self::Any(parts) => stack.extend(parts.iter().rev()),
            }
        }
        out
    }
}

impl Atom {
    /// Whether it is about the commit and its parents, not about the state alone.
    pub fn is_event(&self) -> bool {
        matches!(self, Self::Changed(_) | Self::Signer { .. })
    }

    /// What it is about; nothing for edges and signers.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Exists(target)
            | Self::Changed(target)
            | Self::Content { target, .. }
            | Self::Row { target, .. }
            | Self::Count { target, .. }
            | Self::Tool { target, .. }
            | Self::Key { target, .. } => Some(target),
            Self::Edge(_) | Self::Signer { .. } => None,
        }
    }
}
