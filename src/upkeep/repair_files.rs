//! Files of a repository that can be made anew.

use crate::disk::{OnExisting, ReadFile};
use crate::object::{Operation, limits};
use crate::repo::{FORMAT_VERSION, Format, SHARED_PLACE};

use super::error::RepairError;
use super::layout::{Misplaced, misplaced};
use super::repair::Bench;

/// A damaged file that differs from a fresh one in no more bytes is that file.
const FEW_BYTES: usize = 16;

/// Puts folders where they must be, and moves aside what stands in place of a file.
pub(super) fn repair_layout(bench: &mut Bench<'_>) -> Result<(), RepairError> {
    for (path, what) in misplaced(&bench.folder) {
        let name = path.strip_prefix(&bench.folder).unwrap_or(&path).to_path_buf();
        let done = match what {
            Misplaced::NoFolder => "made anew",
            Misplaced::NotAFolder => "moved aside, and made anew",
            Misplaced::NotAFile => "moved aside",
        };
        bench.report.step(name.display(), format!("{what}: {done}"));
        if bench.is_dry {
            continue;
        }
        let kept = name.to_string_lossy().replace('/', "-");
        if what != Misplaced::NoFolder {
            // What stands in place of `local` has to go before there is a place for it.
            let beside = bench.folder.join(format!("damaged-{kept}"));
            bench.disk.rename(&path, &beside, OnExisting::Refuse)?;
            if what == Misplaced::NotAFolder {
                bench.disk.create_dir_all_synced(&path, 0o700)?;
            }
            bench.aside.put(&beside, &kept)?;
        } else {
            bench.disk.create_dir_all_synced(&path, 0o700)?;
        }
    }
    Ok(())
}

/// Writes the format file anew where it is damaged. Its identity part is known: the genesis names
/// its hash, and opening compares.
pub(super) fn repair_format(bench: &mut Bench<'_>) -> Result<(), RepairError> {
    let path = bench.folder.join("format");
    let read = ReadFile::open(&path).and_then(|file| file.read_all(Format::LIMIT));
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(e) if e.is_not_found() => Vec::new(),
        Err(e) if e.io_kind() == Some(std::io::ErrorKind::PermissionDenied) => return Err(e.into()),
        Err(_) => Vec::new(),
    };
    let Err(why) = Format::decode(&bytes) else { return Ok(()) };
    let requires = bench.is_place.then(|| SHARED_PLACE.to_owned()).into_iter().collect();
    let fresh = Format { requires, ..Format::default() }.encode();
    if is_newer(&bytes, fresh.as_bytes()) {
        return Err(RepairError::Newer { path, why: why.to_string() });
    }
    let is_there = path.symlink_metadata().is_ok();
    let why = if is_there { why.to_string() } else { "it is missing".into() };
    bench.report.step("format", format!("{why}: written anew"));
    if bench.is_dry {
        return Ok(());
    }
    if is_there {
        keep_copy(bench, "format", &bytes)?;
    }
    Ok(bench.disk.replace_whole(&path, fresh.as_bytes(), 0o600)?)
}

/// Keeps a copy of a file that is about to be replaced.
pub(super) fn keep_copy(
    bench: &mut Bench<'_>,
    name: &str,
    bytes: &[u8],
) -> Result<(), RepairError> {
    let beside = bench.folder.join("local").join(format!("damaged-{name}"));
    bench.disk.replace_whole(&beside, bytes, 0o600)?;
    Ok(bench.aside.put(&beside, name)?)
}

/// Whether the file names another version, rather than being a damaged one of this version.
fn is_newer(bytes: &[u8], fresh: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"aisr-format ") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&rest[..digits]).ok().and_then(|n| n.parse::<u32>().ok());
    let differ = bytes.iter().zip(fresh).filter(|(a, b)| a != b).count();
    let is_close = bytes.len() == fresh.len() && differ <= FEW_BYTES;
    rest.get(digits) == Some(&b'\n')
        && number.is_some_and(|number| number != FORMAT_VERSION)
        && !is_close
}

/// Moves an interrupted operation aside whose plan cannot be read: nobody can end it, and it would
/// hold up every other. What it had set aside goes with it.
pub(super) fn repair_pending(bench: &mut Bench<'_>) -> Result<(), RepairError> {
    let pending = bench.folder.join("undo/pending");
    let plan = pending.join("plan");
    if plan.symlink_metadata().is_err() {
        return Ok(());
    }
    let read = ReadFile::open(&plan).and_then(|file| file.read_all(limits::OPERATION as u64));
    if read.is_ok_and(|bytes| Operation::decode(&bytes).is_ok()) {
        return Ok(());
    }
    let detail = "the plan of an interrupted operation is damaged: moved aside with what it had \
                  set aside";
    bench.report.step("undo/pending", detail);
    if bench.is_dry {
        return Ok(());
    }
    Ok(bench.aside.put(&pending, "undo-pending")?)
}
