//! What a content is: found by what it holds first, by its name second.

use std::sync::Arc;

use super::document::{Document, Node};
use super::error::ViewError;
use super::front_matter::split_front_matter;
use super::gguf::GgufView;
use super::limits::CONTENT;
use super::records::Records;
use super::safetensors::SafetensorsView;
use super::source::Source;
use super::sqlite::{MAGIC, SqliteView};
use super::text::{Bytes, Text, is_text};
use super::value::{Key, Value};
use super::{Kind, View, content, json, toml, tools, yaml};

/// How many first bytes are looked at to tell text from bytes, and formats by their mark.
const HEAD: usize = 8_000;

/// A content, understood as far as it can be.
pub struct Opened {
    /// The view of it.
    pub view: Box<dyn View>,
    /// What it seemed to be and is not, or not within bounds; then the view is one of text or of
    /// bytes.
    pub fell_back: Option<FellBack>,
    /// The keys of members whose name the same mapping has already, the first 20. Programs differ
    /// in which they take, so such a name can say one thing to a reviewer and another to a model.
    pub doubled: Vec<Key>,
}

/// What a content seemed to be, and why it is not taken for that.
#[derive(Debug)]
pub struct FellBack {
    /// What its name or its beginning says.
    pub seemed: Kind,
    /// What is wrong with it.
    pub why: ViewError,
}

impl Opened {
    fn of(view: impl View) -> Self {
        Self { view: Box::new(view), fell_back: None, doubled: Vec::new() }
    }

    fn of_document(document: Document) -> Self {
        let doubled = document.doubled();
        Self { doubled, ..Self::of(document) }
    }
}

/// The view of a content with this name, of which only the end after the last dot counts.
///
/// No content makes this fail: one that breaks the rules of its kind is text, or bytes, and
/// [`Opened::fell_back`] says so.
///
/// # Errors
/// When the bytes cannot be had.
pub fn open(source: Arc<dyn Source>, name: &[u8]) -> Result<Opened, ViewError> {
    let head = content::head(&*source, HEAD)?;
    if let Some(kind) = marked(&head, source.len()) {
        return open_marked(kind, source);
    }
    let named = kind_of_name(name);
    if !is_text(&head) {
        let fell_back = named.map(|seemed| FellBack { seemed, why: not_text() });
        return Ok(Opened { fell_back, ..Opened::of(Bytes) });
    }
    let bytes = match content::whole(&*source, CONTENT) {
        Ok(bytes) => bytes,
        Err(why @ ViewError::Limit { .. }) => {
            let fell_back = Some(FellBack { seemed: named.unwrap_or(Kind::Text), why });
            return Ok(Opened { fell_back, ..Opened::of(Bytes) });
        }
        Err(error) => return Err(error),
    };
    Ok(match String::from_utf8(bytes) {
        Ok(text) => open_text(text, named),
        Err(error) => {
            let at = error.utf8_error().valid_up_to() as u64;
            let why = ViewError::Malformed { what: "text", why: "not UTF-8".to_owned(), at };
            // Text it is all the same, line by line, if its name says no more.
            let named = named.filter(|kind| *kind != Kind::Text);
            let fell_back = named.map(|seemed| FellBack { seemed, why });
            Opened { fell_back, ..Opened::of(Text::new(error.into_bytes())) }
        }
    })
}

/// The view of a content as one of these kinds, so that two versions that are not understood alike
/// can be compared all the same ([`common`]). Knows the kinds that are made of text, and bytes.
///
/// # Errors
/// When the bytes cannot be had, the content is not of this kind, or goes beyond the bounds of it.
pub fn open_as(source: Arc<dyn Source>, kind: Kind) -> Result<Opened, ViewError> {
    if kind == Kind::Bytes {
        return Ok(Opened::of(Bytes));
    }
    let bytes = content::whole(&*source, CONTENT)?;
    if kind == Kind::Text {
        return if is_text(&bytes) { Ok(Opened::of(Text::new(bytes))) } else { Err(not_text()) };
    }
    let text = String::from_utf8(bytes).map_err(|error| ViewError::Malformed {
        what: "text",
        why: "not UTF-8".to_owned(),
        at: error.utf8_error().valid_up_to() as u64,
    })?;
    parse(text, kind).map_err(|(_, error)| {
        let why = "it is something else".to_owned();
        error.unwrap_or(ViewError::Malformed { what: "content of this kind", why, at: 0 })
    })
}

/// The kind as which two contents can be compared: their own where they agree.
pub fn common(a: Kind, b: Kind) -> Kind {
    use Kind::{Bytes, FrontMatter, Json, JsonLines, Text, Tools};
    let is_binary = |kind| matches!(kind, Bytes | Kind::Sqlite | Kind::Safetensors | Kind::Gguf);
    match (a, b) {
        (a, b) if a == b => a,
        (Tools, Json) | (Json, Tools) => Json,
        (Tools, JsonLines) | (JsonLines, Tools) => JsonLines,
        (FrontMatter, Text) | (Text, FrontMatter) => Text,
        (a, b) if is_binary(a) || is_binary(b) => Bytes,
        _ => Text,
    }
}

/// The kinds whose contents begin with a mark of their own.
fn marked(head: &[u8], len: u64) -> Option<Kind> {
    if head.starts_with(MAGIC) {
        return Some(Kind::Sqlite);
    }
    if head.starts_with(b"GGUF") && head.get(5..8) == Some(&[0; 3]) {
        return Some(Kind::Gguf);
    }
    let (header_len, rest) = head.split_first_chunk::<8>()?;
    let ends = u64::from_le_bytes(*header_len).checked_add(8)?;
    (rest.first() == Some(&b'{') && ends <= len).then_some(Kind::Safetensors)
}

/// The view of a content that begins with a mark; bytes where it breaks the rules of its kind.
fn open_marked(kind: Kind, source: Arc<dyn Source>) -> Result<Opened, ViewError> {
    let opened = match kind {
        Kind::Sqlite => SqliteView::open(source).map(Opened::of),
        Kind::Gguf => GgufView::open(source).map(Opened::of),
        _ => SafetensorsView::open(source).map(Opened::of),
    };
    match opened {
        Err(why @ (ViewError::Malformed { .. } | ViewError::Limit { .. })) => {
            let fell_back = Some(FellBack { seemed: kind, why });
            Ok(Opened { fell_back, ..Opened::of(Bytes) })
        }
        other => other,
    }
}

fn not_text() -> ViewError {
    ViewError::Malformed { what: "text", why: "it has zero bytes".to_owned(), at: 0 }
}

/// What a name says of its content.
fn kind_of_name(name: &[u8]) -> Option<Kind> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let end = name.get(dot + 1..)?.to_ascii_lowercase();
    Some(match end.as_slice() {
        b"json" => Kind::Json,
        b"jsonl" | b"ndjson" => Kind::JsonLines,
        b"toml" => Kind::Toml,
        b"yaml" | b"yml" => Kind::Yaml,
        b"csv" | b"tsv" | b"tab" => Kind::Csv,
        b"md" | b"mdx" | b"mdc" | b"markdown" | b"prompt" | b"prompty" => Kind::FrontMatter,
        b"txt" => Kind::Text,
        _ => return None,
    })
}

/// Tries what the name says, then what the content looks like.
fn open_text(mut text: String, named: Option<Kind>) -> Opened {
    let mut fell_back = None;
    for kind in tried(&text, named) {
        match parse(text, kind) {
            Ok(opened) => return opened,
            Err((back, why)) => {
                text = back;
                let too_much = matches!(why, Some(ViewError::Limit { .. }));
                if Some(kind) == named || too_much {
                    fell_back = why.map(|why| FellBack { seemed: kind, why });
                }
                // What is sound and beyond the bounds is nothing else. Tools are only looked for.
                if too_much && kind != Kind::Tools {
                    break;
                }
            }
        }
    }
    Opened { fell_back, ..Opened::of(Text::new(text.into_bytes())) }
}

/// What a text may be, the most telling first.
fn tried(text: &str, named: Option<Kind>) -> Vec<Kind> {
    let body = without_mark(text);
    let mut kinds = Vec::new();
    kinds.extend(named.filter(|kind| !matches!(kind, Kind::Text | Kind::FrontMatter)));
    if body.trim_start_matches([' ', '\t', '\r', '\n']).starts_with(['{', '[']) {
        let looks = [Kind::Json, Kind::JsonLines].into_iter();
        kinds.extend(looks.filter(|kind| Some(*kind) != named));
    }
    if split_front_matter(body).is_some() {
        kinds.push(Kind::FrontMatter);
    }
    let is_json = |kind: &Kind| matches!(kind, Kind::Json | Kind::JsonLines);
    if let Some(at) = kinds.iter().position(is_json)
        && tools::may_be_there(body)
    {
        kinds.insert(at, Kind::Tools);
    }
    kinds
}

/// The text without the mark that some editors of Windows put before it.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The view of a text as one of a kind. Else the text comes back with what is wrong, or nothing
/// where it only is something else.
fn parse(text: String, kind: Kind) -> Result<Opened, (String, Option<ViewError>)> {
    let body = without_mark(&text);
    let document = |tree| Document::new(kind, &["path"], tree).map(Opened::of_document).map(Some);
    let parsed = match kind {
        Kind::Json => json::parse(body).and_then(|value| document(Node::of(value))),
        Kind::Toml => toml::parse(body).and_then(|value| document(Node::of(value))),
        Kind::Yaml => yaml::parse(body).and_then(document),
        Kind::FrontMatter => match split_front_matter(body) {
            Some(parts) => parts.view().map(|view| view.map(Opened::of_document)),
            None => Ok(None),
        },
        Kind::Tools => tools_of(body).map(|view| view.map(Opened::of_document)),
        Kind::JsonLines => Records::json_lines(body.to_owned()).map(Opened::of).map(Some),
        Kind::Csv => Records::csv(body.to_owned()).map(Opened::of).map(Some),
        _ => Ok(None),
    };
    match parsed {
        Ok(Some(opened)) => Ok(opened),
        Ok(None) => Err((text, None)),
        Err(error) => Err((text, Some(error))),
    }
}

fn tools_of(text: &str) -> Result<Option<Document>, ViewError> {
    let value = json::parse(text).or_else(|_| json::parse_lines(text).map(Value::List))?;
    tools::view(value)
}
