//! What every command's output is drawn with, so that one thing looks the same everywhere.

mod change_view;
mod color;
mod commit_view;
mod escape;
mod git_patch;
mod ids;
mod json;
mod numbers;
mod pager;
mod performed;
mod progress;
mod rows;
mod stream;
mod time;
mod warning;

pub use change_view::{ChangeView, change_word};
pub use color::{
    ADDED, BAD, BRANCH, ColorWhen, ERROR, GOOD, HINT, ID_REST, KIND, REMOVED, WARNING,
    choose_colors,
};
pub use commit_view::{CommitView, Judged, ReportView, TagView, draw_made, id_and_subject};
pub use escape::{Escaped, TerminalText};
pub use git_patch::{FileTexts, Patch, git_path};
pub use ids::{Ids, Names};
pub use json::{JsonList, PathText, write_json};
pub use numbers::{count, plural, seconds, size};
pub use performed::draw_performed;
pub use progress::Progress;
pub use rows::{RowFormat, RowWriter};
pub use stream::{Output, Paging};
pub use time::{clock, iso, moment};
pub use warning::{lines_of, warn, warn_of_command, warn_of_folder};
