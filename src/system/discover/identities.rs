//! Identities: SPIFFE ids wherever a document states one, and agent cards.

use serde_json::Value;

use super::document::pointer;
use super::draft::Draft;
use super::finder::{Finder, Found};
use super::names::{candidates, longer_and_longer};
use super::place::{folder_of, stem_of};
use crate::object::ComponentKind;

const SPIFFE: &str = "spiffe://";
/// The longest SPIFFE id (SPIFFE-ID standard, §2.3).
const LONGEST: usize = 2048;
/// What a field is called that says who something is.
const FIELDS: [&str; 12] = [
    "identity",
    "spiffeid",
    "spiffe",
    "id",
    "principal",
    "actsas",
    "runas",
    "serviceaccount",
    "subject",
    "sub",
    "workload",
    "identities",
];
/// The most ids that one document adds.
const MOST: usize = 1_000;
/// How a card is told from other identities.
pub(super) const CARD: &str = "agent-card";

/// A name of a field, as it is compared: lower case, without `_` and `-`.
pub(super) fn field(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>().to_lowercase()
}

/// Whether a text is a SPIFFE id: a trust domain and a path (SPIFFE-ID standard, §2).
pub(super) fn is_spiffe_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(SPIFFE) else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    text.len() <= LONGEST
        && !rest.is_empty()
        && rest.chars().all(plain)
        && rest.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// What an identity with this id may be called.
pub(super) fn names_of(id: &str) -> Vec<String> {
    let rest = id.strip_prefix(SPIFFE).unwrap_or(id);
    let parts: Vec<&str> = rest.split('/').collect();
    let mut texts: Vec<String> = Vec::new();
    for from in (0..parts.len()).rev() {
        let text = parts.get(from..).unwrap_or_default().join("-");
        // A number alone says nothing.
        if text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            texts.push(text);
        }
    }
    candidates(texts.iter().map(String::as_str))
}

/// Takes up an agent card (A2A specification 0.3, §5.5): what an agent publishes of itself.
pub(super) fn take_card(finder: &mut Finder<'_>, found: &Found) -> bool {
    let fields = &found.document.fields;
    let Some(name) = fields.get("name").and_then(Value::as_str) else { return false };
    let is_card = fields.get("skills").is_some_and(Value::is_array)
        && fields.get("capabilities").is_some_and(Value::is_object)
        && (fields.get("url").is_some() || fields.get("protocolVersion").is_some());
    if !is_card {
        return false;
    }
    let long = format!("{name}-card");
    let mut names = candidates([name, long.as_str(), stem_of(&found.path)]);
    for longer in longer_and_longer(&long, &found.path) {
        if !names.contains(&longer) {
            names.push(longer);
        }
    }
    let draft = Draft::new(ComponentKind::Identity, names, &found.path);
    finder.add(Draft { rank: 1, format: Some(CARD), ..draft });
    true
}

/// Takes up the SPIFFE ids in a document, each where it is stated first.
pub(super) fn take_ids(finder: &mut Finder<'_>, found: &Found) {
    let mut ids = Vec::new();
    walk(&found.document.fields, "", false, &mut ids);
    for (at, id) in ids {
        if !finder.identities.contains_key(&id) {
            let draft = Draft::new(ComponentKind::Identity, names_of(&id), &found.path);
            let index = finder.add(Draft { at: Some(at), remark: Some(id.clone()), ..draft });
            finder.identities.insert(id, index);
        }
    }
}

/// Depth is bounded by what the parsers take.
fn walk(value: &Value, at: &str, says_who: bool, ids: &mut Vec<(String, String)>) {
    if ids.len() == MOST {
        return;
    }
    match value {
        Value::String(text) if says_who && is_spiffe_id(text) => {
            ids.push((at.to_owned(), text.clone()));
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                walk(value, &pointer(at, &index.to_string()), says_who, ids);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                walk(value, &pointer(at, key), FIELDS.contains(&field(key).as_str()), ids);
            }
        }
        _ => {}
    }
}

/// The identity that a field of an agent names without more.
pub(super) fn named(path: &str, at: &str, name: &str) -> Draft {
    let long = format!("{}-{name}", stem_of(path));
    let names = candidates([name, long.as_str(), folder_of(path)]);
    Draft { at: Some(at.to_owned()), rank: 1, ..Draft::new(ComponentKind::Identity, names, path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_other_texts() {
        for id in ["spiffe://example.org/agent/triage", "spiffe://example.org"] {
            assert!(is_spiffe_id(id), "{id}");
        }
        for text in ["spiffe://", "spiffe://a//b", "spiffe://a/*", "https://a/b", "spiffe://a/../b"]
        {
            assert!(!is_spiffe_id(text), "{text}");
        }
    }

    #[test]
    fn an_identity_is_called_by_the_end_of_its_id_that_says_something() {
        assert_eq!(names_of("spiffe://example.org/agent/triage")[0], "triage");
        assert_eq!(names_of("spiffe://example.org/agent/0")[0], "agent-0");
        assert_eq!(names_of("spiffe://example.org"), ["example.org"]);
    }
}
