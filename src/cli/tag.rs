//! `aisr tag`: lists tags, makes signed ones, deletes them.

use std::ffi::OsString;
use std::io::Write;

use aisr::history::{TagOptions, create_tag, delete_tag};
use aisr::log::RefName;
use aisr::object::{Id, ObjectType, TagId};
use aisr::repo::Repository;
use aisr::store::Lookup;
use serde::Serialize;

use super::Answer;
use super::context::{Context, MakeKey, revisions};
use super::editor::clean;
use super::error::CliError;
use super::output::{Escaped, Ids, JsonList, Output, Paging, TagView};
use super::target;

/// List tags; make a signed one, or delete one.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  aisr tag
  aisr tag v1 -m "As it went live"
  aisr tag -d v1"#)]
pub struct Arguments {
    /// The tag to make; without it, tags are listed.
    name: Option<String>,
    /// What it names.
    #[arg(value_name = "REV", requires = "name")]
    target: Option<OsString>,
    /// What to say of it; each further one is a paragraph.
    #[arg(short, long = "message", value_name = "MESSAGE", requires = "name")]
    messages: Vec<String>,
    /// Delete a tag.
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["name", "json"])]
    delete: Option<String>,
    /// Print JSON.
    #[arg(long, conflicts_with = "name")]
    json: bool,
}

/// A ref under `refs/tags/`, as `--json` prints it.
#[derive(Serialize)]
struct TagRefView {
    #[serde(rename = "ref")]
    full: String,
    /// What the ref names: a tag, or the commit itself.
    id: String,
    /// The tag; absent where the ref names something else.
    tag: Option<TagView>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let mut out = context.output(Paging::Off);
    let tag = |name: &String| RefName::tag(name).map_err(target::bad_name);
    if let Some(name) = &arguments.name {
        let name = tag(name)?;
        let target = target::revision(target::or_head(&arguments.target))?;
        let target = revisions(&repo)?.find(target)?;
        let identity = context.identity(MakeKey::Never)?;
        let message = clean(arguments.messages.join("\n\n").lines());
        let message = Some(message).filter(|text| !text.is_empty());
        let id = create_tag(&repo, &TagOptions { identity: &identity, name, target, message })?;
        if !context.quiet {
            let ids = Ids::new(&repo, context.verbose);
            let name =
                Escaped(arguments.name.as_deref().unwrap_or_default().as_bytes()).to_string();
            writeln!(out, "Tag {name} {} names {}", ids.show(id.id()), ids.show(target.id))?;
        }
    } else if let Some(name) = &arguments.delete {
        let name = tag(name)?;
        let id = delete_tag(&repo, &name)?;
        if !context.quiet {
            let id = Ids::new(&repo, context.verbose).show(id);
            writeln!(out, "Deleted tag {}, which was {id}", Escaped(name.short()))?;
        }
    } else {
        list(context, &repo, arguments.json, &mut out)?;
    }
    out.finish()?;
    if arguments.name.is_some() {
        context.tend(&repo);
    }
    Ok(Answer::Yes)
}

fn list(
    context: &Context,
    repo: &Repository,
    json: bool,
    out: &mut Output,
) -> Result<(), CliError> {
    let revisions = revisions(repo)?;
    let tags = revisions.refs().refs.iter().filter(|(name, _)| name.is_tag());
    if json {
        let mut list = JsonList::begin(out);
        for (name, id) in tags {
            let tag = read(repo, *id)?;
            list.push(&TagRefView { full: name.to_string(), id: id.to_hex(), tag })?;
        }
        return list.end();
    }
    let ids = Ids::new(repo, false);
    let tags: Vec<_> = tags.collect();
    let widths = tags.iter().map(|(name, _)| Escaped(name.short()).to_string().chars().count());
    let width = widths.max().unwrap_or_default();
    for (name, id) in tags {
        let short = Escaped(name.short()).to_string();
        if !context.verbose {
            writeln!(out, "{short}")?;
            continue;
        }
        let message = read(repo, *id)?.and_then(|tag| tag.message).unwrap_or_default();
        let subject = message.lines().next().unwrap_or_default();
        let names = ids.show(revisions.leads_to(*id));
        let line = format!("{short:width$} {names} {}", Escaped(subject.as_bytes()));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The tag that a ref names, if it names one.
fn read(repo: &Repository, id: Id) -> Result<Option<TagView>, CliError> {
    match repo.store().kind(id)? {
        Lookup::Here(ObjectType::Tag) => {
            Ok(Some(TagView::new(repo, &repo.tag(TagId::from_id(id))?)))
        }
        _ => Ok(None),
    }
}
