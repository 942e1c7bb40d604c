//! What others put in the way of a checkout, before it begins and while it runs: nothing is lost,
//! and no byte is written outside of the root.

mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::FileType;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use aisr::disk::Disk;
use aisr::log::Head;
use aisr::object::{CommitId, RepoPath};
use aisr::repo::{Identity, Repository};
use aisr::worktree::{
    CheckoutOptions, Progress, Recovered, WorktreeError, checkout, is_interrupted, recover,
};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use support::soundness::{Tree, chain, fsck};
use support::{Quiet, identity, must_commit, new_repository, scratch, snapshot, write};

/// A folder `a` with files that differ between two commits, at the first; and a folder outside of
/// the root that looks like `a`.
struct Desk {
    root: tempfile::TempDir,
    outside: tempfile::TempDir,
    repo: Repository,
    first: CommitId,
    second: CommitId,
    states: [Tree; 2],
}

impl Desk {
    fn new() -> Self {
        let (root, outside, me): (_, _, Identity) = (scratch(), scratch(), identity());
        let repo = new_repository(&Disk::new(), root.path(), &me);
        for name in ["a/x", "a/y", "other", "gives way"] {
            write(root.path(), name, b"1");
        }
        let first = must_commit(&repo, &me, "first");
        let at_first = snapshot(root.path());
        for name in ["a/x", "a/y", "a/new", "a/deep/new", "other"] {
            write(root.path(), name, b"2");
        }
        std::fs::remove_file(root.path().join("gives way")).unwrap();
        write(root.path(), "gives way/to a folder", b"2");
        let second = must_commit(&repo, &me, "second");
        let states = [at_first, snapshot(root.path())];
        let desk = Self { root, outside, repo, first, second, states };
        desk.go(desk.first, &Quiet).unwrap();
        for name in ["x", "y"] {
            write(desk.outside.path(), name, b"1");
        }
        desk
    }

    fn root(&self) -> &Path {
        self.root.path()
    }

    fn options<'a>(&self, target: CommitId, progress: &'a dyn Progress) -> CheckoutOptions<'a> {
        CheckoutOptions {
            target,
            head: Head::Detached(target.id()),
            create: false,
            force: false,
            keep: &[],
            threads: 1,
            progress,
        }
    }

    fn go(&self, target: CommitId, progress: &dyn Progress) -> Result<(), WorktreeError> {
        checkout(&self.repo, &self.options(target, progress)).map(drop)
    }

    fn head(&self) -> CommitId {
        self.repo.log().unwrap().refs().head_commit().unwrap()
    }

    /// Checks out the second commit with something in the way, which must be refused.
    fn must_refuse(&self, what: &str) {
        let (before, outside) = (seen(self.root()), seen(self.outside.path()));
        let refused = self.go(self.second, &Quiet).expect_err(what);
        assert!(matches!(refused, WorktreeError::InTheWay { .. }), "{what}: {refused:?}");
        assert_eq!(seen(self.root()), before, "{what}: {refused:?}");
        assert_eq!(seen(self.outside.path()), outside, "{what}");
        assert_eq!(self.head(), self.first, "{what}");
    }

    /// Checks out the second commit while `act` is done, which must show and be refused. Gives
    /// what the error says.
    fn must_notice(&self, when: When, act: impl Fn() + Sync) -> String {
        let outside = seen(self.outside.path());
        let meddler = Meddler { when, done: AtomicBool::new(false), act };
        let refused = self.go(self.second, &meddler).expect_err("noticed");
        assert!(meddler.done.load(Ordering::Relaxed), "nothing was done meanwhile");
        assert_eq!(seen(self.outside.path()), outside);
        assert_eq!(self.head(), self.first);
        assert!(!is_interrupted(&self.repo));
        chain(&refused)
    }
}

/// Everything in a folder, but for `.aisr`; of what can be read, the content.
fn seen(root: &Path) -> BTreeMap<PathBuf, (FileType, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.symlink_metadata().unwrap().file_type();
            let mut content = Vec::new();
            if kind.is_file() {
                content = std::fs::read(&path).unwrap();
            } else if kind.is_symlink() {
                content = std::fs::read_link(&path).unwrap().into_os_string().into_vec();
            } else if kind.is_dir() && !path.ends_with(".aisr") {
                todo.push(path.clone());
            }
            found.insert(path, (kind, content));
        }
    }
    found
}

/// A moment of a checkout.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// All is planned, nothing written.
    Planned,
    /// What comes is being written beside.
    Writing,
}

/// Does something at a moment, once.
struct Meddler<F> {
    when: When,
    done: AtomicBool,
    act: F,
}

impl<F: Fn() + Sync> Meddler<F> {
    fn pass(&self, moment: When) {
        if self.when == moment && !self.done.swap(true, Ordering::Relaxed) {
            (self.act)();
        }
    }
}

impl<F: Fn() + Sync> Progress for Meddler<F> {
    fn total(&self, _: u64) {
        self.pass(When::Planned);
    }

    fn advance(&self, _: u64, _: u64) {
        self.pass(When::Writing);
    }
}

fn remove(at: &Path) {
    match at.symlink_metadata() {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(at).unwrap(),
        Ok(_) => std::fs::remove_file(at).unwrap(),
        Err(_) => {}
    }
}

#[test]
fn what_lies_in_the_way_is_told_and_stays() {
    let make_folder = |at: &Path| write(at, "local", b"local");
    let make_file = |at: &Path| std::fs::write(at, "local").unwrap();
    let make_socket = |at: &Path| drop(UnixListener::bind(at).unwrap());
    let make_link = |at: &Path| symlink("/", at).unwrap();
    let make_fifo = |at: &Path| {
        assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
    };
    let kinds: [(_, fn(&Path)); 5] = [
        ("folder", make_folder),
        ("file", make_file),
        ("socket", make_socket),
        ("link", make_link),
        ("FIFO", make_fifo),
    ];
    for (kind, make) in kinds {
        for place in ["a/new", "a/deep", "a/x", "a", "gives way"] {
            // Where a folder is to come, one is in nobody's way.
            if kind == "folder" && matches!(place, "a" | "a/deep" | "gives way") {
                continue;
            }
            let desk = Desk::new();
            let at = desk.root().join(place);
            remove(&at);
            make(&at);
            desk.must_refuse(&format!("a {kind} at {place}"));
        }
    }
}

#[test]
fn a_device_in_the_way_is_told_and_stays() {
    let desk = Desk::new();
    let at = desk.root().join("a/new");
    let made = Command::new("mknod").arg(&at).args(["c", "1", "3"]).output().unwrap();
    if !made.status.success() {
        eprintln!("left out: only root can make a device");
        return;
    }
    desk.must_refuse("a device");
}

#[test]
fn a_folder_that_nobody_may_write_to_changes_whole_or_not_at_all() {
    let desk = Desk::new();
    let folder = desk.root().join("a");
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o555)).unwrap();
    let done = desk.go(desk.second, &Quiet);
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    // Root may all the same.
    let expected = usize::from(done.is_ok());
    assert_eq!(snapshot(desk.root()), desk.states[expected], "{done:?}");
    assert_eq!(desk.head(), [desk.first, desk.second][expected]);
    assert!(!is_interrupted(&desk.repo));
}

#[test]
fn a_link_put_in_the_place_of_a_folder_meanwhile_is_not_followed() {
    for when in [When::Planned, When::Writing] {
        let desk = Desk::new();
        let (a, parked) = (desk.root().join("a"), desk.root().join("parked"));
        let told = desk.must_notice(when, || {
            std::fs::rename(&a, &parked).unwrap();
            symlink(desk.outside.path(), &a).unwrap();
        });
        assert!(told.contains("was changed by somebody else meanwhile"), "{told}");
        std::fs::remove_file(&a).unwrap();
        std::fs::rename(&parked, &a).unwrap();
        assert_eq!(snapshot(desk.root()), desk.states[0]);
    }
}

#[test]
fn an_edit_made_meanwhile_survives() {
    for when in [When::Planned, When::Writing] {
        // The same length, and within one step of the clock, so that only the content shows it.
        for text in ["edited", "3"] {
            let desk = Desk::new();
            let edited = desk.root().join("a/x");
            let told = desk.must_notice(when, || std::fs::write(&edited, text).unwrap());
            assert!(told.contains("a/x was changed by somebody else meanwhile"), "{told}");
            let mut expected = desk.states[0].clone();
            expected.get_mut(b"a/x".as_slice()).unwrap().1 = text.into();
            assert_eq!(snapshot(desk.root()), expected);
        }
    }
}

#[test]
fn a_file_that_comes_meanwhile_where_one_is_to_come_survives() {
    for when in [When::Planned, When::Writing] {
        let desk = Desk::new();
        let come = desk.root().join("a/new");
        desk.must_notice(when, || std::fs::write(&come, "theirs").unwrap());
        let mut expected = desk.states[0].clone();
        expected.insert(b"a/new".to_vec(), ('f', b"theirs".to_vec()));
        assert_eq!(snapshot(desk.root()), expected);
    }
}

#[test]
fn a_link_that_comes_and_goes_all_the_time_leads_nowhere() {
    let desk = Desk::new();
    let (a, parked) = (desk.root().join("a"), desk.root().join("parked"));
    symlink(desk.outside.path(), &parked).unwrap();
    let outside = seen(desk.outside.path());
    let over = AtomicBool::new(false);
    let swap = || renameat_with(CWD, &a, CWD, &parked, RenameFlags::EXCHANGE).unwrap();
    let (mut done, mut refused) = (0, 0);
    // What an operation could not bring to its end because the link was there, it names.
    let told = RefCell::new(BTreeSet::new());
    let tell = |left: Vec<RepoPath>| {
        told.borrow_mut().extend(left.into_iter().map(|path| path.as_bytes().to_vec()));
    };
    let go = |target, force| {
        if let Some(Recovered::Forward { left, .. }) = recover(&desk.repo)? {
            tell(left);
        }
        let options = CheckoutOptions { force, ..desk.options(target, &Quiet) };
        tell(checkout(&desk.repo, &options)?.map(|done| done.left).unwrap_or_default());
        Ok::<_, WorktreeError>(())
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                swap();
            }
        });
        for round in 0..200 {
            let target = [desk.second, desk.first][round % 2];
            match go(target, false) {
                Ok(()) => done += 1,
                Err(_) => refused += 1,
            }
            assert_eq!(seen(desk.outside.path()), outside, "round {round}");
        }
        over.store(true, Ordering::Relaxed);
    });
    println!("{done} done, {refused} refused");
    if a.is_symlink() {
        swap();
    }
    std::fs::remove_file(&parked).unwrap();
    for (target, state) in [(desk.first, 0), (desk.second, 1)] {
        go(target, true).unwrap();
        assert!(fsck(desk.root()).is_good());
        // What was left is in no commit's way, and stays.
        let mut found = snapshot(desk.root());
        found.retain(|path, _| {
            desk.states[state].contains_key(path) || !told.borrow().contains(path)
        });
        assert_eq!(found, desk.states[state]);
    }
}
