//! What of a `.gitignore` may go into the first `.aisrignore`.
//!
//! Teams ignore in git what is too large for it: models and memory, which are what aisr is for. So
//! a line is taken over only if it hides none of them, neither what lies there nor what could.

use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{Mode, OFlags, open};

use crate::disk::Disk;

use super::error::WorktreeError;
use super::ignore_pattern::{Pattern, lines};
use super::ignores::{DEFAULT_IGNORES, IGNORE_FILE, Ignores, read_named};

/// Endings of files that hold models, memory or data.
const ENDINGS: [&str; 38] = [
    "safetensors",
    "gguf",
    "ggml",
    "bin",
    "pt",
    "pth",
    "ckpt",
    "onnx",
    "h5",
    "hdf5",
    "keras",
    "pb",
    "tflite",
    "mlmodel",
    "npz",
    "npy",
    "joblib",
    "pkl",
    "pickle",
    "sqlite",
    "sqlite3",
    "db",
    "duckdb",
    "parquet",
    "arrow",
    "feather",
    "jsonl",
    "csv",
    "tsv",
    "faiss",
    "index",
    "lance",
    "model",
    "spm",
    "tiktoken",
    "engine",
    "prompt",
    "mmap",
];
/// Names of folders that hold them.
const FOLDERS: [&str; 22] = [
    "models",
    "model",
    "weights",
    "checkpoints",
    "checkpoint",
    "adapters",
    "memory",
    "memories",
    "data",
    "dataset",
    "datasets",
    "prompts",
    "prompt",
    "embeddings",
    "vectorstore",
    "vectors",
    "vector_db",
    "chroma",
    "chroma_db",
    "qdrant",
    "agents",
    "state",
];
/// What holds secrets; `!` must not take it in again.
const SECRETS: [&str; 11] = [
    ".env",
    ".env.local",
    ".env.production",
    "id_rsa",
    "id_ed25519",
    "tls.key",
    "ca-key.pem",
    ".netrc",
    ".aws/config",
    ".ssh/config",
    "credentials.json",
];

/// The lines of a `.gitignore`, sorted by whether they may be taken over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proposals {
    /// Lines to take over, in their order.
    pub taken: Vec<BString>,
    /// Lines that would hide models or memory, or take secrets in.
    pub left_out: Vec<BString>,
}

/// Sorts the lines of the `.gitignore` whose text is `gitignore`, by what lies under `root` and by
/// the shapes of models and memory. Lines that the defaults hold already are in neither list.
fn propose_ignores(root: &Path, gitignore: &[u8]) -> Proposals {
    let there = valuable_files(root);
    let defaults: Vec<&BStr> = lines(DEFAULT_IGNORES.as_bytes()).collect();
    let mut proposals = Proposals::default();
    for line in lines(gitignore).filter(|line| !defaults.contains(line)) {
        let pattern = Pattern::new(line);
        let harms = match pattern.negated {
            true => SECRETS.iter().any(|name| hits(&pattern, (*name).into())),
            false => {
                hides_shapes(line, &pattern)
                    || there.iter().any(|path| hits(&pattern, path.as_bstr()))
            }
        };
        let list = if harms { &mut proposals.left_out } else { &mut proposals.taken };
        list.push(line.into());
    }
    proposals
}

/// Writes the first ignore file of `root`, unless there is one; gives what it took of git's.
///
/// # Errors
/// When it cannot be written.
pub fn write_first_ignore_file(
    disk: &Disk,
    root: &Path,
) -> Result<Option<Proposals>, WorktreeError> {
    let folder = open(root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    // A `.gitignore` that cannot be read proposes nothing.
    let text = folder.ok().and_then(|folder| read_named(folder, ".gitignore", "".into()).ok());
    let proposals = propose_ignores(root, &text.flatten().unwrap_or_default());
    let text = first_ignore_file(&proposals);
    match disk.create_whole(&root.join(IGNORE_FILE), &text, 0o644) {
        Ok(()) => Ok(Some(proposals)),
        Err(e) if e.is_already_exists() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The whole first ignore file: the defaults, and what was taken over under a comment.
fn first_ignore_file(proposals: &Proposals) -> Vec<u8> {
    let mut text = DEFAULT_IGNORES.as_bytes().to_vec();
    if !proposals.taken.is_empty() {
        text.extend_from_slice(b"\n# From .gitignore\n");
    }
    for line in &proposals.taken {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text
}

/// Whether the pattern means the file at `path`, or a folder that it lies in.
fn hits(pattern: &Pattern, path: &BStr) -> bool {
    let mut above = path.find_iter("/").map(|end| path[..end].as_bstr());
    pattern.matches(path, false) || above.any(|folder| pattern.matches(folder, true))
}

fn hides_shapes(line: &BStr, pattern: &Pattern) -> bool {
    let lower = line.to_ascii_lowercase();
    let named = lower.strip_suffix(b"/").unwrap_or(&lower);
    let ends = ENDINGS.iter().any(|ending| {
        named.strip_suffix(ending.as_bytes()).is_some_and(|before| before.ends_with(b"."))
    });
    let names = FOLDERS.iter().any(|name| named.split_str("/").any(|part| part == name.as_bytes()));
    ends || names
        || FOLDERS.iter().any(|name| {
            let hit = |path: String| hits(pattern, path.as_str().into());
            hit(format!("{name}/some.json"))
                || ENDINGS.iter().any(|ending| {
                    hit(format!("{name}.{ending}")) || hit(format!("{name}/some.{ending}"))
                })
        })
}

/// Paths of files under `root` that end as models, memory and data do, or lie in folders that are
/// named so. What the defaults leave out is not looked at, nor what cannot be read.
fn valuable_files(root: &Path) -> Vec<BString> {
    let mut found = Vec::new();
    let mut defaults = Ignores::default();
    defaults.enter("".into(), 0, DEFAULT_IGNORES.as_bytes());
    let mut waiting = vec![BString::default()];
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(root.join(folder.to_path_lossy())) else { continue };
        for entry in entries.flatten() {
            use std::os::unix::ffi::OsStrExt;
            let name = entry.file_name();
            let path: BString = match folder.is_empty() {
                true => name.as_bytes().into(),
                false => [folder.as_slice(), b"/", name.as_bytes()].concat().into(),
            };
            let Ok(kind) = entry.file_type() else { continue };
            let skipped = name.as_bytes() == IGNORE_FILE.as_bytes()
                || path == crate::repo::FOLDER
                || defaults.is_ignored(path.as_bstr(), kind.is_dir());
            match (skipped, kind.is_dir()) {
                (true, _) => {}
                (false, true) => waiting.push(path),
                (false, false) if is_valuable(path.as_bstr()) => found.push(path),
                (false, false) => {}
            }
        }
    }
    found
}

fn is_valuable(path: &BStr) -> bool {
    let lower = path.to_ascii_lowercase();
    let mut parts = lower.rsplit_str("/");
    let name = parts.next().unwrap_or_default();
    let ending = name.rsplit_once_str(".").map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.iter().any(|e| e.as_bytes() == ending))
        || parts.any(|part| FOLDERS.iter().any(|name| name.as_bytes() == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(root: &Path, text: &str) -> (Vec<String>, Vec<String>) {
        let Proposals { taken, left_out } = propose_ignores(root, text.as_bytes());
        let texts = |list: Vec<BString>| list.iter().map(ToString::to_string).collect();
        (texts(taken), texts(left_out))
    }

    #[test]
    fn lines_that_hide_models_or_memory_by_their_shape_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let text = "*.gguf\nmodels/\n/data\n*.log\nsrc/*.bin\n*\nmemory.*\n*.sqlite3\ndist/\n.idea/\n*.PT\nm*/\n";
        let (taken, left_out) = sorted(dir.path(), text);
        assert_eq!(taken, ["*.log", "dist/", ".idea/"]);
        assert_eq!(
            left_out,
            [
                "*.gguf",
                "models/",
                "/data",
                "src/*.bin",
                "*",
                "memory.*",
                "*.sqlite3",
                "*.PT",
                "m*/"
            ]
        );
    }

    #[test]
    fn lines_that_hide_a_model_that_lies_there_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("out/run-1")).unwrap();
        std::fs::write(dir.path().join("out/run-1/final.safetensors"), "x").unwrap();
        std::fs::create_dir_all(dir.path().join("tmp")).unwrap();
        std::fs::write(dir.path().join("tmp/x.txt"), "x").unwrap();
        let (taken, left_out) = sorted(dir.path(), "out/\ntmp/\n");
        assert_eq!((taken, left_out), (vec!["tmp/".into()], vec!["out/".into()]));
    }

    #[test]
    fn lines_that_would_take_secrets_in_and_lines_that_are_there_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (taken, left_out) = sorted(dir.path(), "# env\n.env\n!.env\n!keep.log\n__pycache__/\n");
        assert_eq!((taken, left_out), (vec!["!keep.log".into()], vec!["!.env".into()]));
    }
}
