//! Which objects carry a signature that was found good, so that it is not checked again to show
//! them.
//!
//! That an object is signed by the key it states is a pure function of its bytes, and its id is
//! the hash of all of them; so one check is as good as many. What was found is kept in a file of
//! the user's own, `checked-signatures-1` in the user's cache folder, never in a repository: one
//! that comes from elsewhere has no say in it. The file is a table of 16,384 rows of eight ids. An
//! id stands in the row that its first two bytes name, as a little-endian number without its two
//! highest bits; in a full row, one gives way that the id's third byte names. Behind the table 256
//! ids stand that came lately, in the place that the id's fourth byte names: these are read at
//! once. There is no header and no checksum: nothing but a whole id counts, so what is torn,
//! damaged or lost costs a check. What verifies a repository does not ask it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::fstat;

use crate::disk::{Disk, DiskError, ReadFile};
use crate::object::{ID_LEN, Id};

use super::{Namespace, PublicKey, SignError, parse_sshsig, verify};

/// The file's name; its number goes up whenever less counts as a good signature than before.
const NAME: &str = "checked-signatures-1";

/// How many rows the file has.
const ROWS: u16 = 1 << 14;
/// How many ids a row has room for.
const ROW: usize = 8;
const ROW_LEN: usize = ROW * ID_LEN;
/// Where those begin that came lately.
const LATELY: u64 = ROWS as u64 * ROW_LEN as u64;
/// How many they are: one for each value of a byte.
const LATE_IDS: usize = 256;
/// No id.
const FREE: [u8; ID_LEN] = [0; ID_LEN];

/// The objects whose signature was found good, by the key that each states.
#[derive(Default)]
pub struct CheckedSignatures {
    found: Mutex<HashSet<Id>>,
    kept: Option<Kept>,
}

/// The file that outlives the process.
struct Kept {
    disk: Disk,
    folder: PathBuf,
    /// None where there is no file yet.
    file: Option<ReadFile>,
    /// Those that came lately, as the file has them.
    lately: OnceLock<Vec<[u8; ID_LEN]>>,
    new: Mutex<Vec<Id>>,
}

impl CheckedSignatures {
    /// What was found before by this user, who has the cache folder `folder`. A file that others
    /// may write to, or that is another's, counts for nothing.
    pub fn of_user(disk: Disk, folder: &Path) -> Self {
        let file = match ReadFile::open(&folder.join(NAME)) {
            Ok(file) if is_own(&file) => Some(file),
            Err(e) if e.is_not_found() => None,
            _ => return Self::default(),
        };
        let folder = folder.into();
        let kept = Kept { disk, folder, file, lately: OnceLock::new(), new: Mutex::default() };
        Self { found: Mutex::default(), kept: Some(kept) }
    }

    /// Whether the signature of the object was found good.
    pub fn contains(&self, id: Id) -> bool {
        if self.came_lately(id) || lock(&self.found).contains(&id) {
            return true;
        }
        let file = self.kept.as_ref().and_then(|kept| kept.file.as_ref());
        let is_kept = file.is_some_and(|file| {
            let mut row = [0; ROW_LEN];
            let read = file.read_at(row_at(id), &mut row).unwrap_or(0);
            row[..read].as_chunks::<ID_LEN>().0.contains(id.as_bytes())
        });
        // It need not be looked for again, nor written again.
        if is_kept {
            lock(&self.found).insert(id);
        }
        is_kept
    }

    fn came_lately(&self, id: Id) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.came_lately(id))
    }

    /// Remembers that the signature of the object was found good, by the key that it states.
    pub fn add(&self, id: Id) {
        if !self.came_lately(id)
            && lock(&self.found).insert(id)
            && let Some(kept) = &self.kept
        {
            lock(&kept.new).push(id);
        }
    }

    /// Checks a signature as [`verify`] does, unless that of the object `id` was found good. The
    /// caller knows that the object has that id, which is the hash of these bytes.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn verify(
        &self,
        id: Id,
        namespace: Namespace,
        payload: &[u8],
        sshsig: &[u8],
    ) -> Result<PublicKey, SignError> {
        if self.contains(id) {
            return Ok(parse_sshsig(sshsig)?.key);
        }
        let key = verify(namespace, payload, sshsig)?;
        self.add(id);
        Ok(key)
    }

    /// Writes down what is new. That it cannot be written is no error: it only saves work.
    pub fn keep(&self) {
        let Some(kept) = &self.kept else { return };
        let new = std::mem::take(&mut *lock(&kept.new));
        if !new.is_empty() {
            let _ = kept.write(&new);
        }
    }
}

impl Kept {
    fn came_lately(&self, id: Id) -> bool {
        let lately = self.lately.get_or_init(|| {
            let mut ids = vec![FREE; LATE_IDS];
            let file = self.file.as_ref();
            let read = file.and_then(|file| file.read_at(LATELY, ids.as_flattened_mut()).ok());
            ids.truncate(read.unwrap_or(0) / ID_LEN);
            ids
        });
        lately.get(late_place(id)) == Some(id.as_bytes())
    }

    fn write(&self, new: &[Id]) -> Result<(), DiskError> {
        let path = self.folder.join(NAME);
        let file = match &self.file {
            Some(_) => self.disk.open_file(&path)?,
            None => {
                self.disk.create_dir_all_synced(&self.folder, 0o700)?;
                self.disk.create_file(&path, 0o600)?
            }
        };
        let there = ReadFile::open(&path)?;
        for id in new {
            let mut row = [0; ROW_LEN];
            there.read_at(row_at(*id), &mut row)?;
            let ids = row.as_chunks::<ID_LEN>().0;
            let free = ids.iter().position(|known| known == id.as_bytes() || *known == FREE);
            let place = free.unwrap_or(usize::from(id.as_bytes()[2]) % ROW);
            file.write_all_at(row_at(*id) + (place * ID_LEN) as u64, id.as_bytes())?;
        }
        // Whoever goes through history comes to the latest first.
        for id in new.iter().take(LATE_IDS).rev() {
            file.write_all_at(LATELY + (late_place(*id) * ID_LEN) as u64, id.as_bytes())?;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the file is this user's, and nobody else may write to it.
fn is_own(file: &ReadFile) -> bool {
    let own = rustix::process::geteuid().as_raw();
    fstat(file).is_ok_and(|stat| stat.st_uid == own && stat.st_mode & 0o022 == 0)
}

/// Where in the file the row begins in which the id would stand.
fn row_at(id: Id) -> u64 {
    let [first, second, ..] = *id.as_bytes();
    u64::from(u16::from_le_bytes([first, second]) % ROWS) * ROW_LEN as u64
}

/// Where the id would stand among those that came lately.
fn late_place(id: Id) -> usize {
    usize::from(id.as_bytes()[3])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// All of them have one place among those that came lately.
    fn id(first: [u8; 2], last: u8) -> Id {
        let mut bytes = [last; ID_LEN];
        bytes[..2].copy_from_slice(&first);
        bytes[3] = 0;
        Id::new(bytes)
    }

    fn with_late_place(place: u8, last: u8) -> Id {
        let mut bytes = [last; ID_LEN];
        bytes[3] = place;
        Id::new(bytes)
    }

    fn open(folder: &Path) -> CheckedSignatures {
        CheckedSignatures::of_user(Disk::new(), folder)
    }

    #[test]
    fn what_was_kept_is_known_to_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cache/aisr");
        let ids = [id([0, 0], 1), id([255, 255], 1), id([1, 0], 1)];
        let first = open(&folder);
        first.add(ids[0]);
        first.keep();
        let second = open(&folder);
        assert!(second.contains(ids[0]) && !second.contains(ids[1]));
        ids.iter().for_each(|id| second.add(*id));
        second.keep();
        let third = open(&folder);
        assert!(ids.iter().all(|id| third.contains(*id)));
        assert!(!third.contains(id([0, 0], 2)) && !third.contains(id([2, 0], 1)));
    }

    #[test]
    fn without_a_folder_what_was_found_holds_for_the_process() {
        let checked = CheckedSignatures::default();
        checked.add(id([1, 2], 3));
        checked.keep();
        assert!(checked.contains(id([1, 2], 3)) && !checked.contains(id([1, 2], 4)));
    }

    #[test]
    fn the_ninth_of_a_row_takes_the_place_of_one() {
        let dir = tempfile::tempdir().unwrap();
        // 0x47 and 0x07 name one row.
        let nth = |n: u8| id([7, if n.is_multiple_of(2) { 0x47 } else { 7 }], n);
        for n in 1..=9 {
            let checked = open(dir.path());
            checked.add(nth(n));
            checked.keep();
        }
        let next = open(dir.path());
        let gone: Vec<u8> = (1..=9).filter(|n| !next.contains(nth(*n))).collect();
        assert_eq!(gone, [2], "the ninth names the place of the second");
        let len = fs::metadata(dir.path().join(NAME)).unwrap().len();
        assert_eq!(len, LATELY + ID_LEN as u64);
    }

    #[test]
    fn those_that_came_lately_are_known_without_their_rows() {
        let dir = tempfile::tempdir().unwrap();
        let checked = open(dir.path());
        // The first 256 of many count as the latest; of two for one place, the first.
        let nth = |n: u16| with_late_place((n % 250) as u8, (n / 250) as u8);
        let ids: Vec<Id> = (0..300).map(nth).collect();
        ids.iter().for_each(|id| checked.add(*id));
        checked.keep();
        let path = dir.path().join(NAME);
        let mut bytes = fs::read(&path).unwrap();
        bytes[..LATELY as usize].fill(0);
        fs::write(&path, bytes).unwrap();
        let next = open(dir.path());
        let known: Vec<bool> = ids.iter().map(|id| next.contains(*id)).collect();
        assert!(known[..250].iter().all(|known| *known));
        assert!(!known[250..].iter().any(|known| *known));
        // A later one takes the place.
        next.add(ids[262]);
        next.keep();
        let bytes = fs::read(&path).unwrap();
        let late = &bytes[LATELY as usize + 12 * ID_LEN..][..ID_LEN];
        assert_eq!(late, ids[262].as_bytes());
    }

    #[test]
    fn what_is_known_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        // Only the second still stands among those that came lately.
        let ids = [id([1, 0], 1), id([2, 0], 2)];
        for id in ids {
            let checked = open(dir.path());
            checked.add(id);
            checked.keep();
        }
        let path = dir.path().join(NAME);
        let next = open(dir.path());
        assert!(ids.iter().all(|id| next.contains(*id)));
        fs::write(&path, "").unwrap();
        ids.iter().for_each(|id| next.add(*id));
        next.keep();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn every_flipped_bit_makes_it_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let checked = open(dir.path());
        checked.add(id([3, 0], 9));
        checked.keep();
        let path = dir.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        let places = [3 * ROW_LEN, LATELY as usize];
        for (here, other) in [(places[0], places[1]), (places[1], places[0])] {
            let mut once = whole.clone();
            once[other..other + ID_LEN].fill(0);
            fs::write(&path, &once).unwrap();
            assert!(open(dir.path()).contains(id([3, 0], 9)), "stands at {here} alone");
            for bit in 0..ID_LEN * 8 {
                let mut damaged = once.clone();
                damaged[here + bit / 8] ^= 1 << (bit % 8);
                fs::write(&path, damaged).unwrap();
                assert!(!open(dir.path()).contains(id([3, 0], 9)), "bit {bit}");
            }
            fs::write(&path, &once[..here + ID_LEN - 1]).unwrap();
            assert!(!open(dir.path()).contains(id([3, 0], 9)), "torn");
        }
    }

    #[test]
    fn a_file_that_others_may_write_to_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let checked = open(dir.path());
        checked.add(id([3, 0], 9));
        checked.keep();
        let path = dir.path().join(NAME);
        for mode in [0o620, 0o602, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(!open(dir.path()).contains(id([3, 0], 9)), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(open(dir.path()).contains(id([3, 0], 9)));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let checked = open(&dir.path().join("file/below"));
        checked.add(id([3, 0], 9));
        checked.keep();
        assert!(checked.contains(id([3, 0], 9)));
    }
}
