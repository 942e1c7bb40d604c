//! `aisr bisect run --noisy`: a test that passes only sometimes, run until it is sure what happened.

use std::io::Write;

use aisr::history::bisect::noisy::{
    Hypothesis, Kinds, Noisy, NoisyError, Observation, Options, Outcome, Tally, Verdict as Sure,
};
use aisr::history::bisect::{Contents, Said, Search, Session, Step, Verdict};
use aisr::object::CommitId;
use aisr::repo::Repository;
use serde::Serialize;

use super::job::hand_on;
use super::pool::Pool;
use super::run::not_begun;
use crate::cli::Answer;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{Output, Paging, id_and_subject, plural, write_json};

/// So many of what may have happened are listed.
const LISTED: usize = 5;

/// How far a run goes, and how its outcome is shown.
pub struct How {
    pub confidence: f64,
    pub budget: u32,
    pub json: bool,
}

pub fn run(
    context: &Context,
    repo: &Repository,
    mut session: Session,
    mut pool: Pool<'_>,
    how: &How,
) -> Result<Answer, CliError> {
    let contents = contents(repo, &session, &pool)?;
    let options = Options { confidence: how.confidence, budget: how.budget, ..Options::default() };
    let mut noisy = Noisy::new(&contents.search, options)?;
    let mut runs = 0u64;
    for observed in &session.observed {
        // What was tested before another verdict narrowed the search may lie outside of it.
        if let Some(class) = contents.class_of(observed.commit) {
            noisy.observe(Observation { class, outcome: outcome(observed.verdict) })?;
            runs += 1;
        }
    }
    loop {
        let next = noisy.next_many(pool.jobs());
        if next.is_empty() {
            break;
        }
        let mut started = Vec::new();
        for class in next {
            let at = noisy.commit_of(class).and_then(|at| contents.commits.get(at).copied());
            let commit = at.ok_or(NoisyError::NoSuchClass(class.0))?;
            started.push((class, commit, pool.start(commit)?));
        }
        for (class, commit, number) in started {
            let (verdict, kept) = pool.wait_for(number, commit)?;
            kept.map_or(Ok(()), hand_on)?;
            noisy.observe(Observation { class, outcome: outcome(verdict) })?;
            session.observed.push(Said { commit, verdict });
            session.save(repo)?;
            runs += 1;
            if !context.quiet {
                let word = session.terms.word(verdict);
                let commit = id_and_subject(repo, commit, context.verbose)?;
                anstream::eprintln!("run {runs}: {word:<5} {commit}");
            }
        }
    }
    drop(pool);
    let view = NoisyView::of(&noisy, &contents, runs);
    let mut out = context.output(Paging::Off);
    match how.json {
        true => write_json(&mut out, &view)?,
        false => Shown { context, repo, session: &session, contents: &contents }
            .draw(&noisy, runs, &mut out)?,
    }
    out.finish()?;
    Ok(if noisy.verdict() == Sure::Undecided { Answer::No } else { Answer::Yes })
}

fn contents(repo: &Repository, session: &Session, pool: &Pool<'_>) -> Result<Contents, CliError> {
    let search = Search::load(repo, session)?;
    if let Step::Waiting { bad, .. } = search.next()? {
        return Err(not_begun(session, bad));
    }
    Contents::of(repo, &search, pool.needs())?.ok_or_else(|| {
        CliError::failure("no good commit leads to the bad one")
            .hint("`aisr bisect good REV` names one from which the bad one comes")
    })
}

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Good => Outcome::Good,
        Verdict::Bad => Outcome::Bad,
        Verdict::Skip => Outcome::Untestable,
    }
}

impl From<NoisyError> for CliError {
    fn from(error: NoisyError) -> Self {
        let text = error.to_string();
        match error {
            NoisyError::Confidence(_) | NoisyError::Budget { .. } => Self::usage(text),
            NoisyError::TooMany { .. } => {
                Self::failure(text).hint("`--need` names less, `aisr bisect good` a later commit")
            }
            _ => Self::failure(text),
        }
    }
}

/// What a run came to, as `--json` prints it.
#[derive(Serialize)]
struct NoisyView {
    /// `brought`, `brought-and-removed`, `no-change`, `not-one-commit` or `undecided`.
    verdict: &'static str,
    probability: Option<f64>,
    /// Those that brought it; several where no test can tell them apart.
    commits: Vec<String>,
    /// Those that removed it again.
    removed: Vec<String>,
    runs: u64,
    /// The probability of each kind of explanation.
    kinds: Kinds,
    /// The likeliest explanations.
    posterior: Vec<WeighedView>,
    /// Commits at the ends that pass more or less often than they did at first.
    drifted: Vec<String>,
}

#[derive(Serialize)]
struct WeighedView {
    what: &'static str,
    commits: Vec<String>,
    removed: Vec<String>,
    probability: f64,
}

impl NoisyView {
    fn of(noisy: &Noisy, contents: &Contents, runs: u64) -> Self {
        let ids = |places: &[usize]| -> Vec<String> {
            commits(contents, places).iter().map(|id| id.to_hex()).collect()
        };
        let none = Vec::new;
        let (verdict, probability, commits, removed) = match noisy.verdict() {
            Sure::Brought { commits, probability, .. } => {
                ("brought", Some(probability), ids(&commits), none())
            }
            Sure::BroughtAndRemoved { brought, removed, probability, .. } => {
                ("brought-and-removed", Some(probability), ids(&brought), ids(&removed))
            }
            Sure::NoChange { probability, .. } => ("no-change", Some(probability), none(), none()),
            Sure::NotOneCommit { probability, .. } => {
                ("not-one-commit", Some(probability), none(), none())
            }
            Sure::Open | Sure::Undecided => ("undecided", None, none(), none()),
        };
        let posterior = noisy.posterior().into_iter().map(|weighed| {
            let (what, commits, removed) = match &weighed.hypothesis {
                Hypothesis::NoChange => ("no-change", none(), none()),
                Hypothesis::Brought { commits } => ("brought", ids(commits), none()),
                Hypothesis::BroughtAndRemoved { brought, removed } => {
                    ("brought-and-removed", ids(brought), ids(removed))
                }
                Hypothesis::ChangedTwice { first, second } => {
                    ("changed-twice", ids(first), ids(second))
                }
                Hypothesis::Scattered => ("scattered", none(), none()),
            };
            WeighedView { what, commits, removed, probability: weighed.probability }
        });
        let posterior = posterior.collect();
        let drifted = drifted(noisy, contents).iter().map(|id| id.to_hex()).collect();
        let kinds = noisy.kinds();
        Self { verdict, probability, commits, removed, runs, kinds, posterior, drifted }
    }
}

/// The commits at the ends whose tests pass more or less often than they did at first.
fn drifted(noisy: &Noisy, contents: &Contents) -> Vec<CommitId> {
    let places = noisy.drifts().into_iter().filter_map(|drift| noisy.commit_of(drift.class));
    commits(contents, &places.collect::<Vec<_>>())
}

fn commits(contents: &Contents, places: &[usize]) -> Vec<CommitId> {
    places.iter().filter_map(|at| contents.commits.get(*at).copied()).collect()
}

struct Shown<'a> {
    context: &'a Context,
    repo: &'a Repository,
    session: &'a Session,
    contents: &'a Contents,
}

impl Shown<'_> {
    fn draw(&self, noisy: &Noisy, runs: u64, out: &mut Output) -> Result<(), CliError> {
        let after = format!("after {}", plural(runs, "run", "runs"));
        match noisy.verdict() {
            Sure::Brought { commits, probability, before, after: with } => {
                let sure = percent(probability);
                match &commits[..] {
                    [_] => writeln!(out, "One commit brought it ({sure} sure {after}):")?,
                    _ => writeln!(
                        out,
                        "One of these brought it ({sure} sure {after}); no test tells them apart:"
                    )?,
                }
                self.list(&commits, out)?;
                self.rates(("before", before), ("since", with), out)?;
            }
            Sure::BroughtAndRemoved { brought, removed, probability, without, with } => {
                let sure = percent(probability);
                writeln!(
                    out,
                    "It was brought and removed again ({sure} sure {after}). Brought by:"
                )?;
                self.list(&brought, out)?;
                writeln!(out, "Removed by:")?;
                self.list(&removed, out)?;
                self.rates(("without", without), ("with it", with), out)?;
            }
            Sure::NoChange { probability, all } => {
                let sure = percent(probability);
                writeln!(
                    out,
                    "Nothing changed: it passes alike everywhere ({sure} sure {after})."
                )?;
                writeln!(out, "  {}", rate("passes", all))?;
            }
            Sure::NotOneCommit { probability, .. } => {
                let sure = percent(probability);
                writeln!(out, "No one commit explains what was seen ({sure} sure {after}).")?;
            }
            Sure::Open | Sure::Undecided => {
                writeln!(out, "Not sure enough {after}.")?;
            }
        }
        writeln!(out, "Likeliest:")?;
        for weighed in noisy.posterior().into_iter().take(LISTED) {
            let what = match &weighed.hypothesis {
                Hypothesis::NoChange => "nothing changed".to_owned(),
                Hypothesis::Scattered => "each content passes differently".to_owned(),
                Hypothesis::Brought { commits } => self.one_of(commits)?,
                Hypothesis::BroughtAndRemoved { brought, removed } => {
                    format!("{}, removed by {}", self.one_of(brought)?, self.one_of(removed)?)
                }
                Hypothesis::ChangedTwice { first, second } => {
                    format!("{}, then {}", self.one_of(first)?, self.one_of(second)?)
                }
            };
            writeln!(out, "  {:>4}  {what}", percent(weighed.probability))?;
        }
        let kinds = noisy.kinds();
        writeln!(
            out,
            "In all: one commit {}, brought and removed {}, changed twice {}, nothing {}, other {}",
            percent(kinds.brought),
            percent(kinds.brought_and_removed),
            percent(kinds.changed_twice),
            percent(kinds.no_change),
            percent(kinds.scattered),
        )?;
        for id in drifted(noisy, self.contents) {
            let commit = id_and_subject(self.repo, id, self.context.verbose)?;
            writeln!(
                out,
                "{commit} passes not as often as at first: what it calls may have changed"
            )?;
        }
        if noisy.verdict() == Sure::Undecided {
            out.flush()?;
            self.context.hint("a greater --budget goes on from here");
        }
        Ok(())
    }

    fn list(&self, places: &[usize], out: &mut Output) -> Result<(), CliError> {
        for id in commits(self.contents, places) {
            writeln!(out, "  {}", id_and_subject(self.repo, id, self.context.verbose)?)?;
        }
        Ok(())
    }

    fn rates(
        &self,
        old: (&str, Tally),
        new: (&str, Tally),
        out: &mut Output,
    ) -> Result<(), CliError> {
        let terms = &self.session.terms;
        writeln!(out, "  {}: {}, {}", terms.old, rate(old.0, old.1), rate(new.0, new.1))?;
        Ok(())
    }

    /// The first of some commits, and how many there are beside.
    fn one_of(&self, places: &[usize]) -> Result<String, CliError> {
        let all = commits(self.contents, places);
        let Some(first) = all.first() else { return Ok(String::new()) };
        let shown = id_and_subject(self.repo, *first, self.context.verbose)?;
        Ok(match all.len() {
            1 => shown,
            more => format!("{shown} or {} more like it", more - 1),
        })
    }
}

/// `before 41 of 43`.
fn rate(word: &str, tally: Tally) -> String {
    format!("{word} {} of {}", tally.good, tally.runs())
}

fn percent(probability: f64) -> String {
    let percent = (100.0 * probability).round();
    match percent {
        100.0 if probability < 1.0 => "99 %".into(),
        _ => format!("{percent:.0} %"),
    }
}
