//! The manifest: `aisr.toml` at the root of a folder (`docs/manifest.md`).

mod asked;
mod components;
mod glob;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use crate::disk::{Disk, DiskError};
use crate::object::{AttributeValue, ComponentKey, ComponentKind};
use crate::trust::AskedCommands;

pub use glob::{Glob, GlobError, Pattern};

/// Its name.
pub const MANIFEST_FILE: &str = "aisr.toml";
/// The table that asks for commands around each capture.
const CAPTURE: &str = "capture";
/// Longer ones are not read.
pub const MANIFEST_LIMIT: u64 = 8 << 20;
/// The most mistakes that are told at once.
const MOST_MISTAKES: usize = 50;

/// What a folder says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    /// The commands that it asks for around each capture.
    pub capture: Option<AskedCommands>,
    /// The components that it names, each once, ascending by the bytes of their keys.
    pub components: Vec<Declared>,
}

/// A component as the manifest names it: the table `[kind.name]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Declared {
    /// Which.
    pub key: ComponentKey,
    /// Where it lies: globs from the root (see [`Glob`]). None for one that is only named.
    pub paths: Vec<String>,
    /// A pointer (RFC 6901) to it, where it is a part of a file.
    pub at: Option<String>,
    /// What else is said of it.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Its former name; it was of the same kind.
    pub was: Option<String>,
    /// The edges that begin at it, ascending by relation.
    pub edges: Vec<DeclaredEdge>,
    /// The line of its table, from 1; `None` for one that was not read from a file.
    pub line: Option<usize>,
}

/// An edge as the manifest names it, at the component where it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeclaredEdge {
    /// What it says, a lower-case word.
    pub relation: String,
    /// Where it ends.
    pub to: ComponentKey,
    /// What else is said of it.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Its line, from 1; `None` for one that was not read from a file.
    pub line: Option<usize>,
}

impl Declared {
    /// A component of which nothing is said yet.
    pub fn new(key: ComponentKey) -> Self {
        Self {
            key,
            paths: Vec::new(),
            at: None,
            attributes: BTreeMap::new(),
            was: None,
            edges: Vec::new(),
            line: None,
        }
    }
}

/// Something in a manifest that is not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// Why a manifest cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It is a link.
    #[error("{} is a symbolic link, which is not followed", path.display())]
    Link {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is not UTF-8.
    #[error("{} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It says something that is not understood.
    #[error("{}, {first}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The first mistake in it.
        first: Mistake,
        /// The others, by line.
        more: Vec<Mistake>,
    },
}

impl Manifest {
    /// Reads the manifest of the folder `root`, which need not have one.
    ///
    /// # Errors
    /// When it is no file, cannot be read, is too long, or says something that is not understood.
    pub fn load(disk: &Disk, root: &Path) -> Result<Self, ManifestError> {
        Self::load_text(disk, root).map(|(manifest, _)| manifest)
    }

    /// Reads the manifest of the folder `root`, and its text; none where there is no file.
    ///
    /// # Errors
    /// As [`Manifest::load`].
    pub fn load_text(disk: &Disk, root: &Path) -> Result<(Self, Option<String>), ManifestError> {
        let path = root.join(MANIFEST_FILE);
        let file = match disk.open_dir(root)?.open_read(MANIFEST_FILE) {
            Ok(file) => file,
            Err(e) if e.is_not_found() => return Ok((Self::default(), None)),
            Err(_) if path.is_symlink() => return Err(ManifestError::Link { path }),
            Err(e) => return Err(e.into()),
        };
        let text = String::from_utf8(file.read_all(MANIFEST_LIMIT)?);
        let Ok(text) = text else { return Err(ManifestError::NotText { path }) };
        match Self::parse(&text) {
            Ok(manifest) => Ok((manifest, Some(text))),
            Err(mistakes) => Err(ManifestError::of(path, mistakes)),
        }
    }

    /// What `text` says.
    ///
    /// # Errors
    /// What is not understood, by line: what is no TOML, else all else.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let lines = Lines::of(text);
        let mut wrong = Vec::new();
        if errors.is_empty() {
            let manifest = read(table.into_inner(), text, &lines, &mut wrong);
            if wrong.is_empty() {
                return Ok(manifest);
            }
        } else {
            wrong.extend(errors.iter().map(|e| {
                let at = e.span().map_or(0, |span| span.start);
                match e.message() {
                    "duplicate key" => twice(text, at),
                    why => Wrong::new(at, why.replace('\n', ", ")),
                }
            }));
            // The keys of a table that is there twice may be there twice, too.
            if wrong.iter().any(|wrong| wrong.hint.as_deref() == Some(JOIN)) {
                wrong.retain(|wrong| !wrong.why.ends_with("is there twice"));
            }
        }
        wrong.sort_by_key(|wrong| wrong.at);
        wrong.truncate(MOST_MISTAKES);
        Err(wrong.into_iter().map(|wrong| wrong.on(&lines)).collect())
    }
}

impl ManifestError {
    /// The error that tells these mistakes of the file `path`.
    pub fn of(path: PathBuf, mut mistakes: Vec<Mistake>) -> Self {
        let nothing = || Mistake { line: 1, why: "not understood".into(), hint: None };
        let more = mistakes.split_off(mistakes.len().min(1));
        Self::Invalid { path, first: mistakes.pop().unwrap_or_else(nothing), more }
    }
}

/// A mistake at an offset of the text.
struct Wrong {
    at: usize,
    why: String,
    hint: Option<String>,
}

impl Wrong {
    fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Hints at the name that is nearest to `word`.
    fn meant<'a>(self, word: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, names) {
            Some(name) => self.hint(format!("did you mean {name}?")),
            None => self,
        }
    }

    fn on(self, lines: &Lines) -> Mistake {
        Mistake { line: lines.of_offset(self.at), why: self.why, hint: self.hint }
    }
}

/// Where the lines of a text end.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The line, from 1, of the byte at this offset.
    fn of_offset(&self, at: usize) -> usize {
        1 + self.0.partition_point(|end| *end < at)
    }
}

fn read(table: DeTable<'_>, text: &str, lines: &Lines, wrong: &mut Vec<Wrong>) -> Manifest {
    let mut manifest = Manifest::default();
    for (name, value) in table {
        let at = name.span().start;
        let name = name.into_inner();
        if name == CAPTURE {
            match asked::read(value) {
                Ok(asked) => manifest.capture = asked,
                Err(e) => wrong.push(e),
            }
            continue;
        }
        let Some(kind) = ComponentKind::from_name(&name) else {
            let known = ComponentKind::ALL.map(ComponentKind::name).into_iter().chain([CAPTURE]);
            let unknown = match value.get_ref() {
                DeValue::Table(_) => format!("`{name}` is no kind of component"),
                _ => format!("`{name}` is nothing that stands outside of a table"),
            };
            let kinds = ComponentKind::ALL.map(ComponentKind::name).join(", ");
            let unknown = Wrong::new(at, unknown).hint(format!("the kinds are {kinds}"));
            wrong.push(unknown.meant(&name, known));
            continue;
        };
        match value.into_inner() {
            DeValue::Table(table) => {
                components::read(kind, &table, text, lines, wrong, &mut manifest.components);
            }
            _ => {
                let why = format!("`{kind}` is no table", kind = kind.name());
                let hint = format!("a component is a table: [{}.NAME]", kind.name());
                wrong.push(Wrong::new(at, why).hint(hint));
            }
        }
    }
    manifest
}

/// What stands twice at this offset: a component, if it is the head of its table, else a key.
fn twice(text: &str, at: usize) -> Wrong {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    if let Some((kind, name)) = head(line) {
        let first = text.lines().position(|line| head(line) == Some((kind, name)));
        let first = first.map_or(1, |line| line + 1);
        return Wrong::new(at, format!("{kind}:{name} is there already, on line {first}"))
            .hint(JOIN);
    }
    let key = text.get(at..).unwrap_or_default();
    let end = key.find(|c: char| c.is_whitespace() || matches!(c, '=' | '.' | ']'));
    let key = key.get(..end.unwrap_or(key.len())).unwrap_or_default();
    Wrong::new(at, format!("the key {key} is there twice"))
}

/// What to do about a component that is there twice.
const JOIN: &str = "one table holds all that is said of a component: join the two";

/// Kind and name of the table that a line begins.
fn head(line: &str) -> Option<(&str, &str)> {
    let (head, _) = line.trim().strip_prefix('[')?.split_once(']')?;
    let (kind, name) = head.split_once('.')?;
    Some((kind.trim(), name.trim().trim_matches(['"', '\''])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: impl AsRef<[u8]>) -> Result<Manifest, ManifestError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(MANIFEST_FILE), text).unwrap();
        Manifest::load(&Disk::new(), dir.path())
    }

    #[test]
    fn commands_are_read_beside_components() {
        let text = "[capture]\nquiesce = [\"a\", \"b c\"]\n[model.x]\npath = \"x\"\n";
        let asked = load(text).unwrap().capture.unwrap();
        assert_eq!((asked.quiesce, asked.resume), (vec!["a".into(), "b c".into()], None));
        assert_eq!(asked.timeout, 30);
        let text = "[capture]\nquiesce = [\"a\"]\nresume = [\"b\"]\ntimeout = 3600\n";
        let asked = load(text).unwrap().capture.unwrap();
        assert_eq!((asked.resume, asked.timeout), (Some(vec!["b".into()]), 3600));
        for nothing in ["", "# nothing\n", "[capture]\n"] {
            assert_eq!(load(nothing).unwrap(), Manifest::default());
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line() {
        let long = format!("[capture]\nquiesce = [{}]\n", "\"a\",".repeat(65));
        let large = format!("[capture]\nquiesce = [\"{}\"]\n", "a".repeat(4097));
        for (text, line, why) in [
            ("[capture]\n\nquiesce = \"a b\"\n", 3, "expected a sequence"),
            ("[capture]\nquiesce = [\"a\", 1]\n", 2, "expected a string"),
            ("[capture]\nquiesce = []\n", 2, "without a program"),
            ("[capture]\nquiesce = [\"\"]\n", 2, "without a program"),
            ("[capture]\nquiesce = [\"a\\u0000\"]\n", 2, "NUL"),
            (&long, 2, "64 parts"),
            (&large, 2, "4096 bytes"),
            ("[capture]\nresume = [\"a\"]\n", 2, "resume without quiesce"),
            ("\n[capture]\ntimeout = 3\n", 2, "timeout without quiesce"),
            ("[capture]\nquiesce = [\"a\"]\ntimeout = 0\n", 3, "from 1 to 3600"),
            ("[capture]\nquiesce = [\"a\"]\ntimeout = -1\n", 3, ""),
            ("[capture]\nquiesce = [\"a\"]\nshell = true\n", 3, "unknown field `shell`"),
            ("capture = 3\n", 1, ""),
            ("a = 1\ncapture = 3\n", 1, "nothing that stands outside of a table"),
            ("x\n", 1, ""),
        ] {
            match load(text).unwrap_err() {
                ManifestError::Invalid { first, .. } => {
                    assert_eq!(first.line, line, "{text}: {first}");
                    assert!(first.why.contains(why), "{text}: {first}");
                }
                other => panic!("{text}: {other}"),
            }
        }
        assert!(matches!(load(b"\xff"), Err(ManifestError::NotText { .. })));
        let huge = vec![b'#'; (8 << 20) + 1];
        assert!(matches!(load(huge), Err(ManifestError::Disk(DiskError::TooLarge { .. }))));
    }

    #[test]
    fn a_link_is_not_followed_and_a_folder_is_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("other"), "[capture]\n").unwrap();
        std::os::unix::fs::symlink("other", dir.path().join(MANIFEST_FILE)).unwrap();
        let error = Manifest::load(&Disk::new(), dir.path()).unwrap_err();
        assert!(matches!(error, ManifestError::Link { .. }), "{error}");
        std::fs::remove_file(dir.path().join(MANIFEST_FILE)).unwrap();
        std::fs::create_dir(dir.path().join(MANIFEST_FILE)).unwrap();
        assert!(Manifest::load(&Disk::new(), dir.path()).is_err());
        let none = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::load(&Disk::new(), none.path()).unwrap(), Manifest::default());
    }

    fn component(text: &str) -> Declared {
        let mut found = Manifest::parse(text).unwrap().components;
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    }

    /// The mistakes of a text, each as `line: why | hint`.
    fn mistakes(text: &str) -> Vec<String> {
        let shown = |mistake: Mistake| match mistake.hint {
            Some(hint) => format!("{}: {} | {hint}", mistake.line, mistake.why),
            None => format!("{}: {}", mistake.line, mistake.why),
        };
        Manifest::parse(text).unwrap_err().into_iter().map(shown).collect()
    }

    #[test]
    fn a_component_says_where_it_lies_and_where_its_edges_lead() {
        let triage = component(
            r#"[agent.triage]
path = ["agents/triage.yaml", "agents/more/*"]
at = "/agents/0"
was = "sorter"
attributes = { team = "support", size = 0x10, cost = 1.50, live = true }
runs = "model:base"
remembers-in = [{ to = "memory:store", mode = "rw", since = 2 }, "memory:log"]
calls = [
  "agent:refunds",
]
[agent.triage.edges]
reads = { to = "data:faq" }
"#,
        );
        let text = |text: &str| AttributeValue::Text(text.into());
        assert_eq!(triage.key.to_string(), "agent:triage");
        assert_eq!(triage.paths, ["agents/triage.yaml", "agents/more/*"]);
        assert_eq!(triage.at.as_deref(), Some("/agents/0"));
        assert_eq!(triage.was.as_deref(), Some("sorter"));
        assert_eq!(triage.line, Some(1));
        let said: Vec<_> = triage.attributes.into_iter().collect();
        let expected = [("cost", "1.50"), ("live", "true"), ("size", "0x10"), ("team", "support")];
        assert_eq!(said, expected.map(|(name, value)| (name.to_owned(), text(value))));
        let edges: Vec<_> = triage
            .edges
            .iter()
            .map(|e| (e.relation.as_str(), e.to.to_string(), e.line.unwrap(), e.attributes.len()))
            .collect();
        let expected = [
            ("calls", "agent:refunds", 9, 0),
            ("reads", "data:faq", 12, 0),
            ("remembers-in", "memory:log", 7, 0),
            ("remembers-in", "memory:store", 7, 2),
            ("runs", "model:base", 6, 0),
        ];
        assert_eq!(edges, expected.map(|(r, to, line, n)| (r, to.to_owned(), line, n)));
        assert_eq!(triage.edges[3].attributes["mode"], text("rw"));
    }

    #[test]
    fn a_source_is_pinned_by_the_bytes_of_its_id() {
        let id = "0f".repeat(32);
        let text = format!("[model.a]\nderived-from = {{ to = \"model:b\", at = \"{id}\" }}\n");
        let edges = component(&text).edges;
        assert_eq!(edges[0].attributes["at"], AttributeValue::Bytes(vec![0x0f; 32]));
        let text = "[model.a]\nderived-from = { to = \"model:b\", at = \"0F\" }\n";
        assert_eq!(mistakes(text), ["2: at is not the 64 digits of a content id"]);
    }

    #[test]
    fn components_come_in_the_order_of_their_keys() {
        let text = "[tool.z]\n[model.b]\n[model.a-1]\n[model.a]\n[model.\"a.1\"]\n";
        let keys: Vec<_> =
            Manifest::parse(text).unwrap().components.into_iter().map(|c| c.key).collect();
        let mut sorted = keys.clone();
        sorted.sort_by_key(ComponentKey::encode);
        assert_eq!(keys, sorted);
    }

    #[test]
    fn every_mistake_is_told_with_its_line_and_the_nearest_name() {
        let text = r#"[modle.base]
path = "x"
[model.Base]
[agent.triage]
pth = "agents"
run = "model:base"
uses = ["model:base", "tols:x", "x", "tool:y", "tool:y"]
delegates = "identity:x"
owner = "mara"
remembers-in = { to = "memory:m", mode = "w+" }
calls = { from = "agent:x" }
path = ["/etc/x", "a/../b", "./c"]
was = "triage"
at = "x"
attributes = { Team = "x", at = "/y", list = [1] }
[agent.triage.edges]
runs = "model:b"
"#;
        insta::assert_snapshot!(mistakes(text).join("\n"));
    }

    #[test]
    fn what_stands_twice_is_told_with_where_it_stood_first() {
        let text = "[model.base]\npath = \"a\"\n\n[model.base]\npath = \"b\"\n";
        let hint = "one table holds all that is said of a component: join the two";
        let told = format!("4: model:base is there already, on line 1 | {hint}");
        assert_eq!(mistakes(text), [told]);
        let text = "[model.base]\npath = \"a\"\npath = \"b\"\n";
        assert_eq!(mistakes(text), ["3: the key path is there twice"]);
    }

    #[test]
    fn an_edge_leads_where_its_relation_does_or_to_another_repository() {
        let text = "[agent.a]\nruns = \"system:billing\"\n";
        assert_eq!(component(text).edges[0].to.to_string(), "system:billing");
        let text = "[agent.a]\nruns = \"tool:x\"\n";
        assert_eq!(mistakes(text), ["2: `runs` leads to model, not to tool"]);
        // What is no relation of the kind may be one all the same, among the others.
        let text = "[tool.a.edges]\nuses = \"tool:b\"\nserved-by = [\"identity:x\"]\n";
        assert_eq!(component(text).edges.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_told(text in "[\\[\\]a-z:.={}\"\n, 0-9-]{0,80}") {
            if let Err(mistakes) = Manifest::parse(&text) {
                proptest::prop_assert!(!mistakes.is_empty());
            }
        }
    }
}
