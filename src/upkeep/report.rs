//! What a check of a whole repository found, as plain values.

use serde::Serialize;

use crate::object::PackId;
use crate::store::PackProblem;

use super::contents::problem_of;

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
    /// How many distinct map nodes these reach.
    pub nodes: u64,
    /// How many distinct blobs these reach.
    pub blobs: u64,
    /// How many entries the log has.
    pub log_entries: u64,
    /// How many sound objects the damaged packs still hold: `repair` takes them over.
    pub salvageable: u64,
    /// How many objects are known to be lost.
    pub lost: u64,
    /// How many of the commits only the log leads to, and are kept as statements: what they held was
    /// collected.
    pub expired_commits: u64,
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
    /// In a pack: the number of the record, counted from 1.
    pub record: Option<u64>,
    /// In a pack: where the damage is, or where the record starts.
    pub offset: Option<u64>,
    /// In a pack: the first of the objects that cannot be read, each with its type.
    pub objects: Vec<String>,
    /// How many they are.
    pub object_count: u64,
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
    /// A commit's system says what its files do not bear out.
    System,
    /// The log is damaged.
    Log,
    /// Another file of the repository is not what it should be.
    File,
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
            Self::System => "system",
            Self::Log => "log",
            Self::File => "file",
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
    /// The same, each with the commits that hold it.
    pub places: Vec<AffectedPlace>,
}

/// A path that leads to something damaged or missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AffectedPlace {
    /// The path, escaped.
    pub path: String,
    /// What is damaged or missing, with its type.
    pub objects: Vec<String>,
    /// How many commits hold it.
    pub commit_count: u64,
    /// The oldest and the newest of these, by their own times.
    pub first: String,
    /// The newest.
    pub last: String,
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
            let (record, offset, objects, object_count) = (None, None, Vec::new(), 0);
            self.problems.push(Problem {
                kind,
                place,
                detail,
                record,
                offset,
                objects,
                object_count,
            });
        }
    }

    pub(super) fn problems_of_pack(
        &mut self,
        pack: PackId,
        problems: impl IntoIterator<Item = PackProblem>,
    ) {
        for problem in problems {
            self.problem_count += 1;
            if self.problems.len() < LISTED {
                self.problems.push(problem_of(pack, problem));
            }
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

    /// All places, by path.
    pub(super) fn set_places(&mut self, places: Vec<AffectedPlace>) {
        self.path_count = places.len() as u64;
        self.places = places.into_iter().take(LISTED).collect();
        self.paths = self.places.iter().map(|place| place.path.clone()).collect();
    }
}
