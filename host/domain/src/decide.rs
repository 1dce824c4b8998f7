//! What follows from a command, and from time.

mod buffered;
mod round;
mod selecting;
mod update;
mod validation;

use crate::{
    AttemptFailure, Command, Event, FinishReason, NewSession, Phase, Recorded, Refusal, RoundNumber, Session,
    SessionId, Start, Status, Timestamp,
};

impl Session {
    /// Makes a session.
    ///
    /// # Errors
    /// [`Refusal::Config`].
    pub fn create(id: SessionId, new: NewSession, now: Timestamp) -> Result<(Self, Recorded), Refusal> {
        new.config.check()?;
        let NewSession { name, config, seed_model } = new;
        let event = Event::SessionCreated { name, config, seed_model };
        let recorded = Recorded { sequence: 1, at: now, event };
        let session = Self::begin(id, &recorded).ok_or(Refusal::NoSession)?;
        Ok((session, recorded))
    }

    /// What follows from a command at a time, already applied. Time comes first: what it has ended is over, whatever
    /// the command hopes for. All of the events belong together: they are recorded in one piece, or the session is read
    /// from its log again.
    ///
    /// The second part says why the command itself changes nothing, if so; what time has done is in the first all the
    /// same.
    pub fn step(&mut self, command: Command, now: Timestamp) -> (Vec<Recorded>, Result<(), Refusal>) {
        // A clock that is set back does not undo what has happened.
        let now = now.max(self.last_event_at);
        let mut recorded = Vec::new();
        if matches!(command, Command::Recover) {
            if self.is_active() {
                self.record(Event::Recovered, now, &mut recorded);
            }
            self.settle(now, &mut recorded);
            return (recorded, Ok(()));
        }
        self.settle(now, &mut recorded);
        let answer = match self.decide(command, now) {
            Ok(events) => {
                for event in events {
                    self.record(event, now, &mut recorded);
                }
                Ok(())
            }
            Err(refusal) => Err(refusal),
        };
        self.settle(now, &mut recorded);
        (recorded, answer)
    }

    fn record(&mut self, event: Event, now: Timestamp, recorded: &mut Vec<Recorded>) {
        let next = Recorded { sequence: self.sequence + 1, at: now, event };
        self.apply(&next);
        recorded.push(next);
    }

    fn settle(&mut self, now: Timestamp, recorded: &mut Vec<Recorded>) {
        while let Some(event) = self.advance(now) {
            self.record(event, now, recorded);
        }
    }

    fn decide(&self, command: Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Start(start) => self.start(start),
            Command::Pause => match self.status {
                Status::Running => Ok(vec![Event::PauseRequested]),
                Status::Pausing | Status::Paused => Ok(Vec::new()),
                _ => Err(self.cannot("be paused")),
            },
            Command::Resume => match self.status {
                Status::Pausing | Status::Paused => Ok(vec![Event::Resumed]),
                Status::Running => Ok(Vec::new()),
                _ => Err(self.cannot("be resumed")),
            },
            Command::Stop { reason } => match self.status {
                Status::Stopped { .. } => Ok(Vec::new()),
                _ if self.has_ended() => Err(self.cannot("be stopped")),
                _ => Ok(vec![Event::Stopped { reason }]),
            },
            Command::OpenAttempt { online, plugin, choice } => Ok(self.open_attempt(online, plugin, choice, now)),
            Command::Ask { online } => Ok(self.ask(online, now)),
            Command::CannotOpen { failure } => Ok(self.cannot_open(failure)),
            Command::SubmitUpdate(submission) => self.submit(submission),
            Command::GiveUp { client, gone_since } => Ok(self.give_up(&client, gone_since, now)),
            Command::Exclude { round, attempt, client, update, problem } => {
                self.exclude((round, attempt), client, &update, problem)
            }
            Command::FailAttempt { round, attempt, failure } => self.fail_attempt(round, attempt, failure),
            Command::Commit(commit) => self.commit(commit, now),
            Command::ReportValidation { round, client, metrics, examples, data } => {
                self.report_validation(round, client, metrics, examples, data)
            }
            Command::Wake | Command::Recover => Ok(Vec::new()),
        }
    }

    /// What happens next by itself, if anything does. Applied until nothing does.
    #[must_use]
    pub fn advance(&self, now: Timestamp) -> Option<Event> {
        if !self.is_active() {
            return None;
        }
        if let Some(closed) = self.close_due_validation(now) {
            return Some(closed);
        }
        match &self.phase {
            // No barrier: while a model was measured, the next ones were begun.
            Phase::Collecting(_) | Phase::Awaiting { .. } if self.buffer.is_some() && self.reached.is_some() => {
                self.between_rounds()
            }
            Phase::Collecting(attempt) => self.close_attempt(attempt, now),
            Phase::Aggregating(attempt) => self.too_little_left(attempt),
            Phase::Awaiting { online, until } if now >= *until => Some(Event::AttemptFailed {
                round: self.next_round(),
                attempt: self.next_attempt(),
                failure: AttemptFailure::TooFewClients { online: *online, required: self.config.clients_required },
            }),
            Phase::Awaiting { .. } if self.status == Status::Pausing => Some(Event::Paused),
            Phase::Awaiting { .. } => None,
            Phase::Idle => self.between_rounds(),
        }
    }

    fn between_rounds(&self) -> Option<Event> {
        if let Some((round, value)) = self.reached {
            return Some(Event::Finished { reason: FinishReason::Target { round, value } });
        }
        let last = self.failures.last();
        if let Some(failure) = last.filter(|_| self.failures.len() >= self.config.attempts as usize) {
            return Some(Event::Failed { round: self.next_round(), failure: failure.clone() });
        }
        let until = self.run.as_ref().map_or(RoundNumber(0), |run| run.until);
        if self.completed >= until {
            let done = self.validations.is_empty();
            return done.then_some(Event::Finished { reason: FinishReason::Rounds });
        }
        (self.status == Status::Pausing && self.validations.is_empty()).then_some(Event::Paused)
    }

    fn start(&self, start: Start) -> Result<Vec<Event>, Refusal> {
        if !matches!(self.status, Status::Created) && !self.has_ended() {
            return Err(self.cannot("be started"));
        }
        let Start { rounds, clients, model_name_prefix, round_timeout_s } = start;
        if rounds == 0 {
            return Err(Refusal::Config(crate::ConfigError { setting: "rounds", problem: "0 are none".to_owned() }));
        }
        if let Some(seconds) = round_timeout_s {
            crate::SessionConfig { round_timeout_s: seconds, ..self.config.clone() }.check()?;
        }
        let few = crate::session::count(clients.len());
        if few > 0 && few < self.config.clients_required {
            let problem =
                format!("{few} clients are fewer than the {} that a round needs", self.config.clients_required);
            return Err(Refusal::Config(crate::ConfigError { setting: "clients", problem }));
        }
        Ok(vec![Event::RunStarted { rounds, clients, model_name_prefix, round_timeout_s }])
    }

    fn cannot(&self, what: &'static str) -> Refusal {
        Refusal::Status { status: self.status.name(), what }
    }
}

impl Status {
    /// In one word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Finished { .. } => "finished",
            Self::Stopped { .. } => "stopped",
            Self::Failed { .. } => "failed",
        }
    }
}
