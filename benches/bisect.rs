//! What the choice of a step takes on a history with merges, beside `git rev-list --bisect` on the
//! same: the pure choice, and with all that is read for it.

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::hint::black_box;

use aisr::disk::Disk;
use aisr::history::bisect::{Dag, Only, Said, Search, Session, Verdict, next};
use aisr::history::commit_graph::Saved;
use criterion::{Criterion, criterion_group, criterion_main};
use support::dag::{Files, Planned, git_twin, make};
use support::{Random, identity, must_commit, new_repository};

/// A line of work with branches that are merged: three of ten commits are merges.
fn history(commits: usize) -> Vec<Vec<usize>> {
    let mut random = Random(commits as u64);
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    // The tips of a main line and of four branches.
    let mut tips = [0usize; 5];
    for at in 1..commits {
        let (branch, kind) = (random.below(5), random.below(10));
        let parents = match kind {
            0..3 => vec![tips[0], tips[branch]],
            3..6 => vec![tips[0]],
            _ => vec![tips[branch]],
        };
        tips[if kind < 3 { 0 } else { branch }] = at;
        let mut parents = parents;
        parents.dedup();
        all.push(parents);
    }
    let mut last = tips.to_vec();
    last.sort_unstable();
    last.dedup();
    all.push(last);
    all
}

fn choices(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bisect");
    group.sample_size(10);
    for commits in [10_000, 100_000] {
        let history = history(commits);
        let parents: Vec<Vec<u32>> =
            history.iter().map(|all| all.iter().map(|at| *at as u32).collect()).collect();
        let dag = Dag::new(parents.iter().map(Vec::as_slice)).expect("parents come first");
        let said = [(dag.len() - 1, Verdict::Bad), (0, Verdict::Good)];
        group.bench_function(format!("choice/{commits}"), |b| {
            b.iter(|| black_box(next(&dag, &said, None)));
        });

        let plan: Vec<Planned> = history
            .iter()
            .enumerate()
            .map(|(n, parents)| Planned {
                parents: parents.clone(),
                files: Files::from([("a".into(), (n % 200) as u8)]),
                second: 1_700_000_000 + n as i64,
            })
            .collect();
        let dir = tempfile::tempdir().expect("a folder");
        let me = identity();
        let repo = new_repository(&Disk::new(), dir.path(), &me);
        fs::write(dir.path().join("a"), "1").expect("a file");
        let base = must_commit(&repo, &me, "base");
        let ids = make(&repo, &me, &repo.commit(base).expect("a commit").commit, &plan);
        let last = *ids.last().expect("commits");
        Saved::load(&repo).extend(&repo, &[last]);
        let said = vec![
            Said { commit: last, verdict: Verdict::Bad },
            Said { commit: ids[0], verdict: Verdict::Good },
        ];
        let session = Session { said, only: Only::default(), ..Session::default() };
        group.bench_function(format!("step/{commits}"), |b| {
            b.iter(|| Search::load(&repo, &session).expect("a search").next());
        });

        let folder = tempfile::tempdir().expect("a folder");
        let git = git_twin(folder.path(), &plan);
        let made = git.git(["commit-graph", "write", "--reachable"]).status();
        assert!(made.expect("git").success());
        let bad = format!("b{}", history.len() - 1);
        group.bench_function(format!("git-step/{commits}"), |b| {
            b.iter(|| {
                let out = git.git(["rev-list", "--bisect", &bad, "^b0"]).output().expect("git");
                assert!(out.status.success() && !out.stdout.is_empty());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, choices);
criterion_main!(benches);
