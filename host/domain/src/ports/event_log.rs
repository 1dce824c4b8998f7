//! The log of what happened, which is the truth.

use async_trait::async_trait;
use thiserror::Error;
use tokio::sync::broadcast;

use crate::{Event, Recorded, Session, SessionId};

/// Keeps the events of sessions in order, and tells when there are new ones.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Records events, all of them or none, and with them whatever is a view of them. Durable once it returns.
    ///
    /// # Errors
    /// [`LogError::Conflict`] if the log has gone on since `expected`; [`LogError::Store`].
    async fn append(&self, append: Append) -> Result<(), LogError>;

    /// All that is needed to go on with a session: the last snapshot, and what came after it.
    ///
    /// # Errors
    /// [`LogError::Store`], also if what is recorded cannot be read.
    async fn replay(&self, session: SessionId) -> Result<Option<Replay>, LogError>;

    /// Events after a sequence number, in order, as many as `limit` at most.
    ///
    /// # Errors
    /// [`LogError::Store`], also if what is recorded cannot be read.
    async fn read(&self, session: SessionId, after: u64, limit: u32) -> Result<Vec<Recorded>, LogError>;

    /// The sessions that something may still happen in by itself.
    ///
    /// # Errors
    /// [`LogError::Store`].
    async fn active(&self) -> Result<Vec<SessionId>, LogError>;

    /// Tells of every append once it is durable. Who lags behind reads the log.
    fn appended(&self) -> broadcast::Receiver<Appended>;
}

/// What is to be recorded.
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose events.
    pub session: SessionId,
    /// The number of the last event before them; 0 for a new session.
    pub expected: u64,
    /// The events, numbered from `expected + 1` on.
    pub events: Vec<Recorded>,
    /// The session after them, if the log is to be read from here on.
    pub snapshot: Option<Box<Session>>,
}

/// A session has new events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The session.
    pub session: SessionId,
    /// The number of its last event.
    pub sequence: u64,
}

/// A session as it is recorded.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The last snapshot that can be read.
    pub snapshot: Option<Box<Session>>,
    /// What came after it, or everything.
    pub events: Vec<Recorded>,
}

/// Why the log did not do it.
#[derive(Debug, Error)]
pub enum LogError {
    /// Somebody else goes on with the session.
    #[error("session {session} has gone on: its log is not at event {expected} any more")]
    Conflict {
        /// The session.
        session: SessionId,
        /// Where the log was thought to be.
        expected: u64,
    },
    /// The store failed.
    #[error("the event log: {0}")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Replay {
    /// The session, if there is one in it.
    #[must_use]
    pub fn session(self, id: SessionId) -> Option<Session> {
        let mut events = self.events.iter();
        let mut session = match self.snapshot {
            Some(snapshot) => *snapshot,
            None => Session::begin(id, events.next()?)?,
        };
        for event in events {
            session.apply(event);
        }
        Some(session)
    }
}

impl Append {
    /// Whether the session is worth a snapshot after these events: once a round, and when it ends.
    #[must_use]
    pub fn deserves_snapshot(events: &[Recorded]) -> bool {
        events.iter().any(|recorded| matches!(recorded.event, Event::RoundCommitted { .. }))
    }
}

pub(super) mod fake {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use async_trait::async_trait;
    use tokio::sync::broadcast;

    use super::{Append, Appended, EventLog, LogError, Replay};
    use crate::{Recorded, Session, SessionId};

    /// A log in memory. What is recorded is durable; what is not, is nowhere.
    pub struct FakeEventLog {
        logs: Mutex<BTreeMap<SessionId, Vec<Recorded>>>,
        fail_next: Mutex<Option<Failure>>,
        appended: broadcast::Sender<Appended>,
    }

    /// What goes wrong with the next append.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Failure {
        Before,
        After,
    }

    impl Default for FakeEventLog {
        fn default() -> Self {
            let (appended, _) = broadcast::channel(1024);
            Self { logs: Mutex::default(), fail_next: Mutex::default(), appended }
        }
    }

    impl FakeEventLog {
        /// Lets the next append fail without a trace.
        pub fn fail_next_append(&self) {
            *locked(&self.fail_next) = Some(Failure::Before);
        }

        /// Lets the next append be recorded, and its answer be lost.
        pub fn lose_next_answer(&self) {
            *locked(&self.fail_next) = Some(Failure::After);
        }

        /// Lets appends succeed again.
        pub fn heal(&self) {
            *locked(&self.fail_next) = None;
        }

        /// All events of a session.
        #[must_use]
        pub fn events(&self, session: SessionId) -> Vec<Recorded> {
            locked(&self.logs).get(&session).cloned().unwrap_or_default()
        }
    }

    #[async_trait]
    impl EventLog for FakeEventLog {
        async fn append(&self, append: Append) -> Result<(), LogError> {
            let Append { session, expected, events, snapshot: _ } = append;
            let failure = locked(&self.fail_next).take();
            if failure == Some(Failure::Before) {
                return Err(LogError::Store("the disk is full".into()));
            }
            let sequence = {
                let mut logs = locked(&self.logs);
                let log = logs.entry(session).or_default();
                if log.last().map_or(0, |last| last.sequence) != expected {
                    return Err(LogError::Conflict { session, expected });
                }
                log.extend(events);
                log.last().map_or(0, |last| last.sequence)
            };
            // Nobody has to listen.
            let _ = self.appended.send(Appended { session, sequence });
            match failure {
                Some(Failure::After) => Err(LogError::Store("the connection was lost".into())),
                _ => Ok(()),
            }
        }

        async fn replay(&self, session: SessionId) -> Result<Option<Replay>, LogError> {
            let events = self.events(session);
            Ok((!events.is_empty()).then_some(Replay { snapshot: None, events }))
        }

        async fn read(&self, session: SessionId, after: u64, limit: u32) -> Result<Vec<Recorded>, LogError> {
            let events = self.events(session).into_iter().filter(|recorded| recorded.sequence > after);
            Ok(events.take(limit as usize).collect())
        }

        async fn active(&self) -> Result<Vec<SessionId>, LogError> {
            let logs = locked(&self.logs).clone();
            let session = |(id, events)| Replay { snapshot: None, events }.session(id);
            Ok(logs.into_iter().filter_map(session).filter(Session::is_active).map(|session| session.id).collect())
        }

        fn appended(&self) -> broadcast::Receiver<Appended> {
            self.appended.subscribe()
        }
    }

    fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
