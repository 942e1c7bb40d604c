//! Commits in front of what they brought: id, time, and who answers for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use aisr::object::CommitId;
use aisr::repo::{RepoError, Repository};
use serde::Serialize;

use super::color::WARNING;
use super::commit_view::{CommitView, Judged, PersonView};
use super::ids::{Ids, Names};
use super::time::minute;
use crate::cli::error::CliError;

/// Commits, each judged once and ready to be drawn.
pub struct Stamps {
    known: HashMap<CommitId, Stamp>,
    width: usize,
}

struct Stamp {
    id: Rc<str>,
    time: String,
    who: String,
    view: StampView,
}

/// A commit, as `--json` prints it beside what it brought.
#[derive(Serialize)]
pub struct StampView {
    time: String,
    signer: PersonView,
    verdict: aisr::policy::Verdict,
    acting_for: Vec<PersonView>,
    author: PersonView,
    message: Option<String>,
    /// Whether HEAD or a ref leads to it; told where commits that none leads to are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    reachable: Option<bool>,
}

impl Stamps {
    /// Reads and judges commits; of `lost` it is known that no ref leads to them.
    pub fn load(
        repo: &Repository,
        ids: &Ids<'_>,
        commits: impl IntoIterator<Item = CommitId>,
        lost: Option<&BTreeSet<CommitId>>,
        threads: impl FnOnce() -> usize,
    ) -> Result<Self, CliError> {
        let wanted: BTreeSet<CommitId> = commits.into_iter().collect();
        let stored: Result<Vec<_>, RepoError> = wanted.iter().map(|id| repo.commit(*id)).collect();
        let stored = stored?;
        let judged = Judged::of_all(repo, &stored.iter().collect::<Vec<_>>(), threads);
        let mut known = HashMap::new();
        for (stored, judged) in stored.iter().zip(judged) {
            let mut who = judged.in_short(&stored.commit);
            let is_lost = lost.map(|lost| lost.contains(&stored.id));
            if is_lost == Some(true) {
                who += " · no ref leads to it";
            }
            let (id, time) = (ids.show(stored.id.id()), minute(stored.commit.committed));
            let verdict = judged.verdict();
            let view = CommitView::new(judged, stored, &Names::none());
            let view = StampView {
                time: view.time,
                signer: view.committer,
                verdict,
                acting_for: view.acting_for,
                author: view.author,
                message: view.message,
                reachable: is_lost.map(|lost| !lost),
            };
            known.insert(stored.id, Stamp { id, time, who, view });
        }
        let width = known.values().map(|stamp| stamp.who.chars().count()).max().unwrap_or(0);
        repo.checked_signatures().keep();
        Ok(Self { known, width })
    }

    /// Id, time and who, filled up to one width.
    pub fn line(&self, id: CommitId) -> String {
        let Some(stamp) = self.known.get(&id) else { return id.to_hex() };
        let room = self.width - stamp.who.chars().count();
        let is_good = stamp.view.verdict == aisr::policy::Verdict::Good;
        let style = if is_good { anstyle::Style::new() } else { WARNING };
        let Stamp { id, time, who, .. } = stamp;
        format!("{id}  {time}  {style}{who}{style:#}{:room$}", "")
    }

    /// The id alone, as it is shown.
    pub fn id(&self, id: CommitId) -> String {
        self.known.get(&id).map_or_else(|| id.to_hex(), |stamp| stamp.id.to_string())
    }

    /// All commits for programs, by their ids.
    pub fn view(&self) -> BTreeMap<String, &StampView> {
        self.known.iter().map(|(id, stamp)| (id.to_hex(), &stamp.view)).collect()
    }
}
