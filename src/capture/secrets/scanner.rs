//! The scanner: literals of all rules at once, an expression only where one was met.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::checksum;
use super::rules::{Checksum, Rule, Rules};

/// A secret in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The rule that found it.
    pub rule: String,
    /// The line that it starts in, from 1.
    pub line: u64,
    /// Where it lies.
    pub range: Range<usize>,
}

/// Finds secrets in bytes.
pub struct Scanner {
    rules: Rules,
    literals: AhoCorasick,
    /// For each literal its rule and the literal itself.
    owners: Vec<(usize, Vec<u8>)>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A scanner with the rules that the program carries.
    pub fn new() -> Self {
        let rules = Rules::built_in();
        let numbered = rules.rules.iter().enumerate();
        let owners: Vec<_> = numbered
            .flat_map(|(number, rule)| {
                rule.literals.iter().map(move |text| (number, text.clone().into_bytes()))
            })
            .collect();
        let literals = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(owners.iter().map(|(_, text)| text))
            // Some hundred short literals are far below its limits.
            .expect("the literals fit");
        Self { rules, literals, owners }
    }

    /// All secrets in `bytes`, in order. Each rule reads a byte at most once, so the time is
    /// linear whatever the bytes are.
    pub fn scan(&self, bytes: &[u8]) -> Vec<Finding> {
        let mut found = Vec::new();
        // For each rule the stretch where a match may begin, while literals keep extending it.
        let mut open: Vec<Option<Range<usize>>> = vec![None; self.rules.rules.len()];
        for (number, start) in self.hits(bytes) {
            let rule = &self.rules.rules[number];
            let end = (start + rule.reach()).min(bytes.len());
            match &mut open[number] {
                Some(stretch) if start <= stretch.end => stretch.end = end,
                other => {
                    if let Some(stretch) = other.replace(start..end) {
                        self.search(rule, bytes, stretch, &mut found);
                    }
                }
            }
        }
        for (rule, stretch) in self.rules.rules.iter().zip(open) {
            if let Some(stretch) = stretch {
                self.search(rule, bytes, stretch, &mut found);
            }
        }
        found.sort_by(|a, b| (a.range.start, &a.rule).cmp(&(b.range.start, &b.rule)));
        // Two rules may know one token; the first names it.
        found.dedup_by(|later, earlier| later.range.start < earlier.range.end);
        number_lines(bytes, &mut found);
        found
    }

    /// Whether anything in `bytes` is what a secret starts with.
    pub fn mentions(&self, bytes: &[u8]) -> bool {
        self.hits(bytes).next().is_some()
    }

    /// The rules whose literals are met, and where, in order.
    fn hits(&self, bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
        self.literals.find_overlapping_iter(bytes).filter_map(move |hit| {
            let (number, literal) = &self.owners[hit.pattern().as_usize()];
            let as_written = &bytes[hit.range()] == literal.as_slice();
            let counts = as_written || !self.rules.rules[*number].minds_case();
            counts.then_some((*number, hit.start()))
        })
    }

    fn search(&self, rule: &Rule, bytes: &[u8], stretch: Range<usize>, found: &mut Vec<Finding>) {
        let Some(regex) = rule.regex() else { return };
        let text = &bytes[..stretch.end];
        let mut at = stretch.start;
        while let Some(groups) = regex.captures_at(text, at) {
            // Group 0 is the match: it is there.
            let Some(whole) = groups.get(0) else { return };
            let first = groups.iter().skip(1).flatten().find(|group| !group.is_empty());
            let range = first.unwrap_or(whole).range();
            if self.is_secret(rule, &bytes[range.clone()]) {
                found.push(Finding { rule: rule.id.clone(), line: 0, range });
            }
            // No rule matches nothing; were there one, this would still end.
            at = whole.end().max(at + 1);
            if at >= text.len() {
                return;
            }
        }
    }

    fn is_secret(&self, rule: &Rule, secret: &[u8]) -> bool {
        let sum_holds = match rule.checksum {
            Some(Checksum::GitHub) => checksum::github(secret),
            None => true,
        };
        sum_holds && entropy(secret) > rule.entropy && !self.rules.is_allowed(rule, secret)
    }
}

fn number_lines(bytes: &[u8], found: &mut [Finding]) {
    let (mut at, mut line) = (0, 1);
    for finding in found {
        line += memchr::memchr_iter(b'\n', &bytes[at..finding.range.start]).count() as u64;
        at = finding.range.start;
        finding.line = line;
    }
}

/// Shannon entropy in bits for each byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let total = bytes.len() as f64;
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| f64::from(count) / total);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

#[cfg(test)]
#[path = "scanner_tests.rs"]
mod tests;
