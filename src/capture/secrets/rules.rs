//! The rules, read from `rules.toml`, which says where they come from.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

const RULES: &str = include_str!("rules.toml");

/// What most secrets fit in, from their first byte.
const REACH: usize = 2 << 10;

/// The longest block of a private key: one of RSA with 16,384 bits takes 13 KB.
const KEY_REACH: usize = 16 << 10;

/// All rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// What no secret looks like.
    #[serde(rename = "allow")]
    allow_texts: Vec<String>,
    #[serde(skip)]
    allow: OnceLock<Vec<Regex>>,
    /// What no secret holds, in small letters.
    stopwords: Vec<String>,
    /// One shape of secret each.
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
}

/// One shape of secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Its name, as gitleaks has it.
    pub id: String,
    /// What a match starts with.
    pub literals: Vec<String>,
    #[serde(rename = "regex")]
    regex_text: String,
    #[serde(skip)]
    regex: OnceLock<Option<Regex>>,
    /// Shannon entropy that the secret must exceed, in bits for each byte.
    #[serde(default)]
    pub entropy: f64,
    #[serde(default, rename = "allow")]
    allow_texts: Vec<String>,
    #[serde(skip)]
    allow: OnceLock<Vec<Regex>>,
    /// The checksum that the secret carries.
    pub checksum: Option<Checksum>,
}

/// A checksum inside a secret.
#[derive(Clone, Copy, Deserialize)]
pub(super) enum Checksum {
    /// The CRC-32 at the end of GitHub's tokens.
    #[serde(rename = "github")]
    GitHub,
}

impl Rules {
    /// The rules that the program carries.
    pub(super) fn built_in() -> Self {
        // The text is part of the program; a test reads it.
        toml::from_str(RULES).expect("the rules are valid")
    }

    /// Whether a text that a rule matched is known to be none.
    pub(super) fn is_allowed(&self, rule: &Rule, secret: &[u8]) -> bool {
        let lower = secret.to_ascii_lowercase();
        let holds = |word: &String| memchr::memmem::find(&lower, word.as_bytes()).is_some();
        self.stopwords.iter().any(holds)
            || any(&self.allow, &self.allow_texts, secret)
            || any(&rule.allow, &rule.allow_texts, secret)
    }
}

impl Rule {
    /// Its expression, compiled at first use. A test compiles all.
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| compile(&self.regex_text)).as_ref()
    }

    /// Whether the case of letters in the literals counts.
    pub(super) fn minds_case(&self) -> bool {
        !self.regex_text.starts_with("(?i)")
    }

    /// How far from its first byte a match may end.
    pub(super) fn reach(&self) -> usize {
        if self.id == "private-key" { KEY_REACH } else { REACH }
    }
}

fn any(compiled: &OnceLock<Vec<Regex>>, texts: &[String], secret: &[u8]) -> bool {
    let compiled = compiled.get_or_init(|| texts.iter().filter_map(|t| compile(t)).collect());
    compiled.iter().any(|regex| regex.is_match(secret))
}

/// Classes are those of ASCII, as in the language that the rules were written for.
fn compile(text: &str) -> Option<Regex> {
    RegexBuilder::new(text).unicode(false).build().ok()
}

#[cfg(test)]
mod tests {
    use super::{Rules, compile};

    #[test]
    fn every_expression_compiles() {
        let rules = Rules::built_in();
        assert!(rules.rules.len() > 80);
        let own =
            rules.rules.iter().flat_map(|r| [&r.regex_text].into_iter().chain(&r.allow_texts));
        for text in own.chain(&rules.allow_texts) {
            assert!(compile(text).is_some(), "{text}");
        }
    }

    #[test]
    fn every_rule_starts_from_a_literal_of_three_bytes_or_more() {
        for rule in Rules::built_in().rules {
            assert!(!rule.literals.is_empty(), "{}", rule.id);
            assert!(rule.literals.iter().all(|text| text.len() >= 3), "{}", rule.id);
        }
    }
}
