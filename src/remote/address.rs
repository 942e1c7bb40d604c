//! Addresses of places: a path, or a `file://` URL.

use std::path::{Path, PathBuf};

use crate::repo::FOLDER;

use super::error::{RemoteError, Result};

/// The root of the place that `address` names, seen from the folder `from`. The `.aisr` inside may
/// be named as well.
///
/// # Errors
/// [`RemoteError::Address`] for anything but a path or a `file://` URL of this machine.
pub fn parse_address(address: &str, from: &Path) -> Result<PathBuf> {
    let wrong = |why| RemoteError::Address { address: address.into(), why };
    if address.is_empty() {
        return Err(wrong("it is empty"));
    }
    let path = match address.split_once("://") {
        Some(("file", rest)) => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            if !path.starts_with('/') {
                return Err(wrong("a file:// URL names a path of this machine: file:///PATH"));
            }
            let path = decode_percents(path).ok_or_else(|| wrong("a bad % escape"))?;
            PathBuf::from(path)
        }
        Some(_) => return Err(wrong("this version knows folders and file:// alone")),
        None => from.join(address),
    };
    Ok(match path.file_name() {
        Some(name) if name == FOLDER => resolve(path.parent().unwrap_or(&path)),
        _ => resolve(&path),
    })
}

/// The path without links and `..`, as far as it exists: what people see, and what is kept.
pub fn resolve(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => path.into(),
    }
}

/// Replaces `%41` by `A` (RFC 3986 §2.1).
fn decode_percents(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let hex = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok().filter(|byte| *byte != 0)?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_or_a_file_url() {
        let from = Path::new("/home/mara");
        for (address, path) in [
            ("/mnt/team", "/mnt/team"),
            ("team", "/home/mara/team"),
            ("file:///mnt/a%20b", "/mnt/a b"),
            ("file://localhost/mnt/team", "/mnt/team"),
            ("/mnt/team/.aisr", "/mnt/team"),
        ] {
            assert_eq!(parse_address(address, from).unwrap(), Path::new(path), "{address}");
        }
        for address in ["", "https://example.org/x", "file://host/x", "file:///%0", "file:///%00"] {
            assert!(parse_address(address, from).is_err(), "{address}");
        }
    }
}
