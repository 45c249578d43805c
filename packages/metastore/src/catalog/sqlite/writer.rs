//! The one task that writes. Jobs that wait for it share a transaction, and so one wait for the disk.
//!
//! Invariant: a job either has done all of its writes in a transaction that was committed, or none. A job reads and
//! decides before it writes, so the only errors in between are those of the database itself, which undo the
//! transaction and are answered to every job in it; all of them may simply be sent again.

#[cfg(test)]
mod tests;

use std::{fs::File, path::Path, sync::Arc};

use catgraft_core::Timestamp;
use catgraft_proto::CommitCall;
use sqlx::{Connection, Error as SqlError, SqliteConnection};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    commit::commit_append,
    error::{Failure, outward, outward_shared},
    file,
    orphans::segments_change,
    segments::segments_register,
};
use crate::catalog::{CommitOutcome, Error, SegmentChange, SegmentRow};

/// Most jobs that wait; whoever comes then waits for room.
const QUEUE_JOBS_MAX: usize = 1024;
/// Most jobs in one transaction.
const BATCH_JOBS_MAX: usize = 256;

const COMMITTING: &str = "committing";
const REGISTERING: &str = "registering segments";
const CHANGING: &str = "changing segments";

/// The handle of the task.
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    closing: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the task is asked to do.
enum Job {
    Commit(CommitCall, Timestamp, Waiting<CommitOutcome>),
    Register(Vec<SegmentRow>, Timestamp, Waiting<()>),
    Change(SegmentChange, Waiting<u64>),
}

/// Who waits for a job, and what it will be told once the transaction is committed.
struct Waiting<T> {
    answer: oneshot::Sender<Result<T, Error>>,
    outcome: Option<Result<T, Error>>,
}

impl Writer {
    /// Opens the file to write and starts the task, which holds `lock` until it has let go of the file.
    pub(super) async fn open(path: &Path, lock: File) -> Result<Self, Error> {
        let connection = file::open_to_write(path).await.map_err(|error| outward("opening the catalog", error))?;
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        let closing = CancellationToken::new();
        let task = tokio::spawn(run(connection, queue, closing.clone(), lock));
        Ok(Self { jobs, closing, task: Mutex::new(Some(task)) })
    }

    /// Decides a commit and carries the decision out.
    pub(super) async fn commit_append(&self, call: CommitCall, now: Timestamp) -> Result<CommitOutcome, Error> {
        self.ask(COMMITTING, |waiting| Job::Commit(call, now, waiting)).await
    }

    /// Writes the rows of segments.
    pub(super) async fn segments_register(&self, rows: Vec<SegmentRow>, now: Timestamp) -> Result<(), Error> {
        self.ask(REGISTERING, |waiting| Job::Register(rows, now, waiting)).await
    }

    /// Dooms, pardons, adopts or removes segments.
    pub(super) async fn segments_change(&self, change: SegmentChange) -> Result<u64, Error> {
        self.ask(CHANGING, |waiting| Job::Change(change, waiting)).await
    }

    /// Does what was accepted and lets go of the file.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(error = &error as &dyn std::error::Error, "the writer of the embedded catalog had died");
        }
    }

    /// Fails where the task is gone, so that nothing can be written any more.
    pub(super) fn must_live(&self, doing: &'static str) -> Result<(), Error> {
        if self.jobs.is_closed() { Err(self.gone(doing)) } else { Ok(()) }
    }

    fn gone(&self, doing: &'static str) -> Error {
        let why = if self.closing.is_cancelled() {
            "the catalog is being closed"
        } else {
            "the writer of the embedded catalog has died: the metastore must be started anew"
        };
        Error::Unavailable { doing, source: why.into() }
    }

    async fn ask<T>(&self, doing: &'static str, job: impl FnOnce(Waiting<T>) -> Job) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(job(Waiting { answer, outcome: None })).await.map_err(|_| self.gone(doing))?;
        answered.await.map_err(|_| self.gone(doing))?
    }
}

impl Job {
    /// Does the job inside the transaction that is open.
    async fn perform(&mut self, connection: &mut SqliteConnection) -> Result<(), SqlError> {
        match self {
            Self::Commit(call, now, waiting) => waiting.keep(commit_append(connection, call, *now).await),
            Self::Register(rows, now, waiting) => waiting.keep(segments_register(connection, rows, *now).await),
            Self::Change(change, waiting) => waiting.keep(segments_change(connection, change).await),
        }
    }

    /// Answers the job, after its transaction was committed or has failed.
    fn answer(self, failure: Option<&Arc<SqlError>>) {
        match self {
            Self::Commit(_, _, waiting) => waiting.answer(COMMITTING, failure),
            Self::Register(_, _, waiting) => waiting.answer(REGISTERING, failure),
            Self::Change(_, waiting) => waiting.answer(CHANGING, failure),
        }
    }
}

impl<T> Waiting<T> {
    fn keep(&mut self, result: Result<T, Failure>) -> Result<(), SqlError> {
        self.outcome = Some(match result {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Job(error)) => Err(error),
            Err(Failure::Database(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self, doing: &'static str, failure: Option<&Arc<SqlError>>) {
        let outcome = match failure {
            Some(error) => Err(outward_shared(doing, error)),
            None => self.outcome.expect("a transaction is committed only after all of its jobs were done"),
        };
        // Whoever asked may have gone away; the job is done all the same.
        drop(self.answer.send(outcome));
    }
}

/// Takes jobs until there is nobody left to send one.
async fn run(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Job>, closing: CancellationToken, lock: File) {
    loop {
        let first = tokio::select! {
            biased;
            () = closing.cancelled(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
            job = queue.recv() => job,
        };
        let Some(first) = first else { break };
        let mut batch = vec![first];
        while batch.len() < BATCH_JOBS_MAX
            && let Ok(job) = queue.try_recv()
        {
            batch.push(job);
        }
        write_batch(&mut connection, batch).await;
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "closing the embedded catalog failed");
    }
    drop(lock);
}

/// Does the jobs in one transaction and answers them.
async fn write_batch(connection: &mut SqliteConnection, mut batch: Vec<Job>) {
    let failure = match try_batch(connection, &mut batch).await {
        Ok(()) => None,
        Err(error) => {
            // After some errors SQLite has undone the transaction by itself; then there is nothing to undo.
            if let Err(undo) = sqlx::query("ROLLBACK").execute(connection).await {
                tracing::debug!(error = &undo as &dyn std::error::Error, "nothing to roll back");
            }
            Some(Arc::new(error))
        }
    };
    for job in batch {
        job.answer(failure.as_ref());
    }
}

/// Does the jobs in one transaction.
async fn try_batch(connection: &mut SqliteConnection, batch: &mut [Job]) -> Result<(), SqlError> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for job in batch {
        job.perform(connection).await?;
    }
    sqlx::query("COMMIT").execute(connection).await.map(drop)
}
