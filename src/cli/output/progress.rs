//! Progress of what takes long: a bar after one second, on a terminal alone.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aisr::worktree::Progress as ReportsProgress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far a long operation is, shown to whoever waits for it.
pub struct Progress {
    bar: ProgressBar,
    begun: Instant,
    wanted: bool,
    shown: AtomicBool,
}

impl Progress {
    /// A bar for what is done now: `Capturing`, `Checking`, ….
    pub fn new(doing: &'static str, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(
            "{msg} {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
        );
        // The template is a constant; a bar without a style is still a bar.
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "));
        bar.set_message(doing);
        let wanted = !quiet && std::io::stderr().is_terminal();
        Self { bar, begun: Instant::now(), wanted, shown: AtomicBool::new(false) }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl ReportsProgress for Progress {
    fn total(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    fn advance(&self, _files: u64, bytes: u64) {
        if !self.wanted {
            return;
        }
        let late = self.begun.elapsed() > PATIENCE;
        if late && !self.shown.swap(true, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
