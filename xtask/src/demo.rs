//! `cargo xtask demo`: the main job of aisr, on a sample system, as a terminal session.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::demo_system;
use crate::process;
use crate::{Result, folder_compare};

/// Make a sample AI system and take aisr through its main job on it.
///
/// The system is a support desk of three agents, about 10 MB and the same on every run. The session
/// runs in a home folder of its own with a key made for it, prints each command line before what it
/// prints, and fails if a command fails or the restored folder differs from the committed one.
/// Needs ssh-keygen.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to make the system, a folder that does not exist; without it a temporary one
    dir: Option<PathBuf>,
    /// Only make the folder; run nothing
    #[arg(long, requires = "dir")]
    only_make: bool,
}

/// Makes the system and, unless only that was asked for, runs the session.
pub fn run(arguments: &Arguments) -> Result {
    let scratch = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let system = match &arguments.dir {
        Some(dir) => std::path::absolute(dir).map_err(|e| format!("{}: {e}", dir.display()))?,
        None => scratch.path().join("support-desk"),
    };
    if system.exists() {
        return Err(format!("{} exists already", system.display()));
    }
    demo_system::make(&system).map_err(|e| format!("cannot write {}: {e}", system.display()))?;
    if arguments.only_make {
        println!("{} is made.", system.display());
        return Ok(());
    }
    let aisr = process::install_aisr()?;
    let home = scratch.path().join("home");
    let restored = scratch.path().join("restored");
    fs::create_dir_all(home.join(".ssh")).map_err(|e| format!("cannot make a home: {e}"))?;
    let terminal = Terminal { aisr, home, folder: system.clone() };
    session(&terminal, &restored)?;
    folder_compare::same(&system, &restored)?;
    println!("\nThe restored folder equals the committed one.");
    Ok(())
}

fn session(terminal: &Terminal, restored: &Path) -> Result {
    let Terminal { home, folder, .. } = terminal;
    let key = home.join(".ssh/id_ed25519");
    let key = key.to_string_lossy();
    terminal.type_in(&[
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        "mara@example.org",
        "-f",
        &key,
    ])?;
    terminal.type_in(&["aisr", "init"])?;
    terminal.type_in(&["aisr", "commit", "-m", "The desk as it went live"])?;

    println!("\n# A prompt is made stricter.");
    let prompt = "prompts/triage.md";
    let path = folder.join(prompt);
    let edited = fs::read_to_string(&path)
        .and_then(|text| {
            let text = text.replace("promise a date.", "promise a date or an amount.");
            fs::write(&path, &text).map(|()| text)
        })
        .map_err(|e| format!("cannot edit {prompt}: {e}"))?;
    terminal.type_in(&["aisr", "commit", "-m", "Promise no amounts either"])?;
    terminal.type_in(&["aisr", "log"])?;
    terminal.type_in(&["aisr", "ls"])?;
    let shown = terminal.type_in(&["aisr", "cat", &format!("@:{prompt}")])?;
    if shown != edited.as_bytes() {
        return Err(format!("aisr cat does not print what lies in {prompt}"));
    }
    terminal.type_in(&["aisr", "checkout", "@", "--out", &restored.to_string_lossy()])?;
    terminal.type_in(&["aisr", "verify"])?;
    terminal.type_in(&["aisr", "fsck"])?;
    Ok(())
}

/// A shell that nobody sits at: it echoes a command line, runs it, and shows what it prints.
struct Terminal {
    aisr: PathBuf,
    home: PathBuf,
    folder: PathBuf,
}

impl Terminal {
    /// Runs one command line and gives what it printed to stdout.
    fn type_in(&self, words: &[&str]) -> Result<Vec<u8>> {
        let line = words.iter().map(|word| self.shown(word)).collect::<Vec<_>>().join(" ");
        println!("\n$ {line}");
        let program = if words[0] == "aisr" { self.aisr.as_path() } else { Path::new(words[0]) };
        let out = Command::new(program)
            .args(&words[1..])
            .current_dir(&self.folder)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([("LANG", "C.UTF-8"), ("TZ", "UTC"), ("NO_COLOR", "1")])
            .env("HOME", &self.home)
            .output()
            .map_err(|e| format!("cannot start {}: {e}", words[0]))?;
        let told = [&out.stdout[..], &out.stderr].concat();
        stdout().write_all(&told).map_err(|e| format!("cannot print: {e}"))?;
        if out.status.success() { Ok(out.stdout) } else { Err(format!("{line}: {}", out.status)) }
    }

    /// A word as one would type it.
    fn shown(&self, word: &str) -> String {
        let word = word.replace(&*self.home.to_string_lossy(), "~");
        if word.is_empty() || word.contains(' ') { format!("'{word}'") } else { word }
    }
}
