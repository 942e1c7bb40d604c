//! A component on its way: found, not named yet.

use std::collections::BTreeMap;

use crate::object::{AttributeValue, ComponentKind};

/// A component before it has its name.
pub(super) struct Draft {
    pub kind: ComponentKind,
    /// What it may be called, the shortest first; plain names.
    pub names: Vec<String>,
    /// Of those that would have one name, the lowest gets it.
    pub rank: u8,
    /// The files it stands on.
    pub files: Vec<String>,
    /// The folder it stands on, instead of its files.
    pub folder: Option<String>,
    /// What all its files match, where they are many.
    pub glob: Option<String>,
    /// A pointer into its file.
    pub at: Option<String>,
    /// Said in a comment.
    pub remark: Option<String>,
    pub attributes: BTreeMap<String, AttributeValue>,
    /// What its file says of others.
    pub references: Vec<Reference>,
    /// The names of the tools that it lists.
    pub tools: Vec<String>,
    /// It became part of another.
    pub gone: bool,
    /// What a memory is.
    pub format: Option<&'static str>,
}

impl Draft {
    pub fn new(kind: ComponentKind, names: Vec<String>, file: &str) -> Self {
        Self {
            kind,
            names,
            rank: 0,
            files: Some(file)
                .filter(|file| !file.is_empty())
                .map(str::to_owned)
                .into_iter()
                .collect(),
            folder: None,
            glob: None,
            at: None,
            remark: None,
            attributes: BTreeMap::new(),
            references: Vec::new(),
            tools: Vec::new(),
            gone: false,
            format: None,
        }
    }

    /// The name it would like best.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

/// What a file says of another component.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub relation: &'static str,
    pub to: ComponentKind,
    /// A path, a name or an id, as it is written.
    pub value: String,
    /// The folder of the file that says it.
    pub folder: String,
    /// Where it says it: file, and pointer.
    pub file: String,
    pub at: String,
    pub attributes: BTreeMap<String, AttributeValue>,
}
