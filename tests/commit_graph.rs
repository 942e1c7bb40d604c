//! The commit graph: what it says, what becomes of it, and the history of a path by it, without it
//! and by git.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use aisr::disk::Disk;
use aisr::history::commit_graph::CommitGraph;
use aisr::history::{CommitWalk, Range, Revisions};
use aisr::object::{Commit, CommitId, RepoPath};
use aisr::policy::verify;
use aisr::repo::Repository;
use proptest::prelude::*;
use support::dag::{Files, Planned, git_twin, make_one};
use support::{Made, scratch};

const PATHS: [&str; 6] = ["a", "b", "d/x", "d/y", "d/e/z", "q/x"];
const ASKED: [&str; 9] = ["a", "b", "d", "d/x", "d/e", "d/e/z", "q", "never", ""];

impl Made {
    fn file(&self) -> PathBuf {
        self.repo.folder().join("local/commit-graph")
    }

    /// The graph as its file has it; all of it must be sound.
    fn graph(&self) -> CommitGraph {
        let bytes = fs::read(self.file()).unwrap();
        let len = bytes.len();
        let (graph, sound) = CommitGraph::decode(bytes, self.repo.id());
        assert_eq!(sound, len);
        graph
    }
}

fn path(text: &str) -> RepoPath {
    if text.is_empty() { RepoPath::root() } else { RepoPath::parse(text).unwrap() }
}

fn ids(walk: CommitWalk<'_>) -> Vec<CommitId> {
    walk.map(|found| found.unwrap().id).collect()
}

fn behind(include: CommitId, exclude: Option<CommitId>) -> Range {
    Range { include: vec![include], exclude: exclude.into_iter().collect() }
}

/// What a commit has of its parents, and what it does of its own.
type Drawn = (Vec<prop::sample::Index>, Vec<u8>, Vec<(prop::sample::Index, u8)>, i64);

/// Histories in which merges often have what one of their parents has. With `clocks`, no commit is
/// older than its parents.
fn plans(clocks: bool) -> impl Strategy<Value = Vec<Planned>> {
    let parents = prop_oneof![
        1 => prop::collection::vec(any::<prop::sample::Index>(), 0..1),
        6 => prop::collection::vec(any::<prop::sample::Index>(), 1..2),
        4 => prop::collection::vec(any::<prop::sample::Index>(), 2..4),
    ];
    let own = prop::collection::vec((any::<prop::sample::Index>(), 0u8..4), 0..3);
    let sides = prop::collection::vec(0u8..3, PATHS.len());
    let commit = (parents, sides, own, 0i64..10_000);
    prop::collection::vec(commit, 1..14).prop_map(move |drawn| plan(drawn, clocks))
}

fn plan(drawn: Vec<Drawn>, clocks: bool) -> Vec<Planned> {
    let mut plan: Vec<Planned> = Vec::new();
    for (n, (parents, sides, own, clock)) in drawn.into_iter().enumerate() {
        let mut chosen: Vec<usize> = Vec::new();
        for parent in parents.iter().filter(|_| n > 0) {
            // Near ones more often, so that histories are long rather than wide.
            let parent = n - 1 - parent.index(n.min(5));
            if !chosen.contains(&parent) {
                chosen.push(parent);
            }
        }
        let mut files = Files::new();
        for (path, side) in PATHS.iter().zip(sides) {
            let from = chosen.get(side as usize).or(chosen.first());
            let content = from.and_then(|parent| plan[*parent].files.get(*path));
            files.extend(content.map(|content| (path.to_string(), *content)));
        }
        for (path, content) in own {
            let path = PATHS[path.index(PATHS.len())].to_owned();
            match content {
                0 => drop(files.remove(&path)),
                content => drop(files.insert(path, b'0' + content)),
            }
        }
        // No two at the same moment: then ids would choose, and git has others.
        let second = if clocks { 100 + n as i64 } else { clock * 20 + n as i64 };
        plan.push(Planned { parents: chosen, files, second });
    }
    plan
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_graph_changes_no_answer(
        plan in plans(false),
        known: prop::sample::Index,
        end: prop::sample::Index,
    ) {
        let made = Made::new();
        let commits = made.make(&plan);
        let last = *commits.last().unwrap();
        // Part of the history is in the file before, the rest comes at once.
        CommitWalk::of_paths(&made.repo, &behind(*known.get(&commits), None), &[path("a")]).count();
        let end = *end.get(&commits);
        for exclude in [None, Some(end)] {
            let range = behind(last, exclude);
            for asked in ASKED {
                let paths = [path(asked), path("b")];
                for paths in [&paths[..1], &paths[..]] {
                    let by_graph = ids(CommitWalk::of_paths(&made.repo, &range, paths));
                    let without = ids(CommitWalk::of_paths_in_objects(&made.repo, &range, paths));
                    prop_assert_eq!(by_graph, without, "{}", asked);
                }
            }
            let by_graph = ids(CommitWalk::by_graph(&made.repo, &range));
            prop_assert_eq!(by_graph, ids(CommitWalk::new(&made.repo, &range)));
        }
        made.graph();
    }

    #[test]
    fn the_history_of_a_path_is_what_git_says(plan in plans(true), end: prop::sample::Index) {
        let made = Made::new();
        let commits = made.make(&plan);
        let folder = scratch();
        let twin = git_twin(folder.path(), &plan);
        let last = commits.len() - 1;
        for exclude in [None, Some(end.index(commits.len()))] {
            if exclude.is_some_and(|end| some_merge_reaches_behind(&plan, last, end)) {
                continue;
            }
            let range = behind(commits[last], exclude.map(|n| commits[n]));
            for asked in ASKED {
                let found = ids(CommitWalk::of_paths(&made.repo, &range, &[path(asked)]));
                let hidden = exclude.map(|n| format!("^b{n}"));
                let mut words = vec!["--date-order"];
                words.extend(hidden.as_deref());
                words.extend(["--", if asked.is_empty() { "." } else { asked }]);
                let expected = twin.log(last, &words);
                let expected: Vec<_> = expected.into_iter().map(|n| commits[n]).collect();
                prop_assert_eq!(found, expected, "{} {:?}", asked, exclude);
            }
        }
    }
}

/// Whether a merge among what is behind `last` and not behind `end` has a parent that is, other
/// than `end`. Of such a parent git may or may not know yet that it is left out, by its date, and
/// treats the merge accordingly.
fn some_merge_reaches_behind(plan: &[Planned], last: usize, end: usize) -> bool {
    let behind = |start: usize| {
        let (mut seen, mut stack) = (BTreeSet::new(), vec![start]);
        while let Some(n) = stack.pop() {
            if seen.insert(n) {
                stack.extend(&plan[n].parents);
            }
        }
        seen
    };
    let hidden = behind(end);
    let covered = behind(last).into_iter().filter(|n| !hidden.contains(n));
    let mut merges = covered.map(|n| &plan[n].parents).filter(|parents| parents.len() > 1);
    merges.any(|parents| parents.iter().any(|n| *n != end && hidden.contains(n)))
}

/// One commit after the other; each third changes `a`, each fifth `d/x`.
fn line(len: usize) -> Vec<Planned> {
    let mut files = Files::new();
    let commits = (0..len).map(|n| {
        files.insert("b".into(), n as u8);
        if n % 3 == 0 {
            files.insert("a".into(), n as u8);
        }
        if n % 5 == 0 {
            files.insert("d/x".into(), n as u8);
        }
        let parents = n.checked_sub(1).into_iter().collect();
        Planned { parents, files: files.clone(), second: n as i64 }
    });
    commits.collect()
}

#[test]
fn a_graph_that_is_not_what_it_should_be_is_made_anew() {
    let made = Made::new();
    let commits = made.make(&line(40));
    let range = behind(commits[39], None);
    let expected = ids(CommitWalk::of_paths_in_objects(&made.repo, &range, &[path("d")]));
    assert_eq!(expected.len(), 8);
    let asked = || ids(CommitWalk::of_paths(&made.repo, &range, &[path("d")]));
    assert_eq!(asked(), expected);
    let sound = fs::read(made.file()).unwrap();
    let other = Made::new();
    other.make(&line(2));
    let head = other.repo.log().unwrap().refs().head_commit().unwrap();
    CommitWalk::of_paths(&other.repo, &behind(head, None), &[path("a")]).count();
    let mut flipped = sound.clone();
    flipped[200] ^= 1;
    for bytes in [
        fs::read(other.file()).unwrap(),
        Vec::new(),
        b"something else".to_vec(),
        sound[..47].to_vec(),
        sound[..sound.len() - 1].to_vec(),
        [&sound[..], &[0; 4096]].concat(),
        flipped,
    ] {
        fs::write(made.file(), &bytes).unwrap();
        assert_eq!(asked(), expected);
        let end = behind(commits[39], Some(commits[35]));
        assert_eq!(ids(CommitWalk::by_graph(&made.repo, &end)).len(), 4);
    }
    // What lies behind the sound layers goes with the next one that is added.
    let more = made.make(&line(41));
    CommitWalk::of_paths(&made.repo, &behind(more[40], None), &[path("d")]).count();
    assert_eq!(made.graph().len(), 41);
}

#[test]
fn commits_that_change_much_are_looked_into() {
    let made = Made::new();
    let mut files = Files::new();
    let plan: Vec<Planned> = [3, 30, 600, 16, 40, 0, 700]
        .into_iter()
        .enumerate()
        .map(|(n, many)| {
            files.extend((0..many).map(|k| (format!("d/{k}"), n as u8)));
            let parents = n.checked_sub(1).into_iter().collect();
            Planned { parents, files: files.clone(), second: n as i64 }
        })
        .collect();
    let commits = made.make(&plan);
    let range = behind(commits[6], None);
    for (asked, changed) in [
        ("d/2", vec![6, 4, 3, 2, 1, 0]),
        ("d/20", vec![6, 4, 2, 1]),
        ("d/500", vec![6, 2]),
        ("d/650", vec![6]),
        ("d", vec![6, 4, 3, 2, 1, 0]),
        ("d/x", vec![]),
    ] {
        let changed: Vec<_> = changed.into_iter().map(|n| commits[n]).collect();
        assert_eq!(
            ids(CommitWalk::of_paths(&made.repo, &range, &[path(asked)])),
            changed,
            "{asked}"
        );
    }
}

#[test]
fn what_is_new_comes_behind_and_many_layers_become_one() {
    let made = Made::new();
    let commits = made.make(&line(400));
    let mut most = 0;
    for n in (0..400).step_by(2) {
        CommitWalk::of_paths(&made.repo, &behind(commits[n], None), &[path("a")]).count();
        let graph = made.graph();
        assert_eq!(graph.len(), n + 1);
        most = most.max(graph.layers());
    }
    assert!((64..72).contains(&most), "{most}");
    let graph = made.graph();
    for (n, id) in commits[..399].iter().enumerate() {
        let at = graph.find(*id).unwrap();
        assert_eq!(graph.row(at).generation, n as u32 + 1);
    }
}

#[test]
fn a_disk_that_is_full_costs_no_answer() {
    let made = Made::new();
    let commits = made.make(&line(30));
    let range = behind(commits[29], None);
    let expected = ids(CommitWalk::of_paths_in_objects(&made.repo, &range, &[path("a")]));
    for nth in 1..=4 {
        let disk = Disk::failing(format!("enospc:{nth}").parse().unwrap());
        let repo = Repository::open(disk, made.repo.root()).unwrap();
        assert_eq!(ids(CommitWalk::of_paths(&repo, &range, &[path("a")])), expected, "{nth}");
    }
}

#[test]
fn a_commit_that_cannot_be_read_is_told_and_kept_out_of_the_graph() {
    let made = Made::new();
    let commits = made.make(&line(5));
    let base = made.repo.commit(commits[4]).unwrap().commit;
    let lost = Commit { parents: vec![CommitId::of(b"lost")], ..base };
    let id = make_one(&made.repo, &made.identity, &lost);
    let range = Range { include: vec![id, commits[4]], exclude: Vec::new() };
    let walk = CommitWalk::of_paths(&made.repo, &range, &[path("b")]);
    let (good, bad): (Vec<_>, Vec<_>) = walk.partition(|found| found.is_ok());
    assert_eq!(good.len(), 5);
    assert!(!bad.is_empty());
    let graph = made.graph();
    assert_eq!((graph.len(), graph.find(id)), (5, None));
}

#[test]
fn an_ancestor_far_back_is_found_with_and_without_the_graph() {
    let made = Made::new();
    let commits = made.make(&line(120));
    let far = format!("{}~100", commits[119]);
    let too_far = format!("{}~120", commits[119]);
    for known in [None, Some(60), Some(119)] {
        if let Some(n) = known {
            CommitWalk::of_paths(&made.repo, &behind(commits[n], None), &[path("a")]).count();
        }
        let revisions = Revisions::load(&made.repo).unwrap();
        assert_eq!(revisions.commit(&far).unwrap().id, commits[19], "{known:?}");
        let error = revisions.commit(&too_far).unwrap_err().to_string();
        let first = &commits[0].to_hex()[..8];
        assert!(error.ends_with(&format!("{first} has no parent")), "{error}");
    }
}

/// Who can write into `.aisr/local` can make the graph say anything: checks do not ask it.
#[test]
fn a_graph_that_lies_deceives_no_check() {
    let made = Made::new();
    let commits = made.make(&line(60));
    let top = commits[59];
    let name = format!("{top}~50");
    CommitWalk::of_paths(&made.repo, &behind(top, None), &[path("a")]).count();
    let mut bytes = fs::read(made.file()).unwrap();
    // The last commit now follows the first, and so is the second of its line.
    let rows = 48 + 24;
    let row = rows + 59 * 120;
    bytes[row + 104..row + 112].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
    let (head, body) = bytes[48..].split_at(24);
    let mut hasher = blake3::Hasher::new_derive_key("aisr 2026-11-25 commit graph layer v1");
    hasher.update(&head[..16]).update(body);
    let sum = *hasher.finalize().as_bytes();
    bytes[48 + 16..48 + 24].copy_from_slice(&sum[..8]);
    fs::write(made.file(), &bytes).unwrap();
    let misled = CommitWalk::of_paths(&made.repo, &behind(top, None), &[path("a")]).count();
    assert!(misled < 20, "{misled}");
    let report = verify(&made.repo, Some(behind(top, None))).unwrap();
    assert_eq!(report.commits, 60);
    let revisions = Revisions::load_in_objects(&made.repo).unwrap();
    assert_eq!(revisions.commit(&name).unwrap().id, commits[9]);
    assert_ne!(
        Revisions::load(&made.repo).unwrap().commit(&name).ok().map(|c| c.id),
        Some(commits[9])
    );
    fs::remove_file(made.file()).unwrap();
    let healed = CommitWalk::of_paths(&made.repo, &behind(top, None), &[path("a")]).count();
    assert_eq!(healed, 20);
}
