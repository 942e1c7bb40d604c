//! Fields in front of a text.

use serde_json::{Map, Value};

use crate::view::split_front_matter;

use super::document::{Document, toml_value};
use super::yaml;

/// The fields between the first line, `---` or `+++`, and the next such line, and whether text
/// follows. Without such lines there are no fields.
///
/// Clients read front matter line by line and take what is no YAML, such as a colon inside a
/// description; so where YAML says no, each line `key: value` is a field.
pub(super) fn parse(text: &str) -> Document {
    let Some(parts) = split_front_matter(text) else {
        return Document { fields: Value::Null, has_body: !text.trim().is_empty() };
    };
    let fields = match parts.is_toml {
        true => toml_value(parts.front).unwrap_or_default(),
        false => yaml::parse(parts.front).unwrap_or_else(|_| line_by_line(parts.front)),
    };
    Document { fields, has_body: !parts.body.trim().is_empty() }
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
