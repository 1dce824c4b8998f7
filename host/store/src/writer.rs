//! The one who writes.
//!
//! SQLite has one writer at a time in any case. Here it is one task with a connection of its own, which takes all that
//! has been asked for meanwhile and commits it in one piece: a sync to the disk is what a write costs, and it is shared.
//! Each write has a savepoint, so that one that fails takes no other with it. Nobody is answered before the commit.
//!
//! What a commit leaves without any reference is deleted after it, and never before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use fedwit_domain::Digest;
use fedwit_domain::ports::Appended;
use sea_orm::{DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::StoreError;
use crate::blobs::LocalBlobs;
use crate::lock::FolderLock;
use crate::references::unreferenced;

/// Writes that wait. Who comes when there are as many waits for a place.
const QUEUE: usize = 1024;
/// Writes that share a commit: as many as a few milliseconds take, so that nobody waits for long.
const BATCH: usize = 256;
/// Appends that somebody who listens may lag behind before it has to read the log.
const APPENDED: usize = 4096;

/// A change of the database. It does all of it or fails, and is undone if it fails.
#[async_trait]
pub(crate) trait Write: Send + 'static {
    /// What is answered once it is durable.
    type Answer: Send + 'static;
    /// Why it may fail.
    type Error: From<StoreError> + Send + 'static;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<Self::Answer, Self::Error>;
}

/// What follows in the world from what was written, once it is durable.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Blobs that have lost a reference.
    pub(crate) released: Vec<Digest>,
    /// Blobs that are fresh no longer: they have got their reference.
    pub(crate) claimed: Vec<Digest>,
    /// Sessions that have new events.
    pub(crate) appended: Vec<Appended>,
}

/// Where writes are handed in.
#[derive(Clone)]
pub(crate) struct WriterHandle {
    queue: mpsc::Sender<Message>,
    appended: broadcast::Sender<Appended>,
    commits: Arc<AtomicU64>,
}

enum Message {
    Write(Box<dyn Job>),
    /// Take nothing more, finish what there is, and tell.
    Close(oneshot::Sender<()>),
}

struct Writer {
    database: DatabaseConnection,
    queue: mpsc::Receiver<Message>,
    appended: broadcast::Sender<Appended>,
    commits: Arc<AtomicU64>,
    blobs: Arc<LocalBlobs>,
    // For as long as anything is written nobody else may have the folder.
    _lock: Arc<FolderLock>,
}

/// A write of any kind on its way through the writer.
#[async_trait]
trait Job: Send {
    /// Whether it did what it is for.
    async fn run(&mut self, on: &DatabaseTransaction, effects: &mut Effects) -> bool;

    /// Answers, also with what became of the commit.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Pending<W: Write> {
    write: Option<W>,
    outcome: Option<Result<W::Answer, W::Error>>,
    reply: oneshot::Sender<Result<W::Answer, W::Error>>,
}

impl WriterHandle {
    /// Begins to write.
    pub(crate) fn start(database: DatabaseConnection, blobs: Arc<LocalBlobs>, lock: Arc<FolderLock>) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        let (appended, _) = broadcast::channel(APPENDED);
        let commits = Arc::new(AtomicU64::new(0));
        let handle = Self { queue: sender, appended: appended.clone(), commits: Arc::clone(&commits) };
        tokio::spawn(Writer { database, queue, appended, commits, blobs, _lock: lock }.run());
        handle
    }

    /// Writes, and returns once it is durable. It is written even if nobody waits for it any more.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Answer, W::Error> {
        let (reply, answer) = oneshot::channel();
        let job = Pending { write: Some(write), outcome: None, reply };
        self.queue.send(Message::Write(Box::new(job))).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Takes nothing more, and returns once all that was taken is durable.
    pub(crate) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        // Either may fail only if it is closed already.
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }

    /// How many commits there were.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(crate) fn appended(&self) -> broadcast::Receiver<Appended> {
        self.appended.subscribe()
    }
}

impl Writer {
    async fn run(mut self) {
        let mut messages = Vec::with_capacity(BATCH);
        let mut closing = Vec::new();
        while self.queue.recv_many(&mut messages, BATCH).await > 0 {
            let mut jobs = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    Message::Write(job) => jobs.push(job),
                    Message::Close(reply) => {
                        self.queue.close();
                        closing.push(reply);
                    }
                }
            }
            if !jobs.is_empty() {
                self.write(jobs).await;
            }
        }
        if let Err(error) = self.database.close_by_ref().await {
            tracing::warn!(%error, "the database cannot be closed");
        }
        drop(self);
        for reply in closing {
            // Nobody has to wait for it.
            let _ = reply.send(());
        }
    }

    async fn write(&self, mut jobs: Vec<Box<dyn Job>>) {
        let mut effects = Effects::default();
        match self.transact(&mut jobs, &mut effects).await {
            Ok(()) => {
                self.blobs.claim(&effects.claimed);
                for appended in effects.appended {
                    // Nobody has to listen.
                    let _ = self.appended.send(appended);
                }
                for job in jobs {
                    job.answer(Ok(()));
                }
                self.delete_unreferenced(effects.released).await;
            }
            Err(error) => {
                tracing::error!(%error, writes = jobs.len(), "what was to be recorded is not");
                let mut error = Some(error);
                for job in jobs {
                    // One error cannot be given to all; the first gets all that is known.
                    let first = error.take();
                    job.answer(Err(first.unwrap_or(StoreError::Aborted)));
                }
            }
        }
    }

    async fn transact(&self, jobs: &mut [Box<dyn Job>], effects: &mut Effects) -> Result<(), StoreError> {
        let options = TransactionOptions {
            // The lock is taken at once, while waiting for it is still possible.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.database.begin_with_options(options).await?;
        for job in jobs {
            let savepoint = transaction.begin().await?;
            let mut followed = Effects::default();
            if job.run(&savepoint, &mut followed).await {
                savepoint.commit().await?;
                effects.extend(followed);
            } else {
                savepoint.rollback().await?;
            }
        }
        transaction.commit().await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// What cannot be deleted now is an orphan, which is collected some day.
    async fn delete_unreferenced(&self, released: Vec<Digest>) {
        if released.is_empty() {
            return;
        }
        match unreferenced(&self.database, released).await {
            Ok(unreferenced) => self.blobs.discard(unreferenced).await,
            Err(error) => tracing::warn!(%error, "blobs that nothing refers to are not deleted yet"),
        }
    }
}

impl Effects {
    fn extend(&mut self, other: Self) {
        self.released.extend(other.released);
        self.claimed.extend(other.claimed);
        self.appended.extend(other.appended);
    }
}

#[async_trait]
impl<W: Write> Job for Pending<W> {
    async fn run(&mut self, on: &DatabaseTransaction, effects: &mut Effects) -> bool {
        let Some(write) = self.write.take() else { return false };
        let outcome = write.write(on, effects).await;
        let done = outcome.is_ok();
        self.outcome = Some(outcome);
        done
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (self.outcome, committed) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(answer)), Ok(())) => Ok(answer),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(StoreError::Aborted.into()),
        };
        // Who asked may have gone.
        let _ = self.reply.send(answer);
    }
}
