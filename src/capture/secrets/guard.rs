//! The guard: what a capture asks before it stores a file.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use bstr::{BStr, BString};
use thiserror::Error;

use super::scanner::Scanner;

/// Files above this length are not scanned.
pub(in crate::capture) const SCAN_LIMIT: u64 = 4 << 20;

/// How many findings are kept; further ones are counted.
pub(in crate::capture) const KEPT: usize = 50;

/// BLAKE3 context of fingerprints. They are no part of a repository.
const CONTEXT: &str = "aisr 2026-11-25 secret finding v1";

static SCANNER: LazyLock<Scanner> = LazyLock::new(Scanner::new);

/// The scanner that all captures share.
pub(in crate::capture) fn scanner() -> &'static Scanner {
    &SCANNER
}

/// What names one secret at one path: a hash over rule, path and secret, which tells neither.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint([u8; 16]);

/// A text that is no fingerprint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("a fingerprint has 32 hexadecimal digits")]
pub struct InvalidFingerprint;

impl Fingerprint {
    /// The fingerprint of `secret`, found by `rule` at `path`.
    pub fn of(rule: &str, path: &BStr, secret: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        for part in [rule.as_bytes(), path, secret] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let mut short = [0; 16];
        hasher.finalize_xof().fill(&mut short);
        Self(short)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes());
        bytes.ok().and_then(|b| b.try_into().ok()).map(Self).ok_or(InvalidFingerprint)
    }
}

/// Where in a file a secret is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// In this line of a text, from 1.
    Line(u64),
    /// In a row of a table.
    Row {
        /// The table.
        table: String,
        /// The row's id.
        row: i64,
    },
    /// In a row of a table without row ids.
    KeyedRow {
        /// The table.
        table: String,
        /// The how manieth it is in the order of the table's key, from 1.
        rank: u64,
    },
    /// In an index.
    Index {
        /// The table that it is of.
        table: String,
        /// The index.
        index: String,
    },
    /// In this page of a database, from 1, and in no row: it was deleted, and is still there.
    Page(u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row { table, row } => write!(f, "table {table}, row {row}"),
            Self::KeyedRow { table, rank } => write!(f, "table {table}, row {rank} by its key"),
            Self::Index { table, index } => write!(f, "index {index} of table {table}"),
            Self::Page(page) => write!(f, "page {page}, in no row any more"),
        }
    }
}

/// A secret in a file. It says where, never what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secret {
    /// The file, inside the root.
    pub path: BString,
    /// Where in it.
    pub place: Place,
    /// The rule that found it.
    pub rule: String,
    /// What allows it.
    pub fingerprint: Fingerprint,
}

/// What a guard found in a whole capture.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The secrets, by path and place; at most 50.
    pub secrets: Vec<Secret>,
    /// How many more there are.
    pub more: u64,
    /// How many files were read but not scanned: not UTF-8, or above 4 MiB. A database counts when
    /// its texts are UTF-16, or one is that long.
    pub unscanned: u64,
}

/// Looks for secrets in what a capture reads, and gathers what it finds.
pub struct SecretGuard<'a> {
    allowed: &'a [Fingerprint],
    secrets: Mutex<Vec<Secret>>,
    more: AtomicU64,
    unscanned: AtomicU64,
    /// The folder is scanned again: what is not scanned was counted before.
    again: AtomicBool,
}

impl<'a> SecretGuard<'a> {
    /// A guard that lets pass what `allowed` names.
    pub fn new(allowed: &'a [Fingerprint]) -> Self {
        let secrets = Mutex::default();
        let (more, unscanned) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { allowed, secrets, more, unscanned, again: AtomicBool::new(false) }
    }

    /// Whether the content of the file at `path` may be stored. What speaks against it is kept,
    /// unless `known` says that the repository holds this content already.
    pub(in crate::capture) fn passes(
        &self,
        path: impl Fn() -> BString,
        bytes: &[u8],
        known: impl FnOnce() -> bool,
    ) -> bool {
        if std::str::from_utf8(bytes).is_err() {
            self.skip();
            return true;
        }
        let findings = SCANNER.scan(bytes);
        if findings.is_empty() {
            return true;
        }
        let path = path();
        let secrets = findings.into_iter().map(|finding| {
            let secret = &bytes[finding.range];
            let fingerprint = Fingerprint::of(&finding.rule, path.as_ref(), secret);
            let place = Place::Line(finding.line);
            Secret { path: path.clone(), place, rule: finding.rule, fingerprint }
        });
        let refused: Vec<_> = secrets.filter(|secret| !self.allows(&secret.fingerprint)).collect();
        if refused.is_empty() || known() {
            return true;
        }
        self.refuse(refused, 0);
        false
    }

    /// Whether the user lets this secret pass.
    pub(in crate::capture) fn allows(&self, fingerprint: &Fingerprint) -> bool {
        self.allowed.contains(fingerprint)
    }

    /// Keeps what speaks against a file, or counts it; `more` are counted from the start.
    pub(in crate::capture) fn refuse(&self, secrets: impl IntoIterator<Item = Secret>, more: u64) {
        self.more.fetch_add(more, Ordering::Relaxed);
        let mut kept = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            if kept.len() < KEPT {
                kept.push(secret);
            } else {
                self.more.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts a file that is not scanned.
    pub(in crate::capture) fn skip(&self) {
        if !self.again.load(Ordering::Relaxed) {
            self.unscanned.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a database that is not scanned, or not all of it. Databases are read once.
    pub(in crate::capture) fn skip_database(&self) {
        self.unscanned.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether something was found that may not be stored.
    pub fn has_found(&self) -> bool {
        !self.secrets.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Told that the folder is scanned again by the same operation.
    pub fn scan_again(&self) {
        self.again.store(true, Ordering::Relaxed);
    }

    /// What was found.
    pub fn finish(self) -> Found {
        let mut secrets = self.secrets.into_inner().unwrap_or_else(PoisonError::into_inner);
        secrets.sort_by(|a, b| (&a.path, &a.place, &a.rule).cmp(&(&b.path, &b.place, &b.rule)));
        // A file that changed while it was read was scanned more than once.
        secrets.dedup();
        Found { secrets, more: self.more.into_inner(), unscanned: self.unscanned.into_inner() }
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn a_fingerprint_depends_on_rule_path_and_secret() {
        let of = |rule: &str, path: &str, secret: &str| {
            Fingerprint::of(rule, path.into(), secret.as_bytes())
        };
        let one = of("r", "p", "s");
        assert_eq!(one.to_string().parse(), Ok(one));
        for other in [of("x", "p", "s"), of("r", "x", "s"), of("r", "p", "x"), of("rp", "", "s")] {
            assert_ne!(one, other);
        }
        assert!("12".parse::<Fingerprint>().is_err());
    }
}
