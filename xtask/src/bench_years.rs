//! The benchmark of years as a section: figures and targets.

use serde::Deserialize;

use crate::bench_report::{Target, line, machine_table, target_table};

/// The heading of the section.
pub const YEARS: &str = "## Years\n";

/// What `years.py` measured.
#[derive(Deserialize)]
pub struct Years {
    commits: u32,
    files: u32,
    size: String,
    git: String,
    rows: Vec<Row>,
}

/// What, aisr's figure, another's, the unit, and whose the other is.
#[derive(Deserialize)]
struct Row(String, f64, Option<f64>, String, String);

/// What is wanted of a row: which one, whose figure beside it, and the greatest ratio.
const TARGETS: [(&str, &str, &str, f64); 9] = [
    ("Open and status: at most 1.2 × the first day's", "open and status", "", 1.2),
    ("`log -n 50`: at most `git log -50`", "log -n 50", "", 1.0),
    ("`log -- PATH`: at most 1/5 of git's without filters", "log -- PATH", "no commit-graph", 0.2),
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
];

/// Every target, judged.
pub fn targets(years: &Years) -> Vec<Target> {
    let judge = |(what, row, whose, most): (&'static str, &str, &str, f64)| {
        let mut rows = years.rows.iter();
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
    TARGETS.into_iter().map(judge).collect()
}

/// The section, anew.
pub fn section(command: &str, machine: &[(&str, String)], years: &Years) -> String {
    let mut out = String::from(YEARS);
    let Years { commits, files, size, git, rows } = years;
    let text = format!(
        "\nWritten by `{command}`: {commits} commits of {files} small files, each of one file, made by \
         `aisr commit`, and the same history in git ({git}). Times are medians. Clone, push and \
         fetch: the corpus of size {size}.\n"
    );
    line(&mut out, &text);
    out.push_str(&machine_table(machine));
    out.push('\n');
    out.push_str(&target_table(&targets(years)));
    line(&mut out, "\n| what | aisr | beside it | whose |\n|---|---|---|---|");
    for Row(what, mine, other, unit, whose) in rows {
        let other = other.map_or("–".into(), |other| format!("{other:.2} {unit}"));
        let whose = if whose.is_empty() { "–" } else { whose };
        line(&mut out, &format!("| {what} | {mine:.2} {unit} | {other} | {whose} |"));
    }
    out
}
