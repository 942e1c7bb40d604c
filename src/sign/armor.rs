//! The text form of binary SSH files: base64 between a BEGIN and an END line.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{SSHSIG_LIMIT, SignError};

/// The label of an armored SSHSIG (`PROTOCOL.sshsig`, "Armored format").
const SIGNATURE: &str = "SSH SIGNATURE";

/// Where `ssh-keygen` wraps base64.
const COLUMNS: usize = 70;

/// Wraps a raw SSHSIG the way `ssh-keygen -Y sign` prints it.
///
/// The text is what `ssh-keygen -Y verify -s FILE` reads.
pub fn to_armored(sshsig: &[u8]) -> String {
    encode(SIGNATURE, sshsig)
}

/// Reads the raw SSHSIG out of its armored text (`PROTOCOL.sshsig`, "Armored format").
///
/// Line ends and widths are free, as they are for `ssh-keygen`; the bytes inside are not judged
/// here but by [`super::parse_sshsig`].
pub fn from_armored(text: &str) -> Result<Vec<u8>, SignError> {
    // Base64, a line end every few characters, and the two marker lines.
    if text.len() > SSHSIG_LIMIT * 3 {
        return Err(SignError::SignatureTooLong { length: text.len(), limit: SSHSIG_LIMIT * 3 });
    }
    let raw = decode(SIGNATURE, text)
        .map_err(|flaw| SignError::MalformedArmor { reason: flaw.reason() })?;
    if raw.len() > SSHSIG_LIMIT {
        return Err(SignError::SignatureTooLong { length: raw.len(), limit: SSHSIG_LIMIT });
    }
    Ok(raw.to_vec())
}

/// What is wrong with armored text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArmorFlaw {
    NoBegin,
    NoEnd,
    Trailing,
    Base64,
}

impl ArmorFlaw {
    pub(super) fn reason(self) -> &'static str {
        match self {
            ArmorFlaw::NoBegin => "the BEGIN line is missing",
            ArmorFlaw::NoEnd => "the END line is missing",
            ArmorFlaw::Trailing => "text follows the END line",
            ArmorFlaw::Base64 => "what stands between BEGIN and END is not base64",
        }
    }
}

fn encode(label: &str, raw: &[u8]) -> String {
    let base64 = BASE64.encode(raw);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every index is a character's boundary.
        let (line, after) = rest.split_at(rest.len().min(COLUMNS));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// Decodes armored text; what comes out may be a private key, so it is wiped when dropped.
pub(super) fn decode(label: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, ArmorFlaw> {
    let body = text
        .trim_ascii()
        .strip_prefix("-----BEGIN ")
        .and_then(|rest| rest.strip_prefix(label))
        .and_then(|rest| rest.strip_prefix("-----"))
        .ok_or(ArmorFlaw::NoBegin)?;
    let (body, after) = body.split_once("-----").ok_or(ArmorFlaw::NoEnd)?;
    let after = after
        .strip_prefix("END ")
        .and_then(|rest| rest.strip_prefix(label))
        .and_then(|rest| rest.strip_prefix("-----"))
        .ok_or(ArmorFlaw::NoEnd)?;
    if !after.is_empty() {
        return Err(ArmorFlaw::Trailing);
    }
    let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
    base64.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let raw = BASE64.decode(&base64).map_err(|_| ArmorFlaw::Base64)?;
    Ok(Zeroizing::new(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armor_comes_back() {
        for length in [0, 1, 51, 52, 53, 104, 105, 300] {
            let raw: Vec<u8> = (0..length).map(|i| i as u8).collect();
            assert_eq!(from_armored(&to_armored(&raw)).unwrap(), raw);
        }
    }

    #[test]
    fn armor_wraps_at_seventy_columns() {
        let text = to_armored(&[7; 60]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "-----BEGIN SSH SIGNATURE-----");
        assert_eq!(lines[1].len(), 70);
        assert_eq!(lines[2].len(), 10);
        assert_eq!(lines[3], "-----END SSH SIGNATURE-----");
        assert!(text.ends_with("-----\n"));
    }

    #[test]
    fn armor_with_other_line_ends_is_read() {
        let text = to_armored(&[7; 60]).replace('\n', "\r\n");
        assert_eq!(from_armored(&text).unwrap(), [7; 60]);
    }

    #[test]
    fn armor_of_another_label_is_refused() {
        let text = to_armored(&[7; 60]).replace("SSH SIGNATURE", "PGP SIGNATURE");
        assert!(matches!(from_armored(&text), Err(SignError::MalformedArmor { .. })));
    }

    #[test]
    fn text_after_the_end_line_is_refused() {
        let text = to_armored(&[7; 60]) + "more";
        assert!(matches!(from_armored(&text), Err(SignError::MalformedArmor { .. })));
    }

    #[test]
    fn armor_beyond_the_limit_is_refused() {
        for length in [SSHSIG_LIMIT + 1, SSHSIG_LIMIT * 4] {
            assert!(matches!(
                from_armored(&to_armored(&vec![0; length])),
                Err(SignError::SignatureTooLong { .. })
            ));
        }
    }
}
