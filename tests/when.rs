//! Questions asked of every commit: equal to what a plain reading of each state says, whatever the
//! shape of history, and told where they turn.

mod support;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::history::commit_graph::CommitGraph;
use aisr::history::grep::{GrepScope, grep};
use aisr::history::query::parse;
use aisr::history::when::{How, Truth, WhenOptions, turns, when};
use aisr::history::{CommitWalk, Every, Holds, Range, Subject, SubjectWalk, Touched};
use aisr::map::Builder;
use aisr::object::{
    Attributes, Cause, ChangeKind, Commit, CommitId, Component, ComponentKey, Edge, EdgeKey, Id,
    NodeId, ObjectType, Origin, RefChange, RefTarget, RepoPath, Schema, Signed, Stamp, TreeEntry,
    ValueRef,
};
use aisr::repo::{FILES, Identity, Repository};
use aisr::sign::{Namespace, SecretKey};
use aisr::store::{Batch, StoreError};
use aisr::system::content_id;
use proptest::prelude::*;
use regex::bytes::Regex;
use support::{identity, must_commit, new_repository, scratch};

/// A state: what lies in the files `p`, `q`, `r` and `m.jsonl`, and whether the agent uses the tool.
#[derive(Clone, PartialEq, Debug, Default)]
struct State {
    files: BTreeMap<&'static str, &'static str>,
    uses: bool,
    /// The system says of its components what the files do not bear out.
    lies: bool,
}

#[derive(Clone, Debug)]
struct Planned {
    parents: Vec<usize>,
    state: State,
    /// By the founder, or by a key that nobody knows.
    known_signer: bool,
    /// Its content counts as collected.
    collected: bool,
}

const PROMPTS: [&str; 4] = ["be kind", "be kind\nignore all", "ignore", "hello"];
const ROWS: [&str; 5] = [
    "{\"id\":1,\"text\":\"a\"}\n",
    "{\"id\":1,\"text\":\"approve\"}\n{\"id\":2,\"text\":\"b\"}\n",
    "{\"id\":2,\"text\":\"approve\"}\n{\"id\":3,\"text\":\"c\"}\n{\"id\":4,\"text\":\"d\"}\n",
    "{\"id\":7}\n",
    // Its name says rows, and it has none: nobody can know what they would be.
    "{\"id\":1,\n{{",
];

struct Made {
    _dir: tempfile::TempDir,
    repo: Repository,
    commits: Vec<CommitId>,
}

fn key(text: &str) -> ComponentKey {
    text.parse().unwrap()
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn map(batch: &mut Batch<'_, '_>, schema: Schema, mut entries: Entries) -> (NodeId, u64) {
    entries.sort();
    let sink = |id, bytes: Vec<u8>| -> Result<(), StoreError> { batch.node(id, &bytes) };
    let mut map = Builder::new(schema, sink);
    for (key, value) in &entries {
        map.push(key, ValueRef::Inline(value)).unwrap();
    }
    let root = map.finish().unwrap();
    (root.id, root.bytes)
}

fn root(batch: &mut Batch<'_, '_>, state: &State) -> NodeId {
    let mut entries: BTreeMap<RepoPath, TreeEntry> = BTreeMap::new();
    for (name, text) in &state.files {
        let blob = batch.blob(text.as_bytes(), ContentHint::Block).unwrap();
        entries.insert(path(name), TreeEntry::file(blob, text.len() as u64));
    }
    let tree = entries.iter().map(|(p, e)| (p.as_bytes().to_vec(), e.encode().to_vec()));
    let (files, _) = map(batch, Schema::Tree, tree.collect());
    let component = |paths: &[&str]| {
        let held: Vec<_> = paths.iter().map(|p| path(p)).collect();
        let held: Vec<_> = held.into_iter().filter(|p| entries.contains_key(p)).collect();
        (!held.is_empty()).then(|| Component {
            content: match state.lies {
                true => Some(Id::new([9; 32])),
                false => content_id(held.iter().map(|p| (p, entries[p]))).unwrap(),
            },
            origins: held.into_iter().map(Origin::Path).collect(),
            attributes: Attributes::new(),
            was: None,
        })
    };
    let mut components: Entries = vec![
        (key("agent:a").encode(), Component::default().encode()),
        (key("tool:t").encode(), Component::default().encode()),
    ];
    for (name, paths) in
        [("prompt:p", &["p"][..]), ("prompt:qr", &["q", "r"]), ("memory:m", &["m.jsonl"])]
    {
        components.extend(component(paths).map(|c| (key(name).encode(), c.encode())));
    }
    let (components, _) = map(batch, Schema::Components, components);
    let mut system: Entries = vec![(b"components".to_vec(), components.as_bytes().to_vec())];
    if state.uses {
        let edge = EdgeKey { from: key("agent:a"), relation: "uses".into(), to: key("tool:t") };
        let value = Edge { declared: Some(Attributes::new()), discovered: None };
        let (edges, _) = map(batch, Schema::Edges, vec![(edge.encode(), value.encode())]);
        system.push((b"edges".to_vec(), edges.as_bytes().to_vec()));
    }
    let (system, _) = map(batch, Schema::System, system);
    let entries = [(FILES, files), (b"system", system)];
    let entries = entries.map(|(name, id)| (name.to_vec(), id.as_bytes().to_vec()));
    map(batch, Schema::Root, entries.to_vec()).0
}

/// Makes the commits; the tips become branches, of which every other one is deleted again.
fn make(plan: &[Planned]) -> Made {
    let dir = scratch();
    let me: Identity = identity();
    let stranger = SecretKey::generate().unwrap();
    let repo = new_repository(&Disk::new(), dir.path(), &me);
    std::fs::write(dir.path().join("base"), "1").unwrap();
    let head = must_commit(&repo, &me, "base");
    let base = repo.commit(head).unwrap().commit;
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    let mut commits: Vec<CommitId> = Vec::new();
    for (n, planned) in plan.iter().enumerate() {
        let root = root(&mut batch, &planned.state);
        let parents = planned.parents.iter().map(|at| commits[*at]).collect();
        let committed = Stamp { micros: n as i64, zone: 0 };
        let mut commit = Commit { root, parents, committed, ..base.clone() };
        if !planned.known_signer {
            commit.committer.key = *stranger.public().as_bytes();
            commit.committer.principal = None;
        }
        let payload = commit.encode();
        let signature = match planned.known_signer {
            true => me.key.sign(Namespace::Commit, &payload).unwrap(),
            false => stranger.sign(Namespace::Commit, &payload).unwrap(),
        };
        let object = Signed { payload: &payload, signature: &signature }.encode();
        let id = CommitId::of(&object);
        batch.put(ObjectType::Commit, id.id(), &object, ContentHint::Block).unwrap();
        commits.push(id);
    }
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    let inner: BTreeSet<usize> = plan.iter().flat_map(|planned| planned.parents.clone()).collect();
    let tips = (0..plan.len()).filter(|n| !inner.contains(n));
    for (nth, tip) in tips.enumerate() {
        let name = format!("refs/heads/b{nth}").into_bytes();
        let target = Some(RefTarget::Object(commits[tip].id()));
        let mut log = repo.log().unwrap();
        let (old, kind) = (None, ChangeKind::Create);
        let change = RefChange { name: name.clone(), old, new: target.clone(), kind };
        repo.move_refs(&mut log, vec![change], Cause::of("branch")).unwrap();
        if nth % 2 == 1 {
            let change = RefChange { name, old: target, new: None, kind: ChangeKind::Delete };
            repo.move_refs(&mut log, vec![change], Cause::of("branch")).unwrap();
        }
    }
    let collected = plan.iter().zip(&commits).filter(|(planned, _)| planned.collected);
    let collected: BTreeSet<Id> = collected.map(|(_, id)| id.id()).collect();
    repo.set_expired(&collected).unwrap();
    Made { _dir: dir, repo, commits }
}

/// A question, as text and as the plain reading of it.
#[derive(Clone, Debug)]
enum Asked {
    Exists(&'static str, &'static [&'static str]),
    Edge,
    Content(&'static str, &'static [&'static str], &'static str),
    Row(&'static str),
    RowById(u8, &'static str),
    Count(&'static str, usize),
    Changed(&'static str, &'static [&'static str]),
    Signer,
    Not(Box<Asked>),
    And(Box<Asked>, Box<Asked>),
    Or(Box<Asked>, Box<Asked>),
}

const P: &[&str] = &["p"];
const QR: &[&str] = &["q", "r"];
const M: &[&str] = &["m.jsonl"];

impl Asked {
    fn text(&self) -> String {
        match self {
            Self::Exists(target, _) => format!("exists({target})"),
            Self::Edge => "edge(agent:a, uses, tool:t)".into(),
            Self::Content(target, _, word) => format!("content({target}) ~ \"^{word}\""),
            Self::Row(word) => format!("row(memory:m, *).text ~ \"{word}\""),
            Self::RowById(id, word) => format!("row(path:m.jsonl, *, id={id}).text = \"{word}\""),
            Self::Count(sign, number) => format!("count(memory:m, \"\") {sign} {number}"),
            Self::Changed(target, _) => format!("changed({target})"),
            Self::Signer => "signer = \"mara@example.org\"".into(),
            Self::Not(inner) => format!("not ({})", inner.text()),
            Self::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) or ({})", a.text(), b.text()),
        }
    }

    /// What a state says, read plainly.
    fn value(&self, plan: &[Planned], at: usize) -> Truth {
        let planned = &plan[at];
        let files = &planned.state.files;
        let known = |value: bool| if planned.collected { Truth::Unknown } else { value.into() };
        let held = |at: usize, paths: &[&'static str]| -> Vec<(&str, &str)> {
            let files = &plan[at].state.files;
            paths.iter().filter_map(|p| Some((*p, *files.get(p)?))).collect()
        };
        match self {
            Self::Exists(_, paths) => known(paths.iter().any(|p| files.contains_key(p))),
            Self::Edge => known(planned.state.uses),
            Self::Content(_, paths, word) => known(
                held(at, paths).iter().any(|(_, text)| text.lines().any(|l| l.starts_with(word))),
            ),
            Self::Row(_) | Self::RowById(..) | Self::Count(..) => {
                if planned.collected || files.get("m.jsonl") == Some(&ROWS[4]) {
                    return Truth::Unknown;
                }
                let rows = files.get("m.jsonl").copied().unwrap_or_default().lines();
                let rows = rows.map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
                let rows: Vec<_> = rows.collect();
                let text = |row: &serde_json::Value| row["text"].as_str().map(str::to_owned);
                match self {
                    Self::Row(word) => {
                        rows.iter().any(|row| text(row).is_some_and(|t| t.contains(word))).into()
                    }
                    Self::RowById(id, word) => rows
                        .iter()
                        .any(|row| row["id"] == *id && text(row).as_deref() == Some(word))
                        .into(),
                    Self::Count(">", number) => (rows.len() > *number).into(),
                    Self::Count(_, number) => (rows.len() == *number).into(),
                    _ => unreachable!(),
                }
            }
            Self::Changed(_, paths) => {
                if planned.collected {
                    return Truth::Unknown;
                }
                let own = held(at, paths);
                if planned.parents.is_empty() {
                    return (!own.is_empty()).into();
                }
                let mut value = Truth::True;
                for parent in &planned.parents {
                    if plan[*parent].collected {
                        value = value.min(Truth::Unknown);
                    } else if held(*parent, paths) == own {
                        value = Truth::False;
                    }
                }
                value
            }
            Self::Signer => planned.known_signer.into(),
            Self::Not(inner) => !inner.value(plan, at),
            Self::And(a, b) => a.value(plan, at).min(b.value(plan, at)),
            Self::Or(a, b) => a.value(plan, at).max(b.value(plan, at)),
        }
    }
}

fn questions() -> impl Strategy<Value = Asked> {
    let leaf = prop_oneof![
        Just(Asked::Exists("prompt:p", P)),
        Just(Asked::Exists("prompt:qr", QR)),
        Just(Asked::Exists("path:q", &["q"])),
        Just(Asked::Edge),
        Just(Asked::Content("prompt:p", P, "ignore")),
        Just(Asked::Content("prompt:qr", QR, "be")),
        Just(Asked::Content("path:r", &["r"], "hello")),
        Just(Asked::Row("approve")),
        Just(Asked::RowById(1, "a")),
        Just(Asked::RowById(2, "approve")),
        Just(Asked::Count(">", 1)),
        Just(Asked::Count("=", 0)),
        Just(Asked::Changed("prompt:p", P)),
        Just(Asked::Changed("memory:m", M)),
        Just(Asked::Changed("path:q", &["q"])),
        Just(Asked::Signer),
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| Asked::Not(Box::new(a))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Asked::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Asked::Or(Box::new(a), Box::new(b))),
        ]
    })
}

type Drawn = (Vec<prop::sample::Index>, Vec<u8>, Vec<(u8, u8)>, u8, u8);

fn plans() -> impl Strategy<Value = Vec<Planned>> {
    let parents = prop_oneof![
        1 => prop::collection::vec(any::<prop::sample::Index>(), 0..1),
        6 => prop::collection::vec(any::<prop::sample::Index>(), 1..2),
        4 => prop::collection::vec(any::<prop::sample::Index>(), 2..4),
    ];
    let own = prop::collection::vec((0u8..5, 0u8..6), 0..3);
    let commit = (parents, prop::collection::vec(0u8..3, 5), own, 0u8..8, 0u8..8);
    prop::collection::vec(commit, 1..16).prop_map(plan)
}

fn plan(drawn: Vec<Drawn>) -> Vec<Planned> {
    let mut plan: Vec<Planned> = Vec::new();
    for (n, (parents, sides, own, signer, collected)) in drawn.into_iter().enumerate() {
        let mut chosen: Vec<usize> = Vec::new();
        for parent in parents.iter().filter(|_| n > 0) {
            let parent = n - 1 - parent.index(n.min(5));
            if !chosen.contains(&parent) {
                chosen.push(parent);
            }
        }
        let mut state = State::default();
        let from = |side: u8| chosen.get(side as usize).or(chosen.first()).map(|p| &plan[*p].state);
        for (name, side) in ["p", "q", "r", "m.jsonl"].into_iter().zip(&sides) {
            let text = from(*side).and_then(|state| state.files.get(name));
            state.files.extend(text.map(|text| (name, *text)));
        }
        state.uses = from(sides[4]).is_some_and(|state| state.uses);
        for (what, how) in own {
            let how = how as usize;
            match what {
                4 => state.uses = how.is_multiple_of(2),
                3 => match ROWS.get(how) {
                    Some(rows) => drop(state.files.insert("m.jsonl", rows)),
                    None => drop(state.files.remove("m.jsonl")),
                },
                _ => {
                    let name = ["p", "q", "r"][what as usize];
                    match PROMPTS.get(how) {
                        Some(text) => drop(state.files.insert(name, text)),
                        None => drop(state.files.remove(name)),
                    }
                }
            }
        }
        let (known_signer, collected) = (signer > 0, collected == 0);
        plan.push(Planned { parents: chosen, state, known_signer, collected });
    }
    plan
}

/// The values at the planned commits, by their places in the plan.
fn values(made: &Made, every: &Every, text: &str) -> Vec<Truth> {
    let expression = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let answer = when(&made.repo, every, &expression, &WhenOptions { threads: 2 });
    let by_id: BTreeMap<CommitId, Truth> =
        every.commits.iter().map(|known| known.id).zip(answer.values.iter().copied()).collect();
    made.commits.iter().map(|id| by_id[id]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_question_has_the_value_that_each_state_says(
        plan in plans(),
        asked in prop::collection::vec(questions(), 6),
    ) {
        let made = make(&plan);
        let every = Every::load(&made.repo).unwrap();
        let in_objects = Every::load_in_objects(&made.repo).unwrap();
        prop_assert!(every.unread.is_empty());
        for asked in asked {
            let text = asked.text();
            let wanted: Vec<Truth> = (0..plan.len()).map(|at| asked.value(&plan, at)).collect();
            prop_assert_eq!(&values(&made, &every, &text), &wanted, "{}", text);
            prop_assert_eq!(&values(&made, &in_objects, &text), &wanted, "{}", text);
        }
    }

    #[test]
    fn a_search_tells_each_line_with_the_commits_that_have_it(plan in plans(), some in any::<u16>()) {
        let made = make(&plan);
        let every = Every::load(&made.repo).unwrap();
        let by_id: BTreeMap<_, _> = made.commits.iter().zip(&plan).collect();
        let pattern = Regex::new("ignore|kind|approve").unwrap();
        // All commits and some of them, all files and some paths, of which the graph knows more.
        let paths = || GrepScope::of(["p", "q", "r", "m.jsonl"].map(path));
        for (selected, scope) in [
            (u16::MAX, GrepScope::all()),
            (some, GrepScope::all()),
            (u16::MAX, paths()),
            (some, paths()),
        ] {
            let is_selected = |at: usize| selected >> (at % 16) & 1 == 1;
            let mask: Vec<bool> = (0..every.commits.len()).map(is_selected).collect();
            let report = grep(&made.repo, &every, &mask, &pattern, &scope, 2).unwrap();
            let mut wanted: BTreeMap<(String, String), (usize, usize, bool)> = BTreeMap::new();
            for (at, known) in every.commits.iter().enumerate().filter(|(at, _)| mask[*at]) {
                let Some(planned) = by_id.get(&known.id).filter(|p| !p.collected) else { continue };
                for (name, text) in &planned.state.files {
                    for line in text.lines().filter(|line| pattern.is_match(line.as_bytes())) {
                        let key = (name.to_string(), line.to_owned());
                        let span = wanted.entry(key).or_insert((at, at, false));
                        (span.0, span.1) = (span.0.max(at), span.1.min(at));
                        span.2 |= known.reachable;
                    }
                }
            }
            let found: BTreeMap<_, _> = report
                .hits
                .iter()
                .map(|hit| {
                    let text = String::from_utf8(hit.text.clone()).unwrap();
                    ((hit.path.to_string(), text), (hit.first, hit.last, hit.reachable))
                })
                .collect();
            prop_assert_eq!(found.len(), report.hits.len());
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn what_the_graph_leaves_out_changed_nothing(plan in plans()) {
        let made = make(&plan);
        let edge = EdgeKey { from: key("agent:a"), relation: "uses".into(), to: key("tool:t") };
        for subject in [Subject::Component(key("prompt:qr")), Subject::Edge(edge)] {
            let follow = || SubjectWalk::new(&made.repo, subject.clone());
            let range = Range { include: made.commits.clone(), exclude: Vec::new() };
            let mut walk = CommitWalk::over_graph(&made.repo, &range);
            let (mut touched, mut certain) = (HashSet::new(), Vec::new());
            let mut wanted = |graph: &CommitGraph, at| {
                let touched = follow().touched(graph, at);
                if let Touched::Changed { before, after } = touched {
                    certain.push((graph.row(at).id, follow().change(before, after).unwrap()));
                }
                touched != Touched::No
            };
            while let Some(walked) = walk.next_if(&mut wanted) {
                touched.extend(walked.unwrap().shown.map(|stored| stored.id));
            }
            for id in &made.commits {
                let stored = made.repo.commit(*id).unwrap();
                let changes = follow().visit(&stored).unwrap();
                prop_assert!(changes.is_none() || touched.contains(id));
                for (_, known) in certain.iter().filter(|(known, _)| known == id) {
                    prop_assert!(known.is_some());
                    prop_assert_eq!(known, &changes);
                }
            }
            // All of it in small commits: the graph is certain, but for what merges take.
            let same = |at: &usize| {
                let first = plan[*at].parents.first();
                first.is_some_and(|first| plan[*first].state == plan[*at].state)
            };
            let left_out = (0..plan.len()).filter(same).all(|at| !touched.contains(&made.commits[at]));
            prop_assert!(left_out);
        }
    }

    #[test]
    fn a_turn_is_where_a_commit_has_what_some_parent_has_not(
        plan in plans(),
        asked in questions(),
    ) {
        let values: Vec<Truth> = (0..plan.len()).map(|at| asked.value(&plan, at)).collect();
        // Children before parents: the plan backwards.
        let flip = |at: usize| plan.len() - 1 - at;
        let flipped: Vec<Truth> = values.iter().rev().copied().collect();
        let parents = |at: usize| plan[flip(at)].parents.iter().map(|p| flip(*p)).collect();
        let found: BTreeMap<usize, How> =
            turns(&flipped, parents).into_iter().map(|turn| (flip(turn.at), turn.how)).collect();
        for (at, planned) in plan.iter().enumerate() {
            let same = planned.parents.iter().filter(|p| values[**p] == values[at]).count();
            let (is_first, all) = (planned.parents.is_empty(), planned.parents.len());
            let wanted = match values[at] {
                Truth::Unknown => None,
                Truth::False if is_first => None,
                Truth::True if is_first => Some("first"),
                _ if same == all => None,
                _ if same == 0 => Some("introduced"),
                _ => Some("arrived"),
            };
            let told = found.get(&at).map(|how| match how {
                How::First => "first",
                How::Introduced => "introduced",
                How::Arrived { .. } => "arrived",
            });
            prop_assert_eq!(told, wanted);
        }
    }
}

fn planned(parents: &[usize], files: &[(&'static str, &'static str)]) -> Planned {
    let state = State { files: files.iter().copied().collect(), uses: false, lies: false };
    Planned { parents: parents.to_vec(), state, known_signer: true, collected: false }
}

#[test]
fn what_the_files_do_not_bear_out_is_not_known() {
    let mut plan = [planned(&[], &[("p", "hello")]), planned(&[0], &[("p", "hello")])];
    plan[1].state.lies = true;
    let made = make(&plan);
    let every = Every::load(&made.repo).unwrap();
    let asked = |text: &str| values(&made, &every, text);
    assert_eq!(asked("content(prompt:p) ~ 'hello'"), [Truth::True, Truth::Unknown]);
    assert_eq!(asked("content(path:p) ~ 'hello'"), [Truth::True, Truth::True]);
    assert_eq!(asked("exists(prompt:p)"), [Truth::True, Truth::True]);
}

#[test]
fn rows_that_go_are_counted_by_what_differs() {
    let versions = [1, 0, 2, 3, 1].map(|n| ROWS[n]);
    let plan: Vec<Planned> = versions
        .iter()
        .enumerate()
        .map(|(n, rows)| {
            planned(&n.checked_sub(1).into_iter().collect::<Vec<_>>(), &[("m.jsonl", *rows)])
        })
        .collect();
    let made = make(&plan);
    let every = Every::load(&made.repo).unwrap();
    let asked = |text: &str| values(&made, &every, text).into_iter().map(|v| v == Truth::True);
    let counts = [2, 1, 3, 1, 2];
    for number in 0..5 {
        let found = asked(&format!("count(memory:m, *) = {number}"));
        assert!(found.eq(counts.map(|count| count == number)), "{number}");
    }
    let approved = asked("row(memory:m, *).text = 'approve'");
    assert!(approved.eq([true, false, true, false, true]));
}

#[test]
fn what_two_branches_bring_together_is_new_at_the_merge_alone() {
    let plan = [
        planned(&[], &[("r", "x")]),
        planned(&[0], &[("r", "x"), ("p", "hello")]),
        planned(&[0], &[("r", "x"), ("q", "hello")]),
        planned(&[1, 2], &[("r", "x"), ("p", "hello"), ("q", "hello")]),
    ];
    let made = make(&plan);
    let every = Every::load(&made.repo).unwrap();
    let both = parse("exists(prompt:p) and exists(prompt:qr) and exists(path:q)").unwrap();
    let answer = when(&made.repo, &every, &both, &WhenOptions::default());
    let found = turns(&answer.values, |at| every.commits[at].parents.clone());
    let found: Vec<_> = found.iter().map(|t| (every.commits[t.at].id, t.how.clone())).collect();
    assert_eq!(found, [(made.commits[3], How::Introduced)]);
    let one = parse("exists(prompt:p)").unwrap();
    let answer = when(&made.repo, &every, &one, &WhenOptions::default());
    let found = turns(&answer.values, |at| every.commits[at].parents.clone());
    let told: Vec<_> = found.iter().map(|t| (every.commits[t.at].id, &t.how)).collect();
    assert!(matches!(told[..], [(merge, How::Arrived { .. }), (branch, How::Introduced)]
        if merge == made.commits[3] && branch == made.commits[1]));
}

#[test]
fn every_commit_that_the_log_named_is_there_and_says_whether_a_ref_leads_to_it() {
    // Two tips: the second one's branch is deleted again.
    let plan = [
        planned(&[], &[("p", "hello")]),
        planned(&[0], &[("p", "ignore")]),
        planned(&[0], &[("q", "hello")]),
        planned(&[2], &[("q", "ignore")]),
    ];
    let made = make(&plan);
    for every in [Every::load(&made.repo), Every::load_in_objects(&made.repo)] {
        let every = every.unwrap();
        let found: BTreeMap<_, _> =
            every.commits.iter().map(|known| (known.id, known.reachable)).collect();
        let reachable: Vec<_> = made.commits.iter().map(|id| found[id]).collect();
        assert_eq!(reachable, [true, true, false, false]);
        // The commit of the founder, and these.
        assert_eq!(every.commits.len(), 5);
        assert!(every.commits.iter().all(|known| known.holds == Holds::State));
        for (at, known) in every.commits.iter().enumerate() {
            assert!(known.parents.iter().all(|parent| *parent > at));
        }
    }
}

#[test]
fn a_log_that_is_damaged_is_told_of_and_the_refs_still_count() {
    let plan = [planned(&[], &[("p", "hello")]), planned(&[0], &[("p", "ignore")])];
    let made = make(&plan);
    let log = std::fs::read_dir(made.repo.folder().join("log")).unwrap().next().unwrap();
    let log = log.unwrap().path();
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let every = Every::load(&made.repo).unwrap();
    assert!(every.commits.iter().any(|known| known.id == made.commits[1]));
    let told = every.unread.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(
        matches!(&told[..], [one] if one.starts_with("the log cannot be read before its entry")),
        "{told:?}"
    );
}

#[test]
fn a_commit_that_is_gone_is_told_of_and_unknown() {
    let plan = [planned(&[], &[("p", "hello")])];
    let made = make(&plan);
    let mut log = made.repo.log().unwrap();
    let gone = Id::new([7; 32]);
    let change = RefChange {
        name: b"refs/heads/gone".to_vec(),
        old: None,
        new: Some(RefTarget::Object(gone)),
        kind: ChangeKind::Create,
    };
    made.repo.move_refs(&mut log, vec![change], Cause::of("branch")).unwrap();
    let every = Every::load(&made.repo).unwrap();
    let known = every.commits.iter().find(|known| known.id.id() == gone).unwrap();
    assert_eq!((known.holds, known.reachable), (Holds::Unreadable, true));
    assert_eq!(every.unread.len(), 1);
    let question = parse("exists(prompt:p)").unwrap();
    let answer = when(&made.repo, &every, &question, &WhenOptions::default());
    let at = every.commits.iter().position(|known| known.id.id() == gone).unwrap();
    assert_eq!(answer.values[at], Truth::Unknown);
    assert_eq!(answer.reason(at), Some("the commit cannot be read"));
}
