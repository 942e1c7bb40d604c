//! Which pages of two versions of a database need not be read to compare them.
//!
//! A page is *shared* by two trees where it can be reached in both, by the same number, and all of
//! its bytes are equal, and so are the pages on which its records go on. That a page is equal is
//! not enough: a page that was freed keeps its bytes. Nor is an equal leaf: SQLite writes over a
//! record of unchanged length in place, and then only a page on which it goes on may change.
//!
//! Pages of trees are compared whatever their keys say. For pages on which records go on it is
//! taken for granted that each belongs to one record, as SQLite's own check of integrity asks for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::view::{Source, ViewError};

use super::header::{Header, Pages, malformed, u32_at};
use super::page::{DEPTH, TreePage, is_tree_flag};

/// From this page on, the number of another page may look like the flag of a tree's.
const LOOKS_LIKE_A_FLAG: u32 = 0x0200_0000;
/// Where more pages changed on which records may go on, little is shared.
const MOST_GOING_ON: usize = 1 << 20;
/// How many leaves around a page are searched for the record that goes on there, before all are.
const NEAR: usize = 8;

/// One of two versions.
#[derive(Clone, Copy)]
pub struct Side<'s> {
    /// Its bytes.
    pub source: &'s dyn Source,
    /// How its pages lie.
    pub header: Header,
    /// Where the trees of its tables begin.
    pub roots: &'s [u32],
}

impl<'s> Side<'s> {
    fn pages(&self) -> Pages<'s> {
        Pages::new(self.header, self.source)
    }
}

/// The pages of a tree, on either side, that the other has not just so.
pub type Unshared = [Arc<[u32]>; 2];

/// What is known of two versions.
pub struct Pair {
    changed: Changed,
    trees: Mutex<HashMap<[u32; 2], Option<Unshared>>>,
}

impl Pair {
    /// Compares the pages of two versions. `None` where their pages do not lie alike.
    ///
    /// # Errors
    /// When pages cannot be read.
    pub fn new(sides: [Side<'_>; 2]) -> Result<Option<Self>, ViewError> {
        let alike = |header: Header| (header.page_size, header.usable, header.encoding);
        let [a, b] = sides;
        if alike(a.header) != alike(b.header) {
            return Ok(None);
        }
        let mut changed = Changed::find(sides)?;
        if changed.going_on.len() > MOST_GOING_ON {
            return Ok(None);
        }
        if !changed.going_on.is_empty() {
            match changed.take_to_leaves(sides) {
                // Whoever reads all rows says what is wrong.
                Err(ViewError::Malformed { .. }) => return Ok(None),
                done => done?,
            }
        }
        Ok(Some(Self { changed, trees: Mutex::default() }))
    }

    /// The pages of the trees that begin at `roots` that are not shared; `None` where that cannot
    /// be told, and nothing is.
    ///
    /// # Errors
    /// When pages cannot be read.
    pub fn unshared(
        &self,
        sides: [Side<'_>; 2],
        roots: [u32; 2],
    ) -> Result<Option<Unshared>, ViewError> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = trees.get(&roots) {
            return Ok(known.clone());
        }
        let found = match Walk::new(&self.changed, sides).run(roots) {
            // Whoever reads all rows says what is wrong.
            Err(ViewError::Malformed { .. }) => None,
            found => found?,
        };
        trees.insert(roots, found.clone());
        Ok(found)
    }
}

/// The pages whose bytes are not the same on both sides.
struct Changed {
    /// In order and apart.
    ranges: Vec<Range<u32>>,
    /// Equal pages whose records go on in pages that are not.
    leaves: BTreeSet<u32>,
    /// Pages among them that may be such on both sides: no pages of trees.
    going_on: BTreeSet<u32>,
}

impl Changed {
    fn contains(&self, page: u32) -> bool {
        let nth = self.ranges.partition_point(|range| range.end <= page);
        self.ranges.get(nth).is_some_and(|range| range.contains(&page))
            || self.leaves.contains(&page)
    }

    fn push(&mut self, page: u32) {
        match self.ranges.last_mut() {
            Some(last) if last.end == page => last.end += 1,
            _ => self.ranges.push(page..page + 1),
        }
    }

    fn find([a, b]: [Side<'_>; 2]) -> Result<Self, ViewError> {
        let common = a.header.pages.min(b.header.pages);
        let end = a.header.offset(common) + a.header.page_size as u64;
        let mut changed =
            Self { ranges: Vec::new(), leaves: BTreeSet::new(), going_on: BTreeSet::new() };
        let unequal = match a.source.differences(b.source)? {
            Some(ranges) => ranges,
            None => std::iter::once(0..end).collect(),
        };
        let size = a.header.page_size;
        let (mut ours, mut theirs) = (vec![0; size], vec![0; size]);
        let ambiguous = is_ambiguous([a, b]);
        let mut next = 1;
        for range in unequal {
            // Pages from 1 on; two ranges may touch one page.
            let first = (range.start / size as u64 + 1).max(next);
            let last = (range.end.min(end).div_ceil(size as u64)).min(u64::from(common));
            for page in first..=last {
                next = page + 1;
                let page = page as u32;
                a.pages().read_into(page, &mut ours)?;
                b.pages().read_into(page, &mut theirs)?;
                if ours == theirs {
                    continue;
                }
                changed.push(page);
                let in_tree =
                    [&ours, &theirs].iter().any(|p| p.first().is_some_and(|f| is_tree_flag(*f)));
                let other = page == 1
                    || page == a.header.lock_page()
                    || a.header.is_pointer_map(page)
                    || b.header.is_pointer_map(page);
                if !other && (ambiguous || !in_tree) {
                    changed.going_on.insert(page);
                }
            }
        }
        if let Some(more) = common.checked_add(1) {
            changed.ranges.push(more..u32::MAX);
        }
        Ok(changed)
    }

    /// Finds the equal pages whose records go on in pages that changed.
    fn take_to_leaves(&mut self, sides: [Side<'_>; 2]) -> Result<(), ViewError> {
        let mut wanted = std::mem::take(&mut self.going_on);
        let mut free = [BTreeSet::new(), BTreeSet::new()];
        for (side, free) in sides.into_iter().zip(&mut free) {
            free_pages(side, &mut |page| {
                wanted.remove(&page);
                if self.contains(page) {
                    free.insert(page);
                }
            });
        }
        // What belongs to a record of a page that changed itself, and so is in no equal one.
        for (side, free) in sides.into_iter().zip(&free) {
            let (pages, header) = (side.pages(), side.header);
            let mut budget = u64::from(header.pages);
            for number in self.ranges.iter().cloned().flatten() {
                if wanted.is_empty() || number > header.pages || is_ambiguous(sides) {
                    break;
                }
                // What a free page holds is of the past.
                if free.contains(&number) || header.is_pointer_map(number) {
                    continue;
                }
                if let Ok(page) = TreePage::read(&pages, number) {
                    take_from(&page, &pages, &mut budget, &mut wanted)?;
                }
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.search(sides[0], wanted)
    }

    /// Searches the pages of all trees for the records that go on in the `wanted` pages: around
    /// each first, because a record's pages are mostly written soon after its leaf.
    fn search(&mut self, side: Side<'_>, mut wanted: BTreeSet<u32>) -> Result<(), ViewError> {
        let pages = side.pages();
        let mut holders = Vec::new();
        let mut left = u64::from(side.header.pages);
        for root in side.roots {
            collect_holders(&pages, *root, &mut left, &mut holders)?;
        }
        holders.sort_unstable();
        holders.dedup();
        holders.retain(|page| !self.contains(*page));
        let mut seen = vec![false; holders.len()];
        let mut budget = u64::from(side.header.pages);
        let mut look = |nth: usize, wanted: &mut BTreeSet<u32>| -> Result<(), ViewError> {
            let (Some(number), Some(seen)) = (holders.get(nth), seen.get_mut(nth)) else {
                return Ok(());
            };
            if !std::mem::replace(seen, true) {
                let page = TreePage::read(&pages, *number)?;
                if take_from(&page, &pages, &mut budget, wanted)? {
                    self.leaves.insert(*number);
                }
            }
            Ok(())
        };
        let all: Vec<u32> = wanted.iter().copied().collect();
        for page in all {
            let at = holders.partition_point(|holder| *holder < page);
            for near in 0..NEAR {
                if !wanted.contains(&page) {
                    break;
                }
                if let Some(before) = at.checked_sub(near + 1) {
                    look(before, &mut wanted)?;
                }
                if wanted.contains(&page) {
                    look(at + near, &mut wanted)?;
                }
            }
        }
        for nth in 0..holders.len() {
            if wanted.is_empty() {
                break;
            }
            look(nth, &mut wanted)?;
        }
        Ok(())
    }
}

/// Takes the pages on which the records of `page` go on out of `wanted`; whether there was one.
fn take_from(
    page: &TreePage,
    pages: &Pages<'_>,
    budget: &mut u64,
    wanted: &mut BTreeSet<u32>,
) -> Result<bool, ViewError> {
    let mut found = false;
    for cell in page.cells.iter().filter(|cell| cell.overflow != 0) {
        page.visit_chain(pages, cell, budget, &mut |number| {
            found |= wanted.remove(&number);
            wanted.is_empty()
        })?;
    }
    Ok(found)
}

/// Whether the first byte of a page does not tell a page of a tree from others.
fn is_ambiguous(sides: [Side<'_>; 2]) -> bool {
    sides.iter().any(|side| side.header.pages >= LOOKS_LIKE_A_FLAG)
}

/// Hands the pages of the list of free pages to `visit`, as far as it is sound (§1.5).
fn free_pages(side: Side<'_>, visit: &mut dyn FnMut(u32)) {
    let pages = side.pages();
    let (mut trunk, mut left) = (side.header.first_free, side.header.pages as usize);
    while trunk != 0 {
        let Ok(bytes) = pages.read(trunk) else { return };
        let used = bytes.get(..side.header.usable).unwrap_or_default();
        let count = u32_at(used, 4).unwrap_or_default() as usize;
        let (leaves, _) = used.get(8..).unwrap_or_default().as_chunks::<4>();
        // Each page is in the list once.
        let Some(less) = left.checked_sub(1 + count.min(leaves.len())) else { return };
        left = less;
        visit(trunk);
        leaves.iter().take(count).for_each(|page| visit(u32::from_be_bytes(*page)));
        trunk = u32_at(used, 0).unwrap_or_default();
    }
}

/// The pages of a tree that hold records.
fn collect_holders(
    pages: &Pages<'_>,
    root: u32,
    left: &mut u64,
    found: &mut Vec<u32>,
) -> Result<(), ViewError> {
    let at = pages.header.offset(root);
    let twice = || malformed("pages have more than one place in trees", at);
    let height = height(pages, root)?.ok_or_else(|| malformed("a tree is too deep", at))?;
    let mut stack = vec![(root, height)];
    while let Some((number, height)) = stack.pop() {
        *left = left.checked_sub(1).ok_or_else(twice)?;
        if height == 0 {
            found.push(number);
            continue;
        }
        let page = TreePage::read(pages, number)?;
        if !page.is_table {
            found.push(number);
        }
        stack.extend(page.children().map(|child| (child, height - 1)));
    }
    Ok(())
}

/// How many levels of pages a tree has above its leaves; `None` where it is too deep.
fn height(pages: &Pages<'_>, root: u32) -> Result<Option<usize>, ViewError> {
    let mut number = root;
    for height in 0..DEPTH {
        let page = TreePage::read(pages, number)?;
        match page.children().next() {
            None => return Ok(Some(height)),
            Some(child) => number = child,
        }
    }
    Ok(None)
}

/// A page of one level of a tree.
#[derive(Clone, Copy)]
struct Node {
    page: u32,
    /// It stands under a page that is shared, so both sides have it.
    known: bool,
}

/// A walk through two trees, level by level: every page above the leaves is read once, and leaves
/// are told apart by their numbers alone.
struct Walk<'w> {
    changed: &'w Changed,
    sides: [Side<'w>; 2],
    /// The children of shared pages that matter further down.
    below_shared: BTreeMap<u32, Arc<[u32]>>,
    unshared: [Vec<u32>; 2],
    left: u64,
    is_table: Option<bool>,
}

impl<'w> Walk<'w> {
    fn new(changed: &'w Changed, sides: [Side<'w>; 2]) -> Self {
        let [a, b] = sides;
        let left = 2 * u64::from(a.header.pages.max(b.header.pages));
        let unshared = [Vec::new(), Vec::new()];
        Self { changed, sides, below_shared: BTreeMap::new(), unshared, left, is_table: None }
    }

    fn run(mut self, roots: [u32; 2]) -> Result<Option<Unshared>, ViewError> {
        let mut heights = [0, 0];
        for (nth, side) in self.sides.into_iter().enumerate() {
            let Some(found) = height(&side.pages(), roots[nth])? else { return Ok(None) };
            heights[nth] = found;
        }
        let mut levels: [Vec<Node>; 2] = [Vec::new(), Vec::new()];
        for height in (0..=heights[0].max(heights[1])).rev() {
            for nth in 0..2 {
                if heights[nth] == height {
                    levels[nth] = vec![Node { page: roots[nth], known: false }];
                }
            }
            let mut matched = self.matched(&levels);
            for nth in 0..2 {
                let level = std::mem::take(&mut levels[nth]);
                for node in level {
                    let shared = node.known || matched[nth].remove(&node.page);
                    let fits = match shared {
                        true => self.shared(node, height, &mut levels[nth])?,
                        false => self.single(nth, node, height, &mut levels[nth])?,
                    };
                    if !fits {
                        return Ok(None);
                    }
                }
            }
            self.below_shared.clear();
        }
        Ok(Some(self.unshared.map(Arc::from)))
    }

    /// The pages that both sides have at this level outside of what they share above, for each
    /// side to be taken once.
    fn matched(&self, levels: &[Vec<Node>; 2]) -> [HashSet<u32>; 2] {
        let open = |level: &[Node]| -> HashSet<u32> {
            let open = level.iter().filter(|node| !node.known && !self.changed.contains(node.page));
            open.map(|node| node.page).collect()
        };
        let (ours, theirs) = (open(&levels[0]), open(&levels[1]));
        let both: HashSet<u32> = ours.intersection(&theirs).copied().collect();
        [both.clone(), both]
    }

    /// Goes on below a shared page: to the pages that changed, and to those with pages below.
    fn shared(
        &mut self,
        node: Node,
        height: usize,
        below: &mut Vec<Node>,
    ) -> Result<bool, ViewError> {
        if height == 0 {
            return Ok(true);
        }
        let children = match self.below_shared.get(&node.page) {
            Some(children) => Arc::clone(children),
            None => {
                let Some(page) = self.read(0, node.page, height)? else { return Ok(false) };
                let matters = |child: &u32| height > 1 || self.changed.contains(*child);
                let children: Arc<[u32]> = page.children().filter(matters).collect();
                self.below_shared.insert(node.page, Arc::clone(&children));
                children
            }
        };
        below.extend(children.iter().map(|page| {
            let known = !self.changed.contains(*page);
            Node { page: *page, known }
        }));
        Ok(true)
    }

    /// Takes down a page that is one side's alone.
    fn single(
        &mut self,
        side: usize,
        node: Node,
        height: usize,
        below: &mut Vec<Node>,
    ) -> Result<bool, ViewError> {
        if height == 0 {
            self.unshared[side].push(node.page);
            return Ok(true);
        }
        let Some(page) = self.read(side, node.page, height)? else { return Ok(false) };
        if !page.is_table {
            self.unshared[side].push(node.page);
        }
        below.extend(page.children().map(|page| Node { page, known: false }));
        Ok(true)
    }

    /// A page above the leaves; `None` where there is no such page at this height.
    fn read(
        &mut self,
        side: usize,
        number: u32,
        height: usize,
    ) -> Result<Option<TreePage>, ViewError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let page = TreePage::read(&self.sides[side].pages(), number)?;
        let is_table = *self.is_table.get_or_insert(page.is_table);
        Ok((height > 0 && !page.is_leaf && page.is_table == is_table).then_some(page))
    }
}
