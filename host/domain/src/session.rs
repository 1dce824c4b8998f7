//! A session's state, and the one way that it changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    AskedToValidate, AttemptFailure, AttemptNumber, ClientId, Digest, Event, FinishReason, Metrics, ModelId,
    PluginVersion, Recorded, RoundNumber, SessionConfig, SessionId, StateBlob, StoredModel, Timestamp, UpdateId,
    UpdateRefusal,
};

/// The version that snapshots are written in. One of another version is passed over, and the log read from its start.
pub const SNAPSHOT_VERSION: u32 = 1;

/// All that the rules need to know of a session. Events say how it got there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The session.
    pub id: SessionId,
    /// A name for people.
    pub name: String,
    /// How it is run.
    pub config: SessionConfig,
    /// What it is doing.
    pub status: Status,
    /// The latest global model.
    pub model: StoredModel,
    /// What the aggregator keeps.
    pub state: Option<StateBlob>,
    /// The last round that gave a model; 0 before the first.
    pub completed: RoundNumber,
    /// What was asked for, once anything was.
    pub run: Option<Run>,
    /// Where the next or open round is.
    pub phase: Phase,
    /// The last attempt that is over: who asks again what became of its update gets the same answer.
    pub previous: Option<Attempt>,
    /// Refusals that were recorded since, while no attempt was open.
    pub late_refusals: u32,
    /// Attempts at the next or open round that earlier runs made: no two attempts at a round have one number.
    pub earlier_attempts: u32,
    /// Attempts at the next or open round that failed in this run.
    pub failures: Vec<AttemptFailure>,
    /// Validations that are awaited, by round.
    pub validations: BTreeMap<RoundNumber, Validation>,
    /// The best model so far, where the session looks for that.
    pub best: Option<Best>,
    /// Set once the target is reached.
    pub reached: Option<(RoundNumber, f64)>,
    /// Set when the server comes back, until the next attempt is opened: clients have this long to come back too.
    pub recovering_until: Option<Timestamp>,
    /// The number of the last event.
    pub sequence: u64,
    /// The time of the last event.
    pub last_event_at: Timestamp,
}

/// What a session is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Not started yet.
    Created,
    /// Running rounds.
    Running,
    /// Running the open round to its end, and none after it.
    Pausing,
    /// Waiting to be resumed.
    Paused,
    /// Ended well.
    Finished {
        /// Why.
        reason: FinishReason,
    },
    /// Ended by a user.
    Stopped {
        /// Who or why.
        reason: String,
    },
    /// Ended badly.
    Failed {
        /// The round that could not be done.
        round: RoundNumber,
        /// Why its last attempt failed.
        failure: AttemptFailure,
    },
}

/// Rounds that were asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The last round.
    pub until: RoundNumber,
    /// The clients that may be asked; any if there are none.
    pub clients: BTreeSet<ClientId>,
    /// What the names of the models begin with.
    pub model_name_prefix: Option<String>,
    /// How long a round waits, if not as configured.
    pub round_timeout_s: Option<u32>,
}

/// Where a round is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Between rounds.
    Idle,
    /// Too few clients are there to open an attempt.
    Awaiting {
        /// Clients that were there when this began.
        online: u32,
        /// When it is given up.
        until: Timestamp,
    },
    /// Updates come in.
    Collecting(Attempt),
    /// Updates are made a model of.
    Aggregating(Attempt),
}

/// A try at a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The round.
    pub round: RoundNumber,
    /// The attempt at it.
    pub number: AttemptNumber,
    /// What aggregates.
    pub plugin: PluginVersion,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Until when updates count.
    pub deadline: Timestamp,
    /// Who was asked, and what came of it.
    pub asked: BTreeMap<ClientId, Answer>,
    /// How many of them are still waited for.
    pub pending: u32,
    /// How many updates count.
    pub counted: u32,
    /// How many updates were taken out again.
    pub exclusions: u32,
    /// How many refusals were recorded, of all clients.
    pub refusals: u32,
}

/// What came of asking a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Nothing yet.
    Pending,
    /// An update that counts.
    Accepted(Accepted),
    /// An update that does not.
    Refused {
        /// The last one.
        update: UpdateId,
        /// Why it does not.
        refusal: UpdateRefusal,
        /// How many there were.
        times: u32,
    },
    /// An update that did not count any more once the aggregator saw it.
    Excluded {
        /// Its name.
        update: UpdateId,
        /// What the aggregator said, or how it broke.
        problem: String,
    },
    /// It was gone for too long.
    GivenUp,
}

/// An update that counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its name.
    pub update: UpdateId,
    /// The file, as it was uploaded.
    pub blob: Digest,
    /// Examples that it rests on.
    pub examples: u64,
    /// What the client measured when it trained.
    pub metrics: Metrics,
}

/// A validation that is awaited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The model.
    pub model: ModelId,
    /// Who was asked, and what came of it.
    pub asked: BTreeMap<ClientId, ValidationAnswer>,
    /// How long they are waited for.
    pub until: Timestamp,
    /// How many of them are still waited for.
    pub pending: u32,
}

/// What came of asking a client to measure a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum ValidationAnswer {
    /// Nothing yet; the examples that it trained on in the round, if it did.
    Pending {
        /// Examples.
        trained: Option<u64>,
    },
    /// Its numbers.
    Reported {
        /// By name.
        metrics: Metrics,
        /// What they weigh.
        weight: f64,
    },
    /// It was gone for too long.
    GivenUp,
}

/// The best model so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The model.
    pub model: ModelId,
    /// The round that ended with it.
    pub round: RoundNumber,
    /// Its metric.
    pub value: f64,
}

impl Session {
    /// The session after an event. Events come in the order of their sequence; only the first makes a session, and an
    /// event that cannot be first gives none.
    #[must_use]
    pub fn begin(id: SessionId, first: &Recorded) -> Option<Self> {
        let Event::SessionCreated { name, config, seed_model } = &first.event else { return None };
        Some(Self {
            id,
            name: name.clone(),
            config: config.clone(),
            status: Status::Created,
            model: *seed_model,
            state: None,
            completed: RoundNumber(0),
            run: None,
            phase: Phase::Idle,
            previous: None,
            late_refusals: 0,
            earlier_attempts: 0,
            failures: Vec::new(),
            validations: BTreeMap::new(),
            best: None,
            reached: None,
            recovering_until: None,
            sequence: first.sequence,
            last_event_at: first.at,
        })
    }

    /// Takes in what happened next.
    pub fn apply(&mut self, recorded: &Recorded) {
        let Recorded { sequence, at, event } = recorded;
        match event {
            Event::SessionCreated { .. } => {}
            Event::RunStarted { rounds, clients, model_name_prefix, round_timeout_s } => {
                self.status = Status::Running;
                self.phase = Phase::Idle;
                self.reached = None;
                self.run = Some(Run {
                    until: RoundNumber(self.completed.0.saturating_add(*rounds)),
                    clients: clients.iter().cloned().collect(),
                    model_name_prefix: model_name_prefix.clone(),
                    round_timeout_s: *round_timeout_s,
                });
            }
            Event::ClientsAwaited { online, until, .. } => {
                self.phase = Phase::Awaiting { online: *online, until: *until };
            }
            Event::AttemptOpened { round, attempt, asked, deadline, plugin, .. } => {
                let asked: BTreeMap<_, _> = asked.iter().map(|client| (client.clone(), Answer::Pending)).collect();
                self.late_refusals = 0;
                self.recovering_until = None;
                self.phase = Phase::Collecting(Attempt {
                    round: *round,
                    number: *attempt,
                    plugin: plugin.clone(),
                    opened_at: *at,
                    deadline: *deadline,
                    pending: count(asked.len()),
                    asked,
                    counted: 0,
                    exclusions: 0,
                    refusals: 0,
                });
            }
            Event::UpdateAccepted { round, attempt, client, update, blob, examples, metrics, .. } => {
                if let Some(open) = self.attempt_mut(*round, *attempt) {
                    let (update, blob, examples) = (update.clone(), *blob, *examples);
                    open.answer(
                        client,
                        Answer::Accepted(Accepted { update, blob, examples, metrics: metrics.clone() }),
                    );
                }
            }
            Event::UpdateRefused { round, attempt, client, update, refusal } => {
                if let Some(open) = self.attempt_mut(*round, *attempt) {
                    open.refusals = open.refusals.saturating_add(1);
                    open.refused(client, update, refusal);
                } else {
                    self.late_refusals = self.late_refusals.saturating_add(1);
                }
            }
            Event::UpdateExcluded { round, attempt, client, update, problem } => {
                if let Some(open) = self.attempt_mut(*round, *attempt) {
                    open.exclusions = open.exclusions.saturating_add(1);
                    open.answer(client, Answer::Excluded { update: update.clone(), problem: problem.clone() });
                }
            }
            Event::ClientGivenUp { round, attempt, client, .. } => {
                if let Some(open) = self.attempt_mut(*round, *attempt) {
                    open.answer(client, Answer::GivenUp);
                }
            }
            Event::AttemptClosed { .. } => {
                if let Phase::Collecting(attempt) = std::mem::replace(&mut self.phase, Phase::Idle) {
                    self.phase = Phase::Aggregating(attempt);
                }
            }
            Event::AttemptFailed { failure, .. } => {
                self.leave_attempt();
                self.failures.push(failure.clone());
            }
            Event::RoundCommitted { round, model, state, .. } => {
                self.leave_attempt();
                self.failures.clear();
                self.earlier_attempts = 0;
                self.completed = *round;
                self.model = *model;
                self.state.clone_from(state);
            }
            Event::ValidationOpened { round, model, asked, until } => {
                let pending = count(asked.len());
                let slot = |asked: &AskedToValidate| {
                    (asked.client.clone(), ValidationAnswer::Pending { trained: asked.trained })
                };
                let asked = asked.iter().map(slot).collect();
                self.validations.insert(*round, Validation { model: *model, asked, until: *until, pending });
            }
            Event::ValidationReported { round, client, metrics, weight, .. } => {
                let (metrics, weight) = (metrics.clone(), weight.weight());
                self.validated(*round, client, ValidationAnswer::Reported { metrics, weight });
            }
            Event::ValidationGivenUp { round, client } => {
                self.validated(*round, client, ValidationAnswer::GivenUp);
            }
            Event::ValidationClosed { round, means, best, .. } => self.close_validation(*round, means, *best),
            Event::PauseRequested => self.status = Status::Pausing,
            Event::Paused => {
                self.status = Status::Paused;
                self.phase = Phase::Idle;
            }
            Event::Resumed => self.status = Status::Running,
            Event::Recovered => self.postpone(*at),
            Event::Stopped { reason } => self.end(Status::Stopped { reason: reason.clone() }),
            Event::Finished { reason } => self.end(Status::Finished { reason: reason.clone() }),
            Event::Failed { round, failure } => {
                self.end(Status::Failed { round: *round, failure: failure.clone() });
            }
        }
        self.sequence = *sequence;
        self.last_event_at = *at;
    }

    fn close_validation(&mut self, round: RoundNumber, means: &Metrics, best: bool) {
        let Some(closed) = self.validations.remove(&round) else { return };
        if let (true, Some(by)) = (best, &self.config.best_model)
            && let Some(value) = means.get(&by.metric)
        {
            self.best = Some(Best { model: closed.model, round, value: *value });
        }
        if let Some(target) = &self.config.target
            && let Some(value) = means.get(&target.metric)
            && target.reached_by(*value)
        {
            self.reached = Some((round, *value));
        }
    }

    fn validated(&mut self, round: RoundNumber, client: &ClientId, answer: ValidationAnswer) {
        let Some(validation) = self.validations.get_mut(&round) else { return };
        if let Some(slot) = validation.asked.get_mut(client)
            && matches!(slot, ValidationAnswer::Pending { .. })
        {
            *slot = answer;
            validation.pending = validation.pending.saturating_sub(1);
        }
    }

    fn leave_attempt(&mut self) {
        if let Phase::Collecting(attempt) | Phase::Aggregating(attempt) =
            std::mem::replace(&mut self.phase, Phase::Idle)
        {
            self.previous = Some(attempt);
        }
    }

    fn end(&mut self, status: Status) {
        self.status = status;
        let open = u32::from(self.attempt().is_some());
        self.earlier_attempts = self.earlier_attempts.saturating_add(count(self.failures.len())).saturating_add(open);
        self.leave_attempt();
        self.validations.clear();
        self.failures.clear();
    }

    /// Nothing happened between the last event and now because the server was away. What was left of each wait is left
    /// again, and at least the time that a client has to come back.
    fn postpone(&mut self, now: Timestamp) {
        let (last, grace) = (self.last_event_at, self.config.reconnect_grace());
        self.recovering_until = Some(now.plus(grace));
        let postponed = |until: Timestamp| now.plus(until.since(last).max(grace));
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Awaiting { until, .. } => *until = postponed(*until),
            Phase::Collecting(attempt) | Phase::Aggregating(attempt) => attempt.deadline = postponed(attempt.deadline),
        }
        for validation in self.validations.values_mut() {
            validation.until = postponed(validation.until);
        }
    }

    fn attempt_mut(&mut self, round: RoundNumber, number: AttemptNumber) -> Option<&mut Attempt> {
        match &mut self.phase {
            Phase::Collecting(attempt) | Phase::Aggregating(attempt)
                if attempt.round == round && attempt.number == number =>
            {
                Some(attempt)
            }
            _ => None,
        }
    }

    /// The attempt that is under way.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        match &self.phase {
            Phase::Collecting(attempt) | Phase::Aggregating(attempt) => Some(attempt),
            Phase::Idle | Phase::Awaiting { .. } => None,
        }
    }

    /// The round that is open, or comes next.
    #[must_use]
    pub fn next_round(&self) -> RoundNumber {
        self.completed.next()
    }

    /// The attempt that is open, or comes next.
    #[must_use]
    pub fn next_attempt(&self) -> AttemptNumber {
        AttemptNumber(self.earlier_attempts.saturating_add(count(self.failures.len())).saturating_add(1))
    }

    /// Whether anything may still happen by itself.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self.status, Status::Running | Status::Pausing)
    }

    /// Whether it has ended, well or badly. It can be started again.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.status, Status::Finished { .. } | Status::Stopped { .. } | Status::Failed { .. })
    }

    /// The next point in time at which a wait is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let round = match &self.phase {
            Phase::Awaiting { until, .. } => Some(*until),
            Phase::Collecting(attempt) => Some(attempt.deadline),
            Phase::Idle | Phase::Aggregating(_) => None,
        };
        let recovering = self.recovering_until.filter(|_| self.wants_attempt());
        round.into_iter().chain(recovering).chain(self.validations.values().map(|validation| validation.until)).min()
    }
}

impl Attempt {
    /// The updates that count.
    pub fn accepted(&self) -> impl Iterator<Item = (&ClientId, &Accepted)> {
        self.asked.iter().filter_map(|(client, answer)| match answer {
            Answer::Accepted(accepted) => Some((client, accepted)),
            _ => None,
        })
    }

    fn answer(&mut self, client: &ClientId, answer: Answer) {
        let Some(slot) = self.asked.get_mut(client) else { return };
        let is = |answer: &Answer| (matches!(answer, Answer::Pending), matches!(answer, Answer::Accepted(_)));
        let (was, becomes) = (is(slot), is(&answer));
        self.pending = self.pending + u32::from(becomes.0) - u32::from(was.0);
        self.counted = self.counted + u32::from(becomes.1) - u32::from(was.1);
        *slot = answer;
    }

    /// What was refused is remembered, so that asking again gets the same answer; what counts still counts. A client
    /// whose update was no answer to this attempt is still waited for.
    fn refused(&mut self, client: &ClientId, update: &UpdateId, refusal: &UpdateRefusal) {
        if !refusal.answers() {
            return;
        }
        let times = match self.asked.get(client) {
            Some(Answer::Pending | Answer::GivenUp) => 1,
            Some(Answer::Refused { times, .. }) => times.saturating_add(1),
            Some(Answer::Accepted(_) | Answer::Excluded { .. }) | None => return,
        };
        self.answer(client, Answer::Refused { update: update.clone(), refusal: refusal.clone(), times });
    }
}

pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
