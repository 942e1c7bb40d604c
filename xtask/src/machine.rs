//! What the benchmarks ran on.

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::ZonedDateTime;

use crate::{Result, process, root};

/// A line each for what a reader needs to judge the figures by.
pub fn describe(work: &Path) -> Result<Vec<(&'static str, String)>> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let unknown = || "unknown".to_owned();
    let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
    let memory = value(&read("/proc/meminfo"), "MemTotal")
        .and_then(|kib| kib.split(' ').next()?.parse::<u64>().ok())
        .map_or_else(unknown, |kib| format!("{:.0} GiB", kib as f64 / (1 << 20) as f64));
    let uname = rustix::system::uname();
    let kernel = format!(
        "{} {} {}",
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy(),
        uname.machine().to_string_lossy()
    );
    let version = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        process::output(command.args(arguments).current_dir(root())).map(|t| t.trim().to_owned())
    };
    Ok(vec![
        ("Date", ZonedDateTime::now().date().to_string()),
        ("CPU", value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown)),
        ("Cores", cores.to_string()),
        ("Memory", memory),
        ("File system", file_system(work, &read("/proc/self/mountinfo")).unwrap_or_else(unknown)),
        ("Kernel", kernel),
        ("Compiler", version("rustc", &["--version"])?),
        ("Revision", version("git", &["describe", "--always", "--dirty"])?),
    ])
}

/// The type of the file system that holds `path`: the mount with the longest fitting prefix.
fn file_system(path: &Path, mounts: &str) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        path.starts_with(point).then(|| (point.len(), source.split(' ').next().unwrap_or_default()))
    });
    mounts.max_by_key(|(len, _)| *len).map(|(_, kind)| kind.to_owned())
}
