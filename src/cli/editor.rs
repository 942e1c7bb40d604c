//! The editor in which a message is written.

use std::env;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;

use aisr::disk::{Disk, ReadFile};
use aisr::object::limits;
use aisr::repo::RepoError;

use super::error::CliError;

/// Lets the user write a message into `file`, which begins as `template`. Lines that start with
/// `#` do not count.
pub fn write_message(disk: &Disk, file: &Path, template: &str) -> Result<String, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::usage("there is no message, and no terminal to write one on")
            .hint("aisr commit -m MESSAGE"));
    }
    disk.replace_whole(file, template.as_bytes(), 0o600).map_err(RepoError::from)?;
    let editor = ["AISR_EDITOR", "VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|value| !value.trim().is_empty())
        .unwrap_or_else(|| "vi".into());
    // As git does: the value is a shell's command line, the file its last argument.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg(&editor)
        .arg(file)
        .status()
        .map_err(|e| CliError::failure(format!("cannot start the editor `{editor}`: {e}")))?;
    if !status.success() {
        return Err(CliError::failure(format!("the editor `{editor}` failed: {status}"))
            .hint("name another with AISR_EDITOR, or use -m"));
    }
    // Comments do not count towards the limit of a message.
    let limit = (limits::MESSAGE + template.len()) as u64 + (64 << 10);
    let bytes = ReadFile::open(file).and_then(|file| file.read_all(limit));
    let text = String::from_utf8(bytes.map_err(RepoError::from)?)
        .map_err(|_| CliError::failure("the message is not UTF-8"))?;
    Ok(clean(text.lines().filter(|line| !line.starts_with('#'))))
}

/// A message as it is kept: no space at the ends of lines, no empty lines at its ends, and never
/// two of them in a row.
pub fn clean<'t>(lines: impl Iterator<Item = &'t str>) -> String {
    let mut out = String::new();
    let mut empty = 0;
    for line in lines.map(str::trim_end) {
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn a_message_loses_only_space_that_nobody_sees() {
        let text = "\n\nFix it  \n\n\n\n  because\tof this \nand that\n\n";
        assert_eq!(clean(text.lines()), "Fix it\n\n  because\tof this\nand that");
        assert_eq!(clean(" \n\t\n".lines()), "");
    }
}
