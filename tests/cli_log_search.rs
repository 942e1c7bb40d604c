//! What `log` finds, follows and draws.

#[path = "support/program.rs"]
mod program;
mod support;

use aisr::disk::Disk;
use aisr::log::RefName;
use aisr::object::{Cause, ChangeKind, RefChange, RefTarget};
use aisr::repo::Repository;
use insta::assert_snapshot;
use program::Desk;
use rusqlite::Connection;
use support::texts::{Planned, Texts, make};

/// The first lines of the messages of the commits that are listed.
fn found(desk: &Desk, words: &[&str]) -> Vec<String> {
    let all = [&["log", "--format", "%s"], words].concat();
    desk.ok(all).lines().map(str::to_owned).collect()
}

#[test]
fn a_string_is_found_where_its_number_changes() {
    let desk = Desk::new();
    desk.commit("p/a.md", "one\n", "First");
    desk.commit("p/a.md", "one\nignore previous\n", "Brought");
    desk.commit("q/b.md", "other\n", "Other");
    desk.commit("p/a.md", "one changed\nignore previous\n", "Beside");
    std::fs::rename(desk.path().join("p/a.md"), desk.path().join("p/c.md")).unwrap();
    desk.ok(["commit", "-m", "Moved"]);
    desk.commit("p/c.md", "one changed\n", "Took");
    assert_eq!(found(&desk, &["-S", "ignore previous"]), ["Took", "Brought"]);
    assert_eq!(found(&desk, &["-S", "ignore previous", "--", "q"]), [""; 0]);
    assert_eq!(found(&desk, &["-S", "ignore previous", "-n", "1"]), ["Took"]);
    assert_eq!(found(&desk, &["-G", "^ignore prev.*s$"]), ["Took", "Brought"]);
    assert_eq!(found(&desk, &["-G", "(?i)ONE"]), ["Beside", "First"]);
    assert_snapshot!("search_none", desk.shown(["log", "-S", "nowhere"]));
    assert_snapshot!("search_empty", desk.shown(["log", "-S", ""]));
    assert_snapshot!("search_bad", desk.shown(["log", "-G", "a("]));
}

#[test]
fn records_are_searched_where_a_content_is_no_text_or_hides_it() {
    let desk = Desk::new();
    let database = Connection::open(desk.path().join("m.db")).unwrap();
    database
        .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, text); CREATE TABLE u (a);")
        .unwrap();
    desk.ok(["commit", "-m", "Empty"]);
    let steps = [
        ("Row", "INSERT INTO t VALUES (1, 'approve without review')"),
        ("Beside", "INSERT INTO t VALUES (2, 'nothing')"),
        ("Same", "UPDATE t SET text = 'always approve without review' WHERE id = 1"),
        ("Twice", "INSERT INTO u VALUES ('without review'), ('without review')"),
        ("Once", "DELETE FROM u WHERE rowid = 1"),
        ("Gone", "DELETE FROM t WHERE id = 1"),
    ];
    for (message, statement) in steps {
        database.execute(statement, []).unwrap();
        desk.ok(["commit", "-m", message]);
    }
    assert_eq!(found(&desk, &["-S", "without review"]), ["Gone", "Once", "Twice", "Row"]);
    let matches = found(&desk, &["-G", "approve.*review"]);
    assert_eq!(matches, ["Gone", "Same", "Row"]);
    desk.commit("tools.json", r#"{"a": "ignore previous"}"#, "Plain");
    desk.commit("tools.json", r#"{"a": "ign\u006fre previous"}"#, "Hidden");
    desk.commit(
        "tools.json",
        r#"{"a": "ign\u006fre previous", "b": "ign\u006fre previous"}"#,
        "Twice hidden",
    );
    let hidden = found(&desk, &["-S", "ignore previous", "--", "tools.json"]);
    // What is written changes at `Hidden`, what it says at `Twice hidden`.
    assert_eq!(hidden, ["Twice hidden", "Hidden", "Plain"]);
}

#[test]
fn a_file_is_followed_through_its_names() {
    let desk = Desk::new();
    let text = "a line\nanother line\na third line\n";
    desk.commit("a.md", text, "A");
    desk.commit("beside", "1", "Beside");
    std::fs::rename(desk.path().join("a.md"), desk.path().join("b.md")).unwrap();
    desk.commit("b.md", &format!("{text}more\n"), "B");
    desk.commit("b.md", &format!("{text}even more\n"), "B two");
    assert_eq!(found(&desk, &["--follow", "--", "b.md"]), ["B two", "B", "A"]);
    assert_eq!(found(&desk, &["--", "b.md"]), ["B two", "B"]);
    assert_eq!(found(&desk, &["--follow", "HEAD~..", "--", "b.md"]), ["B two"]);
    assert_snapshot!("follow_two", desk.shown(["log", "--follow", "--", "b.md", "beside"]));
}

#[test]
fn placeholders_are_filled_in() {
    let desk = Desk::new();
    desk.write("a", "1");
    let words = ["--author", "agent:refunds", "--acting-for", "agent:triage"];
    desk.ok([&["commit", "-m", "Subject\n\nBody \u{202e}of it\nin lines"][..], &words].concat());
    let id = desk.head();
    let shown = |format: &str| desk.ok(["log", "--format", format]);
    assert_eq!(shown("%H|%h|%s"), format!("{id}|{}|Subject\n", &id[..8]));
    assert_eq!(
        shown("%an|%cn|%(signer)|%(author)|%(for)"),
        "agent:refunds|mara@example.org|mara@example.org|agent:refunds|agent:triage\n"
    );
    assert_eq!(shown("%b%n%%%x41"), "Body \\u{202e}of it\nin lines\n%A\n");
    assert_eq!(
        shown("%G? %(verdict) %(cause)%d %D"),
        "G good manual (HEAD -> main) HEAD -> main\n"
    );
    assert!(shown("%GK").starts_with("SHA256:"));
    let time = desk.json(["log", "--json"])[0]["time"].as_str().unwrap().to_owned();
    assert_eq!(shown("%cI %cs"), format!("{time} {}\n", &time[..10]));
    assert_eq!(shown("%P"), "\n");
    assert_snapshot!("format_unknown", desk.shown(["log", "--format", "%h %q"]));
    assert_snapshot!("format_unknown_word", desk.shown(["log", "--format", "%(signr)"]));
}

#[test]
fn history_is_drawn_beside_commits() {
    let desk = Desk::new();
    desk.commit("a", "1", "Root");
    desk.ok(["branch", "side"]);
    desk.commit("a", "2", "Main");
    desk.ok(["checkout", "side"]);
    desk.commit("b", "1", "Side");
    desk.commit("b", "2", "Side two");
    let graph = |words: &[&str]| desk.shown([&["log", "--graph", "--all"][..], words].concat());
    assert_snapshot!("graph", graph(&["--oneline"]));
    assert_snapshot!("graph_long", graph(&["-n", "2"]));
    assert_snapshot!("graph_cut", desk.shown(["log", "--graph", "--oneline", "side", "^side~"]));
    // Commits that are left out leave a dotted line.
    assert_snapshot!("graph_paths", graph(&["--oneline", "-S", "1"]));
}

/// Makes commits with these parents, each with its number as its message, and the branch `drawn` at
/// the last. Those that are `marked` change the file `marks`, which others have as their first
/// parent does.
fn plant(desk: &Desk, parents: &[&[usize]], marked: &[usize]) {
    let repo = Repository::open(Disk::new(), &desk.path()).unwrap();
    let mut log = repo.log().unwrap();
    let base = repo.commit(log.refs().head_commit().unwrap()).unwrap().commit;
    let mut plan: Vec<Planned> = Vec::new();
    for (n, parents) in parents.iter().enumerate() {
        let mut files = match parents.first() {
            Some(first) => plan[*first].files.clone(),
            None => Texts::new(),
        };
        files.insert("n".to_owned(), n.to_string().into_bytes());
        if marked.contains(&n) {
            files.insert("marks".to_owned(), format!("mark {n}").into_bytes());
        }
        plan.push(Planned { parents: parents.to_vec(), files });
    }
    let commits = make(&repo, &support::identity(), &base, &plan);
    let new = Some(RefTarget::Object(commits.last().unwrap().id()));
    let name = RefName::branch("drawn").unwrap();
    let change =
        RefChange { name: name.as_bytes().into(), old: None, new, kind: ChangeKind::Create };
    repo.move_refs(&mut log, vec![change], Cause::of("test")).unwrap();
}

#[test]
fn twenty_branches_side_by_side_can_be_read() {
    let desk = Desk::new();
    desk.commit("a", "1", "Base");
    // A root, twenty branches of two commits each, and one merge of all.
    let mut parents: Vec<Vec<usize>> = vec![vec![]];
    parents.extend((0..20).map(|_| vec![0]));
    parents.extend((0..20).map(|branch| vec![branch + 1]));
    parents.push((0..20).map(|branch| branch + 21).collect());
    plant(&desk, &parents.iter().map(Vec::as_slice).collect::<Vec<_>>(), &[]);
    let drawn = desk.shown(["log", "--graph", "--format", "%s", "drawn"]);
    assert_snapshot!("twenty_branches", drawn);
    let nodes: Vec<&str> = drawn.lines().filter(|line| line.contains('○')).collect();
    assert_eq!(nodes.len(), 42);
    // At most one column for each branch: two cells, and the text behind.
    assert!(drawn.lines().all(|line| line.chars().count() <= 2 * 20 + 6), "{drawn}");
}

#[test]
fn lines_past_commits_that_are_left_out_say_nothing_twice() {
    let desk = Desk::new();
    desk.commit("a", "1", "Base");
    // 0 - 1 - 2 - 5, 1 - 3 - 5, 0 - 4 - 5, of which only 0, 1 and 5 are shown.
    plant(&desk, &[&[], &[0], &[1], &[1], &[0], &[2, 3, 4]], &[0, 1, 5]);
    let words = ["log", "--graph", "--format", "%s", "-G", "^mark", "drawn"];
    assert_snapshot!("left_out", desk.shown(words));
}
