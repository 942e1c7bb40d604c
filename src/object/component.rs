//! Components of the system: the models, prompts, memories, tools, identities and agents, as the
//! map of schema `components` holds them (`docs/format.md`, "The system graph").

use std::fmt;
use std::str::FromStr;

use super::attributes::{self, Attributes};
use super::cbor::{DecodeError, MapWriter, Reader, check_len};
use super::name::RepoPath;
use super::signed::{filled, same, set};
use super::{Id, limits};

/// What a component is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ComponentKind {
    /// Weights, an adapter, or a named model behind an API.
    Model,
    /// A prompt.
    Prompt,
    /// What an agent remembers.
    Memory,
    /// A tool, or a server of tools.
    Tool,
    /// On whose behalf an agent acts.
    Identity,
    /// An agent.
    Agent,
    /// Data that a model or memory was made from, or that is looked up.
    Data,
    /// Configuration.
    Config,
    /// A component of another repository, pinned.
    System,
}

impl ComponentKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Model,
        Self::Prompt,
        Self::Memory,
        Self::Tool,
        Self::Identity,
        Self::Agent,
        Self::Data,
        Self::Config,
        Self::System,
    ];

    /// The word for it in keys and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Prompt => "prompt",
            Self::Memory => "memory",
            Self::Tool => "tool",
            Self::Identity => "identity",
            Self::Agent => "agent",
            Self::Data => "data",
            Self::Config => "config",
            Self::System => "system",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The key of a component: `kind:name`.
///
/// Names are `[a-z0-9][a-z0-9._-]*`, at most 255 bytes, so that a key needs no quoting anywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ComponentKey {
    kind: ComponentKind,
    name: String,
}

impl ComponentKey {
    /// The key of a component of this kind and name.
    ///
    /// # Errors
    /// When the name is none.
    pub fn new(kind: ComponentKind, name: &str) -> Result<Self, DecodeError> {
        let why = "not a name: a letter or digit, then letters, digits, dots, hyphens, underscores";
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let valid = name.bytes().next().is_some_and(plain)
            && name.bytes().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'));
        if !valid {
            return Err(DecodeError::Invalid { field: "component", why });
        }
        check_len("name of a component", name.len(), limits::NAME)?;
        Ok(Self { kind, name: name.into() })
    }

    /// What it is.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// Its name, without the kind.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key in the map.
    pub fn encode(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// Reads a key of the map.
    ///
    /// # Errors
    /// When the bytes are no key.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let not_text = DecodeError::Invalid { field: "component", why: "not text" };
        std::str::from_utf8(bytes).map_err(|_| not_text)?.parse()
    }
}

impl fmt::Display for ComponentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.name)
    }
}

impl FromStr for ComponentKey {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let no_kind = DecodeError::Invalid { field: "component", why: "not a kind and a name" };
        let (kind, name) = text.split_once(':').ok_or(no_kind)?;
        let unknown =
            || DecodeError::UnknownVersion { what: "kind of component", found: kind.to_owned() };
        Self::new(ComponentKind::from_name(kind).ok_or_else(unknown)?, name)
    }
}

/// What a component stands on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// A file or folder.
    Path(RepoPath),
    /// An entry of the `external` map, by its key.
    External(Vec<u8>),
}

/// A component: a value of the map of schema `components`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Component {
    /// The blob or tree of a single origin, else the root of a `tree` map of them: computed again
    /// from the origins by whoever checks. Absent exactly where there are no origins.
    pub content: Option<Id>,
    /// What it stands on, ascending. None for a component that this repository only names.
    pub origins: Vec<Origin>,
    /// What else is said of it.
    pub attributes: Attributes,
    /// What it was called before.
    pub was: Option<ComponentKey>,
}

impl Component {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = MapWriter::new();
        m.optional("content", self.content, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.list("origin", &self.origins, |w, origin| {
            w.array(2);
            match origin {
                Origin::Path(path) => w.uint(0).bytes(path.as_bytes()),
                Origin::External(key) => w.uint(1).bytes(key),
            };
        });
        if !self.attributes.is_empty() {
            m.field("attributes", |w| attributes::write(w, &self.attributes));
        }
        m.optional("was", self.was.as_ref(), |w, key| {
            w.text(&key.to_string());
        });
        m.finish()
    }

    /// Reads a value of the map.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of a component.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        check_len("component", bytes.len(), limits::COMPONENT)?;
        let (mut content, mut origins, mut attributes, mut was) = (None, None, None, None);
        let mut r = Reader::new(bytes);
        r.fields(|r, field| match field {
            "content" => set(&mut content, Id::new(r.array_of("content")?)),
            "origin" => set(&mut origins, r.list(origin)?),
            "attributes" => set(&mut attributes, attributes::read(r)?),
            "was" => set(&mut was, r.text()?.parse()?),
            _ => Err(DecodeError::UnknownField(field.into())),
        })?;
        r.end()?;
        let origins = filled(origins, "origin")?;
        let invalid = |field, why| Err(DecodeError::Invalid { field, why });
        if !origins.is_sorted_by(|a, b| a < b) {
            return invalid("origin", "not ascending");
        }
        if content.is_some() == origins.is_empty() {
            return invalid("content", "content and origin are there together or not at all");
        }
        let component = Self { content, origins, attributes: attributes.unwrap_or_default(), was };
        same("component", bytes, &component.encode())?;
        Ok(component)
    }
}

fn origin(r: &mut Reader<'_>) -> Result<Origin, DecodeError> {
    if r.array()? != 2 {
        let at = r.position();
        return Err(DecodeError::Unexpected { expected: "an origin of two items", at });
    }
    match r.uint()? {
        0 => RepoPath::parse(r.bytes()?)
            .map(Origin::Path)
            .map_err(|_| DecodeError::Invalid { field: "origin", why: "not a path" }),
        1 => {
            let key = r.bytes()?;
            check_len("key", key.len(), limits::KEY)?;
            Ok(Origin::External(key.to_vec()))
        }
        other => {
            let found = other.to_string();
            Err(DecodeError::UnknownVersion { what: "kind of origin", found })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::AttributeValue;
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn key() -> impl Strategy<Value = ComponentKey> {
        let kind = prop::sample::select(ComponentKind::ALL.to_vec());
        (kind, "[a-z0-9][a-z0-9._-]{0,9}")
            .prop_map(|(kind, name)| ComponentKey::new(kind, &name).unwrap())
    }

    fn component() -> impl Strategy<Value = Component> {
        let path = "[a-c]{1,3}(/[a-c]{1,3}){0,2}";
        let path = path.prop_map(|path| Origin::Path(RepoPath::parse(path).unwrap()));
        let external = any::<Vec<u8>>().prop_map(Origin::External);
        let origins = prop::collection::btree_set(prop_oneof![path, external], 0..4);
        let value = prop_oneof![
            any::<String>().prop_map(AttributeValue::Text),
            any::<Vec<u8>>().prop_map(AttributeValue::Bytes),
        ];
        let attributes = prop::collection::btree_map("[a-z0-9-]{1,30}", value, 0..3);
        (origins, attributes, prop::option::of(key()), any::<[u8; 32]>()).prop_map(
            |(origins, attributes, was, id)| Component {
                content: (!origins.is_empty()).then(|| Id::new(id)),
                origins: origins.into_iter().collect(),
                attributes,
                was,
            },
        )
    }

    proptest! {
        #[test]
        fn a_component_reads_as_it_was_written(component in component()) {
            prop_assert_eq!(Component::decode(&component.encode()), Ok(component));
        }

        #[test]
        fn a_key_reads_as_it_was_written(key in key()) {
            prop_assert_eq!(ComponentKey::decode(&key.encode()), Ok(key));
        }

        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(
            component in component(),
            noise in prop::collection::vec(any::<u8>(), 0..8),
            at in 0usize..80,
        ) {
            let mut bytes = component.encode();
            let at = at.min(bytes.len());
            let end = (at + noise.len()).min(bytes.len());
            bytes.splice(at..end, noise);
            if let Ok(component) = Component::decode(&bytes) {
                prop_assert_eq!(component.encode(), bytes);
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "model", "model:", ":base", "models:base", "model:Base", "model:-b"] {
            assert!(text.parse::<ComponentKey>().is_err(), "{text}");
        }
        let long = format!("model:{}", "a".repeat(256));
        assert!(matches!(long.parse::<ComponentKey>(), Err(DecodeError::Limit { .. })));
    }

    #[test]
    fn origins_ascend_and_stand_beside_content() {
        let path = |path| Origin::Path(RepoPath::parse(path).unwrap());
        let sound = Component {
            content: Some(Id::new([7; 32])),
            origins: vec![path("a"), path("b"), Origin::External(b"a".to_vec())],
            ..Component::default()
        };
        assert_eq!(Component::decode(&sound.encode()), Ok(sound.clone()));
        let mut twice = sound.clone();
        twice.origins[1] = path("a");
        let mut turned = sound.clone();
        turned.origins.swap(0, 2);
        let without_content = Component { content: None, ..sound.clone() };
        let without_origins = Component { origins: Vec::new(), ..sound };
        for wrong in [twice, turned, without_content, without_origins] {
            assert!(Component::decode(&wrong.encode()).is_err(), "{wrong:?}");
        }
    }
}
