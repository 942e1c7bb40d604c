//! Errors of the manifest and of the system that it names.

use aisr::system::{Finding, ManifestError, Mistake};

use super::{CliError, Escaped};

impl From<ManifestError> for CliError {
    fn from(error: ManifestError) -> Self {
        let hint = match &error {
            ManifestError::Link { .. } => Some("put a file of its own in its place"),
            ManifestError::Invalid { first, .. } if first.why.contains("expected a sequence") => {
                Some("a command is a list: [\"PROGRAM\", \"ARGUMENT\"]")
            }
            ManifestError::Invalid { first, .. } => first.hint.as_deref(),
            _ => None,
        };
        let hints = hint.map(Into::into).into_iter().collect();
        let details = match &error {
            ManifestError::Invalid { more, .. } => more.iter().map(line).collect(),
            _ => Vec::new(),
        };
        Self { details, ..Self::caused_by(error, hints) }
    }
}

/// A further mistake, in one line.
fn line(mistake: &Mistake) -> String {
    let text = match &mistake.hint {
        Some(hint) => format!("{mistake} ({hint})"),
        None => mistake.to_string(),
    };
    Escaped(text.as_bytes()).to_string()
}

/// What to do about the first of what is wrong.
pub(super) fn hints(findings: &[Finding]) -> Vec<String> {
    findings.first().and_then(Finding::hint).into_iter().collect()
}

/// What else is wrong, one line each.
pub(super) fn details(findings: &[Finding]) -> Vec<String> {
    const SHOWN: usize = 20;
    let line = |finding: &Finding| {
        let text = match finding.hint() {
            Some(hint) => format!("{finding} ({hint})"),
            None => finding.to_string(),
        };
        Escaped(text.as_bytes()).to_string()
    };
    let mut lines: Vec<_> = findings.iter().skip(1).take(SHOWN).map(line).collect();
    if let Some(more) = findings.len().checked_sub(SHOWN + 1).filter(|more| *more > 0) {
        lines.push(format!("and {more} more"));
    }
    lines
}
