use super::super::search::Searched;
use super::*;

fn search(commits: &[(&[usize], u32)], goods: &[usize]) -> Search {
    let commit = |(parents, class): &(&[usize], u32)| Searched {
        parents: parents.to_vec(),
        class: Class(*class),
        weight: 1.0,
    };
    let commits: Vec<_> = commits.iter().map(commit).collect();
    Search { bad: commits.len() - 1, commits, goods: goods.to_vec() }
}

fn line(classes: &[u32]) -> Search {
    let before: Vec<Vec<usize>> =
        (0..classes.len()).map(|at| at.checked_sub(1).into_iter().collect()).collect();
    let commits: Vec<(&[usize], u32)> =
        before.iter().zip(classes).map(|(before, class)| (before.as_slice(), *class)).collect();
    search(&commits, &[0])
}

/// Runs a search in which exactly these contents fail; some cannot be tested.
fn decide(search: &Search, failing: &[u32], untestable: &[u32]) -> (Noisy, Verdict) {
    let mut noisy = Noisy::new(search, Options::default()).unwrap();
    while let Some(class) = noisy.next() {
        let outcome = match class.0 {
            class if untestable.contains(&class) => Outcome::Untestable,
            class if failing.contains(&class) => Outcome::Bad,
            _ => Outcome::Good,
        };
        noisy.observe(Observation { class, outcome }).unwrap();
    }
    let verdict = noisy.verdict();
    (noisy, verdict)
}

#[test]
fn a_commit_that_leaves_the_tested_part_alone_is_never_blamed() {
    let (noisy, verdict) = decide(&line(&[0, 1, 1, 2, 2, 3, 3]), &[2, 3], &[]);
    assert!(matches!(verdict, Verdict::Brought { commits, .. } if commits == [3]));
    let blamed = |hypothesis: &Hypothesis| match hypothesis {
        Hypothesis::Brought { commits } => commits.clone(),
        _ => Vec::new(),
    };
    let mut all: Vec<_> = noisy.posterior().iter().flat_map(|w| blamed(&w.hypothesis)).collect();
    all.sort_unstable();
    assert_eq!(all, [1, 3, 5]);
}

#[test]
fn a_revert_leaves_only_those_who_brought_and_removed() {
    // 0 1 2 3 0': the last commit has the good end's content.
    let (noisy, verdict) = decide(&line(&[0, 1, 2, 3, 0]), &[2, 3], &[]);
    assert_eq!(noisy.kinds().brought, 0.0);
    assert!(
        matches!(&verdict, Verdict::BroughtAndRemoved { brought, removed, .. }
            if brought == &[2] && removed == &[4]),
        "{verdict:?}"
    );
}

#[test]
fn a_merge_that_takes_the_other_side_removes() {
    // 1 and 2 fail on a branch; 4 merges it and keeps the content of 3.
    let search = search(&[(&[], 0), (&[0], 1), (&[1], 2), (&[0], 3), (&[3, 2], 3)], &[0]);
    let (_, verdict) = decide(&search, &[1, 2], &[]);
    assert!(
        matches!(&verdict, Verdict::BroughtAndRemoved { brought, removed, .. }
            if brought == &[1] && removed == &[4]),
        "{verdict:?}"
    );
}

#[test]
fn commits_that_cannot_be_told_apart_are_named_together() {
    let (_, verdict) = decide(&line(&[0, 1, 2, 3, 4, 5, 6, 7]), &[4, 5, 6, 7], &[3, 4]);
    assert!(
        matches!(&verdict, Verdict::Brought { commits, .. } if commits == &[3, 4, 5]),
        "{verdict:?}"
    );
}

#[test]
fn a_search_goes_on_where_it_was_left() {
    let search = line(&(0..40).collect::<Vec<_>>());
    let (noisy, verdict) = decide(&search, &(23..40).collect::<Vec<_>>(), &[]);
    let (left, _) = noisy.observations().split_at(noisy.observations().len() / 2);
    let mut again = Noisy::resume(&search, Options::default(), left).unwrap();
    for observation in &noisy.observations()[left.len()..] {
        assert_eq!(again.next(), Some(observation.class));
        again.observe(*observation).unwrap();
    }
    assert_eq!(again.verdict(), verdict);
}

/// So many runs over 200 commits of which those from 100 on fail, more or less.
fn long(runs: u32) -> Noisy {
    let search = line(&(0..200).collect::<Vec<_>>());
    let options = Options { seed: 5, budget: MOST_RUNS, ..Options::default() };
    let mut noisy = Noisy::new(&search, options).unwrap();
    for run in 0..runs {
        let class = noisy.choose().unwrap();
        let fails = (class.0 >= 100) != (run % 4 == 0);
        let outcome = if fails { Outcome::Bad } else { Outcome::Good };
        noisy.observe(Observation { class, outcome }).unwrap();
    }
    noisy
}

#[test]
fn both_ends_are_run_again_and_again() {
    for window in long(150).observations().windows(ENDS_EVERY + 2) {
        for end in [0, 199] {
            assert!(window.iter().any(|one| one.class == Class(end)));
        }
    }
}

#[test]
fn several_at_once_are_at_most_one_end_that_is_run_again() {
    let mut noisy = long(0);
    for _ in 0..ENDS_EVERY {
        let observation = Observation { class: Class(100), outcome: Outcome::Bad };
        noisy.observe(observation).unwrap();
    }
    let many = noisy.next_many(6);
    assert_eq!((many.len(), many[0]), (6, Class(199)));
    assert!(many[1..].iter().any(|class| *class != many[0]), "{many:?}");
}

#[test]
fn a_weight_out_of_bounds_counts_as_the_nearer_bound() {
    let mut search = line(&[0, 1, 2, 3]);
    search.commits[1].weight = f64::INFINITY;
    search.commits[2].weight = 0.0;
    search.commits[3].weight = f64::NAN;
    let noisy = Noisy::new(&search, Options::default()).unwrap();
    let of = |commit: usize| {
        let posterior = noisy.posterior();
        let wanted = Hypothesis::Brought { commits: vec![commit] };
        posterior.iter().find(|one| one.hypothesis == wanted).unwrap().probability
    };
    assert!((of(1) / of(2) - 10.0).abs() < 1e-9);
    assert!((of(2) / of(3) - 1.0).abs() < 1e-9);
}

#[test]
fn when_nothing_can_be_run_the_search_ends() {
    let (_, verdict) = decide(&line(&[0, 1, 2]), &[], &[0, 1, 2]);
    assert_eq!(verdict, Verdict::Undecided);
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let refused = |search: &Search, options| Noisy::new(search, options).err().unwrap();
    let mut some = line(&[0, 1, 2]);
    let plain = Options::default();
    let options = Options { confidence: f64::NAN, ..plain };
    assert!(matches!(refused(&some, options), NoisyError::Confidence(_)));
    let options = Options { budget: 0, ..plain };
    assert!(matches!(refused(&some, options), NoisyError::Budget { .. }));
    some.goods = vec![2];
    assert_eq!(refused(&some, plain), NoisyError::Nothing);
    some.goods = vec![9];
    assert_eq!(refused(&some, plain), NoisyError::NoSuchEnd(9));
    some.goods.clear();
    assert_eq!(refused(&some, plain), NoisyError::NoGood);
    some.commits[1].parents = vec![1];
    assert_eq!(refused(&some, plain), NoisyError::Order { commit: 1, parent: 1 });
    let mut noisy = Noisy::new(&line(&[0, 1, 2]), plain).unwrap();
    let strange = Observation { class: Class(9), outcome: Outcome::Good };
    assert_eq!(noisy.observe(strange), Err(NoisyError::NoSuchClass(9)));
}

#[test]
fn a_thousand_runs_neither_vanish_nor_overflow() {
    let mut noisy =
        Noisy::new(&line(&[0, 1, 2, 3]), Options { budget: MOST_RUNS, ..Options::default() })
            .unwrap();
    for run in 0..MOST_RUNS {
        let class = Class(run % 4);
        let outcome = if class.0 < 2 { Outcome::Good } else { Outcome::Bad };
        noisy.observe(Observation { class, outcome }).unwrap();
    }
    let Verdict::Brought { commits, probability, .. } = noisy.verdict() else { panic!() };
    assert_eq!((commits, probability > 0.99), (vec![2], true));
    assert!(noisy.choose().is_some());
}
