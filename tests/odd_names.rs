//! Names that not every file system can hold, or tell from others.

mod support;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aisr::disk::{Disk, NameRules};
use aisr::log::Head;
use aisr::object::{CommitId, PortabilityProblem, RepoPath};
use aisr::repo::{Identity, Repository};
use aisr::worktree::{
    CheckoutOptions, CommitOutcome, Direction, RestoreOptions, UndoOptions, Warning, WorktreeError,
    checkout, checkout_out, restore, undo,
};
use support::{Quiet, identity, must_commit, new_repository, scratch, snapshot, try_commit, write};

const FOLDS_CASE: NameRules = NameRules { folds_case: true, folds_form: false, drops_ends: false };
const FOLDS_FORM: NameRules = NameRules { folds_case: false, folds_form: true, drops_ends: false };
const DROPS_ENDS: NameRules = NameRules { folds_case: false, folds_form: false, drops_ends: true };

/// Two commits: a plain one, and one with other names too. The folder is at the first.
struct Desk {
    root: tempfile::TempDir,
    repo: Repository,
    me: Identity,
    first: CommitId,
    second: CommitId,
}

impl Desk {
    fn with(names: &[&str]) -> Self {
        let (root, me) = (scratch(), identity());
        let repo = new_repository(&Disk::new(), root.path(), &me);
        write(root.path(), "README", b"1");
        let first = must_commit(&repo, &me, "first");
        for name in names {
            write(root.path(), name, name.as_bytes());
        }
        let second = must_commit(&repo, &me, "second");
        go(&repo, first).unwrap();
        Self { root, repo, me, first, second }
    }

    /// The repository, as it is on a file system with these rules.
    fn on(&self, rules: NameRules) -> Repository {
        Repository::open(Disk::pretending(rules), self.root.path()).unwrap()
    }
}

fn go(repo: &Repository, target: CommitId) -> Result<(), WorktreeError> {
    let options = CheckoutOptions {
        target,
        head: Head::Detached(target.id()),
        create: false,
        force: false,
        keep: &[],
        threads: 1,
        progress: &Quiet,
    };
    checkout(repo, &options).map(drop)
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

#[track_caller]
fn assert_one_name<T>(result: Result<T, WorktreeError>, expected: [&str; 2]) {
    match result {
        Err(WorktreeError::SameName { first, second }) => {
            assert_eq!([first, second], expected.map(path));
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

fn bytes_of(dir: &Path) -> Vec<Vec<u8>> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.as_bytes().to_vec()).collect();
    names.sort();
    names
}

#[test]
fn legal_but_unusual_names_come_back_exactly_with_a_warning() {
    use PortabilityProblem as P;
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    let odd: [(&[u8], Option<P>); 14] = [
        (b"2026-11-02T04:12.json", Some(P::Character(':'))),
        (b"README", None),
        (b"aux.py", Some(P::Device)),
        (b"back\\slash", Some(P::Character('\\'))),
        (b"bell\x07", Some(P::Control)),
        (b"dot.", Some(P::TrailingDotOrSpace)),
        (b"e\xcc\x81", None),
        (b"latin \xe9", Some(P::NotUtf8)),
        (b"line\nbreak", Some(P::Control)),
        (b"plain.txt", None),
        (b"readme", Some(P::Alike)),
        (b"space ", Some(P::TrailingDotOrSpace)),
        (b"why?", Some(P::Character('?'))),
        ("\u{e9}".as_bytes(), Some(P::Alike)),
    ];
    for (name, _) in odd {
        let below = root.path().join("folder").join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir_all(below.parent().unwrap()).unwrap();
        std::fs::write(below, name).unwrap();
    }
    let CommitOutcome::Made(report) = try_commit(&repo, &me, "odd").unwrap() else {
        panic!("nothing to commit")
    };
    let mut warned: Vec<_> = report
        .warnings
        .iter()
        .map(|warning| match warning {
            Warning::NotPortable { path, problem } => (path.to_vec(), *problem),
            other => panic!("{other:?}"),
        })
        .collect();
    warned.sort_by(|a, b| a.0.cmp(&b.0));
    let expected: Vec<_> = odd
        .iter()
        .filter_map(|(name, problem)| Some(([b"folder/", *name].concat(), (*problem)?)))
        .collect();
    assert_eq!(warned, expected);

    let at_first = snapshot(root.path());
    let files = repo.files_of(report.id).unwrap();
    let elsewhere = scratch();
    let out = elsewhere.path().join("out");
    checkout_out(&repo, files, &out, 1, &Quiet).unwrap();
    assert_eq!(snapshot(&out), at_first);
    std::fs::remove_dir_all(root.path().join("folder")).unwrap();
    write(root.path(), "other", b"2");
    let second = must_commit(&repo, &me, "without");
    go(&repo, report.id).unwrap();
    assert_eq!(snapshot(root.path()), at_first);
    go(&repo, second).unwrap();
    go(&repo, report.id).unwrap();
    assert_eq!(snapshot(root.path()), at_first);
}

#[test]
fn what_a_file_system_takes_for_one_is_refused_before_anything_is_written() {
    let both = ["new/Name", "new/name"];
    let forms = ["new/\u{e9}", "new/e\u{301}"];
    for (rules, names, expected) in [
        (FOLDS_CASE, &["readme"][..], ["README", "readme"]),
        (FOLDS_CASE, &both[..], both),
        (FOLDS_CASE, &["Folder/a", "folder/b"], ["Folder", "folder"]),
        (FOLDS_FORM, &forms, [forms[1], forms[0]]),
        (NameRules::STRICTEST, &both, both),
    ] {
        let desk = Desk::with(names);
        let before = snapshot(desk.root.path());
        let repo = desk.on(rules);
        let undo_folder = bytes_of(&desk.root.path().join(".aisr/undo"));
        assert_one_name(go(&repo, desk.second), expected);

        let paths: Vec<_> = names.iter().map(|name| path(name)).collect();
        let from = desk.second;
        let options = RestoreOptions { from, paths: &paths, threads: 1, progress: &Quiet };
        assert_one_name(restore(&repo, &options), expected);

        let elsewhere = scratch();
        let out = elsewhere.path().join("out");
        let files = repo.files_of(desk.second).unwrap();
        assert_one_name(checkout_out(&repo, files, &out, 1, &Quiet), expected);
        assert_eq!(bytes_of(elsewhere.path()), Vec::<Vec<u8>>::new());

        assert_eq!(snapshot(desk.root.path()), before, "{names:?}");
        assert_eq!(bytes_of(&desk.root.path().join(".aisr/undo")), undo_folder);
        assert_eq!(repo.log().unwrap().refs().head_commit(), Some(desk.first));

        // A file system that tells them apart takes them.
        go(&desk.repo, desk.second).unwrap();
        let me = &desk.me;
        assert!(matches!(try_commit(&desk.repo, me, "same"), Ok(CommitOutcome::Nothing { .. })));
    }
}

#[test]
fn undo_brings_no_names_together_either() {
    let desk = Desk::with(&["readme"]);
    go(&desk.repo, desk.second).unwrap();
    std::fs::remove_file(desk.root.path().join("README")).unwrap();
    let third = must_commit(&desk.repo, &desk.me, "third");
    go(&desk.repo, desk.first).unwrap();
    go(&desk.repo, third).unwrap();
    let before = snapshot(desk.root.path());
    let options =
        UndoOptions { direction: Direction::Undo, force: false, threads: 1, progress: &Quiet };
    assert_one_name(undo(&desk.on(FOLDS_CASE), &options), ["readme", "README"]);
    assert_eq!(snapshot(desk.root.path()), before);
}

#[test]
fn a_name_that_would_come_back_shorter_is_refused() {
    let desk = Desk::with(&["new/dot."]);
    let before = snapshot(desk.root.path());
    let repo = desk.on(DROPS_ENDS);
    let elsewhere = scratch();
    let files = repo.files_of(desk.second).unwrap();
    let out = elsewhere.path().join("out");
    let refused = [go(&repo, desk.second), checkout_out(&repo, files, &out, 1, &Quiet).map(drop)];
    for refused in refused {
        match refused {
            Err(WorktreeError::NameNotHeld { path: found }) => assert_eq!(found, path("new/dot.")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(snapshot(desk.root.path()), before);
    assert_eq!(bytes_of(elsewhere.path()), Vec::<Vec<u8>>::new());
}

#[test]
fn names_that_differ_in_more_are_checked_out_on_any_file_system() {
    let desk = Desk::with(&["readme.md", "new/a", "newer/a", "stra\u{df}e"]);
    let repo = desk.on(NameRules::STRICTEST);
    go(&repo, desk.second).unwrap();
    go(&repo, desk.first).unwrap();
    let elsewhere = scratch();
    let files = repo.files_of(desk.second).unwrap();
    checkout_out(&repo, files, &elsewhere.path().join("out"), 1, &Quiet).unwrap();
}
