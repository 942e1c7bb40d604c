//! Which row of which table a page of a database belongs to.
//!
//! The trees are walked page by page, as far as `fetch` gives pages. No statement of the database's
//! own schema is run.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::secrets::Place;
use super::sqlite_btree::{Cell, Geometry, TreePage};
use super::sqlite_secrets::Fetch;

/// No tree of SQLite is deeper.
const DEPTH: usize = 20;

/// A place in a database that is to be named.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Wanted {
    /// The page, from 1.
    pub page: u32,
    /// The cell of a b-tree page; none for what lies in an overflow page, or in no row.
    pub cell: Option<usize>,
}

/// A table or an index.
struct Object {
    index: bool,
    name: String,
    table: String,
    root: u32,
}

/// Names each of `wanted`; what belongs to no row is named by its page.
pub(super) fn places(
    connection: &Connection,
    fetch: &mut Fetch<'_>,
    geometry: &Geometry,
    wanted: &[Wanted],
) -> Vec<Place> {
    let found = HashMap::new();
    let open = wanted.iter().copied().collect();
    let mut walk = Walk { fetch, geometry, open, found, seen: HashSet::new(), rank: 0 };
    for object in objects(connection) {
        walk.rank = 0;
        walk.tree(&object, object.root, 0);
        if walk.open.is_empty() {
            break;
        }
    }
    let by_page = |wanted: &Wanted| Place::Page(wanted.page);
    wanted.iter().map(|w| walk.found.get(w).cloned().unwrap_or_else(|| by_page(w))).collect()
}

/// All tables, then all indexes.
fn objects(connection: &Connection) -> Vec<Object> {
    let schema = "sqlite_schema".to_owned();
    let mut all = vec![Object { index: false, name: schema.clone(), table: schema, root: 1 }];
    let query = "SELECT type = 'index', name, tbl_name, rootpage FROM sqlite_schema
                 WHERE rootpage > 0 ORDER BY 1, rowid";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Object { index: row.get(0)?, name: row.get(1)?, table: row.get(2)?, root: row.get(3)? })
    };
    if let Ok(mut statement) = connection.prepare(query)
        && let Ok(rows) = statement.query_map([], read)
    {
        all.extend(rows.flatten());
    }
    all
}

struct Walk<'w, 'f> {
    fetch: &'w mut Fetch<'f>,
    geometry: &'w Geometry,
    /// What is not found yet.
    open: HashSet<Wanted>,
    found: HashMap<Wanted, Place>,
    /// A damaged tree may lead in a circle.
    seen: HashSet<u32>,
    /// How many entries of the tree went by.
    rank: u64,
}

impl Walk<'_, '_> {
    fn tree(&mut self, object: &Object, number: u32, depth: usize) {
        if depth > DEPTH || self.open.is_empty() || !self.seen.insert(number) {
            return;
        }
        let Some(page) = (self.fetch)(number) else { return };
        let Some(tree) = TreePage::parse(self.geometry, number, &page) else { return };
        for (nth, cell) in tree.cells.iter().enumerate() {
            if let Some(child) = cell.child {
                self.tree(object, child, depth + 1);
            }
            if cell.payload == 0 {
                continue;
            }
            self.rank += 1;
            self.settle(Wanted { page: number, cell: Some(nth) }, object, cell);
            self.overflow(object, cell);
        }
        if let Some(child) = tree.last_child {
            self.tree(object, child, depth + 1);
        }
    }

    /// Names the overflow pages of a cell that are asked for.
    fn overflow(&mut self, object: &Object, cell: &Cell) {
        if !self.open.iter().any(|wanted| wanted.cell.is_none()) {
            return;
        }
        let share = (self.geometry.usable - 4) as u64;
        let rest = cell.payload - cell.local.len() as u64;
        let mut next = cell.overflow;
        for _ in 0..rest.div_ceil(share) {
            let Some(number) = next else { return };
            self.settle(Wanted { page: number, cell: None }, object, cell);
            let page = (self.fetch)(number);
            next = page.and_then(|page| page.first_chunk().copied()).map(u32::from_be_bytes);
        }
    }

    fn settle(&mut self, wanted: Wanted, object: &Object, cell: &Cell) {
        if !self.open.remove(&wanted) {
            return;
        }
        let table = object.table.clone();
        let place = match (object.index, cell.row) {
            (true, _) => Place::Index { table, index: object.name.clone() },
            (false, Some(row)) => Place::Row { table, row },
            (false, None) => Place::KeyedRow { table, rank: self.rank },
        };
        self.found.insert(wanted, place);
    }
}
