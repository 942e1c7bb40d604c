//! `aisr bisect`: finds the commit that brought something by testing few of them.

mod begin;
mod folder;
mod job;
mod log;
mod noisy;
mod outcome;
mod plan;
mod pool;
mod replay;
mod reset;
mod run;
mod say;
mod scratch;
mod terms;
mod view;

use std::ffi::OsString;

use aisr::history::bisect::Verdict;

use super::Answer;
use super::context::Context;
use super::error::CliError;

/// Find the commit that brought something, by testing few of them.
///
/// Name a commit that is bad and one that is good; half of what lies between is left after each
/// test. What is tested next depends on the graph of the commits alone, never on their clocks.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr bisect start main v1.0
  aisr bisect good
  aisr bisect start --no-checkout --component memory:store main v1.0
  aisr bisect run --need agent:triage -- python evals/refunds.py
  aisr bisect reset")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Start(begin::Arguments),
    /// Say that commits do not have what is looked for.
    #[command(alias = "old")]
    Good(say::Arguments),
    /// Say that a commit has what is looked for.
    #[command(alias = "new")]
    Bad(say::Arguments),
    /// Say that commits cannot be tested; A..B skips all commits behind B that are not behind A.
    Skip(say::Arguments),
    /// Show what to test next, and check it out.
    Next(NextArguments),
    Run(run::Arguments),
    /// Print what was said, as a script that `replay` reads.
    Log(log::Arguments),
    Replay(replay::Arguments),
    #[command(alias = "visualize")]
    View(view::Arguments),
    Reset(reset::Arguments),
    /// Show what good and bad are called.
    Terms(terms::Arguments),
    /// The words that --term-old and --term-new name.
    #[command(external_subcommand)]
    Own(Vec<OsString>),
}

#[derive(clap::Args)]
struct NextArguments {}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    match &arguments.what {
        What::Start(arguments) => begin::run(context, arguments),
        What::Good(arguments) => say::run(context, Verdict::Good, arguments),
        What::Bad(arguments) => say::run(context, Verdict::Bad, arguments),
        What::Skip(arguments) => say::run(context, Verdict::Skip, arguments),
        What::Next(NextArguments {}) => folder::next(context),
        What::Run(arguments) => run::run(context, arguments),
        What::Log(arguments) => log::run(context, arguments),
        What::Replay(arguments) => replay::run(context, arguments),
        What::View(arguments) => view::run(context, arguments),
        What::Reset(arguments) => reset::run(context, arguments),
        What::Terms(arguments) => terms::run(context, arguments),
        What::Own(words) => say::own_word(context, words),
    }
}
