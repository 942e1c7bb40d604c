//! Any text is a manifest or is told what is wrong with it; what is read has the form that commits
//! keep, and its globs match without end.

#![no_main]

use std::collections::BTreeSet;

use aisr::system::{Glob, Manifest, check_names};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let manifest = match Manifest::parse(text) {
        Ok(manifest) => manifest,
        Err(mistakes) => {
            let lines = text.lines().count().max(1) + 1;
            assert!(!mistakes.is_empty() && mistakes.iter().all(|m| (1..=lines).contains(&m.line)));
            return;
        }
    };
    let keys: Vec<_> = manifest.components.iter().map(|declared| declared.key.encode()).collect();
    assert!(keys.is_sorted() && keys.iter().collect::<BTreeSet<_>>().len() == keys.len());
    for declared in &manifest.components {
        for path in &declared.paths {
            if let Glob::Pattern(pattern) = Glob::parse(path).expect("a path that was read") {
                pattern.matches(b"prompts/a/b/c/d/triage.md", false);
            }
        }
    }
    check_names(&manifest.components);
});
