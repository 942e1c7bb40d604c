//! Which tests are run beside each other.
//!
//! A run of several jobs says what a plain one says: it takes the same verdicts in the same order.
//! While the next commit is tested, so are those that would come after it, whichever way it goes, the
//! likeliest first; what the verdict rules out is ended.

use aisr::history::bisect::{BisectError, Said, Search, Step, Test, Verdict};
use aisr::object::CommitId;

/// A commit that may have to be tested.
struct Branch {
    /// What must have been said before.
    said: Vec<Said>,
    test: Test,
    /// How likely it comes to that.
    chance: f64,
}

/// The next commit to be tested, and up to `jobs - 1` that may follow it.
pub fn plan(
    search: &Search<'_>,
    said: &[Said],
    first: Test,
    jobs: usize,
) -> Result<Vec<CommitId>, BisectError> {
    let mut chosen: Vec<CommitId> = Vec::new();
    let mut open = vec![Branch { said: said.to_vec(), test: first, chance: 1.0 }];
    while chosen.len() < jobs {
        let likeliest = open
            .iter()
            .enumerate()
            .max_by(|(n, a), (m, b)| a.chance.total_cmp(&b.chance).then(m.cmp(n)));
        let Some((at, _)) = likeliest else { break };
        let branch = open.remove(at);
        if !chosen.contains(&branch.test.commit) {
            chosen.push(branch.test.commit);
        }
        if branch.test.base || chosen.len() >= jobs {
            continue;
        }
        for verdict in [Verdict::Bad, Verdict::Good] {
            let mut said = branch.said.clone();
            said.push(Said { commit: branch.test.commit, verdict });
            if let Step::Test(test) = search.next_after(&said)? {
                let share = test.left as f64 / branch.test.left.max(1) as f64;
                open.push(Branch { said, test, chance: branch.chance * share });
            }
        }
    }
    Ok(chosen)
}
