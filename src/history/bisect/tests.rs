//! The core against brute force: every way in which commits can be good and bad.

use proptest::prelude::*;

use super::random::dags;
use super::*;

/// Every way in which commits can be bad that what was said allows: what follows a bad commit is
/// bad. As the bits of words.
fn histories(dag: &Dag, said: &[(usize, Verdict)]) -> Vec<u32> {
    let verdict = |at: usize| said.iter().rev().find(|said| said.0 == at).map(|said| said.1);
    let is_bad = |bad: u32, at: usize| bad >> at & 1 == 1;
    let holds = |bad: &u32| {
        (0..dag.len()).all(|at| {
            let inherited = dag.parents(at).iter().any(|parent| is_bad(*bad, *parent as usize));
            let told = match verdict(at) {
                Some(Verdict::Good) => !is_bad(*bad, at),
                Some(Verdict::Bad) => is_bad(*bad, at),
                _ => true,
            };
            told && (is_bad(*bad, at) || !inherited)
        })
    };
    (0..1u32 << dag.len()).filter(holds).collect()
}

/// The suspects that may be bad while all their parents are good.
fn may_be_first(dag: &Dag, said: &[(usize, Verdict)], suspects: &Suspects) -> Vec<usize> {
    let histories = histories(dag, said);
    let first = |at: usize| {
        histories.iter().any(|bad| {
            let inherited = dag.parents(at).iter().any(|parent| bad >> parent & 1 == 1);
            bad >> at & 1 == 1 && !inherited
        })
    };
    suspects.all.iter().copied().filter(|at| first(*at)).collect()
}

/// The rule as it is written, and nothing clever.
fn by_the_rule(dag: &Dag, said: &[(usize, Verdict)], suspects: &Suspects) -> Vec<usize> {
    let verdict = |at: usize| said.iter().rev().find(|said| said.0 == at).map(|said| said.1);
    fn connected(
        dag: &Dag,
        suspects: &Suspects,
        verdict: &dyn Fn(usize) -> Option<Verdict>,
        at: usize,
    ) -> bool {
        let good = !suspects.all.contains(&at);
        let parents = || dag.parents(at).iter().map(|parent| *parent as usize);
        good || verdict(at) == Some(Verdict::Skip)
            && parents().all(|parent| connected(dag, suspects, verdict, parent))
    }
    let first = |at: usize| {
        let mut parents = dag.parents(at).iter().map(|parent| *parent as usize);
        matches!(verdict(at), Some(Verdict::Bad | Verdict::Skip))
            && parents.all(|parent| connected(dag, suspects, &verdict, parent))
    };
    suspects.all.iter().copied().filter(|at| first(*at)).collect()
}

fn suspects(dag: &Dag, said: &[(usize, Verdict)]) -> Option<Suspects> {
    match open(dag, said) {
        Ok(Open::Suspects(suspects)) => Some(suspects),
        _ => None,
    }
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::Good), Just(Verdict::Bad), Just(Verdict::Skip)]
}

proptest! {
    #[test]
    fn a_search_ends_with_exactly_those_that_may_be_first(
        dag in dags(10),
        good in any::<prop::sample::Index>(),
        first in any::<prop::sample::Index>(),
        skipped in any::<u16>(),
    ) {
        let bad = dag.len() - 1;
        let good = good.index(dag.len());
        prop_assume!(good != bad);
        let mut said = vec![(bad, Verdict::Bad), (good, Verdict::Good)];
        let all = dag.behind([bad]);
        let known_good = dag.behind([good]);
        let open: Vec<usize> =
            (0..dag.len()).filter(|at| all[*at] && !known_good[*at]).collect();
        prop_assume!(!open.is_empty());
        let first = open[first.index(open.len())];
        let mut test = |at: usize| {
            let can = skipped >> at & 1 == 0 || known_good[at];
            match dag.behind([at])[first] {
                _ if !can => Verdict::Skip,
                true => Verdict::Bad,
                false => Verdict::Good,
            }
        };
        let (tested, next) = search(&dag, &mut said, None, &mut test).unwrap();
        let Next::Found(found) = next else { panic!("{next:?}") };
        let left = suspects(&dag, &said).unwrap();
        prop_assert_eq!(&found.first_bad, &may_be_first(&dag, &said, &left));
        prop_assert_eq!(&found.first_bad, &by_the_rule(&dag, &said, &left));
        prop_assert!(found.first_bad.contains(&first));
        prop_assert!(skipped != 0 || found.first_bad == [first]);
        // Nothing is tested twice.
        let mut once = tested.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), tested.len());
    }

    #[test]
    fn the_set_follows_its_rule_at_every_stage(
        dag in dags(9),
        said in prop::collection::vec((any::<prop::sample::Index>(), verdicts()), 0..7),
    ) {
        let said: Vec<_> =
            said.into_iter().map(|(at, verdict)| (at.index(dag.len()), verdict)).collect();
        let possible = !histories(&dag, &said).is_empty();
        match open(&dag, &said) {
            Err(NotMonotone { good, bad }) => {
                prop_assert!(!possible);
                prop_assert!(dag.behind([good])[bad]);
            }
            Ok(open) => {
                prop_assert!(possible);
                if let Open::Suspects(suspects) = open {
                    let set = first_bad(&dag, &said, &suspects);
                    prop_assert_eq!(&set, &by_the_rule(&dag, &said, &suspects));
                    let may = may_be_first(&dag, &said, &suspects);
                    prop_assert!(set.iter().all(|at| may.contains(at)));
                }
            }
        }
    }

    #[test]
    fn only_those_that_count_are_tested_and_found(
        dag in dags(60),
        only in any::<u64>(),
        first in any::<prop::sample::Index>(),
    ) {
        let bad = dag.len() - 1;
        prop_assume!(bad > 0);
        let only: Vec<bool> = (0..dag.len()).map(|at| only >> at & 1 == 1).collect();
        let mut said = vec![(bad, Verdict::Bad), (0, Verdict::Good)];
        let Some(open) = suspects(&dag, &said) else { return Ok(()) };
        let first = open.all[first.index(open.all.len())];
        let mut test = |at: usize| match dag.behind([at])[first] {
            true => Verdict::Bad,
            false => Verdict::Good,
        };
        let (tested, next) = search(&dag, &mut said, Some(&only), &mut test).unwrap();
        let Next::Found(found) = next else { panic!("{next:?}") };
        prop_assert!(tested.iter().all(|at| only[*at]));
        if only[first] {
            prop_assert!(!found.outside);
            prop_assert_eq!(found.first_bad, [first]);
        } else if found.outside {
            prop_assert!(found.first_bad.is_empty());
        } else {
            // The first of those that count to show it: none of them behind it does.
            let [at] = found.first_bad[..] else { panic!("{:?}", found.first_bad) };
            prop_assert!(only[at] && dag.behind([at])[first]);
        }
    }

    #[test]
    fn a_line_takes_no_more_tests_than_halving(len in 2usize..300, first in 1usize..300) {
        let first = 1 + first % (len - 1);
        let all: Vec<Vec<u32>> =
            (0..len as u32).map(|at| at.checked_sub(1).into_iter().collect()).collect();
        let dag = Dag::new(all.iter().map(Vec::as_slice)).unwrap();
        let mut said = vec![(len - 1, Verdict::Bad), (0, Verdict::Good)];
        let mut test = |at: usize| if at >= first { Verdict::Bad } else { Verdict::Good };
        let (tested, next) = search(&dag, &mut said, None, &mut test).unwrap();
        let Next::Found(found) = next else { panic!("{next:?}") };
        prop_assert_eq!(found.first_bad, [first]);
        let halvings = (usize::BITS - (len - 2).leading_zeros()) as usize;
        prop_assert!(tested.len() <= halvings, "{} of {}", tested.len(), halvings);
    }
}

fn line(len: u32) -> Dag {
    let all: Vec<Vec<u32>> = (0..len).map(|at| at.checked_sub(1).into_iter().collect()).collect();
    Dag::new(all.iter().map(Vec::as_slice)).unwrap()
}

#[test]
fn a_good_commit_behind_which_a_bad_one_lies_is_named_with_it() {
    let said = [(8, Verdict::Bad), (1, Verdict::Good), (4, Verdict::Bad), (6, Verdict::Good)];
    assert_eq!(next(&line(9), &said, None), Err(NotMonotone { good: 6, bad: 4 }));
    // A verdict can be taken back.
    let taken_back = [&said[..], &[(6, Verdict::Bad)]].concat();
    assert!(matches!(next(&line(9), &taken_back, None), Ok(Next::Test { .. })));
}

#[test]
fn a_good_commit_on_another_branch_asks_for_where_both_come_from() {
    // 0 - 1 - 2 - 3, and 4 - 5 from 1.
    let dag = Dag::new([&[][..], &[0], &[1], &[2], &[1], &[4]]).unwrap();
    let said = [(3, Verdict::Bad), (5, Verdict::Good)];
    let Ok(Next::Test { at: 1, base: true, .. }) = next(&dag, &said, None) else {
        panic!("{:?}", next(&dag, &said, None));
    };
    let good = [&said[..], &[(1, Verdict::Good)]].concat();
    assert!(matches!(next(&dag, &good, None), Ok(Next::Test { at: 2, base: false, .. })));
    let skipped = [&said[..], &[(1, Verdict::Skip)]].concat();
    assert!(matches!(next(&dag, &skipped, None), Ok(Next::Test { at: 2, base: false, .. })));
    let bad = [&said[..], &[(1, Verdict::Bad)]].concat();
    assert_eq!(next(&dag, &bad, None), Err(NotMonotone { good: 5, bad: 1 }));
}

#[test]
fn what_is_skipped_is_left_at_growing_distance() {
    let dag = line(1001);
    let mut said = vec![(1000, Verdict::Bad), (0, Verdict::Good)];
    let mut tested = Vec::new();
    // A hundred commits around the middle cannot be built.
    let mut test = |at: usize| {
        tested.push(at);
        match at {
            450..=550 => Verdict::Skip,
            _ if at >= 700 => Verdict::Bad,
            _ => Verdict::Good,
        }
    };
    let (_, next) = search(&dag, &mut said, None, &mut test).unwrap();
    let Next::Found(found) = next else { panic!("{next:?}") };
    assert_eq!(found.first_bad, [700]);
    let skips = tested.iter().filter(|at| (450..=550).contains(*at)).count();
    assert!(skips <= 7, "{tested:?}");
}

#[test]
fn of_two_bad_commits_the_one_with_none_behind_it_is_followed() {
    for bads in [[4, 8], [8, 4]] {
        let said = bads.map(|at| (at, Verdict::Bad));
        let said = [&said[..], &[(0, Verdict::Good)]].concat();
        let left = suspects(&line(9), &said).unwrap();
        assert_eq!((left.all, left.bad), (vec![1, 2, 3, 4], 4));
    }
}

#[test]
fn of_many_only_those_that_count_are_tested() {
    // Two lines of a hundred commits, their merge, which halves best and does not count, and a line
    // of two hundred.
    let mut all: Vec<Vec<u32>> = vec![vec![]];
    for at in 1..=401 {
        all.push(match at {
            101 => vec![0],
            201 => vec![100, 200],
            at => vec![at - 1],
        });
    }
    let dag = Dag::new(all.iter().map(Vec::as_slice)).unwrap();
    let only: Vec<bool> = (0..dag.len()).map(|at| at != 201).collect();
    let mut said = vec![(401, Verdict::Bad), (0, Verdict::Good)];
    let mut test = |at: usize| if at >= 300 { Verdict::Bad } else { Verdict::Good };
    let (tested, next) = search(&dag, &mut said, Some(&only), &mut test).unwrap();
    let Next::Found(found) = next else { panic!("{next:?}") };
    assert_eq!(found.first_bad, [300]);
    assert!(tested.iter().all(|at| only[*at]) && tested.len() <= 9, "{tested:?}");
}

#[test]
fn so_many_that_weights_are_rough_are_halved_all_the_same() {
    let dag = line(40_000);
    let said = [(39_999, Verdict::Bad), (0, Verdict::Good)];
    let Ok(Next::Test { at, tests: 16, .. }) = next(&dag, &said, None) else { panic!() };
    assert!(at.abs_diff(20_000) <= 20, "{at}");
}
