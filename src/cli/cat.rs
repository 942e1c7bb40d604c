//! `aisr cat`: the bytes of a file, a blob, or what is signed.

use std::ffi::OsString;

use aisr::history::Revisions;
use aisr::object::{BlobId, CommitId, ObjectType, TagId};
use aisr::repo::Repository;
use aisr::sign::to_armored;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{Output, Paging, TerminalText};
use super::target;

/// Print a file of a commit, a blob, or the signed bytes of a commit or tag.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr cat @~:prompts/triage.md
  aisr cat v1:models/base.safetensors > base.safetensors
  aisr cat --payload main > commit.payload
  aisr cat --signature main > commit.sig")]
pub struct Arguments {
    /// What to print.
    #[arg(value_name = "REV:PATH|BLOB")]
    target: OsString,
    /// Print the bytes that the commit's or tag's signature covers.
    #[arg(long, conflicts_with = "signature")]
    payload: bool,
    /// Print the commit's or tag's signature, as `ssh-keygen -Y verify` takes it.
    #[arg(long)]
    signature: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let revisions = revisions(&repo)?;
    let mut out = context.output(Paging::Off);
    if arguments.payload || arguments.signature {
        let text = target::revision(&arguments.target)?;
        let (payload, signature) = signed(&repo, &revisions, text)?;
        match arguments.payload {
            true => out.write_raw(&payload)?,
            false => out.write_raw(to_armored(&signature).as_bytes())?,
        }
    } else {
        let blob = blob(&repo, &revisions, arguments)?;
        write_blob(&repo, blob, &mut out)?;
    }
    out.finish()?;
    Ok(Answer::Yes)
}

fn blob(
    repo: &Repository,
    revisions: &Revisions<'_>,
    arguments: &Arguments,
) -> Result<BlobId, CliError> {
    let (revision, path) = target::parts(&arguments.target)?;
    let Some(path) = path else {
        let found = target::object(repo, revisions, revision)?;
        return match found.kind {
            ObjectType::Blob => Ok(BlobId::from_id(found.id)),
            kind => Err(CliError::usage(format!("`{revision}` is a {}, not a file", kind.name()))
                .hint(format!("`aisr cat {revision}:PATH` prints a file of it, `aisr show {revision}` the commit"))),
        };
    };
    let place = target::place(repo, revisions, revision, path)?;
    place.entry.blob().ok_or_else(|| {
        let name = if place.path.is_root() { "the root".into() } else { place.path.to_string() };
        CliError::failure(format!("{name} is a directory"))
            .hint(format!("`aisr ls {revision}:{}` lists it", place.path))
    })
}

fn signed(
    repo: &Repository,
    revisions: &Revisions<'_>,
    text: &str,
) -> Result<(Vec<u8>, Vec<u8>), CliError> {
    let found = revisions.find(text)?;
    match found.kind {
        ObjectType::Commit => {
            let stored = repo.commit(CommitId::from_id(found.id))?;
            Ok((stored.payload, stored.signature))
        }
        ObjectType::Tag => {
            let stored = repo.tag(TagId::from_id(found.id))?;
            Ok((stored.payload, stored.signature))
        }
        kind => Err(CliError::usage(format!("`{text}` is a {}, which nobody signs", kind.name()))),
    }
}

/// Writes a blob: as it is, but escaped where a terminal would obey it.
pub fn write_blob(repo: &Repository, id: BlobId, out: &mut Output) -> Result<(), CliError> {
    let blob = repo.store().blob(id)?;
    if !out.is_terminal() {
        return blob.copy_to(&mut |piece| Ok::<_, CliError>(out.write_raw(piece)?));
    }
    let mut text = TerminalText::default();
    blob.copy_to(&mut |piece| Ok::<_, CliError>(out.write_raw(text.next(piece).as_bytes())?))?;
    Ok(out.write_raw(text.end().as_bytes())?)
}
