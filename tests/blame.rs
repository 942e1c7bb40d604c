//! Blame on histories of any shape, beside `git blame` and beside its own rule written down plainly.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use aisr::history::blame::{Event, Thing, Wanted, blame_lines, blame_records, events, gone};
use aisr::history::{CommitWalk, ContentSearch, Every, Range, Sought, follow};
use aisr::object::{CommitId, RepoPath};
use aisr::view::{Element, Value};
use proptest::prelude::*;
use support::Made;
use support::texts::{Planned, Texts, git_twin};

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

/// What a commit does: which parents it has, which of their lines it leaves out, how many it adds
/// and where, and whether it calls the file otherwise.
#[derive(Clone, Debug)]
struct Step {
    parents: Vec<prop::sample::Index>,
    drops: Vec<prop::sample::Index>,
    adds: Vec<u16>,
    /// Lines that a merge leaves out of one side.
    takes: u8,
    renames: bool,
}

fn steps(merges: bool) -> impl Strategy<Value = Vec<Step>> {
    let parents = prop::collection::vec(any::<prop::sample::Index>(), 1..4);
    let step = (
        parents,
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        prop::collection::vec(any::<u16>(), 0..4),
        0u8..4,
        prop::bool::weighted(0.15),
    );
    let step = step.prop_map(move |(mut parents, drops, adds, takes, renames)| {
        let keep = if merges { parents.len() } else { 1 };
        parents.truncate(keep);
        Step { parents, drops, adds, takes, renames }
    });
    prop::collection::vec(step, 1..16)
}

/// Lines by their place in the one order that all texts keep: so what two texts share is beyond
/// doubt, and no way of comparing finds another.
type Lines = BTreeSet<(u16, usize)>;

fn plan(steps: &[Step]) -> Vec<Planned> {
    let mut plan: Vec<Planned> = Vec::new();
    let mut texts: Vec<(Lines, &str)> = Vec::new();
    let mut fresh = 0;
    for (n, step) in steps.iter().enumerate() {
        let mut parents: Vec<usize> = Vec::new();
        for parent in step.parents.iter().filter(|_| n > 0) {
            let parent = n - 1 - parent.index(n.min(4));
            if !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        let (mut lines, mut name) = (Lines::new(), "p");
        for (nth, parent) in parents.iter().enumerate() {
            let (theirs, called) = &texts[*parent];
            // Some merges take all of one side.
            if nth == 0 || step.takes > 0 {
                lines.extend(theirs);
            }
            if nth == 0 || step.takes == 2 {
                name = called;
            }
        }
        for drop in &step.drops {
            if !lines.is_empty() {
                let line = *drop.get(&lines.iter().copied().collect::<Vec<_>>());
                lines.remove(&line);
            }
        }
        for place in &step.adds {
            fresh += 1;
            lines.insert((*place, fresh));
        }
        if step.renames {
            name = if name == "p" { "q" } else { "p" };
        }
        let text: Vec<String> =
            lines.iter().map(|(place, nth)| format!("line {nth} of {place}\n")).collect();
        let files = Texts::from([
            (name.to_owned(), text.concat().into_bytes()),
            ("beside".to_owned(), format!("{n}").into_bytes()),
        ]);
        texts.push((lines, name));
        plan.push(Planned { parents, files });
    }
    plan
}

/// For each line, the place of the commit that is blamed, and the line's number there.
fn blamed(made: &Made, commits: &[CommitId], at: usize, name: &str) -> Vec<(usize, u32)> {
    let found = blame_lines(&made.repo, commits[at], &path(name), None).unwrap();
    assert!(found.unread.is_empty());
    let place = |id| commits.iter().position(|known| *known == id).unwrap();
    found.lines.iter().map(|line| (place(line.commit), line.there)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lines_come_from_where_git_says(steps in prop_oneof![steps(false), steps(true)]) {
        let plan = plan(&steps);
        let made = Made::new();
        let commits = made.make_texts(&plan);
        let dir = tempfile::tempdir().unwrap();
        let git = git_twin(dir.path(), &plan);
        let last = plan.len() - 1;
        for at in [last, last / 2] {
            let name = plan[at].files.keys().find(|name| *name != "beside").unwrap();
            if plan[at].files[name].is_empty() {
                continue;
            }
            prop_assert_eq!(blamed(&made, &commits, at, name), git.blame(at, name), "{}", at);
        }
    }

    #[test]
    fn a_file_is_followed_as_git_follows_it(steps in steps(false)) {
        let plan = plan(&steps);
        let made = Made::new();
        let commits = made.make_texts(&plan);
        let dir = tempfile::tempdir().unwrap();
        let git = git_twin(dir.path(), &plan);
        let last = plan.len() - 1;
        let name = plan[last].files.keys().find(|name| *name != "beside").unwrap();
        let range = Range { include: vec![commits[last]], exclude: Vec::new() };
        let found = follow(&made.repo, &range, &path(name)).unwrap();
        let mut found: Vec<usize> =
            found.commits.keys().map(|id| commits.iter().position(|c| c == id).unwrap()).collect();
        found.sort_unstable();
        found.reverse();
        let wanted = git.log(last, &["--follow", "--", name]);
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn a_string_comes_and_goes_where_git_says(steps in steps(true), nth in 1usize..12) {
        let plan = plan(&steps);
        let made = Made::new();
        let commits = made.make_texts(&plan);
        let dir = tempfile::tempdir().unwrap();
        let git = git_twin(dir.path(), &plan);
        let last = plan.len() - 1;
        let range = Range { include: vec![commits[last]], exclude: Vec::new() };
        let sought = [
            (Sought::String(format!("line {nth} ").into_bytes()), ["-S", &format!("line {nth} ")].map(str::to_owned)),
            (
                Sought::Expression(regex::bytes::Regex::new(&format!("^line {nth} of.*$")).unwrap()),
                ["-G", &format!("^line {nth} of.*$")].map(str::to_owned),
            ),
        ];
        for (sought, words) in sought {
            let mut search = ContentSearch::new(&made.repo, sought, &[]);
            let mut found: Vec<usize> = Vec::new();
            for stored in CommitWalk::new(&made.repo, &range) {
                let stored = stored.unwrap();
                if search.matches(&stored).unwrap() {
                    found.push(commits.iter().position(|id| *id == stored.id).unwrap());
                }
            }
            found.sort_unstable();
            // Of merges git says nothing unless it is asked to, and then says otherwise.
            let (merges, mut plain): (Vec<usize>, Vec<usize>) =
                found.into_iter().partition(|at| plan[*at].parents.len() > 1);
            plain.reverse();
            let mut wanted = git.log(last, &[&words[0], &words[1]]);
            wanted.sort_unstable();
            wanted.reverse();
            prop_assert_eq!(plain, wanted);
            // What a merge brought or took, none of its parents had so.
            let has = |at: usize| plan[at].files.values().any(|text| {
                memchr::memmem::find(text, format!("line {nth} ").as_bytes()).is_some()
            });
            for at in merges {
                let parents = &plan[at].parents;
                // A file that became too different to be the same comes and goes whole.
                let names = |at: usize| plan[at].files.keys().collect::<Vec<_>>();
                if parents.iter().all(|parent| names(*parent) == names(at)) {
                    prop_assert!(parents.iter().all(|parent| has(*parent) != has(at)));
                }
            }
        }
    }
}

/// Rows of JSON lines by their ids: two columns each.
type Rows = BTreeMap<u8, (u8, u8)>;

#[derive(Clone, Debug)]
struct RowStep {
    parents: Vec<prop::sample::Index>,
    sides: Vec<u8>,
    sets: Vec<(u8, u8, u8)>,
    deletes: Vec<u8>,
}

fn row_steps() -> impl Strategy<Value = Vec<RowStep>> {
    let step = (
        prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        prop::collection::vec(0u8..3, 5),
        prop::collection::vec((0u8..5, 0u8..3, 0u8..3), 0..3),
        prop::collection::vec(0u8..5, 0..2),
    );
    let step =
        step.prop_map(|(parents, sides, sets, deletes)| RowStep { parents, sides, sets, deletes });
    prop::collection::vec(step, 1..14)
}

fn rows_plan(steps: &[RowStep]) -> (Vec<Planned>, Vec<Rows>) {
    let (mut plan, mut states): (Vec<Planned>, Vec<Rows>) = (Vec::new(), Vec::new());
    for (n, step) in steps.iter().enumerate() {
        let mut parents: Vec<usize> = Vec::new();
        for parent in step.parents.iter().filter(|_| n > 0) {
            let parent = n - 1 - parent.index(n.min(4));
            if !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        let mut rows = Rows::new();
        for id in 0..5u8 {
            let side = step.sides[id as usize] as usize;
            let from = parents.get(side).or(parents.first());
            rows.extend(from.and_then(|from| states[*from].get(&id)).map(|row| (id, *row)));
        }
        rows.retain(|id, _| !step.deletes.contains(id));
        rows.extend(step.sets.iter().map(|(id, a, b)| (*id, (*a, *b))));
        let text: Vec<String> = rows
            .iter()
            .map(|(id, (a, b))| format!("{{\"id\":{id},\"a\":{a},\"b\":{b}}}\n"))
            .collect();
        // So many rows beside that versions are compared where all are asked for.
        let beside: String = (100..300).map(|id| format!("{{\"id\":{id}}}\n")).collect();
        // A table without rows has no key that could be found.
        let files = match rows.is_empty() {
            true => Texts::new(),
            false => Texts::from([("t.jsonl".to_owned(), (text.concat() + &beside).into_bytes())]),
        };
        states.push(rows);
        plan.push(Planned { parents, files });
    }
    (plan, states)
}

/// Where a part of a row comes from, by the rule and nothing else: `has` says whether a state has
/// it just so.
fn origin(plan: &[Planned], states: &[Rows], at: usize, has: &dyn Fn(&Rows) -> bool) -> usize {
    let parents = &plan[at].parents;
    let whole = parents.iter().find(|parent| states[**parent] == states[at]);
    let part = || parents.iter().find(|parent| has(&states[**parent]));
    match whole.or_else(part) {
        Some(parent) => origin(plan, states, *parent, has),
        None => at,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows_come_from_where_the_rule_says(steps in row_steps()) {
        let (plan, states) = rows_plan(&steps);
        let made = Made::new();
        let commits = made.make_texts(&plan);
        let place = |id: CommitId| commits.iter().position(|known| *known == id).unwrap();
        let last = plan.len() - 1;
        prop_assume!(!states[last].is_empty());
        let file = path("t.jsonl");
        let keys: Vec<Vec<Element>> = (0..5u64).map(|id| vec![id.into()]).collect();
        let all = |_: &aisr::view::Table, _: &Vec<Element>, _: &Value| true;
        for wanted in [Wanted::Keys("", &keys), Wanted::Filter(None, &all)] {
            let found = blame_records(&made.repo, commits[last], &file, &wanted, 999).unwrap();
            let asked_all = matches!(wanted, Wanted::Filter(..));
            prop_assert_eq!(found.records.len(), states[last].len() + if asked_all { 200 } else { 0 });
            for (record, (id, row)) in found.records.iter().zip(&states[last]) {
                let there = origin(&plan, &states, last, &|rows| rows.contains_key(id));
                prop_assert_eq!(place(record.inserted), there, "row {}", id);
                let names: Vec<_> = record.parts.iter().map(|p| p.name.clone().unwrap()).collect();
                prop_assert_eq!(names, ["id", "a", "b"]);
                let a = origin(&plan, &states, last, &|rows| rows.get(id).is_some_and(|r| r.0 == row.0));
                let b = origin(&plan, &states, last, &|rows| rows.get(id).is_some_and(|r| r.1 == row.1));
                prop_assert_eq!(place(record.parts[1].commit), a, "a of row {}", id);
                prop_assert_eq!(place(record.parts[2].commit), b, "b of row {}", id);
            }
        }
    }

    #[test]
    fn events_are_the_commits_that_differ_from_all_their_parents(steps in row_steps()) {
        let (plan, states) = rows_plan(&steps);
        let made = Made::new();
        let commits = made.make_texts(&plan);
        let every = Every::behind(&made.repo, &commits).unwrap();
        for id in 0..5u8 {
            let keys = vec![vec![u64::from(id).into()]];
            let thing = Thing::Record { path: path("t.jsonl"), table: String::new(), keys };
            let (found, unread) = events(&made.repo, &every, &thing);
            prop_assert!(unread.is_empty());
            let mut found: Vec<(usize, bool, bool)> = found.iter().map(|event| {
                let Event { commit, before, after, reachable, .. } = event;
                assert!(!reachable, "no ref leads here");
                let at = commits.iter().position(|known| known == commit).unwrap();
                (at, before.is_some(), after.is_some())
            }).collect();
            found.sort_unstable();
            let mut wanted = Vec::new();
            for (at, state) in states.iter().enumerate() {
                let parents = &plan[at].parents;
                let (now, before) = (state.get(&id), parents.iter().map(|p| states[*p].get(&id)));
                let had = before.clone().any(|row| row.is_some());
                if before.clone().all(|row| row != now) && (had || now.is_some()) {
                    wanted.push((at, had, now.is_some()));
                }
            }
            prop_assert_eq!(found, wanted);
        }
    }
}

/// A history by hand: parents, and the ids of the rows that are there.
fn by_hand(steps: &[(&[usize], &[u8])]) -> Vec<Planned> {
    let planned = |(parents, ids): &(&[usize], &[u8])| {
        let rows = ids.iter().chain(&[200]).map(|id| format!("{{\"id\":{id}}}\n"));
        let text: String = rows.collect();
        let files = Texts::from([("t.jsonl".to_owned(), text.into_bytes())]);
        Planned { parents: parents.to_vec(), files }
    };
    steps.iter().map(planned).collect()
}

/// The places of the commits that deleted row 7.
fn deleters(steps: &[(&[usize], &[u8])]) -> Vec<usize> {
    let made = Made::new();
    let commits = made.make_texts(&by_hand(steps));
    let keys = vec![vec![7u64.into()]];
    let thing = Thing::Record { path: path("t.jsonl"), table: String::new(), keys };
    let last = *commits.last().unwrap();
    let every = Every::behind(&made.repo, &[last]).unwrap();
    let (found, _) = gone(&made.repo, &every, last, &thing).unwrap();
    let mut places: Vec<usize> =
        found.iter().map(|g| commits.iter().position(|c| *c == g.commit).unwrap()).collect();
    places.sort_unstable();
    places
}

#[test]
fn who_deleted_a_row_is_found() {
    // In a line.
    assert_eq!(deleters(&[(&[], &[7]), (&[0], &[]), (&[1], &[1])]), [1]);
    // It never was there.
    assert_eq!(deleters(&[(&[], &[]), (&[0], &[1])]), [] as [usize; 0]);
    // On one side, and the other still has it: the merge only brings it together.
    assert_eq!(deleters(&[(&[], &[7]), (&[0], &[]), (&[0], &[7, 1]), (&[2, 1], &[1])]), [1]);
    // Both sides deleted it.
    assert_eq!(deleters(&[(&[], &[7]), (&[0], &[]), (&[0], &[1]), (&[1, 2], &[1])]), [1, 2]);
    // One side brought it, the other never had it: the merge itself left it out.
    assert_eq!(deleters(&[(&[], &[]), (&[0], &[7]), (&[0], &[1]), (&[1, 2], &[1])]), [3]);
    // That the other side deleted one of the same key long ago does not count.
    let again: &[(&[usize], &[u8])] =
        &[(&[], &[7]), (&[0], &[]), (&[1], &[7]), (&[1], &[1]), (&[2, 3], &[1])];
    assert_eq!(deleters(again), [4]);
    // A merge of a side that is behind the other.
    assert_eq!(deleters(&[(&[], &[]), (&[0], &[7]), (&[1, 0], &[])]), [2]);
}

#[test]
fn a_row_that_was_deleted_and_came_back_begins_anew() {
    let made = Made::new();
    let commits =
        made.make_texts(&by_hand(&[(&[], &[7]), (&[0], &[]), (&[1], &[7]), (&[2], &[7, 8])]));
    let keys = [vec![7u64.into()]];
    let wanted = Wanted::Keys("", &keys);
    let found = blame_records(&made.repo, commits[3], &path("t.jsonl"), &wanted, 9).unwrap();
    assert_eq!(found.records[0].inserted, commits[2]);
}

#[test]
fn a_merge_owns_what_none_of_its_parents_has() {
    let made = Made::new();
    let text = |lines: &str| Texts::from([("p".to_owned(), lines.replace(' ', "\n").into_bytes())]);
    let plan = [
        Planned { parents: vec![], files: text("a b c ") },
        Planned { parents: vec![0], files: text("a left b c ") },
        Planned { parents: vec![0], files: text("a b right c ") },
        Planned { parents: vec![1, 2], files: text("a left b right own c ") },
    ];
    let commits = made.make_texts(&plan);
    let places: Vec<usize> =
        blamed(&made, &commits, 3, "p").into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, [0, 1, 0, 2, 3, 0]);
}

#[test]
fn blame_of_some_lines_is_that_part_of_the_whole() {
    let made = Made::new();
    let plan = plan(&[]);
    assert!(plan.is_empty());
    let texts = ["a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nB\nc\nD\n"];
    let plan: Vec<Planned> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| Planned {
            parents: (n > 0).then(|| n - 1).into_iter().collect(),
            files: Texts::from([("p".to_owned(), text.as_bytes().to_vec())]),
        })
        .collect();
    let commits = made.make_texts(&plan);
    let whole = blame_lines(&made.repo, commits[2], &path("p"), None).unwrap().lines;
    for (from, to) in [(1, 5), (2, 3), (3, 9), (5, 7), (0, 2)] {
        let some = blame_lines(&made.repo, commits[2], &path("p"), Some(from..to)).unwrap().lines;
        let wanted: Vec<_> =
            whole.iter().filter(|line| (from..to).contains(&line.line)).cloned().collect();
        assert_eq!(some, wanted, "{from}..{to}");
    }
}

#[test]
fn a_walk_on_all_lines_shows_what_a_merge_left_behind() {
    let made = Made::new();
    let text = |text: &str| Texts::from([("p".to_owned(), text.as_bytes().to_vec())]);
    let plan = [
        Planned { parents: vec![], files: text("1") },
        Planned { parents: vec![0], files: text("left") },
        Planned { parents: vec![0], files: text("right") },
        Planned { parents: vec![1, 2], files: text("left") },
        Planned { parents: vec![3], files: text("left") },
    ];
    let commits = made.make_texts(&plan);
    let range = Range { include: vec![commits[4]], exclude: Vec::new() };
    let places = |walk: CommitWalk<'_>| -> Vec<usize> {
        let found = walk.map(|found| found.unwrap().id);
        found.map(|id| commits.iter().position(|known| *known == id).unwrap()).collect()
    };
    let paths = [path("p")];
    assert_eq!(places(CommitWalk::of_paths(&made.repo, &range, &paths)), [1, 0]);
    let whole = CommitWalk::of_paths_on_all_lines(&made.repo, &range, &paths);
    assert_eq!(places(whole), [2, 1, 0]);
    let only = [commits[0], commits[3]].into_iter().collect();
    assert_eq!(places(CommitWalk::by_graph(&made.repo, &range).only(only)), [3, 0]);
}

#[test]
fn a_walk_says_where_it_goes() {
    let made = Made::new();
    let text = |text: &str| Texts::from([("p".to_owned(), text.as_bytes().to_vec())]);
    let plan = [
        Planned { parents: vec![], files: text("1") },
        Planned { parents: vec![0], files: text("2") },
        Planned { parents: vec![0], files: text("3") },
        Planned { parents: vec![2, 1], files: text("4") },
    ];
    let commits = made.make_texts(&plan);
    let range = Range { include: vec![commits[3]], exclude: vec![commits[1]] };
    let mut walk = CommitWalk::by_graph(&made.repo, &range);
    let first = walk.next_walked().unwrap().unwrap();
    assert_eq!((first.id, &first.follow[..], first.leaves), (commits[3], &[commits[2]][..], true));
    let range = Range { include: vec![commits[3]], exclude: Vec::new() };
    let first = CommitWalk::by_graph(&made.repo, &range).next_walked().unwrap().unwrap();
    assert_eq!(first.follow[..], [commits[2], commits[1]], "in the commit's order");
    assert!(!first.leaves);
}

#[test]
fn where_a_parent_has_the_same_bytes_everything_comes_from_it() {
    let made = Made::new();
    let text = |lines: &str| {
        let text = lines.replace(' ', "\n").into_bytes();
        Texts::from([("p".to_owned(), text), ("beside".to_owned(), Vec::new())])
    };
    // Both sides brought one line each for itself; the merge is what the second one has.
    let plan = [
        Planned { parents: vec![], files: text("a c ") },
        Planned { parents: vec![0], files: text("a both c left ") },
        Planned { parents: vec![0], files: text("a both c ") },
        Planned { parents: vec![1, 2], files: text("a both c ") },
    ];
    let commits = made.make_texts(&plan);
    let found = blamed(&made, &commits, 3, "p");
    assert_eq!(found.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 2, 0]);
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(found, git_twin(dir.path(), &plan).blame(3, "p"));
}
