//! `aisr log`: commits, newest first.

mod batches;
mod format;
mod graph;
mod range;

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write;

use aisr::history::blame::RowChange;
use aisr::history::commit_graph::CommitGraph;
use aisr::history::{CommitWalk, ContentSearch, Every, Range, Sought, follow};
use aisr::object::{Id, RepoPath};
use aisr::repo::{Repository, StoredCommit};

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{
    CommitView, Escaped, Ids, JsonList, Judged, Names, Output, Paging, draw_system_changes,
};

use batches::{Batch, Batches, Detail, Filter, Item};
use format::Format;
use graph::GraphLog;

/// Show commits, newest first.
///
/// With paths, only those that changed one of them: a file, or a folder with all that is in it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr log
  aisr log --oneline --graph -n 20 main
  aisr log v1..main --json
  aisr log --component agent:triage
  aisr log -S \"ignore previous\" -- prompts tools
  aisr log --row memory:store,memories,777
  aisr log --format '%h %cs %(signer) for %(for): %s'")]
pub struct Arguments {
    /// Where to begin, or A..B: the commits behind B that are not behind A; ^A leaves out what is
    /// behind A. Paths may follow.
    #[arg(value_name = "REV|A..B|PATH")]
    targets: Vec<OsString>,
    /// Only commits that changed one of these paths, which may be gone.
    #[arg(last = true, value_name = "PATHS")]
    paths: Vec<OsString>,
    /// Only commits that changed this component, and what each did; former names are followed.
    #[arg(long, value_name = "KIND:NAME", conflicts_with_all = ["edge", "row"])]
    component: Option<String>,
    /// Only commits that changed this edge, and what each did.
    #[arg(long, value_name = "FROM,RELATION,TO", conflicts_with = "row")]
    edge: Option<String>,
    /// Only commits that changed this row, and what each did; TARGET is a file or a component, KEY
    /// a value or NAME=VALUE.
    #[arg(long, value_name = "TARGET,TABLE,KEY", conflicts_with_all = ["follow", "paths"])]
    row: Option<String>,
    /// Only commits that changed how often this string is there, in texts and in records.
    #[arg(short = 'S', value_name = "STRING", conflicts_with = "expression")]
    string: Option<OsString>,
    /// Only commits in which a line or a record that matches came or went.
    #[arg(short = 'G', value_name = "REGEX")]
    expression: Option<String>,
    /// Follow one file through its renames.
    #[arg(long)]
    follow: bool,
    /// Every commit that this clone ever named, also where no ref leads to it any more.
    #[arg(long)]
    all: bool,
    /// Draw how commits follow each other.
    #[arg(long, conflicts_with = "json")]
    graph: bool,
    /// One line a commit.
    #[arg(long)]
    oneline: bool,
    /// Print each commit so, with placeholders: %h the short id, %s the first line of the message,
    /// %(signer), %(for) and others (`docs/blame.md` has them all).
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["oneline", "json"])]
    format: Option<String>,
    /// Show at most N commits.
    #[arg(short = 'n', value_name = "N")]
    most: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository_to_show()?;
    let mut revisions = revisions(&repo)?;
    let (mut range, paths) = range::meant(context, &repo, &revisions, arguments)?;
    let format = arguments.format.as_deref().map(Format::parse).transpose()?;
    let mut names = Names::load(&revisions);
    if arguments.all {
        let (tips, lost) = everything(&repo)?;
        range.include = tips;
        names = names.with_lost(lost);
    }
    let filter = range::filter(context, &repo, &revisions, arguments, &range)?;
    let search = sought(arguments)?.map(|sought| ContentSearch::new(&repo, sought, &paths));
    let known = revisions.take_graph();
    let walk = walk(&repo, arguments, &range, &paths, filter.as_ref(), known)?;
    let left = arguments.most.unwrap_or(usize::MAX);
    let mut batches = Batches { walk, filter, search, left };
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    let ids = Ids::new(&repo, context.verbose);
    let log = Log { context, arguments, repo: &repo, names: &names, ids: &ids, format };
    let shown = match (arguments.json, arguments.graph) {
        (true, _) => log.json(&mut batches, &mut out)?,
        (_, true) => log.graph(&mut batches, &mut out)?,
        _ => log.list(&mut batches, &mut out)?,
    };
    out.finish()?;
    repo.checked_signatures().keep();
    if shown == 0 && !arguments.json && !context.quiet && arguments.most != Some(0) {
        tell_of_nothing(arguments, &paths);
    }
    Ok(Answer::Yes)
}

/// Where all commits that this clone ever named begin, and those that no ref leads to.
fn everything(repo: &Repository) -> Result<(Vec<aisr::object::CommitId>, HashSet<Id>), CliError> {
    let every = Every::load(repo)?;
    let mut is_behind = vec![false; every.commits.len()];
    for parent in every.commits.iter().flat_map(|commit| &commit.parents) {
        is_behind[*parent] = true;
    }
    let tips = every.commits.iter().zip(is_behind).filter(|(_, behind)| !behind);
    let lost = every.commits.iter().filter(|commit| !commit.reachable);
    Ok((tips.map(|(commit, _)| commit.id).collect(), lost.map(|commit| commit.id.id()).collect()))
}

fn sought(arguments: &Arguments) -> Result<Option<Sought>, CliError> {
    if let Some(string) = &arguments.string {
        if string.is_empty() {
            return Err(CliError::usage("-S looks for a string that is not empty"));
        }
        return Ok(Some(Sought::String(string.as_encoded_bytes().to_vec())));
    }
    let Some(text) = &arguments.expression else { return Ok(None) };
    match regex::bytes::Regex::new(text) {
        Ok(regex) => Ok(Some(Sought::Expression(regex))),
        Err(error) => {
            let shown = Escaped(text.as_bytes()).to_string();
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim();
            Err(CliError::usage(format!("`-G {shown}` is no regular expression: {why}"))
                .hint("-S looks for a string as it is"))
        }
    }
}

fn walk<'r>(
    repo: &'r Repository,
    arguments: &Arguments,
    range: &Range,
    paths: &[RepoPath],
    filter: Option<&Filter<'_>>,
    known: Option<CommitGraph>,
) -> Result<CommitWalk<'r>, CliError> {
    if let Some(Filter::Row(_, path, _)) = filter {
        return Ok(CommitWalk::of_paths_on_all_lines(repo, range, std::slice::from_ref(path)));
    }
    if !arguments.follow {
        return Ok(match (paths, filter) {
            ([], Some(Filter::Subject(..))) => CommitWalk::over_graph(repo, range),
            ([], _) => CommitWalk::by_known_graph(repo, range, known),
            _ => CommitWalk::of_paths(repo, range, paths),
        });
    }
    let [path] = paths else {
        return Err(CliError::usage("--follow follows one file")
            .hint("as in `aisr log --follow -- prompts/triage.md`"));
    };
    let found = follow(repo, range, path)?;
    Ok(CommitWalk::by_graph(repo, range).only(found.commits.into_keys().collect()))
}

fn tell_of_nothing(arguments: &Arguments, paths: &[RepoPath]) {
    let named = [&arguments.component, &arguments.edge, &arguments.row];
    if let Some(followed) = named.into_iter().flatten().next() {
        anstream::eprintln!("No commit here changed {}.", Escaped(followed.as_bytes()));
    } else if arguments.string.is_some() || arguments.expression.is_some() {
        anstream::eprintln!("No commit here brought or took what is looked for.");
    } else if !paths.is_empty() {
        anstream::eprintln!("No commit here changed {}.", range::listed(paths));
    }
}

/// What commits are drawn with.
struct Log<'a> {
    context: &'a Context,
    arguments: &'a Arguments,
    repo: &'a Repository,
    names: &'a Names,
    ids: &'a Ids<'a>,
    format: Option<Format>,
}

impl Log<'_> {
    fn json(&self, batches: &mut Batches<'_>, out: &mut Output) -> Result<usize, CliError> {
        let mut list = JsonList::begin(out);
        let mut shown = 0;
        while let Some(Batch { items, failed }) = batches.read() {
            let commits: Vec<&StoredCommit> = items.iter().map(|item| &*item.stored).collect();
            let judged = Judged::of_all(self.repo, &commits, || self.context.threads());
            for (stored, judged) in commits.into_iter().zip(judged) {
                list.push(&CommitView::new(judged, stored, self.names))?;
            }
            shown += items.len();
            failed.map_or(Ok(()), Err)?;
        }
        list.end()?;
        Ok(shown)
    }

    fn list(&self, batches: &mut Batches<'_>, out: &mut Output) -> Result<usize, CliError> {
        let is_apart = !self.arguments.oneline && self.format.is_none();
        let mut shown = 0;
        while let Some(Batch { items, failed }) = batches.read() {
            self.draw(&items.iter().collect::<Vec<_>>(), |_, block| {
                if shown > 0 && is_apart {
                    writeln!(out)?;
                }
                shown += 1;
                Ok(out.write_all(block)?)
            })?;
            failed.map_or(Ok(()), Err)?;
        }
        Ok(shown)
    }

    fn graph(&self, batches: &mut Batches<'_>, out: &mut Output) -> Result<usize, CliError> {
        let mut graph = GraphLog::new(batches.is_filtered());
        let is_apart = !self.arguments.oneline && self.format.is_none();
        let mut shown = 0;
        while let Some((nodes, failed)) = graph.read(batches) {
            self.draw(&nodes.iter().map(|node| &node.item).collect::<Vec<_>>(), |nth, block| {
                let node = &nodes[nth];
                let is_head = self.names.is_head(node.item.stored.id.id());
                // A blank row behind what has several lines.
                let text = String::from_utf8_lossy(block);
                let text = text.trim_end_matches('\n');
                let text = if is_apart { format!("{text}\n ") } else { text.to_owned() };
                let text = graph.row(node, is_head, text);
                shown += 1;
                Ok(out.write_all(text.as_bytes())?)
            })?;
            failed.map_or(Ok(()), Err)?;
        }
        Ok(shown)
    }

    /// Gives each commit as it is shown, with a line end behind it, and which of them it is.
    fn draw(
        &self,
        items: &[&Item],
        mut give: impl FnMut(usize, &[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let needs_judges = match &self.format {
            Some(format) => format.asks_for_signer(),
            None => !self.arguments.oneline,
        };
        let mut judged = Vec::new();
        if needs_judges {
            let commits: Vec<&StoredCommit> = items.iter().map(|item| &*item.stored).collect();
            judged = Judged::of_all(self.repo, &commits, || self.context.threads());
        }
        let mut block = Vec::new();
        for (nth, item) in items.iter().enumerate() {
            block.clear();
            self.draw_one(item, judged.get(nth), &mut block)?;
            give(nth, &block)?;
        }
        Ok(())
    }

    fn draw_one(
        &self,
        item: &Item,
        judged: Option<&Judged>,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        match (&self.format, judged) {
            (Some(format), _) => format.write(self.ids, self.names, &item.stored, judged, out),
            (None, None) => self.line(&item.stored, out),
            (None, Some(judged)) => {
                judged.draw(out, &item.stored, self.ids, self.names)?;
                let Some(detail) = &item.detail else { return Ok(()) };
                writeln!(out)?;
                draw_detail(detail, out)
            }
        }
    }

    fn line(&self, stored: &StoredCommit, out: &mut dyn Write) -> Result<(), CliError> {
        let id = stored.id.id();
        let subject = Escaped(CommitView::subject(&stored.commit).as_bytes());
        Ok(writeln!(out, "{}{} {subject}", self.ids.show(id), self.names.show(id))?)
    }
}

fn draw_detail(detail: &Detail, out: &mut dyn Write) -> Result<(), CliError> {
    match detail {
        Detail::System(changes) => draw_system_changes(changes, usize::MAX, out)?,
        Detail::Row(lines) => {
            for line in lines {
                writeln!(out, "  {line}")?;
            }
        }
    }
    Ok(())
}

/// What a commit did to a row, in lines.
fn row_lines(title: &str, change: &RowChange) -> Vec<String> {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    let word = match (before, after) {
        (None, _) => "new",
        (_, None) => "deleted",
        _ => "changed",
    };
    let mut lines = vec![format!("{word:8} {}", Escaped(title.as_bytes()))];
    let changes = super::blame::changes_between(before, after);
    lines.extend(changes.into_iter().map(|change| format!("         {change}")));
    lines
}
