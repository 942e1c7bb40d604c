//! The project's own chores, run by `cargo xtask`.

mod bench;
mod bench_noisy;
mod bench_report;
mod bench_rows;
mod demo;
mod demo_system;
mod dist;
mod fixtures;
mod folder_compare;
mod fuzz;
mod machine;
mod process;
mod test;
mod vectors;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// What to do; each chore describes itself where its arguments are.
#[derive(Subcommand)]
enum Task {
    Bench(bench::Arguments),
    Demo(demo::Arguments),
    Dist(dist::Arguments),
    /// Make the repositories of tests/fixtures anew
    Fixtures,
    Fuzz(fuzz::Arguments),
    /// Run every test; what follows goes to `cargo test`
    #[command(trailing_var_arg = true)]
    Test {
        /// Arguments of `cargo test`
        #[arg(allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check the test vectors with the second reader and with the library
    Vectors,
}

/// A chore's failure, in words for whoever started it.
type Result<T = ()> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Dist(arguments) => dist::run(&arguments),
        Task::Fixtures => fixtures::run(),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Test { arguments } => test::run(&arguments),
        Task::Vectors => vectors::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the workspace").to_path_buf()
}
