//! Benchmarks whose results are rows of two figures each: years of work, and the system's terms.

use serde::Deserialize;

use crate::bench_report::{Target, line, machine_table, target_table};

/// A benchmark of rows: how it is titled, and what is wanted of it.
pub struct Benchmark {
    /// The heading of its section.
    pub heading: &'static str,
    /// The program in `xtask/bench` that measures.
    pub script: &'static str,
    wanted: &'static [Wanted],
}

/// What is wanted of a row: in words, which one, whose figure beside it, and the greatest ratio.
type Wanted = (&'static str, &'static str, &'static str, f64);

/// What was measured.
#[derive(Deserialize)]
pub struct Measured {
    /// What git says of itself.
    git: String,
    rows: Vec<Row>,
}

/// What, aisr's figure, another's, the unit, and whose the other is.
#[derive(Deserialize)]
struct Row(String, f64, Option<f64>, String, String);

/// Ten thousand commits, and copies.
pub const YEARS: Benchmark = Benchmark {
    heading: "## Years\n",
    script: "years.py",
    wanted: &[
        ("Open and status: at most 1.2 × the first day's", "open and status", "", 1.2),
        ("`log -n 50`: at most `git log -50`", "log -n 50", "", 1.0),
        (
            "`log -- PATH`: at most 1/5 of git's without filters",
            "log -- PATH",
            "no commit-graph",
            0.2,
        ),
        ("`log -- PATH`: at most git's with filters", "log -- PATH", "changed-path filters", 1.0),
        (
            "Clone: at most 1.3 × `cp -r` and `sync` of the repository, and its content at 1 GB/s",
            "clone without files",
            "at 1 GB/s",
            1.0,
        ),
        ("Fetch, nothing new: at most git's", "fetch, nothing new", "", 1.0),
        ("`fsck`: at least 1 GB/s of content", "fsck of the corpus", "at 1 GB/s", 1.0),
        ("`gc` with nothing to do: at most 0.3 s", "gc, nothing to do", "wanted", 1.0),
        ("Push of one prompt: at most git's", "push of one prompt", "", 1.0),
    ],
};

/// Discovery, the graph, differences by meaning, queries.
pub const SYSTEM: Benchmark = Benchmark {
    heading: "## The system\n",
    script: "system.py",
    wanted: &[
        ("`init` with discovery: at most 0.5 s", "init with discovery", "wanted", 1.0),
        (
            "`diff` of 125 changed rows: at most 0.15 s",
            "diff of 125 changed rows, whole",
            "wanted",
            1.0,
        ),
        (
            "`diff` of 125 changed rows: at most 1/4 of `sqldiff`",
            "diff of 125 changed rows",
            "sqldiff",
            0.25,
        ),
        (
            "`diff` of 125 changed rows: at most 64 MiB",
            "diff of 125 changed rows, peak",
            "wanted",
            1.0,
        ),
        (
            "`diff` of two versions of a model: at most 1.5 × reading both",
            "diff of two versions of a model",
            "aisr cat",
            1.5,
        ),
        (
            "`diff --stat` of 5 % changed files: at most `git diff --stat`",
            "diff --stat of 5 %",
            "git",
            1.0,
        ),
        ("`sql` by key: at most 50 ms", "sql by key", "wanted", 1.0),
        (
            "An unchanged graph adds at most 20 ms to a commit",
            "what the unchanged graph adds",
            "wanted",
            1.0,
        ),
        ("`system` of it: at most 100 ms", "system, all of it", "wanted", 1.0),
    ],
};

/// Questions to a long history.
pub const HISTORY: Benchmark = Benchmark {
    heading: "## Since when, and who\n",
    script: "history.py",
    wanted: &[
        (
            "`when` on a component that changed a hundred times: at most 0.5 s",
            "when, on a component that changed 100 times: its content",
            "wanted",
            1.0,
        ),
        (
            "`log --component`: at most 1/5 of `git log -- PATH` without filters",
            "log --component",
            "no changed-path filters",
            0.2,
        ),
        (
            "`log --component`: at most `git log -- PATH` with filters",
            "log --component",
            ", changed-path filters",
            1.0,
        ),
        (
            "`grep` over all versions of all prompts: at most 1/5 of `git grep`",
            "grep over all versions",
            "git grep",
            0.2,
        ),
        ("`blame` of a prompt: at most `git blame`", "blame of a prompt", "git blame", 1.0),
        ("`blame` of one row: at most 0.5 s", "blame of one row", "wanted", 1.0),
        (
            "The choice of a step of `bisect`, 10,000 commits: at most 20 ms",
            "bisect, the choice of a step, 10,000 commits, whole",
            "wanted",
            1.0,
        ),
        (
            "The same, 100,000 commits: at most 200 ms",
            "bisect, the choice of a step, 100,000 commits, whole",
            "wanted",
            1.0,
        ),
        (
            "The same: at most git's",
            "bisect, the choice of a step, 100,000 commits",
            "git rev-list",
            1.0,
        ),
    ],
};

impl Benchmark {
    /// Every target, judged.
    pub fn targets(&self, measured: &Measured) -> Vec<Target> {
        let judge = |(what, row, whose, most): &Wanted| {
            let mut rows = measured.rows.iter();
            let found = rows.find(|found| found.0.starts_with(row) && found.4.contains(whose));
            let figures = found.and_then(|found| Some((found.1, found.2?, &found.3)));
            match figures {
                Some((mine, other, unit)) => Target {
                    what,
                    measured: format!("{:.2} ({mine:.2} {unit} : {other:.2} {unit})", mine / other),
                    met: Some(mine <= most * other),
                },
                None => Target { what, measured: "not measured".into(), met: None },
            }
        };
        self.wanted.iter().map(judge).collect()
    }

    /// The section, anew. `about` says what was measured, by which command.
    pub fn section(&self, about: &str, machine: &[(&str, String)], measured: &Measured) -> String {
        let mut out = String::from(self.heading);
        line(&mut out, &format!("\n{about} Beside it: {}.\n", measured.git));
        out.push_str(&machine_table(machine));
        out.push('\n');
        out.push_str(&target_table(&self.targets(measured)));
        line(&mut out, "\n| what | aisr | beside it | whose |\n|---|---|---|---|");
        for Row(what, mine, other, unit, whose) in &measured.rows {
            let other = other.map_or("–".into(), |other| format!("{other:.2} {unit}"));
            let whose = if whose.is_empty() { "–" } else { whose };
            line(&mut out, &format!("| {what} | {mine:.2} {unit} | {other} | {whose} |"));
        }
        out
    }
}
