//! In which commits a question holds, and where that turns: bisection without running anything.
//!
//! Each part of a question names the ids that it reads: of a component, an edge or a path. These
//! are found for every commit without opening what they name, and equal ids have equal answers; so
//! a content is opened once, whatever the shape of history. No commit is left out because a
//! neighbour answers alike: every one has a value of its own, made of its own ids.

mod contents;
mod find;
mod readings;
mod rows;
mod truth;
mod turns;
mod witness;

pub use find::{Answer, WhenOptions, when};
pub use truth::Truth;
pub use turns::{How, Turn, Unknown, turns, unknown_runs};
pub use witness::Witness;

pub(super) use contents::{NO_TEXT, text_of};
pub(super) use readings::{Named, Readings, state_of};
pub(super) use witness::{row_place, row_words};
