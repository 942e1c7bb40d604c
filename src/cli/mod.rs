//! The command line: one file per command parses its arguments, makes one call into the library
//! and prints the result. Only here are the environment and the terminal known.

mod add;
mod allow;
mod bisect;
mod blame;
mod branch;
mod bug_report;
mod capture_commands;
mod cat;
mod check;
mod checkout;
mod clone;
mod commit;
mod completions;
mod condition;
mod config;
mod context;
mod diff;
mod edge;
mod editor;
mod error;
mod fetch;
mod fsck;
mod gc;
mod git_words;
mod grep;
mod hold_still;
mod init;
mod key;
mod log;
mod ls;
mod man;
mod op;
mod output;
mod pathspec;
mod permission;
mod place;
mod pull;
mod push;
mod remote;
mod repair;
mod restore;
mod run_command;
mod show;
mod sql;
mod status;
mod surroundings;
mod system;
mod tag;
mod target;
mod trust;
mod undo;
mod untrack;
mod verify;
mod version;
mod when;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use aisr::worktree::Direction;
use clap::{Parser, Subcommand};

use context::Context;
use error::{CliError, Kind};
use output::{ColorWhen, choose_colors};

/// The system of record for AI systems: content-addressed, signed, whole.
#[derive(Parser)]
#[command(name = "aisr", version, max_term_width = 100)]
#[command(after_help = "Examples:
  aisr help commit
  aisr -C ../support-desk status")]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The heading of what every command takes.
const GLOBAL: &str = "Global options";

/// What every command takes.
#[derive(clap::Args)]
struct Global {
    /// Work as if started in DIR.
    #[arg(short = 'C', value_name = "DIR", global = true, help_heading = GLOBAL)]
    work_in: Option<PathBuf>,
    /// Say nothing but results and errors.
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    quiet: bool,
    /// Say more: whole ids, roots, keys.
    #[arg(short, long, global = true, conflicts_with = "quiet", help_heading = GLOBAL)]
    verbose: bool,
    /// When to use colours; `auto`: on a terminal, unless NO_COLOR says otherwise.
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", help_heading = GLOBAL)]
    color: ColorWhen,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Arguments),
    Commit(commit::Arguments),
    Allow(allow::Arguments),
    Log(log::Arguments),
    When(when::Arguments),
    Grep(grep::Arguments),
    Blame(blame::Arguments),
    Status(status::Arguments),
    System(system::Arguments),
    Diff(diff::Arguments),
    Bisect(bisect::Arguments),
    Show(show::Arguments),
    Ls(ls::Arguments),
    Cat(cat::Arguments),
    Sql(sql::Arguments),
    Check(check::Arguments),
    Checkout(checkout::Arguments),
    Clone(clone::Arguments),
    Remote(remote::Arguments),
    Fetch(fetch::Arguments),
    Push(push::Arguments),
    Pull(pull::Arguments),
    Restore(restore::Arguments),
    Undo(undo::Arguments),
    /// Do again what was undone last.
    Redo(undo::Arguments),
    Branch(branch::Arguments),
    Tag(tag::Arguments),
    Untrack(untrack::Arguments),
    Op(op::Arguments),
    Config(config::Arguments),
    Key(key::Arguments),
    Trust(trust::Arguments),
    Verify(verify::Arguments),
    Fsck(fsck::Arguments),
    BugReport(bug_report::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    Gc(gc::Arguments),
    Repair(repair::Arguments),
    Version(version::Arguments),
    #[command(hide = true, name = hold_still::NAME)]
    HoldStill(hold_still::Arguments),
    #[command(hide = true)]
    Add(add::Arguments),
    #[command(hide = true)]
    Switch(git_words::Arguments),
    #[command(hide = true)]
    Reset(git_words::Arguments),
    #[command(hide = true)]
    Stash(git_words::Arguments),
}

/// What a command that ran to its end has to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Yes,
    No,
}

/// Runs the command of this process.
pub fn run() -> ExitCode {
    let arguments = words::parse();
    choose_colors(arguments.global.color);
    let result = Context::new(arguments.global).and_then(|context| match arguments.command {
        Command::Init(arguments) => init::run(&context, &arguments),
        Command::Commit(arguments) => commit::run(&context, &arguments),
        Command::Allow(arguments) => allow::run(&context, &arguments),
        Command::Log(arguments) => log::run(&context, &arguments),
        Command::When(arguments) => when::run(&context, &arguments),
        Command::Grep(arguments) => grep::run(&context, &arguments),
        Command::Blame(arguments) => blame::run(&context, &arguments),
        Command::Status(arguments) => status::run(&context, &arguments),
        Command::System(arguments) => system::run(&context, &arguments),
        Command::Diff(arguments) => diff::run(&context, &arguments),
        Command::Bisect(arguments) => bisect::run(&context, &arguments),
        Command::Show(arguments) => show::run(&context, &arguments),
        Command::Ls(arguments) => ls::run(&context, &arguments),
        Command::Cat(arguments) => cat::run(&context, &arguments),
        Command::Sql(arguments) => sql::run(&context, &arguments),
        Command::Check(arguments) => check::run(&context, &arguments),
        Command::Checkout(arguments) => checkout::run(&context, &arguments),
        Command::Clone(arguments) => clone::run(&context, &arguments),
        Command::Remote(arguments) => remote::run(&context, &arguments),
        Command::Fetch(arguments) => fetch::run(&context, &arguments),
        Command::Push(arguments) => push::run(&context, &arguments),
        Command::Pull(arguments) => pull::run(&context, &arguments),
        Command::Restore(arguments) => restore::run(&context, &arguments),
        Command::Undo(arguments) => undo::run(&context, &arguments, Direction::Undo),
        Command::Redo(arguments) => undo::run(&context, &arguments, Direction::Redo),
        Command::Branch(arguments) => branch::run(&context, &arguments),
        Command::Tag(arguments) => tag::run(&context, &arguments),
        Command::Untrack(arguments) => untrack::run(&context, &arguments),
        Command::Op(arguments) => op::run(&context, &arguments),
        Command::Config(arguments) => config::run(&context, &arguments),
        Command::Key(arguments) => key::run(&context, &arguments),
        Command::Trust(arguments) => trust::run(&context, &arguments),
        Command::Verify(arguments) => verify::run(&context, &arguments),
        Command::Fsck(arguments) => fsck::run(&context, &arguments),
        Command::BugReport(arguments) => bug_report::run(&context, &arguments),
        Command::Completions(arguments) => completions::run(&context, &arguments),
        Command::Man(arguments) => man::run(&context, &arguments),
        Command::Gc(arguments) => gc::run(&context, &arguments),
        Command::Repair(arguments) => repair::run(&context, &arguments),
        Command::Version(arguments) => version::run(&context, &arguments),
        Command::HoldStill(_) => hold_still::run(&context),
        Command::Add(arguments) => add::run(&arguments),
        Command::Switch(_) => git_words::switch(),
        Command::Reset(_) => git_words::reset(),
        Command::Stash(_) => git_words::stash(),
    });
    match result {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            error.print();
            ExitCode::from(code(&error))
        }
    }
}

fn code(error: &CliError) -> u8 {
    match error.kind {
        Kind::Usage => 2,
        Kind::Failure => 3,
        // What a shell shows for a program that SIGPIPE ended.
        Kind::ClosedPipe => 141,
        // The same for SIGINT.
        Kind::Interrupted => 130,
    }
}
