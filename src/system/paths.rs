//! Many paths of one directory tree, looked up together: each directory on the way is read once.

use std::collections::BTreeMap;

use bstr::BString;

use crate::map::{Map, NodeSource};
use crate::object::{NodeId, RepoPath, Schema, TreeEntry};
use crate::repo::{RepoError, tree_entry};
use crate::store::StoreError;

use super::manifest::Pattern;

/// From so many names on, as part of a directory, it is read through instead of searched.
const SEARCHED: u64 = 32;

/// What is at each of `paths` of the tree `files`.
///
/// # Errors
/// When a node cannot be read or is not sound.
pub(super) fn entries_at<'p, S>(
    source: &S,
    files: NodeId,
    paths: impl IntoIterator<Item = &'p RepoPath>,
) -> Result<BTreeMap<&'p RepoPath, TreeEntry>, RepoError>
where
    S: NodeSource<Error = StoreError> + ?Sized,
{
    let mut wanted: Vec<Wanted<'p>> =
        paths.into_iter().map(|path| Wanted { path, rest: path.as_bytes() }).collect();
    // Part by part: what is in one folder stands together.
    wanted.sort_by(|a, b| parts(a.rest).cmp(parts(b.rest)));
    wanted.dedup_by_key(|wanted| wanted.path);
    let mut found = BTreeMap::new();
    below(source, files, &mut wanted, &mut found)?;
    Ok(found)
}

/// A path, and what of it lies below the folder that is looked at.
struct Wanted<'p> {
    path: &'p RepoPath,
    rest: &'p [u8],
}

/// The names of a path.
pub(super) fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

/// The first of them.
pub(super) fn first(path: &[u8]) -> &[u8] {
    parts(path).next().unwrap_or_default()
}

fn below<'p, S>(
    source: &S,
    folder: NodeId,
    wanted: &mut [Wanted<'p>],
    found: &mut BTreeMap<&'p RepoPath, TreeEntry>,
) -> Result<(), RepoError>
where
    S: NodeSource<Error = StoreError> + ?Sized,
{
    let map = Map::open(source, folder, Schema::Tree)?;
    let groups = wanted.chunk_by_mut(|a, b| first(a.rest) == first(b.rest));
    let mut groups: Vec<_> = groups.collect();
    if (groups.len() as u64).saturating_mul(SEARCHED) < map.count() {
        for group in groups {
            let name = group.first().map(|wanted| first(wanted.rest)).unwrap_or_default();
            if let Some(value) = map.get(name)? {
                inside(source, tree_entry(value.as_ref())?, group, found)?;
            }
        }
        return Ok(());
    }
    let mut groups = groups.drain(..).peekable();
    let mut cursor = map.cursor();
    cursor.seek(b"")?;
    while let Some((name, value)) = cursor.entry() {
        let mut order = None;
        while let Some(group) = groups.peek() {
            let wanted = group.first().map(|wanted| first(wanted.rest)).unwrap_or_default();
            order = Some(wanted.cmp(name));
            match order {
                Some(std::cmp::Ordering::Less) => drop(groups.next()),
                _ => break,
            }
        }
        if groups.peek().is_none() {
            break;
        }
        if order == Some(std::cmp::Ordering::Equal)
            && let Some(group) = groups.next()
        {
            inside(source, tree_entry(value)?, group, found)?;
        }
        cursor.advance()?;
    }
    Ok(())
}

/// Notes the entry for what ends here, and goes on to what lies below it.
fn inside<'p, S>(
    source: &S,
    entry: TreeEntry,
    group: &mut [Wanted<'p>],
    found: &mut BTreeMap<&'p RepoPath, TreeEntry>,
) -> Result<(), RepoError>
where
    S: NodeSource<Error = StoreError> + ?Sized,
{
    let ends = group.partition_point(|wanted| !wanted.rest.contains(&b'/'));
    let (here, deeper) = group.split_at_mut(ends);
    found.extend(here.iter().map(|wanted| (wanted.path, entry)));
    let Some(root) = entry.root().filter(|_| !deeper.is_empty()) else { return Ok(()) };
    for wanted in deeper.iter_mut() {
        let slash = wanted.rest.iter().position(|byte| *byte == b'/').unwrap_or_default();
        wanted.rest = wanted.rest.get(slash + 1..).unwrap_or_default();
    }
    below(source, root, deeper, found)
}

/// All that lies below some folders of a tree, for globs. Each folder is read once.
pub(super) struct Listings<'s, S: ?Sized> {
    source: &'s S,
    /// By folder: what is in it, at any depth, ascending by path.
    read: BTreeMap<RepoPath, Listing>,
}

type Listing = Vec<(BString, TreeEntry)>;

impl<'s, S> Listings<'s, S>
where
    S: NodeSource<Error = StoreError> + ?Sized,
{
    /// Reads what the globs `patterns` may match.
    ///
    /// # Errors
    /// When a node cannot be read or is not sound.
    pub fn read<'p>(
        source: &'s S,
        files: NodeId,
        patterns: impl IntoIterator<Item = &'p Pattern>,
    ) -> Result<Self, RepoError> {
        let mut bases: Vec<_> = patterns.into_iter().map(Pattern::base).collect();
        // A folder comes before those in it, which it is read for as well.
        bases.sort_by_key(|base| base.depth());
        let below_root = bases.iter().copied().filter(|base| !base.is_root());
        let entries = entries_at(source, files, below_root)?;
        let mut listings = Self { source, read: BTreeMap::new() };
        for base in bases {
            if listings.around(base).is_none() {
                let root = match base.is_root() {
                    true => Some(files),
                    false => entries.get(base).and_then(TreeEntry::root),
                };
                let listing = listings.list(base, root)?;
                listings.read.insert(base.clone(), listing);
            }
        }
        Ok(listings)
    }

    fn around(&self, base: &RepoPath) -> Option<&Listing> {
        let mut folder = Some(base.clone());
        while let Some(at) = folder {
            if let Some(listing) = self.read.get(&at) {
                return Some(listing);
            }
            folder = at.parent();
        }
        None
    }

    fn list(&self, base: &RepoPath, root: Option<NodeId>) -> Result<Listing, RepoError> {
        let mut listing = Vec::new();
        if let Some(root) = root {
            self.gather(root, base.as_bytes(), &mut listing)?;
        }
        listing.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(listing)
    }

    fn gather(&self, folder: NodeId, at: &[u8], into: &mut Listing) -> Result<(), RepoError> {
        for entry in Map::open(self.source, folder, Schema::Tree)?.iter() {
            let (name, value) = entry?;
            let entry = tree_entry(value.as_ref())?;
            let path = crate::object::join_path(at, &name);
            into.push((path.clone(), entry));
            if let Some(root) = entry.root() {
                self.gather(root, &path, into)?;
            }
        }
        Ok(())
    }

    /// What a glob that was read for matches.
    pub fn matching(&self, pattern: &Pattern) -> Vec<(RepoPath, TreeEntry)> {
        let Some(listing) = self.around(pattern.base()) else { return Vec::new() };
        let from = listing.partition_point(|(path, _)| path.as_slice() < pattern.literal());
        listing
            .iter()
            .skip(from)
            .take_while(|(path, _)| path.starts_with(pattern.literal()))
            .filter(|(path, entry)| pattern.matches(path, entry.root().is_some()))
            .filter_map(|(path, entry)| Some((RepoPath::parse(path).ok()?, *entry)))
            .collect()
    }
}
