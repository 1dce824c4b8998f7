//! Why something does not count, did not work, or is over. Each reason has a code that does not change.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{AttemptNumber, ConfigError, RoundNumber};

/// Why a command changes nothing.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Refusal {
    /// There is no such session.
    #[error("there is no such session")]
    NoSession,
    /// There is one already.
    #[error("the session exists already")]
    Exists,
    /// It can never work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A session cannot do this in its status.
    #[error("the session is {status}, so it cannot {what}")]
    Status {
        /// The session's status.
        status: &'static str,
        /// What was asked.
        what: &'static str,
    },
    /// An update does not count, and so often that it is not even recorded any more.
    #[error(transparent)]
    Update(UpdateRefusal),
    /// It was meant for an attempt that is over.
    #[error("round {round}, attempt {attempt} is not under way")]
    Stale {
        /// The round.
        round: RoundNumber,
        /// The attempt.
        attempt: AttemptNumber,
    },
    /// Nobody was asked to measure this model, or not this client, or it took too long.
    #[error("no validation of round {round} is awaited from this client")]
    NoValidation {
        /// The round.
        round: RoundNumber,
    },
}

/// Why a model update does not count. It carries no weight.
#[derive(Clone, Debug, Error, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum UpdateRefusal {
    /// The round that it is for is over.
    #[error("it is late: round {round} takes no more updates")]
    Late {
        /// The round that it was made for.
        round: RoundNumber,
    },
    /// It is for a round or an attempt that never was.
    #[error("it answers no task: {claimed}")]
    NoTask {
        /// What it says that it answers.
        claimed: String,
    },
    /// The client was not asked.
    #[error("the client was not asked in round {round}")]
    NotAsked {
        /// The round.
        round: RoundNumber,
    },
    /// The client's first update of a round counts, and no other.
    #[error("it is a second update: the client's first one of round {round} counts")]
    Duplicate {
        /// The round.
        round: RoundNumber,
    },
    /// Too many models have been made since the one that it started from.
    #[error("it is stale: {staleness} models have been made since the one that it started from, more than {limit}")]
    TooStale {
        /// How many.
        staleness: u32,
        /// The session's limit.
        limit: u32,
    },
    /// The file has been an update before.
    #[error("the uploaded file has been used as an update before")]
    Reused,
    /// There is no such file.
    #[error("no file was uploaded under this id")]
    NoUpload,
    /// Somebody else uploaded the file.
    #[error("the file was uploaded by another client")]
    Foreign,
    /// It is no update of the global model.
    #[error("{problem}")]
    Tensors {
        /// Names the tensor and what is wrong with it.
        problem: String,
    },
    /// It rests on nothing, or on an impossible number of examples.
    #[error("{problem}")]
    Examples {
        /// What is wrong.
        problem: String,
    },
    /// What came with it cannot be read.
    #[error("its metadata cannot be read: {problem}")]
    Metadata {
        /// What is wrong.
        problem: String,
    },
    /// It is further from the global model than the session allows.
    #[error("its norm of {norm} is above the session's limit of {limit}")]
    Norm {
        /// The Euclidean norm of its difference to the global model.
        norm: f64,
        /// The session's limit.
        limit: f64,
    },
    /// The aggregator rejected it, or broke on it.
    #[error("the aggregator excluded it: {problem}")]
    Excluded {
        /// What the aggregator said, or how it broke.
        problem: String,
    },
}

impl UpdateRefusal {
    /// Whether the client has answered its task, though badly: it is not going to send another update.
    #[must_use]
    pub fn answers(&self) -> bool {
        !matches!(self, Self::Late { .. } | Self::NoTask { .. } | Self::NotAsked { .. } | Self::Duplicate { .. })
    }

    /// The reason's code; see `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Late { .. } => "UPDATE_LATE",
            Self::NoTask { .. } => "UPDATE_ANSWERS_NO_TASK",
            Self::NotAsked { .. } => "UPDATE_NOT_ASKED",
            Self::Duplicate { .. } => "UPDATE_DUPLICATE",
            Self::TooStale { .. } => "UPDATE_TOO_STALE",
            Self::Reused => "UPDATE_REUSED",
            Self::NoUpload => "UPDATE_WITHOUT_FILE",
            Self::Foreign => "UPDATE_OF_ANOTHER_CLIENT",
            Self::Tensors { .. } => "UPDATE_TENSORS",
            Self::Examples { .. } => "UPDATE_EXAMPLES",
            Self::Metadata { .. } => "UPDATE_METADATA",
            Self::Norm { .. } => "UPDATE_NORM",
            Self::Excluded { .. } => "UPDATE_EXCLUDED",
        }
    }
}

/// What a client is told of its update.
pub type SubmissionAnswer = Result<(), UpdateRefusal>;

/// Why an attempt gave no model.
#[derive(Clone, Debug, Error, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum AttemptFailure {
    /// Too few clients were there.
    #[error("{online} of the {required} clients that it needs were there")]
    TooFewClients {
        /// Those that were there.
        online: u32,
        /// Those that it needs.
        required: u32,
    },
    /// Too few updates counted.
    #[error("{counted} of the {required} updates that it needs counted")]
    TooFewUpdates {
        /// Those that counted.
        counted: u32,
        /// Those that it needs.
        required: u32,
    },
    /// The aggregator broke on too many updates.
    #[error("the aggregator excluded {exclusions} updates, more than the {limit} that it may")]
    TooManyExclusions {
        /// How many it lost.
        exclusions: u32,
        /// How many it may lose.
        limit: u32,
    },
    /// The client selector failed, or chose what cannot be.
    #[error("the client selector failed: {problem}")]
    Selector {
        /// What it said, how it broke, or what is wrong with its choice.
        problem: String,
    },
    /// The aggregator failed, through no update's fault.
    #[error("the aggregator failed: {problem}")]
    Aggregator {
        /// What it said, or how it broke.
        problem: String,
    },
}

impl AttemptFailure {
    /// The reason's code; see `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooFewClients { .. } => "ROUND_TOO_FEW_CLIENTS",
            Self::TooFewUpdates { .. } => "ROUND_TOO_FEW_UPDATES",
            Self::TooManyExclusions { .. } => "ROUND_TOO_MANY_EXCLUSIONS",
            Self::Selector { .. } => "ROUND_SELECTOR_FAILED",
            Self::Aggregator { .. } => "ROUND_AGGREGATOR_FAILED",
        }
    }
}

/// Why a session ended well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum FinishReason {
    /// All rounds are done.
    Rounds,
    /// The target is reached.
    Target {
        /// The round whose model reached it.
        round: RoundNumber,
        /// The metric's value.
        value: f64,
    },
}
