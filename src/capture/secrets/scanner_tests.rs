//! What the scanner finds, and what it leaves alone. Secrets are put together here, so that no
//! scanner of this source takes them for real ones.

use proptest::prelude::*;

use super::{Scanner, entropy};

fn rules_in(text: &str) -> Vec<(String, u64)> {
    let found = Scanner::new().scan(text.as_bytes());
    found.into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

fn aws() -> String {
    ["AKIA", "Q3EGUZ7TXN5WJ4RB"].concat()
}

fn private_key() -> String {
    let line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW";
    let kind = "OPENSSH PRIVATE KEY";
    format!("-----BEGIN {kind}-----\n{line}\n-----END {kind}-----\n")
}

#[test]
fn a_secret_is_found_with_its_rule_and_line() {
    assert_eq!(rules_in(&format!("a\nb\nkey = \"{}\"\n", aws())), [("aws-access-token".into(), 3)]);
    assert_eq!(rules_in(&format!("\n{}", private_key())), [("private-key".into(), 2)]);
}

#[test]
fn tokens_of_several_makers_are_found() {
    let hex = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    for (rule, text) in [
        ("github-pat", ["ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"].concat()),
        ("gitlab-pat", ["glpat-", "x7Kq2mZ9bT4vR8nW1pLs"].concat()),
        ("digitalocean-pat", ["dop_v1_", hex, hex].concat()),
        ("shopify-access-token", ["shpat_", hex].concat()),
        ("huggingface-access-token", ["hf_", "qWeRtYuIoPaSdFgHjKlZxCvBnMqAzWsXeD"].concat()),
        ("stripe-access-token", ["sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"].concat()),
        ("slack-bot-token", ["xoxb-", "1234567890123-1234567890124-aBcDeFgHiJkLmNoP"].concat()),
        (
            "openai-api-key",
            ["sk-", "a8Kd93mfQz71LpXw2RtY", "T3BlbkFJ", "u5Hn4BvC0sGe6JiOyTqE"].concat(),
        ),
        (
            "anthropic-api-key",
            ["sk-ant-api03-", &"aB3dE5gH7jK9mN1pQ".repeat(6)[..93], "AA"].concat(),
        ),
        ("npm-access-token", ["npm_", "a8Kd93mfQz71LpXw2RtYu5Hn4BvC0sGe6JiO"].concat()),
    ] {
        assert_eq!(rules_in(&format!("token: {text}\n")), [(rule.to_string(), 1)], "{rule}");
    }
}

#[test]
fn what_only_looks_like_one_is_left_alone() {
    for text in [
        // The example of Amazon's manual, a checksum that does not hold, too little entropy.
        "AKIAIOSFODNN7EXAMPLE".to_string(),
        format!("ghp_{}", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"),
        format!("glpat-{}", "x".repeat(20)),
        "sk_test_ and sk- and hf_ and -----BEGIN CERTIFICATE-----".into(),
        "-----BEGIN PRIVATE KEY-----\n...\n-----END".into(),
        aws().to_lowercase(),
        format!("X{}", aws()),
    ] {
        assert_eq!(rules_in(&text), [], "{text}");
    }
}

#[test]
fn all_secrets_of_a_text_are_found_however_far_apart() {
    let gap = "lorem ipsum\n".repeat(10_000);
    let text = format!("{}\n{gap}{}\n{}", aws(), private_key(), aws());
    let lines: Vec<u64> = rules_in(&text).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, [1, 10_002, 10_006]);
}

#[test]
fn entropy_is_that_of_shannon() {
    assert_eq!(entropy(b"aaaa"), 0.0);
    assert_eq!(entropy(b"abcd"), 2.0);
    assert!(entropy(b"") <= 0.0);
}

proptest! {
    #[test]
    fn scanning_never_panics_and_stays_inside(
        parts in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..64),
                prop_oneof![
                    Just("-----BEGIN PRIVATE KEY-----"), Just("ghp_"), Just("AKIA"), Just("xoxe-"),
                    Just("sk-"), Just("SG."), Just("hooks.slack.com/"), Just("\n"),
                ].prop_map(|text| text.as_bytes().to_vec()),
                "[A-Za-z0-9_-]{0,120}".prop_map(String::into_bytes),
            ],
            0..24,
        ),
    ) {
        let bytes = parts.concat();
        let mut end = 0;
        for finding in Scanner::new().scan(&bytes) {
            prop_assert!(end <= finding.range.start && finding.range.end <= bytes.len());
            prop_assert!(finding.line >= 1);
            end = finding.range.end;
        }
    }
}
