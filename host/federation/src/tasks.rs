//! What clients are asked to do, until they have done it.
//!
//! A client has an outbox of tasks that are outstanding. Each is handed to it once on every stream that it opens, so a
//! client that drops and comes back gets its task again, and one that has answered gets nothing. The newest stream of a
//! client wins: an older one ends, since nobody can tell whether anyone still reads it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fedwit_domain::{ClientId, ModelId, PredictionId, RoundNumber, SessionConfig, SessionId, TaskId};
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Tasks that are outstanding for one client: a few sessions and predictions, not a flood.
const MAX_TASKS: usize = 4096;

/// Something that a client is asked to do.
#[derive(Clone, Debug)]
pub struct Task {
    /// What it is told by; the client's answer says the same.
    pub id: String,
    /// What it is.
    pub kind: TaskKind,
}

/// What a client is asked to do.
#[derive(Clone, Debug)]
pub enum TaskKind {
    /// Train, starting from a model.
    Train {
        /// For this session.
        session: SessionId,
        /// In this round.
        round: RoundNumber,
        /// What the answer names, in whatever words.
        task: TaskId,
        /// The model to start from.
        model: ModelId,
        /// How the session is run.
        config: Arc<SessionConfig>,
        /// Settings for this client alone, which take the place of the session's of the same names.
        own_settings: Map<String, Value>,
        /// How long the round waits.
        round_timeout_s: u32,
    },
    /// Measure a model.
    Validate {
        /// For this session.
        session: SessionId,
        /// The round that ended with it.
        round: RoundNumber,
        /// The model.
        model: ModelId,
    },
    /// Predict with a model.
    Predict {
        /// The request.
        prediction: PredictionId,
        /// The model.
        model: ModelId,
    },
}

/// Why a client's stream of tasks is over. It may open another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The client has opened a newer one.
    Replaced,
    /// The server is going down.
    ShuttingDown,
}

/// The outboxes of all clients.
#[derive(Default)]
pub(crate) struct Outboxes {
    boxes: Mutex<HashMap<ClientId, Outbox>>,
}

#[derive(Default)]
struct Outbox {
    /// The newest stream; 0 is none.
    stream: u64,
    open: bool,
    tasks: Vec<Outstanding>,
    notify: Arc<Notify>,
}

struct Outstanding {
    task: Arc<Task>,
    /// The stream that it was last handed out on.
    handed_on: u64,
}

/// A client's stream of tasks. Dropped, it is closed.
pub struct TaskStream {
    outboxes: Arc<Outboxes>,
    client: ClientId,
    stream: u64,
    notify: Arc<Notify>,
    draining: CancellationToken,
    on_close: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Outboxes {
    /// Asks a client for something; nothing happens if it is asked already.
    pub(crate) fn put(&self, client: &ClientId, task: Arc<Task>) {
        let mut boxes = self.boxes();
        let outbox = boxes.entry(client.clone()).or_default();
        let known = outbox.tasks.iter().any(|outstanding| outstanding.task.id == task.id);
        if known || outbox.tasks.len() >= MAX_TASKS {
            return;
        }
        outbox.tasks.push(Outstanding { task, handed_on: 0 });
        outbox.notify.notify_one();
    }

    /// Asks a client for something no more.
    pub(crate) fn retract(&self, client: &ClientId, task: &str) {
        let mut boxes = self.boxes();
        if let Some(outbox) = boxes.get_mut(client) {
            outbox.tasks.retain(|outstanding| outstanding.task.id != task);
            if outbox.tasks.is_empty() && !outbox.open {
                boxes.remove(client);
            }
        }
    }

    /// The one training task of a client that starts from a model, for clients that do not say what they answer.
    pub(crate) fn training(&self, client: &ClientId, model: Option<ModelId>) -> Option<TaskId> {
        let boxes = self.boxes();
        let tasks = &boxes.get(client)?.tasks;
        let mut found = tasks.iter().filter_map(|outstanding| match &outstanding.task.kind {
            TaskKind::Train { task, model: base, .. } => model.is_none_or(|model| model == *base).then_some(*task),
            _ => None,
        });
        let one = found.next()?;
        found.next().is_none().then_some(one)
    }

    /// Opens a stream, which takes over from any other of the client.
    pub(crate) fn open(
        self: &Arc<Self>,
        client: ClientId,
        draining: CancellationToken,
        on_close: impl FnOnce() + Send + Sync + 'static,
    ) -> TaskStream {
        let mut boxes = self.boxes();
        let outbox = boxes.entry(client.clone()).or_default();
        outbox.stream += 1;
        outbox.open = true;
        // The older stream looks, and finds that it is no longer the newest.
        outbox.notify.notify_waiters();
        outbox.notify = Arc::default();
        let (stream, notify) = (outbox.stream, Arc::clone(&outbox.notify));
        let outboxes = Arc::clone(self);
        TaskStream { outboxes, client, stream, notify, draining, on_close: Some(Box::new(on_close)) }
    }

    fn boxes(&self) -> MutexGuard<'_, HashMap<ClientId, Outbox>> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TaskStream {
    /// The next task. Nothing is lost if this is dropped before it is ready.
    ///
    /// # Errors
    /// [`StreamEnd`] once the stream is over.
    pub async fn next(&mut self) -> Result<Arc<Task>, StreamEnd> {
        loop {
            let notify = Arc::clone(&self.notify);
            // Listens before it looks, so that nothing is missed in between.
            let mut notified = std::pin::pin!(notify.notified());
            notified.as_mut().enable();
            if self.draining.is_cancelled() {
                return Err(StreamEnd::ShuttingDown);
            }
            if let Some(task) = self.take()? {
                return Ok(task);
            }
            tokio::select! {
                () = notified => {}
                () = self.draining.cancelled() => return Err(StreamEnd::ShuttingDown),
            }
        }
    }

    fn take(&self) -> Result<Option<Arc<Task>>, StreamEnd> {
        let mut boxes = self.outboxes.boxes();
        let outbox = boxes.get_mut(&self.client).filter(|outbox| outbox.stream == self.stream);
        let outbox = outbox.ok_or(StreamEnd::Replaced)?;
        let next = outbox.tasks.iter_mut().find(|outstanding| outstanding.handed_on != self.stream);
        Ok(next.map(|outstanding| {
            outstanding.handed_on = self.stream;
            Arc::clone(&outstanding.task)
        }))
    }
}

impl Drop for TaskStream {
    fn drop(&mut self) {
        {
            let mut boxes = self.outboxes.boxes();
            if let Some(outbox) = boxes.get_mut(&self.client).filter(|outbox| outbox.stream == self.stream) {
                outbox.open = false;
                if outbox.tasks.is_empty() {
                    boxes.remove(&self.client);
                }
            }
        }
        if let Some(on_close) = self.on_close.take() {
            on_close();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn task(id: &str) -> Arc<Task> {
        let kind = TaskKind::Predict { prediction: PredictionId::random(), model: ModelId::random() };
        Arc::new(Task { id: id.to_owned(), kind })
    }

    fn client() -> ClientId {
        "c".parse().unwrap()
    }

    fn open(outboxes: &Arc<Outboxes>) -> TaskStream {
        outboxes.open(client(), CancellationToken::new(), || {})
    }

    #[tokio::test]
    async fn a_task_is_handed_out_once_on_a_stream_and_again_on_the_next() {
        let outboxes = Arc::new(Outboxes::default());
        outboxes.put(&client(), task("a"));
        outboxes.put(&client(), task("a"));
        let mut stream = open(&outboxes);
        assert_eq!(stream.next().await.unwrap().id, "a");
        outboxes.put(&client(), task("b"));
        assert_eq!(stream.next().await.unwrap().id, "b");
        drop(stream);
        outboxes.retract(&client(), "a");
        let mut stream = open(&outboxes);
        assert_eq!(stream.next().await.unwrap().id, "b");
    }

    #[tokio::test]
    async fn a_waiting_stream_wakes_for_a_task() {
        let outboxes = Arc::new(Outboxes::default());
        let mut stream = open(&outboxes);
        let waiting = tokio::spawn(async move { stream.next().await.map(|task| task.id.clone()) });
        tokio::task::yield_now().await;
        outboxes.put(&client(), task("a"));
        assert_eq!(waiting.await.unwrap(), Ok("a".to_owned()));
    }

    #[tokio::test]
    async fn the_newest_stream_wins_whatever_the_older_one_does() {
        let outboxes = Arc::new(Outboxes::default());
        let mut old = open(&outboxes);
        let waiting = tokio::spawn(async move { old.next().await.map(|task| task.id.clone()) });
        tokio::task::yield_now().await;
        let mut new = open(&outboxes);
        assert_eq!(waiting.await.unwrap(), Err(StreamEnd::Replaced));
        outboxes.put(&client(), task("a"));
        assert_eq!(new.next().await.unwrap().id, "a");
    }

    #[tokio::test]
    async fn a_drain_ends_streams() {
        let (outboxes, draining) = (Arc::new(Outboxes::default()), CancellationToken::new());
        let mut stream = outboxes.open(client(), draining.clone(), || {});
        draining.cancel();
        assert_eq!(stream.next().await.map(|task| task.id.clone()), Err(StreamEnd::ShuttingDown));
    }

    #[test]
    fn nothing_is_kept_of_clients_that_are_gone_and_asked_for_nothing() {
        let outboxes = Arc::new(Outboxes::default());
        drop(open(&outboxes));
        outboxes.put(&client(), task("a"));
        outboxes.retract(&client(), "a");
        assert!(outboxes.boxes().is_empty());
    }
}
