//! What a value must be.

use std::cmp::Ordering;

use regex::bytes::{Regex, RegexBuilder};

use crate::view::{Element, Record, Table, Value, value_of};

/// A compiled pattern and the states that matching remembers may each have so many bytes.
const PATTERN: usize = 4 << 20;
/// Deeper values are not looked into.
const DEPTH: usize = 128;

/// What a value must be.
#[derive(Clone, Debug)]
pub enum Test {
    /// A match of the pattern is in its text, or none is.
    Matches {
        /// The pattern.
        pattern: Regex,
        /// Whether a match must be there.
        wanted: bool,
    },
    /// The text is in its text.
    Contains(String),
    /// It is this value, or has one and it is another.
    Equals {
        /// The value.
        value: Value,
        /// Whether it must be.
        wanted: bool,
    },
    /// It stands so to this value: numbers as numbers, all else as text.
    Order {
        /// How it must stand to it.
        orders: &'static [Ordering],
        /// The value.
        value: Value,
    },
}

/// What a column of a row must be.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The column, and what lies in it, from the outside in.
    pub column: Vec<String>,
    /// What it must be; `None` where the row must only have it.
    pub test: Option<Test>,
}

/// How many there must be.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// How the count must stand to it.
    pub orders: &'static [Ordering],
    /// The number.
    pub number: i128,
}

impl Number {
    /// Whether so many pass.
    pub fn passes(&self, count: u64) -> bool {
        self.orders.contains(&i128::from(count).cmp(&self.number))
    }
}

/// A pattern: `^` and `$` match at lines, `.` does not match their ends.
///
/// # Errors
/// What the library says of a pattern that is none, or too large.
pub fn pattern(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text)
        .multi_line(true)
        .size_limit(PATTERN)
        .dfa_size_limit(PATTERN)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        // Its last line says what is wrong, those before draw the pattern.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("no pattern: {}", last.trim_start_matches("error: "))
        }
    })
}

impl Test {
    /// Whether a text passes.
    pub fn passes_text(&self, text: &[u8]) -> bool {
        match self {
            Self::Matches { pattern, wanted } => pattern.is_match(text) == *wanted,
            Self::Contains(part) => memchr::memmem::find(text, part.as_bytes()).is_some(),
            Self::Equals { value, wanted } => (shown(value).as_bytes() == text) == *wanted,
            Self::Order { orders, value } => {
                let text = String::from_utf8_lossy(text).into_owned();
                orders.contains(&order(&Value::Text(text), value))
            }
        }
    }

    /// Whether a value passes; of a list or of fields: whether something in it does.
    pub fn passes(&self, value: &Value) -> bool {
        leaf_values(value).into_iter().any(|value| self.passes_leaf(value))
    }

    fn passes_leaf(&self, value: &Value) -> bool {
        match self {
            Self::Equals { value: other, wanted } => (order_if_same(value, other)) == *wanted,
            Self::Order { orders, value: other } => {
                *value != Value::Null && orders.contains(&order(value, other))
            }
            _ => match value {
                Value::Text(text) => self.passes_text(text.as_bytes()),
                Value::Bytes(bytes) => self.passes_text(bytes),
                Value::Null | Value::Tensor(_) => false,
                value => self.passes_text(shown(value).as_bytes()),
            },
        }
    }

    /// Where in a text the first thing lies that makes it pass, if that is a place.
    pub fn place(&self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Matches { pattern, wanted: true } => {
                pattern.find(text).map(|found| found.start())
            }
            Self::Contains(part) => memchr::memmem::find(text, part.as_bytes()),
            _ => None,
        }
    }
}

impl Condition {
    /// Whether a row of the table passes. `columns` names the parts of its keys where the table has
    /// none of its own.
    pub fn passes(&self, table: &Table, columns: &[String], record: &Record) -> bool {
        let Some(value) = column_of(table, columns, record, &self.column) else { return false };
        self.test.as_ref().is_none_or(|test| test.passes(&value))
    }
}

/// What a row has in a column, or in what lies in one. The value of a row without columns is its
/// column `value`.
pub fn column_of(
    table: &Table,
    columns: &[String],
    record: &Record,
    path: &[String],
) -> Option<Value> {
    let (name, inside) = path.split_first()?;
    let found = if table.is_multiset() {
        match (columns.iter().position(|column| column == name), record.key.as_slice()) {
            (Some(nth), key) => value_of(key.get(nth)?),
            (None, [whole]) => return below(&value_of(whole), path),
            (None, _) => return None,
        }
    } else if let Some(value) = field(&record.value, name) {
        value.clone()
    } else if let Some(nth) = table.key.iter().position(|part| part == name) {
        match (nth + 1 == table.key.len(), record.key.get(nth..)?) {
            // The last part of a document's key may be a path.
            (true, rest @ [_, _, ..]) => Value::Text(crate::view::path_of(rest)),
            (_, [part, ..]) => value_of(part),
            (_, []) => return None,
        }
    } else if name == "value" && !matches!(record.value, Value::Fields(_)) {
        record.value.clone()
    } else {
        return None;
    };
    below(&found, inside)
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Fields(fields) => {
            fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
        }
        _ => None,
    }
}

fn below(value: &Value, path: &[String]) -> Option<Value> {
    let mut value = value;
    for name in path {
        value = match value {
            Value::List(items) => items.get(name.parse::<usize>().ok()?)?,
            value => field(value, name)?,
        };
    }
    Some(value.clone())
}

/// The values in which nothing lies.
pub fn leaf_values(value: &Value) -> Vec<&Value> {
    let (mut out, mut stack) = (Vec::new(), vec![(value, 0)]);
    while let Some((value, depth)) = stack.pop() {
        match value {
            Value::List(items) if depth < DEPTH => {
                stack.extend(items.iter().rev().map(|item| (item, depth + 1)));
            }
            Value::Fields(fields) if depth < DEPTH => {
                stack.extend(fields.iter().rev().map(|(_, item)| (item, depth + 1)));
            }
            value => out.push(value),
        }
    }
    out
}

fn order_if_same(value: &Value, other: &Value) -> bool {
    match (value, other) {
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        (value, other) => order(value, other) == Ordering::Equal,
    }
}

/// Numbers, and texts that are written like the number they are compared with, as numbers; all else
/// as text.
fn order(value: &Value, other: &Value) -> Ordering {
    if let (Some(a), Some(b)) = (integer(value), integer(other)) {
        return a.cmp(&b);
    }
    if is_number(other)
        && let (Some(a), Some(b)) = (double(value), double(other))
    {
        return a.total_cmp(&b);
    }
    match value {
        Value::Bytes(bytes) => bytes.as_slice().cmp(shown(other).as_bytes()),
        value => shown(value).cmp(&shown(other)),
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Integer(_) | Value::Double(_) | Value::Number(_) | Value::Count(_))
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Integer(integer) => Some(*integer),
        Value::Count(count) => Some(i128::from(*count)),
        // Digits alone lose nothing; what else is a number in writing is compared as a double.
        Value::Text(text) | Value::Number(text) => {
            text.parse().ok().filter(|number: &i128| number.to_string() == *text)
        }
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(integer) => Some(*integer as f64),
        Value::Count(count) => Some(*count as f64),
        // Minus zero is zero where numbers are compared.
        Value::Double(double) => Some(*double + 0.0),
        Value::Text(text) | Value::Number(text) => {
            let plain = |byte: u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
            let number = text.bytes().all(plain).then(|| text.parse::<f64>().ok()).flatten();
            number.map(|number| number + 0.0)
        }
        _ => None,
    }
}

/// A value without parts as the text that patterns are looked for in.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Double(double) => double.to_string(),
        Value::Number(written) => written.clone(),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Count(count) => count.to_string(),
        Value::List(_) | Value::Fields(_) | Value::Tensor(_) => String::new(),
    }
}

/// A part of a key as the text that patterns are looked for in.
pub fn shown_part(part: &Element) -> String {
    shown(&value_of(part))
}

/// A value without parts as text.
pub fn shown_value(value: &Value) -> String {
    shown(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equals(value: Value) -> Test {
        Test::Equals { value, wanted: true }
    }

    #[test]
    fn a_text_that_is_a_number_counts_as_one_where_a_number_is_asked_for() {
        let seven = equals(Value::Integer(7));
        let text = |text: &str| Value::Text(text.into());
        for value in [Value::Integer(7), Value::Double(7.0), text("7"), text("07"), text("7.0")] {
            assert!(seven.passes(&value), "{value:?}");
        }
        for value in [text("7x"), text("inf"), text(""), text("8"), Value::Null] {
            assert!(!seven.passes(&value), "{value:?}");
        }
        assert!(!equals(Value::Text("7".into())).passes(&Value::Text("7.0".into())));
    }

    #[test]
    fn numbers_are_ordered_as_numbers_and_null_is_in_no_order() {
        let more = Test::Order { orders: &[Ordering::Greater], value: Value::Integer(9) };
        assert!(more.passes(&Value::Integer(10)));
        assert!(more.passes(&Value::Text("10".into())));
        assert!(!more.passes(&Value::Integer(9)));
        assert!(!more.passes(&Value::Null));
    }

    #[test]
    fn another_value_is_one_that_is_there_and_differs() {
        let other = Test::Equals { value: Value::Text("a".into()), wanted: false };
        assert!(other.passes(&Value::Text("b".into())));
        assert!(!other.passes(&Value::Text("a".into())));
        assert!(other.passes(&Value::Null));
    }

    #[test]
    fn a_pattern_is_looked_for_in_all_parts() {
        let test = Test::Matches { pattern: pattern("^b$").unwrap(), wanted: true };
        let part = Value::Fields(vec![("x".into(), Value::List(vec![Value::Text("a\nb".into())]))]);
        assert!(test.passes(&part));
        assert!(pattern("(").unwrap_err().starts_with("no pattern: unclosed group"));
        assert_eq!(pattern(&"(a{1000}){1000}".repeat(9)).unwrap_err(), "the pattern is too large");
    }
}
