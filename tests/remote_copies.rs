//! Second copies as a user makes them: clone, remote, fetch, push, pull.

#[path = "support/program.rs"]
mod program;
mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use insta::assert_snapshot;
use program::{Desk, Ran, redact};
use support::soundness::fsck;
use support::{Random, snapshot};

/// A desk, a shared place `team` beside it, and a clone `other` of that.
struct Team {
    desk: Desk,
}

impl Team {
    fn new() -> Self {
        let desk = Desk::new();
        desk.commit("prompts/triage.md", "Be kind.\n", "First");
        let team = Self { desk };
        team.desk.ok(["remote", "add", "origin", "../team", "--create"]);
        team.desk.ok(["push"]);
        team.other(["clone", "../team", "../other"], &team.desk.path());
        team
    }

    fn place(&self) -> PathBuf {
        self.desk.outside("team")
    }

    fn path(&self) -> PathBuf {
        self.desk.outside("other")
    }

    fn run_in<const N: usize>(&self, args: [&str; N], at: &Path) -> Ran {
        Ran::of(self.desk.command(args).current_dir(at).output().unwrap())
    }

    /// Runs what must go well in another folder.
    fn other<const N: usize>(&self, args: [&str; N], at: &Path) -> String {
        let ran = self.run_in(args, at);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran.text()
    }

    /// What a person sees in the clone.
    fn shown<const N: usize>(&self, args: [&str; N]) -> String {
        let ran = self.run_in(args, &self.path());
        let code = ran.code.map_or("killed".into(), |code| code.to_string());
        let text = format!("{}{}[{code}]", ran.text(), ran.stderr);
        let folder = self.desk.home().parent().unwrap().to_owned();
        shorten(&redact(&text, &folder))
    }

    fn commit_in_other(&self, name: &str, text: &str, message: &str) {
        support::write(&self.path(), name, text.as_bytes());
        self.other(["commit", "-m", message], &self.path());
    }
}

/// Sizes and the pairs of ids that redaction leaves.
fn shorten(text: &str) -> String {
    let mut out = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(Into::into).collect();
        for at in 0..words.len() {
            let is_pair = words[at].bytes().all(|b| b.is_ascii_hexdigit() || b == b'.');
            if words[at].len() >= 18 && is_pair {
                let dots = if words[at].contains("...") { "..." } else { ".." };
                words[at] = format!("<id>{dots}<id>");
            }
            if matches!(words.get(at + 1).map(String::as_str), Some("B" | "KB" | "KiB" | "MB")) {
                words[at] = "<n>".into();
            }
        }
        out.push(words.join(" "));
    }
    out.join("\n")
}

fn sound(root: &Path) {
    let report = fsck(root);
    assert!(report.is_good(), "{}: {report:?}", root.display());
}

#[test]
fn what_is_pushed_is_pulled() {
    let team = Team::new();
    assert_eq!(snapshot(&team.path()), snapshot(&team.desk.path()));
    sound(&team.place());
    sound(&team.path());
    assert_snapshot!(team.shown(["pull"]), @r"
    Nothing new in <dir>/team
    main holds all of it
    [0]
    ");
    assert_snapshot!(team.shown(["push"]), @r"
    Nothing to push to <dir>/team
    [0]
    ");
    team.commit_in_other("prompts/triage.md", "Be brief.\n", "Second");
    assert_snapshot!(team.shown(["push"]), @r"
    To <dir>/team: 5 objects, <n> KiB in 1 pack
      main  <id>..<id>
    [0]
    ");
    assert_snapshot!(team.shown(["push"]), @r"
    Nothing to push to <dir>/team
    [0]
    ");
    let pulled = team.desk.shown(["pull"]);
    assert_snapshot!(shorten(&pulled), @r"
    From <dir>/team: 1 new commit, <n> KiB in 1 pack
      origin/main  <id>..<id>
    Now on main, at <id> (Second)
      1 file written, 10 bytes, 0 files removed
    [0]
    ");
    assert_eq!(snapshot(&team.path()), snapshot(&team.desk.path()));
    let log = team.desk.json(["op", "log", "--json"]);
    assert_eq!(log[1]["cause"], "fetch");
    team.desk.ok(["verify"]);
    sound(&team.desk.path());
    sound(&team.place());
}

#[test]
fn a_place_answers_as_a_repository_and_cannot_be_worked_in() {
    let team = Team::new();
    let place = team.place();
    let subject = team.other(["log", "--oneline"], &place);
    assert!(subject.contains("First"), "{subject}");
    team.other(["verify"], &place);
    team.other(["fsck"], &place);
    assert_eq!(team.other(["cat", "main:prompts/triage.md"], &place), "Be kind.\n");
    for args in [["commit", "-m", "x"], ["status", "-q", "--json"], ["tag", "v1", "main"]] {
        let ran = team.run_in(args, &place);
        assert_eq!(ran.code, Some(3), "{args:?}");
        assert!(ran.stderr.contains("is a shared place"), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_repository_that_somebody_works_in_is_fetched_from_and_not_pushed_to() {
    let desk = Desk::new();
    desk.commit("a", "a", "First");
    desk.ok(["tag", "v1", "-m", "One"]);
    desk.ok(["clone", ".", "../copy"]);
    let copy = desk.outside("copy");
    assert_eq!(snapshot(&copy), snapshot(&desk.path()));
    let at = |args: &[&str]| Ran::of(desk.command(args).current_dir(&copy).output().unwrap());
    assert_eq!(at(&["show", "v1", "--json"]).code, Some(0));
    desk.commit("a", "b", "Second");
    let pulled = at(&["pull"]);
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert_eq!(snapshot(&copy), snapshot(&desk.path()));
    let pushed = at(&["push"]);
    assert_eq!(pushed.code, Some(3));
    assert!(pushed.stderr.contains("that somebody works in"), "{}", pushed.stderr);
    assert!(pushed.stderr.contains("--create"), "{}", pushed.stderr);
    sound(&copy);
}

#[test]
fn a_push_that_does_not_follow_is_refused_and_forced() {
    let team = Team::new();
    team.desk.commit("a", "mine", "Mine");
    team.desk.ok(["push"]);
    team.commit_in_other("a", "theirs", "Theirs");
    assert_snapshot!(team.shown(["push"]), @r"
    error: refs/heads/main at <dir>/team holds what the one here does not
    hint: fetch first, and push again; or --force
    [3]
    ");
    team.other(["fetch"], &team.path());
    assert_snapshot!(team.shown(["pull"]), @r"
    Nothing new in <dir>/team
    error: refs/heads/main and refs/remotes/origin/main went different ways
    hint: look at both: `aisr log HEAD..origin/main`; `aisr checkout -b NAME origin/main` takes theirs
    [3]
    ");
    assert_snapshot!(team.shown(["push"]), @r"
    error: refs/heads/main at <dir>/team holds what the one here does not
    hint: fetch first, and push again; or --force
    [3]
    ");
    assert_snapshot!(team.shown(["push", "--force"]), @r"
    To <dir>/team: 4 objects, <n> KiB in 1 pack
      main  <id>...<id> (replaced)
    [0]
    ");
    let fetched = shorten(&team.desk.shown(["fetch"]));
    assert_snapshot!(fetched, @r"
    From <dir>/team: 1 new commit, <n> KiB in 1 pack
      origin/main  <id>...<id> (replaced)
    [0]
    ");
    sound(&team.place());
    sound(&team.desk.path());
}

#[test]
fn only_what_is_pushed_leaves() {
    let team = Team::new();
    let secret = "the very secret words that were taken back";
    team.desk.commit("notes.md", secret, "Too much");
    team.desk.write("notes.md", "harmless");
    team.desk.ok(["commit", "--amend", "-m", "Enough"]);
    team.desk.ok(["push"]);
    let blob = blake3::hash(secret.as_bytes()).to_hex().to_string();
    assert_eq!(team.desk.run(["cat", &blob]).code, Some(0), "it is still here");
    team.other(["pull"], &team.path());
    assert_ne!(team.run_in(["cat", &blob], &team.place()).code, Some(0));
    assert_ne!(team.run_in(["cat", &blob], &team.path()).code, Some(0));
    sound(&team.path());
}

#[test]
fn large_files_branches_and_tags_come_along() {
    let team = Team::new();
    let mut model = vec![0; 3 << 20];
    blake3::Hasher::new().update(b"model").finalize_xof().fill(&mut model);
    team.desk.write("model.bin", &model);
    team.desk.ok(["commit", "-m", "A model"]);
    team.desk.ok(["push"]);
    team.other(["pull"], &team.path());
    model[1 << 20] ^= 1;
    team.desk.write("model.bin", &model);
    team.desk.ok(["commit", "-m", "A change in it"]);
    team.desk.ok(["branch", "side"]);
    team.desk.ok(["tag", "v1", "-m", "One"]);
    let pushed = team.desk.json(["push", "origin", "--all", "--tags", "--json"]);
    assert_eq!(pushed["refs"].as_array().unwrap().len(), 3);
    assert!(pushed["bytes"].as_u64().unwrap() < 600 << 10, "{pushed}");
    let fetched: serde_json::Value =
        serde_json::from_str(&team.other(["fetch", "--json"], &team.path())).unwrap();
    assert_eq!(fetched["commits"], 1);
    assert!(fetched["bytes"].as_u64().unwrap() < 600 << 10, "{fetched}");
    let refs: Vec<_> = fetched["refs"].as_array().unwrap().iter().collect();
    assert_eq!(refs.len(), 3, "{fetched}");
    team.other(["pull"], &team.path());
    assert_eq!(snapshot(&team.path()), snapshot(&team.desk.path()));
    sound(&team.path());
    sound(&team.place());
}

#[test]
fn a_new_place_is_cloned_empty_and_filled() {
    let desk = Desk::empty();
    desk.ok(["init", "--bare", "../team"]);
    assert_eq!(desk.run(["init", "--bare", "../team"]).code, Some(3));
    desk.ok(["clone", "../team", "../one"]);
    let one = desk.outside("one");
    support::write(&one, "a", b"a");
    for args in [&["commit", "-m", "First"][..], &["push"]] {
        let ran = Ran::of(desk.command(args).current_dir(&one).output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let address = format!("file://{}", desk.outside("team").display());
    desk.ok(["clone", &address, "../two"]);
    assert_eq!(snapshot(&desk.outside("two")), snapshot(&one));
    sound(&desk.outside("team"));
}

#[test]
fn remotes_are_listed_added_and_removed() {
    let team = Team::new();
    assert_eq!(team.desk.ok(["remote"]), "origin\n");
    assert_eq!(team.desk.json(["remote", "list", "--json"])[0]["name"], "origin");
    let said = |args: &[&str]| shorten(&team.desk.shown(args));
    assert_snapshot!(said(&["remote", "list", "-v"]), @r"
    origin  <dir>/team
    [0]
    ");
    assert_snapshot!(said(&["remote", "add", "origin", "../x"]), @r"
    error: there is a remote `origin` already
    hint: `aisr remote remove origin` takes it away
    [3]
    ");
    assert_snapshot!(said(&["remote", "add", "../up", "../team"]), @r"
    error: `../up` is no name of a remote
    hint: letters, digits, `-`, `_` and `.`
    [3]
    ");
    assert_snapshot!(said(&["remote", "add", "usb", "../nowhere"]), @r"
    error: there is no repository in <dir>/nowhere
    hint: `aisr remote add NAME PLACE --create` makes a place, `aisr init --bare PLACE` a new one
    [3]
    ");
    assert_snapshot!(said(&["remote", "add", "web", "https://example.org/x"]), @r"
    error: `https://example.org/x` is no address of a place: this version knows folders and file:// alone
    [3]
    ");
    assert_snapshot!(said(&["remote", "add", "again", "../team", "--create"]), @r"
    error: <dir>/team is a place already
    hint: `aisr clone` it, or name another folder
    [3]
    ");
    team.desk.ok(["remote", "remove", "origin"]);
    assert_snapshot!(said(&["fetch"]), @r"
    error: there is no remote `origin`
    hint: `aisr remote list` lists them, `aisr remote add NAME PLACE` adds one
    [3]
    ");
    assert_snapshot!(said(&["remote", "remove", "origin"]), @r"
    error: there is no remote `origin`
    hint: `aisr remote list` lists them, `aisr remote add NAME PLACE` adds one
    [3]
    ");
    assert_snapshot!(said(&["clone", "../team", "../other"]), @r"
    error: <dir>/other exists and is not empty
    hint: name a folder that does not exist yet
    [3]
    ");
}

#[test]
fn pruning_forgets_branches_that_are_gone() {
    let desk = Desk::new();
    desk.commit("a", "a", "First");
    desk.ok(["branch", "side"]);
    desk.ok(["clone", ".", "../copy"]);
    desk.ok(["branch", "-d", "side"]);
    let copy = desk.outside("copy");
    let fetch = |args: &[&str]| {
        let ran = Ran::of(desk.command(args).current_dir(&copy).output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.text()
    };
    assert!(fetch(&["fetch"]).contains("Nothing new"));
    assert!(fetch(&["fetch", "--prune"]).contains("origin/side  gone"));
}

#[test]
fn of_those_who_push_at_once_none_is_lost() {
    const PUSHERS: usize = 4;
    const EACH: usize = 3;
    let team = Team::new();
    let outputs: Vec<Vec<Output>> = std::thread::scope(|scope| {
        let pushers: Vec<_> = (0..PUSHERS)
            .map(|n| {
                let team = &team;
                scope.spawn(move || {
                    let name = format!("../pusher-{n}");
                    team.other(["clone", "../team", &name], &team.desk.path());
                    let root = team.desk.outside(&format!("pusher-{n}"));
                    let mut random = Random(n as u64);
                    let branch = format!("work-{n}");
                    team.other(["checkout", "-b", &branch], &root);
                    let push = |round: usize| {
                        let text = format!("{n} {round} {}", random.below(1 << 20));
                        support::write(&root, &format!("{n}.md"), text.as_bytes());
                        team.other(["commit", "-m", &text], &root);
                        team.desk.command(["push"]).current_dir(&root).output().unwrap()
                    };
                    (0..EACH).map(push).collect()
                })
            })
            .collect();
        pushers.into_iter().map(|pusher| pusher.join().unwrap()).collect()
    });
    for output in outputs.iter().flatten() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    sound(&team.place());
    let entries = team.other(["op", "log", "--json"], &team.place());
    let entries: serde_json::Value = serde_json::from_str(&entries).unwrap();
    // The opening, the first push, and theirs.
    assert_eq!(entries.as_array().unwrap().len(), 2 + PUSHERS * EACH);
    team.other(["fetch"], &team.path());
    for n in 0..PUSHERS {
        let theirs = team.other(["log", "--json", &format!("origin/work-{n}")], &team.path());
        let theirs: serde_json::Value = serde_json::from_str(&theirs).unwrap();
        assert_eq!(theirs.as_array().unwrap().len(), 1 + EACH);
    }
    sound(&team.path());
}

#[test]
fn of_two_who_push_one_branch_at_once_one_is_refused_and_nothing_is_lost() {
    const ROUNDS: usize = 6;
    let team = Team::new();
    team.other(["clone", "../team", "../second"], &team.desk.path());
    let roots = [team.path(), team.desk.outside("second")];
    for round in 0..ROUNDS {
        for (n, root) in roots.iter().enumerate() {
            support::write(root, "notes.md", format!("{n} in round {round}").as_bytes());
            team.other(["commit", "-m", &format!("{n} in round {round}")], root);
        }
        let ready = std::sync::Barrier::new(roots.len());
        let pushed: Vec<Ran> = std::thread::scope(|scope| {
            let push = |root| {
                ready.wait();
                team.run_in(["push"], root)
            };
            let pushers: Vec<_> =
                roots.iter().map(|root| scope.spawn(move || push(root))).collect();
            pushers.into_iter().map(|pusher| pusher.join().unwrap()).collect()
        });
        let mut codes: Vec<_> = pushed.iter().map(|ran| ran.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(3)], "round {round}: one is refused");
        let refused = pushed.iter().position(|ran| ran.code == Some(3)).unwrap();
        let said = &pushed[refused].stderr;
        assert!(said.contains("holds what the one here does not"), "{said}");
        let winner = team.other(["log", "-n", "1", "--json", "main"], &roots[1 - refused]);
        let there = team.other(["log", "-n", "1", "--json", "main"], &team.place());
        let id = |json: &str| {
            let log: serde_json::Value = serde_json::from_str(json).unwrap();
            log[0]["id"].as_str().unwrap().to_owned()
        };
        assert_eq!(id(&there), id(&winner), "round {round}: the place has the other's");
        // What was refused is still here, and goes under another name.
        let branch = format!("refused-{round}");
        team.other(["branch", &branch], &roots[refused]);
        team.other(["push", "origin", &branch], &roots[refused]);
        team.other(["fetch"], &roots[refused]);
        team.other(["checkout", "-b", &format!("next-{round}"), "origin/main"], &roots[refused]);
        team.other(["branch", "-D", "main"], &roots[refused]);
        team.other(["branch", "-m", &format!("next-{round}"), "main"], &roots[refused]);
    }
    sound(&team.place());
    let entries = team.other(["op", "log", "--json"], &team.place());
    let entries: serde_json::Value = serde_json::from_str(&entries).unwrap();
    assert_eq!(entries.as_array().unwrap().len(), 2 + 2 * ROUNDS);
    let main = team.other(["log", "--json", "main"], &team.place());
    let main: serde_json::Value = serde_json::from_str(&main).unwrap();
    assert_eq!(main.as_array().unwrap().len(), 1 + ROUNDS);
    roots.iter().for_each(|root| sound(root));
}

#[test]
fn a_branch_is_taken_away_at_the_place() {
    let team = Team::new();
    team.other(["branch", "review"], &team.path());
    team.other(["push", "origin", "review"], &team.path());
    team.desk.ok(["fetch"]);
    assert_snapshot!(team.shown(["push", "--delete", "main"]), @r"
    error: refs/heads/main is the branch that HEAD is on at <dir>/team
    hint: every clone of the place begins with it, so it stays
    [3]
    ");
    assert_snapshot!(team.shown(["push", "--delete", "revue"]), @r"
    error: there is no refs/heads/revue at <dir>/team
    hint: `aisr fetch --prune` forgets branches that are gone there
    [3]
    ");
    assert_snapshot!(team.shown(["push", "--delete"]), @r"
    error: no branch is named that shall go
    hint: name it: `aisr push --delete BRANCH`
    [2]
    ");
    assert_snapshot!(team.shown(["push", "--delete", "review"]), @r"
    To <dir>/team: 0 objects
      review  gone, was at <id>
    [0]
    ");
    assert!(team.other(["branch"], &team.path()).contains("review"), "it stays here");
    assert_eq!(team.run_in(["show", "origin/review"], &team.path()).code, Some(3));
    assert!(!team.other(["branch"], &team.place()).contains("review"));
    assert_snapshot!(team.shown(["push", "origin", "--delete", "review"]), @r"
    error: there is no refs/heads/review at <dir>/team
    hint: `aisr fetch --prune` forgets branches that are gone there
    [3]
    ");
    let log = team.other(["op", "log", "-n", "1", "--json"], &team.place());
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    let change = &log[0]["changes"][0];
    assert_eq!(change["ref"], "refs/heads/review", "{log}");
    assert_eq!(change["kind"], "delete", "{log}");
    assert!(team.desk.ok(["fetch", "--prune"]).contains("origin/review  gone"));
    // It comes back by a push of what is here.
    team.other(["push", "origin", "review"], &team.path());
    sound(&team.place());
    sound(&team.path());
}
