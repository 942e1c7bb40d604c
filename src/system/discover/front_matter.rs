//! Fields in front of a text.

use serde_json::{Map, Value};

use super::document::{Document, toml_value};
use super::yaml;

/// The fields between the first line, `---` or `+++`, and the next such line, and whether text
/// follows. Without such lines there are no fields.
///
/// Clients read front matter line by line and take what is no YAML, such as a colon inside a
/// description; so where YAML says no, each line `key: value` is a field.
pub(super) fn parse(text: &str) -> Document {
    let none = Document { fields: Value::Null, has_body: !text.trim().is_empty() };
    let mut lines = text.split_inclusive('\n');
    let Some(first) = lines.next() else { return none };
    let fence = first.trim_end();
    if !matches!(fence, "---" | "+++") {
        return none;
    }
    let mut end = first.len();
    for line in lines {
        if line.trim_end() == fence {
            let inner = text.get(first.len()..end).unwrap_or_default();
            let body = text.get(end + line.len()..).unwrap_or_default();
            let fields = match fence {
                "---" => yaml::parse(inner).unwrap_or_else(|_| line_by_line(inner)),
                _ => toml_value(inner).unwrap_or_default(),
            };
            return Document { fields, has_body: !body.trim().is_empty() };
        }
        end += line.len();
    }
    none
}

fn line_by_line(text: &str) -> Value {
    let mut fields = Map::new();
    for line in text.lines() {
        let key = line.split_once(':').filter(|(key, _)| {
            !key.is_empty()
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        });
        if let Some((key, value)) = key {
            let value = value.trim().trim_matches(['"', '\'']);
            fields.insert(key.to_owned(), Value::String(value.to_owned()));
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_yaml_is_read_line_by_line() {
        let text = "---\nname: a\ndescription: Use it: always: \"x\nmodel: base\n---\nbody\n";
        let document = parse(text);
        assert_eq!(document.fields["name"], json!("a"));
        assert_eq!(document.fields["model"], json!("base"));
        assert!(document.has_body);
    }

    #[test]
    fn text_without_a_second_line_of_dashes_has_no_fields() {
        for text in ["", "# Title\n", "---\nname: a\n", "text\n---\nname: a\n---\n"] {
            assert_eq!(parse(text).fields, Value::Null, "{text}");
        }
        assert!(!parse("---\r\nname: a\r\n---\r\n").has_body);
        assert_eq!(parse("---\r\nname: a\r\n---\r\n").fields, json!({"name": "a"}));
    }
}
