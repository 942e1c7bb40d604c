//! What a person sees of `aisr sql`.

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;
use rusqlite::Connection;

/// A desk with two versions of a memory.
fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path().join("memory")).unwrap();
    let db = Connection::open(desk.path().join("memory/store.sqlite")).unwrap();
    db.execute_batch(
        "CREATE TABLE memories (id INTEGER PRIMARY KEY, text TEXT, score REAL, raw BLOB);
         INSERT INTO memories VALUES (1, 'prefers phone', 0.5, NULL),
             (777, 'says \"yes\", often', 1.0, x'00ff'), (778, 'a' || char(27) || '[31mred', 2, NULL);",
    )
    .unwrap();
    desk.ok(["commit", "-m", "one"]);
    db.execute_batch(
        "UPDATE memories SET text = 'prefers e-mail' WHERE id = 1;
         INSERT INTO memories VALUES (900, 'new', NULL, NULL);",
    )
    .unwrap();
    desk.ok(["commit", "-m", "two"]);
    desk
}

const STORE: &str = "memory/store.sqlite";

#[test]
fn rows_are_a_table_or_csv_or_json() {
    let desk = desk();
    let query = "SELECT id, text, score, raw, id FROM memories ORDER BY id";
    assert_snapshot!(desk.shown(["sql", STORE, query]));
    assert_snapshot!(desk.shown(["sql", STORE, query, "--csv"]));
    assert_snapshot!(desk.shown(["sql", STORE, query, "--json"]));
    let none = "SELECT id FROM memories WHERE id = 0";
    assert_snapshot!(desk.shown(["sql", STORE, none]), @r"
    id
    [0]
    ");
    assert_snapshot!(desk.shown(["sql", STORE, none, "--json"]), @r"
    []
    [0]
    ");
}

#[test]
fn a_version_is_queried_without_a_checkout_and_beside_others() {
    let desk = desk();
    let text = "SELECT text FROM memories WHERE id = 1";
    assert_snapshot!(desk.shown(["sql", &format!("@~:{STORE}"), text, "--csv"]), @r"
    text
    prefers phone
    [0]
    ");
    let new = "SELECT id, text FROM memories EXCEPT SELECT id, text FROM old.memories";
    assert_snapshot!(desk.shown(["sql", STORE, "--with", "old=@~", new]), @r"
    id   text
    1    prefers e-mail
    900  new
    [0]
    ");
    let both =
        "SELECT (SELECT count(*) FROM a.memories) || ' ' || (SELECT count(*) FROM b.memories)";
    let named = [format!("a=@~:{STORE}"), format!("b=@:{STORE}")];
    let shown = desk.shown(["sql", STORE, "--with", &named[0], "--with", &named[1], both, "--csv"]);
    assert_snapshot!(shown, @r"
    (SELECT count(*) FROM a.memories) || ' ' || (SELECT count(*) FROM b.memories)
    3 4
    [0]
    ");
    std::fs::remove_file(desk.path().join(STORE)).unwrap();
    desk.ok(["sql", STORE, text]);
}

#[test]
fn a_component_is_named_as_such_in_any_version() {
    let desk = desk();
    desk.write(
        "aisr.toml",
        "[memory.store]\npath = \"memory/store.sqlite\"\n\n[memory.all]\npath = [\"memory/store.sqlite\", \"more\"]\n\n[memory.far]\n",
    );
    desk.write("more", "text\n");
    desk.ok(["commit", "-m", "components"]);
    let count = "SELECT count(*) AS n FROM memories";
    assert_snapshot!(desk.shown(["sql", "memory:store", count, "--csv"]), @r"
    n
    4
    [0]
    ");
    let both = "SELECT count(*) AS n FROM old.memories";
    for old in ["old=@~:memory/store.sqlite", "old=memory:store@@", "old=HEAD"] {
        assert!(desk.ok(["sql", "memory:store", "--with", old, both, "--csv"]).contains('4'));
    }
    assert_snapshot!("component_of_two", desk.shown(["sql", "memory:all", count]));
    assert_snapshot!("component_of_none", desk.shown(["sql", "memory:far", count]));
    assert_snapshot!("component_before", desk.shown(["sql", "memory:store@@~", count]));
    assert_snapshot!("component_unknown", desk.shown(["sql", "memory:stor", count]));
}

#[test]
fn what_cannot_be_asked_is_told_with_the_way_out() {
    let desk = desk();
    desk.write("notes.txt", "no database\n");
    desk.ok(["commit", "-m", "notes"]);
    for (name, args) in [
        ("write", vec![STORE, "DELETE FROM memories"]),
        ("two_statements", vec![STORE, "SELECT 1; SELECT 2"]),
        ("syntax", vec![STORE, "SELECT FROM memories"]),
        ("no_table", vec![STORE, "SELECT * FROM memory"]),
        ("no_file", vec!["memory/other.sqlite", "SELECT 1"]),
        ("no_database", vec!["notes.txt", "SELECT 1"]),
        ("folder", vec!["memory", "SELECT 1"]),
        ("no_name", vec![STORE, "SELECT 1", "--with", "@~"]),
        ("name", vec![STORE, "SELECT 1", "--with", "main=@~"]),
        ("revision", vec![STORE, "SELECT 1", "--with", "old=v9"]),
        (
            "time",
            vec![
                STORE,
                "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r",
                "--timeout",
                "0",
            ],
        ),
    ] {
        let args = [vec!["sql"], args].concat();
        assert_snapshot!(name, desk.shown(args));
    }
}
