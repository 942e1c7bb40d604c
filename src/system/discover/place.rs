//! Paths as texts: their folders, names, stems, and what one says seen from a folder.

/// The folder that a path lies in; empty at the root.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The last part without its last ending, unless it is nothing but that.
pub(super) fn stem_of(path: &str) -> &str {
    let name = name_of(path);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// The last ending in lower case, without its dot.
pub(super) fn ending_of(path: &str) -> String {
    match name_of(path).rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => ending.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// Whether a path lies in a folder, at any depth. Everything lies in the root.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether one of the folders above `path` is called one of `names`, in lower case.
pub(super) fn is_below(path: &str, names: &[&str]) -> bool {
    folder_of(path).split('/').any(|part| names.contains(&part.to_ascii_lowercase().as_str()))
}

/// What `relative` names, seen from `folder`; `None` where that is outside.
pub(super) fn join(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(
            (folder_of("a/b/c.md"), name_of("a/b/c.md"), stem_of("a/b/c.md")),
            ("a/b", "c.md", "c")
        );
        assert_eq!(
            (folder_of("c"), stem_of(".mcp"), ending_of("x.JSON")),
            ("", ".mcp", "json".into())
        );
        assert_eq!(ending_of(".mcp"), "");
        assert!(is_within("a/b", "a") && !is_within("ab/c", "a") && is_within("x", ""));
        assert!(is_below("a/Prompts/x.md", &["prompts"]) && !is_below("prompts", &["prompts"]));
    }

    #[test]
    fn what_leads_outside_is_nothing() {
        assert_eq!(
            join("models/adapter", "../base.safetensors").as_deref(),
            Some("models/base.safetensors")
        );
        assert_eq!(join("a", "./b//c").as_deref(), Some("a/b/c"));
        assert_eq!(join("a", "../../b"), None);
    }
}
