//! Values as parts of keys, and keys of documents.
//!
//! The parts of a document's key are text (the name of a member), whole numbers (the place in a
//! list), and nested tuples for what is neither:
//!
//! | tuple | what |
//! |---|---|
//! | (part, n), n ≥ 2 | the n-th member of one name: readers differ in which they take |
//! | (null, value) | a member whose key is no text |
//! | (text) | a mark: the tag of a value, the number of a document |

use super::value::{Element, Value};
use crate::object::tuple::Integer;

/// The n-th member of one name.
pub(super) fn again(part: &Element, times: u64) -> Element {
    Element::Nested(vec![part.clone(), times.into()])
}

/// A mark.
pub(super) fn mark(text: impl Into<String>) -> Element {
    Element::Nested(vec![Element::Text(text.into())])
}

/// The key of a member.
pub(super) fn member(key: Value) -> Element {
    match key {
        Value::Text(text) => Element::Text(text),
        key => member_of(element_of(&key)),
    }
}

/// A key of a member that is no text.
pub(super) fn member_of(key: Element) -> Element {
    Element::Nested(vec![Element::Null, key])
}

/// A part that says that a name is there once more.
pub(super) fn is_again(part: &Element) -> bool {
    matches!(part, Element::Nested(parts) if matches!(parts.as_slice(),
        [first, Element::Integer(_)] if *first != Element::Null))
}

/// A value as one part of a key: equal values have equal parts, other values others. Members are
/// put in the order of their names. [`value_of`] is the way back.
///
/// Numbers that stay text are bytes; a list is the tuple (null, false, items…), fields are
/// (null, true, (name, value)…).
pub fn element_of(value: &Value) -> Element {
    match value {
        Value::Null => Element::Null,
        Value::Bool(truth) => Element::Bool(*truth),
        Value::Integer(integer) => match Integer::new(*integer) {
            Some(integer) => Element::Integer(integer),
            None => Element::Bytes(integer.to_string().into_bytes()),
        },
        Value::Double(double) => Element::Double(*double),
        Value::Number(written) => Element::Bytes(written.clone().into_bytes()),
        Value::Text(text) => Element::Text(text.clone()),
        Value::Bytes(bytes) => Element::Bytes(bytes.clone()),
        Value::List(items) => {
            let head = [Element::Null, Element::Bool(false)];
            Element::Nested(head.into_iter().chain(items.iter().map(element_of)).collect())
        }
        Value::Fields(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            let pair = |(name, value): &(String, Value)| {
                Element::Nested(vec![Element::Text(name.clone()), element_of(value)])
            };
            let head = [Element::Null, Element::Bool(true)];
            Element::Nested(head.into_iter().chain(fields.into_iter().map(pair)).collect())
        }
        Value::Count(times) => (*times).into(),
        Value::Tensor(tensor) => {
            let shape = tensor.shape.iter().map(|len| (*len).into());
            let dtype = Element::Text(tensor.dtype.clone());
            Element::Nested(std::iter::once(dtype).chain(shape).collect())
        }
    }
}

/// The value that a part of a key stands for: the way back from [`element_of`], with members in
/// the order of their names. So the one part of a key in a table of records without keys of their
/// own is shown.
pub fn value_of(element: &Element) -> Value {
    match element {
        Element::Null => Value::Null,
        Element::Bool(truth) => Value::Bool(*truth),
        Element::Integer(integer) => Value::Integer(integer.get()),
        Element::Double(double) => Value::Double(*double),
        Element::Text(text) => Value::Text(text.clone()),
        Element::Bytes(bytes) => match String::from_utf8(bytes.clone()) {
            Ok(written) => match written.parse() {
                Ok(integer) if Integer::new(integer).is_none() => Value::Integer(integer),
                _ => Value::Number(written),
            },
            Err(_) => Value::Bytes(bytes.clone()),
        },
        Element::Nested(parts) => match parts.as_slice() {
            [Element::Null, Element::Bool(true), fields @ ..] => {
                Value::Fields(fields.iter().filter_map(field_of).collect())
            }
            [Element::Null, Element::Bool(false), items @ ..] => {
                Value::List(items.iter().map(value_of).collect())
            }
            parts => Value::List(parts.iter().map(value_of).collect()),
        },
    }
}

fn field_of(pair: &Element) -> Option<(String, Value)> {
    match pair {
        Element::Nested(parts) => match parts.as_slice() {
            [Element::Text(name), value] => Some((name.clone(), value_of(value))),
            _ => None,
        },
        _ => None,
    }
}

/// The key of a document as a path: `agents.triage.tools[0]`. What is no plain name stands in
/// brackets and quotes; the second member of one name is `name#2`; a key that is no text stands in
/// braces, a mark in parentheses.
///
/// The text may hold whatever names hold, and is to be escaped before it is shown.
pub fn path_of(key: &[Element]) -> String {
    let mut out = String::new();
    for part in key {
        write_part(part, &mut out);
    }
    out
}

fn write_part(part: &Element, out: &mut String) {
    match part {
        Element::Text(name) if is_plain(name) => {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(name);
        }
        Element::Nested(parts) => match parts.as_slice() {
            [Element::Text(mark)] => {
                out.push('(');
                out.push_str(mark);
                out.push(')');
            }
            [Element::Null, key] => {
                out.push('{');
                out.push_str(&inline(&value_of(key)));
                out.push('}');
            }
            [first, Element::Integer(times)] => {
                write_part(first, out);
                out.push('#');
                out.push_str(&times.get().to_string());
            }
            _ => {
                out.push('[');
                out.push_str(&inline(&value_of(part)));
                out.push(']');
            }
        },
        part => {
            out.push('[');
            out.push_str(&inline(&value_of(part)));
            out.push(']');
        }
    }
}

/// Names that need no quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '/' | '@'))
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Double(double) => format!("{double:?}"),
        Value::Number(written) => written.clone(),
        Value::Text(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::List(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Fields(fields) => {
            let pair = |(name, value): &(String, Value)| format!("{name:?}: {}", inline(value));
            format!("{{{}}}", fields.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::Count(times) => times.to_string(),
        Value::Tensor(tensor) => format!("{} {:?}", tensor.dtype, tensor.shape),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it() {
        let key = [
            "agents".into(),
            "a b".into(),
            0u64.into(),
            again(&"x".into(), 2),
            member(Value::Integer(7)),
            mark("!env"),
        ];
        assert_eq!(path_of(&key), "agents[\"a b\"][0].x#2{7}(!env)");
        assert_eq!(path_of(&[]), "");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i128>().prop_map(Value::Integer),
            (0i128..3).prop_map(Value::Integer),
            (0i8..3).prop_map(|n| Value::Double(n.into())),
            "[a2.]{0,3}".prop_map(Value::Text),
            "1e[0-9]{3}".prop_map(Value::Number),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|fields| Value::Fields(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_comes_back_from_its_part_of_a_key(value in value()) {
            prop_assert_eq!(value_of(&element_of(&value)), value);
        }

        #[test]
        fn other_values_have_other_parts(a in value(), b in value()) {
            prop_assert_eq!(element_of(&a) == element_of(&b), a == b);
        }
    }
}
