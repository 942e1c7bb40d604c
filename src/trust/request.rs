//! What a versioned file asks for, made exact: which programs run, and what of the folder they are.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::disk::{DiskError, ReadFile};
use crate::object::{BlobId, Id, RepositoryId};

/// BLAKE3 context of the ids of requests. They are no part of a repository.
const CONTEXT: &str = "aisr 2026-11-25 request v1";

/// How much of a file is hashed at once.
const BUFFER: usize = 1 << 20;

/// The commands that a versioned file asks for, as it says them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AskedCommands {
    /// Runs before the folder is read: program and arguments.
    pub quiesce: Vec<String>,
    /// Runs once the folder need not hold still any more.
    pub resume: Option<Vec<String>>,
    /// How long each may take, in seconds.
    pub timeout: u64,
}

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Commands around each capture.
    CaptureCommands,
}

/// A request, exact: whatever is different in it is another request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    purpose: Purpose,
    /// The repository's id.
    repository: String,
    /// The folder that asks.
    root: String,
    /// Runs before the folder is read.
    pub quiesce: Command,
    /// Runs once the folder need not hold still any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Command>,
    /// How long each may take, in seconds.
    pub timeout: u64,
}

/// A command of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program as it is called, and its arguments.
    pub argv: Vec<String>,
    /// Where the program lies.
    pub program: String,
    /// The files of the folder that program and arguments name.
    pub files: Vec<FolderFile>,
}

/// A file of the folder that is part of a request: once it changes, the request is another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderFile {
    /// Its path inside the root.
    pub path: String,
    /// What it holds: what `b3sum` prints.
    pub content: String,
}

/// What names a request: a hash over all of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(Id);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a request cannot be made exact, and so cannot be allowed.
#[derive(Debug, Error)]
pub enum RequestError {
    /// There is no such program.
    #[error("there is no program `{name}`")]
    NoProgram {
        /// How it is called.
        name: String,
    },
    /// A link in the folder leads out of it.
    #[error("`{argument}` lies in the folder and leads out of it")]
    LeadsOut {
        /// The program or argument.
        argument: String,
    },
    /// A path has no exact text.
    #[error("{} is not UTF-8", path.display())]
    NotText {
        /// The path.
        path: PathBuf,
    },
    /// The folder is not where it was.
    #[error("cannot find {}", root.display())]
    NoRoot {
        /// The folder.
        root: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is part of it cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Request {
    /// Makes exact what the folder `root` asks for. Programs without a slash in their names are
    /// looked for in the folders of `search`; those that are not absolute do not count.
    ///
    /// # Errors
    /// When a program is not there, when a link leads out of the folder, or when a file cannot be
    /// read.
    pub fn new(
        repository: RepositoryId,
        root: &Path,
        asked: &AskedCommands,
        search: &[PathBuf],
    ) -> Result<Self, RequestError> {
        let root = root
            .canonicalize()
            .map_err(|source| RequestError::NoRoot { root: root.into(), source })?;
        let command = |argv: &Vec<String>| Command::new(&root, argv.clone(), search);
        Ok(Self {
            purpose: Purpose::CaptureCommands,
            repository: repository.to_hex(),
            quiesce: command(&asked.quiesce)?,
            resume: asked.resume.as_ref().map(command).transpose()?,
            timeout: asked.timeout,
            root: text(&root)?,
        })
    }

    /// What names it.
    pub fn id(&self) -> RequestId {
        RequestId(Id::new(blake3::derive_key(CONTEXT, self.line().as_bytes())))
    }

    /// The one line that says all of it, and what it is hashed over.
    pub fn line(&self) -> String {
        // Texts, numbers and lists of them always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The folder that asks.
    pub fn root(&self) -> &Path {
        Path::new(&self.root)
    }

    /// Its commands, in the order in which they run.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, &Command)> {
        let resume = self.resume.as_ref().map(|command| ("resume", command));
        [("quiesce", &self.quiesce)].into_iter().chain(resume)
    }
}

impl Command {
    fn new(root: &Path, argv: Vec<String>, search: &[PathBuf]) -> Result<Self, RequestError> {
        let name = argv.first().map_or("", String::as_str);
        let program = find_program(root, name, search)
            .ok_or_else(|| RequestError::NoProgram { name: name.into() })?;
        let files = folder_files(root, &program, &argv)?;
        Ok(Self { program: text(&program)?, argv, files })
    }

    /// Whether the files of the folder that it names still are what they were.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn is_current(&self, root: &Path) -> Result<bool, RequestError> {
        Ok(folder_files(root, Path::new(&self.program), &self.argv)? == self.files)
    }
}

fn text(path: &Path) -> Result<String, RequestError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| RequestError::NotText { path: path.into() })
}

fn find_program(root: &Path, name: &str, search: &[PathBuf]) -> Option<PathBuf> {
    if name.contains('/') {
        let path = root.join(name).components().collect::<PathBuf>();
        return Some(path).filter(|path| is_program(path));
    }
    let folders = search.iter().filter(|folder| folder.is_absolute() && !name.is_empty());
    folders.map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The files of the folder that a command names: its program, each argument, and what stands
/// behind a `=` in one.
fn folder_files(
    root: &Path,
    program: &Path,
    argv: &[String],
) -> Result<Vec<FolderFile>, RequestError> {
    let behind = |text: &'_ str| text.split_once('=').map(|(_, path)| path.to_owned());
    let arguments = argv.iter().skip(1).cloned().flat_map(|arg| [behind(&arg), Some(arg)]);
    let named = [Some(text(program)?)].into_iter().chain(arguments).flatten();
    let mut files = Vec::new();
    for name in named {
        if let Some(file) = folder_file(root, &name)?
            && !files.contains(&file)
        {
            files.push(file);
        }
    }
    Ok(files)
}

/// The file of the folder that `name` names, if it names one.
fn folder_file(root: &Path, name: &str) -> Result<Option<FolderFile>, RequestError> {
    let path = Path::new(name);
    // What cannot be found now is no file of the folder; once it is one, the request is another.
    let Ok(real) = root.join(path).canonicalize() else { return Ok(None) };
    let Ok(inside) = real.strip_prefix(root) else {
        let begins_inside = match path.components().next() {
            Some(Component::RootDir) => path.starts_with(root),
            Some(Component::ParentDir) | None => false,
            Some(_) => true,
        };
        return match begins_inside {
            true => Err(RequestError::LeadsOut { argument: name.into() }),
            false => Ok(None),
        };
    };
    if !real.is_file() {
        return Ok(None);
    }
    Ok(Some(FolderFile { path: text(inside)?, content: hash(&real)?.to_hex() }))
}

fn hash(path: &Path) -> Result<BlobId, RequestError> {
    let file = ReadFile::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER];
    let mut offset = 0;
    loop {
        let got = file.read_at(offset, &mut buffer)?;
        if got == 0 {
            return Ok(BlobId::from_id(Id::new(*hasher.finalize().as_bytes())));
        }
        hasher.update(&buffer[..got]);
        offset += got as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn request(root: &Path, argv: &[&str], search: &[PathBuf]) -> Result<Request, RequestError> {
        let quiesce = argv.iter().map(|text| (*text).to_owned()).collect();
        let asked = AskedCommands { quiesce, resume: None, timeout: 30 };
        Request::new(RepositoryId::of(b"one"), root, &asked, search)
    }

    fn program(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn whatever_is_different_makes_another_request() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let asked = |argv: &[&str], resume: Option<&[&str]>, timeout| {
            let owned =
                |argv: &[&str]| argv.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            AskedCommands { quiesce: owned(argv), resume: resume.map(owned), timeout }
        };
        let id = |repo: &[u8], root: &Path, asked: &AskedCommands| {
            Request::new(RepositoryId::of(repo), root, asked, &[]).unwrap().id()
        };
        let base = asked(&["/bin/sh", "a", "b"], None, 30);
        let first = id(b"one", one.path(), &base);
        assert_eq!(first, id(b"one", one.path(), &base));
        assert_ne!(first, id(b"two", one.path(), &base));
        assert_ne!(first, id(b"one", two.path(), &base));
        for other in [
            asked(&["/bin/sh", "a", "c"], None, 30),
            asked(&["/bin/sh", "a b"], None, 30),
            asked(&["/bin/sh", "a"], None, 30),
            asked(&["/bin/cat", "a", "b"], None, 30),
            asked(&["/bin/sh", "a", "b"], Some(&["/bin/sh"]), 30),
            asked(&["/bin/sh", "a", "b"], None, 31),
        ] {
            assert_ne!(first, id(b"one", one.path(), &other), "{other:?}");
        }
    }

    #[test]
    fn a_file_of_the_folder_that_is_named_is_part_of_the_request() {
        let dir = tempfile::tempdir().unwrap();
        program(&dir.path().join("pause"), "1");
        for argv in [
            &["./pause"][..],
            &["/bin/sh", "pause"],
            &["/bin/sh", "--file=pause"],
            &["/bin/sh", "../outside", dir.path().join("pause").to_str().unwrap()],
        ] {
            program(&dir.path().join("pause"), "1");
            let before = request(dir.path(), argv, &[]).unwrap();
            let [file] = &before.quiesce.files[..] else { panic!("{before:?}") };
            assert_eq!(file.path, "pause");
            assert_eq!(file.content, BlobId::of(b"1").to_hex());
            assert!(before.quiesce.is_current(dir.path()).unwrap());
            program(&dir.path().join("pause"), "2");
            assert!(!before.quiesce.is_current(dir.path()).unwrap());
            assert_ne!(before.id(), request(dir.path(), argv, &[]).unwrap().id(), "{argv:?}");
        }
    }

    #[test]
    fn a_file_that_comes_to_be_named_makes_another_request() {
        let dir = tempfile::tempdir().unwrap();
        let before = request(dir.path(), &["/bin/sh", "later"], &[]).unwrap();
        fs::write(dir.path().join("later"), "x").unwrap();
        assert!(!before.quiesce.is_current(dir.path()).unwrap());
        assert_ne!(before.id(), request(dir.path(), &["/bin/sh", "later"], &[]).unwrap().id());
    }

    #[test]
    fn a_link_out_of_the_folder_cannot_be_allowed() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        program(&outside.path().join("x"), "1");
        symlink(outside.path().join("x"), dir.path().join("pause")).unwrap();
        symlink(outside.path(), dir.path().join("sub")).unwrap();
        for argv in [&["./pause"][..], &["/bin/sh", "pause"], &["/bin/sh", "-f=sub/x"]] {
            let error = request(dir.path(), argv, &[]).unwrap_err();
            assert!(matches!(error, RequestError::LeadsOut { .. }), "{argv:?}: {error}");
        }
    }

    #[test]
    fn a_program_is_looked_for_in_absolute_folders_alone() {
        let (dir, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = "aisr-test-program";
        program(&dir.path().join(name), "1");
        let relative = [PathBuf::new(), PathBuf::from(".")];
        let missing = request(dir.path(), &[name], &relative).unwrap_err();
        assert!(matches!(missing, RequestError::NoProgram { .. }), "{missing}");
        fs::write(bin.path().join(name), "not executable").unwrap();
        assert!(request(dir.path(), &[name], &[bin.path().into()]).is_err());
        program(&bin.path().join(name), "1");
        let found = request(dir.path(), &[name], &[bin.path().into()]).unwrap();
        assert_eq!(Path::new(&found.quiesce.program), bin.path().join(name));
        assert_eq!(found.quiesce.files, []);
        // A search path that leads into the folder finds what is versioned there.
        let inside = request(dir.path(), &[name], &[dir.path().into()]).unwrap();
        assert_eq!(inside.quiesce.files.len(), 1);
    }
}
