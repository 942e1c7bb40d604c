//! How the state of a bisection is shown, to people and as JSON.

use std::io::Write;

use aisr::history::SHOWN_DIGITS;
use aisr::history::bisect::{FoundCommits, Session, Step, Test, Verdict};
use aisr::object::CommitId;
use aisr::repo::Repository;
use aisr::system::SystemMaps;
use aisr::system::changes_of;
use serde::Serialize;

use crate::cli::context::{Context, revisions};
use crate::cli::error::CliError;
use crate::cli::output::{Ids, Judged, Names, Output, draw_system_changes, id_and_subject, plural};

/// So many changes of the system are shown of the commit that was found.
const CHANGES: usize = 20;

/// The state of a bisection, as `--json` prints it.
#[derive(Serialize)]
pub struct StateView {
    /// `waiting`, `test` or `found`.
    state: &'static str,
    /// The commit to be tested next.
    next: Option<String>,
    /// How many may have brought it.
    left: Option<usize>,
    /// About how many tests it takes.
    tests: Option<u32>,
    /// Those that may be the first; one, unless others could not be tested.
    first_bad: Vec<String>,
    /// None of the commits that were looked at brought it.
    outside: bool,
    terms: TermsView,
    said: Vec<SaidView>,
}

#[derive(Serialize)]
struct TermsView {
    old: String,
    new: String,
}

#[derive(Serialize)]
struct SaidView {
    commit: String,
    verdict: &'static str,
}

impl StateView {
    pub fn of(session: &Session, step: &Step) -> Self {
        let mut view = Self {
            state: "waiting",
            next: None,
            left: None,
            tests: None,
            first_bad: Vec::new(),
            outside: false,
            terms: TermsView { old: session.terms.old.clone(), new: session.terms.new.clone() },
            said: session
                .said
                .iter()
                .map(|said| SaidView { commit: said.commit.to_hex(), verdict: word(said.verdict) })
                .collect(),
        };
        match step {
            Step::Waiting { .. } => {}
            Step::Test(test) => {
                view.state = "test";
                view.next = Some(test.commit.to_hex());
                view.left = Some(test.left);
                view.tests = Some(test.tests);
            }
            Step::Found(found) => {
                view.state = "found";
                view.first_bad = found.first_bad.iter().map(|id| id.to_hex()).collect();
                view.outside = found.outside;
            }
        }
        view
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Bad => "bad",
        Verdict::Skip => "skip",
    }
}

/// Says which commit must be named before anything can be tested.
pub fn draw_waiting(
    context: &Context,
    session: &Session,
    bad: bool,
    good: bool,
    out: &mut Output,
) -> Result<(), CliError> {
    let terms = &session.terms;
    let missing = match (bad, good) {
        (false, false) => format!("a {} and a {} commit", terms.new, terms.old),
        (false, true) => format!("a {} commit", terms.new),
        _ => format!("a {} commit", terms.old),
    };
    if !context.quiet {
        writeln!(out, "Waiting for {missing}.")?;
        out.flush()?;
        let word = if bad { &terms.old } else { &terms.new };
        context.hint(&format!("`aisr bisect {word} REV` names one"));
    }
    Ok(())
}

/// Says what is to be tested.
pub fn draw_test(
    context: &Context,
    repo: &Repository,
    session: &Session,
    test: &Test,
    out: &mut Output,
) -> Result<(), CliError> {
    let commit = id_and_subject(repo, test.commit, context.verbose)?;
    if test.base {
        let terms = &session.terms;
        writeln!(
            out,
            "The {} commit does not follow from a {} one: test {commit}, from which both come",
            terms.new, terms.old
        )?;
    } else {
        let left = plural(test.left as u64, "commit", "commits");
        let tests = plural(u64::from(test.tests), "test", "tests");
        writeln!(out, "{left} left, about {tests}: test {commit}")?;
    }
    Ok(())
}

/// Says what was found: the commit as `log` shows it, and what it did to the system.
pub fn draw_found(
    context: &Context,
    repo: &Repository,
    session: &Session,
    found: &FoundCommits,
    out: &mut Output,
) -> Result<(), CliError> {
    let terms = &session.terms;
    let ids = Ids::new(repo, context.verbose);
    match &found.first_bad[..] {
        [one] if !found.outside => {
            writeln!(out, "{} is the first {} commit", ids.show(one.id()), terms.new)?;
            writeln!(out)?;
            draw_commit(repo, *one, &ids, out)?;
            out.flush()?;
            let shown = one.to_hex();
            let shown = shown.get(..SHOWN_DIGITS).unwrap_or(&shown);
            context.hint(&format!("`aisr show {shown} --diff` shows what it changed"));
        }
        [] => {
            let words = session.only.words().join(" ");
            let bad = ids.show(found.bad.id());
            writeln!(out, "No commit with {words} brought it: {bad} is {}", terms.new)?;
            out.flush()?;
            context.hint("something else brought it: begin again with more commits");
        }
        many => {
            let which = match found.outside {
                true => format!("The first {} commit is one of these, or none of them", terms.new),
                false => format!("The first {} commit is one of these", terms.new),
            };
            writeln!(out, "{which}; the others could not be tested:")?;
            for id in many {
                writeln!(out, "  {}", id_and_subject(repo, *id, context.verbose)?)?;
            }
        }
    }
    Ok(())
}

fn draw_commit(
    repo: &Repository,
    id: CommitId,
    ids: &Ids<'_>,
    out: &mut Output,
) -> Result<(), CliError> {
    let stored = repo.commit(id)?;
    let names = Names::load(&revisions(repo)?);
    Judged::new(repo, &stored).draw(out, &stored, ids, &names)?;
    let now = SystemMaps::of_root(repo.store(), stored.commit.root)?;
    let before = match stored.commit.parents.first() {
        Some(parent) => SystemMaps::of_root(repo.store(), repo.commit(*parent)?.commit.root)?,
        None => SystemMaps::default(),
    };
    let changes = changes_of(repo.store(), before, now)?;
    if !changes.is_empty() {
        writeln!(out)?;
        draw_system_changes(&changes, CHANGES, out)?;
    }
    Ok(())
}
