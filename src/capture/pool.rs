//! The workers that hash, code and store what is captured.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bstr::BString;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::object::{BlobId, join_path};
use crate::store::{Batch, PackWriter};

use super::error::CaptureError;
use super::large::{Piece, PieceResult};
use super::secrets::SecretGuard;
use super::small;
use super::stat::StatKey;

/// A file to capture.
pub struct Request {
    /// Its folder.
    pub folder: Arc<OwnedFd>,
    /// Its name there.
    pub name: BString,
    /// The path of the folder inside the root, for messages.
    pub folder_path: Arc<BString>,
    /// What is done with a database.
    pub databases: Databases,
}

/// What is done with a file that begins like a SQLite database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Databases {
    /// It is told apart, and not read.
    Apart,
    /// It is read like any file.
    AsFiles,
}

impl Request {
    /// The path inside the root.
    pub fn path(&self) -> BString {
        join_path(&self.folder_path, &self.name)
    }

    /// Whether this is a database that is to be told apart.
    pub(super) fn is_database(&self, file: &OwnedFd) -> Result<bool, CaptureError> {
        let apart = self.databases == Databases::Apart;
        Ok(apart && super::sqlite::begins_like_one(file).map_err(|e| self.failed(e))?)
    }

    pub(super) fn failed(&self, source: std::io::Error) -> CaptureError {
        CaptureError::Read { path: self.path(), source }
    }
}

/// A file that was captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Captured {
    /// Its content.
    pub id: BlobId,
    /// What the file system said of it; the size is that of the content.
    pub stat: StatKey,
    /// Whether it may change again without its stat showing it.
    pub racy: bool,
    /// Whether it changed each time it was read.
    pub moved: bool,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is in the store, unless the guard refused it.
    Captured(Captured),
    /// It begins like a SQLite database, and was not read.
    Database,
    /// It is no longer there, or no longer a file.
    Vanished,
}

/// Where the outcomes of one lot of requests will arrive, in order.
pub type Ticket = Receiver<Result<Vec<Outcome>, CaptureError>>;

pub(super) enum Task {
    Small(Vec<Request>, Sender<Result<Vec<Outcome>, CaptureError>>),
    Piece(Piece, Sender<Result<PieceResult, CaptureError>>),
}

/// The workers that hash, code and store what is captured.
pub struct Pool<'g> {
    tasks: Sender<Task>,
    threads: usize,
    guard: Option<&'g SecretGuard<'g>>,
}

impl<'g> Pool<'g> {
    /// Runs `work` beside `threads` workers that write through `writer`. All they hold is written
    /// when this returns. What `guard` refuses is hashed and not stored.
    ///
    /// # Errors
    /// What `work` says, else what went wrong in a worker when it wrote its last objects.
    pub fn run<T, E: From<CaptureError>>(
        writer: &PackWriter<'_>,
        threads: usize,
        guard: Option<&'g SecretGuard<'g>>,
        work: impl FnOnce(&Pool<'g>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (tasks, queue) = bounded(2 * threads);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    let queue = queue.clone();
                    scope.spawn(move || worker(writer, &queue, guard))
                })
                .collect();
            drop(queue);
            let pool = Pool { tasks, threads, guard };
            let result = work(&pool);
            drop(pool);
            let mut flushed = Ok(());
            for worker in workers {
                let end = worker.join().unwrap_or(Err(CaptureError::Stopped));
                flushed = flushed.and(end);
            }
            let value = result?;
            flushed?;
            Ok(value)
        })
    }

    /// Hands small files to a worker.
    ///
    /// # Errors
    /// When the workers are gone.
    pub fn small(&self, requests: Vec<Request>) -> Result<Ticket, CaptureError> {
        let (answer, ticket) = bounded(1);
        self.send(Task::Small(requests, answer))?;
        Ok(ticket)
    }

    pub(super) fn send(&self, task: Task) -> Result<(), CaptureError> {
        self.tasks.send(task).map_err(|_| CaptureError::Stopped)
    }

    pub(super) fn guard(&self) -> Option<&'g SecretGuard<'g>> {
        self.guard
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }
}

fn worker(
    writer: &PackWriter<'_>,
    queue: &Receiver<Task>,
    guard: Option<&SecretGuard<'_>>,
) -> Result<(), CaptureError> {
    let mut batch = Batch::new(writer);
    let mut buffer = Vec::new();
    for task in queue {
        // Whoever waits for an answer that no longer matters is gone: that is no error.
        match task {
            Task::Small(requests, answer) => {
                let outcomes =
                    requests.iter().map(|r| small::capture(r, &mut batch, &mut buffer, guard));
                let _ = answer.send(outcomes.collect());
            }
            Task::Piece(piece, answer) => {
                let _ = answer.send(piece.store(&mut batch));
            }
        }
    }
    Ok(batch.flush()?)
}
