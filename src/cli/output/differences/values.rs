//! Keys and values on one line, made safe to show.

use aisr::view::{Element, Kind, Table, Value, path_of, value_of};

use crate::cli::output::escape::Escaped;
use crate::cli::output::numbers::{count, plural};

/// Longer texts are told by their beginning and their length.
const LONGEST: usize = 120;
/// More parts of a value are told by their number.
const PARTS: usize = 16;

/// A value on one line. What is left out is said.
pub fn inline(value: &Value) -> String {
    shown(value, 0)
}

fn shown(value: &Value, depth: usize) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => format!("{number:?}"),
        Value::Number(written) => Escaped(written.as_bytes()).to_string(),
        Value::Text(text) => quoted(text),
        Value::Bytes(bytes) => bytes_shown(bytes),
        Value::Count(times) => format!("{} ×", count(*times)),
        Value::Tensor(tensor) => format!("{} {:?}", Escaped(tensor.dtype.as_bytes()), tensor.shape),
        Value::List(items) if items.is_empty() => "[]".into(),
        Value::Fields(fields) if fields.is_empty() => "{}".into(),
        Value::List(items) if depth > 2 => format!("[{} items]", count(items.len() as u64)),
        Value::Fields(fields) if depth > 2 => format!("{{{} fields}}", count(fields.len() as u64)),
        Value::List(items) => {
            let some = items.iter().take(PARTS).map(|item| shown(item, depth + 1));
            format!("[{}]", joined(some.collect(), items.len()))
        }
        Value::Fields(fields) => {
            let some = fields.iter().take(PARTS);
            let some = some
                .map(|(name, value)| format!("{}: {}", name_shown(name), shown(value, depth + 1)));
            format!("{{{}}}", joined(some.collect(), fields.len()))
        }
    }
}

fn joined(some: Vec<String>, all: usize) -> String {
    let more = all - some.len();
    let text = some.join(", ");
    if more == 0 { text } else { format!("{text}, … {} more", count(more as u64)) }
}

/// A text in quotes.
fn quoted(text: &str) -> String {
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
    let begin = text.get(..end).unwrap_or_default();
    let begin = Escaped(begin.as_bytes()).to_string().replace('"', "\\\"");
    match text.get(end..).unwrap_or_default().chars().count() {
        0 => format!("\"{begin}\""),
        more => {
            format!("\"{begin}…\" ({})", plural(more as u64, "more character", "more characters"))
        }
    }
}

fn bytes_shown(bytes: &[u8]) -> String {
    let some: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    match bytes.len() {
        0..=16 => format!("x'{some}'"),
        len => format!("x'{some}…' ({} bytes)", count(len as u64)),
    }
}

/// A name that others chose.
pub fn name_shown(name: &str) -> String {
    let plain =
        !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "\":,=".contains(c));
    let shown = Escaped(name.as_bytes()).to_string();
    if plain { shown } else { format!("\"{}\"", shown.replace('"', "\\\"")) }
}

/// The key of a record: a path in documents, `name value` of each part in tables.
pub fn key_shown(kind: Kind, table: &Table, columns: &[String], key: &[Element]) -> String {
    // Names of tensors have dots of their own, and are no paths.
    if let (Kind::Gguf | Kind::Safetensors, [Element::Text(name)]) = (kind, key) {
        return Escaped(name.as_bytes()).to_string();
    }
    let is_document = matches!(
        kind,
        Kind::Json
            | Kind::Toml
            | Kind::Yaml
            | Kind::Tools
            | Kind::FrontMatter
            | Kind::Gguf
            | Kind::Safetensors
    );
    if is_document {
        let path = path_of(key);
        return if path.is_empty() {
            "(the whole)".into()
        } else {
            Escaped(path.as_bytes()).to_string()
        };
    }
    let names = if table.is_multiset() { columns } else { &table.key };
    let part = |(at, element): (usize, &Element)| {
        let value = inline(&value_of(element));
        match names.get(at) {
            Some(name) => format!("{} {value}", name_shown(name)),
            None => value,
        }
    };
    key.iter().enumerate().map(part).collect::<Vec<_>>().join(", ")
}

/// A distance of numbers, in three digits: `3.1e-4`, `0.25`, `12`.
pub fn distance(number: f64) -> String {
    match number {
        0.0 => "0".into(),
        n if (0.01..10_000.0).contains(&n) => {
            let digits = if n >= 100.0 {
                0
            } else if n >= 10.0 {
                1
            } else if n >= 1.0 {
                2
            } else {
                3
            };
            let text = format!("{n:.digits$}");
            let text = if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.')
            } else {
                &text
            };
            text.to_owned()
        }
        n => format!("{n:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_have_few_digits() {
        let shown = [0.0, 3.14e-4, 0.25, 1.5, 12.34, 4321.9, 1e9, f64::INFINITY].map(distance);
        assert_eq!(shown, ["0", "3.1e-4", "0.25", "1.5", "12.3", "4322", "1.0e9", "inf"]);
    }

    #[test]
    fn what_is_left_out_of_a_value_is_said() {
        let long = "é".repeat(130) + "\u{202e}";
        assert!(inline(&Value::Text(long)).ends_with("…\" (11 more characters)"));
        assert_eq!(inline(&Value::Text("a\u{202e}\"\n".into())), "\"a\\u{202e}\\\"\\n\"");
        assert_eq!(
            inline(&Value::Bytes(vec![0xab; 20])),
            format!("x'{}…' (20 bytes)", "ab".repeat(16))
        );
        let list = Value::List(vec![Value::Integer(1); 20]);
        assert!(inline(&list).ends_with(", … 4 more]"));
    }
}
