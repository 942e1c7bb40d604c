//! What must hold of any bytes as a view.

use std::sync::Arc;

use aisr::view::{self, Key, Kind, Table, Value, View, element_of, path_of, value_of};

/// Opens the bytes by name and as the one kind.
pub fn check(data: &[u8], kind: Kind, name: &str) {
    let source = || Arc::new(data.to_vec());
    let opened = view::open(source(), name.as_bytes()).expect("opening never fails");
    read(&*opened.view);
    opened.doubled.iter().for_each(|key| drop(path_of(key)));
    let Ok(opened) = view::open_as(source(), kind) else {
        return;
    };
    assert_eq!(opened.view.kind(), kind);
    read(&*opened.view);
    if kind == Kind::Json && data.len() < 1 << 16 {
        agrees_with_serde_json(data);
    }
}

/// Reads all tables of a view, with itself beside it too: then what comes must be the same or less.
fn read(view: &dyn View) {
    for table in view.tables() {
        let all = records(view, table, None);
        let beside = records(view, table, Some(view));
        let mut rest = all.iter();
        for record in &beside {
            assert!(rest.any(|known| known.0 == record.0), "a record that is not there");
        }
        if matches!(view.kind(), Kind::JsonLines | Kind::Csv) {
            let multiset = Table { name: table.name.clone(), key: Vec::new() };
            let counted = records(view, &multiset, None);
            let times = counted.iter().map(|(key, value)| match (key.as_slice(), value) {
                ([part], Value::Count(times)) => {
                    assert_eq!(element_of(&value_of(part)), *part);
                    *times
                }
                _ => panic!("a record of a multiset is its key, with a count"),
            });
            let times: u64 = times.sum();
            if !table.is_multiset() {
                assert_eq!(times, all.len() as u64);
                assert!(beside.is_empty(), "a content differs from itself");
            }
        }
    }
}

fn records(view: &dyn View, table: &Table, beside: Option<&dyn View>) -> Vec<(Key, Value)> {
    let mut cursor = view.cursor(table, beside).expect("the bytes are here");
    let mut out: Vec<(Key, Value)> = Vec::new();
    while let Some(record) = cursor.next().expect("an opened view is sound") {
        if let Some((last, _)) = out.last() {
            assert!(*last < record.key, "keys ascend");
        }
        drop(path_of(&record.key));
        out.push((record.key, record.value));
    }
    out
}

fn agrees_with_serde_json(data: &[u8]) {
    let data = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data);
    if let Err(error) = serde_json::from_slice::<serde_json::Value>(data) {
        let error = error.to_string();
        assert!(
            error.starts_with("number out of range") || error.starts_with("recursion limit"),
            "{error}"
        );
    }
}
