//! Bisection over commits of a repository: which count, in what order, and what the graph's file has
//! to do with it.

mod support;

use std::collections::BTreeMap;
use std::fs;

use aisr::history::bisect::{Need, Needed, Only, Said, Search, Session, Step, Verdict};
use aisr::history::commit_graph::Saved;
use aisr::object::{CommitId, RepoPath};
use aisr::worktree::checkout_part;
use proptest::prelude::*;
use support::dag::{Files, Planned};
use support::{Made, Quiet, must_commit, snapshot};

const PATHS: [&str; 4] = ["a", "b", "d/x", "d/y"];

impl Made {
    fn suspects(&self, ids: &[CommitId], only: Only) -> Vec<usize> {
        let session = session(ids, only);
        let search = Search::load(&self.repo, &session).unwrap();
        let place = |id: &CommitId| ids.iter().position(|known| known == id).unwrap();
        let mut places: Vec<_> = search.suspects().unwrap().iter().map(place).collect();
        places.sort_unstable();
        places
    }
}

/// The last is bad, the first is good.
fn session(ids: &[CommitId], only: Only) -> Session {
    let said = vec![
        Said { commit: *ids.last().unwrap(), verdict: Verdict::Bad },
        Said { commit: ids[0], verdict: Verdict::Good },
    ];
    Session { only, said, no_checkout: true, ..Session::default() }
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn only(paths: &[&str]) -> Only {
    Only { paths: paths.iter().map(|text| path(text)).collect(), ..Only::default() }
}

fn files(all: &[(&str, u8)]) -> Files {
    all.iter().map(|(path, content)| ((*path).into(), *content)).collect()
}

fn planned(parents: &[usize], all: &[(&str, u8)]) -> Planned {
    Planned { parents: parents.to_vec(), files: files(all), second: 1_700_000_000 }
}

/// A first commit, then each on one or two of those before it, changing a path or two.
fn plans() -> impl Strategy<Value = Vec<Planned>> {
    let change = (prop::sample::select(&PATHS[..]), 0u8..3);
    let one = (
        any::<[prop::sample::Index; 2]>(),
        any::<bool>(),
        prop::collection::vec(change, 0..3),
        -2_000_000_000i64..4_000_000_000,
    );
    prop::collection::vec(one, 2..25).prop_map(|all| {
        let mut plan: Vec<Planned> = Vec::new();
        for (at, (places, merge, changes, second)) in all.into_iter().enumerate() {
            let mut parents: Vec<usize> = Vec::new();
            if at > 0 {
                parents.push(at - 1);
                parents.extend(merge.then(|| places[0].index(at)));
                parents.dedup();
            }
            let base = parents.get(places[1].index(parents.len().max(1)));
            let mut files: Files = base.map(|base| plan[*base].files.clone()).unwrap_or_default();
            files.insert("always".into(), 0);
            for (path, content) in changes {
                files.insert(path.into(), content);
            }
            plan.push(Planned { parents, files, second });
        }
        plan
    })
}

/// What lies at or below the paths.
fn below(files: &Files, paths: &[&str]) -> BTreeMap<String, u8> {
    let within = |file: &str| {
        paths.iter().any(|path| file == *path || file.starts_with(&format!("{path}/")))
    };
    let kept = files.iter().filter(|(file, _)| within(file));
    kept.map(|(file, content)| (file.clone(), *content)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn those_count_whose_ids_differ_from_every_parent(
        plan in plans(),
        chosen in 1usize..8,
    ) {
        let made = Made::new();
        let ids = made.make(&plan);
        let all = ["a", "b", "d"];
        let paths: Vec<&str> =
            (0..3).filter(|bit| chosen >> bit & 1 == 1).map(|bit| all[bit]).collect();
        let last = plan.len() - 1;
        let differs = |at: &usize| {
            let now = below(&plan[*at].files, &paths);
            plan[*at].parents.iter().all(|parent| below(&plan[*parent].files, &paths) != now)
        };
        // Every commit comes from the one before it.
        let expected: Vec<_> = (1..=last).filter(|at| differs(at) || *at == last).collect();
        prop_assert_eq!(made.suspects(&ids, only(&paths)), expected.clone());
        // Again, by what was found and kept.
        session(&ids, only(&paths)).save(&made.repo).unwrap();
        for _ in 0..2 {
            prop_assert_eq!(made.suspects(&ids, only(&paths)), expected.clone());
        }
    }

    #[test]
    fn what_is_tested_next_depends_on_nothing_but_the_commits(plan in plans()) {
        let made = Made::new();
        let ids = made.make(&plan);
        let session = session(&ids, Only::default());
        let next = || Search::load(&made.repo, &session).unwrap().next().unwrap();
        let first = next();
        // The file of the graph made anew, in another order.
        let file = made.repo.folder().join("local/commit-graph");
        for start in [1, plan.len() / 2] {
            let _ = fs::remove_file(&file);
            Saved::load(&made.repo).extend(&made.repo, &ids[start..start + 1]);
            prop_assert_eq!(next(), first.clone());
        }
    }
}

#[test]
fn what_two_sides_changed_is_new_together_at_the_merge_alone() {
    let made = Made::new();
    let ids = made.make(&[
        planned(&[], &[("a", 0), ("b", 0)]),
        planned(&[0], &[("a", 1), ("b", 0)]),
        planned(&[0], &[("a", 0), ("b", 1)]),
        planned(&[1, 2], &[("a", 1), ("b", 1)]),
        planned(&[3], &[("a", 1), ("b", 1), ("c", 1)]),
        planned(&[4], &[("a", 1), ("b", 1), ("c", 2)]),
    ]);
    assert_eq!(made.suspects(&ids, only(&["a"])), [1, 5]);
    assert_eq!(made.suspects(&ids, only(&["b"])), [2, 5]);
    assert_eq!(made.suspects(&ids, only(&["a", "b"])), [1, 2, 3, 5]);
    assert_eq!(made.suspects(&ids, only(&["c"])), [4, 5]);
}

#[test]
fn a_list_of_candidates_that_was_damaged_is_found_out_again() {
    let made = Made::new();
    let plan: Vec<_> = (0..6u8)
        .map(|n| {
            planned(
                &n.checked_sub(1).map(usize::from).into_iter().collect::<Vec<_>>(),
                &[("a", n / 2), ("b", n)],
            )
        })
        .collect();
    let ids = made.make(&plan);
    session(&ids, only(&["a"])).save(&made.repo).unwrap();
    let found = made.suspects(&ids, only(&["a"]));
    assert_eq!(found, [2, 4, 5]);
    let file = made.repo.folder().join("local/bisect/candidates");
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(made.suspects(&ids, only(&["a"])), found, "{at}");
    }
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(made.suspects(&ids, only(&["a"])), found);
    // What holds for one question does not for another.
    assert_eq!(made.suspects(&ids, only(&["b"])), [1, 2, 3, 4, 5]);
}

#[test]
fn a_history_that_cannot_be_read_names_the_commit() {
    let made = Made::new();
    let gone = CommitId::from_id(aisr::object::Id::new([9; 32]));
    let said = vec![Said { commit: gone, verdict: Verdict::Bad }];
    let session = Session { said, ..Session::default() };
    let error = Search::load(&made.repo, &session).err().unwrap().to_string();
    assert!(error.contains(&gone.to_hex()), "{error}");
}

#[test]
fn a_part_of_a_tree_is_written_with_the_way_to_it_and_nothing_else() {
    let made = Made::new();
    let root = made.dir.path();
    for (path, text) in [("d/e/f", "1"), ("d/g", "2"), ("h/i", "3"), ("j", "4")] {
        support::write(root, path, text.as_bytes());
    }
    std::os::unix::fs::symlink("j", root.join("h/link")).unwrap();
    let commit = must_commit(&made.repo, &made.identity, "more");
    let files = made.repo.files_of(commit).unwrap();
    let out = tempfile::tempdir().unwrap();
    let paths = ["d/e", "h", "h/i", "no/such"].map(path);
    let report = checkout_part(&made.repo, files, &paths, out.path(), 2, &Quiet).unwrap();
    let written: Vec<_> =
        snapshot(out.path()).into_keys().map(|p| String::from_utf8(p).unwrap()).collect();
    assert_eq!(written, ["d", "d/e", "d/e/f", "h", "h/i", "h/link"]);
    assert_eq!((report.files, report.bytes), (3, 3));

    let all = tempfile::tempdir().unwrap();
    checkout_part(&made.repo, files, &[RepoPath::root()], all.path(), 2, &Quiet).unwrap();
    assert_eq!(snapshot(all.path()), snapshot(root));
}

#[test]
fn commits_that_hold_the_same_where_it_is_needed_are_of_one_class() {
    let made = Made::new();
    let ids = made.make(&[
        planned(&[], &[("a", 0), ("b", 0)]),
        planned(&[0], &[("a", 0), ("b", 1)]),
        planned(&[1], &[("a", 1), ("b", 1)]),
        planned(&[2], &[("a", 0), ("b", 2)]),
    ]);
    let class = |at: usize, needs: &[Need]| {
        let stored = made.repo.commit(ids[at]).unwrap();
        Needed::of(&made.repo, &stored, needs).unwrap().class(&made.repo, &stored).unwrap()
    };
    let needs = [Need::Path(path("a")), Need::Path(path("gone"))];
    assert_eq!(class(0, &needs), class(1, &needs));
    assert_ne!(class(1, &needs), class(2, &needs));
    assert_eq!(class(0, &needs), class(3, &needs));
    assert_ne!(class(0, &[]), class(3, &[]));
}

#[test]
fn a_search_goes_its_whole_way_over_a_repository() {
    let made = Made::new();
    let plan: Vec<_> = (0..40u8)
        .map(|n| {
            let n = usize::from(n);
            let parents = match n {
                0 => vec![],
                n if n % 5 == 4 => vec![n - 1, n - 3],
                n => vec![n - 1],
            };
            planned(&parents, &[("a", n as u8)])
        })
        .collect();
    let ids = made.make(&plan);
    let mut session = session(&ids, Only::default());
    for tests in 0.. {
        let before = session.clone();
        match Search::load(&made.repo, &before).unwrap().next().unwrap() {
            Step::Found(found) => {
                assert_eq!(found.first_bad, [ids[17]]);
                assert!(tests <= 6, "{tests}");
                return;
            }
            Step::Test(test) => {
                let at = ids.iter().position(|id| *id == test.commit).unwrap();
                let verdict = if at >= 17 { Verdict::Bad } else { Verdict::Good };
                session.said.push(Said { commit: test.commit, verdict });
            }
            Step::Waiting { .. } => panic!(),
        }
    }
}
