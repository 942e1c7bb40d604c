//! The same history in git.
#![allow(dead_code)]

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A commit to be imported.
pub struct GitCommit<'p> {
    /// Its parents, by their places among those before it.
    pub parents: &'p [usize],
    /// When, in seconds since the epoch.
    pub second: i64,
    /// What it holds, by path.
    pub files: Vec<(&'p str, &'p [u8])>,
}

/// A bare git repository with the same commits, each with its place as the subject and on the
/// branch `b<place>`.
pub struct GitTwin {
    /// Where it lies.
    pub folder: PathBuf,
}

impl GitTwin {
    /// Imports the commits into a new repository in `folder`.
    pub fn import<'p>(folder: &Path, plan: impl IntoIterator<Item = GitCommit<'p>>) -> Self {
        let twin = Self { folder: folder.into() };
        assert!(twin.git(["init", "-q", "--bare", "."]).status().unwrap().success());
        let mut import =
            twin.git(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut to = BufWriter::new(import.stdin.take().unwrap());
        for (n, commit) in plan.into_iter().enumerate() {
            let subject = n.to_string();
            writeln!(to, "commit refs/heads/b{n}\nmark :{}", n + 1).unwrap();
            writeln!(to, "committer Mara <mara@example.org> {} +0000", commit.second).unwrap();
            writeln!(to, "data {}\n{subject}", subject.len()).unwrap();
            for (nth, parent) in commit.parents.iter().enumerate() {
                let word = if nth == 0 { "from" } else { "merge" };
                writeln!(to, "{word} :{}", parent + 1).unwrap();
            }
            writeln!(to, "deleteall").unwrap();
            for (path, content) in &commit.files {
                writeln!(to, "M 100644 inline {path}\ndata {}", content.len()).unwrap();
                to.write_all(content).unwrap();
                writeln!(to).unwrap();
            }
        }
        drop(to);
        assert!(import.wait().unwrap().success());
        twin
    }

    /// For each line of a file, the place of the commit that `git blame` names, and the number that
    /// the line has there.
    pub fn blame(&self, at: usize, name: &str) -> Vec<(usize, u32)> {
        let text = self.run(&["blame", "--line-porcelain", &format!("b{at}"), "--", name]);
        let (mut out, mut number) = (Vec::new(), 0);
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if words[0].len() == 40 && words.len() >= 3 && !line.starts_with('\t') {
                number = words[1].parse().unwrap();
            }
            if let Some(subject) = line.strip_prefix("summary ") {
                out.push((subject.parse().unwrap(), number));
            }
        }
        out
    }

    /// The places of the commits behind one that `git log` lists with these words.
    pub fn log(&self, at: usize, words: &[&str]) -> Vec<usize> {
        let branch = format!("b{at}");
        let mut all = vec!["log", "--format=%s", &branch];
        all.extend(words);
        self.run(&all).lines().map(|line| line.parse().unwrap()).collect()
    }

    fn run(&self, words: &[&str]) -> String {
        let out = self.git(words).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// A git command in it, without anything of the user's.
    pub fn git<S: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut git = Command::new("git");
        git.args(words).current_dir(&self.folder).env("GIT_CONFIG_NOSYSTEM", "1");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_DIR", &self.folder);
        git
    }
}
