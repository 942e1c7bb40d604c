//! Which commit each part of a thing comes from: lines of a text, records of a table and their
//! columns, key paths, tools, tensors, and what is said of a component or an edge.
//!
//! One walk serves them all (`trace`). It starts with all parts at one commit and goes back. A
//! part that a parent has just so is the parent's, the first parent's first; what no parent has
//! just so is the commit's own. So what a merge has from one side goes to that side, and what is in
//! none of its parents is the merge's. The cost follows the commits that changed the thing: a
//! commit whose version has the id of a parent's is passed without reading it.
//!
//! A row is its key *and* the commit that inserted it: keys are used again, so a row that went and
//! came back begins anew.
//!
//! `docs/blame.md` is the manual.

mod error;
mod events;
mod facets;
mod files;
mod gone;
mod lines;
mod records;
mod rows;
mod trace;

pub use error::{BlameError, Unread};
pub use events::{Event, Thing, events};
pub use facets::{BlamedFacet, FacetsBlame, blame_facets};
pub(super) use files::{FileState, FileVersions, read};
pub use gone::{Gone, gone, last_records};
pub use lines::{BlamedLine, LinesBlame, blame_lines};
pub use records::{BlamedPart, BlamedRecord, RecordsBlame, Wanted, blame_records};
pub use rows::{RowChange, RowWalk};
