//! A list of ids in a file of its own (`docs/format.md`, "Local files").

use std::collections::BTreeSet;

use super::cbor::DecodeError;
use super::id::Id;

const CONTEXT: &str = "aisr 2026-11-25 id list v1";
const CHECKSUM: &str = "checksum ";

/// The file's bytes: a line with its name, a line for each id, and a checksum.
pub fn encode_id_list(name: &str, ids: &BTreeSet<Id>) -> Vec<u8> {
    let mut text = format!("aisr-{name} 0\n");
    for id in ids {
        text.push_str(&id.to_hex());
        text.push('\n');
    }
    let sum = checksum(&text);
    format!("{text}{CHECKSUM}{sum}\n").into_bytes()
}

/// Reads the file of this name.
///
/// # Errors
/// When the bytes are not the one encoding of a list of this name and version.
pub fn decode_id_list(name: &str, bytes: &[u8]) -> Result<BTreeSet<Id>, DecodeError> {
    let invalid = |why| DecodeError::Invalid { field: "id list", why };
    let text = std::str::from_utf8(bytes).map_err(|_| invalid("not text"))?;
    let at = text.rfind(CHECKSUM).ok_or_else(|| invalid("no checksum"))?;
    let (body, sum) = text.split_at(at);
    if sum != format!("{CHECKSUM}{}\n", checksum(body)) {
        return Err(invalid("it does not match its checksum"));
    }
    let lines = body.strip_prefix(&format!("aisr-{name} 0\n"));
    let lines = lines.ok_or_else(|| invalid("another kind of list, or another version"))?;
    let ids = lines.split_terminator('\n').map(|line| Id::from_hex(line.as_bytes()));
    let ids: BTreeSet<Id> = ids.collect::<Option<_>>().ok_or_else(|| invalid("no id"))?;
    match encode_id_list(name, &ids) == bytes {
        true => Ok(ids),
        false => Err(invalid("not in ascending order")),
    }
}

fn checksum(text: &str) -> Id {
    Id::new(blake3::derive_key(CONTEXT, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids() -> impl Strategy<Value = BTreeSet<Id>> {
        prop::collection::btree_set(any::<[u8; 32]>().prop_map(Id::new), 0..5)
    }

    proptest! {
        #[test]
        fn a_list_reads_as_it_was_written(ids in ids()) {
            prop_assert_eq!(decode_id_list("doomed", &encode_id_list("doomed", &ids)), Ok(ids));
        }

        #[test]
        fn a_list_that_was_changed_is_refused(
            ids in ids(), at: prop::sample::Index, bit in 0u32..8,
        ) {
            let mut bytes = encode_id_list("doomed", &ids);
            prop_assert!(decode_id_list("expired", &bytes).is_err());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode_id_list("doomed", &bytes).is_err());
            prop_assert!(decode_id_list("doomed", &bytes[..at]).is_err());
        }
    }
}
