//! What happened in a session. The log of these is the truth; everything else is a view of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::{
    AttemptFailure, AttemptNumber, ClientId, Digest, FinishReason, Metrics, ModelId, RoundNumber, SessionConfig,
    TaskNumber, Timestamp, UpdateId, UpdateRefusal,
};

/// The version that events are written in. Older ones are brought up to it when they are read.
///
/// - 1: rounds that wait for their clients.
/// - 2: buffered sessions. What an event has more is left out where it says nothing, so that 1 reads as 2.
/// - 3: client selectors, in the same manner.
pub const EVENT_VERSION: u32 = 3;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The session exists, and starts from a model.
    SessionCreated {
        /// A name for people.
        name: String,
        /// How it is run.
        config: SessionConfig,
        /// The model that it starts from.
        seed_model: StoredModel,
    },
    /// Rounds were asked for.
    RunStarted {
        /// How many, from here on.
        rounds: u32,
        /// The clients that may be asked; any if there are none.
        clients: Vec<ClientId>,
        /// What the names of the models begin with.
        model_name_prefix: Option<String>,
        /// How long a round waits; as configured if none is given.
        round_timeout_s: Option<u32>,
    },
    /// No attempt can be opened yet.
    ClientsAwaited {
        /// The round.
        round: RoundNumber,
        /// The attempt that is to be opened.
        attempt: AttemptNumber,
        /// Clients that are there.
        online: u32,
        /// When it is given up.
        until: Timestamp,
    },
    /// Clients are asked to train.
    AttemptOpened {
        /// The round.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// The global model that they start from.
        base: ModelId,
        /// Who is asked; nobody in a buffered session, which asks at any time.
        asked: Vec<ClientId>,
        /// Until when their updates count.
        deadline: Timestamp,
        /// What aggregates them.
        plugin: PluginVersion,
        /// What chose who is asked, in a session that has a client selector.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selector: Option<PluginVersion>,
        /// Settings for single clients among them, which take the place of the session's of the same names.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        settings: BTreeMap<ClientId, Map<String, Value>>,
    },
    /// Clients of a buffered session are asked to train, starting from the newest model.
    ClientsAsked {
        /// The round that is next.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// The global model that they start from.
        base: ModelId,
        /// Who is asked, and the numbers of their tasks.
        asked: Vec<AskedToTrain>,
    },
    /// An update counts, and is kept.
    UpdateAccepted {
        /// The round that it counts for: in a buffered session possibly one that is not open yet.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// The task that it answers, in a buffered session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskNumber>,
        /// How many models will have been made, when its round makes the next, since the one that it started from.
        #[serde(default, skip_serializing_if = "is_zero")]
        staleness: u32,
        /// Who sent it.
        client: ClientId,
        /// Its name.
        update: UpdateId,
        /// The file, as it was uploaded.
        blob: Digest,
        /// The file's length in bytes.
        size_bytes: u64,
        /// How many examples it rests on.
        examples: u64,
        /// What the client measured when it trained.
        metrics: Metrics,
    },
    /// An update does not count.
    UpdateRefused {
        /// The round that it was sent in.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// The task that it answers, though badly, in a buffered session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskNumber>,
        /// Who sent it.
        client: ClientId,
        /// Its name.
        update: UpdateId,
        /// Why.
        refusal: UpdateRefusal,
    },
    /// An update that counted does not count any more: the aggregator rejected it, or broke on it.
    UpdateExcluded {
        /// The round.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// The task that it answered, in a buffered session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskNumber>,
        /// Whose update.
        client: ClientId,
        /// Its name.
        update: UpdateId,
        /// What the aggregator said, or how it broke.
        problem: String,
    },
    /// A client is not waited for any more.
    ClientGivenUp {
        /// The round.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// Its task, in a buffered session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskNumber>,
        /// The client.
        client: ClientId,
        /// Since when it is gone.
        gone_since: Timestamp,
    },
    /// An attempt takes no more updates; what it has is made a model of.
    AttemptClosed {
        /// The round.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// Updates that count.
        updates: u32,
    },
    /// An attempt gave no model.
    AttemptFailed {
        /// The round.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// Why.
        failure: AttemptFailure,
    },
    /// A round ended with a new global model.
    RoundCommitted {
        /// The round.
        round: RoundNumber,
        /// The attempt that succeeded.
        attempt: AttemptNumber,
        /// The new global model.
        model: StoredModel,
        /// The model that it improves upon.
        parent: ModelId,
        /// What the aggregator keeps for the next round.
        state: Option<StateBlob>,
        /// What the aggregator measured.
        metrics: Metrics,
        /// Updates that count.
        updates: u32,
        /// Examples that they rest on.
        examples: u64,
    },
    /// Clients are asked to measure a round's model.
    ValidationOpened {
        /// The round.
        round: RoundNumber,
        /// Its model.
        model: ModelId,
        /// Who is asked.
        asked: Vec<AskedToValidate>,
        /// How long they are waited for.
        until: Timestamp,
    },
    /// A client has measured a round's model.
    ValidationReported {
        /// The round.
        round: RoundNumber,
        /// The client.
        client: ClientId,
        /// Its numbers.
        metrics: Metrics,
        /// What they weigh in the round's means, and what says so.
        weight: ValidatedBy,
        /// All that it sent.
        data: Value,
    },
    /// A client is not going to measure a round's model.
    ValidationGivenUp {
        /// The round.
        round: RoundNumber,
        /// The client.
        client: ClientId,
    },
    /// Nobody is waited for any more to measure a round's model.
    ValidationClosed {
        /// The round.
        round: RoundNumber,
        /// The example-weighted means.
        means: Metrics,
        /// How many clients measured it.
        reports: u32,
        /// Whether it is the best model so far, where the session looks for that.
        best: bool,
    },
    /// Asked to pause. An open round goes on to its end.
    PauseRequested,
    /// Nothing is under way, until resumed.
    Paused,
    /// Goes on.
    Resumed,
    /// The server was away: waits end later, by as long as nothing could happen.
    Recovered,
    /// Ended by a user. What was under way is dropped.
    Stopped {
        /// Who or why, for people.
        reason: String,
    },
    /// Ended well.
    Finished {
        /// Why.
        reason: FinishReason,
    },
    /// Ended badly.
    Failed {
        /// The round that could not be done.
        round: RoundNumber,
        /// Why its last attempt failed.
        failure: AttemptFailure,
    },
}

/// A client that is asked to train in a buffered session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedToTrain {
    /// The client.
    pub client: ClientId,
    /// Its task.
    pub task: TaskNumber,
}

/// A client that is asked to measure a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedToValidate {
    /// The client.
    pub client: ClientId,
    /// The examples that it trained on in the round, if its update counts.
    pub trained: Option<u64>,
}

/// A model in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredModel {
    /// The model.
    pub id: ModelId,
    /// Its safetensors file.
    pub blob: Digest,
    /// The file's length in bytes.
    pub size_bytes: u64,
}

/// What an aggregator keeps, in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBlob {
    /// Its safetensors file.
    pub blob: Digest,
    /// The file's length in bytes.
    pub size_bytes: u64,
    /// The plugin that it belongs to.
    pub plugin: String,
}

/// A plugin, as it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginVersion {
    /// Its name.
    pub name: String,
    /// The version that it says it is.
    pub version: String,
    /// What it is addressed by.
    pub digest: Digest,
}

/// What a client's validation weighs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", content = "examples", rename_all = "snake_case")]
pub enum ValidatedBy {
    /// As many examples as it says that it validated on.
    Validated(f64),
    /// It does not say; as many as it trained on in the round.
    Trained(f64),
    /// Nobody knows; 1.
    Nobody,
}

/// An event in its place in a session's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Counts from 1 in each session.
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Why a recorded event cannot be read.
#[derive(Debug, Error)]
pub enum EventError {
    /// A newer server wrote it.
    #[error("the event is of version {found}, but this server reads up to {EVENT_VERSION}")]
    Newer {
        /// The event's version.
        found: u32,
    },
    /// It is damaged.
    #[error("the event cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl Event {
    /// Reads an event of any version so far.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn from_recorded(version: u32, json: &str) -> Result<Self, EventError> {
        match version {
            1..=EVENT_VERSION => Ok(serde_json::from_str(json)?),
            found => Err(EventError::Newer { found }),
        }
    }

    /// The event as it is recorded, in [`EVENT_VERSION`].
    ///
    /// # Errors
    /// Never, for events that [`Session::step`](crate::Session::step) gave: their numbers are finite.
    pub fn to_json(&self) -> Result<String, EventError> {
        Ok(serde_json::to_string(self)?)
    }

    /// The type's name, as it is recorded.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SessionCreated { .. } => "session_created",
            Self::RunStarted { .. } => "run_started",
            Self::ClientsAwaited { .. } => "clients_awaited",
            Self::AttemptOpened { .. } => "attempt_opened",
            Self::ClientsAsked { .. } => "clients_asked",
            Self::UpdateAccepted { .. } => "update_accepted",
            Self::UpdateRefused { .. } => "update_refused",
            Self::UpdateExcluded { .. } => "update_excluded",
            Self::ClientGivenUp { .. } => "client_given_up",
            Self::AttemptClosed { .. } => "attempt_closed",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::RoundCommitted { .. } => "round_committed",
            Self::ValidationOpened { .. } => "validation_opened",
            Self::ValidationReported { .. } => "validation_reported",
            Self::ValidationGivenUp { .. } => "validation_given_up",
            Self::ValidationClosed { .. } => "validation_closed",
            Self::PauseRequested => "pause_requested",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Recovered => "recovered",
            Self::Stopped { .. } => "stopped",
            Self::Finished { .. } => "finished",
            Self::Failed { .. } => "failed",
        }
    }

    /// The round that it belongs to, if to any.
    #[must_use]
    pub fn round(&self) -> Option<RoundNumber> {
        match self {
            Self::ClientsAwaited { round, .. }
            | Self::AttemptOpened { round, .. }
            | Self::ClientsAsked { round, .. }
            | Self::UpdateAccepted { round, .. }
            | Self::UpdateRefused { round, .. }
            | Self::UpdateExcluded { round, .. }
            | Self::ClientGivenUp { round, .. }
            | Self::AttemptClosed { round, .. }
            | Self::AttemptFailed { round, .. }
            | Self::RoundCommitted { round, .. }
            | Self::ValidationOpened { round, .. }
            | Self::ValidationReported { round, .. }
            | Self::ValidationGivenUp { round, .. }
            | Self::ValidationClosed { round, .. }
            | Self::Failed { round, .. } => Some(*round),
            Self::SessionCreated { .. }
            | Self::RunStarted { .. }
            | Self::PauseRequested
            | Self::Paused
            | Self::Resumed
            | Self::Recovered
            | Self::Stopped { .. }
            | Self::Finished { .. } => None,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl ValidatedBy {
    /// The weight.
    #[must_use]
    pub fn weight(self) -> f64 {
        match self {
            Self::Validated(examples) | Self::Trained(examples) => examples,
            Self::Nobody => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn events_from_before_there_were_buffered_sessions_are_read() {
        let accepted = r#"{"type": "update_accepted", "round": 3, "attempt": 2, "client": "c", "update": "u",
            "blob": "0101010101010101010101010101010101010101010101010101010101010101", "size_bytes": 7, "examples": 5,
            "metrics": {}}"#;
        let refused = r#"{"type": "update_refused", "round": 3, "attempt": 2, "client": "c", "update": "u",
            "refusal": {"reason": "reused"}}"#;
        let given_up = r#"{"type": "client_given_up", "round": 3, "attempt": 2, "client": "c", "gone_since": 9}"#;
        let event = |json| Event::from_recorded(1, json).unwrap();
        assert!(matches!(event(accepted), Event::UpdateAccepted { task: None, staleness: 0, examples: 5, .. }));
        assert!(matches!(event(refused), Event::UpdateRefused { task: None, .. }));
        assert!(matches!(event(given_up), Event::ClientGivenUp { task: None, .. }));
        assert!(matches!(Event::from_recorded(EVENT_VERSION + 1, given_up), Err(EventError::Newer { .. })));
    }
}
