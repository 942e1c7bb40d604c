//! Work that helpers do before it is needed.
//!
//! Whoever needs a result takes it: it is there, or a helper is at it and it is waited for, or
//! nobody has begun and it is worked out on the spot. So nothing depends on the helpers.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crossbeam_channel::{Sender, bounded};

/// So many results at most are queued, at work, or waiting to be taken.
const LIMIT: usize = 32;

/// Helpers, and the queue before them.
pub struct Ahead {
    queue: Sender<Arc<dyn Job>>,
    pending: Arc<AtomicUsize>,
}

/// A result that may be worked out ahead.
pub struct Task<T> {
    slot: Arc<Slot<T>>,
    pending: Option<Arc<AtomicUsize>>,
}

trait Job: Send + Sync {
    fn run(&self);
}

struct Slot<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

enum State<T> {
    Waiting(Box<dyn FnOnce() -> T + Send>),
    Running,
    Done(std::thread::Result<T>),
    Taken,
}

impl Ahead {
    /// Runs `work` beside `threads` helpers.
    pub fn run<R>(threads: usize, work: impl FnOnce(&Self) -> R) -> R {
        let (queue, jobs) = bounded::<Arc<dyn Job>>(LIMIT);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let jobs = jobs.clone();
                scope.spawn(move || jobs.iter().for_each(|job| job.run()));
            }
            drop(jobs);
            work(&Self { queue, pending: Arc::default() })
        })
    }

    /// Has `work` done by a helper, if not too much is pending.
    pub fn start<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let state = Mutex::new(State::Waiting(Box::new(work)));
        let slot = Arc::new(Slot { state, done: Condvar::new() });
        let mut task = Task { slot, pending: None };
        if self.pending.load(Relaxed) < LIMIT && self.queue.try_send(task.slot.clone()).is_ok() {
            self.pending.fetch_add(1, Relaxed);
            task.pending = Some(self.pending.clone());
        }
        task
    }
}

impl<T> Task<T> {
    /// The result.
    pub fn take(self) -> T {
        let mut state = self.slot.lock();
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Waiting(work) => {
                    drop(state);
                    return work();
                }
                State::Done(result) => return result.unwrap_or_else(|panic| resume_unwind(panic)),
                State::Running => {
                    *state = State::Running;
                    state = self.slot.done.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                State::Taken => unreachable!("taking consumes the task"),
            }
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        // Work that nobody waits for is not begun.
        *self.slot.lock() = State::Taken;
        if let Some(pending) = &self.pending {
            pending.fetch_sub(1, Relaxed);
        }
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Job for Slot<T> {
    fn run(&self) {
        let State::Waiting(work) = std::mem::replace(&mut *self.lock(), State::Running) else {
            *self.lock() = State::Taken;
            return;
        };
        let result = catch_unwind(AssertUnwindSafe(work));
        let mut state = self.lock();
        // Dropped meanwhile: nobody will take it.
        if matches!(*state, State::Running) {
            *state = State::Done(result);
            self.done.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_to_who_takes_them_with_helpers_and_without() {
        for threads in [0, 1, 3] {
            let sum: usize = Ahead::run(threads, |ahead| {
                let tasks: Vec<_> = (0..4 * LIMIT).map(|i| ahead.start(move || i)).collect();
                tasks.into_iter().map(Task::take).sum()
            });
            assert_eq!(sum, (0..4 * LIMIT).sum::<usize>(), "{threads} helpers");
        }
    }

    #[test]
    fn what_is_pending_is_bounded_and_counted_down() {
        Ahead::run(1, |ahead| {
            let tasks: Vec<_> = (0..2 * LIMIT).map(|i| ahead.start(move || i)).collect();
            assert_eq!(ahead.pending.load(Relaxed), LIMIT);
            drop(tasks);
            assert_eq!(ahead.pending.load(Relaxed), 0);
        });
    }

    #[test]
    #[should_panic(expected = "a helper's")]
    fn a_panic_of_a_helper_is_its_takers() {
        Ahead::run(1, |ahead| {
            let task: Task<()> = ahead.start(|| panic!("a helper's"));
            std::thread::sleep(std::time::Duration::from_millis(20));
            task.take()
        });
    }
}
