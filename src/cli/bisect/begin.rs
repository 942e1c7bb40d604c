//! `aisr bisect start`: begins a bisection.

use std::ffi::OsString;

use aisr::history::bisect::{BisectError, Only, Said, Search, Session, Terms, Verdict};
use aisr::object::ComponentKind;

use super::folder::go_on;
use crate::cli::Answer;
use crate::cli::context::{Context, revisions};
use crate::cli::error::CliError;
use crate::cli::system::key_of;
use crate::cli::{pathspec, target};

/// Begin a bisection; the commits can also be named later.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr bisect start main v1.0
  aisr bisect start --no-checkout --kind prompt main v1.0
  aisr bisect start --term-old fast --term-new slow")]
pub struct Arguments {
    /// A commit that has what is looked for.
    #[arg(value_name = "BAD")]
    bad: Option<OsString>,
    /// Commits that do not have it.
    #[arg(value_name = "GOOD")]
    good: Vec<OsString>,
    /// Leave the folder as it is.
    #[arg(long)]
    no_checkout: bool,
    /// Only commits in which this component differs from every parent; may be given more than once.
    #[arg(long, value_name = "KIND:NAME")]
    component: Vec<String>,
    /// Only commits in which a component of this kind does.
    #[arg(long, value_name = "KIND", value_parser = kind_of)]
    kind: Vec<ComponentKind>,
    /// Only commits in which this file or folder does.
    #[arg(long, value_name = "PATH")]
    path: Vec<OsString>,
    /// Only commits that this principal signed: a name, an id, or a key's fingerprint.
    #[arg(long, value_name = "PRINCIPAL")]
    by: Vec<String>,
    /// What the state before the change is called, in place of `good`.
    #[arg(long, value_name = "TERM", alias = "term-good")]
    term_old: Option<String>,
    /// What the state after the change is called, in place of `bad`.
    #[arg(long, value_name = "TERM", alias = "term-bad")]
    term_new: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let _lock = Session::lock(&repo)?;
    if Session::find(&repo)?.is_some() {
        return Err(BisectError::UnderWay.into());
    }
    let terms = Terms::new(arguments.term_old.as_deref(), arguments.term_new.as_deref());
    let components = arguments.component.iter().map(|text| key_of(text));
    let only = Only {
        components: components.collect::<Result<_, _>>()?,
        kinds: arguments.kind.clone(),
        paths: pathspec::repo_paths(context, &repo, &arguments.path)?,
        by: arguments.by.clone(),
    };
    let revisions = revisions(&repo)?;
    let mut said = Vec::new();
    let named = arguments.bad.iter().map(|bad| (bad, Verdict::Bad));
    for (revision, verdict) in named.chain(arguments.good.iter().map(|good| (good, Verdict::Good)))
    {
        let commit = revisions.commit(target::revision(revision)?)?.id;
        said.push(Said { commit, verdict });
    }
    let session = Session {
        terms: terms.map_err(CliError::usage)?,
        only,
        no_checkout: arguments.no_checkout || repo.is_shared_place(),
        head: None,
        said,
        observed: Vec::new(),
    };
    let step = Search::load(&repo, &session)?.next()?;
    session.save(&repo)?;
    go_on(context, &repo, session, step)
}

fn kind_of(name: &str) -> Result<ComponentKind, String> {
    ComponentKind::from_name(name).ok_or_else(|| {
        let all = ComponentKind::ALL.map(ComponentKind::name).join(", ");
        format!("one of {all} is a kind")
    })
}
