//! The byte planes of numeric data, and the layout of [`Codec::Planes`](super::Codec::Planes).
//!
//! The exponents of trained weights take few values and code well; their mantissas are noise. So
//! numbers are split into planes and only the plane of exponents is coded.
//!
//! # Layout
//!
//! For `n` decoded bytes, `n / 2` of them numbers:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | element kind: 1 = brain float (bf16), little endian |
//! | `n / 2` | mantissa plane, raw: of each number the 7 bits of mantissa, then the sign as lowest bit |
//! | `n % 2` | the odd last byte, raw |
//! | rest | exponent plane: one zstd frame of `n / 2` bytes, the 8-bit exponent of each number |
//!
//! A number is rotated left by one bit, which takes the sign to the low end and leaves the exponent
//! alone in the high byte. The frame has no magic number, no content size, no checksum and no
//! dictionary, and ends where the record ends. No length is stored: the record says `n`.

/// Element kind of brain floats.
pub(super) const KIND_BF16: u8 = 1;

/// Splits little-endian 16-bit numbers into mantissa and exponent planes of equal length.
///
/// Stops at the shortest of the three. Compilers vectorise this loop and its inverse; the entropy
/// coder takes so much longer that wider instructions than the baseline's bought nothing.
pub(super) fn split(numbers: &[u8], mantissas: &mut [u8], exponents: &mut [u8]) {
    let (numbers, _) = numbers.as_chunks::<2>();
    for ((&number, mantissa), exponent) in numbers.iter().zip(mantissas).zip(exponents) {
        let [low, high] = u16::from_le_bytes(number).rotate_left(1).to_le_bytes();
        *mantissa = low;
        *exponent = high;
    }
}

/// Joins mantissa and exponent planes back into little-endian 16-bit numbers.
///
/// Stops at the shortest of the three.
pub(super) fn join(mantissas: &[u8], exponents: &[u8], numbers: &mut [u8]) {
    let (numbers, _) = numbers.as_chunks_mut::<2>();
    for ((number, &low), &high) in numbers.iter_mut().zip(mantissas).zip(exponents) {
        *number = u16::from_le_bytes([low, high]).rotate_right(1).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joining_what_was_split_gives_the_numbers_back(numbers in prop::collection::vec(any::<u8>(), 0..3000)) {
            let count = numbers.len() / 2;
            let (mut mantissas, mut exponents) = (vec![0; count], vec![0; count]);
            split(&numbers, &mut mantissas, &mut exponents);
            let mut joined = vec![0; count * 2];
            join(&mantissas, &exponents, &mut joined);
            prop_assert_eq!(&joined[..], &numbers[..count * 2]);
        }
    }

    #[test]
    fn the_exponent_of_one_half_stands_alone_in_its_plane() {
        let minus_half = 0xBF00u16.to_le_bytes();
        let (mut mantissa, mut exponent) = ([0], [0]);
        split(&minus_half, &mut mantissa, &mut exponent);
        assert_eq!((mantissa, exponent), ([1], [126]));
    }

    #[test]
    fn planes_shorter_than_the_numbers_are_filled_and_no_more() {
        let (mut mantissas, mut exponents) = ([0; 40], [0; 35]);
        split(&[0xFF; 100], &mut mantissas, &mut exponents);
        assert!(mantissas[..35].iter().all(|&byte| byte == 0xFF));
        let mut numbers = [0; 80];
        join(&mantissas, &exponents, &mut numbers);
        assert!(numbers[..70].iter().all(|&byte| byte == 0xFF));
        assert!(numbers[70..].iter().all(|&byte| byte == 0));
    }
}
