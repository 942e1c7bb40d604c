//! What every command's output is drawn with, so that one thing looks the same everywhere.

mod change_view;
mod color;
mod commit_view;
mod differences;
mod escape;
mod found_view;
mod ids;
mod json;
mod numbers;
mod pager;
mod performed;
mod progress;
mod rows;
mod stamps;
mod stream;
mod system_view;
mod time;
mod warning;

pub use change_view::{ChangeView, change_word};
pub use color::{
    BAD, BRANCH, ColorWhen, ERROR, GOOD, HEADER as HEADING, HINT, ID_REST, KIND, WARNING,
    choose_colors,
};
pub use commit_view::{
    CommitView, Judged, ReportView, TagView, acting_for_names, draw_made, id_and_subject,
};
pub use differences::{
    Differences, DrawOptions, KindFilter, SystemPart, draw_commit, draw_commit_stat, git_path,
    inline, json_element, json_value, key_shown, name_shown, parse_kind,
};
pub use escape::{Escaped, EscapedText, TerminalText};
pub use found_view::{FoundView, draw_found, draw_rest};
pub use ids::{Ids, Names};
pub use json::{JsonList, PathText, write_json};
pub use numbers::{count, plural, seconds, size};
pub use performed::draw_performed;
pub use progress::Progress;
pub use rows::{RowFormat, RowWriter};
pub use stamps::Stamps;
pub use stream::{Output, Paging};
pub use system_view::{
    ComponentView, EdgeView, FindingView, GraphView, SystemChangesView, attribute_text,
    draw_narrowed, draw_system_changes, origins_in_words, warn_of_finding, warn_of_manifest,
};
pub use time::{clock, day, iso, moment};
pub use warning::{lines_of, warn, warn_of_command, warn_of_folder, warn_of_unread};
