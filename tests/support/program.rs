//! The real program in a folder of its own, with a home of its own.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder to work in, and a home without keys.
pub struct Desk {
    dir: tempfile::TempDir,
}

/// What a run of the program came to.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Desk {
    /// An empty folder that is no repository yet.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("home")).expect("a home");
        fs::create_dir(dir.path().join("desk")).expect("a desk");
        let desk = Self { dir };
        let config = desk.home().join(".config/aisr");
        fs::create_dir_all(&config).expect("a configuration folder");
        let text = "[user]\nemail = \"mara@example.org\"\n";
        fs::write(config.join("config.toml"), text).expect("a configuration");
        desk
    }

    /// A fresh repository.
    pub fn new() -> Self {
        let desk = Self::empty();
        desk.ok(["init"]);
        desk
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("desk")
    }

    pub fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Writes a file and commits it; gives the commit's id.
    pub fn commit(&self, name: &str, text: &str, message: &str) -> String {
        self.write(name, text);
        self.ok(["commit", "-m", message]);
        self.head()
    }

    /// The id of the commit that HEAD is on.
    pub fn head(&self) -> String {
        self.json(["show", "--json"])["id"].as_str().expect("an id").to_owned()
    }

    /// The program with nothing of the tester's own environment.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aisr"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("USER", "mara")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(args).output().expect("the program starts"))
    }

    /// Runs what must go well; gives its output.
    pub fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.text()
    }

    /// Runs what must go well and print JSON.
    pub fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> serde_json::Value {
        serde_json::from_str(&self.ok(args)).expect("JSON")
    }

    /// What a person sees: code, output and errors, with everything redacted that changes from
    /// run to run.
    pub fn shown<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let ran = self.run(args);
        let code = ran.code.map_or("killed".into(), |code| code.to_string());
        let text = format!("{}{}[{code}]", ran.text(), ran.stderr);
        redact(&text, self.dir.path())
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).expect("errors are UTF-8");
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("output is UTF-8")
    }
}

/// Ids become `<id>`, keys `SHA256:<key>`, times `<time>`, durations `<n> s`, sizes of what is
/// stored `<size>`, and the folder `<dir>`.
pub fn redact(text: &str, dir: &Path) -> String {
    let text = text.replace(&dir.display().to_string(), "<dir>");
    let words = text.split_inclusive([' ', '\n', '(', ')', ']', ',', ':']);
    let mut out = String::new();
    for word in words {
        let end = word.trim_end_matches([' ', '\n', '(', ')', ']', ',', ':', '…']);
        let rest = &word[end.len()..];
        out += &redact_word(end);
        out += rest;
    }
    redact_times(&out)
}

fn redact_word(word: &str) -> String {
    let is_hex = word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    match word.len() {
        8 | 16 | 64 if is_hex => "<id>".into(),
        43 => "<key>".into(),
        _ => word.into(),
    }
}

fn redact_times(text: &str) -> String {
    let mut out = Vec::new();
    for line in text.lines() {
        let line = match line.split_once("date     ") {
            Some((before, _)) => format!("{before}date     <time>"),
            None => line.to_owned(),
        };
        let line = match (line.find(" stored, "), line.find(" in ")) {
            (Some(_), Some(files)) => {
                let (count, _) = line[files..].split_once(',').unwrap_or_default();
                let level = if line.contains("snapshot") { "snapshot" } else { "best-effort" };
                let captured = &line[..files];
                format!("{captured}{count}, <size> stored, <n> s · {level} at <time>")
            }
            _ => line,
        };
        let line = match line.split_once("held for up to ") {
            Some((before, _)) => format!("{before}held for up to <n> s"),
            None => line,
        };
        let line = match line.split_once(" of ").filter(|(start, _)| start.contains("capture ")) {
            Some((start, _)) => format!("{start} of <time> to <time>"),
            None => line,
        };
        out.push(line);
    }
    out.join("\n")
}
