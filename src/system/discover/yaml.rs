//! YAML as plain values: bounded, with anchors and merged maps, without tags.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Deeper documents are refused.
const DEEPEST: usize = 64;
/// A document of more values, with those that aliases repeat, is refused.
const MOST_VALUES: usize = 100_000;

/// The fields of the first document of `text`.
///
/// # Errors
/// Why it is none, in a few words.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| e.to_string())?;
        match event {
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Scalar(value, style, anchor, _) => {
                builder.put(scalar(&value, style), anchor, 1)?;
            }
            Event::SequenceStart(_, anchor, _) => builder.open(Value::Array(Vec::new()), anchor)?,
            Event::MappingStart(_, anchor, _) => builder.open(Value::Object(Map::new()), anchor)?,
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            Event::Alias(anchor) => {
                let known = builder.anchors.get(&anchor).cloned();
                let (value, size) = known
                    .ok_or_else(|| format!("an alias inside itself, line {}", span.start.line()))?;
                builder.put(value, 0, size)?;
            }
            _ => {}
        }
    }
    Ok(builder.done.unwrap_or(Value::Null))
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    done: Option<Value>,
    anchors: BTreeMap<usize, (Value, usize)>,
    values: usize,
}

/// A list or map that is not at its end.
struct Open {
    value: Value,
    /// In a map, the key whose value comes next.
    key: Option<String>,
    anchor: usize,
    size: usize,
}

impl Builder {
    fn open(&mut self, value: Value, anchor: usize) -> Result<(), String> {
        if self.open.len() == DEEPEST {
            return Err(format!("deeper than {DEEPEST}"));
        }
        self.open.push(Open { value, key: None, anchor, size: 1 });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        if let Value::Object(fields) = &mut open.value
            && let Some(merged) = fields.remove("<<")
        {
            merge(fields, merged);
        }
        self.put(open.value, open.anchor, open.size)
    }

    fn put(&mut self, value: Value, anchor: usize, size: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(size);
        if self.values > MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.done.get_or_insert(value);
            return Ok(());
        };
        open.size = open.size.saturating_add(size);
        match &mut open.value {
            Value::Object(fields) => match open.key.take() {
                Some(key) => {
                    fields.insert(key, value);
                }
                None => open.key = Some(key_of(value)),
            },
            Value::Array(values) => values.push(value),
            _ => {}
        }
        Ok(())
    }
}

fn key_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Array(_) | Value::Object(_) => String::new(),
        other => other.to_string(),
    }
}

/// What `<<` brings in does not replace what stands there.
fn merge(fields: &mut Map<String, Value>, merged: Value) {
    let sources = match merged {
        Value::Array(values) => values,
        value => vec![value],
    };
    for source in sources {
        let Value::Object(source) = source else { continue };
        for (key, value) in source {
            fields.entry(key).or_insert(value);
        }
    }
}

/// A plain scalar by the core schema (YAML 1.2.2, §10.3.2); numbers that matter nowhere stay text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Value::from(number),
            _ => Value::String(text.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn anchors_and_merged_maps_are_followed() {
        let text = "base: &b {llm: x, role: r}\na:\n  <<: *b\n  role: own\nlist: [*b]\n";
        let expected = json!({
            "base": {"llm": "x", "role": "r"},
            "a": {"llm": "x", "role": "own"},
            "list": [{"llm": "x", "role": "r"}],
        });
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn scalars_are_what_the_core_schema_says() {
        let text = "a: 'true'\nb: true\nc: ~\nd: 7\ne: 007\nf: |\n  two\n  lines\n";
        let expected =
            json!({"a": "true", "b": true, "c": null, "d": 7, "e": "007", "f": "two\nlines\n"});
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap(), json!({"a": 1}));
        assert_eq!(parse("").unwrap(), Value::Null);
    }

    #[test]
    fn a_bomb_of_aliases_and_depth_without_end_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..10 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb += &format!("a{level}: &a{level} [{list}]\n");
        }
        assert!(parse(&bomb).unwrap_err().contains("values"));
        for deep in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(5_000)] {
            assert!(parse(&deep).is_err());
        }
        assert!(parse("a: &a [*a]").is_err());
    }
}
