//! Sessions, for those who run them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fedwit_domain::ports::Append;
use fedwit_domain::{Command, ModelId, NewSession, Recorded, Session, SessionConfig, SessionId, Start, StoredModel};
use futures_util::Stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};

use crate::session::{self, Answer, Message};
use crate::{Federation, FederationError};

/// Commands that wait for a session, at most. Whoever sends more waits too.
const INBOX: usize = 1024;
/// Events that are read from the log at a time.
const READ: u32 = 256;
/// The longest name of a session, in bytes.
const MAX_NAME: usize = 256;

/// The actors of sessions that have one.
#[derive(Default)]
pub(crate) struct Sessions {
    actors: Mutex<HashMap<SessionId, mpsc::Sender<Message>>>,
}

impl Sessions {
    pub(crate) fn actors(&self) -> MutexGuard<'_, HashMap<SessionId, mpsc::Sender<Message>>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a session is to be made of.
#[derive(Clone, Debug)]
pub struct NewSessionRequest {
    /// A name for people.
    pub name: Option<String>,
    /// The model that it starts from.
    pub seed_model: ModelId,
    /// How it is run.
    pub config: SessionConfig,
}

/// The events of a session: those that are recorded, and then those that come, as they come.
pub type EventStream = std::pin::Pin<Box<dyn Stream<Item = Result<Recorded, FederationError>> + Send>>;

impl Federation {
    /// Makes a session. What can never work is refused here, and not in a round: an aggregator or a client selector that
    /// is not installed or does not take its configuration, and impossible settings.
    ///
    /// # Errors
    /// [`FederationError`] names what is wrong.
    pub async fn create_session(&self, request: NewSessionRequest) -> Result<SessionId, FederationError> {
        let NewSessionRequest { name, seed_model, config } = request;
        config.check().map_err(fedwit_domain::Refusal::Config)?;
        if name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
            let problem = format!("its name has more than {MAX_NAME} bytes");
            return Err(FederationError::Invalid { what: "session", problem });
        }
        self.inner.folding.plugin(&config.aggregator)?;
        if let Some(selector) = &config.client_selector {
            self.inner.selector.check(selector, &config.client_selector_config).await?;
        }
        let row = self.store().model(seed_model).await?;
        let row = row.ok_or_else(|| FederationError::NotFound { kind: "seed model", id: seed_model.to_string() })?;
        self.inner.folding.try_begin(&config.aggregator, &config.aggregator_config, row.blob).await?;
        // Found out now rather than by the first client.
        self.model_file(seed_model, Some(config.model_format)).await?;
        let id = SessionId::random();
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("session {id}"));
        let seed_model = StoredModel { id: seed_model, blob: row.blob, size_bytes: row.size_bytes };
        let (_, created) = Session::create(id, NewSession { name, config, seed_model }, self.now())?;
        let append = Append { session: id, expected: 0, events: vec![created], snapshot: None };
        self.inner.log.append(append).await?;
        tracing::info!(session.id = %id, "session {id} is created");
        Ok(id)
    }

    /// Runs rounds of a session. If too few clients are there, it waits for them.
    ///
    /// # Errors
    /// [`FederationError::NotFound`]; [`FederationError::Refused`].
    pub async fn start_session(&self, id: SessionId, start: Start) -> Result<(), FederationError> {
        self.command(id, Command::Start(start)).await.map(drop)
    }

    /// Runs rounds of a session, if enough clients are there now.
    ///
    /// # Errors
    /// As [`start_session`](Self::start_session); [`FederationError::TooFewClients`].
    pub async fn start_session_now(&self, id: SessionId, start: Start) -> Result<(), FederationError> {
        let required = self.look_at_session(id, |session| session.config.clients_required).await?;
        // Those that are shown as being there, though some may only be about to open their stream again: rounds wait.
        let mut there = self.online();
        there.retain(|client| start.clients.is_empty() || start.clients.contains(client));
        if there.len() < required as usize {
            return Err(FederationError::TooFewClients { online: there.len(), required });
        }
        self.start_session(id, start).await
    }

    /// Lets a session end its open round and begin no other.
    ///
    /// # Errors
    /// [`FederationError::NotFound`]; [`FederationError::Refused`].
    pub async fn pause_session(&self, id: SessionId) -> Result<(), FederationError> {
        self.command(id, Command::Pause).await.map(drop)
    }

    /// Lets a paused session go on.
    ///
    /// # Errors
    /// [`FederationError::NotFound`]; [`FederationError::Refused`].
    pub async fn resume_session(&self, id: SessionId) -> Result<(), FederationError> {
        self.command(id, Command::Resume).await.map(drop)
    }

    /// Ends a session now. Its open round is dropped.
    ///
    /// # Errors
    /// [`FederationError::NotFound`]; [`FederationError::Refused`].
    pub async fn stop_session(&self, id: SessionId, reason: String) -> Result<(), FederationError> {
        let reason = reason[..reason.floor_char_boundary(1024)].to_owned();
        self.command(id, Command::Stop { reason }).await.map(drop)
    }

    /// A session as it is now.
    ///
    /// # Errors
    /// [`FederationError::NotFound`]; [`FederationError::Log`].
    pub async fn session_state(&self, id: SessionId) -> Result<Session, FederationError> {
        self.look_at_session(id, Session::clone).await
    }

    /// Looks at a session as it is now, where it is: the state of one with many clients is too large to be copied for
    /// each of their updates.
    pub(crate) async fn look_at_session<T: Send + 'static>(
        &self,
        id: SessionId,
        look: impl FnOnce(&Session) -> T + Send + 'static,
    ) -> Result<T, FederationError> {
        let (answer, seen) = oneshot::channel();
        // Who asked may be gone.
        let look = move |session: &Session| drop(answer.send(look(session)));
        self.send(id, Message::Look(Box::new(look))).await?;
        seen.await.map_err(|_| going_down())
    }

    /// Has a session's actor carry out a command.
    pub(crate) async fn command(&self, id: SessionId, command: Command) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.send(id, Message::Command(command, answer)).await?;
        answered.await.unwrap_or_else(|_| Err(going_down()))
    }

    /// Sends a message to a session's actor, which is started if there is none.
    async fn send(&self, id: SessionId, mut message: Message) -> Result<(), FederationError> {
        loop {
            if self.inner.draining.is_cancelled() {
                return Err(going_down());
            }
            let known = self.inner.sessions.actors().get(&id).cloned();
            let actor = match known {
                Some(actor) => actor,
                None => self.start_actor(id).await?,
            };
            match actor.send(message).await {
                Ok(()) => return Ok(()),
                // It has just gone to rest. Another is started; this one's entry is gone, or goes now.
                Err(mpsc::error::SendError(back)) => {
                    self.inner.sessions.actors().retain(|known, entry| *known != id || !entry.same_channel(&actor));
                    message = back;
                }
            }
        }
    }

    async fn start_actor(&self, id: SessionId) -> Result<mpsc::Sender<Message>, FederationError> {
        let replay = self.inner.log.replay(id).await?;
        let state = replay.and_then(|replay| replay.session(id));
        let state = state.ok_or_else(|| FederationError::NotFound { kind: "session", id: id.to_string() })?;
        let mut actors = self.inner.sessions.actors();
        match actors.entry(id) {
            // Somebody else was quicker.
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(place) => {
                let (sender, inbox) = mpsc::channel(INBOX);
                place.insert(sender.clone());
                self.inner.tracker.spawn(session::run(self.clone(), state, inbox));
                Ok(sender)
            }
        }
    }

    /// The events of a session after a number: those that are recorded, and then those that come. Fed by the log.
    #[must_use]
    pub fn session_events(&self, id: SessionId, after: u64) -> EventStream {
        let appended = self.inner.log.appended();
        let cursor = Cursor { federation: self.clone(), id, after, appended, read: Vec::new().into_iter() };
        Box::pin(futures_util::stream::unfold(Some(cursor), |cursor| async move {
            let mut cursor = cursor?;
            match cursor.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(cursor))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

struct Cursor {
    federation: Federation,
    id: SessionId,
    after: u64,
    appended: tokio::sync::broadcast::Receiver<fedwit_domain::ports::Appended>,
    read: std::vec::IntoIter<Recorded>,
}

impl Cursor {
    async fn next(&mut self) -> Result<Option<Recorded>, FederationError> {
        loop {
            if let Some(event) = self.read.next() {
                self.after = event.sequence;
                return Ok(Some(event));
            }
            let read = self.federation.inner.log.read(self.id, self.after, READ).await?;
            if read.is_empty() {
                if !self.wait().await {
                    return Ok(None);
                }
            } else {
                self.read = read.into_iter();
            }
        }
    }

    /// Returns once the session may have new events. False if there will be none any more.
    async fn wait(&mut self) -> bool {
        loop {
            let told = tokio::select! {
                told = self.appended.recv() => told,
                () = self.federation.inner.draining.cancelled() => return false,
            };
            match told {
                Ok(appended) if appended.session == self.id && appended.sequence > self.after => return true,
                Ok(_) => {}
                // Something was missed. The log says what.
                Err(RecvError::Lagged(_)) => return true,
                Err(RecvError::Closed) => return false,
            }
        }
    }
}

fn going_down() -> FederationError {
    FederationError::Unavailable("the server is going down".to_owned())
}
