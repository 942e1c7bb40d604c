//! The benchmarks as a document: figures, commands, targets.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde::Deserialize;

/// The heading of the section on large inputs.
pub const LARGE: &str = "## Large inputs\n";
const FIRST: &str = "first commit";
const NOTHING: &str = "commit, nothing new";
const PROMPT: &str = "commit one prompt";
const STATUS: &str = "status, nothing new";
const TOOLS: &str = "commit one tool list";
const ROWS: &str = "commit 125 memory rows";
const CHURN: &str = "commit 5 % of files";
const RENAME: &str = "commit a rename";
/// Back and forth over one prompt.
const OVER_PROMPT: [&str; 2] = ["checkout before the prompt", "checkout after the prompt"];
/// Back and forth over a model of which every weight changed.
const OVER_MODEL: [&str; 2] = ["checkout before the fine-tune", "checkout after the fine-tune"];
const RESTORE: &str = "restore elsewhere";
const OPERATIONS: [&str; 16] = [
    FIRST,
    STATUS,
    NOTHING,
    PROMPT,
    OVER_PROMPT[0],
    OVER_PROMPT[1],
    TOOLS,
    ROWS,
    "commit 50 jsonl lines",
    CHURN,
    RENAME,
    "commit a fine-tune",
    OVER_MODEL[0],
    OVER_MODEL[1],
    RESTORE,
    "gc",
];
const COLUMNS: [&str; 9] =
    ["aisr", "git", "git-lfs", "annex", "dvc", "oxen", "restic", "borg", "casync"];

/// What `peers.py` measured.
#[derive(Deserialize)]
pub struct Peers {
    size: String,
    seed: u64,
    runs: u32,
    corpus: String,
    /// Seconds of `cp -r` and `sync`, once before each tool's turn.
    cp: Vec<f64>,
    /// The same of the one model that the fine-tune changes.
    cp_model: Vec<f64>,
    missing: Vec<String>,
    tools: HashMap<String, Tool>,
}

#[derive(Deserialize)]
struct Tool {
    version: String,
    /// Seconds that the program takes to print its version.
    start: Option<f64>,
    commands: BTreeMap<String, String>,
    /// None where the operation failed.
    operations: HashMap<String, Option<Cost>>,
}

/// Wall s, CPU s, peak memory in MiB, repository's size in MiB.
#[derive(Deserialize, Clone, Copy)]
struct Cost(f64, f64, f64, f64);

/// What `large.py` measured.
#[derive(Deserialize)]
pub struct Large {
    rows: Vec<LargeRow>,
    left_out: Vec<String>,
}

#[derive(Deserialize)]
struct LargeRow {
    input: String,
    operation: String,
    wall: f64,
    cpu: f64,
    peak: f64,
    repository: f64,
    /// Seconds for which a database was kept from its writers or its checkpoints.
    held: Option<f64>,
}

/// What the project wants to reach, and whether it does.
pub struct Target {
    pub what: &'static str,
    pub measured: String,
    /// None if there was nothing to compare with.
    pub met: Option<bool>,
}

impl Peers {
    fn cost(&self, tool: &str, operation: &str) -> Option<Cost> {
        *self.tools.get(tool)?.operations.get(operation)?
    }

    fn wall(&self, tool: &str, operation: &str) -> Option<f64> {
        self.cost(tool, operation).map(|cost| cost.0)
    }

    /// The least of `figure` over all peers, and whose it is. A tool that did not bring back what
    /// it took is none, however quick it was.
    fn least(&self, figure: impl Fn(&str) -> Option<f64>) -> Option<(&str, f64)> {
        let restores = |name: &str| self.cost(name, RESTORE).is_some();
        let peers = self.tools.keys().filter(|name| *name != "aisr" && restores(name));
        let figures = peers.filter_map(|name| Some((name.as_str(), figure(name)?)));
        figures.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Wall s of going back and forth together.
    fn both(&self, tool: &str, operations: [&str; 2]) -> Option<f64> {
        let [back, forth] = operations.map(|operation| self.wall(tool, operation));
        Some(back? + forth?)
    }
}

fn median(walls: &[f64]) -> Option<f64> {
    let mut walls = walls.to_vec();
    walls.sort_by(f64::total_cmp);
    let half = walls.len() / 2;
    match walls.len() {
        0 => None,
        len if len % 2 == 1 => Some(walls[half]),
        _ => Some((walls[half - 1] + walls[half]) / 2.0),
    }
}

/// Every target, judged.
pub fn targets(peers: &Peers) -> Vec<Target> {
    let mine = |operation| peers.wall("aisr", operation);
    let size = |tool: &str| peers.cost(tool, FIRST).map(|cost| cost.3);
    let cp = median(&peers.cp);
    let grown = peers.cost("aisr", ROWS).zip(peers.cost("aisr", TOOLS)).map(|(a, b)| a.3 - b.3);
    let fastest = |what, operation| {
        let peer = peers.least(|name| peers.wall(name, operation));
        ratio(what, mine(operation), peer.map(|(_, wall)| wall), 1.0, "s").against(peer)
    };
    let smallest = peers.least(size);
    let peak = peers
        .tools
        .get("aisr")
        .map(|tool| tool.operations.values().flatten().map(|cost| cost.2).fold(0.0, f64::max));
    let start = peers.tools.get("aisr").and_then(|tool| tool.start);
    vec![
        ratio("First commit: at most 1.0 × `cp -r` + `sync`", mine(FIRST), cp, 1.0, "s"),
        fastest("First commit: faster than every peer", FIRST),
        ratio(
            "Commit with nothing new: at most `git add` and `git commit`",
            mine(NOTHING),
            peers.wall("git", NOTHING),
            1.0,
            "s",
        ),
        ratio(
            "Commit of one prompt: at most git's",
            mine(PROMPT),
            peers.wall("git", PROMPT),
            1.0,
            "s",
        ),
        ratio(
            "Checkout into a new folder, durable: at most 0.6 × `restic restore`",
            mine(RESTORE),
            peers.wall("restic", RESTORE),
            0.6,
            "s",
        ),
        ratio(
            "Checkout into a new folder, durable: at most 1.3 × `cp -r` + `sync`",
            mine(RESTORE),
            cp,
            1.3,
            "s",
        ),
        ratio(
            "Repository after the first commit: at most 0.9 × the smallest peer's",
            size("aisr"),
            smallest.map(|(_, size)| size),
            0.9,
            "MiB",
        )
        .against(smallest),
        ratio(
            "Status with nothing new: at most 0.9 × `git status` with its untracked cache",
            mine(STATUS),
            peers.wall("git", STATUS),
            0.9,
            "s",
        ),
        ratio(
            "Commit of 125 rows of a 250 MB database: at most 1/3 of restic's",
            mine(ROWS),
            peers.wall("restic", ROWS),
            1.0 / 3.0,
            "s",
        ),
        limit("Growth by those 125 rows: at most 1.2 MiB", grown, 1.2, "MiB"),
        fastest("Commit of 5 % of the files: at most every peer's", CHURN),
        fastest("Commit of a rename: at most every peer's", RENAME),
        ratio(
            "Checkout back and forth over a changed model: at most git-lfs's",
            peers.both("aisr", OVER_MODEL),
            peers.both("git-lfs", OVER_MODEL),
            1.0,
            "s",
        ),
        ratio(
            "Checkout back and forth over a changed model: at most DVC's",
            peers.both("aisr", OVER_MODEL),
            peers.both("dvc", OVER_MODEL),
            1.0,
            "s",
        ),
        ratio(
            "Checkout back and forth over a changed model: at most 1.3 × `cp` + `sync` of it, twice",
            peers.both("aisr", OVER_MODEL),
            median(&peers.cp_model).map(|cp| 2.0 * cp),
            1.3,
            "s",
        ),
        ratio(
            "Checkout back and forth over one prompt: at most `git checkout`'s",
            peers.both("aisr", OVER_PROMPT),
            peers.both("git", OVER_PROMPT),
            1.0,
            "s",
        ),
        limit("Peak memory of any operation: at most 150 MiB", peak, 150.0, "MiB"),
        limit("`aisr version`: at most 5 ms", start.map(|s| s * 1000.0), 5.0, "ms"),
    ]
}

fn ratio(
    what: &'static str,
    mine: Option<f64>,
    other: Option<f64>,
    most: f64,
    unit: &str,
) -> Target {
    let (Some(mine), Some(other)) = (mine, other) else { return unmeasured(what) };
    let measured = format!("{:.2} ({mine:.2} {unit} : {other:.2} {unit})", mine / other);
    Target { what, measured, met: Some(mine <= most * other) }
}

fn limit(what: &'static str, mine: Option<f64>, most: f64, unit: &str) -> Target {
    let Some(mine) = mine else { return unmeasured(what) };
    Target { what, measured: format!("{mine:.1} {unit}"), met: Some(mine <= most) }
}

fn unmeasured(what: &'static str) -> Target {
    Target { what, measured: "not measured".into(), met: None }
}

impl Target {
    /// Names the peer that the figure is compared with.
    fn against(mut self, peer: Option<(&str, f64)>) -> Self {
        if let (Some((name, _)), Some(_)) = (peer, self.met) {
            self.measured = format!("{}, {name}", self.measured);
        }
        self
    }
}

/// The targets as a table.
pub fn target_table(targets: &[Target]) -> String {
    let mut out = String::from("| target | measured | |\n|---|---|---|\n");
    for Target { what, measured, met } in targets {
        let verdict = match met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "–",
        };
        line(&mut out, &format!("| {what} | {measured} | {verdict} |"));
    }
    out
}

/// The document but for the sections on large inputs and on years.
pub fn document(
    command: &str,
    machine: &[(&str, String)],
    peers: &Peers,
    targets: &[Target],
) -> String {
    let mut out = String::from("# Benchmarks\n\n");
    line(
        &mut out,
        &format!(
            "Written by `{command}`, which anybody can run again. All figures come from one run on one \
         machine: read ratios, not seconds.\n"
        ),
    );
    out.push_str(&machine_table(machine));
    line(&mut out, "\n## Targets\n");
    out.push_str(&target_table(targets));
    line(&mut out, "\n## Figures\n");
    line(
        &mut out,
        &format!(
            "Corpus: `xtask/bench/make_corpus.py`, size {}, seed {}: {}.\n",
            peers.size, peers.seed, peers.corpus
        ),
    );
    line(
        &mut out,
        &format!(
            "Wall s / CPU s / peak MiB of the largest process / repository MiB afterwards; {}. What \
         writes is timed until `sync` returns. A dash: the tool has no such command. The peak of a \
         process that needs less than the 16 MiB of the program that starts it shows as that.\n",
            if peers.runs == 1 {
                "one round".into()
            } else {
                format!("medians of {} rounds", peers.runs)
            }
        ),
    );
    let least = peers.cp.iter().copied().fold(f64::INFINITY, f64::min);
    let most = peers.cp.iter().copied().fold(0.0, f64::max);
    line(
        &mut out,
        &format!(
            "`cp -r` of the folder and `sync`, once before each tool's turn: median {:.2} s of {} \
         ({least:.2} to {most:.2} s).\n",
            median(&peers.cp).unwrap_or_default(),
            peers.cp.len()
        ),
    );
    out.push_str(&figures(peers));
    line(&mut out, "\n## Tools and commands\n");
    if !peers.missing.is_empty() {
        line(&mut out, &format!("Not installed, left out: {}.\n", peers.missing.join(", ")));
    }
    out.push_str(&commands(peers));
    out
}

/// The machine as a table.
pub fn machine_table(machine: &[(&str, String)]) -> String {
    let mut out = String::from("| machine | |\n|---|---|\n");
    machine.iter().for_each(|(name, value)| line(&mut out, &format!("| {name} | {value} |")));
    out
}

fn columns(peers: &Peers) -> impl Iterator<Item = (&'static str, &Tool)> {
    COLUMNS.into_iter().filter_map(|name| Some((name, peers.tools.get(name)?)))
}

fn figures(peers: &Peers) -> String {
    let names: Vec<_> = columns(peers).map(|(name, _)| name).collect();
    let mut out = format!("| operation | {} |\n", names.join(" | "));
    line(&mut out, &"|---".repeat(names.len() + 1).chars().chain(['|']).collect::<String>());
    for operation in OPERATIONS {
        let cells: Vec<_> = columns(peers)
            .map(|(_, tool)| match tool.operations.get(operation) {
                None => "–".into(),
                Some(None) => "failed".into(),
                Some(Some(Cost(wall, cpu, peak, size))) => {
                    format!("{wall:.2} / {cpu:.2} / {peak:.0} / {size:.1}")
                }
            })
            .collect();
        if cells.iter().any(|cell| cell != "–") {
            line(&mut out, &format!("| {operation} | {} |", cells.join(" | ")));
        }
    }
    let starts: Vec<_> = columns(peers)
        .map(|(_, tool)| tool.start.map_or("–".into(), |s| format!("{:.1} ms", s * 1000.0)))
        .collect();
    line(&mut out, &format!("| print its version (median of 11) | {} |", starts.join(" | ")));
    out
}

fn commands(peers: &Peers) -> String {
    let mut out = String::new();
    for (name, tool) in columns(peers) {
        line(&mut out, &format!("**{name}**: {}\n", tool.version));
        line(&mut out, "```sh");
        for step in ["set up", FIRST, STATUS, NOTHING, OVER_MODEL[0], OVER_MODEL[1], RESTORE] {
            if let Some(command) = tool.commands.get(step) {
                line(&mut out, &format!("{command}  # {step}"));
            }
        }
        line(&mut out, "```\n");
    }
    out
}

/// The section on large inputs, anew.
pub fn large(machine: &[(&str, String)], large: &Large) -> String {
    let mut out = String::from(LARGE);
    line(&mut out, "\nWritten by `cargo xtask bench large`; timed until `sync` returns.\n");
    out.push_str(&machine_table(machine));
    let columns = "input | operation | wall s | CPU s | peak MiB | repository MiB | locks held s";
    line(&mut out, &format!("\n| {columns} |"));
    line(&mut out, "|---|---|---|---|---|---|---|");
    for LargeRow { input, operation, wall, cpu, peak, repository, held } in &large.rows {
        let held = held.map_or("–".into(), |held| format!("{held:.2}"));
        let figures = format!("{wall:.1} | {cpu:.1} | {peak:.0} | {repository:.1} | {held}");
        line(&mut out, &format!("| {input} | {operation} | {figures} |"));
    }
    if !large.left_out.is_empty() {
        line(&mut out, &format!("\nNo room on the disk for: {}.", large.left_out.join(", ")));
    }
    out
}

/// The section under `heading` as it stands in a document; empty if there is none.
pub fn section<'d>(document: &'d str, heading: &str) -> &'d str {
    let Some(at) = document.find(heading) else { return "" };
    let rest = &document[at..];
    let end = rest[heading.len()..].find("\n## ").map_or(rest.len(), |end| heading.len() + end + 1);
    &rest[..end]
}

/// The document with this section in the place of the one under its heading, or at its end.
pub fn with_section(document: &str, heading: &str, new: &str) -> String {
    let old = section(document, heading);
    let at = document.find(heading).unwrap_or(document.len());
    let parts = [&document[..at], new, &document[at + old.len()..]];
    let parts = parts.map(str::trim_end).into_iter().filter(|part| !part.is_empty());
    parts.map(|part| part.trim_start_matches('\n')).collect::<Vec<_>>().join("\n\n") + "\n"
}

/// Adds a line.
pub fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a string takes everything");
}
