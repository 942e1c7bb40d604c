//! What a person types to name a commit, in git's grammar (gitrevisions(7)).
//!
//! Bases are looked up in git's order: a full id, `HEAD` and `@`, refs (`X`, `refs/X`,
//! `refs/tags/X`, `refs/heads/X`, `refs/remotes/X`), then the start of an id.

use std::cell::OnceCell;

use bstr::{BStr, BString, ByteSlice};

use crate::log::{Head, LogError, PlaceLog, RefName, Refs};
use crate::object::{CommitId, ID_LEN, Id, ObjectType, RepoPath, TagId};
use crate::repo::{Repository, StoredCommit};
use crate::store::Lookup;

use super::ancestry::Ancestry;
use super::commit_graph::CommitGraph;
use super::error::HistoryError;

/// How many digits of an id must be typed at least.
pub(super) const LEAST_DIGITS: usize = 4;
/// How many candidates an ambiguous start lists.
const LISTED: usize = 8;
/// Ancestors nearer than this are found by reading the commits on the way.
const NEAR: u64 = 16;
/// How many tags that name tags are followed.
const TAGS: usize = 16;

/// What a revision names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The object.
    pub id: Id,
    /// Its type.
    pub kind: ObjectType,
}

/// Which commits are meant: those behind `include` that are not behind `exclude`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Range {
    /// Commits that count, with all their ancestors.
    pub include: Vec<CommitId>,
    /// Commits that do not, nor do their ancestors.
    pub exclude: Vec<CommitId>,
}

/// The names that hold in a repository at one moment.
pub struct Revisions<'r> {
    repo: &'r Repository,
    log: PlaceLog,
    /// The commit graph, once something far back is asked for.
    ancestry: OnceCell<Ancestry<'r>>,
}

/// Splits `REV:PATH` at its first colon; names of refs have none. The path may be empty.
pub fn split_path(text: &BStr) -> (&BStr, Option<&BStr>) {
    match text.split_once_str(":") {
        Some((revision, path)) => (revision.as_bstr(), Some(path.as_bstr())),
        None => (text, None),
    }
}

impl<'r> Revisions<'r> {
    /// Reads the names that hold now.
    ///
    /// # Errors
    /// When refs or log are damaged.
    pub fn load(repo: &'r Repository) -> Result<Self, HistoryError> {
        Ok(Self { repo, log: repo.log()?, ancestry: OnceCell::new() })
    }

    /// The same names, resolved by nothing but commits: for what checks a repository.
    ///
    /// # Errors
    /// When refs or log are damaged.
    pub fn load_in_objects(repo: &'r Repository) -> Result<Self, HistoryError> {
        let ancestry = OnceCell::from(Ancestry::of_objects(repo));
        Ok(Self { repo, log: repo.log()?, ancestry })
    }

    /// The commit graph, taken out, if something far back was asked for.
    pub fn take_graph(&mut self) -> Option<CommitGraph> {
        self.ancestry.take().map(Ancestry::into_graph)
    }

    /// The refs that hold.
    pub fn refs(&self) -> &Refs {
        self.log.refs()
    }

    /// The log that moves them.
    pub fn log(&self) -> &PlaceLog {
        &self.log
    }

    /// The object that `text` names; a tag is not followed unless a suffix asks for it.
    ///
    /// # Errors
    /// When nothing or more than one thing is called so.
    pub fn find(&self, text: &str) -> Result<Found, HistoryError> {
        let (base, suffixes) = split_base(text);
        let (mut found, mut rest) = match past_moves(text, suffixes)? {
            Some((back, rest)) => (self.typed(self.past(base, back)?)?, rest),
            None => (self.base(text, base)?, suffixes),
        };
        while !rest.is_empty() {
            (found, rest) = self.step(text, found, rest)?;
        }
        Ok(found)
    }

    /// The commit that `text` names, through any tags.
    ///
    /// # Errors
    /// As [`Revisions::find`], and when it names no commit.
    pub fn commit(&self, text: &str) -> Result<StoredCommit, HistoryError> {
        let found = self.find(text)?;
        Ok(self.repo.commit(self.peel(text, found)?)?)
    }

    /// The commits that several words mean together, each as [`Revisions::range`] reads it; none
    /// means HEAD.
    ///
    /// # Errors
    /// As [`Revisions::range`].
    pub fn ranges<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Range, HistoryError> {
        let mut all = Range::default();
        for text in texts {
            let Range { include, exclude } = self.range(text)?;
            all.include.extend(include);
            all.exclude.extend(exclude);
        }
        if all.include.is_empty() {
            all.include.push(self.head()?);
        }
        Ok(all)
    }

    /// The commits that `text` means: `A..B`, `A..`, `..B`, one revision and what is behind it, or
    /// `^A`, which leaves that out.
    ///
    /// # Errors
    /// As [`Revisions::commit`].
    pub fn range(&self, text: &str) -> Result<Range, HistoryError> {
        let one = |text: &str| self.peel(text, self.find(text)?);
        let end = |text: &str| one(if text.is_empty() { "HEAD" } else { text });
        if let Some(text) = text.strip_prefix('^') {
            return Ok(Range { include: Vec::new(), exclude: vec![one(text)?] });
        }
        match text.split_once("..") {
            Some((_, to)) if to.starts_with('.') => {
                Err(HistoryError::Syntax { text: text.into(), why: "`...` is not known here" })
            }
            Some((from, to)) => Ok(Range { include: vec![end(to)?], exclude: vec![end(from)?] }),
            None => Ok(Range { include: vec![one(text)?], exclude: Vec::new() }),
        }
    }

    /// The commit that HEAD is on.
    ///
    /// # Errors
    /// When its branch has no commit yet.
    pub fn head(&self) -> Result<CommitId, HistoryError> {
        self.peel("HEAD", self.base("HEAD", "HEAD")?)
    }

    /// Reads a path of the tree as a person types it: `./` in front and `/` at the end mean
    /// nothing, and the empty path is the root.
    ///
    /// # Errors
    /// When no tree can hold such a path.
    pub fn path(text: &BStr) -> Result<RepoPath, HistoryError> {
        let mut path = &**text;
        while let Some(rest) = path.strip_suffix(b"/").or(path.strip_prefix(b"./")) {
            path = rest;
        }
        if path.is_empty() || path == b"." {
            return Ok(RepoPath::root());
        }
        RepoPath::parse(path).map_err(|source| HistoryError::Path { path: text.into(), source })
    }

    fn base(&self, text: &str, base: &str) -> Result<Found, HistoryError> {
        let refs = self.refs();
        if let Some(id) =
            (base.len() == 2 * ID_LEN).then(|| Id::from_hex(base.as_bytes())).flatten()
        {
            return self.typed(id);
        }
        if base == "HEAD" || base == "@" {
            return match (&refs.head, refs.head_object()) {
                (_, Some(id)) => self.typed(id),
                (Head::Branch(branch), None) => {
                    Err(HistoryError::Unborn { branch: branch.short().into() })
                }
                (Head::Detached(id), None) => self.typed(*id),
            };
        }
        if let Some(name) = self.ref_name(base) {
            return self.typed(refs.refs[&name]);
        }
        self.prefix(text, base)
    }

    /// The ref that `short` means, in git's order.
    pub fn ref_name(&self, short: &str) -> Option<RefName> {
        let folders = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
        let names = folders.iter().map(|folder| format!("{folder}{short}"));
        names
            .filter_map(|name| RefName::new(name.as_bytes()).ok())
            .find(|name| self.refs().refs.contains_key(name))
    }

    fn prefix(&self, text: &str, base: &str) -> Result<Found, HistoryError> {
        let unknown = || HistoryError::Unknown { text: text.into() };
        let prefix = base.to_ascii_lowercase();
        let is_hex = prefix.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex || !(LEAST_DIGITS..2 * ID_LEN).contains(&prefix.len()) {
            return Err(unknown());
        }
        let kinds = [ObjectType::Commit, ObjectType::Tag];
        let candidates = self.repo.store().with_prefix(&prefix, &kinds, LISTED)?;
        match candidates[..] {
            [] => Err(unknown()),
            [(id, kind)] => Ok(Found { id, kind }),
            _ => Err(HistoryError::Ambiguous { prefix, candidates }),
        }
    }

    fn typed(&self, id: Id) -> Result<Found, HistoryError> {
        match self.repo.store().kind(id)? {
            Lookup::Here(kind) => Ok(Found { id, kind }),
            // Read it, so that the error says what the store knows of its absence. A blob in
            // chunks is no object of its own.
            Lookup::Absent(_) => match self.repo.store().blob(crate::object::BlobId::from_id(id)) {
                Ok(_) => Ok(Found { id, kind: ObjectType::Blob }),
                Err(_) => {
                    self.repo.commit(CommitId::from_id(id))?;
                    Ok(Found { id, kind: ObjectType::Commit })
                }
            },
        }
    }

    /// Follows tags to the object they name in the end.
    ///
    /// # Errors
    /// When a tag cannot be read, or they lead too far.
    pub fn follow(&self, text: &str, mut found: Found) -> Result<Found, HistoryError> {
        for _ in 0..TAGS {
            if found.kind != ObjectType::Tag {
                return Ok(found);
            }
            let tag = self.repo.tag(TagId::from_id(found.id))?.tag;
            found = Found { id: tag.target, kind: tag.target_type };
        }
        Err(HistoryError::TagChain { text: text.into(), limit: TAGS })
    }

    /// The object that a ref's target leads to through tags, or itself where one cannot be read.
    pub fn leads_to(&self, id: Id) -> Id {
        let found = self.typed(id).and_then(|found| self.follow("", found));
        found.map_or(id, |found| found.id)
    }

    fn peel(&self, text: &str, found: Found) -> Result<CommitId, HistoryError> {
        let Found { id, kind } = self.follow(text, found)?;
        if kind != ObjectType::Commit {
            let wanted = "commit";
            return Err(HistoryError::WrongType { text: text.into(), found: kind, wanted });
        }
        Ok(CommitId::from_id(id))
    }

    /// Takes one suffix: `~N`, `^N`, `^{}` or `^{commit}`.
    fn step<'t>(
        &self,
        text: &str,
        found: Found,
        rest: &'t str,
    ) -> Result<(Found, &'t str), HistoryError> {
        if let Some(rest) = rest.strip_prefix("^{}") {
            return Ok((self.follow(text, found)?, rest));
        }
        let commit = |id: CommitId| Found { id: id.id(), kind: ObjectType::Commit };
        if let Some(rest) = rest.strip_prefix("^{commit}") {
            return Ok((commit(self.peel(text, found)?), rest));
        }
        let syntax = |why| HistoryError::Syntax { text: text.into(), why };
        let (back, behind) = match (rest.strip_prefix('~'), rest.strip_prefix('^')) {
            (Some(behind), _) => (Back::Ancestor, behind),
            (_, Some(behind)) => (Back::Parent, behind),
            _ => return Err(syntax("only `~N`, `^N`, `^{}` and `@{N}` may follow a name")),
        };
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = behind.split_at(digits);
        let number = match number {
            "" => 1,
            number => number.parse().map_err(|_| syntax("the number is too large"))?,
        };
        let start = self.peel(text, found)?;
        let id = match back {
            Back::Ancestor => self.ancestor(text, start, number)?,
            Back::Parent => self.parent(text, start, number)?,
        };
        Ok((commit(id), behind))
    }

    fn ancestor(&self, text: &str, from: CommitId, back: u64) -> Result<CommitId, HistoryError> {
        let (from, back) = match back {
            0..NEAR => (from, back),
            _ => {
                let ancestry = self.ancestry.get_or_init(|| Ancestry::load(self.repo));
                self.first_known(ancestry, text, from, back)?
            }
        };
        (0..back).try_fold(from, |id, _| self.parent(text, id, 1))
    }

    /// Goes back by commits until the graph knows one, then by the graph; gives how far is left.
    fn first_known(
        &self,
        ancestry: &Ancestry<'_>,
        text: &str,
        mut from: CommitId,
        mut back: u64,
    ) -> Result<(CommitId, u64), HistoryError> {
        while back > 0 && !ancestry.graph().is_empty() {
            let spot = ancestry.spot(from);
            if spot.at.is_some() {
                return Ok(ancestry.first_parent(spot, back));
            }
            (from, back) = (self.parent(text, from, 1)?, back - 1);
        }
        Ok((from, back))
    }

    fn parent(&self, text: &str, from: CommitId, number: u64) -> Result<CommitId, HistoryError> {
        let Some(index) = number.checked_sub(1) else { return Ok(from) };
        let parents = self.repo.commit(from)?.commit.parents;
        let wanted = usize::try_from(index).ok().and_then(|index| parents.get(index));
        wanted.copied().ok_or_else(|| {
            let has = match parents.len() {
                0 => "no parent".into(),
                1 => "one parent".into(),
                n => format!("{n} parents"),
            };
            HistoryError::NoParent { text: text.into(), from, has }
        })
    }

    /// The value that a ref had `back` moves ago; an empty name is the current branch.
    fn past(&self, base: &str, back: u64) -> Result<Id, HistoryError> {
        let of = match base {
            "HEAD" | "@" => None,
            "" => match &self.refs().head {
                Head::Branch(name) => Some(name.clone()),
                Head::Detached(_) => return Err(HistoryError::Detached),
            },
            name => Some(
                self.ref_name(name).ok_or_else(|| HistoryError::Unknown { text: name.into() })?,
            ),
        };
        self.value_before(of.as_ref(), back)
    }

    /// Takes the log back entry by entry until one ref, or HEAD, has moved so often.
    fn value_before(&self, of: Option<&RefName>, back: u64) -> Result<Id, HistoryError> {
        let mut refs = self.refs().clone();
        let mut known = 0;
        for found in self.log.newest_first()? {
            let (_, entry) = found?;
            let moves = |name: &[u8]| entry.changes.iter().any(|c| c.name == name);
            let (moved, value) = match of {
                Some(name) => (moves(name.as_bytes()), refs.refs.get(name).copied()),
                None => {
                    let on = refs.head.branch().is_some_and(|branch| moves(branch.as_bytes()));
                    (on || moves(b"HEAD"), refs.head_object())
                }
            };
            if let (true, Some(value)) = (moved, value) {
                if known == back {
                    return Ok(value);
                }
                known += 1;
            }
            let sequence = entry.sequence;
            refs.take_back(&entry).map_err(|why| LogError::Chain {
                sequence,
                id: refs.last.id,
                why,
            })?;
        }
        let name = of.map_or(BString::from("HEAD"), |name| name.short().into());
        Err(HistoryError::NotSoFarBack { name, back, known })
    }
}

/// Which way a suffix leads back.
enum Back {
    /// `~N`: along first parents.
    Ancestor,
    /// `^N`: to one of the parents.
    Parent,
}

/// Splits a revision into the name it begins with and the suffixes behind it.
fn split_base(text: &str) -> (&str, &str) {
    let suffix = text.find(['~', '^']).unwrap_or(text.len());
    let moves = text.find("@{").unwrap_or(text.len());
    text.split_at(suffix.min(moves))
}

/// Reads `@{N}` at the start of `suffixes`; gives the number and what follows.
fn past_moves<'t>(text: &str, suffixes: &'t str) -> Result<Option<(u64, &'t str)>, HistoryError> {
    let Some(rest) = suffixes.strip_prefix("@{") else { return Ok(None) };
    let why = "`@{N}` counts moves with a number, as in `main@{1}`";
    let syntax = || HistoryError::Syntax { text: text.into(), why };
    let (number, rest) = rest.split_once('}').ok_or_else(syntax)?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(syntax());
    }
    Ok(Some((number.parse().map_err(|_| syntax())?, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_where_its_first_suffix_begins() {
        for (text, split) in [
            ("main", ("main", "")),
            ("main~2^", ("main", "~2^")),
            ("@{1}~", ("", "@{1}~")),
            ("@~", ("@", "~")),
            ("me@home", ("me@home", "")),
            ("HEAD@{2}", ("HEAD", "@{2}")),
        ] {
            assert_eq!(split_base(text), split, "{text}");
        }
    }

    #[test]
    fn moves_are_counted_by_a_number_only() {
        assert_eq!(past_moves("@{3}^", "@{3}^").unwrap(), Some((3, "^")));
        assert_eq!(past_moves("x~1", "~1").unwrap(), None);
        for text in ["@{", "@{yesterday}", "@{}", "@{-1}", "@{99999999999999999999}"] {
            assert!(past_moves(text, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_revision_and_a_path_part_at_the_first_colon() {
        let split = |text: &'static str| {
            let (revision, path) = split_path(text.into());
            (revision.to_string(), path.map(ToString::to_string))
        };
        assert_eq!(split("main:a:b"), ("main".into(), Some("a:b".into())));
        assert_eq!(split("main:"), ("main".into(), Some(String::new())));
        assert_eq!(split("main"), ("main".into(), None));
    }

    #[test]
    fn a_path_may_be_typed_with_a_dot_in_front_and_a_slash_at_the_end() {
        let path = |text: &str| Revisions::path(text.into());
        assert_eq!(path("./a//").unwrap(), RepoPath::parse("a").unwrap());
        assert!(path("").unwrap().is_root());
        assert!(path("./").unwrap().is_root());
        assert!(path("a/../b").is_err());
        assert!(path("/etc").is_err());
    }
}
