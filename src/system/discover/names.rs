//! Names of components: plain, readable, each once.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;

use super::draft::Draft;
use crate::object::{ComponentKey, ComponentKind};

/// Longer names are cut.
const LONGEST: usize = 100;

/// `text` as a name: `[a-z0-9][a-z0-9._-]*`, or nothing where it has neither letter nor digit.
pub(super) fn plain(text: &str) -> String {
    let mut name = String::new();
    // A letter with an accent is that letter, the accent a character of its own, which goes.
    for c in text.nfkd().take(4 * LONGEST) {
        let c = c.to_ascii_lowercase();
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' => name.push(c),
            c if !c.is_ascii() && !c.is_alphanumeric() => {}
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_matches(['-', '.', '_']);
    let cut = name.get(..LONGEST).unwrap_or(name);
    cut.trim_end_matches(['-', '.', '_']).to_owned()
}

/// Plain names, without those that are nothing and those that are there already.
pub(super) fn candidates<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for text in texts {
        let name = plain(text);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What a component found at `path` may be called: `name`, then with the names of the folders
/// above before it, one after the other.
pub(super) fn longer_and_longer(name: &str, path: &str) -> Vec<String> {
    let mut texts = vec![name.to_owned()];
    let mut above = super::place::folder_of(path).rsplit('/').filter(|part| !part.is_empty());
    let mut long = name.to_owned();
    for folder in above.by_ref().take(8) {
        // A folder that has the name already, or one that only says the kind, tells nothing.
        long = format!("{folder}-{long}");
        texts.push(long.clone());
    }
    candidates(texts.iter().map(String::as_str))
}

/// A key for each draft, none of them in `taken` and none twice.
///
/// Of drafts that would have one name, the one of the lowest rank has it. Where that is more than
/// one, each takes a longer name, so that none looks like the first among equals.
pub(super) fn assign(
    drafts: &[Draft],
    taken: &BTreeSet<ComponentKey>,
) -> Vec<Option<ComponentKey>> {
    let mut keys: Vec<Option<ComponentKey>> = vec![None; drafts.len()];
    let mut used = taken.clone();
    let mut waiting: Vec<(usize, usize)> = (0..drafts.len()).map(|index| (index, 0)).collect();
    while !waiting.is_empty() {
        let mut wanted: BTreeMap<(ComponentKind, String), Vec<(usize, usize)>> = BTreeMap::new();
        for (index, level) in waiting.drain(..) {
            let Some(draft) = drafts.get(index) else { continue };
            let name = name_at(draft, level);
            wanted.entry((draft.kind, name)).or_default().push((index, level));
        }
        for ((kind, name), mut who) in wanted {
            let key = ComponentKey::new(kind, &name).ok();
            who.sort_by_key(|(index, _)| drafts.get(*index).map(|draft| draft.rank));
            let rank = |at: usize| {
                who.get(at).and_then(|(index, _)| drafts.get(*index)).map(|draft| draft.rank)
            };
            let alone = who.len() == 1 || rank(0) < rank(1);
            let lasts = who.iter().all(|(index, level)| {
                drafts.get(*index).is_none_or(|draft| *level + 1 >= draft.names.len())
            });
            let mut rest = who.into_iter();
            if let Some(key) = key.filter(|key| (alone || lasts) && !used.contains(key))
                && let Some((index, _)) = rest.next()
                && let Some(slot) = keys.get_mut(index)
            {
                used.insert(key.clone());
                *slot = Some(key);
            }
            waiting.extend(rest.map(|(index, level)| (index, level + 1)));
        }
    }
    keys
}

/// The name that a draft would have after `level` collisions.
fn name_at(draft: &Draft, level: usize) -> String {
    match draft.names.get(level) {
        Some(name) => name.clone(),
        None => {
            let last = draft.names.last().map_or(draft.kind.name(), String::as_str);
            match level + 2 - draft.names.len().max(1) {
                0 | 1 => last.to_owned(),
                number => format!("{last}-{number}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn draft(kind: ComponentKind, names: &[&str], rank: u8) -> Draft {
        let names = names.iter().map(ToString::to_string).collect();
        Draft { rank, ..Draft::new(kind, names, "x") }
    }

    fn assigned(drafts: &[Draft]) -> Vec<String> {
        let keys = assign(drafts, &BTreeSet::new());
        keys.into_iter().map(|key| key.unwrap().name().to_owned()).collect()
    }

    #[test]
    fn names_are_plain_and_readable() {
        for (text, name) in [
            ("Triage", "triage"),
            ("Customer  Support (EU)", "customer-support-eu"),
            ("Qwen2.5-7B_q4", "qwen2.5-7b_q4"),
            ("Übersetzer", "ubersetzer"),
            ("-.hidden.", "hidden"),
            ("日本", ""),
            ("llama3:8b", "llama3-8b"),
        ] {
            assert_eq!(plain(text), name, "{text}");
        }
    }

    #[test]
    fn equals_take_longer_names_and_the_first_in_rank_keeps_the_short_one() {
        use ComponentKind::{Prompt, Tool};
        let equals =
            [draft(Prompt, &["system", "a-system"], 0), draft(Prompt, &["system", "b-system"], 0)];
        assert_eq!(assigned(&equals), ["a-system", "b-system"]);
        let ranked = [draft(Tool, &["orders", "vscode-orders"], 1), draft(Tool, &["orders"], 0)];
        assert_eq!(assigned(&ranked), ["vscode-orders", "orders"]);
        let same = [draft(Tool, &["x"], 0), draft(Tool, &["x"], 0), draft(Tool, &[], 0)];
        assert_eq!(assigned(&same), ["x", "x-2", "tool"]);
        let other_kind = [draft(Tool, &["x"], 0), draft(Prompt, &["x"], 0)];
        assert_eq!(assigned(&other_kind), ["x", "x"]);
    }

    #[test]
    fn what_is_taken_is_not_given_again() {
        let taken = [ComponentKey::new(ComponentKind::Tool, "x").unwrap()].into_iter().collect();
        let keys = assign(&[draft(ComponentKind::Tool, &["x"], 0)], &taken);
        assert_eq!(keys[0].as_ref().unwrap().name(), "x-2");
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_nothing(text in "\\PC{0,200}") {
            let name = plain(&text);
            prop_assert!(name.is_empty() || ComponentKey::new(ComponentKind::Tool, &name).is_ok());
        }

        #[test]
        fn every_draft_has_a_key_of_its_own(
            names in prop::collection::vec((prop::collection::vec("[ab]{1,2}", 0..3), 0u8..2), 0..12),
        ) {
            let drafts: Vec<_> = names.into_iter()
                .map(|(names, rank)| Draft { rank, ..Draft::new(ComponentKind::Tool, names, "x") })
                .collect();
            let keys = assign(&drafts, &BTreeSet::new());
            let distinct: BTreeSet<_> = keys.iter().flatten().collect();
            prop_assert_eq!(distinct.len(), drafts.len());
        }
    }
}
