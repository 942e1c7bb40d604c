//! Prompts: by where they lie and what they are called.

use super::classify::{PROMPT_FILES, PROMPT_FOLDERS, PROMPTS, TEXTS, is_of_the_project};
use super::draft::Draft;
use super::finder::Finder;
use super::names::longer_and_longer;
use super::place::{ending_of, folder_of, is_below, is_within, name_of, stem_of};
use crate::object::ComponentKind;

const SKILL: &str = "skill.md";

pub(super) fn find(finder: &mut Finder<'_>) {
    let all: Vec<String> = finder.paths.iter().filter(|path| is_prompt(path)).cloned().collect();
    for path in all {
        if finder.is_claimed(&path) {
            continue;
        }
        let draft = match name_of(&path).to_ascii_lowercase().as_str() {
            SKILL => skill(finder, &path),
            _ => of_file(&path),
        };
        finder.add(draft);
    }
}

/// The prompt that is this file.
pub(super) fn of_file(path: &str) -> Draft {
    let stem = stem_of(path);
    let lower = stem.to_ascii_lowercase();
    let short = [".prompt", ".instructions", ".system"]
        .iter()
        .find_map(|ending| lower.strip_suffix(ending).and_then(|short| stem.get(..short.len())));
    Draft::new(ComponentKind::Prompt, longer_and_longer(short.unwrap_or(stem), path), path)
}

/// A skill is its folder: what the text tells the agent to read and to run lies beside it.
fn skill(finder: &mut Finder<'_>, path: &str) -> Draft {
    let folder = folder_of(path);
    let name = finder.document(path).and_then(|document| {
        document.fields.get("name").and_then(|name| name.as_str()).map(str::to_owned)
    });
    let fallback = if folder.is_empty() { "skill" } else { name_of(folder) };
    let names = longer_and_longer(name.as_deref().unwrap_or(fallback), folder);
    let others_below = finder
        .within(folder)
        .any(|other| other != path && name_of(other).eq_ignore_ascii_case(SKILL));
    let whole =
        !folder.is_empty() && !others_below && !finder.within(folder).any(|p| finder.is_claimed(p));
    let folder = whole.then(|| folder.to_owned());
    Draft { folder, ..Draft::new(ComponentKind::Prompt, names, path) }
}

fn is_prompt(path: &str) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    let ending = ending_of(path);
    let ending = ending.as_str();
    if PROMPT_FILES.contains(&name.as_str()) || PROMPTS.contains(&ending) {
        return true;
    }
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let text = TEXTS.contains(&ending);
    let fields = matches!(ending, "yml" | "yaml" | "json" | "toml");
    if stem.ends_with(".prompt") {
        return text || fields;
    }
    if stem.ends_with(".instructions") && ending == "md" {
        return true;
    }
    let rules = [".cursor/rules", ".claude/commands", ".github/prompts"];
    if rules.iter().any(|folder| is_within(path, folder) || path.contains(&format!("/{folder}/"))) {
        return matches!(ending, "md" | "mdc");
    }
    is_below(path, &PROMPT_FOLDERS)
        && (text || fields || (ending.is_empty() && !name.starts_with('.')))
        && !is_of_the_project(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_told_by_their_names_and_folders() {
        for path in [
            "prompts/triage.md",
            "support/prompts/a/b.jinja",
            "prompts/system",
            "x.prompt",
            "x.prompty",
            "a/classify.prompt.yml",
            "AGENTS.md",
            "sub/CLAUDE.md",
            "skills/pdf/SKILL.md",
            ".github/copilot-instructions.md",
            ".cursor/rules/style.mdc",
            ".claude/commands/go.md",
        ] {
            assert!(is_prompt(path), "{path}");
        }
        for path in ["prompts/README.md", "prompts/a.csv", "prompts/.keep", "notes.md", "prompt.py"]
        {
            assert!(!is_prompt(path), "{path}");
        }
    }

    #[test]
    fn the_name_of_a_prompt_leaves_out_that_it_is_one() {
        assert_eq!(of_file("agents/classify.prompt.yml").name(), "classify");
        assert_eq!(of_file("AGENTS.md").name(), "agents");
        assert_eq!(
            of_file("prompts/refunds/system.md").names,
            ["system", "refunds-system", "prompts-refunds-system"]
        );
    }
}
