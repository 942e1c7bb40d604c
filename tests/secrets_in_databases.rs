//! Secrets in the rows of SQLite databases are refused at commit, and named by table and row.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use program::Desk;
use rusqlite::Connection;

/// Put together here, so that no scanner of this source takes it for a real one.
fn token() -> String {
    ["AKIA", "Q3EGUZ7TXN5WJ4RB"].concat()
}

fn open(desk: &Desk, name: &str) -> Connection {
    Connection::open(desk.path().join(name)).unwrap()
}

/// The fingerprint that a refused commit told.
fn fingerprint(stderr: &str) -> String {
    let rest = stderr.split("aisr allow secret ").nth(1).expect("a hint");
    rest[..32].to_owned()
}

/// The places that a refused commit told.
fn refused(desk: &Desk) -> Vec<String> {
    let ran = desk.run(["commit", "-m", "x"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.text(), ran.stderr);
    let lines = ran.stderr.lines().filter(|line| line.starts_with("  "));
    lines.map(|line| line.trim().split("  ").next().unwrap().to_owned()).collect()
}

fn nothing_of_it_is_stored(desk: &Desk) {
    for pack in fs::read_dir(desk.path().join(".aisr/packs")).unwrap() {
        let bytes = fs::read(pack.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, token().as_bytes()).is_none());
    }
}

/// Rows enough that the database is cut into chunks.
const ROWS: &str = "CREATE TABLE filler (id INTEGER PRIMARY KEY, v TEXT);
    WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1500)
    INSERT INTO filler SELECT i, hex(randomblob(300)) FROM r;";

#[test]
fn a_secret_in_a_row_is_refused_with_table_and_row_and_the_ways_out() {
    for journal in ["delete", "wal"] {
        for filler in ["", ROWS] {
            let desk = Desk::new();
            desk.commit("a", "1", "First");
            let db = open(&desk, "memory.db");
            db.pragma_update(None, "journal_mode", journal).unwrap();
            db.execute_batch(filler).unwrap();
            db.execute_batch("CREATE TABLE notes (id INTEGER PRIMARY KEY, who TEXT, text TEXT)")
                .unwrap();
            let row = (7001, "mara", format!("the key is {}", token()));
            db.execute("INSERT INTO notes VALUES (?1, ?2, ?3)", row).unwrap();
            let files = ["memory.db", "memory.db-wal"].map(|name| desk.path().join(name));
            let before = files.clone().map(|file| fs::read(file).ok());
            let shown = desk.shown(["commit", "-m", "Second"]);
            let hidden = shown.replace(&fingerprint(&shown), "<fingerprint>");
            assert_eq!(
                hidden,
                "error: the folder holds a secret that would be kept for ever\n  \
                 memory.db (table notes, row 7001)  aws-access-token  <fingerprint>\n\
                 hint: take it out of the file, or leave the file out: a line in .aisrignore\n\
                 hint: or let one pass, here alone: `aisr allow secret <fingerprint>`\n[3]"
            );
            nothing_of_it_is_stored(&desk);
            assert_eq!(files.map(|file| fs::read(file).ok()), before, "it is never rewritten");

            desk.ok(["allow", "secret", &fingerprint(&shown)]);
            desk.ok(["commit", "-m", "Second"]);
            db.execute_batch("UPDATE notes SET who = 'somebody else'").unwrap();
            desk.ok(["commit", "-m", "Third"]);
            desk.ok(["fsck"]);
        }
    }
}

#[test]
fn a_secret_is_found_wherever_sqlite_puts_it() {
    // In records of these lengths a cell ends after 489 bytes, and the first page after it with
    // 4,581; the secret lies before, across and behind those ends.
    let (mut cut, token) = (0, token());
    let around = |end: usize, total: usize| (end - 60..end).step_by(7).map(move |at| (at, total));
    for (at, total) in
        around(489, 4_100).chain(around(4_581, 8_190)).chain([(0, 30), (9_999, 20_000)])
    {
        let desk = Desk::new();
        let db = open(&desk, "memory.db");
        db.execute_batch("CREATE TABLE t (a TEXT, b TEXT)").unwrap();
        let text = format!("{} {token} {}", ".".repeat(at), ".".repeat(total - at - 22));
        let row = ("ends in a letter", text);
        db.execute("INSERT INTO t(rowid, a, b) VALUES (-5, ?1, ?2)", row).unwrap();
        let image = fs::read(desk.path().join("memory.db")).unwrap();
        cut += u32::from(memchr::memmem::find(&image, token.as_bytes()).is_none());
        assert_eq!(refused(&desk), ["memory.db (table t, row -5)"], "{at} of {total}");
    }
    assert!(cut >= 4, "{cut} were cut");
}

#[test]
fn values_that_stand_side_by_side_are_not_read_as_one() {
    let desk = Desk::new();
    let db = open(&desk, "memory.db");
    db.execute_batch("CREATE TABLE t (a TEXT, b TEXT, c TEXT)").unwrap();
    let token = token();
    let (start, end) = token.split_at(9);
    db.execute("INSERT INTO t VALUES ('-', ?1, ?2)", [start, end]).unwrap();
    desk.ok(["commit", "-m", "Two halves are no secret"]);
    db.execute("INSERT INTO t VALUES ('word', ?1, 'word')", [&token]).unwrap();
    assert_eq!(refused(&desk), ["memory.db (table t, row 2)"]);
}

#[test]
fn tables_without_row_ids_blobs_and_indexes_are_scanned() {
    let desk = Desk::new();
    let db = open(&desk, "memory.db");
    db.execute_batch(
        "CREATE TABLE keyed (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
         WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 500)
         INSERT INTO keyed SELECT printf('%04d', i), 'value ' || i FROM r;
         CREATE TABLE state (id INTEGER PRIMARY KEY, blob BLOB)",
    )
    .unwrap();
    desk.ok(["commit", "-m", "First"]);
    db.execute("UPDATE keyed SET v = ?1 WHERE k = '0321'", [token()]).unwrap();
    assert_eq!(refused(&desk), ["memory.db (table keyed, row 321 by its key)"]);
    db.execute("UPDATE keyed SET v = 'gone and long enough' WHERE k = '0321'", []).unwrap();
    let json = format!("{{\"key\": \"{}\"}}", token()).into_bytes();
    db.execute("INSERT INTO state VALUES (3, ?1)", [json]).unwrap();
    assert_eq!(refused(&desk), ["memory.db (table state, row 3)"]);
    db.execute_batch("DELETE FROM state; VACUUM").unwrap();
    desk.ok(["commit", "-m", "Second"]);
    db.execute(
        "INSERT INTO state VALUES (4, ?1)",
        [[b"\xff".as_slice(), token().as_bytes()].concat()],
    )
    .unwrap();
    desk.ok(["commit", "-m", "What is not UTF-8 is not scanned"]);

    let db = open(&desk, "other.db");
    db.execute_batch("CREATE TABLE people (name TEXT); CREATE INDEX by_name ON people (name)")
        .unwrap();
    db.execute("INSERT INTO people VALUES (?1)", [token()]).unwrap();
    assert_eq!(
        refused(&desk),
        ["other.db (table people, row 1)", "other.db (index by_name of table people)"]
    );
}

#[test]
fn what_is_left_of_a_deleted_row_is_refused_and_vacuum_removes_it() {
    let desk = Desk::new();
    let db = open(&desk, "memory.db");
    db.execute_batch("CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('one'), ('two')").unwrap();
    db.execute("INSERT INTO t VALUES (?1)", [format!("a key {}", token())]).unwrap();
    db.execute_batch("INSERT INTO t VALUES ('four'); DELETE FROM t WHERE x LIKE 'a key%'").unwrap();
    let shown = desk.shown(["commit", "-m", "First"]);
    assert_snapshot!(shown.replace(&fingerprint(&shown), "<fingerprint>"), @r"
    error: the folder holds a secret that would be kept for ever
      memory.db (page 2, in no row any more)  aws-access-token  <fingerprint>
    hint: take it out of the file, or leave the file out: a line in .aisrignore
    hint: `VACUUM` in the database removes what is left of deleted rows
    hint: or let one pass, here alone: `aisr allow secret <fingerprint>`
    [3]
    ");
    db.execute_batch("VACUUM").unwrap();
    desk.ok(["commit", "-m", "First"]);
}

#[test]
fn a_secret_that_heads_version_holds_is_no_news() {
    for filler in ["", ROWS] {
        let desk = Desk::new();
        let db = open(&desk, "memory.db");
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)").unwrap();
        let long = format!("{} {}", "w ".repeat(3000), token());
        db.execute("INSERT INTO t VALUES (1, ?1)", [long]).unwrap();
        db.execute_batch(filler).unwrap();
        let print = fingerprint(&desk.run(["commit", "-m", "x"]).stderr);
        desk.ok(["allow", "secret", &print]);
        desk.ok(["commit", "-m", "First"]);
        desk.ok(["allow", "--revoke", &print]);
        db.execute_batch("INSERT INTO t VALUES (2, 'beside it')").unwrap();
        desk.ok(["commit", "-m", "Second"]);
        db.execute("INSERT INTO t VALUES (3, ?1)", [token().replace('Q', "R")]).unwrap();
        assert_eq!(refused(&desk), ["memory.db (table t, row 3)"]);
        // At another path it is.
        fs::write(desk.path().join("copy.txt"), token()).unwrap();
        assert_eq!(refused(&desk).len(), 2);
    }
}

#[test]
fn a_text_that_is_written_over_in_its_overflow_pages_is_scanned() {
    let desk = Desk::new();
    let db = open(&desk, "memory.db");
    db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)").unwrap();
    let text = |middle: &str| format!("{} {middle} {}", "w ".repeat(9000), "v ".repeat(9000));
    db.execute("INSERT INTO t VALUES (5, ?1)", [text(&"k".repeat(20))]).unwrap();
    db.execute_batch(ROWS).unwrap();
    desk.ok(["commit", "-m", "First"]);
    db.execute("UPDATE t SET x = ?1", [text(&token())]).unwrap();
    assert_eq!(refused(&desk), ["memory.db (table t, row 5)"]);
}

#[test]
fn texts_in_utf_16_and_texts_above_the_limit_are_counted() {
    let desk = Desk::new();
    let db = open(&desk, "wide.db");
    db.execute_batch("PRAGMA encoding = 'UTF-16'; CREATE TABLE t (x)").unwrap();
    db.execute("INSERT INTO t VALUES (?1)", [token()]).unwrap();
    let db = open(&desk, "long.db");
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    db.execute("INSERT INTO t VALUES (?1)", ["x".repeat(5 << 20)]).unwrap();
    let shown = desk.ok(["commit", "-m", "x"]);
    assert!(shown.contains("not looked for in 2 files"), "{shown}");
}

#[test]
fn the_databases_of_other_programs_and_random_embeddings_raise_no_alarm() {
    let desk = Desk::new();
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/memory");
    for name in ["chroma/chroma.sqlite3", "langgraph.sqlite", "sqlite-vec.sqlite"] {
        fs::copy(real.join(name), desk.path().join(name.replace('/', "-"))).unwrap();
    }
    let db = open(&desk, "embeddings.db");
    db.execute_batch(
        "CREATE TABLE chunks (id INTEGER PRIMARY KEY, text TEXT, vector BLOB);
         WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 3000)
         INSERT INTO chunks SELECT i, 'risk-based task-' || i || ' sk-learn hf_ ghp_ SG. ' ||
             hex(randomblob(200)), randomblob(1536 * (1 + i % 4)) FROM r;",
    )
    .unwrap();
    let shown = desk.ok(["commit", "-m", "x"]);
    assert!(!shown.contains("not looked for"), "{shown}");
}

#[test]
fn a_row_that_leads_in_a_circle_ends_the_scan() {
    let desk = Desk::new();
    let db = open(&desk, "memory.db");
    db.execute_batch("CREATE TABLE t (x TEXT)").unwrap();
    db.execute("INSERT INTO t VALUES (?1)", ["w ".repeat(1 << 20)]).unwrap();
    drop(db);
    // Every page behind the first of the text leads back to it.
    let file = desk.path().join("memory.db");
    let mut image = fs::read(&file).unwrap();
    for page in image.chunks_mut(4096).skip(2) {
        page[..4].copy_from_slice(&3_u32.to_be_bytes());
    }
    image[2 * 4096 + 100..][..22].copy_from_slice(format!(" {} ", token()).as_bytes());
    fs::write(&file, image).unwrap();
    assert_eq!(refused(&desk)[0], "memory.db (table t, row 1)");
}
