//! The files that a component or path stands on, and what of them passes a test.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use crate::object::{BlobId, NodeId, Origin, RepoPath, TreeEntry};
use crate::repo::{Descend, RepoError, Repository};
use crate::system::content_id;
use crate::view::{Kind, Opened, Source, StoredSource, ViewError, open, path_of};

use super::super::query::{Atom, Test};
use super::readings::Found;
use super::rows::{RowTest, count_rows, count_rows_from};
use super::truth::Truth;

/// A target that holds more files is not looked through.
const FILES: usize = 10_000;
/// The longest text that is looked through, in bytes.
const TEXT: u64 = 64 << 20;
/// So many first bytes tell text from what is none; as in git.
const HEAD: usize = 8_000;
/// Why a content that is no text is not looked through.
pub const NO_TEXT: &str = "it is no text";
/// So many opened contents are kept.
const OPENED: usize = 4;

/// A file of a target.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct File {
    /// Where it lies.
    pub path: RepoPath,
    /// What it holds.
    pub blob: BlobId,
}

/// A value, and why it is not known.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The value.
    pub truth: Truth,
    /// Why nobody can know.
    pub why: Option<Rc<str>>,
}

impl Judged {
    /// Nobody can know.
    pub fn unknown(why: impl Into<Rc<str>>) -> Self {
        Self { truth: Truth::Unknown, why: Some(why.into()) }
    }
}

impl From<Truth> for Judged {
    fn from(truth: Truth) -> Self {
        Self { truth, why: None }
    }
}

impl From<bool> for Judged {
    fn from(holds: bool) -> Self {
        Truth::from(holds).into()
    }
}

/// The files of a target, or why they are not known.
pub type Files = Result<Rc<[File]>, Rc<str>>;

/// A blob under a name: how it is understood depends on both.
type ContentKey = (BlobId, Vec<u8>);

/// Contents that were opened, and what was found in them.
pub struct Contents<'r> {
    repo: &'r Repository,
    opened: VecDeque<(ContentKey, Rc<Result<Opened, ViewError>>)>,
    /// What was found, by the atom's place.
    judged: HashMap<(usize, ContentKey), Judged>,
    /// How many rows pass, by the atom's place.
    pub(super) rows: HashMap<(usize, ContentKey), Result<u64, Rc<str>>>,
    /// How many contents were read.
    pub read: u64,
}

impl<'r> Contents<'r> {
    pub fn new(repo: &'r Repository) -> Self {
        Self {
            repo,
            opened: VecDeque::new(),
            judged: HashMap::new(),
            rows: HashMap::new(),
            read: 0,
        }
    }

    /// The files that a target stands on, in the directory tree `files` of a commit that has it. A
    /// component is believed only as far as that tree bears it out.
    pub fn files(
        &self,
        found: &Found,
        at: Option<&RepoPath>,
        files: NodeId,
    ) -> Result<Vec<File>, Rc<str>> {
        let told = |error: RepoError| Rc::from(error.to_string());
        let mut entries: Vec<(RepoPath, TreeEntry)> = Vec::new();
        match (found, at) {
            (Found::Entry(entry), Some(path)) => entries.push((path.clone(), *entry)),
            (Found::Component(component), _) => {
                for origin in &component.origins {
                    let Origin::Path(path) = origin else {
                        return Err("it lies outside of the folder".into());
                    };
                    if let Some(entry) = self.repo.entry_at(files, path).map_err(told)? {
                        entries.push((path.clone(), entry));
                    }
                }
                let held = entries.iter().map(|(path, entry)| (path, *entry));
                if content_id(held).map_err(told)? != component.content {
                    return Err("its files do not bear out what the system says of it".into());
                }
            }
            _ => {}
        }
        let mut out = Vec::new();
        for (path, entry) in entries {
            self.files_in(path, entry, &mut out)?;
        }
        Ok(out)
    }

    fn files_in(
        &self,
        path: RepoPath,
        entry: TreeEntry,
        out: &mut Vec<File>,
    ) -> Result<(), Rc<str>> {
        let Some(folder) = entry.root() else {
            out.extend(entry.blob().map(|blob| File { path, blob }));
            return Ok(());
        };
        let mut too_many = false;
        let walked = self.repo.walk_tree::<RepoError>(folder, &path, &mut |path, entry| {
            out.extend(entry.blob().map(|blob| File { path: path.clone(), blob }));
            too_many |= out.len() > FILES;
            Ok(if too_many { Descend::Past } else { Descend::Into })
        });
        walked.map_err(|error| Rc::from(error.to_string()))?;
        match too_many {
            true => Err(format!("it has more than {FILES} files").into()),
            false => Ok(()),
        }
    }

    /// Whether an atom holds for these files; `before` are those of the first parent, where a
    /// content may have been looked through already that differs little.
    pub fn judge(&mut self, nth: usize, atom: &Atom, files: &[File], before: &[File]) -> Judged {
        if let Atom::Count { number, .. } = atom {
            let mut count = 0u64;
            for file in files {
                match self.count(nth, atom, file, before) {
                    Ok(passing) => count = count.saturating_add(passing),
                    Err(why) => return Judged::unknown(why),
                }
            }
            return number.passes(count).into();
        }
        let mut judged = Judged::from(false);
        for file in files {
            let one = match atom {
                Atom::Row { .. } => match self.count(nth, atom, file, before) {
                    Ok(count) => (count > 0).into(),
                    Err(why) => Judged::unknown(why),
                },
                _ => self.judge_file(nth, atom, file),
            };
            if one.truth > judged.truth {
                judged = one;
            }
            if judged.truth == Truth::True {
                break;
            }
        }
        judged
    }

    fn judge_file(&mut self, nth: usize, atom: &Atom, file: &File) -> Judged {
        let key = match atom {
            // Bytes are read the same whatever their name.
            Atom::Content { .. } => (nth, (file.blob, Vec::new())),
            _ => (nth, key_of(file)),
        };
        if let Some(known) = self.judged.get(&key) {
            return known.clone();
        }
        let judged = match atom {
            Atom::Content { test, .. } => match self.text(file.blob) {
                Ok(text) => test.passes_text(&text).into(),
                Err(why) => Judged::unknown(why),
            },
            Atom::Tool { name, field, test, .. } => {
                self.in_document(file, &mut |kind, table, key, value| {
                    let [tool, rest @ ..] = key else { return false };
                    kind == Kind::Tools
                        && table == "tools"
                        && *tool == name.as_str().into()
                        && field.as_deref().is_none_or(|field| is_under(rest, field))
                        && test.as_ref().is_none_or(|test| test.passes(value))
                })
            }
            Atom::Key { path, test, .. } => self.in_document(file, &mut |kind, _, key, value| {
                has_paths(kind)
                    && is_under(key, path)
                    && test.as_ref().is_none_or(|test| test.passes(value))
            }),
            _ => Judged::from(false),
        };
        self.judged.insert(key, judged.clone());
        judged
    }

    /// Whether a leaf of a document passes.
    fn in_document(&mut self, file: &File, passes: &mut Leaf<'_>) -> Judged {
        let opened = match self.open(file) {
            Ok(opened) => opened,
            Err(why) => return Judged::unknown(why),
        };
        let Ok(opened) = opened.as_ref() else { return Judged::from(false) };
        match first_leaf(opened, passes) {
            Ok(found) => found.is_some().into(),
            Err(error) => Judged::unknown(error.to_string()),
        }
    }

    /// How many rows of a file pass, where need be by what differs from a file that was counted.
    fn count(
        &mut self,
        nth: usize,
        atom: &Atom,
        file: &File,
        before: &[File],
    ) -> Result<u64, Rc<str>> {
        let (Atom::Row { table, conditions, .. } | Atom::Count { table, conditions, .. }) = atom
        else {
            return Ok(0);
        };
        let test = RowTest { table: table.as_deref(), conditions };
        let key = key_of(file);
        if let Some(known) = self.rows.get(&(nth, key.clone())) {
            return known.clone();
        }
        let base = before.iter().find(|base| base.path == file.path).and_then(|base| {
            let counted = self.rows.get(&(nth, key_of(base)))?.clone().ok()?;
            Some((base.clone(), counted))
        });
        let counted = self.count_anew(&test, file, base);
        self.rows.insert((nth, key), counted.clone());
        counted
    }

    fn count_anew(
        &mut self,
        test: &RowTest<'_>,
        file: &File,
        base: Option<(File, u64)>,
    ) -> Result<u64, Rc<str>> {
        let told = |error: ViewError| Rc::from(error.to_string());
        // The older one first: views of one kind count on it to find what they share.
        let before = match &base {
            Some((file, counted)) => Some((self.open(file)?, *counted)),
            None => None,
        };
        let after = self.open(file)?;
        let Ok(after) = after.as_ref() else { return Ok(0) };
        let before = before
            .as_ref()
            .and_then(|(opened, count)| Some((opened.as_ref().as_ref().ok()?, *count)));
        match before {
            Some((before, counted)) => {
                count_rows_from(before.view.as_ref(), counted, after.view.as_ref(), test)
            }
            None => count_rows(after.view.as_ref(), test),
        }
        .map_err(told)
    }

    /// The view of a file; not known where it cannot be read or is not what it seems.
    pub fn open(&mut self, file: &File) -> Result<Rc<Result<Opened, ViewError>>, Rc<str>> {
        let key = key_of(file);
        let known = self.opened.iter().position(|(known, _)| *known == key);
        let opened = match known.and_then(|at| self.opened.remove(at)) {
            Some((_, opened)) => opened,
            None => {
                self.read += 1;
                let source = StoredSource::open(self.repo.shared_store(), file.blob);
                let source = source.map(|source| Arc::new(source) as Arc<dyn Source>);
                Rc::new(source.and_then(|source| open(source, file.path.as_bytes())))
            }
        };
        self.opened.truncate(OPENED - 1);
        self.opened.push_front((key, Rc::clone(&opened)));
        match opened.as_ref() {
            Err(error) => Err(error.to_string().into()),
            Ok(Opened { fell_back: Some(back), .. }) => Err(back.why.to_string().into()),
            Ok(_) => Ok(opened),
        }
    }

    /// The bytes of a text.
    pub fn text(&mut self, blob: BlobId) -> Result<Vec<u8>, Rc<str>> {
        self.read += 1;
        let told = |error: ViewError| Rc::from(error.to_string());
        let source = StoredSource::open(self.repo.shared_store(), blob).map_err(told)?;
        text_of(&source)
    }
}

/// Told of a leaf: its table, key and value.
pub type Leaf<'v> =
    dyn FnMut(Kind, &str, &[crate::view::Element], &crate::view::Value) -> bool + 'v;

/// The first leaf that passes.
pub fn first_leaf(
    opened: &Opened,
    passes: &mut Leaf<'_>,
) -> Result<Option<crate::view::Record>, ViewError> {
    let kind = opened.view.kind();
    if !has_paths(kind) {
        return Ok(None);
    }
    for table in opened.view.tables() {
        let mut cursor = opened.view.cursor(table, None)?;
        while let Some(record) = cursor.next()? {
            if passes(kind, &table.name, &record.key, &record.value) {
                return Ok(Some(record));
            }
        }
    }
    Ok(None)
}

/// Whether contents of this kind are trees of values with paths.
fn has_paths(kind: Kind) -> bool {
    matches!(kind, Kind::Json | Kind::Toml | Kind::Yaml | Kind::Tools | Kind::FrontMatter)
}

/// Whether a key is the path or lies under it.
pub fn is_under(key: &[crate::view::Element], path: &str) -> bool {
    let key = path_of(key);
    key.strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{', '#', '(']))
}

/// The whole of a text; not known where it is none, or too long.
pub fn text_of(source: &dyn Source) -> Result<Vec<u8>, Rc<str>> {
    let len = source.len();
    if len > TEXT {
        return Err(format!("a text of more than {} MiB", TEXT >> 20).into());
    }
    // Bounded above.
    let mut bytes = vec![0; len as usize];
    let mut filled = 0;
    while let Some(rest @ [_, ..]) = bytes.get_mut(filled..) {
        match source.read_at(filled as u64, rest) {
            Ok(0) => return Err("its content ends too early".into()),
            Ok(read) => filled += read,
            Err(error) => return Err(error.to_string().into()),
        }
        if memchr::memchr(0, bytes.get(..filled.min(HEAD)).unwrap_or_default()).is_some() {
            return Err(NO_TEXT.into());
        }
    }
    Ok(bytes)
}

fn key_of(file: &File) -> ContentKey {
    let name = file.path.as_bytes();
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let dot = name.iter().rposition(|byte| *byte == b'.');
    (file.blob, dot.and_then(|dot| name.get(dot..)).unwrap_or_default().to_ascii_lowercase())
}

/// The place in a text that makes it pass, as a line: its number from 1, and its text.
pub fn line_of(text: &[u8], test: &Test) -> Option<(u64, Vec<u8>)> {
    let at = test.place(text)?;
    let (before, after) = text.split_at_checked(at)?;
    let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let end = memchr::memchr(b'\n', after).map_or(text.len(), |end| at + end);
    let number = memchr::memchr_iter(b'\n', before).count() as u64 + 1;
    Some((number, text.get(start..end)?.to_vec()))
}
