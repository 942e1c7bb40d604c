//! The table `[capture]`: the commands that a folder asks for.

use serde::Deserialize;
use toml::de::ValueDeserializer;

use super::Wrong;
use crate::trust::AskedCommands;

/// The most parts that a command has, and the most bytes in all: it must be read by whom it asks.
const MOST_PARTS: usize = 64;
const MOST_BYTES: usize = 4 << 10;
/// How long a command may take, in seconds, where nothing is said; and at most.
const TIMEOUT: u64 = 30;
const LONGEST: u64 = 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capture {
    quiesce: Option<toml::Spanned<Vec<String>>>,
    resume: Option<toml::Spanned<Vec<String>>>,
    timeout: Option<toml::Spanned<u64>>,
}

/// What the table asks for, if anything.
pub(super) fn read(
    table: toml::Spanned<toml::de::DeValue<'_>>,
) -> Result<Option<AskedCommands>, Wrong> {
    let at = table.span().start;
    let table = Capture::deserialize(ValueDeserializer::from(table)).map_err(|e| {
        Wrong::new(e.span().map_or(at, |span| span.start), e.message().replace('\n', ", "))
    })?;
    let Some(quiesce) = table.quiesce else {
        return match table.resume {
            Some(resume) => Err(Wrong::new(resume.span().start, "resume without quiesce")),
            None => match table.timeout {
                Some(_) => Err(Wrong::new(at, "timeout without quiesce")),
                None => Ok(None),
            },
        };
    };
    let timeout = table.timeout.map_or(Ok(TIMEOUT), |timeout| match *timeout.get_ref() {
        seconds @ 1..=LONGEST => Ok(seconds),
        _ => {
            let why = format!("timeout is not from 1 to {LONGEST} seconds");
            Err(Wrong::new(timeout.span().start, why))
        }
    })?;
    let (quiesce, resume) = (command(quiesce)?, table.resume.map(command).transpose()?);
    Ok(Some(AskedCommands { quiesce, resume, timeout }))
}

fn command(argv: toml::Spanned<Vec<String>>) -> Result<Vec<String>, Wrong> {
    let (at, argv) = (argv.span().start, argv.into_inner());
    let bytes: usize = argv.iter().map(String::len).sum();
    let wrong = match &argv[..] {
        [] => Some("a command without a program".into()),
        [program, ..] if program.is_empty() => Some("a command without a program".into()),
        parts if parts.len() > MOST_PARTS => Some(format!("a command of over {MOST_PARTS} parts")),
        _ if bytes > MOST_BYTES => Some(format!("a command of over {MOST_BYTES} bytes")),
        parts if parts.iter().any(|part| part.contains('\0')) => {
            Some("a command with a NUL in it".into())
        }
        _ => None,
    };
    wrong.map_or(Ok(argv), |why| Err(Wrong::new(at, why)))
}
