//! The fields of a file, whatever it is written in.

use serde_json::{Map, Value};

use super::front_matter;
use super::place::ending_of;
use super::yaml;

/// What a document is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// JSON, with or without comments and commas at ends of lists (as editors allow in settings).
    Json,
    /// YAML; of several documents in one file, the first.
    Yaml,
    /// TOML.
    Toml,
    /// Text that begins with fields between two lines `---` (YAML) or `+++` (TOML).
    FrontMatter,
}

impl Format {
    /// That of a file of this name.
    pub fn of(path: &str) -> Option<Self> {
        match ending_of(path).as_str() {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "md" | "mdc" | "prompty" | "prompt" => Some(Self::FrontMatter),
            _ => None,
        }
    }
}

/// A file whose fields were read.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// Its fields. A text without front matter has none.
    pub fields: Value,
    /// There is text behind the front matter.
    pub has_body: bool,
}

/// Reads the fields of a file.
///
/// # Errors
/// Why it is not what its name says, in a few words.
pub fn parse_document(format: Format, bytes: &[u8]) -> Result<Document, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    let whole = |fields| Document { fields, has_body: false };
    match format {
        Format::Json => json(text).map(whole),
        Format::Yaml => yaml::parse(text).map(whole),
        Format::Toml => toml_value(text).map(whole),
        Format::FrontMatter => Ok(front_matter::parse(text)),
    }
}

fn json(text: &str) -> Result<Value, String> {
    let first = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(e) => e,
    };
    let lenient = without_comments(text);
    serde_json::from_str(&lenient).or_else(|_| lines(text)).map_err(|()| first.to_string())
}

/// Messages, one in each line: a transcript.
fn lines(text: &str) -> Result<Value, ()> {
    let mut values = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        values.push(serde_json::from_str(line).map_err(|_| ())?);
    }
    if values.len() > 1 { Ok(Value::Array(values)) } else { Err(()) }
}

/// JSON as editors write it, made plain: without comments, and commas before a closing bracket.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = rest.next() {
        match (quoted, c) {
            (true, '\\') => {
                out.push(c);
                out.extend(rest.next());
            }
            (_, '"') => {
                quoted = !quoted;
                out.push(c);
            }
            (false, '/') if rest.peek() == Some(&'/') => {
                while rest.next_if(|c| *c != '\n').is_some() {}
            }
            (false, '/') if rest.peek() == Some(&'*') => {
                rest.next();
                let mut last = ' ';
                for c in rest.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            (false, ']' | '}') => {
                let end = out.trim_end();
                if let Some(before) = end.strip_suffix(',') {
                    out.truncate(before.len());
                }
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

pub(super) fn toml_value(text: &str) -> Result<Value, String> {
    let table: toml::Table = toml::from_str(text).map_err(|e| e.message().replace('\n', ", "))?;
    Ok(Value::Object(table.into_iter().map(|(key, value)| (key, of_toml(value))).collect()))
}

fn of_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(yes) => Value::Bool(yes),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(values) => Value::Array(values.into_iter().map(of_toml).collect()),
        toml::Value::Table(table) => {
            let fields: Map<_, _> = table.into_iter().map(|(k, v)| (k, of_toml(v))).collect();
            Value::Object(fields)
        }
    }
}

/// A pointer (RFC 6901) one step further.
pub(super) fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(format: Format, text: &str) -> Value {
        parse_document(format, text.as_bytes()).unwrap().fields
    }

    #[test]
    fn every_format_gives_the_same_fields() {
        let expected = json!({"name": "a", "tools": ["x", "y"], "deep": {"n": 1}});
        let json = r#"{"name": "a", "tools": ["x", "y"], "deep": {"n": 1}}"#;
        let yaml = "name: a\ntools: [x, y]\ndeep:\n  n: 1\n";
        let toml = "name = 'a'\ntools = ['x', 'y']\n[deep]\nn = 1\n";
        assert_eq!(fields(Format::Json, json), expected);
        assert_eq!(fields(Format::Yaml, yaml), expected);
        assert_eq!(fields(Format::Toml, toml), expected);
        assert_eq!(fields(Format::FrontMatter, &format!("---\n{yaml}---\nBe kind.\n")), expected);
        assert_eq!(fields(Format::FrontMatter, &format!("+++\n{toml}+++\n")), expected);
    }

    #[test]
    fn settings_with_comments_are_read_and_their_texts_are_left_alone() {
        let text = "{ // a\n \"a\": \"http://x, ]\", /* b */ \"b\": [1, 2,\n],\n}";
        assert_eq!(fields(Format::Json, text), json!({"a": "http://x, ]", "b": [1, 2]}));
    }

    #[test]
    fn messages_in_lines_are_a_list_and_what_is_no_document_says_why() {
        assert_eq!(fields(Format::Json, "{\"a\":1}\n\n{\"b\":2}\n"), json!([{"a": 1}, {"b": 2}]));
        for format in [Format::Json, Format::Yaml, Format::Toml] {
            assert!(parse_document(format, b"{ [ :").is_err(), "{format:?}");
            assert!(parse_document(format, b"\xff").is_err(), "{format:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse_document(Format::Json, deep.as_bytes()).is_err());
    }

    #[test]
    fn a_pointer_escapes_what_it_must() {
        assert_eq!(pointer("/a", "b/c~d"), "/a/b~1c~0d");
    }
}
