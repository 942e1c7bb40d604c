//! What an operation did to the folder.

use std::io::Write;

use aisr::worktree::Performed;

use super::escape::Escaped;
use super::numbers::{plural, size};
use crate::cli::error::CliError;

/// So many paths are listed.
const LISTED: usize = 8;

/// Says what an operation did to the folder.
pub fn draw_performed(performed: &Performed, out: &mut dyn Write) -> Result<(), CliError> {
    let Performed { written, bytes, removed, set_aside, left, .. } = performed;
    if written + removed > 0 {
        let files = plural(*written, "file", "files");
        writeln!(
            out,
            "  {files} written, {}, {} removed",
            size(*bytes),
            plural(*removed, "file", "files")
        )?;
    }
    for path in set_aside.iter().take(LISTED) {
        let path = Escaped(path.as_bytes());
        writeln!(out, "  set aside {path}, which is in no commit: `aisr undo` brings it back")?;
    }
    if set_aside.len() > LISTED {
        writeln!(out, "  set aside {} more", set_aside.len() - LISTED)?;
    }
    for path in left.iter().take(LISTED) {
        writeln!(out, "  stays     {}/, which holds more", Escaped(path.as_bytes()))?;
    }
    Ok(())
}
