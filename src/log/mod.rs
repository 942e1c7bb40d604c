//! The signed log of a place, and the refs that it moves (`docs/format.md`, "Log" and "Refs").
//!
//! Refs move only by entries of this log. The log file is written first, then the refs file is
//! replaced whole; a crash between the two is rolled forward when the log is opened. Uses `sign`,
//! `object` and `disk`; knows no store: what a ref names is the caller's business.

mod error;
mod file;
mod newest_first;
mod place;
mod place_file;
mod rebuild;
mod ref_name;
mod refs;
mod shared;

pub use error::LogError;
pub use file::{FRAME_HEAD_LEN, FRAMES_START, Frame, next_frame};
pub use newest_first::LogFromEnd;
pub use place::{Append, LogSummary, PlaceLog};
pub use place_file::PlaceFile;
pub use rebuild::{BrokenEntry, LogSurvey, NewLog, begin_again, replace_refs};
pub use ref_name::{RefName, RefNameError};
pub use refs::{Head, HeadEntry, Refs};
pub use shared::{SharedAppend, SharedLog, read_shared_entry};
