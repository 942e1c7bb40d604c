//! The tables of components: `[kind.name]`.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Declared, DeclaredEdge, Glob, Lines, Wrong};
use crate::object::{AttributeValue, ComponentKey, ComponentKind, is_word};
use crate::system::relation::{RELATIONS, Relation};

/// The fields that are no relations.
const FIELDS: [&str; 5] = ["path", "at", "attributes", "was", "edges"];
/// The modes in which an agent remembers.
const MODES: [&str; 3] = ["r", "w", "rw"];
/// The longest text of an attribute, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

type Value<'i> = Spanned<DeValue<'i>>;

/// Reads the tables below a kind, in the order of their names.
pub(super) fn read(
    kind: ComponentKind,
    table: &DeTable<'_>,
    text: &str,
    lines: &Lines,
    wrong: &mut Vec<Wrong>,
    into: &mut Vec<Declared>,
) {
    for (name, value) in table {
        let (at, name) = (name.span().start, name.get_ref());
        let DeValue::Table(fields) = value.get_ref() else {
            let hint = format!("a component is a table: [{}.{name}]", kind.name());
            wrong.push(Wrong::new(at, format!("`{name}` is no table")).hint(hint));
            continue;
        };
        match ComponentKey::new(kind, name) {
            Ok(key) => {
                let declared = Declared { line: Some(lines.of_offset(at)), ..Declared::new(key) };
                let mut reader = TableReader { declared, text, lines, wrong: &mut *wrong };
                reader.read(fields);
                into.push(reader.declared);
            }
            Err(_) => wrong.push(no_name(at, kind, name)),
        }
    }
}

fn no_name(at: usize, kind: ComponentKind, name: &str) -> Wrong {
    let why = format!("`{name}` is no name of a component");
    let plain = name
        .to_lowercase()
        .replace(|c: char| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-'), "-");
    let plain = plain.trim_start_matches(['.', '_', '-']);
    match ComponentKey::new(kind, plain) {
        // A dot in a name must stand in quotes, else it would begin another table.
        Ok(_) if plain.contains('.') => {
            Wrong::new(at, why).hint(format!("[{}.\"{plain}\"] would be one", kind.name()))
        }
        Ok(_) => Wrong::new(at, why).hint(format!("[{}.{plain}] would be one", kind.name())),
        Err(_) => Wrong::new(at, why)
            .hint("a letter a-z or digit, then letters, digits, dots, hyphens, underscores"),
    }
}

struct TableReader<'a> {
    declared: Declared,
    text: &'a str,
    lines: &'a Lines,
    wrong: &'a mut Vec<Wrong>,
}

impl TableReader<'_> {
    fn read(&mut self, fields: &DeTable<'_>) {
        for (name, value) in fields {
            let at = name.span().start;
            match name.get_ref().as_ref() {
                "path" => self.paths(value),
                "at" => self.pointer(value),
                "was" => self.was(value),
                "attributes" => match value.get_ref() {
                    DeValue::Table(table) => {
                        let attributes = self.attributes(table, None, Some("at"));
                        self.declared.attributes.extend(attributes);
                    }
                    _ => self.wrong(at, "attributes are no table"),
                },
                "edges" => match value.get_ref() {
                    DeValue::Table(table) => self.other_relations(table),
                    _ => self.wrong(at, "edges are no table"),
                },
                relation => match Relation::of(self.declared.key.kind(), relation) {
                    Some(known) => self.edges(known.name, Some(known), value),
                    None => self.unknown(at, relation, value),
                },
            }
        }
        self.declared.edges.sort_by(|a, b| place(a).cmp(&place(b)));
    }

    fn wrong(&mut self, at: usize, why: impl Into<String>) {
        self.wrong.push(Wrong::new(at, why));
    }

    fn text<'v>(&mut self, what: &str, value: &'v Value<'_>) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        match text {
            Some(text) if text.len() > LONGEST_TEXT => {
                self.wrong(
                    value.span().start,
                    format!("{what} is longer than {LONGEST_TEXT} bytes"),
                );
                None
            }
            Some(text) if !text.contains('\0') => Some(text),
            _ => {
                let found = value.get_ref().type_str();
                self.wrong(value.span().start, format!("{what} is a text, not {found}"));
                None
            }
        }
    }

    fn paths(&mut self, value: &Value<'_>) {
        let one = std::slice::from_ref(value);
        let values = value.get_ref().as_array().map_or(one, |values| &values[..]);
        if values.is_empty() {
            self.wrong(value.span().start, "path is an empty list");
        }
        for value in values {
            let Some(glob) = self.text("path", value) else { continue };
            match Glob::parse(glob) {
                Ok(_) if self.declared.paths.iter().any(|path| path == glob) => {
                    self.wrong(value.span().start, format!("path {glob:?} is there twice"));
                }
                Ok(_) => self.declared.paths.push(glob.into()),
                Err(e) => {
                    let wrong = Wrong::new(value.span().start, format!("path {glob:?} {e}"));
                    self.wrong.push(match e.instead(glob) {
                        Some(instead) => wrong.hint(format!("write {instead:?}")),
                        None => wrong,
                    });
                }
            }
        }
    }

    fn pointer(&mut self, value: &Value<'_>) {
        let Some(text) = self.text("at", value) else { return };
        let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !text.starts_with('/') || !escaped {
            let why = format!("at {text:?} is no JSON pointer");
            let hint = "a pointer is /KEY/KEY, with ~1 for a `/` inside a key and ~0 for a `~`";
            self.wrong.push(Wrong::new(value.span().start, why).hint(hint));
            return;
        }
        self.declared.at = Some(text.into());
    }

    fn was(&mut self, value: &Value<'_>) {
        let Some(text) = self.text("was", value) else { return };
        let at = value.span().start;
        match ComponentKey::new(self.declared.key.kind(), text) {
            Ok(was) if was == self.declared.key => self.wrong(at, "was is its name now"),
            Ok(_) => self.declared.was = Some(text.into()),
            Err(_) => {
                let why = format!("was {text:?} is no name of a component");
                self.wrong.push(Wrong::new(at, why).hint("a name without its kind"));
            }
        }
    }

    /// The attributes of a table, without the name `past`; `refused` is none.
    fn attributes(
        &mut self,
        table: &DeTable<'_>,
        past: Option<&str>,
        refused: Option<&str>,
    ) -> BTreeMap<String, AttributeValue> {
        let mut attributes = BTreeMap::new();
        for (name, value) in table {
            let (at, name) = (name.span().start, name.get_ref().as_ref());
            if past == Some(name) {
                continue;
            }
            if refused == Some(name) {
                self.wrong(at, format!("`{name}` is a field of the component, no attribute"));
                continue;
            }
            if !is_word(name) {
                let why = format!("`{name}` is no name of an attribute");
                self.wrong.push(Wrong::new(at, why).hint("letters a-z, digits, hyphens"));
                continue;
            }
            if let Some(text) = self.scalar(name, value) {
                attributes.insert(name.to_owned(), AttributeValue::Text(text));
            }
        }
        attributes
    }

    /// A text, or what else is one word, as it is written.
    fn scalar(&mut self, name: &str, value: &Value<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::Array(_) | DeValue::Table(_) => {
                let found = value.get_ref().type_str();
                self.wrong(
                    value.span().start,
                    format!("`{name}` is a text or number, not {found}"),
                );
                None
            }
            DeValue::String(_) => self.text(name, value).map(str::to_owned),
            _ => Some(self.text.get(value.span()).unwrap_or_default().to_owned()),
        }
    }

    /// The relations of `[kind.name.edges]`: any word.
    fn other_relations(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let (at, relation) = (name.span().start, name.get_ref().as_ref());
            if !is_word(relation) {
                let why = format!("`{relation}` is no name of a relation");
                self.wrong.push(Wrong::new(at, why).hint("letters a-z, digits, hyphens"));
            } else if Relation::of(self.declared.key.kind(), relation).is_some() {
                let why = format!("`{relation}` is a field of its own");
                let hint = format!("move it from edges to [{}]", self.head());
                self.wrong.push(Wrong::new(at, why).hint(hint));
            } else {
                self.edges(relation, None, value);
            }
        }
    }

    fn head(&self) -> String {
        let (kind, name) = (self.declared.key.kind().name(), self.declared.key.name());
        match name.contains('.') {
            true => format!("{kind}.\"{name}\""),
            false => format!("{kind}.{name}"),
        }
    }

    fn edges(&mut self, relation: &str, known: Option<Relation>, value: &Value<'_>) {
        match value.get_ref() {
            DeValue::Array(values) => {
                for value in values.iter() {
                    self.edge(relation, known, value);
                }
            }
            _ => self.edge(relation, known, value),
        }
    }

    fn edge(&mut self, relation: &str, known: Option<Relation>, value: &Value<'_>) {
        let (to, at, attributes) = match value.get_ref() {
            DeValue::String(to) => (to.as_ref(), value.span(), BTreeMap::new()),
            DeValue::Table(table) => {
                let Some(to) = table.get("to") else {
                    let why = format!("`{relation}` does not say where it leads");
                    let hint = "an edge is { to = \"KIND:NAME\" }, and what else is said of it";
                    self.wrong.push(Wrong::new(value.span().start, why).hint(hint));
                    return;
                };
                let Some(text) = self.text("to", to) else { return };
                let attributes = self.attributes(table, Some("to"), None);
                (text, to.span(), self.checked(relation, attributes, table, value.span()))
            }
            _ => {
                let why = format!("`{relation}` is one `kind:name`, a list, or {{ to = … }}");
                self.wrong(value.span().start, why);
                return;
            }
        };
        let Some(to) = self.end(relation, known, to, at.start) else { return };
        if self.declared.edges.iter().any(|e| e.relation == relation && e.to == to) {
            self.wrong(at.start, format!("`{relation}` leads to {to} twice"));
            return;
        }
        let line = Some(self.lines.of_offset(at.start));
        self.declared.edges.push(DeclaredEdge { relation: relation.into(), to, attributes, line });
    }

    /// The attributes whose values have a form: `mode` of `remembers-in`, `at` of `derived-from`.
    fn checked(
        &mut self,
        relation: &str,
        mut attributes: BTreeMap<String, AttributeValue>,
        table: &DeTable<'_>,
        edge: Range<usize>,
    ) -> BTreeMap<String, AttributeValue> {
        let at = |name| table.get(name).map_or(edge.start, |value| value.span().start);
        match (relation, attributes.get("mode"), attributes.get("at")) {
            ("remembers-in", Some(AttributeValue::Text(mode)), _)
                if !MODES.contains(&mode.as_str()) =>
            {
                self.wrong(at("mode"), "mode is not r, w or rw");
            }
            ("derived-from", _, Some(AttributeValue::Text(id))) => {
                match data_encoding::HEXLOWER.decode(id.as_bytes()) {
                    Ok(id) if id.len() == crate::object::ID_LEN => {
                        attributes.insert("at".into(), AttributeValue::Bytes(id));
                    }
                    _ => self.wrong(at("at"), "at is not the 64 digits of a content id"),
                }
            }
            _ => {}
        }
        attributes
    }

    /// Where an edge ends.
    fn end(
        &mut self,
        relation: &str,
        known: Option<Relation>,
        to: &str,
        at: usize,
    ) -> Option<ComponentKey> {
        let Ok(key) = to.parse::<ComponentKey>() else {
            let kinds = ComponentKind::ALL.map(ComponentKind::name);
            let wrong = Wrong::new(at, format!("{to:?} is no `kind:name`"));
            let wrong = match (to.split_once(':'), known.map(|known| known.to)) {
                (Some((kind, _)), _) => wrong.meant(kind, kinds),
                (None, Some([kind])) if ComponentKey::new(*kind, to).is_ok() => {
                    wrong.hint(format!("write \"{}:{to}\"", kind.name()))
                }
                (None, _) => wrong,
            };
            self.wrong.push(wrong);
            return None;
        };
        if let Some(known) = known
            && !known.leads_to(key.kind())
        {
            let kinds: Vec<_> = known.to.iter().map(|kind| kind.name()).collect();
            let (kinds, found) = (kinds.join(", "), key.kind().name());
            self.wrong(at, format!("`{relation}` leads to {kinds}, not to {found}"));
            return None;
        }
        Some(key)
    }

    fn unknown(&mut self, at: usize, field: &str, value: &Value<'_>) {
        let key = &self.declared.key;
        let why = format!("`{field}` is no field of {key}");
        let kind = key.kind();
        let relations = RELATIONS.into_iter().filter(|r| r.from.contains(&kind)).map(|r| r.name);
        let names: Vec<_> = FIELDS.into_iter().chain(relations).collect();
        let mut wrong = Wrong::new(at, why);
        if is_word(field) {
            let head = self.head();
            wrong = match leads_somewhere(value) {
                true => wrong.hint(format!("another relation stands in [{head}.edges]")),
                false => {
                    wrong.hint(format!("what else is said of it stands in [{head}.attributes]"))
                }
            };
        }
        self.wrong.push(wrong.meant(field, names));
    }
}

/// Where an edge stands among those of its component: in the order of the map of edges.
fn place(edge: &DeclaredEdge) -> (&str, &str, &str) {
    (&edge.relation, edge.to.kind().name(), edge.to.name())
}

/// Whether a value looks like the ends of edges.
fn leads_somewhere(value: &Value<'_>) -> bool {
    match value.get_ref() {
        DeValue::String(text) => text.parse::<ComponentKey>().is_ok(),
        DeValue::Array(values) => values.iter().next().is_some_and(leads_somewhere),
        DeValue::Table(table) => table.get("to").is_some(),
        _ => false,
    }
}
