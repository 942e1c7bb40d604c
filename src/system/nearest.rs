//! The name that somebody may have meant.

/// The one of `names` that is nearest to `word`: a few letters other, at most one in three.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1);
    names
        .into_iter()
        .filter(|name| name.len().abs_diff(word.len()) <= 4 * most)
        .map(|name| (strsim::osa_distance(word, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_few_letters_are_forgiven_and_no_more() {
        let names = ["model", "prompt", "memory", "tool"];
        assert_eq!(nearest("modle", names), Some("model"));
        assert_eq!(nearest("models", names), Some("model"));
        assert_eq!(nearest("memroy", names), Some("memory"));
        assert_eq!(nearest("tol", names), Some("tool"));
        assert_eq!(nearest("owner", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest("tool:payment", ["tool:payments", "tool:pay"]), Some("tool:payments"));
    }
}
