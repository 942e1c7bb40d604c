//! From the words of the command line to a command.
//!
//! To lay out the arguments of all commands takes longer than most commands work. So where the
//! first word is the name of a command, only that one's are.

use std::ffi::OsStr;

use clap::{Args, Command, CommandFactory, FromArgMatches};

use super::{
    Arguments, Global, allow, bisect, blame, branch, bug_report, cat, check, checkout, clone,
    commit, config, diff, fetch, fsck, gc, grep, init, key, log, ls, op, pull, push, remote,
    repair, restore, show, sql, status, system, tag, trust, undo, untrack, verify, version, when,
};

/// Adds the arguments of one command.
type Augment = fn(Command) -> Command;

/// Reads the words of this process; ends it where they make no sense, or ask for help.
pub fn parse() -> Arguments {
    let first = std::env::args_os().nth(1);
    let mut command = first.as_deref().and_then(alone).unwrap_or_else(Arguments::command);
    let read = command.try_get_matches_from_mut(std::env::args_os());
    let read = read.and_then(|mut matches| Arguments::from_arg_matches_mut(&mut matches));
    match read {
        Ok(arguments) => {
            // It lives as long as the process; to take it apart costs what it cost to make.
            std::mem::forget(command);
            arguments
        }
        Err(error) => error.format(&mut command).exit(),
    }
}

/// The program as if it had only the command of that name.
fn alone(name: &OsStr) -> Option<Command> {
    let name = name.to_str()?;
    let (name, augment) = COMMANDS.iter().find(|(known, _)| *known == name)?;
    let program = Command::new("aisr").version(env!("CARGO_PKG_VERSION")).max_term_width(100);
    let program = Global::augment_args(program).subcommand_required(true);
    Some(program.subcommand(augment(Command::new(*name))))
}

/// The commands that people call; others are found among all.
const COMMANDS: &[(&str, Augment)] = &[
    ("init", init::Arguments::augment_args),
    ("commit", commit::Arguments::augment_args),
    ("allow", allow::Arguments::augment_args),
    ("log", log::Arguments::augment_args),
    ("when", when::Arguments::augment_args),
    ("grep", grep::Arguments::augment_args),
    ("blame", blame::Arguments::augment_args),
    ("sql", sql::Arguments::augment_args),
    ("status", status::Arguments::augment_args),
    ("diff", diff::Arguments::augment_args),
    ("bisect", bisect::Arguments::augment_args),
    ("show", show::Arguments::augment_args),
    ("ls", ls::Arguments::augment_args),
    ("cat", cat::Arguments::augment_args),
    ("check", check::Arguments::augment_args),
    ("checkout", checkout::Arguments::augment_args),
    ("clone", clone::Arguments::augment_args),
    ("remote", remote::Arguments::augment_args),
    ("fetch", fetch::Arguments::augment_args),
    ("push", push::Arguments::augment_args),
    ("pull", pull::Arguments::augment_args),
    ("restore", restore::Arguments::augment_args),
    ("undo", undo::Arguments::augment_args),
    ("branch", branch::Arguments::augment_args),
    ("system", system::Arguments::augment_args),
    ("tag", tag::Arguments::augment_args),
    ("untrack", untrack::Arguments::augment_args),
    ("op", op::Arguments::augment_args),
    ("config", config::Arguments::augment_args),
    ("key", key::Arguments::augment_args),
    ("trust", trust::Arguments::augment_args),
    ("verify", verify::Arguments::augment_args),
    ("fsck", fsck::Arguments::augment_args),
    ("bug-report", bug_report::Arguments::augment_args),
    ("gc", gc::Arguments::augment_args),
    ("repair", repair::Arguments::augment_args),
    ("version", version::Arguments::augment_args),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What the command of that name says of itself.
    fn help(mut program: Command, name: &str) -> String {
        program.build();
        let command = program.find_subcommand_mut(name).unwrap_or_else(|| panic!("no {name}"));
        command.render_long_help().to_string()
    }

    #[test]
    fn a_command_alone_is_what_it_is_among_all() {
        for (name, _) in COMMANDS {
            let alone = alone(name.as_ref()).unwrap();
            assert_eq!(help(alone, name), help(Arguments::command(), name), "{name}");
        }
    }

    #[test]
    fn a_word_that_makes_no_sense_is_told_alike() {
        let told = |program: Command, words: &[&str]| {
            program.try_get_matches_from(words).unwrap_err().to_string()
        };
        for words in [
            &["aisr", "log", "--oneliner"][..],
            &["aisr", "log", "-n", "x"],
            &["aisr", "log", "-q", "-v"],
            &["aisr", "log", "--color", "red"],
            &["aisr", "remote", "ad"],
            &["aisr", "clone"],
            &["aisr", "log", "--version"],
            &["aisr", "log", "--help"],
        ] {
            let alone = alone(words[1].as_ref()).unwrap();
            assert_eq!(told(alone, words), told(Arguments::command(), words), "{words:?}");
        }
    }

    #[test]
    fn every_word_that_is_no_command_is_looked_for_among_all() {
        for word in ["-C", "--version", "help", "lgo", "", "redo"] {
            assert!(alone(word.as_ref()).is_none(), "{word}");
        }
    }
}
