//! The pager, chosen by the user's own environment as git chooses it.

use std::env;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A pager that is running; dropping it waits for its end.
pub struct Pager(Child);

impl Pager {
    /// Starts `AISR_PAGER`, else `PAGER`, else `less -FRX`; none where that says `cat` or nothing,
    /// or `AISR_NO_PAGER` is set.
    pub fn start() -> Option<(Self, ChildStdin)> {
        if env::var_os("AISR_NO_PAGER").is_some_and(|value| !value.is_empty()) {
            return None;
        }
        let wanted = env::var("AISR_PAGER").or_else(|_| env::var("PAGER"));
        let command = wanted.unwrap_or_else(|_| "less -FRX".into());
        if matches!(command.trim(), "" | "cat") {
            return None;
        }
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(&command).stdin(Stdio::piped());
        if env::var_os("LESS").is_none() {
            shell.env("LESS", "FRX");
        }
        let mut child = shell.spawn().ok()?;
        let stdin = child.stdin.take()?;
        Some((Self(child), stdin))
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        // How the pager ended says nothing of what it was shown.
        let _ = self.0.wait();
    }
}
