//! The program `aisr`: starts, and ends with a code that scripts can trust (`docs/json.md`).

mod cli;

use std::io::Write;
use std::process::ExitCode;

/// That of musl takes several times as long, and more where several threads ask at once.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A release does not unwind, so this is the end of the program, whichever thread it comes from.
    // What is half done then is what a crash at this moment leaves.
    std::panic::set_hook(Box::new(|info| {
        let _ = writeln!(
            std::io::stderr(),
            "error: aisr met a bug of its own and stopped: {info}\n\
             hint: please report it, with the command and what `aisr version` prints"
        );
        std::process::exit(101);
    }));
    raise_file_limit();
    cli::run()
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
