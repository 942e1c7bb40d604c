use proptest::prelude::*;

use super::*;

fn wrong(text: &str) -> (usize, String) {
    let error = parse(text).unwrap_err();
    (error.at, error.why)
}

#[test]
fn every_atom_of_the_manual_is_understood() {
    for text in [
        "exists(tool:search)",
        "exists(path:prompts/p7.md)",
        "exists(path:\"a b/c d.md\")",
        "edge(agent:triage, uses, tool:shell)",
        "content(prompt:system) ~ \"ignore previous\"",
        "content(path:a) contains 'x' or content(path:b) = \"\"",
        "row(memory:store, memories, id=777).text ~ \"approve\"",
        "row(memory:store, memories).\"odd name\".inner != null",
        "row(memory:store, *, kind = \"a\", n >= 2)",
        "count(memory:store, memories) > 10000",
        "count(memory:store, *, done = false) == 0",
        "tool(tool:orders, lookup_order).description ~ 'policy'",
        "tool(tool:orders, lookup_order).inputSchema.properties.order",
        "tool(tool:orders, \"a.b\")",
        "key(config:desk, agents.triage.model) = \"small\"",
        "key(config:desk, \"agents[0].model\")",
        "changed(model:base) and signer = \"ci\" and not signer != 'x'",
        "((exists(tool:a)) || exists(tool:b)) && not not exists(tool:c)",
    ] {
        parse(text).unwrap_or_else(|e| panic!("{text}: {e} at {}", e.at));
    }
}

#[test]
fn and_binds_closer_than_or() {
    let parsed = parse("exists(tool:a) or exists(tool:b) and not exists(tool:c)").unwrap();
    let Expression::Any(parts) = &parsed else { panic!("{parsed:?}") };
    assert!(matches!(&parts[..], [Expression::Atom(_), Expression::All(all)]
        if matches!(&all[..], [Expression::Atom(_), Expression::Not(_)])));
    assert_eq!(parsed.atoms().len(), 3);
}

#[test]
fn an_error_says_where_and_what_was_expected() {
    assert_eq!(wrong("exists(tool:a").0, 13);
    assert_eq!(wrong("exists(tool:a").1, "expected `)`, found the end");
    assert_eq!(wrong("exists(nothing)").0, 7);
    assert_eq!(wrong("exist(tool:a)").0, 0);
    assert_eq!(wrong("exists(tool:a) exists(tool:b)"), {
        (15, "expected `and`, `or` or the end, found `exists`".into())
    });
    assert_eq!(wrong("content(prompt:a) ~ \"(\"").0, 20);
    assert_eq!(wrong("content(prompt:a)").1, format!("expected {TEST}, found the end"));
    assert_eq!(wrong("count(memory:a, t) > 1.5").0, 21);
    assert_eq!(wrong("signer ~ \"x\"").0, 7);
    assert_eq!(wrong("").1, format!("expected {ATOM}, found the end"));
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = |n: usize| format!("{}exists(tool:a){}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&deep(DEPTH - 1)).is_ok());
    assert!(wrong(&deep(DEPTH)).1.contains("levels deep"));
    assert!(wrong(&"not ".repeat(10_000)).1.contains("levels deep"));
    let many = vec!["exists(tool:a)"; ATOMS + 1].join(" or ");
    assert!(wrong(&many).1.contains("parts"));
}

#[test]
fn an_error_is_shown_in_its_line() {
    let text = "exists(tool:a)\nand é or";
    let error = parse(text).unwrap_err();
    assert_eq!(error.line(text), ("and é or", 4));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        if let Err(error) = parse(&text) {
            error.line(&text);
        }
    }

    #[test]
    fn no_order_of_words_makes_it_panic(
        words in prop::collection::vec(prop_oneof![
            Just("exists"), Just("("), Just(")"), Just("tool:a"), Just(","), Just("row"),
            Just("and"), Just("not"), Just("."), Just("~"), Just("\"x\""), Just("7"), Just("="),
            Just("signer"), Just("count"), Just("key"), Just("path:"), Just("*"),
        ], 0..14),
    ) {
        let text = words.join(" ");
        if let Err(error) = parse(&text) {
            prop_assert!(error.at <= text.len());
        }
    }
}
