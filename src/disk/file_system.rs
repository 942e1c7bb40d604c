//! What kind of file system a folder lies on.

use std::path::Path;

use super::error::{Action, Result, failed};

/// Names of file systems by the magic numbers of statfs(2), as `stat -f` prints them.
const NAMES: [(u32, &str); 19] = [
    (0x0102_1994, "tmpfs"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "ceph"),
    (0x2011_bab0, "exfat"),
    (0x2fc1_2fc1, "zfs"),
    (0x4d44, "vfat"),
    (0x5346_4846, "wslfs"),
    (0x5846_5342, "xfs"),
    (0x6573_5546, "fuse"),
    (0x6969, "nfs"),
    (0x7366_746e, "ntfs3"),
    (0x794c_7630, "overlayfs"),
    (0x9123_683e, "btrfs"),
    (0xca45_1a4e, "bcachefs"),
    (0xef53, "ext4"),
    (0xf15f, "ecryptfs"),
    (0xf2f5_2010, "f2fs"),
    (0xfe53_4d42, "smb2"),
    (0xff53_4d42, "cifs"),
];

/// The name of the file system that holds `path`, or its magic number where that is not known.
/// ext2 and ext3 count as ext4, whose number they share.
///
/// # Errors
/// When the system does not say.
pub fn file_system_name(path: &Path) -> Result<String> {
    let found = rustix::fs::statfs(path).map_err(failed(Action::Read, path))?;
    let magic = found.f_type as u32;
    let known = NAMES.iter().find(|(number, _)| *number == magic);
    Ok(known.map_or_else(|| format!("{magic:#x}"), |(_, name)| (*name).to_owned()))
}
