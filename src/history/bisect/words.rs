//! Words of a line as a shell reads them: plain, `'…'`, or `$'…'` with escapes where a word has
//! bytes that a line of text cannot show.

use bstr::BString;

/// Writes a word so that [`split`], and a shell, read it again.
pub fn quoted(word: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"._/:@+=,%-".contains(b);
    if !word.is_empty() && word.iter().all(plain) {
        return String::from_utf8_lossy(word).into_owned();
    }
    let text = std::str::from_utf8(word).ok();
    if let Some(text) = text.filter(|text| !text.contains(['\'', '\\']) && text.chars().all(shown))
    {
        return format!("'{text}'");
    }
    let mut out = String::from("$'");
    for byte in word {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', *byte as char]),
            b' '..=b'~' => out.push(*byte as char),
            _ => out += &format!("\\x{byte:02x}"),
        }
    }
    out.push('\'');
    out
}

fn shown(c: char) -> bool {
    c == ' ' || c.is_alphanumeric() || c.is_ascii_punctuation()
}

/// The words of a line.
///
/// # Errors
/// Says what is wrong where a quote does not end, or an escape is not known.
pub fn split(line: &[u8]) -> Result<Vec<BString>, &'static str> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii();
    while !rest.is_empty() {
        let (word, behind) = word(rest)?;
        words.push(word);
        rest = behind.trim_ascii_start();
    }
    Ok(words)
}

fn word(line: &[u8]) -> Result<(BString, &[u8]), &'static str> {
    let mut word = BString::default();
    let mut rest = line;
    loop {
        match rest {
            [] | [b' ' | b'\t', ..] => return Ok((word, rest)),
            [b'\'', inside @ ..] => {
                let end = inside.iter().position(|b| *b == b'\'').ok_or("a quote does not end")?;
                let (quoted, behind) = inside.split_at(end);
                word.extend_from_slice(quoted);
                rest = behind.get(1..).unwrap_or_default();
            }
            [b'$', b'\'', inside @ ..] => rest = escaped(inside, &mut word)?,
            [byte, behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
        }
    }
}

/// Reads what is between `$'` and `'`; gives what follows.
fn escaped<'l>(mut rest: &'l [u8], word: &mut BString) -> Result<&'l [u8], &'static str> {
    loop {
        match rest {
            [b'\'', behind @ ..] => return Ok(behind),
            [b'\\', byte @ (b'\'' | b'\\'), behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
            [b'\\', b'x', high, low, behind @ ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                let byte = u8::from_str_radix(digits, 16).map_err(|_| "an escape is not known")?;
                word.push(byte);
                rest = behind;
            }
            [b'\\', ..] => return Err("an escape is not known"),
            [byte, behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
            [] => return Err("a quote does not end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6),
        ) {
            let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
            prop_assert!(!line.contains('\n'));
            let read: Vec<Vec<u8>> =
                split(line.as_bytes()).unwrap().into_iter().map(Vec::from).collect();
            prop_assert_eq!(read, words);
        }
    }

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        assert_eq!(quoted(b"memory:store"), "memory:store");
        assert_eq!(quoted(b"my notes"), "'my notes'");
        assert_eq!(quoted("zu früh".as_bytes()), "'zu früh'");
        assert_eq!(quoted(b""), "''");
        assert_eq!(quoted(b"it's"), r"$'it\'s'");
        assert_eq!(quoted(b"a\nb\xff"), r"$'a\x0ab\xff'");
    }

    #[test]
    fn a_quote_that_does_not_end_is_an_error() {
        for line in ["'a", "$'a", r"$'\x4", r"$'\q'", r"a $'\"] {
            assert!(split(line.as_bytes()).is_err(), "{line}");
        }
    }
}
