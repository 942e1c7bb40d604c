//! What a file may be, by its path alone.

use super::place::{ending_of, is_below, name_of};

/// Endings of weights.
pub(super) const WEIGHTS: [&str; 8] =
    ["safetensors", "gguf", "ggml", "onnx", "pt", "pth", "ckpt", "bin"];
/// Endings of databases.
pub(super) const DATABASES: [&str; 7] = ["sqlite", "sqlite3", "db", "db3", "duckdb", "s3db", "sl3"];
/// Endings of vector indexes that are one file.
pub(super) const VECTORS: [&str; 5] = ["faiss", "usearch", "ann", "hnsw", "index"];
/// Endings of records, one in each line.
pub(super) const RECORDS: [&str; 2] = ["jsonl", "ndjson"];
/// Endings of files whose fields are read.
const DOCUMENTS: [&str; 6] = ["json", "yaml", "yml", "toml", "md", "mdc"];
/// Endings of prompts wherever they lie.
pub(super) const PROMPTS: [&str; 2] = ["prompt", "prompty"];
/// Endings of texts that may be prompts, in a folder of prompts or where an agent says so.
pub(super) const TEXTS: [&str; 12] = [
    "md", "txt", "prompt", "prompty", "jinja", "jinja2", "j2", "mustache", "hbs", "liquid", "tmpl",
    "xml",
];
/// Endings of data that is told of where nothing claims it.
const DATA: [&str; 8] = ["csv", "tsv", "parquet", "arrow", "feather", "npy", "npz", "pkl"];

/// Folders of tests and of other people's code: what lies in them is no part of this system.
const NOT_OURS: [&str; 12] = [
    "test",
    "tests",
    "testdata",
    "__tests__",
    "fixtures",
    "snapshots",
    "vendor",
    "third_party",
    "third-party",
    "site-packages",
    "node_modules",
    ".git",
];
/// Names of files that belong to a project's code, in lower case without the ending.
const OF_THE_PROJECT: [&str; 34] = [
    "readme",
    "changelog",
    "changes",
    "history",
    "news",
    "license",
    "licence",
    "copying",
    "contributing",
    "code_of_conduct",
    "security",
    "authors",
    "notice",
    "install",
    "package",
    "package-lock",
    "tsconfig",
    "jsconfig",
    "composer",
    "cargo",
    "pyproject",
    "poetry",
    "pipfile",
    "docker-compose",
    "compose",
    "mkdocs",
    "netlify",
    "vercel",
    "codecov",
    "renovate",
    "aisr",
    "requirements",
    "robots",
    "pnpm-lock",
];
/// Names of prompts wherever they lie, in lower case.
pub(super) const PROMPT_FILES: [&str; 8] = [
    "agents.md",
    "claude.md",
    "gemini.md",
    "skill.md",
    "copilot-instructions.md",
    ".cursorrules",
    ".windsurfrules",
    ".clinerules",
];
/// Folders in which every text is a prompt.
pub(super) const PROMPT_FOLDERS: [&str; 4] =
    ["prompts", "prompt", "prompt-templates", "prompt_templates"];
/// Folders of agents.
pub(super) const AGENT_FOLDERS: [&str; 6] =
    ["agents", "agent", "crew", "crews", "subagents", "chatmodes"];
/// Folders of what agents remember.
pub(super) const MEMORY_FOLDERS: [&str; 9] = [
    "memory",
    "memories",
    "sessions",
    "conversations",
    "episodes",
    "histories",
    "checkpoints",
    "threads",
    "state",
];
/// Folders whose documents are looked into however many there are elsewhere.
const TOLD_FOLDERS: [&str; 20] = [
    "agents",
    "agent",
    "crew",
    "crews",
    "subagents",
    "chatmodes",
    "tools",
    "tool",
    "mcp",
    "identity",
    "identities",
    "memory",
    "models",
    "model",
    "adapters",
    ".vscode",
    ".cursor",
    ".claude",
    ".well-known",
    ".github",
];
/// Words in names that tell as much.
const TOLD_WORDS: [&str; 8] =
    ["agent", "mcp", "tool", "prompt", "adapter_config", "card", "crew", "identit"];

/// Whether a file may be part of a system, or is worth telling of if it is part of none.
pub fn is_of_interest(path: &str) -> bool {
    if is_below(path, &NOT_OURS) {
        return false;
    }
    let name = name_of(path).to_ascii_lowercase();
    let ending = ending_of(path);
    let ending = ending.as_str();
    let known = [&WEIGHTS[..], &DATABASES, &VECTORS, &RECORDS, &DOCUMENTS, &TEXTS, &DATA]
        .iter()
        .any(|endings| endings.contains(&ending));
    let companion = super::models::is_companion(&name);
    known
        || companion
        || PROMPT_FILES.contains(&name.as_str())
        || name.starts_with("chroma.")
        || path.split('/').any(|part| part.ends_with(".lance"))
        || (is_below(path, &PROMPT_FOLDERS) && ending.is_empty() && !name.starts_with('.'))
}

/// Whether a file belongs to a project's code or papers, and says nothing of a system.
pub(super) fn is_of_the_project(path: &str) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    OF_THE_PROJECT.contains(&stem)
        || name.ends_with(".lock")
        || name.ends_with("ignore")
        || name.starts_with("tsconfig.")
}

/// Whether a file's fields are read.
pub(super) fn is_document(path: &str) -> bool {
    DOCUMENTS.contains(&ending_of(path).as_str()) && !is_of_the_project(path)
}

/// Whether its path says that its fields may speak of a system.
pub(super) fn is_told(path: &str) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    is_below(path, &TOLD_FOLDERS) || TOLD_WORDS.iter().any(|word| name.contains(word))
}

/// Whether it is worth telling of, where nothing claims it.
pub(super) fn is_worth_telling(path: &str) -> bool {
    let ending = ending_of(path);
    let ending = ending.as_str();
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    let always = [&WEIGHTS[..], &DATABASES, &RECORDS, &DATA].iter().any(|e| e.contains(&ending));
    let text = DOCUMENTS.contains(&ending) || ending == "txt";
    let papers = is_below(path, &["docs", "doc", "src", "examples"]);
    always || (text && !papers && !hidden && !is_of_the_project(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_tests_are_of_no_interest() {
        for path in ["src/main.rs", "a/module_1.py", "tests/agents/a.yaml", "x.png", "Makefile"] {
            assert!(!is_of_interest(path), "{path}");
        }
        for path in ["agents/a.yaml", "models/b.gguf", ".cursorrules", "prompts/system", "d/e.csv"]
        {
            assert!(is_of_interest(path), "{path}");
        }
    }

    #[test]
    fn papers_and_settings_of_a_project_are_not_told_of() {
        for path in ["README.md", "package.json", "docs/design.md", ".github/workflows/ci.yml"] {
            assert!(!is_worth_telling(path), "{path}");
        }
        for path in ["notes/old-ideas.md", "data/eval.csv", "config.yaml", "x.db"] {
            assert!(is_worth_telling(path), "{path}");
        }
    }
}
