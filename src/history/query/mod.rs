//! The language of questions about states, as `aisr when` takes it (`docs/queries.md`).
//!
//! A question is data: it is parsed within bounds, names what it reads, and runs nothing.

mod error;
mod expression;
mod lexer;
mod parser;
mod test;

pub use error::QueryError;
pub use expression::{Atom, Expression, Target};
pub use parser::parse;
pub use test::{Condition, Number, Test, column_of, leaf_values};
pub(super) use test::{shown_part, shown_value};
