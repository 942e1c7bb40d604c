//! What stored bytes mean: ordered cursors of (key, value) over the records that a content holds.
//!
//! A content has tables, each of records with keys. [`View`] is the one trait; what is written on
//! it (diff, and what comes later) works for every kind of content. Contents come from anywhere,
//! so a view is bounded in size, depth and time, and total: no input makes it panic.
//!
//! Uses `store`, `chunk` and `object`.

mod content;
mod csv;
mod document;
pub mod dtype;
mod element;
mod error;
mod front_matter;
mod gguf;
mod json;
mod limits;
mod number;
mod open;
mod records;
mod safetensors;
mod source;
pub mod sql;
pub mod sqlite;
mod stored;
mod tensors;
mod text;
mod toml;
mod tools;
mod value;
mod yaml;

pub use element::{element_of, path_of, value_of};
pub use error::ViewError;
pub use front_matter::{FrontMatter, split_front_matter};
pub use gguf::GgufView;
pub use open::{FellBack, Opened, common, open, open_as};
pub use safetensors::SafetensorsView;
pub use source::{Chunk, Source};
pub use stored::StoredSource;
pub use tensors::differing;
pub use value::{Element, Key, Record, Tensor, Value};

use std::any::Any;

/// What a content is, as far as it is understood.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// Bytes of which no more is known.
    Bytes,
    /// Text, line by line.
    Text,
    /// JSON, by key path.
    Json,
    /// TOML, by key path.
    Toml,
    /// YAML, by key path.
    Yaml,
    /// JSON records, one in each line.
    JsonLines,
    /// Comma-separated records.
    Csv,
    /// The tools that a server or an application offers, by name.
    Tools,
    /// Text with front matter: the definition of an agent or a prompt.
    FrontMatter,
    /// A SQLite database, by table and key.
    Sqlite,
    /// Tensors in the safetensors format, by name.
    Safetensors,
    /// Tensors and metadata in the GGUF format, by name.
    Gguf,
}

/// A table of a content: a sequence of records with keys that ascend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// Its name; empty in a content that has only one.
    pub name: String,
    /// The names of the parts of its keys, in order; empty where records have no key of their own
    /// and the table is a multiset: then a key is the whole record, and the value
    /// [`Value::Count`] says how often it is there.
    pub key: Vec<String>,
}

impl Table {
    /// Whether records have no key of their own.
    pub fn is_multiset(&self) -> bool {
        self.key.is_empty()
    }
}

/// A content, understood.
pub trait View: Any + Send + Sync {
    /// What it is understood as.
    fn kind(&self) -> Kind;

    /// Its tables, in the order of their names.
    fn tables(&self) -> &[Table];

    /// The names of the parts of a record in a table without keys, in order, as far as parts have
    /// names.
    fn columns(&self, _table: &Table) -> Vec<String> {
        Vec::new()
    }

    /// The records of one of its tables, in the order of their keys.
    ///
    /// With `beside`, a view of another version, records may be left out that both have just so,
    /// as long as the cursor of `beside` with this view beside it leaves the same ones out. So a
    /// comparison reads what may differ, and not what both share. A view of another kind, or one
    /// without such a table, changes nothing.
    ///
    /// # Errors
    /// When the content cannot be read.
    fn cursor<'v>(
        &'v self,
        table: &Table,
        beside: Option<&'v dyn View>,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError>;

    /// What is under a key of one of its tables; `None` where no record has it.
    ///
    /// The value is that of a record that stands alone: a cursor beside another version may leave
    /// out columns of it that the other has not.
    ///
    /// # Errors
    /// When the content cannot be read.
    fn get(&self, table: &Table, key: &[Element]) -> Result<Option<Value>, ViewError> {
        let mut cursor = self.cursor(table, None)?;
        while let Some(record) = cursor.next()? {
            if record.key == key {
                return Ok(Some(record.value));
            }
        }
        Ok(None)
    }

    /// Whether [`View::get`] finds a record of this table without going through the others.
    fn finds_by_key(&self, _table: &Table) -> bool {
        false
    }

    /// The bytes that its tensors lie in; `None` for a kind without tensors.
    fn source(&self) -> Option<&dyn Source> {
        None
    }

    /// Whether [`View::cursor`] takes a table without a key for one that has one, and then gives its
    /// records as those of a multiset: so two versions whose records have different keys can be
    /// compared.
    fn reads_without_keys(&self) -> bool {
        false
    }

    /// This view, for the implementation that knows how to share with one of its own kind.
    fn as_any(&self) -> &dyn Any;
}

/// Records in the order of their keys.
pub trait Cursor {
    /// The next record, or `None` after the last.
    ///
    /// # Errors
    /// When the content cannot be read, or breaks the rules of its kind.
    fn next(&mut self) -> Result<Option<Record>, ViewError>;
}
