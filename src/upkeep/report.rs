//! What a check of a whole repository found, as plain values.

use serde::Serialize;

/// How many problems, commits and paths are listed; the rest is counted.
const LISTED: usize = 100;

/// What a check of a whole repository found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct FsckReport {
    /// How many packs there are.
    pub packs: u64,
    /// How many of them are whole.
    pub packs_good: u64,
    /// How many objects in them are sound.
    pub objects: u64,
    /// How many bytes these have, decoded.
    pub bytes: u64,
    /// How many recipes of blobs there are.
    pub recipes: u64,
    /// How many of them build the blob that they say.
    pub recipes_good: u64,
    /// How many commits refs, HEAD and log lead to.
    pub commits: u64,
    /// How many of them only the log leads to, and are kept as statements: what they held was
    /// collected.
    pub expired: u64,
    /// How many distinct map nodes these reach.
    pub nodes: u64,
    /// How many distinct blobs these reach.
    pub blobs: u64,
    /// How many entries the log has.
    pub log_entries: u64,
    /// How many problems there are.
    pub problem_count: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
    /// What the problems reach.
    pub affected: Affected,
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// What kind of thing is wrong.
    pub kind: ProblemKind,
    /// Where: a pack, an object, a ref, a file of the repository.
    pub place: String,
    /// What is wrong.
    pub detail: String,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The repository as a whole does not open.
    Repository,
    /// A pack is damaged.
    Pack,
    /// A recipe does not build its blob.
    Recipe,
    /// A ref or log entry names what is not there.
    Reference,
    /// A signed object cannot be read, or is not signed as it says.
    Signed,
    /// A node of a map is absent, damaged or misplaced.
    Node,
    /// A blob is absent or damaged.
    Blob,
    /// The log is damaged.
    Log,
}

impl ProblemKind {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Pack => "pack",
            Self::Recipe => "recipe",
            Self::Reference => "ref",
            Self::Signed => "signed",
            Self::Node => "tree",
            Self::Blob => "blob",
            Self::Log => "log",
        }
    }
}

/// What the problems reach: everything else is whole.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Affected {
    /// How many commits hold something that is damaged or missing.
    pub commit_count: u64,
    /// The first of them.
    pub commits: Vec<String>,
    /// How many distinct places in trees lead to something damaged or missing.
    pub path_count: u64,
    /// The first of their paths, escaped.
    pub paths: Vec<String>,
}

impl FsckReport {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.problem_count == 0
    }

    pub(super) fn problem(
        &mut self,
        kind: ProblemKind,
        place: impl ToString,
        detail: impl Into<String>,
    ) {
        self.problem_count += 1;
        if self.problems.len() < LISTED {
            let (place, detail) = (place.to_string(), detail.into());
            self.problems.push(Problem { kind, place, detail });
        }
    }
}

impl Affected {
    pub(super) fn commit(&mut self, id: String) {
        self.commit_count += 1;
        if self.commits.len() < LISTED {
            self.commits.push(id);
        }
    }

    pub(super) fn path(&mut self, path: String) {
        self.path_count += 1;
        if self.paths.len() < LISTED {
            self.paths.push(path);
        }
    }
}
