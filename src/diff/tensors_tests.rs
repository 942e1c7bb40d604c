use proptest::prelude::*;

use super::*;

fn tensor(dtype: &str, len: usize, at: u64) -> Tensor {
    let data = at..at + len as u64;
    Tensor { dtype: dtype.into(), shape: vec![], data }
}

fn compare(dtype: &str, a: &[u8], b: &[u8]) -> TensorDelta {
    // Other places in the two contents: three bytes stand before the first.
    let (old, new) = ([b"xxx", a].concat(), b.to_vec());
    let (before, after) = (tensor(dtype, a.len(), 3), tensor(dtype, b.len(), 0));
    let pair = TensorPair { before: (&old, &before), after: (&new, &after) };
    compare_tensors(&[pair], 2).unwrap()[0]
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn the_distance_of_numbers_is_told() {
    let delta = compare("F32", &floats(&[1.0, 2.0, 3.0, 0.0]), &floats(&[1.0, 5.0, -1.0, -0.0]));
    let moved = Moved { max: 4.0, mean: 7.0 / 4.0, l2: 5.0, not_finite: 0 };
    assert_eq!(delta, TensorDelta { unit: Unit::Value, total: 4, changed: 3, moved: Some(moved) });
}

#[test]
fn what_is_not_finite_is_counted_apart() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let delta =
        compare("F32", &floats(&[nan, nan, inf, 1.0, 1.0]), &floats(&[nan, 1.0, -inf, 1.5, inf]));
    let moved = delta.moved.unwrap();
    assert_eq!((delta.changed, moved.not_finite, moved.max, moved.mean), (4, 3, 0.5, 0.1));
}

#[test]
fn blocks_are_counted_and_their_numbers_compared() {
    let q8 = |scale: u16, first: i8| {
        let mut block = scale.to_le_bytes().to_vec();
        block.extend([first.cast_unsigned()]);
        block.resize(34, 1);
        block
    };
    // Scale 1, first number 3; then the number is 5, and then the scale is 2.
    let old = [q8(0x3c00, 3), q8(0x3c00, 3), q8(0x3c00, 3)].concat();
    let new = [q8(0x3c00, 3), q8(0x3c00, 5), q8(0x4000, 3)].concat();
    let delta = compare("Q8_0", &old, &new);
    let moved = delta.moved.unwrap();
    assert_eq!((delta.unit, delta.total, delta.changed), (Unit::Block, 3, 2));
    assert_eq!((moved.max, moved.mean), (3.0, (2.0 + 3.0 + 31.0) / 96.0));

    let q4 = |low: u8| {
        let mut block = 0x3c00u16.to_le_bytes().to_vec();
        block.resize(18, low);
        block
    };
    // 8 means zero: 0x88 is 0 and 0; 0x9a is 2 (low) and 1 (high).
    let delta = compare("Q4_0", &q4(0x88), &q4(0x9a));
    assert_eq!(delta.moved.unwrap().mean, 1.5);
    let delta = compare("Q6_K", &[0; 420], &[[0; 210], [1; 210]].concat());
    assert_eq!((delta.total, delta.changed, delta.moved), (2, 1, None));
    let delta = compare("type 99", b"abc", b"axc");
    assert_eq!((delta.unit, delta.total, delta.changed), (Unit::Byte, 3, 1));
}

#[test]
fn what_moved_most_comes_first() {
    let delta = |changed, l2, not_finite| TensorDelta {
        unit: Unit::Value,
        total: 10,
        changed,
        moved: Some(Moved { max: 1.0, mean: 1.0, l2, not_finite }),
    };
    let none = TensorDelta { moved: None, ..delta(9, 0.0, 0) };
    let mut all = vec![none, delta(1, 0.5, 0), delta(9, 0.1, 0), delta(1, 0.0, 1)];
    all.sort_by(TensorDelta::most_moved_first);
    assert_eq!(all, [delta(1, 0.0, 1), delta(1, 0.5, 0), delta(9, 0.1, 0), none]);
}

#[expect(clippy::single_range_in_vec_init, reason = "lists of one range are meant")]
#[test]
fn stretches_grow_to_whole_units() {
    assert_eq!(whole_units(&[1..2, 5..6, 6..9, 20..23], 4, 23), [0..12, 20..23]);
    assert_eq!(whole_units(&[0..0], 4, 8), []);
}

#[test]
fn a_tensor_that_ends_too_soon_is_an_error() {
    let (old, new) = (vec![0u8; 8], vec![1u8; 4]);
    let whole = tensor("F32", 8, 0);
    let pair = TensorPair { before: (&old, &whole), after: (&new, &whole) };
    assert!(matches!(compare_tensors(&[pair], 2), Err(ViewError::Malformed { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_sums_are_those_of_a_plain_loop_whatever_the_threads(
        numbers in prop::collection::vec((any::<f32>(), prop::option::weighted(0.2, any::<f32>())), 1..3000),
        threads in 1usize..4,
    ) {
        let a: Vec<f32> = numbers.iter().map(|(a, _)| *a).collect();
        let b: Vec<f32> = numbers.iter().map(|(a, b)| b.unwrap_or(*a)).collect();
        let changed = a.iter().zip(&b).filter(|(a, b)| a.to_bits() != b.to_bits());
        let distances: Vec<f64> = changed.map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).collect();
        let finite = || distances.iter().filter(|d| d.is_finite());
        let (bytes_a, bytes_b) = (floats(&a), floats(&b));
        let whole = tensor("F32", bytes_a.len(), 0);
        let pair = TensorPair { before: (&bytes_a, &whole), after: (&bytes_b, &whole) };
        let found = compare_tensors(&[pair, pair], threads).unwrap();
        prop_assert_eq!(found[0], found[1]);
        let moved = found[0].moved.unwrap();
        prop_assert_eq!(found[0].changed, distances.len() as u64);
        prop_assert_eq!(moved.not_finite, (distances.len() - finite().count()) as u64);
        prop_assert_eq!(moved.max, finite().fold(0.0, |max: f64, d| max.max(*d)));
        let mean = finite().sum::<f64>() / a.len() as f64;
        prop_assert!((moved.mean - mean).abs() <= mean * 1e-9);
    }
}
