//! The program `aisr`: starts, and ends with a code that scripts can trust (`docs/json.md`).

mod cli;

use std::process::ExitCode;

/// That of musl takes several times as long, and more where several threads ask at once.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        eprintln!("error: aisr met a bug of its own and stopped: {info}");
        eprintln!("hint: please report it, with the command and what `aisr version` prints");
    }));
    raise_file_limit();
    // A panic ends with 101, which the runtime would do as well if it came from this thread.
    std::panic::catch_unwind(cli::run).unwrap_or(ExitCode::from(101))
}

/// Packs are kept open, so the soft limit of open files goes up to the hard one.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // Whoever forbids it has a reason, and the soft limit serves.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
