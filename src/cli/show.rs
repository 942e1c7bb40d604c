//! `aisr show`: one commit, tag, directory or file.

use std::ffi::OsString;
use std::io::Write;

use aisr::history::{Found, Revisions};
use aisr::object::{BlobId, CommitId, ObjectType, Schema, TagId};
use aisr::repo::Repository;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{
    CommitView, Ids, Judged, Names, Output, Paging, ReportView, TagView, draw_commit,
    draw_commit_stat, size, write_json,
};
use super::{cat, ls, target};

/// Show a commit, a tag, or what is at REV:PATH.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr show
  aisr show v1
  aisr show --diff main~2
  aisr show main~2:prompts/triage.md")]
pub struct Arguments {
    /// What to show.
    #[arg(value_name = "REV|REV:PATH", default_value = "HEAD")]
    target: OsString,
    /// Show what the commit changed, as `aisr diff` does.
    #[arg(long, conflicts_with = "json")]
    diff: bool,
    /// Show how much the commit changed in each file.
    #[arg(long, conflicts_with_all = ["json", "diff"])]
    stat: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository_to_show()?;
    let revisions = revisions(&repo)?;
    let paging = if arguments.json { Paging::Off } else { Paging::Auto };
    let (revision, path) = target::parts(&arguments.target)?;
    if let Some(path) = path {
        let place = target::place(&repo, &revisions, revision, path)?;
        let mut out = context.output(paging);
        match place.entry.blob() {
            Some(blob) if !arguments.json => cat::write_blob(&repo, blob, &mut out)?,
            _ => {
                let style = ls::Style { long: true, recursive: false, json: arguments.json };
                ls::write(&repo, place, style, &Ids::new(&repo, context.verbose), &mut out)?;
            }
        }
        out.finish()?;
        return Ok(Answer::Yes);
    }
    let found = target::object(&repo, &revisions, revision)?;
    let mut out = context.output(paging);
    let shown = Shown { context, repo: &repo, revisions: &revisions, arguments };
    match arguments.json {
        true => shown.json(found, &mut out)?,
        false => shown.text(found, &mut out)?,
    }
    out.finish()?;
    repo.checked_signatures().keep();
    Ok(Answer::Yes)
}

struct Shown<'a> {
    context: &'a Context,
    repo: &'a Repository,
    revisions: &'a Revisions<'a>,
    arguments: &'a Arguments,
}

impl Shown<'_> {
    fn text(&self, found: Found, out: &mut Output) -> Result<(), CliError> {
        let ids = Ids::new(self.repo, self.context.verbose);
        match found.kind {
            ObjectType::Commit => self.commit(CommitId::from_id(found.id), &ids, out),
            ObjectType::Tag => {
                let stored = self.repo.tag(TagId::from_id(found.id))?;
                TagView::new(self.repo, &stored).draw(out, &stored, &ids)?;
                writeln!(out)?;
                let target = self.revisions.follow(&found.id.to_hex(), found)?;
                self.text(target, out)
            }
            ObjectType::Blob => cat::write_blob(self.repo, BlobId::from_id(found.id), out),
            kind => Err(not_shown(kind)),
        }
    }

    fn commit(&self, id: CommitId, ids: &Ids<'_>, out: &mut Output) -> Result<(), CliError> {
        let names = Names::load(self.revisions);
        let stored = self.repo.commit(id)?;
        Judged::new(self.repo, &stored).draw(out, &stored, ids, &names)?;
        let commit = &stored.commit;
        let files = self.repo.files(commit)?;
        let bytes = self.repo.map(files, Schema::Tree)?.root().bytes;
        writeln!(out)?;
        for parent in &commit.parents {
            writeln!(out, "parent   {}", ids.show(parent.id()))?;
        }
        writeln!(out, "root     {}", ids.plain(commit.root.id()))?;
        writeln!(out, "files    {} of {}", ids.plain(files.id()), size(bytes))?;
        if let Some(report) = &commit.report {
            writeln!(out, "capture  {}", ReportView::draw(report, commit.committed))?;
        }
        writeln!(out, "cause    {}", commit.cause.kind)?;
        let parent = commit.parents.first().copied();
        if self.arguments.stat {
            writeln!(out)?;
            draw_commit_stat(self.context, self.repo, parent, id, out)?;
        } else if self.arguments.diff {
            writeln!(out)?;
            draw_commit(self.context, self.repo, parent, id, out)?;
        }
        Ok(())
    }

    fn json(&self, found: Found, out: &mut Output) -> Result<(), CliError> {
        match found.kind {
            ObjectType::Commit => {
                let stored = self.repo.commit(CommitId::from_id(found.id))?;
                let names = Names::load(self.revisions);
                let judged = Judged::new(self.repo, &stored);
                write_json(out, &CommitView::new(judged, &stored, &names))
            }
            ObjectType::Tag => {
                let stored = self.repo.tag(TagId::from_id(found.id))?;
                write_json(out, &TagView::new(self.repo, &stored))
            }
            kind => Err(not_shown(kind)),
        }
    }
}

fn not_shown(kind: ObjectType) -> CliError {
    CliError::failure(format!("a {} cannot be shown so", kind.name()))
        .hint("show takes a commit, a tag or REV:PATH; `aisr cat` prints a blob")
}
