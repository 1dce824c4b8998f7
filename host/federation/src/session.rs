//! The actor of a session: the only one to change it.
//!
//! It takes commands one after the other, as many as wait are recorded in one piece, and answers once that is durable.
//! Then it looks at the state for what is to be done: clients to ask, updates to fold, a model to make. If the log does
//! not take what follows from a command, what is in memory is given up, and the session is read from its log again.

mod asking;
mod chooser;
mod folder;

use std::sync::Arc;
use std::time::Duration;

use fedwit_domain::ports::{Append, Clock};
use fedwit_domain::{AttemptFailure, Command, Event, Phase, Recorded, Session, Timestamp};
use tokio::sync::{mpsc, oneshot};

use self::asking::Asked;
use self::chooser::{Chooser, Chosen};
use self::folder::{Folder, Report};
use crate::presence::Absence;
use crate::{Federation, FederationError};

/// What comes of a command: the events that follow from it.
pub(crate) type Answer = Result<Vec<Recorded>, FederationError>;

/// What an actor is told.
#[allow(clippy::large_enum_variant, reason = "nearly all are commands, and a few wait at a time")]
pub(crate) enum Message {
    Command(Command, oneshot::Sender<Answer>),
    Look(Box<dyn FnOnce(&Session) + Send>),
}

/// Commands that are recorded in one piece, at most.
const BATCH: usize = 256;
/// How long an actor of a session in which nothing happens by itself waits for more to do.
const REST: Duration = Duration::from_secs(60);
/// How long a session is left alone whose log cannot be read.
const RELOAD: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(10)];

struct Actor {
    federation: Federation,
    state: Session,
    asked: Asked,
    folder: Folder,
    reports: mpsc::Receiver<Report>,
    chooser: Chooser,
    chosen: mpsc::Receiver<Chosen>,
    /// The state was looked at when it was here.
    looked_at: Option<u64>,
    /// Clients may have come that a buffered session has not asked yet.
    arrivals: bool,
}

/// Runs a session until nothing is left to do, or the server goes down.
pub(crate) async fn run(federation: Federation, state: Session, mut inbox: mpsc::Receiver<Message>) {
    let (folder, reports) = Folder::new(Arc::clone(&federation.inner.folding));
    let (chooser, chosen) = Chooser::new(Arc::clone(&federation.inner.selector), federation.store().clone());
    let id = state.id;
    let asked = Asked::default();
    let mut actor =
        Actor { federation, state, asked, folder, reports, chooser, chosen, looked_at: None, arrivals: true };
    actor.live(&mut inbox).await;
    // Whoever still holds a sender finds that nobody listens, and starts another actor.
    inbox.close();
    actor.federation.inner.sessions.actors().retain(|known, entry| *known != id || !entry.is_closed());
    while let Some(message) = inbox.recv().await {
        actor.take(vec![message]).await;
    }
    actor.asked.retract_all(&actor.federation.inner.outboxes);
}

impl Actor {
    async fn live(&mut self, inbox: &mut mpsc::Receiver<Message>) {
        let draining = self.federation.draining();
        let clock = Arc::clone(&self.federation.inner.clock);
        let mut presence = self.federation.inner.presence.changes();
        loop {
            presence.mark_unchanged();
            self.look().await;
            let waits_for_clients = self.waits_for_clients();
            let wake = self.next_wake();
            let idle = !asking::is_under_way(&self.state);
            tokio::select! {
                biased;
                () = draining.cancelled() => return,
                report = self.reports.recv() => {
                    if let Some(report) = report {
                        self.take_report(report).await;
                    }
                }
                chosen = self.chosen.recv() => {
                    if let Some(chosen) = chosen {
                        self.chooser.hear(chosen);
                    }
                }
                message = inbox.recv() => {
                    let Some(message) = message else { return };
                    let mut batch = vec![message];
                    while batch.len() < BATCH && let Ok(message) = inbox.try_recv() {
                        batch.push(message);
                    }
                    self.take(batch).await;
                }
                _ = presence.changed(), if waits_for_clients => self.arrivals = true,
                () = sleep_until(&*clock, wake), if wake.is_some() => self.do_now(vec![Command::Wake]).await,
                () = tokio::time::sleep(REST), if idle => return,
            }
        }
    }

    /// Carries out commands of others, and answers them.
    async fn take(&mut self, messages: Vec<Message>) {
        let mut commands = Vec::new();
        let mut answers = Vec::new();
        let mut looks = Vec::new();
        for message in messages {
            match message {
                Message::Command(command, answer) => {
                    commands.push(command);
                    answers.push(answer);
                }
                Message::Look(look) => looks.push(look),
            }
        }
        let outcomes = self.carry_out(commands).await;
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Who asked may be gone; what was done is done.
            let _ = answer.send(outcome);
        }
        for look in looks {
            look(&self.state);
        }
    }

    /// Carries out commands of the actor's own. What they do not do now is looked at again in a moment.
    async fn do_now(&mut self, commands: Vec<Command>) {
        for outcome in self.carry_out(commands).await {
            if let Err(error) = outcome {
                tracing::debug!(session.id = %self.state.id, %error, "session {}: {error}", self.state.id);
            }
        }
    }

    /// Steps through commands and records what follows, all in one piece. Whoever has nothing to do then is asked in the
    /// same piece, in a buffered session.
    async fn carry_out(&mut self, commands: Vec<Command>) -> Vec<Answer> {
        let expected = self.state.sequence;
        let now = self.federation.now();
        let mut events = Vec::new();
        let mut outcomes: Vec<Answer> = Vec::with_capacity(commands.len());
        let asks = self.arrivals || !commands.is_empty();
        for command in commands {
            let (recorded, answer) = self.state.step(command, now);
            events.extend(recorded.iter().cloned());
            outcomes.push(answer.map(|()| recorded).map_err(FederationError::from));
        }
        if asks && self.state.wants_clients() {
            let state = &self.state;
            let online = self.federation.inner.presence.connected_where(|client| state.has_nothing_to_do(client));
            let (recorded, _) = self.state.step(Command::Ask { online }, now);
            events.extend(recorded);
            self.arrivals = false;
        }
        if events.is_empty() {
            return outcomes;
        }
        let snapshot = Append::deserves_snapshot(&events).then(|| Box::new(self.state.clone()));
        let append = Append { session: self.state.id, expected, events: events.clone(), snapshot };
        match self.federation.inner.log.append(append).await {
            Ok(()) => {
                for recorded in &events {
                    self.tell(recorded);
                }
                outcomes
            }
            Err(error) => {
                tracing::error!(session.id = %self.state.id, %error, "session {}: {error}", self.state.id);
                self.reload().await;
                let unavailable = |_| Err(FederationError::Unavailable("it could not be recorded".to_owned()));
                outcomes.into_iter().map(unavailable).collect()
            }
        }
    }

    /// Reads the session from its log, however long that takes. What is done in the world is looked at anew.
    async fn reload(&mut self) {
        self.looked_at = None;
        self.arrivals = true;
        self.folder.abandon();
        let mut waits = RELOAD.iter().chain(std::iter::repeat(&RELOAD[RELOAD.len() - 1]));
        loop {
            match self.federation.inner.log.replay(self.state.id).await {
                Ok(replay) => {
                    if let Some(state) = replay.and_then(|replay| replay.session(self.state.id)) {
                        self.state = state;
                        return;
                    }
                    tracing::error!(session.id = %self.state.id, "session {} is gone from the log", self.state.id);
                }
                Err(error) => {
                    tracing::error!(session.id = %self.state.id, %error, "session {}: {error}", self.state.id);
                }
            }
            let Some(wait) = waits.next() else { return };
            tokio::select! {
                () = tokio::time::sleep(*wait) => {}
                () = self.federation.inner.draining.cancelled() => return,
            }
        }
    }

    /// Looks at the state for what is to be done in the world. All of it may have been done before.
    async fn look(&mut self) {
        self.open_attempt().await;
        self.give_up_the_gone().await;
        if self.arrivals && self.state.wants_clients() {
            self.do_now(Vec::new()).await;
        }
        if self.looked_at != Some(self.state.sequence) {
            self.asked.look(&self.state, &self.federation.inner.outboxes);
            self.folder.look(&self.state, &self.federation.inner.combiners);
            self.looked_at = Some(self.state.sequence);
        }
    }

    async fn open_attempt(&mut self) {
        self.chooser.look(&self.state);
        // A failed attempt, or one that cannot be opened, is followed by another, as often as the session allows.
        while self.state.wants_attempt() && !self.chooser.is_thinking() {
            let before = self.state.sequence;
            let command = self.opening();
            self.do_now(vec![command]).await;
            self.chooser.look(&self.state);
            if self.state.sequence == before || matches!(self.state.phase, Phase::Awaiting { .. }) {
                return;
            }
        }
    }

    /// What opens the next attempt, or sees that it cannot be opened yet. Asks the client selector if there is one, and it
    /// has not answered.
    fn opening(&mut self) -> Command {
        let plugin = match self.federation.inner.folding.plugin(&self.state.config.aggregator) {
            Ok(plugin) => plugin,
            Err(error) => {
                return Command::CannotOpen { failure: AttemptFailure::Aggregator { problem: error.to_string() } };
            }
        };
        match self.chooser.take() {
            Some((online, Ok(choice))) => Command::OpenAttempt { online, plugin, choice: Some(choice) },
            Some((_, Err(problem))) => Command::CannotOpen { failure: AttemptFailure::Selector { problem } },
            None => {
                let online = self.federation.inner.presence.connected();
                if let Some(selection) = self.state.selection(online.clone(), self.federation.now()) {
                    self.chooser.ask(&self.state, selection);
                }
                Command::OpenAttempt { online, plugin, choice: None }
            }
        }
    }

    async fn give_up_the_gone(&mut self) {
        let now = self.federation.now();
        let grace = self.state.config.reconnect_grace();
        let awaited = asking::awaited(&self.state);
        let absences = self.federation.inner.presence.absences(awaited.into_iter(), now);
        let gone = absences.into_iter().filter_map(|(client, absence)| match absence {
            Absence::GoneSince(since) if now >= since.plus(grace) => {
                Some(Command::GiveUp { client: client.clone(), gone_since: since })
            }
            _ => None,
        });
        let commands: Vec<Command> = gone.collect();
        if !commands.is_empty() {
            self.do_now(commands).await;
        }
    }

    fn waits_for_clients(&self) -> bool {
        self.state.wants_attempt() || self.state.wants_clients() || !asking::awaited(&self.state).is_empty()
    }

    /// When something is to be done even if nothing happens.
    fn next_wake(&self) -> Option<Timestamp> {
        if !self.state.is_active() {
            return None;
        }
        let now = self.federation.now();
        let grace = self.state.config.reconnect_grace();
        let awaited = asking::awaited(&self.state);
        let absences = self.federation.inner.presence.absences(awaited.into_iter(), now);
        let given_up = absences.into_iter().map(|(_, absence)| match absence {
            Absence::GoneSince(since) => since.plus(grace),
            Absence::From(time) => time,
        });
        given_up.chain(self.state.next_deadline()).min()
    }

    async fn take_report(&mut self, report: Report) {
        if let Some(command) = self.folder.take(report, &self.state) {
            self.do_now(vec![command]).await;
        }
        // What was folded decides what is to be done next, also where it changes nothing that is recorded.
        self.looked_at = None;
    }

    fn tell(&self, recorded: &Recorded) {
        let (session, event) = (self.state.id, recorded.event.name());
        match &recorded.event {
            Event::RoundCommitted { round, model, updates, .. } => {
                metrics::counter!("fedwit_rounds_total", "outcome" => "committed").increment(1);
                tracing::info!(
                    session.id = %session, round = %round, model.id = %model.id, updates,
                    "round {round} of session {session} ended with model {}", model.id
                );
            }
            Event::AttemptFailed { round, attempt, failure } => {
                metrics::counter!("fedwit_rounds_total", "outcome" => "failed").increment(1);
                tracing::warn!(
                    session.id = %session, round = %round, attempt = %attempt, code = failure.code(),
                    "round {round} of session {session}, attempt {attempt}: {failure}"
                );
            }
            Event::Failed { round, failure } => {
                tracing::error!(session.id = %session, "session {session} failed in round {round}: {failure}");
            }
            Event::Finished { .. } | Event::Stopped { .. } | Event::Paused => {
                tracing::info!(session.id = %session, event, "session {session} is {}", self.state.status.name());
            }
            _ => {
                tracing::debug!(session.id = %session, event, sequence = recorded.sequence, "session {session}: {event}");
            }
        }
    }
}

async fn sleep_until(clock: &dyn Clock, time: Option<Timestamp>) {
    if let Some(time) = time {
        clock.sleep_until(time).await;
    }
}
