//! Whether anybody has a file open.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether a process that we may look into has the file at `path` open. Only where there is a
/// `/proc`; elsewhere, and of other users' processes, nobody knows.
pub fn is_open_elsewhere(path: &Path) -> bool {
    let Ok(file) = std::fs::symlink_metadata(path) else { return false };
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    let is_process = |entry: &std::fs::DirEntry| {
        entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
    };
    processes.flatten().filter(is_process).any(|process| {
        let Ok(open) = std::fs::read_dir(process.path().join("fd")) else { return false };
        open.flatten().any(|descriptor| {
            let found = std::fs::metadata(descriptor.path());
            found.is_ok_and(|found| (found.dev(), found.ino()) == (file.dev(), file.ino()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_open_is_found_and_one_that_is_closed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let open = std::fs::File::create(&path).unwrap();
        assert!(is_open_elsewhere(&path) || !Path::new("/proc").exists());
        drop(open);
        assert!(!is_open_elsewhere(&path));
        assert!(!is_open_elsewhere(&folder.path().join("none")));
    }
}
