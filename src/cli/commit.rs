//! `aisr commit`: captures the folder and signs what it is.

use std::ffi::OsString;
use std::io::Write;

use aisr::capture::secrets::AllowedSecrets;
use aisr::history::add_to_commit_graph;
use aisr::object::{BlobId, CommitId, Level};
use aisr::repo::{Identity, Repository};
use aisr::system::{Manifest, Severity, check_names};
use aisr::trust::Standing;
use aisr::worktree::{
    CommitOptions, CommitOutcome, CommitReport, Quiesce, ReadManifest, TreeSystem, Warning,
    WorktreeError, amend, commit,
};

use super::Answer;
use super::capture_commands::CaptureCommands;
use super::context::{Context, MakeKey};
use super::editor::{clean, write_message};
use super::error::CliError;
use super::output::{
    CommitView, Escaped, Ids, Output, Paging, WARNING, clock, draw_commit_stat, draw_made,
    draw_narrowed, draw_system_changes, plural, seconds, size, warn, warn_of_finding,
    warn_of_folder,
};
use super::pathspec::repo_paths;
use super::permission::commands_around;
use super::surroundings::surroundings;

/// Capture the folder, or some paths of it, and sign what it is.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  aisr commit -m "Answer in the language of the request"
  aisr commit -m "New prompt" prompts/triage.md
  aisr commit --amend
  aisr commit -v -m "Nightly"  (and how much changed in each file)
  aisr commit -m "Nightly" --acting-for desk-bot"#)]
pub struct Arguments {
    /// What to say of it; each further one is a paragraph. Without any, an editor opens.
    #[arg(short, long = "message", value_name = "MESSAGE")]
    messages: Vec<String>,
    /// Who made the change, if not you: a claim.
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// In whose place you commit: a claim; may be given more than once.
    #[arg(long, value_name = "NAME")]
    acting_for: Vec<String>,
    /// Commit even if nothing changed.
    #[arg(long)]
    allow_empty: bool,
    /// Take the place of the last commit, and keep its message unless there is -m.
    #[arg(long)]
    amend: bool,
    /// Files or folders: only these are captured, all else stays as HEAD has it.
    #[arg(value_name = "PATH")]
    paths: Vec<OsString>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let names = arguments.author.iter().chain(&arguments.acting_for);
    if names.into_iter().any(|name| name.trim().is_empty()) {
        return Err(CliError::usage("a name is empty"));
    }
    let repo = context.working_repository()?;
    let paths = repo_paths(context, &repo, &arguments.paths)?;
    let (manifest, text) = Manifest::load_text(context.disk(), repo.root())?;
    let read = ReadManifest { manifest, id: BlobId::of(text.unwrap_or_default().as_bytes()) };
    let manifest = &read.manifest;
    if paths.is_empty() {
        ensure_names(manifest)?;
    }
    let message = match &arguments.messages[..] {
        [] if arguments.amend => None,
        [] => Some(write_message(
            context.disk(),
            &repo.folder().join("local/COMMIT_EDITMSG"),
            &template(&repo)?,
        )?),
        given => Some(clean(given.join("\n\n").lines())),
    };
    if message.as_ref().is_some_and(String::is_empty) {
        if !context.quiet {
            anstream::eprintln!("Nothing is committed: the message is empty.");
        }
        return Ok(Answer::No);
    }
    let identity = context.identity(MakeKey::Never)?;
    let asked = manifest.capture.as_ref();
    let commands = asked.map(|asked| commands_around(context, &repo, asked)).transpose()?.flatten();
    let progress = context.progress("Capturing");
    let allowed = AllowedSecrets::load(&surroundings()?.config_dir)?;
    let options = CommitOptions {
        manifest: Some(&read),
        identity: &identity,
        message,
        author: arguments.author.clone(),
        acting_for: arguments.acting_for.clone(),
        allow_empty: arguments.allow_empty,
        paths: &paths,
        level: Level::Snapshot,
        allowed_secrets: allowed.fingerprints(),
        quiesce: commands.as_ref().map(|commands| commands as &dyn Quiesce),
        threads: context.threads(),
        progress: &progress,
    };
    let outcome = match arguments.amend {
        true => amend(&repo, &options),
        false => commit(&repo, &options),
    };
    progress.finish();
    commands.iter().for_each(CaptureCommands::warn);
    let outcome = outcome?;
    let mut out = context.output(Paging::Off);
    let answer = match outcome {
        CommitOutcome::Made(report) => {
            add_to_commit_graph(&repo, report.id);
            if !context.quiet {
                draw(context, &repo, &identity, &report, &mut out)?;
                if context.verbose {
                    let parent = report.commit.parents.first().copied();
                    draw_commit_stat(context, &repo, parent, report.id, &mut out)?;
                }
                if let Some(commands) = &commands {
                    let held = seconds(commands.held());
                    writeln!(out, "  writers  held still for {held}")?;
                }
            }
            report.warnings.iter().for_each(warn);
            report.system.findings.iter().for_each(warn_of_finding);
            Answer::Yes
        }
        CommitOutcome::Nothing { head, warnings } => {
            if !context.quiet {
                let unread = |warning: &Warning| warning.is_skip() && warning.is_passing();
                let what = match paths.is_empty() {
                    _ if warnings.iter().any(unread) => "what could be read",
                    true => "the folder",
                    false => "these paths",
                };
                draw_nothing(context, &repo, head, what, &mut out)?;
            }
            warn_of_folder(&warnings, context.verbose);
            Answer::No
        }
    };
    out.finish()?;
    context.tend(&repo);
    Ok(answer)
}

/// Refuses what needs no look at the folder, before anything else is asked or read.
fn ensure_names(manifest: &Manifest) -> Result<(), CliError> {
    let mut findings = check_names(&manifest.components);
    findings.retain(|finding| finding.severity() == Severity::Error);
    match findings.is_empty() {
        true => Ok(()),
        false => Err(WorktreeError::System { findings }.into()),
    }
}

fn template(repo: &Repository) -> Result<String, CliError> {
    let on = match &repo.log()?.refs().head {
        aisr::log::Head::Branch(name) => format!("on {}", name.short()),
        aisr::log::Head::Detached(_) => "on no branch".into(),
    };
    Ok(format!(
        "\n# What is this state, and why? Lines that start with # do not count,\n\
         # and an empty message commits nothing.\n#\n# Committing {on}, {}\n",
        repo.root().display()
    ))
}

fn draw(
    context: &Context,
    repo: &Repository,
    identity: &Identity,
    report: &CommitReport,
    out: &mut Output,
) -> Result<(), CliError> {
    let id = Ids::new(repo, context.verbose).show(report.id.id());
    draw_made(out, report.branch.as_ref(), &id, CommitView::subject(&report.commit))?;
    draw_narrowed(&report.system.narrowed, out)?;
    let capture = report.commit.report.as_ref();
    let level = capture.map(|capture| {
        let at = clock(capture.window.1, report.commit.committed.zone);
        format!(" · {} at {at}", capture.level.name())
    });
    writeln!(
        out,
        "  captured {} in {}, {} stored, {}{}",
        size(report.bytes),
        plural(report.files, "file", "files"),
        size(report.stored),
        seconds(report.seconds),
        level.unwrap_or_default()
    )?;
    draw_system(&report.system, out)?;
    if report.unscanned > 0 {
        let files = plural(report.unscanned, "file", "files");
        writeln!(out, "  secrets  not looked for in {files} (not UTF-8, or above 4 MiB)")?;
    }
    if report.lock_held > 0.0 {
        writeln!(out, "  databases were held for up to {}", seconds(report.lock_held))?;
    }
    let author = report.commit.author.as_deref();
    let author = author.map(|name| format!(", author {} (claimed)", Escaped(name.as_bytes())));
    let unknown = match repo.trust().standing(&report.commit.committer.key) {
        Standing::Principal(_) => String::new(),
        Standing::Retired { .. } => format!(" {WARNING}(a key that was retired here){WARNING:#}"),
        Standing::Unknown => {
            format!(" {WARNING}(a key that this repository does not know){WARNING:#}")
        }
    };
    let name = Escaped(identity.name.as_bytes());
    writeln!(out, "  signed   {name}{unknown}{}", author.unwrap_or_default())?;
    Ok(())
}

/// So many components and edges that changed are listed.
const MOST_CHANGES: usize = 20;

/// What the system is, and what changed of it.
fn draw_system(system: &TreeSystem, out: &mut Output) -> Result<(), CliError> {
    let changes = &system.changes;
    if changes.is_empty() {
        return Ok(());
    }
    let components = plural(system.components, "component", "components");
    let edges = plural(system.edges, "relation", "relations");
    let new = changes.components.iter().filter(|change| change.before.is_none()).count() as u64;
    let new_edges = changes.edges.iter().filter(|change| change.before.is_none()).count() as u64;
    let is_first = new == system.components
        && new == changes.components.len() as u64
        && new_edges == system.edges;
    if is_first {
        return Ok(writeln!(out, "  system   {components}, {edges}, all new")?);
    }
    let mut parts = Vec::new();
    if !changes.components.is_empty() {
        parts.push(plural(changes.components.len() as u64, "component", "components"));
    }
    if !changes.edges.is_empty() {
        parts.push(plural(changes.edges.len() as u64, "relation", "relations"));
    }
    writeln!(out, "  system   {} changed, of {components}, {edges}", parts.join(" and "))?;
    Ok(draw_system_changes(changes, MOST_CHANGES, out)?)
}

fn draw_nothing(
    context: &Context,
    repo: &Repository,
    head: CommitId,
    what: &str,
    out: &mut Output,
) -> Result<(), CliError> {
    let id = Ids::new(repo, context.verbose).show(head.id());
    let subject = repo.commit(head)?;
    let subject = Escaped(CommitView::subject(&subject.commit).as_bytes()).to_string();
    Ok(writeln!(out, "Nothing to commit: {id} holds the very state of {what} ({subject}).")?)
}
