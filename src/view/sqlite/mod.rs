//! SQLite databases, read out of their stored pages by a reader of our own.
//!
//! What a table's statement means, SQLite itself says (`schema`); everything else is read from
//! the pages: trees (`page`, `scan`, one row by `point`), records (`record`), and which pages two versions share
//! (`sharing`). Content is never run: no query, no trigger, no virtual table's module.
//!
//! `docs/databases.md` says what a person sees of it.

mod cursor;
mod database;
mod header;
mod layout;
mod page;
mod point;
mod record;
mod scan;
mod schema;
mod sharing;
mod tokens;
mod vectors;
mod virtual_table;

#[cfg(test)]
mod tests;

pub use database::{SCHEMA, SqliteView};
pub use header::MAGIC;
