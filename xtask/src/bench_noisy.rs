//! `cargo xtask bench noisy`: bisection by a test that passes only sometimes, simulated.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::bench_report::{line, machine_table};
use crate::process::{self, cargo};
use crate::{Result, root};

/// The heading of its section.
pub const HEADING: &str = "## Noisy bisection\n";

/// How often one method named the right commit.
#[derive(Deserialize)]
struct Row {
    who: String,
    /// How often the test passes before and after.
    rates: [f64; 2],
    /// How many simulations were right after 50, 100 and 300 runs.
    right: [u32; 3],
    /// The slowest choice of a run, in ms.
    slowest: f64,
}

/// Simulates and gives the section.
pub fn section(
    command: &str,
    python: &Path,
    machine: &[(&str, String)],
    simulations: [u32; 2],
) -> Result<String> {
    let mut out = String::from(HEADING);
    let [small, large] = simulations;
    line(
        &mut out,
        &format!(
            "\nWritten by `{command}`. A linear history, one commit of which, drawn evenly, lets \
             the test pass less often; how often the commit that is held likeliest after so many \
             runs is the right one. {small} simulations over 128 commits, {large} over 1,024: \
             differences below {:.0} and {:.0} points are noise. `git bisect` believes each test and is \
             done after 7 or 10 runs. `git_bayesect` is its own class with its own defaults, and \
             with Beta(1, 1). See `docs/noisy-bisect.md`.\n",
            noise(small),
            noise(large)
        ),
    );
    out.push_str(&machine_table(machine));
    line(
        &mut out,
        "\n| commits | passes before / after | | 50 runs | 100 runs | 300 runs | slowest choice |",
    );
    line(&mut out, "|---|---|---|---|---|---|---|");
    for (commits, count) in [(128, small), (1024, large)] {
        for row in simulate(python, commits, count)? {
            let [before, after] = row.rates.map(|rate| rate * 100.0);
            let [few, more, many] = row
                .right
                .map(|right| format!("{:.1} %", f64::from(right) * 100.0 / f64::from(count)));
            let slowest = match row.slowest {
                0.0 => "–".into(),
                ms => format!("{ms:.1} ms"),
            };
            let what = format!("{commits} | {before:.0} / {after:.0} | {}", row.who);
            line(&mut out, &format!("| {what} | {few} | {more} | {many} | {slowest} |"));
        }
    }
    Ok(out)
}

/// Twice the greatest standard error of the difference of two rates, in points.
fn noise(simulations: u32) -> f64 {
    200.0 * (0.5 / f64::from(simulations)).sqrt()
}

fn simulate(python: &Path, commits: u32, count: u32) -> Result<Vec<Row>> {
    let words = [commits.to_string(), count.to_string()];
    let mut ours = cargo();
    ours.args(["run", "--quiet", "--release", "--package", "aisr", "--example", "noisy", "--"]);
    let mut theirs = Command::new(python);
    theirs.arg(root().join("xtask/bench/noisy.py"));
    let mut rows: Vec<Row> = Vec::new();
    for mut command in [ours, theirs] {
        let text = process::output(command.args(&words))?;
        for line in text.lines() {
            rows.push(serde_json::from_str(line).map_err(|e| format!("{line}: {e}"))?);
        }
    }
    rows.sort_by(|a, b| b.rates[0].total_cmp(&a.rates[0]));
    Ok(rows)
}
