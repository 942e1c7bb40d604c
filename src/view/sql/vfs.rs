//! A file system of SQLite's kind (a VFS, sqlite.org/vfs.html) whose files are [`Source`]s: they
//! can be read, and there is nothing beside them.
//!
//! Each function here is called by SQLite as the documentation of `sqlite3_vfs` and
//! `sqlite3_io_methods` says (sqlite.org/c3ref/vfs.html, sqlite.org/c3ref/io_methods.html): all
//! pointers are valid for the call, and a file's only after `xOpen` gave it methods. A panic would
//! end the process rather than go through C.
#![expect(unsafe_code, reason = "SQLite calls a file system through C")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use crate::view::{Source, ViewError};

/// Its name, which SQLite knows it by.
pub(super) const NAME: &CStr = c"aisr-source";
/// The longest name of a file, which is a slash and a number.
const LONGEST_NAME: c_int = 64;
/// Days from noon in Greenwich on 24 November 4714 BC to the beginning of 1970, times two.
const HALF_DAYS_BEFORE_1970: u64 = 4_881_175;

/// The open sources, by the names that SQLite opens them under.
static SOURCES: Mutex<BTreeMap<String, Entry>> = Mutex::new(BTreeMap::new());

#[derive(Clone)]
struct Entry {
    source: Arc<dyn Source>,
    failed: Failed,
}

/// What went wrong when a source was read: SQLite itself keeps no more than a number of it.
type Failed = Arc<Mutex<Option<ViewError>>>;

/// A source with a name under which SQLite finds it.
pub(super) struct NamedSource {
    name: String,
    failed: Failed,
}

impl NamedSource {
    /// Gives `source` a name.
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("/{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let failed = Failed::default();
        lock(&SOURCES).insert(name.clone(), Entry { source, failed: failed.clone() });
        Self { name, failed }
    }

    /// What SQLite is to open: read only, and as something that nobody writes.
    pub(super) fn uri(&self) -> String {
        format!("file:{}?mode=ro&immutable=1&vfs={}", self.name, NAME.to_string_lossy())
    }

    /// Why it could not be read, where that happened.
    pub(super) fn failure(&self) -> Option<ViewError> {
        lock(&self.failed).take()
    }
}

impl Drop for NamedSource {
    fn drop(&mut self) {
        lock(&SOURCES).remove(&self.name);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the file system known to SQLite, once in a process.
pub(super) fn register() -> rusqlite::Result<()> {
    static DONE: OnceLock<c_int> = OnceLock::new();
    let code = *DONE.get_or_init(|| {
        let vfs = Box::leak(Box::new(sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<File>() as c_int,
            mxPathname: LONGEST_NAME,
            pNext: std::ptr::null_mut(),
            zName: NAME.as_ptr(),
            pAppData: std::ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_in_milliseconds),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: it lives as long as the process, as does its name, and nobody else has it.
        unsafe { ffi::sqlite3_vfs_register(vfs, 0) }
    });
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// An open file. SQLite gives the memory, and reads the methods at its beginning.
#[repr(C)]
struct File {
    base: sqlite3_file,
    /// A leaked box, which [`close`] takes back.
    entry: *mut Entry,
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(set_lock),
    xUnlock: Some(set_lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let file = file.cast::<File>();
    // SAFETY: SQLite gives memory of `szOsFile` bytes; without methods it never closes the file.
    unsafe { (*file).base.pMethods = std::ptr::null() };
    if name.is_null() || flags & ffi::SQLITE_OPEN_MAIN_DB == 0 {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: it is no null pointer, and ends in a zero byte.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    let Some(entry) = lock(&SOURCES).get(name.as_ref()).cloned() else {
        return ffi::SQLITE_CANTOPEN;
    };
    // SAFETY: as above; `out_flags` may be null.
    unsafe {
        (*file).entry = Box::into_raw(Box::new(entry));
        (*file).base.pMethods = &raw const METHODS;
        if let Some(out_flags) = out_flags.as_mut() {
            *out_flags = ffi::SQLITE_OPEN_READONLY | ffi::SQLITE_OPEN_MAIN_DB;
        }
    }
    ffi::SQLITE_OK
}

/// The source of a file that [`open`] opened.
///
/// # Safety
/// `file` was opened by [`open`], and not closed.
unsafe fn entry<'f>(file: *mut sqlite3_file) -> &'f Entry {
    // SAFETY: the box lives until the file is closed.
    unsafe { &*(*file.cast::<File>()).entry }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes what it opened, once.
    drop(unsafe { Box::from_raw((*file.cast::<File>()).entry) });
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    to: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let (Ok(amount), Ok(offset)) = (usize::try_from(amount), u64::try_from(offset)) else {
        return ffi::SQLITE_IOERR_READ;
    };
    // SAFETY: the file is open, and `to` has room for `amount` bytes, which are made to be bytes
    // before they are looked at.
    let (entry, buffer) = unsafe {
        std::ptr::write_bytes(to.cast::<u8>(), 0, amount);
        (entry(file), std::slice::from_raw_parts_mut(to.cast::<u8>(), amount))
    };
    match entry.source.read_at(offset, buffer) {
        Ok(got) if got == amount => ffi::SQLITE_OK,
        Ok(got) => {
            buffer[got.min(amount)..].fill(0);
            ffi::SQLITE_IOERR_SHORT_READ
        }
        Err(error) => {
            lock(&entry.failed).get_or_insert(error);
            ffi::SQLITE_IOERR_READ
        }
    }
}

unsafe extern "C" fn write(
    _: *mut sqlite3_file,
    _: *const c_void,
    _: c_int,
    _: ffi::sqlite3_int64,
) -> c_int {
    ffi::SQLITE_READONLY
}

unsafe extern "C" fn truncate(_: *mut sqlite3_file, _: ffi::sqlite3_int64) -> c_int {
    ffi::SQLITE_READONLY
}

unsafe extern "C" fn sync(_: *mut sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: the file is open, and the size has a place.
    unsafe { *size = i64::try_from(entry(file).source.len()).unwrap_or(i64::MAX) };
    ffi::SQLITE_OK
}

/// Nobody writes it, so a lock is nothing.
unsafe extern "C" fn set_lock(_: *mut sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_: *mut sqlite3_file, reserved: *mut c_int) -> c_int {
    // SAFETY: the answer has a place.
    unsafe { *reserved = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut sqlite3_file) -> c_int {
    4096
}

unsafe extern "C" fn device_characteristics(_: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_IMMUTABLE
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, _: *const c_char, _: c_int) -> c_int {
    ffi::SQLITE_IOERR_DELETE
}

/// No journal and no log is ever there.
unsafe extern "C" fn access(
    _: *mut sqlite3_vfs,
    _: *const c_char,
    _: c_int,
    found: *mut c_int,
) -> c_int {
    // SAFETY: the answer has a place.
    unsafe { *found = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_path(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    to: *mut c_char,
) -> c_int {
    // SAFETY: the name ends in a zero byte, and `to` has `room` bytes.
    unsafe {
        let bytes = CStr::from_ptr(name).to_bytes_with_nul();
        if usize::try_from(room).unwrap_or(0) < bytes.len() {
            return ffi::SQLITE_CANTOPEN;
        }
        std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), to, bytes.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut sqlite3_vfs, amount: c_int, to: *mut c_char) -> c_int {
    let Ok(len) = usize::try_from(amount) else { return 0 };
    // SAFETY: `to` has room for `amount` bytes, which are made to be bytes first.
    let buffer = unsafe {
        std::ptr::write_bytes(to.cast::<u8>(), 0, len);
        std::slice::from_raw_parts_mut(to.cast::<u8>(), len)
    };
    if getrandom::fill(buffer).is_ok() { amount } else { 0 }
}

unsafe extern "C" fn sleep(_: *mut sqlite3_vfs, microseconds: c_int) -> c_int {
    std::thread::sleep(Duration::from_micros(u64::try_from(microseconds).unwrap_or(0)));
    microseconds
}

/// Milliseconds since the beginning of Julian days.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let before = HALF_DAYS_BEFORE_1970 * 43_200_000;
    i64::try_from(since.as_millis() + u128::from(before)).unwrap_or(i64::MAX)
}

unsafe extern "C" fn current_time_in_milliseconds(
    _: *mut sqlite3_vfs,
    time: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the answer has a place.
    unsafe { *time = now() };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time(_: *mut sqlite3_vfs, days: *mut f64) -> c_int {
    // SAFETY: the answer has a place.
    unsafe { *days = now() as f64 / 86_400_000.0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_: *mut sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}
