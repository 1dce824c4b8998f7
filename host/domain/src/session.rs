//! A session's state. How it changes is in [`apply`], and in nothing else.

mod apply;
mod buffer;
mod history;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    AttemptFailure, AttemptNumber, ClientId, Digest, FinishReason, Metrics, ModelId, PluginVersion, RoundNumber,
    SessionConfig, SessionId, StateBlob, StoredModel, Timestamp, UpdateId, UpdateRefusal,
};

pub use self::buffer::{Buffer, Contribution, Contributor, LastAnswer, OpenTask};
pub use self::history::Participation;

/// The version that snapshots are written in. One of another version is passed over, and the log read from its start.
pub const SNAPSHOT_VERSION: u32 = 3;

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
    /// Clients and updates, if the session is buffered.
    pub buffer: Option<Buffer>,
    /// What each client has done in attempts that are over, if a client selector wants to know.
    pub history: BTreeMap<ClientId, Participation>,
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
    /// Who was asked, and what came of it. Nobody in a buffered session, whose clients are in [`Session::buffer`].
    pub asked: BTreeMap<ClientId, Answer>,
    /// Settings for single clients among them, until the attempt is over.
    pub settings: BTreeMap<ClientId, Map<String, Value>>,
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
    /// When it was taken.
    pub at: Timestamp,
}

/// An update that counts in the attempt that is under way, and what a fold has to know of it.
#[derive(Clone, Copy, Debug)]
pub struct CountedUpdate<'a> {
    /// Whose it is.
    pub client: &'a ClientId,
    /// The update.
    pub accepted: &'a Accepted,
    /// The file of the model that the client started from.
    pub base: Digest,
    /// How many models have been made since that one.
    pub staleness: u32,
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
    /// The attempt that is under way.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        match &self.phase {
            Phase::Collecting(attempt) | Phase::Aggregating(attempt) => Some(attempt),
            Phase::Idle | Phase::Awaiting { .. } => None,
        }
    }

    /// The updates that count in the attempt that is under way.
    pub fn counted_updates(&self) -> impl Iterator<Item = CountedUpdate<'_>> {
        let attempt = self.attempt();
        let base = self.model.blob;
        let of_rounds = attempt.into_iter().flat_map(Attempt::accepted);
        let of_rounds = of_rounds.map(move |(client, accepted)| CountedUpdate { client, accepted, base, staleness: 0 });
        let buffered = self.buffer.as_ref().zip(attempt);
        let buffered = buffered.and_then(|(buffer, attempt)| buffer.updates.get(&attempt.round));
        let buffered =
            buffered.into_iter().flatten().map(|Contribution { client, accepted, base, staleness, task: _ }| {
                CountedUpdate { client, accepted, base: *base, staleness: *staleness }
            });
        of_rounds.chain(buffered)
    }

    /// The task that a client of a buffered session was given and has not answered.
    #[must_use]
    pub fn open_task(&self, client: &ClientId) -> Option<&OpenTask> {
        self.buffer.as_ref()?.clients.get(client)?.open.as_ref()
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
}

pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
