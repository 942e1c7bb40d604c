//! A database as a view: its tables, and cursors over their rows.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::view::{Cursor, Element, Kind, Record, Source, Table, Value, View, ViewError};

use super::cursor::{AtHand, Empty, InOrder, Rows, Sorted};
use super::header::{Header, Pages, malformed};
use super::layout::{Layout, Search, Shape};
use super::point;
use super::record::Stored;
use super::scan::Scan;
use super::schema;
use super::sharing::{Pair, Side, Unshared};
use super::tokens::virtual_table;
use super::virtual_table::{Shown, Tree, Trees, understood};

/// The table that says which tables, indexes, triggers and views there are, and how they were made.
pub const SCHEMA: &str = "sqlite_schema";
/// How many tables, indexes, triggers and views a database may have, together.
const MOST_ENTRIES: usize = 20_000;
/// How many bytes their statements may have.
const MOST_STATEMENTS: usize = 32 << 20;

/// Tells views apart, also those that are gone.
static VIEWS: AtomicU64 = AtomicU64::new(0);

/// A SQLite database, read out of its pages.
pub struct SqliteView {
    number: u64,
    source: Arc<dyn Source>,
    header: Header,
    tables: Vec<Table>,
    /// What each of them shows.
    contents: Vec<Content>,
    schema: Vec<Record>,
    /// Where the trees of all stored tables begin.
    roots: Vec<u32>,
    /// What is known of this view and the one that it was last compared with, by that one's number.
    pair: Mutex<Option<(u64, Option<Arc<Pair>>)>>,
}

enum Content {
    Schema,
    Shown(Box<Shown>),
}

/// A row of the schema.
struct Entry {
    kind: String,
    name: String,
    table: String,
    root: u32,
    statement: Option<String>,
}

impl SqliteView {
    /// Reads the schema of a database.
    ///
    /// # Errors
    /// When the content cannot be read, is no sound database, or has more tables than are looked
    /// at.
    pub fn open(source: Arc<dyn Source>) -> Result<Self, ViewError> {
        let header = Header::read(source.as_ref())?;
        let mut entries = read_schema(header, source.as_ref())?;
        let indexes = entries.iter().filter(|entry| entry.kind == "index");
        let indexes: HashMap<String, u32> =
            indexes.map(|entry| (entry.name.to_ascii_lowercase(), entry.root)).collect();
        entries.retain(|entry| !is_internal(&entry.name));
        let trees = stored_tables(&entries, &indexes)?;
        let roots = trees.values().map(|tree| tree.root).collect();
        let mut shown: Vec<(Table, Content)> = Vec::new();
        let mut hidden = BTreeSet::new();
        for entry in entries.iter().filter(|entry| entry.kind == "table" && entry.root == 0) {
            let statement = entry.statement.as_deref().unwrap_or_default();
            let Some(found) = understood(&entry.name, statement, &trees) else { continue };
            hidden.extend(found.hidden);
            let key = match &found.shown {
                Shown::Rows(tree) => tree.layout.key_names(),
                Shown::Vectors(vectors) => vec![vectors.key.clone()],
                Shown::Nothing(key) => key.clone(),
            };
            shown.push((
                Table { name: entry.name.clone(), key },
                Content::Shown(Box::new(found.shown)),
            ));
        }
        entries.retain(|entry| !hidden.contains(&entry.table.to_ascii_lowercase()));
        for entry in entries.iter().filter(|entry| entry.kind == "table" && entry.root != 0) {
            let Some(tree) = trees.get(&entry.name.to_ascii_lowercase()) else { continue };
            let table = Table { name: entry.name.clone(), key: tree.layout.key_names() };
            shown.push((table, Content::Shown(Box::new(Shown::Rows(tree.clone())))));
        }
        let schema = schema_records(&entries)?;
        let key = vec!["type".to_owned(), "name".to_owned()];
        shown.push((Table { name: SCHEMA.to_owned(), key }, Content::Schema));
        shown.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let (tables, contents) = shown.into_iter().unzip();
        let number = VIEWS.fetch_add(1, Ordering::Relaxed);
        let pair = Mutex::default();
        Ok(Self { number, source, header, tables, contents, schema, roots, pair })
    }

    fn content(&self, name: &str) -> Option<&Content> {
        let nth = self.tables.binary_search_by(|table| table.name.as_str().cmp(name)).ok()?;
        self.contents.get(nth)
    }

    pub(super) fn tree(&self, name: &str) -> Option<&Tree> {
        match self.content(name)? {
            Content::Shown(shown) => match shown.as_ref() {
                Shown::Rows(tree) => Some(tree),
                _ => None,
            },
            Content::Schema => None,
        }
    }

    fn side(&self) -> Side<'_> {
        Side { source: self.source.as_ref(), header: self.header, roots: &self.roots }
    }

    /// The pages of a table on either side that the other has not just so, the older view's first.
    /// Kept in the older one, so that both sides leave out the same.
    fn unshared(&self, newer: &Self, roots: [u32; 2]) -> Result<Option<Unshared>, ViewError> {
        let sides = [self.side(), newer.side()];
        let mut known = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = match &*known {
            Some((number, pair)) if *number == newer.number => pair.clone(),
            _ => {
                let pair = Pair::new(sides)?.map(Arc::new);
                *known = Some((newer.number, pair.clone()));
                pair
            }
        };
        drop(known);
        pair.map_or(Ok(None), |pair| pair.unshared(sides, roots))
    }

    /// The rows of a table that are wanted beside another version of it, and their shape.
    pub(super) fn rows<'v>(
        &'v self,
        tree: &'v Tree,
        beside: Option<(&'v Self, &'v Tree)>,
    ) -> Wanted<'v> {
        let rows = |pages| Rows {
            source: self.source.as_ref(),
            header: self.header,
            root: tree.root,
            pages,
        };
        let Some((other, theirs)) = beside else {
            return Ok((rows(None), Shape::alone(&tree.layout)));
        };
        let is_older = self.number <= other.number;
        let leading = if is_older { &tree.layout } else { &theirs.layout };
        let shape = Shape::beside(&tree.layout, &theirs.layout, leading);
        if tree.layout != theirs.layout || self.number == other.number {
            return Ok((rows(None), shape));
        }
        let unshared = match is_older {
            true => self.unshared(other, [tree.root, theirs.root])?.map(|[ours, _]| ours),
            false => other.unshared(self, [theirs.root, tree.root])?.map(|[_, ours]| ours),
        };
        Ok((rows(unshared), shape))
    }
}

pub(super) type Wanted<'v> = Result<(Rows<'v>, Shape), ViewError>;

impl View for SqliteView {
    fn kind(&self) -> Kind {
        Kind::Sqlite
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn columns(&self, table: &Table) -> Vec<String> {
        let tree = self.tree(&table.name);
        let columns = tree.into_iter().flat_map(|tree| &tree.layout.columns);
        columns.map(|column| column.name.clone()).collect()
    }

    fn cursor<'v>(
        &'v self,
        table: &Table,
        beside: Option<&'v dyn View>,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError> {
        let source = self.source.as_ref();
        let shown = match self.content(&table.name) {
            None => return Ok(Box::new(Empty)),
            Some(Content::Schema) => return Ok(Box::new(AtHand(self.schema.clone().into_iter()))),
            Some(Content::Shown(shown)) => shown.as_ref(),
        };
        let tree = match shown {
            Shown::Nothing(_) => return Ok(Box::new(Empty)),
            Shown::Vectors(vectors) => return vectors.cursor(source, self.header),
            Shown::Rows(tree) => tree,
        };
        let other = beside.and_then(|view| view.as_any().downcast_ref::<Self>());
        let theirs = other.and_then(|other| Some((other, other.tree(&table.name)?)));
        let (rows, shape) = self.rows(tree, theirs)?;
        Ok(match tree.layout.is_in_order() {
            true => Box::new(InOrder::new(&rows, &tree.layout, shape)?),
            false => Box::new(Sorted::new(rows, &tree.layout, shape)),
        })
    }

    fn get(&self, table: &Table, key: &[Element]) -> Result<Option<Value>, ViewError> {
        if let Some(tree) = self.tree(&table.name).filter(|_| self.finds_by_key(table)) {
            let pages = Pages::new(self.header, self.source.as_ref());
            return point::find(&pages, tree, key);
        }
        let mut cursor = self.cursor(table, None)?;
        while let Some(record) = cursor.next()? {
            if record.key == key {
                return Ok(Some(record.value));
            }
        }
        Ok(None)
    }

    fn finds_by_key(&self, table: &Table) -> bool {
        let tree = self.tree(&table.name);
        tree.is_some_and(|tree| point::is_searched(tree, self.header.encoding))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Whether SQLite keeps it for itself: counters, statistics, indexes of constraints.
fn is_internal(name: &str) -> bool {
    name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"))
}

fn read_schema(header: Header, source: &dyn Source) -> Result<Vec<Entry>, ViewError> {
    let columns = Vec::new();
    let layout = Layout { columns, key: Vec::new(), has_row_ids: true, search: Search::Scan };
    let mut scan = Scan::whole(Pages::new(header, source), 1, &layout)?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = scan.next()? {
        bytes += row.payload.len();
        if entries.len() == MOST_ENTRIES || bytes > MOST_STATEMENTS {
            let limit = format!("{MOST_ENTRIES} entries, {} MiB", MOST_STATEMENTS >> 20);
            return Err(ViewError::Limit { what: "a database's schema", limit });
        }
        let fields = row.fields(header.encoding)?;
        let text = |place: usize| match fields.get(place) {
            Some(Stored::Text(text)) => Some(text),
            _ => None,
        };
        let unsound = || malformed("an entry of the schema says not what it is", row.at);
        let root = match fields.get(3) {
            Some(Stored::Integer(root)) => u32::try_from(root).map_err(|_| unsound())?,
            Some(Stored::Null) | None => 0,
            _ => return Err(unsound()),
        };
        entries.push(Entry {
            kind: text(0).ok_or_else(unsound)?,
            name: text(1).ok_or_else(unsound)?,
            table: text(2).ok_or_else(unsound)?,
            root,
            statement: text(4),
        });
    }
    Ok(entries)
}

fn stored_tables(entries: &[Entry], indexes: &HashMap<String, u32>) -> Result<Trees, ViewError> {
    let mut trees = Trees::new();
    let mut judge = None;
    for entry in entries.iter().filter(|entry| entry.kind == "table" && entry.root != 0) {
        let statement = entry.statement.as_deref().unwrap_or_default();
        if virtual_table(statement).is_some() {
            return Err(malformed(format!("the virtual table {:?} has pages", entry.name), 0));
        }
        let layout = schema::layout(&mut judge, &entry.name, statement)?;
        let index = match &layout.search {
            Search::Index(name) => indexes.get(&name.to_ascii_lowercase()).copied().unwrap_or(0),
            _ => 0,
        };
        let tree = Tree { root: entry.root, index, layout };
        if trees.insert(entry.name.to_ascii_lowercase(), tree).is_some() {
            return Err(malformed(format!("two tables are called {:?}", entry.name), 0));
        }
    }
    Ok(trees)
}

fn schema_records(entries: &[Entry]) -> Result<Vec<Record>, ViewError> {
    let mut records: Vec<Record> = entries
        .iter()
        .map(|entry| {
            let statement = match &entry.statement {
                Some(statement) => Value::Text(statement.clone()),
                None => Value::Null,
            };
            let table = Value::Text(entry.table.clone());
            let fields = vec![("tbl_name".to_owned(), table), ("sql".to_owned(), statement)];
            let key = vec![entry.kind.as_str().into(), entry.name.as_str().into()];
            Record { key, value: Value::Fields(fields) }
        })
        .collect();
    records.sort_by(|a, b| a.key.cmp(&b.key));
    let twice = records.windows(2).any(|pair| pair[0].key == pair[1].key);
    match twice {
        true => Err(malformed("the schema has an entry twice", 0)),
        false => Ok(records),
    }
}
