//! Kinds of content and of components by their names.

use aisr::object::{ComponentKey, ComponentKind};
use aisr::view::Kind;

/// The kinds of content with their names.
const KINDS: [(Kind, &str); 12] = [
    (Kind::Bytes, "bytes"),
    (Kind::Text, "text"),
    (Kind::Json, "json"),
    (Kind::Toml, "toml"),
    (Kind::Yaml, "yaml"),
    (Kind::JsonLines, "jsonl"),
    (Kind::Csv, "csv"),
    (Kind::Tools, "tools"),
    (Kind::FrontMatter, "front-matter"),
    (Kind::Sqlite, "sqlite"),
    (Kind::Safetensors, "safetensors"),
    (Kind::Gguf, "gguf"),
];

/// What `--kind` lets pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KindFilter {
    /// Contents of this kind.
    Content(Kind),
    /// What components of this kind stand on.
    Component(ComponentKind),
}

/// The kind of this name.
pub fn parse_kind(name: &str) -> Result<KindFilter, String> {
    if let Some((kind, _)) = KINDS.iter().find(|(_, known)| *known == name) {
        return Ok(KindFilter::Content(*kind));
    }
    let component = ComponentKind::ALL.into_iter().find(|kind| kind.name() == name);
    component.map(KindFilter::Component).ok_or_else(|| {
        let contents = KINDS.iter().map(|(_, name)| *name);
        let names = contents.chain(ComponentKind::ALL.iter().map(|kind| kind.name()));
        format!("it is one of {}", names.collect::<Vec<_>>().join(", "))
    })
}

impl KindFilter {
    /// Whether a content of this kind passes. What is not looked into passes as bytes.
    pub fn lets(self, kind: Option<Kind>) -> bool {
        self == Self::Content(kind.unwrap_or(Kind::Bytes))
    }

    /// Whether the component is of this kind.
    pub fn names(self, key: &ComponentKey) -> bool {
        self == Self::Component(key.kind())
    }
}

/// The name of a kind, as `--json` and `--kind` have it.
pub fn kind_name(kind: Kind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("bytes", |(_, name)| name)
}
