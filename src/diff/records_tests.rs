use std::any::Any;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::view::{Element, Kind};

/// Records in memory. With `shares`, what both have just so is left out where the key is even.
struct Memory {
    tables: Vec<Table>,
    records: Vec<BTreeMap<Key, Value>>,
    shares: bool,
}

impl Memory {
    fn of(records: &[(i64, Value)]) -> Self {
        let records = records.iter().map(|(key, value)| (vec![Element::from(*key)], value.clone()));
        let tables = vec![Table { name: String::new(), key: vec!["id".into()] }];
        Self { tables, records: vec![records.collect()], shares: false }
    }

    fn named(names: &[(&str, &str)]) -> Self {
        let table = |(name, key): &(&str, &str)| Table {
            name: (*name).into(),
            key: if key.is_empty() { vec![] } else { vec![(*key).into()] },
        };
        let one = BTreeMap::from([(vec![Element::from(1i64)], Value::Null)]);
        let records = vec![one; names.len()];
        Self { tables: names.iter().map(table).collect(), records, shares: false }
    }
}

struct Walk(std::vec::IntoIter<Record>);

impl Cursor for Walk {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        Ok(self.0.next())
    }
}

impl View for Memory {
    fn kind(&self) -> Kind {
        Kind::Json
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn cursor<'v>(
        &'v self,
        table: &Table,
        beside: Option<&'v dyn View>,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError> {
        let at = self.tables.iter().position(|own| own == table).expect("a table of its own");
        let other = beside.and_then(|view| view.as_any().downcast_ref::<Memory>());
        let shared = |key: &Key, value: &Value| {
            let even = matches!(key[0], Element::Integer(n) if n.get() % 2 == 0);
            let same =
                |other: &Memory| other.records[0].get(key).is_some_and(|v| is_same(v, value));
            self.shares && even && other.is_some_and(same)
        };
        let records = self.records[at].iter().filter(|(key, value)| !shared(key, value));
        let record =
            |(key, value): (&Key, &Value)| Record { key: key.clone(), value: value.clone() };
        Ok(Box::new(Walk(records.map(record).collect::<Vec<_>>().into_iter())))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn changes(a: &Memory, b: &Memory) -> Vec<RecordChange> {
    let mut out = Vec::new();
    for tables in pair_tables(Some(a), Some(b)) {
        let mut changes = RecordChanges::of(Some(a), Some(b), &tables).unwrap();
        while let Some(change) = changes.next_change().unwrap() {
            out.push(change);
        }
    }
    out
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn fields(fields: &[(&str, Value)]) -> Value {
    Value::Fields(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

#[test]
fn a_table_with_other_keys_is_gone_and_a_new_one_stands_in_its_place() {
    let (a, b) =
        (Memory::named(&[("t", "id"), ("u", "")]), Memory::named(&[("t", "name"), ("v", "")]));
    let found: Vec<_> = pair_tables(Some(&a), Some(&b))
        .iter()
        .map(|pair| {
            (pair.before.is_some(), pair.after.is_some(), pair.table().unwrap().name.clone())
        })
        .collect();
    let wanted = [(true, false, "t"), (false, true, "t"), (true, false, "u"), (false, true, "v")];
    assert_eq!(found, wanted.map(|(old, new, name)| (old, new, name.to_owned())));
    // All records of both are told, equal or not.
    assert_eq!(changes(&a, &b).len(), 4);
}

#[test]
fn the_bits_of_a_number_tell_whether_it_changed() {
    let nan = Value::Double(f64::NAN);
    let zero = |zero: f64| Memory::of(&[(1, Value::List(vec![Value::Double(zero)]))]);
    assert_eq!(changes(&Memory::of(&[(1, nan.clone())]), &Memory::of(&[(1, nan)])), []);
    assert_eq!(changes(&zero(0.0), &zero(-0.0)).len(), 1);
    assert_eq!(
        changes(&Memory::of(&[(1, Value::Integer(1))]), &Memory::of(&[(1, Value::Double(1.0))]))
            .len(),
        1
    );
}

#[test]
fn a_multiset_counts_how_often_a_record_came_or_went() {
    let (a, b) = (
        Memory::of(&[(1, Value::Count(3)), (2, Value::Count(1)), (3, Value::Count(2))]),
        Memory::of(&[(1, Value::Count(5)), (3, Value::Count(1)), (4, Value::Count(7))]),
    );
    let mut counts = Counts::default();
    changes(&a, &b).iter().for_each(|change| counts.add(change));
    assert_eq!(counts, Counts { added: 9, removed: 2, changed: 0 });
}

#[test]
fn the_parts_that_differ_are_named_by_their_paths() {
    let before = fields(&[
        ("a", text("x")),
        ("b", fields(&[("c", Value::Integer(1)), ("d", Value::Null)])),
        ("gone", Value::Bool(true)),
        ("twice", text("one")),
        ("twice", text("two")),
    ]);
    let after = fields(&[
        ("twice", text("one")),
        ("twice", text("hidden")),
        ("new", Value::Null),
        ("b", fields(&[("c", Value::Integer(2)), ("d", Value::Null)])),
        ("a", text("x")),
    ]);
    let found: Vec<_> = field_changes(&before, &after)
        .into_iter()
        .map(|change| (change.path.join("."), change.before.cloned(), change.after.cloned()))
        .collect();
    let wanted = [
        ("twice".into(), Some(text("two")), Some(text("hidden"))),
        ("new".into(), None, Some(Value::Null)),
        ("b.c".into(), Some(Value::Integer(1)), Some(Value::Integer(2))),
        ("gone".into(), Some(Value::Bool(true)), None),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn a_column_that_moved_changes_no_row() {
    let row = |names: [&str; 2]| Memory::of(&[(1, fields(&names.map(|name| (name, text(name)))))]);
    assert_eq!(changes(&row(["a", "b"]), &row(["b", "a"])), []);
}

fn records() -> impl Strategy<Value = BTreeMap<i64, u8>> {
    prop::collection::btree_map(0i64..24, 0u8..3, 0..20)
}

proptest! {
    #[test]
    fn what_differs_is_told_in_order_whatever_is_left_out_as_shared(
        a in records(), b in records(), shares in any::<bool>()
    ) {
        let view = |records: &BTreeMap<i64, u8>| {
            let records: Vec<_> = records.iter().map(|(k, v)| (*k, Value::Integer((*v).into()))).collect();
            Memory { shares, ..Memory::of(&records) }
        };
        let value = |records: &BTreeMap<i64, u8>, key: i64| records.get(&key).map(|v| Value::Integer((*v).into()));
        let wanted: Vec<_> = (0..24)
            .map(|key| RecordChange { key: vec![key.into()], before: value(&a, key), after: value(&b, key) })
            .filter(|change| change.before != change.after)
            .collect();
        prop_assert_eq!(changes(&view(&a), &view(&b)), wanted);
    }
}
