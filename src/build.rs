//! Links the program statically on Linux with glibc, where the static parts of glibc are installed
//! (Debian's `libc6-dev` has them): a command that takes a millisecond would spend a sixth of it in
//! the dynamic loader (`docs/benchmarks.md`, "Years").
//!
//! This is what `-C target-feature=+crt-static` does, which Cargo can only be told for a target that
//! is named on the command line, and for everything that is built for it. The program stays
//! position independent. `AISR_LINK=dynamic` links it as usual, for tools that replace functions of
//! the C library.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rerun-if-env-changed=AISR_LINK");
    if is_wanted()
        && let Some(folder) = static_libraries()
    {
        println!("cargo::rustc-link-arg-bins=-L{}", folder.display());
        println!("cargo::rustc-link-arg-bins=-static-pie");
    }
}

fn is_wanted() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        // Another system's libraries are where its own tools know.
        && env::var("HOST").ok() == env::var("TARGET").ok()
        && !features.split(',').any(|feature| feature == "crt-static")
        && env::var_os("CARGO_CFG_SANITIZE").is_none()
        && !is("AISR_LINK", "dynamic")
}

/// A folder in which `-lc` and the others that the standard library asks for name static libraries,
/// as scripts for the linker; `None` where they are not installed.
fn static_libraries() -> Option<PathBuf> {
    let [start, c, m, eh, gcc] =
        ["rcrt1.o", "libc.a", "libm.a", "libgcc_eh.a", "libgcc.a"].map(installed);
    let (_, c, m, eh, gcc) = (start?, c?, m?, eh?, gcc?);
    let folder = PathBuf::from(env::var_os("OUT_DIR")?).join("static");
    fs::create_dir_all(&folder).ok()?;
    let script = |name: &str, files: &[&Path]| {
        let files: Vec<_> = files.iter().map(|file| format!("\"{}\"", file.display())).collect();
        fs::write(folder.join(name), format!("GROUP ( {} )\n", files.join(" "))).ok()
    };
    script("libgcc_s.a", &[&eh, &gcc])?;
    script("libm.a", &[&m])?;
    // They need each other.
    script("libc.a", &[&c, &eh, &gcc])?;
    // Part of the first since glibc 2.34, and libraries of their own before.
    for name in ["libdl.a", "libpthread.a", "librt.a", "libutil.a"] {
        script(name, &[&installed(name)?])?;
    }
    Some(folder)
}

/// Where the C compiler, which links, has a file.
fn installed(name: &str) -> Option<PathBuf> {
    let compiler = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let answer = Command::new(compiler).arg(format!("-print-file-name={name}")).output().ok()?;
    let path = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim_end());
    // A compiler that knows of none answers with the name alone.
    (path.is_absolute() && path.exists()).then_some(path)
}
