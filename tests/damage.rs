//! Every damage is found and named; what is read is exact or an error, never something else.

mod support;

use std::ops::Range;
use std::path::{Path, PathBuf};

use aisr::disk::Disk;
use aisr::log::{FRAME_HEAD_LEN, FRAMES_START};
use aisr::object::CommitId;
use aisr::repo::{Identity, Repository};
use aisr::sign::SecretKey;
use aisr::store::PackFile;
use aisr::upkeep::{FsckReport, Problem};
use support::soundness::{Outcome, Tree, chain, check_all, fsck, read_commit, read_head};
use support::{
    Random, identity, must_commit, new_repository, scratch, snapshot, try_commit, write,
    write_files,
};

const SEED: u64 = 7;

/// A repository of three commits, and what each holds.
struct Subject {
    folder: tempfile::TempDir,
    me: Identity,
    commits: Vec<(CommitId, Tree)>,
}

impl Subject {
    fn new() -> Subject {
        println!("seed {SEED}");
        let (folder, me) = (scratch(), identity());
        let root = folder.path();
        let repo = new_repository(&Disk::new(), root, &me);
        let commits = (1..=3).map(|version| {
            write_files(root, version);
            write(root, &format!("notes/{version}"), &[version; 40]);
            (must_commit(&repo, &me, "another"), snapshot(root))
        });
        let commits = commits.collect();
        Subject { folder, me, commits }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn aisr(&self, path: &str) -> PathBuf {
        self.root().join(".aisr").join(path)
    }

    fn packs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.aisr("packs")).unwrap();
        let mut packs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        packs.sort();
        packs
    }

    fn log(&self) -> PathBuf {
        std::fs::read_dir(self.aisr("log")).unwrap().next().unwrap().unwrap().path()
    }

    /// What is read is exact or an error, and the history is never quietly shorter. Gives what a
    /// full check says.
    #[track_caller]
    fn read_exactly(&self, what: &str) -> Result<(), String> {
        self.read_exactly_and_report(what).0
    }

    /// The same, and what `fsck` says, which finds a damage wherever reading does.
    #[track_caller]
    fn read_exactly_and_report(&self, what: &str) -> (Result<(), String>, FsckReport) {
        let found = self.read_and_check(what);
        let report = fsck(self.root());
        assert_eq!(report.is_good(), found.is_ok(), "{what}: {found:?}, but fsck: {report:?}");
        (found, report)
    }

    #[track_caller]
    fn read_and_check(&self, what: &str) -> Result<(), String> {
        let repo = match Repository::open(Disk::new(), self.root()) {
            Ok(repo) => repo,
            Err(error) => return Err(chain(&error)),
        };
        let mut unreadable = Ok(());
        for (id, tree) in &self.commits {
            match read_commit(&repo, *id) {
                Ok(read) => assert!(read == *tree, "{what}: {id} reads as something else"),
                Err(error) => unreadable = Err(error),
            }
        }
        let head = head_of(&repo);
        if let Ok(head) = &head {
            assert_eq!(*head, self.commits.last().map(|(id, _)| *id), "{what}: another HEAD");
        }
        let mut entries = 0;
        let walked = repo.log().and_then(|log| log.walk(&mut |_, _| entries += 1));
        if walked.is_ok() {
            assert_eq!(entries, 1 + self.commits.len(), "{what}: a shorter history");
        }
        check_all(&repo).and(head.map(drop)).and(unreadable).map_err(|error| chain(&*error))
    }

    /// With the file's bytes replaced, a check finds the damage and names the file.
    #[track_caller]
    fn assert_found(&self, path: &Path, bytes: &[u8], what: &str) {
        let whole = overwrite(path, bytes);
        let (found, report) = self.read_exactly_and_report(what);
        overwrite(path, &whole);
        let found = found.expect_err(what);
        let name = path.file_stem().unwrap().to_string_lossy();
        assert!(found.contains(&*name), "{what}: {name} is not named in {found:?}");
        let problem = |problem: &Problem| format!("{}: {}", problem.place, problem.detail);
        let problems: Vec<_> = report.problems.iter().map(problem).collect();
        let named = problems.iter().any(|problem| problem.contains(&*name));
        assert!(named, "{what}: {name} is not named in {problems:?}");
    }

    #[track_caller]
    fn assert_flips_are_found(&self, path: &Path, positions: impl IntoIterator<Item = usize>) {
        let whole = std::fs::read(path).unwrap();
        for at in positions {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            self.assert_found(path, &bytes, &format!("bit flipped at {at} of {}", path.display()));
        }
    }

    #[track_caller]
    fn assert_cuts_are_found(&self, path: &Path, lengths: impl IntoIterator<Item = usize>) {
        let whole = std::fs::read(path).unwrap();
        for len in lengths {
            self.assert_found(path, &whole[..len], &format!("{} cut to {len}", path.display()));
        }
    }
}

fn head_of(repo: &Repository) -> Outcome<Option<CommitId>> {
    Ok(repo.log()?.refs().head_object().map(CommitId::from_id))
}

/// Gives a file other bytes, whatever its permissions; what it held before comes back.
fn overwrite(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let before = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, mode).unwrap();
    before
}

/// Every position of the first `all`, and some of the rest.
fn sample(range: Range<usize>, all: usize, random: &mut Random) -> Vec<usize> {
    let (start, len) = (range.start, range.len());
    if len <= all {
        return range.collect();
    }
    let rest = (0..4).map(|_| start + all + random.below(len - all));
    (start..start + all).chain(rest).collect()
}

/// Positions in every class of bytes that a pack has.
fn classes(path: &Path, random: &mut Random) -> Vec<usize> {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let id = aisr::object::Id::from_hex(name.as_bytes()).unwrap();
    let pack = PackFile::open(path, aisr::object::PackId::from_id(id)).unwrap();
    let footer = pack.footer().unwrap();
    let mut positions: Vec<usize> = (0..16).collect();
    let mut records: Vec<_> = footer.entries.iter().map(|entry| entry.record).collect();
    records.sort_unstable();
    records.dedup();
    for (nth, record) in records.iter().enumerate() {
        let (header, payload) = pack.record_header(*record).unwrap();
        let (record, payload) = (*record as usize, payload as usize);
        positions.extend(sample(record..payload, if nth == 0 { 24 } else { 2 }, random));
        positions.extend(sample(payload..payload + header.stored as usize, 4, random));
    }
    let at = pack.records_end() as usize;
    let rows = at + 48 + footer.entries.len() * 60;
    positions.extend(sample(at..at + 48, 48, random));
    positions.extend(sample(at + 48..rows, 60, random));
    let recipes = rows + footer.recipes.len() * 64;
    positions.extend((rows..recipes).step_by(9));
    positions.extend(recipes..recipes + 32);
    assert_eq!(recipes + 32, std::fs::metadata(path).unwrap().len() as usize);
    positions
}

#[test]
fn a_flipped_bit_in_a_pack_is_found() {
    let subject = Subject::new();
    let mut random = Random(SEED);
    for pack in subject.packs() {
        subject.assert_flips_are_found(&pack, classes(&pack, &mut random));
    }
}

#[test]
fn a_pack_that_was_cut_or_lost_is_found() {
    let subject = Subject::new();
    let mut random = Random(SEED);
    for pack in subject.packs() {
        let len = std::fs::metadata(&pack).unwrap().len() as usize;
        let lengths = [0, 1, 15, 16, 95, len - 33, len - 32, len - 31, len - 1];
        let more = (0..10).map(|_| random.below(len));
        subject.assert_cuts_are_found(&pack, lengths.into_iter().chain(more));
        let whole = std::fs::read(&pack).unwrap();
        std::fs::remove_file(&pack).unwrap();
        let found = subject.read_exactly("a pack is gone");
        std::fs::write(&pack, whole).unwrap();
        assert!(found.is_err(), "{} is gone", pack.display());
    }
}

/// Where each frame of the log starts, and where the last one ends.
fn frame_starts(log: &[u8]) -> Vec<usize> {
    let mut starts = vec![FRAMES_START as usize];
    while let Some(head) = log[starts[starts.len() - 1]..].first_chunk::<4>() {
        let end = starts[starts.len() - 1] + FRAME_HEAD_LEN + u32::from_le_bytes(*head) as usize;
        starts.push(end);
    }
    starts
}

#[test]
fn a_flipped_bit_in_the_log_is_found() {
    let subject = Subject::new();
    let log = subject.log();
    let starts = frame_starts(&std::fs::read(&log).unwrap());
    let mut random = Random(SEED);
    subject.assert_flips_are_found(&log, 0..FRAMES_START as usize);
    for frame in starts.windows(2) {
        subject.assert_flips_are_found(&log, sample(frame[0]..frame[1], 16, &mut random));
    }
}

#[test]
fn a_log_that_was_cut_is_never_a_shorter_history() {
    let subject = Subject::new();
    let log = subject.log();
    let bytes = std::fs::read(&log).unwrap();
    let starts = frame_starts(&bytes);
    let boundaries =
        starts[..starts.len() - 1].iter().flat_map(|at| [at - 1, *at, at + 1, at + 12]);
    let lengths = boundaries.chain([0, 8, 31, bytes.len() - 1]).chain((0..bytes.len()).step_by(97));
    subject.assert_cuts_are_found(&log, lengths);
}

#[test]
fn bytes_behind_the_log_are_no_harm() {
    let subject = Subject::new();
    let log = subject.log();
    let whole = std::fs::read(&log).unwrap();
    let last = frame_starts(&whole);
    // The beginning of an entry, a whole number of zeros, and noise.
    for tail in [&whole[last[1]..last[1] + 50], &[0; 4096], b"noise"] {
        overwrite(&log, &[&whole, tail].concat());
        subject.read_exactly("a torn tail").unwrap();
    }
    let root = subject.root();
    write(root, "more", b"more");
    let repo = Repository::open(Disk::new(), root).unwrap();
    let id = must_commit(&repo, &subject.me, "over a torn tail");
    let repo = Repository::open(Disk::new(), root).unwrap();
    check_all(&repo).unwrap();
    assert_eq!(read_head(&repo).unwrap(), Some((id, snapshot(root))));
}

#[test]
fn a_damaged_refs_file_is_found() {
    let subject = Subject::new();
    let refs = subject.aisr("refs");
    let len = std::fs::metadata(&refs).unwrap().len() as usize;
    subject.assert_flips_are_found(&refs, (0..len).step_by(2));
    subject.assert_cuts_are_found(&refs, (0..len).step_by(3));
}

#[test]
fn refs_that_lag_behind_are_rolled_forward() {
    let subject = Subject::new();
    let (root, refs) = (subject.root(), subject.aisr("refs"));
    let before = std::fs::read(&refs).unwrap();
    write(root, "more", b"more");
    let repo = Repository::open(Disk::new(), root).unwrap();
    let fourth = must_commit(&repo, &subject.me, "fourth");
    overwrite(&refs, &before);
    assert_eq!(head_of(&repo).unwrap(), Some(fourth));
    write(root, "more", b"even more");
    let fifth = must_commit(&repo, &subject.me, "fifth");
    let repo = Repository::open(Disk::new(), root).unwrap();
    assert_eq!(repo.commit(fifth).unwrap().commit.parents, vec![fourth]);
    check_all(&repo).unwrap();
    // And all the way from the beginning.
    overwrite(&refs, &before);
    assert_eq!(head_of(&repo).unwrap(), Some(fifth));
    check_all(&repo).unwrap();
}

#[test]
fn a_damaged_format_file_is_found() {
    let subject = Subject::new();
    let format = subject.aisr("format");
    let len = std::fs::metadata(&format).unwrap().len() as usize;
    subject.assert_flips_are_found(&format, 0..len);
    subject.assert_cuts_are_found(&format, 0..len);
}

#[test]
fn a_damaged_replica_key_never_reaches_the_log() {
    let subject = Subject::new();
    let (root, key) = (subject.root(), subject.aisr("local/replica-key"));
    let whole = std::fs::read(&key).unwrap();
    let other =
        SecretKey::generate().unwrap().to_openssh_pem("another").unwrap().as_bytes().to_vec();
    let flips = (0..whole.len()).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 7);
        bytes
    });
    let mut refused = 0;
    for (nth, bytes) in flips.chain([other.clone(), Vec::new()]).enumerate() {
        overwrite(&key, &bytes);
        write(root, "counter", nth.to_string().as_bytes());
        let repo = Repository::open(Disk::new(), root).unwrap();
        match try_commit(&repo, &subject.me, "with a damaged key") {
            Ok(_) => {}
            Err(error) => {
                refused += 1;
                let text = chain(&error);
                let named = text.contains("replica-key") || bytes == other;
                assert!(named, "byte {nth}: the key is not named in {text:?}");
            }
        }
        repo.log().unwrap_or_else(|error| panic!("byte {nth}: {error}"));
        if nth % 40 == 0 || bytes == other {
            check_all(&repo).unwrap_or_else(|error| panic!("byte {nth}: {error}"));
        }
    }
    assert!(refused > whole.len() / 2, "{refused} of {}", whole.len());
    overwrite(&key, &whole);
    let repo = Repository::open(Disk::new(), root).unwrap();
    check_all(&repo).unwrap();
    write(root, "counter", b"at last");
    must_commit(&repo, &subject.me, "with the key");
}

#[test]
fn a_damaged_stat_cache_costs_nothing_but_work() {
    let subject = Subject::new();
    let (root, cache) = (subject.root(), subject.aisr("local/stat-cache"));
    let len = std::fs::metadata(&cache).unwrap().len() as usize;
    let mut random = Random(SEED);
    for round in 0..40_usize {
        write(root, "counter", round.to_string().as_bytes());
        let mut bytes = std::fs::read(&cache).unwrap();
        if round % 4 == 0 {
            bytes.truncate(random.below(len));
        } else {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        overwrite(&cache, &bytes);
        let repo = Repository::open(Disk::new(), root).unwrap();
        let id = must_commit(&repo, &subject.me, "with a damaged cache");
        assert_eq!(read_commit(&repo, id).unwrap(), snapshot(root), "round {round}");
    }
}

#[test]
fn a_damaged_list_of_recipes_costs_nothing_but_work() {
    let subject = Subject::new();
    let list = subject.aisr("local/verified");
    let whole = std::fs::read(&list).unwrap();
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        overwrite(&list, &bytes);
        subject.read_exactly("a flipped bit").unwrap();
        overwrite(&list, &whole[..at]);
        subject.read_exactly("a cut list").unwrap();
    }
    std::fs::remove_file(&list).unwrap();
    subject.read_exactly("no list").unwrap();
    let again = std::fs::metadata(&list).unwrap().len() as usize;
    assert_eq!(again, whole.len(), "what was hashed is not remembered");
}

#[test]
fn what_a_crash_left_unnamed_does_not_count() {
    let subject = Subject::new();
    let pack = subject.packs().remove(0);
    let left = subject.aisr("packs/tmp-0123456789abcdef");
    std::fs::copy(pack, &left).unwrap();
    std::fs::write(subject.aisr("packs/tmp-empty"), b"").unwrap();
    subject.read_exactly("left behind").unwrap();
    let repo = Repository::open(Disk::new(), subject.root()).unwrap();
    assert_eq!(repo.store().pack_files().len(), subject.packs().len() - 2);
    assert!(repo.store().damaged_packs().is_empty());
}

#[test]
fn what_a_damaged_pack_had_lost_is_stored_again_by_the_next_commit() {
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    let packs = || {
        let all = std::fs::read_dir(root.path().join(".aisr/packs")).unwrap();
        all.map(|pack| pack.unwrap().path()).collect::<std::collections::BTreeSet<_>>()
    };
    write(root.path(), "d/a", b"lost");
    write(root.path(), "b", b"1");
    std::thread::sleep(std::time::Duration::from_millis(30));
    let before = packs();
    must_commit(&repo, &me, "first");
    let first: Vec<_> = packs().difference(&before).cloned().collect();
    write(root.path(), "b", b"2");
    must_commit(&repo, &me, "second");
    for pack in first {
        let mut bytes = std::fs::read(&pack).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::remove_file(&pack).unwrap();
        std::fs::write(&pack, bytes).unwrap();
    }
    let blob = aisr::object::BlobId::of(b"lost");
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    assert!(!repo.store().has_blob(blob).unwrap());
    let outcome = try_commit(&repo, &me, "nothing new").unwrap();
    assert!(matches!(outcome, aisr::worktree::CommitOutcome::Nothing { .. }));
    assert!(repo.store().has_blob(blob).unwrap());
}
