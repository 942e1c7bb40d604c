//! Which gone path became which new one.
//!
//! First by id. Then by similarity, as git's diffcore-rename and diffcore-delta do it: a file is a
//! bag of pieces (lines, cut after 64 bytes); what two bags share, in bytes, over the larger size
//! is how similar they are; the most similar pairs are settled first, from 50 % up.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::object::{EntryKind, RepoPath, TreeEntry};

use super::tree::PathChange;

/// The least similarity of a rename, in percent.
const LEAST: u64 = 50;
/// As git's `diff.renameLimit`: with more pairs than its square only ids are compared.
const LIMIT: usize = 1000;
/// Larger files are renamed only by id.
pub const SIMILARITY_LIMIT: u64 = 1 << 20;
/// With more bytes in all gone candidates only ids are compared: it bounds what their bags take.
const BYTES_LIMIT: u64 = 64 << 20;
/// Longer lines are more than one piece.
const PIECE: usize = 64;

/// A path that differs, and perhaps the path that it had before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileChange {
    /// What differs. Of a rename: the new path, and both entries.
    pub change: PathChange,
    /// The former path.
    pub from: Option<RepoPath>,
    /// How similar the contents are, in percent; 100 is equal.
    pub similarity: u8,
}

/// Gives the bytes of a file that is compared, or `None` when it is not to be had.
pub type Contents<'c, E> = dyn FnMut(&RepoPath, &TreeEntry) -> Result<Option<Vec<u8>>, E> + 'c;

/// Joins what is gone and what is new to renames by id alone.
pub fn exact_renames(changes: Vec<PathChange>) -> Vec<FileChange> {
    let mut pairs = Pairs::new(&changes);
    pairs.by_id();
    let found = pairs.found;
    join(changes, &found)
}

/// Joins what is gone and what is new to renames, by id and by similarity.
///
/// # Errors
/// What `contents` says.
pub fn renames<E>(
    changes: Vec<PathChange>,
    contents: &mut Contents<'_, E>,
) -> Result<Vec<FileChange>, E> {
    let mut pairs = Pairs::new(&changes);
    pairs.by_id();
    pairs.by_similarity(contents)?;
    let found = pairs.found;
    Ok(join(changes, &found))
}

/// Numbers of changes: gone → new, with the similarity.
type Found = HashMap<usize, (usize, u8)>;

struct Pairs<'c> {
    changes: &'c [PathChange],
    gone: Vec<(usize, TreeEntry)>,
    new: Vec<(usize, TreeEntry)>,
    found: Found,
}

impl<'c> Pairs<'c> {
    fn new(changes: &'c [PathChange]) -> Self {
        let side = |entry: fn(&PathChange) -> (Option<TreeEntry>, Option<TreeEntry>)| {
            let one = |(at, change)| match entry(change) {
                (Some(entry), None) if entry.blob().is_some() => Some((at, entry)),
                _ => None,
            };
            changes.iter().enumerate().filter_map(one).collect()
        };
        let gone = side(|change| (change.before, change.after));
        let new = side(|change| (change.after, change.before));
        Self { changes, gone, new, found: Found::new() }
    }

    fn by_id(&mut self) {
        let mut sources: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, entry) in &self.gone {
            sources.entry((entry.id(), is_link(entry))).or_default().push(*at);
        }
        let mut taken = HashSet::new();
        // Those of the same name first, the rest in order.
        for same_name in [true, false] {
            for (to, entry) in &self.new {
                let Some(froms) = sources.get_mut(&(entry.id(), is_link(entry))) else { continue };
                let name = |at: usize| self.changes[at].path.file_name();
                let fits = |from: &usize| !same_name || name(*from) == name(*to);
                if taken.contains(to) {
                    continue;
                }
                if let Some(at) = froms.iter().position(fits) {
                    taken.insert(*to);
                    self.found.insert(froms.remove(at), (*to, 100));
                }
            }
        }
        self.gone.retain(|(at, _)| !self.found.contains_key(at));
        self.new.retain(|(at, _)| !taken.contains(at));
    }

    fn by_similarity<E>(&mut self, contents: &mut Contents<'_, E>) -> Result<(), E> {
        let fits = |(_, entry): &(usize, TreeEntry)| {
            !is_link(entry) && (1..=SIMILARITY_LIMIT).contains(&entry.size())
        };
        self.gone.retain(fits);
        self.new.retain(fits);
        let bytes: u64 = self.gone.iter().map(|(_, entry)| entry.size()).sum();
        if self.gone.len() * self.new.len() > LIMIT * LIMIT || bytes > BYTES_LIMIT {
            return Ok(());
        }
        let mut bags: HashMap<usize, Option<Bag>> = HashMap::new();
        let mut scored = Vec::new();
        for (to, after) in &self.new {
            let near = self.gone.iter().filter(|(_, before)| may_be_similar(before, after));
            let near: Vec<_> = near.collect();
            if near.is_empty() {
                continue;
            }
            let Some(bytes) = contents(&self.changes[*to].path, after)? else { continue };
            let bag = bag(&bytes);
            for (from, before) in near {
                if !bags.contains_key(from) {
                    let bytes = contents(&self.changes[*from].path, before)?;
                    bags.insert(*from, bytes.map(|bytes| self::bag(&bytes)));
                }
                let Some(Some(other)) = bags.get(from) else { continue };
                let percent = shared(other, &bag) * 100 / before.size().max(after.size());
                if percent >= LEAST {
                    let (a, b) = (&self.changes[*from].path, &self.changes[*to].path);
                    scored.push((percent, a.file_name() == b.file_name(), *from, *to));
                }
            }
        }
        // Most similar first, then equal names, then the order of the paths.
        scored.sort_by_key(|(percent, same_name, from, to)| {
            (u64::MAX - percent, !same_name, *to, *from)
        });
        let mut taken = HashSet::new();
        for (percent, _, from, to) in scored {
            if !self.found.contains_key(&from) && taken.insert(to) {
                // Equal bags in another order are not equal contents.
                self.found.insert(from, (to, percent.min(99) as u8));
            }
        }
        Ok(())
    }
}

fn is_link(entry: &TreeEntry) -> bool {
    entry.kind() == EntryKind::Symlink
}

/// Whether the sizes allow enough to be shared.
fn may_be_similar(a: &TreeEntry, b: &TreeEntry) -> bool {
    a.size().min(b.size()) * 100 >= a.size().max(b.size()) * LEAST
}

/// How many bytes there are of each piece.
type Bag = HashMap<u64, u64>;

fn bag(bytes: &[u8]) -> Bag {
    let mut bag = Bag::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        for piece in line.chunks(PIECE) {
            let mut hasher = DefaultHasher::new();
            piece.hash(&mut hasher);
            *bag.entry(hasher.finish()).or_default() += piece.len() as u64;
        }
    }
    bag
}

fn shared(a: &Bag, b: &Bag) -> u64 {
    let (small, large) = if a.len() < b.len() { (a, b) } else { (b, a) };
    small.iter().map(|(piece, len)| large.get(piece).map_or(0, |other| *len.min(other))).sum()
}

/// Puts renames at their new paths. A directory all of whose content moved is no change.
fn join(changes: Vec<PathChange>, found: &Found) -> Vec<FileChange> {
    let sources: HashMap<usize, (usize, u8)> =
        found.iter().map(|(from, (to, percent))| (*to, (*from, *percent))).collect();
    let inside = |at: usize, next: &usize| changes[*next].path.is_within(&changes[at].path);
    let emptied = |at: usize| {
        let below: Vec<_> = (at + 1..changes.len()).take_while(|next| inside(at, next)).collect();
        let moved = |at: &usize| found.contains_key(at) || sources.contains_key(at);
        let is_folder = |at: &usize| only_directories(&changes[*at]);
        only_directories(&changes[at])
            && !below.is_empty()
            && below.iter().all(|at| moved(at) || is_folder(at))
            && below.iter().any(moved)
    };
    let mut out = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        if found.contains_key(&at) || (!found.is_empty() && emptied(at)) {
            continue;
        }
        let change = change.clone();
        out.push(match sources.get(&at) {
            Some((from, similarity)) => {
                let PathChange { path, before, .. } = &changes[*from];
                let change = PathChange { before: *before, ..change };
                FileChange { change, from: Some(path.clone()), similarity: *similarity }
            }
            None => FileChange { change, from: None, similarity: 0 },
        });
    }
    out
}

/// Whether a directory is new or gone, and nothing else is at its path.
fn only_directories(change: &PathChange) -> bool {
    let entries = [change.before, change.after];
    entries.iter().flatten().all(|entry| entry.kind() == EntryKind::Directory)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::object::BlobId;

    fn entry(text: &str) -> TreeEntry {
        TreeEntry::file(BlobId::of(text.as_bytes()), text.len() as u64)
    }

    fn gone(path: &str, text: &str) -> PathChange {
        PathChange { path: RepoPath::parse(path).unwrap(), before: Some(entry(text)), after: None }
    }

    fn new(path: &str, text: &str) -> PathChange {
        PathChange { path: RepoPath::parse(path).unwrap(), before: None, after: Some(entry(text)) }
    }

    fn found(changes: Vec<PathChange>, texts: &[&str]) -> Vec<(String, String, u8)> {
        let find =
            |entry: &TreeEntry| texts.iter().find(|t| BlobId::of(t.as_bytes()).id() == entry.id());
        let out = renames::<Infallible>(changes, &mut |_, entry| {
            Ok(find(entry).map(|text| text.as_bytes().to_vec()))
        });
        let renamed = out.unwrap().into_iter().filter_map(|found| {
            Some((found.from?.to_string(), found.change.path.to_string(), found.similarity))
        });
        renamed.collect()
    }

    #[test]
    fn equal_contents_are_a_rename_and_equal_names_win() {
        let changes = vec![gone("a/x", "same"), gone("b/y", "same"), new("c/y", "same")];
        assert_eq!(found(changes, &[]), [("b/y".into(), "c/y".into(), 100)]);
    }

    #[test]
    fn half_the_lines_are_enough_and_less_is_not() {
        let (old, half, less) = ("a\nb\nc\nd\n", "a\nb\nx\ny\n", "a\nx\ny\nz\n");
        let texts = [old, half, less];
        assert_eq!(
            found(vec![gone("p", old), new("q", half)], &texts),
            [("p".into(), "q".into(), 50)]
        );
        assert_eq!(found(vec![gone("p", old), new("q", less)], &texts), []);
    }

    #[test]
    fn the_most_similar_pair_is_settled_first() {
        let (old, near, far) = ("a\nb\nc\nd\n", "a\nb\nc\nx\n", "a\nb\nx\ny\n");
        let changes = vec![gone("p", old), new("q", far), new("r", near)];
        assert_eq!(found(changes, &[old, near, far]), [("p".into(), "r".into(), 75)]);
    }

    #[test]
    fn more_pairs_than_git_compares_are_compared_by_id_alone() {
        let text = |n: usize| format!("{}shared\n", "line\n".repeat(9) + &n.to_string());
        let all: Vec<String> = (0..2 * (LIMIT + 1)).map(text).collect();
        let (old, young) = all.split_at(LIMIT + 1);
        let mut changes: Vec<_> =
            old.iter().enumerate().map(|(n, text)| gone(&format!("a{n:05}"), text)).collect();
        changes.extend(young.iter().enumerate().map(|(n, text)| new(&format!("b{n:05}"), text)));
        changes.push(new("c", &old[3]));
        assert_eq!(found(changes, &[]), [("a00003".into(), "c".into(), 100)]);
    }

    #[test]
    fn a_folder_that_moved_whole_is_no_change_itself() {
        let folder = |path: &str, before, after| PathChange {
            path: RepoPath::parse(path).unwrap(),
            before,
            after,
        };
        let any = TreeEntry::directory(crate::object::NodeId::from_id(entry("x").id()), 1);
        let changes = vec![
            folder("a", Some(any), None),
            gone("a/f", "text"),
            folder("b", None, Some(any)),
            new("b/f", "text"),
        ];
        let out = exact_renames(changes);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].change.path.to_string(), "b/f");
    }
}
