//! Colours: what has which, and whether there are any.

use anstyle::{AnsiColor, Effects, Style};

/// When to use colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum ColorWhen {
    // On a terminal, unless NO_COLOR, CLICOLOR or TERM say otherwise. Documented, the values
    // would stretch every command's help.
    Auto,
    Always,
    Never,
}

/// The digits of an id that tell it from all others.
pub const ID_UNIQUE: Style = AnsiColor::Magenta.on_default().effects(Effects::BOLD);
/// The other digits of an id.
pub const ID_REST: Style = AnsiColor::BrightBlack.on_default();
/// A branch, and HEAD.
pub const BRANCH: Style = AnsiColor::Green.on_default();
/// A tag.
pub const TAG: Style = AnsiColor::Yellow.on_default();
/// What is proven.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
/// What is neither.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// What kind of thing an entry is, where it is not a plain file.
pub const KIND: Style = AnsiColor::Blue.on_default();
/// Lines that go.
pub const REMOVED: Style = AnsiColor::Red.on_default();
/// Lines that come.
pub const ADDED: Style = AnsiColor::Green.on_default();
/// Where in a file a change is.
pub const HUNK: Style = AnsiColor::Cyan.on_default();
/// The header of a file.
pub const HEADER: Style = Style::new().effects(Effects::BOLD);
/// The word `error:`.
pub const ERROR: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
/// The word `hint:`.
pub const HINT: Style = AnsiColor::Cyan.on_default();

/// Settles for the whole process when colours are used.
pub fn choose_colors(when: ColorWhen) {
    match when {
        ColorWhen::Auto => anstream::ColorChoice::Auto,
        ColorWhen::Always => anstream::ColorChoice::Always,
        ColorWhen::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}
