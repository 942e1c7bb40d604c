//! `cargo xtask bench`: aisr beside other tools, and on inputs that are large in one way.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use clap::Subcommand;

use crate::bench_report::{self, LARGE, Large, Peers};
use crate::bench_rows::{Benchmark, HISTORY, Measured, SYSTEM, YEARS};
use crate::{Result, bench_noisy, machine, process, root};

/// Where the figures are kept.
const DOCUMENT: &str = "docs/benchmarks.md";

/// Time aisr beside other tools and write docs/benchmarks.md.
///
/// Needs Python 3.9 or later with numpy, bash, and ssh-keygen. Tools that are not installed are
/// left out. Run it on a quiet machine: all figures of a table come from one run.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// How large the corpus is: tiny, small, medium or large
    #[arg(long, default_value = "medium")]
    size: String,
    /// Comma-separated names; all known tools when left out
    #[arg(long)]
    tools: Option<String>,
    /// How many rounds; medians are reported
    #[arg(long, value_name = "N", default_value_t = 1)]
    runs: u32,
    #[command(flatten)]
    place: Place,
    /// Fail if a target is missed
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
struct Place {
    /// The folder to work in, on the disk to be measured [default: target/bench]
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Other {
    /// Commit a sparse file of 100 GB, 20 GB of random bytes, a million files, a live database
    Large(LargeArguments),
    /// Make ten thousand commits, ask for history, and copy repositories, beside git
    Years(YearsArguments),
    /// Count the tests of a bisection beside git's on random histories, and time a step of a long one
    Bisect(BisectArguments),
    /// Take a system on, show its graph, and tell differences by meaning, beside other tools
    System(SystemArguments),
    /// Simulate bisection by a test that passes only sometimes, beside git_bayesect
    Noisy(NoisyArguments),
    /// Ask a long history since when, and who, beside git
    History(HistoryArguments),
}

#[derive(clap::Args)]
struct NoisyArguments {
    /// How many simulations over 128 commits
    #[arg(long, value_name = "N", default_value_t = 500)]
    small: u32,
    /// How many simulations over 1,024 commits
    #[arg(long, value_name = "N", default_value_t = 150)]
    large: u32,
    /// The Python that has git_bayesect [default: python3]
    #[arg(long, value_name = "PATH", default_value = "python3", hide_default_value = true)]
    python: PathBuf,
}

#[derive(clap::Args)]
struct BisectArguments {
    /// How many histories
    #[arg(long, value_name = "N", default_value_t = 3000)]
    histories: u32,
}

#[derive(clap::Args)]
struct HistoryArguments {
    /// How many commits
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    commits: u32,
    /// How many small files each of them has
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    files: u32,
    /// How many rows the memory has; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 400_000)]
    rows: u32,
    /// How many versions one of its rows has
    #[arg(long, value_name = "N", default_value_t = 100)]
    versions: u32,
    /// How many commits the deep history has; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    deep: u32,
    #[command(flatten)]
    place: Place,
    /// Fail if a target is missed
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
struct SystemArguments {
    /// How large the corpus is: tiny, small, medium or large
    #[arg(long, default_value = "medium")]
    size: String,
    /// How many components the graph has
    #[arg(long, value_name = "N", default_value_t = 5000)]
    components: u32,
    /// How many edges the graph has
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    edges: u32,
    #[command(flatten)]
    place: Place,
    /// Fail if a target is missed
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
struct YearsArguments {
    /// How many commits
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    commits: u32,
    /// How many files each of them has
    #[arg(long, value_name = "N", default_value_t = 2000)]
    files: u32,
    /// How large the corpus is that is cloned: tiny, small, medium or large
    #[arg(long, default_value = "medium")]
    size: String,
    #[command(flatten)]
    place: Place,
    /// Fail if a target is missed
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
struct LargeArguments {
    /// Size of the sparse file in GB; 0 leaves it out
    #[arg(long, value_name = "GB", default_value_t = 100)]
    sparse: u32,
    /// Size of the file of random bytes in GB; 0 leaves it out
    #[arg(long, value_name = "GB", default_value_t = 20)]
    random: u32,
    /// Number of small files; 0 leaves them out
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    files: u32,
    /// Size of the live database in GB; 0 leaves it out
    #[arg(long, value_name = "GB", default_value_t = 20)]
    database: u32,
    /// Size of the database in rollback mode in GB; 0 leaves it out
    #[arg(long, value_name = "GB", default_value_t = 1)]
    rollback: u32,
    #[command(flatten)]
    place: Place,
}

/// Measures, prints and writes the document.
pub fn run(arguments: &Arguments) -> Result {
    if !matches!(arguments.other, Some(Other::Bisect(_))) {
        ensure_python()?;
    }
    match &arguments.other {
        Some(Other::Bisect(bisect)) => run_bisect(bisect),
        Some(Other::Large(large)) => run_large(large),
        Some(Other::Years(years)) => run_years(years),
        Some(Other::System(system)) => run_system(system),
        Some(Other::Noisy(noisy)) => run_noisy(noisy),
        Some(Other::History(history)) => run_history(history),
        None => run_peers(arguments),
    }
}

fn run_bisect(arguments: &BisectArguments) -> Result {
    let mut count = process::cargo();
    count.args(["test", "--release", "--test", "bisect_as_git", "--", "--nocapture"]);
    process::run(count.env("AISR_BISECT_HISTORIES", arguments.histories.to_string()))?;
    process::run(process::cargo().args(["bench", "--bench", "bisect"]))
}

fn run_peers(arguments: &Arguments) -> Result {
    let aisr = process::install_aisr()?;
    let work = arguments.place.folder()?;
    let report = work.join("peers.json");
    let mut script = script("peers.py", &aisr, &work, &report);
    script.args(["--size", &arguments.size, "--runs", &arguments.runs.to_string()]);
    if let Some(tools) = &arguments.tools {
        script.args(["--tools", tools]);
    }
    process::run(&mut script)?;
    let peers: Peers = read(&report)?;
    let targets = bench_report::targets(&peers);
    let command = typed(env::args().skip(1)).join(" ");
    let machine = machine::describe(&work)?;
    let text =
        bench_report::document(&format!("cargo xtask {command}"), &machine, &peers, &targets);
    let kept = |former: &str| {
        let headings =
            [SYSTEM.heading, HISTORY.heading, YEARS.heading, LARGE, bench_noisy::HEADING];
        let sections = headings.map(|heading| bench_report::section(former, heading));
        sections
            .iter()
            .filter(|section| !section.is_empty())
            .fold(text, |text, section| format!("{}\n\n{}\n", text.trim_end(), section.trim_end()))
    };
    write_document(kept)?;
    println!("\n{}", bench_report::target_table(&targets));
    let missed = targets.iter().filter(|target| target.met == Some(false)).count();
    if arguments.check && missed > 0 {
        return Err(format!("{missed} targets are missed"));
    }
    Ok(())
}

/// The words of the command line but for the folder to work in, which is the machine's own.
fn typed(mut words: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--work" => drop(words.next()),
            _ if word.starts_with("--work=") => {}
            _ => kept.push(word),
        }
    }
    kept
}

fn run_large(arguments: &LargeArguments) -> Result {
    let aisr = process::install_aisr()?;
    let work = arguments.place.folder()?;
    let report = work.join("large.json");
    let mut script = script("large.py", &aisr, &work, &report);
    script.args(["--sparse-gb", &arguments.sparse.to_string()]);
    script.args(["--random-gb", &arguments.random.to_string()]);
    script.args(["--files", &arguments.files.to_string()]);
    script.args(["--database-gb", &arguments.database.to_string()]);
    script.args(["--rollback-gb", &arguments.rollback.to_string()]);
    process::run(&mut script)?;
    let large: Large = read(&report)?;
    let section = bench_report::large(&machine::describe(&work)?, &large);
    write_document(|former| bench_report::with_section(former, LARGE, &section))
}

fn run_years(arguments: &YearsArguments) -> Result {
    let YearsArguments { commits, files, size, place, check } = arguments;
    let words = ["--commits", &commits.to_string(), "--files", &files.to_string(), "--size", size];
    let about = format!(
        "{commits} commits of {files} small files, each of one file, made by `aisr commit`, and the \
         same history in git. Times are medians; commands beside git's take turns with them, 101 \
         times. aisr is installed first (copied, as `cargo install` does). Clone, push and fetch: \
         the corpus of size {size}."
    );
    run_rows(&YEARS, &words, &about, place, *check)
}

fn run_system(arguments: &SystemArguments) -> Result {
    let SystemArguments { size, components, edges, place, check } = arguments;
    let (components, edges) = (components.to_string(), edges.to_string());
    let words = ["--components", &components, "--edges", &edges, "--size", size];
    let about = format!(
        "the corpus of size {size}, taken on and changed step by step, and a manifest of \
         {components} components and {edges} edges. Times are medians of whole processes."
    );
    run_rows(&SYSTEM, &words, &about, place, *check)
}

fn run_noisy(arguments: &NoisyArguments) -> Result {
    let NoisyArguments { small, large, python } = arguments;
    let command = format!("cargo xtask bench noisy --small {small} --large {large}");
    let machine = machine::describe(&root())?;
    let section = bench_noisy::section(&command, python, &machine, [*small, *large])?;
    println!("{section}");
    write_document(|former| bench_report::with_section(former, bench_noisy::HEADING, &section))
}

fn run_history(arguments: &HistoryArguments) -> Result {
    let HistoryArguments { commits, files, rows, versions, deep, place, check } = arguments;
    let generator = process::build_example("history")?;
    let generator = generator.display().to_string();
    let numbers = [commits, files, rows, versions, deep].map(ToString::to_string);
    let names = ["--commits", "--files", "--rows", "--versions", "--deep"];
    let mut words = vec!["--generator", &generator];
    words.extend(names.iter().zip(&numbers).flat_map(|(name, number)| [*name, number.as_str()]));
    let about = format!(
        "{commits} commits with merges over {files} files, 12 agents, and a memory of {rows} rows, \
         made through the library; the same history in git, without the memory. Times are medians \
         of whole processes."
    );
    run_rows(&HISTORY, &words, &about, place, *check)
}

/// Runs a benchmark of rows and writes its section.
fn run_rows(
    benchmark: &Benchmark,
    words: &[&str],
    about: &str,
    place: &Place,
    check: bool,
) -> Result {
    let aisr = process::install_aisr()?;
    let work = place.folder()?;
    let report = work.join(benchmark.script).with_extension("json");
    process::run(script(benchmark.script, &aisr, &work, &report).args(words))?;
    let measured: Measured = read(&report)?;
    let command = format!("cargo xtask {}", typed(env::args().skip(1)).join(" "));
    let about = format!("Written by `{command}`: {about}");
    let section = benchmark.section(&about, &machine::describe(&work)?, &measured);
    write_document(|former| bench_report::with_section(former, benchmark.heading, &section))?;
    let targets = benchmark.targets(&measured);
    println!("\n{}", bench_report::target_table(&targets));
    let missed = targets.iter().filter(|target| target.met == Some(false)).count();
    if check && missed > 0 {
        return Err(format!("{missed} targets are missed"));
    }
    Ok(())
}

impl Place {
    fn folder(&self) -> Result<PathBuf> {
        let folder = self.work.clone().unwrap_or_else(|| root().join("target/bench"));
        fs::create_dir_all(&folder)
            .map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        std::path::absolute(&folder).map_err(|e| format!("{}: {e}", folder.display()))
    }
}

fn script(name: &str, aisr: &Path, work: &Path, report: &Path) -> Command {
    let mut command = Command::new("python3");
    command.arg(root().join("xtask/bench").join(name));
    command.arg("--aisr").arg(aisr).arg("--work").arg(work).arg("--json").arg(report);
    command
}

fn ensure_python() -> Result {
    let has = |code: &str| {
        let mut python = Command::new("python3");
        python.args(["-c", code]).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    match has("import sys; sys.exit(sys.version_info < (3, 9))") {
        Err(e) => return Err(format!("cannot start python3, which the benchmarks need: {e}")),
        Ok(status) if !status.success() => return Err("python3 is older than 3.9".into()),
        Ok(_) => {}
    }
    match has("import numpy") {
        Ok(status) if status.success() => Ok(()),
        _ => Err("python3 has no numpy, which makes the corpus\n\
                  hint: python3 -m pip install numpy"
            .into()),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("{}: {e}", path.display()))
}

fn write_document(text: impl FnOnce(&str) -> String) -> Result {
    let path = root().join(DOCUMENT);
    let former = fs::read_to_string(&path).unwrap_or_default();
    fs::create_dir_all(root().join("docs"))
        .and_then(|()| fs::write(&path, text(&former)))
        .map_err(|e| format!("cannot write {DOCUMENT}: {e}"))?;
    println!("\n{DOCUMENT} is written.");
    Ok(())
}
