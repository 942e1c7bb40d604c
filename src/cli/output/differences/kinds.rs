//! The kinds of content by their names.

use aisr::view::Kind;

/// What `--kind` lets pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum KindFilter {
    Bytes,
    Text,
    Json,
    Toml,
    Yaml,
    Jsonl,
    Csv,
    Tools,
    FrontMatter,
    Sqlite,
    Safetensors,
    Gguf,
}

impl KindFilter {
    /// Whether a content of this kind passes. What is not looked into passes as bytes.
    pub fn lets(self, kind: Option<Kind>) -> bool {
        let wanted = match self {
            Self::Bytes => Kind::Bytes,
            Self::Text => Kind::Text,
            Self::Json => Kind::Json,
            Self::Toml => Kind::Toml,
            Self::Yaml => Kind::Yaml,
            Self::Jsonl => Kind::JsonLines,
            Self::Csv => Kind::Csv,
            Self::Tools => Kind::Tools,
            Self::FrontMatter => Kind::FrontMatter,
            Self::Sqlite => Kind::Sqlite,
            Self::Safetensors => Kind::Safetensors,
            Self::Gguf => Kind::Gguf,
        };
        kind.unwrap_or(Kind::Bytes) == wanted
    }
}

/// The name of a kind, as `--json` and `--kind` have it.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Json => "json",
        Kind::Toml => "toml",
        Kind::Yaml => "yaml",
        Kind::JsonLines => "jsonl",
        Kind::Csv => "csv",
        Kind::Tools => "tools",
        Kind::FrontMatter => "front-matter",
        Kind::Sqlite => "sqlite",
        Kind::Safetensors => "safetensors",
        Kind::Gguf => "gguf",
        _ => "bytes",
    }
}
