//! Queries over sources in memory: what passes, what does not, and how much is read.

use std::any::Any;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::view::Chunk;

/// How long a query may take where the time is not what is tested.
const LONG: Duration = Duration::from_secs(60);

/// The bytes of a database that `make` makes.
fn database(make: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(make).unwrap();
    drop(db);
    std::fs::read(path).unwrap()
}

fn session(bytes: Vec<u8>) -> Result<SqlSession, SqlError> {
    SqlSession::open(Arc::new(bytes), Vec::new(), LONG)
}

/// All rows, as text.
fn rows(session: &SqlSession, query: &str) -> Result<Vec<String>, SqlError> {
    let mut found = Vec::new();
    session.query::<SqlError>(query, &mut |_| Ok(()), &mut |row| {
        let shown: Vec<_> = row
            .iter()
            .map(|value| match value {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                ValueRef::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            })
            .collect();
        found.push(shown.join("|"));
        Ok(())
    })?;
    Ok(found)
}

/// A source that counts the bytes that are read of it, and fails from one place on.
struct Counted {
    bytes: Vec<u8>,
    read: AtomicU64,
    damaged: Option<Range<u64>>,
}

impl Counted {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, read: AtomicU64::new(0), damaged: None }
    }
}

impl Source for Counted {
    fn len(&self) -> u64 {
        Source::len(&self.bytes)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
        if self.damaged.as_ref().is_some_and(|damaged| damaged.contains(&offset)) {
            return Err(ViewError::Read(std::io::Error::other("a scratch")));
        }
        self.read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.bytes.read_at(offset, buffer)
    }

    fn chunks(&self, _: Range<u64>) -> Result<Option<Vec<Chunk>>, ViewError> {
        Ok(None)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

const ROWS: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);
    WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 20000)
    INSERT INTO t SELECT i, 'row ' || i || hex(randomblob(100)) FROM r;";

#[test]
fn a_query_by_key_reads_less_than_a_hundredth() {
    let source = Arc::new(Counted::new(database(ROWS)));
    let session = SqlSession::open(source.clone(), Vec::new(), LONG).unwrap();
    let found = rows(&session, "SELECT substr(text, 1, 8) FROM t WHERE id = 7777").unwrap();
    assert_eq!(found, ["row 7777"]);
    let read = source.read.load(Ordering::Relaxed);
    assert!(read * 100 <= Source::len(&*source), "{read} of {} bytes", Source::len(&*source));
}

#[test]
fn a_database_in_wal_mode_and_one_in_utf_16_are_read_as_they_are() {
    let wal = database("PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (7);");
    assert_eq!(wal[18], 2);
    assert_eq!(rows(&session(wal).unwrap(), "SELECT x FROM t").unwrap(), ["7"]);
    let wide =
        database("PRAGMA encoding='UTF-16be'; CREATE TABLE t (x); INSERT INTO t VALUES ('é');");
    assert_eq!(rows(&session(wide).unwrap(), "SELECT x FROM t").unwrap(), ["é"]);
}

#[test]
fn versions_stand_beside_each_other() {
    let make = |x: i32| -> Arc<dyn Source> {
        Arc::new(database(&format!("CREATE TABLE t (x); INSERT INTO t VALUES ({x}), (5);")))
    };
    let others = vec![("old".into(), make(1)), ("older one".into(), make(2))];
    let session = SqlSession::open(make(0), others, LONG).unwrap();
    let query = "SELECT x FROM t EXCEPT SELECT x FROM old.t UNION SELECT x FROM \"older one\".t";
    assert_eq!(rows(&session, query).unwrap(), ["0", "2", "5"]);
    for bad in ["main", "temp", "old"] {
        let others = vec![("old".into(), make(1)), (bad.into(), make(2))];
        assert!(SqlSession::open(make(0), others, LONG).is_err(), "{bad}");
    }
    let many = (0..11).map(|n| (format!("n{n}"), make(n))).collect();
    assert!(
        matches!(SqlSession::open(make(0), many, LONG), Err(SqlError::Name(name)) if name == "n10")
    );
}

#[test]
fn nothing_but_reading_passes() {
    let session =
        session(database("CREATE TABLE t (x); CREATE INDEX i ON t (x); INSERT INTO t VALUES (1);"))
            .unwrap();
    for query in [
        "INSERT INTO t VALUES (2)",
        "UPDATE t SET x = 2",
        "DELETE FROM t",
        "DROP TABLE t",
        "CREATE TABLE u (x)",
        "CREATE TEMP TABLE u (x)",
        "CREATE TEMP VIEW u AS SELECT 1",
        "CREATE VIRTUAL TABLE temp.u USING fts5(x)",
        "ATTACH '/etc/passwd' AS p",
        "ATTACH ':memory:' AS p",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/tmp/never-written.db'",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "SAVEPOINT s",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA trusted_schema = 1",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA user_version = 3",
        "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('simple')",
    ] {
        let refused = rows(&session, query);
        assert!(matches!(refused, Err(SqlError::NotAllowed(_))), "{query}: {refused:?}");
    }
    assert!(!std::path::Path::new("/tmp/never-written.db").exists());
    assert_eq!(rows(&session, "SELECT x FROM t").unwrap(), ["1"]);
    assert_eq!(rows(&session, "SELECT name FROM pragma_table_info('t')").unwrap(), ["x"]);
    assert_eq!(rows(&session, "PRAGMA table_info(t)").unwrap().len(), 1);
}

#[test]
fn a_query_is_one_statement() {
    let session = session(database("CREATE TABLE t (x);")).unwrap();
    for (query, what) in [("", "none"), (" -- nothing", "none"), ("SELECT 1; SELECT 2", "several")]
    {
        let refused = rows(&session, query);
        assert!(matches!(refused, Err(SqlError::Statements(told)) if told == what), "{query}");
    }
    assert_eq!(rows(&session, "SELECT 1; -- and no more").unwrap(), ["1"]);
    assert!(matches!(rows(&session, "SELEC 1"), Err(SqlError::Sqlite(_))));
}

#[test]
fn time_and_memory_have_an_end() {
    let bytes: Arc<dyn Source> = Arc::new(database("CREATE TABLE t (x);"));
    let endless =
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r";
    let short = Duration::from_millis(50);
    let session = SqlSession::open(bytes, Vec::new(), short).unwrap();
    assert!(matches!(rows(&session, endless), Err(SqlError::Timeout(told)) if told == short));
    assert_eq!(rows(&session, "SELECT 1").unwrap(), ["1"], "the next query has its own time");
    let large = rows(&session, "SELECT length(zeroblob(300000000))");
    assert!(matches!(large, Err(SqlError::Sqlite(_))), "{large:?}");
}

#[test]
fn a_schema_that_does_harm_is_not_trusted() {
    // A view that a reader would not expect to do this; SQLite's own advice is not to trust it.
    let bytes = database(
        "CREATE TABLE t (x); INSERT INTO t VALUES (1);
         CREATE VIEW v AS SELECT load_extension('x') FROM t;
         CREATE VIEW loop1 AS SELECT * FROM t;
         CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM t; END;",
    );
    let session = session(bytes).unwrap();
    assert!(rows(&session, "SELECT * FROM v").is_err());
    assert_eq!(rows(&session, "SELECT * FROM loop1").unwrap(), ["1"], "a plain view is read");
}

#[test]
fn full_text_search_works_on_a_stored_version() {
    let bytes = database(
        "CREATE VIRTUAL TABLE f USING fts5(text); INSERT INTO f VALUES ('refund now'), ('no');",
    );
    let session = session(bytes).unwrap();
    assert_eq!(
        rows(&session, "SELECT text FROM f WHERE f MATCH 'refund'").unwrap(),
        ["refund now"]
    );
}

#[test]
fn what_is_no_database_and_what_is_damaged_is_told_and_never_a_panic() {
    for bytes in [b"".to_vec(), b"hello".to_vec(), vec![0; 5000]] {
        let opened = session(bytes.clone());
        match opened.map(|session| rows(&session, "SELECT * FROM t")) {
            Err(SqlError::NotADatabase) => {}
            // SQLite takes a file of nothing for a database of nothing.
            Ok(Err(SqlError::Sqlite(_))) if bytes.is_empty() => {}
            Ok(other) => panic!("{} bytes: {other:?}", bytes.len()),
            Err(other) => panic!("{} bytes: {other}", bytes.len()),
        }
    }
    let whole = database(ROWS);
    for cut in [100, 512, 4096, 5000, whole.len() / 2] {
        if let Ok(session) = session(whole[..cut].to_vec()) {
            let _ = rows(&session, "SELECT count(text) FROM t");
        }
    }
    let mut damaged = Counted::new(whole);
    damaged.damaged = Some(40_000..60_000);
    let session = SqlSession::open(Arc::new(damaged), Vec::new(), LONG).unwrap();
    let failed = rows(&session, "SELECT count(text) FROM t");
    assert!(
        matches!(&failed, Err(SqlError::View(ViewError::Read(e))) if e.to_string() == "a scratch"),
        "{failed:?}"
    );
}

#[test]
fn the_clock_is_the_systems() {
    let session = session(database("CREATE TABLE t (x);")).unwrap();
    let told = rows(&session, "SELECT strftime('%s', 'now')").unwrap()[0].parse::<u64>().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(told) <= 5, "{told} and {now}");
    assert_ne!(
        rows(&session, "SELECT random()").unwrap(),
        rows(&session, "SELECT random()").unwrap()
    );
}

#[test]
fn a_database_with_any_bytes_changed_is_answered_or_refused_in_time() {
    let whole = database(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); CREATE INDEX i ON t (x);
         CREATE VIRTUAL TABLE f USING fts5(text); INSERT INTO f VALUES ('a refund'), ('b');
         WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 400)
         INSERT INTO t SELECT i, hex(randomblob(20)) FROM r;",
    );
    let mut random = 7_u64;
    let mut below = |end: usize| {
        // SplitMix64 (Steele et al., 2014).
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) % end as u64) as usize
    };
    let (mut answered, mut refused) = (0, 0);
    for round in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..1 + below(8) {
            // Most rules are kept at the beginnings of pages.
            let page = below(bytes.len() / 4096) * 4096;
            let within = if round % 2 == 0 { 120 } else { 4096 };
            bytes[page + below(within)] = below(256) as u8;
        }
        let short = Duration::from_secs(2);
        let Ok(session) = SqlSession::open(Arc::new(bytes), Vec::new(), short) else {
            refused += 1;
            continue;
        };
        for query in [
            "SELECT count(x) FROM t",
            "SELECT id FROM t WHERE x > 'A' ORDER BY x",
            "SELECT text FROM f WHERE f MATCH 'refund'",
            "SELECT * FROM pragma_table_list",
        ] {
            match rows(&session, query) {
                Ok(_) => answered += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(answered > 100 && refused > 100, "{answered} answered, {refused} refused");
}
