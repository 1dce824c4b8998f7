//! What can be asked of a session.

use serde_json::{Map, Value};

use crate::{
    AttemptFailure, AttemptNumber, ClaimedTask, ClientId, Digest, Metrics, ModelId, PluginVersion, RoundNumber,
    SessionConfig, StateBlob, StoredModel, Timestamp, UpdateId, UpdateRefusal,
};

/// A wish. It comes from users, from clients, and from what the server finds when it looks.
#[derive(Clone, Debug)]
pub enum Command {
    /// Run rounds; on a session that ended, more rounds.
    Start(Start),
    /// Run no further round once the open one has ended.
    Pause,
    /// Go on.
    Resume,
    /// End now.
    Stop {
        /// Who or why, for people.
        reason: String,
    },
    /// Open the next attempt, if it is time for one.
    OpenAttempt {
        /// The clients that are there.
        online: Vec<ClientId>,
        /// What is installed under the configured aggregator's name.
        plugin: PluginVersion,
        /// What the session's client selector chose among these clients, once it has; nothing in a session without one.
        choice: Option<Choice>,
    },
    /// Ask clients to train, if the session is buffered and some that may be asked have nothing to do.
    Ask {
        /// The clients that are there.
        online: Vec<ClientId>,
    },
    /// Count an attempt that cannot even be opened as failed.
    CannotOpen {
        /// Why.
        failure: AttemptFailure,
    },
    /// Take an update.
    SubmitUpdate(SubmitUpdate),
    /// Stop waiting for a client that is gone, if it has been for long enough.
    GiveUp {
        /// The client.
        client: ClientId,
        /// Since when it is gone.
        gone_since: Timestamp,
    },
    /// Take an accepted update out again.
    Exclude {
        /// The round.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// Whose update.
        client: ClientId,
        /// Its name.
        update: UpdateId,
        /// What the aggregator said, or how it broke.
        problem: String,
    },
    /// End an attempt without a model.
    FailAttempt {
        /// The round.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
        /// Why.
        failure: AttemptFailure,
    },
    /// End a round with a model.
    Commit(Commit),
    /// Take what a client measured.
    ReportValidation {
        /// The round whose model it measured.
        round: RoundNumber,
        /// The client.
        client: ClientId,
        /// The finite numbers among what it sent.
        metrics: Metrics,
        /// How many examples it validated on, if it says so: positive and finite.
        examples: Option<f64>,
        /// All that it sent.
        data: Value,
    },
    /// See what time has done.
    Wake,
    /// The server has just started.
    Recover,
}

/// What a client selector chose. Nobody has checked it.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The round that it chose for.
    pub round: RoundNumber,
    /// The attempt at it that it chose for. For any other this is no choice.
    pub attempt: AttemptNumber,
    /// The plugin that chose.
    pub selector: PluginVersion,
    /// Whom it wants asked.
    pub selected: Vec<Selected>,
}

/// A client that is to be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// The client.
    pub client: ClientId,
    /// Settings for this client alone, which take the place of the session's of the same names.
    pub settings: Map<String, Value>,
}

/// What a session is made of.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// A name for people.
    pub name: String,
    /// How it is run.
    pub config: SessionConfig,
    /// The model that it starts from.
    pub seed_model: StoredModel,
}

/// What is to be run.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// How many rounds, from here on.
    pub rounds: u32,
    /// The clients that may be asked; any if there are none.
    pub clients: Vec<ClientId>,
    /// What the names of the models begin with.
    pub model_name_prefix: Option<String>,
    /// How long a round waits; as configured if none is given.
    pub round_timeout_s: Option<u32>,
}

/// An update, and what the server found when it looked at the file.
#[derive(Clone, Debug)]
pub struct SubmitUpdate {
    /// Who sends it.
    pub client: ClientId,
    /// Its name.
    pub update: UpdateId,
    /// What it says that it answers.
    pub claimed: ClaimedTask,
    /// What the server found.
    pub checked: Result<CheckedUpdate, UpdateRefusal>,
}

/// An update that is of the global model's tensors, and finite.
#[derive(Clone, Debug)]
pub struct CheckedUpdate {
    /// The file, as it was uploaded.
    pub blob: Digest,
    /// The file's length in bytes.
    pub size_bytes: u64,
    /// How many examples it says it rests on.
    pub examples: u64,
    /// What the client measured when it trained.
    pub metrics: Metrics,
    /// The Euclidean norm of its difference to the global model, if the session limits that.
    pub norm: Option<f64>,
}

/// What a round ends with.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The round.
    pub round: RoundNumber,
    /// The attempt at it.
    pub attempt: AttemptNumber,
    /// The new global model, durable.
    pub model: StoredModel,
    /// What the aggregator keeps for the next round, durable.
    pub state: Option<StateBlob>,
    /// What the aggregator measured: finite.
    pub metrics: Metrics,
}

impl Commit {
    /// The id of the model that a round ends with. The same whenever the round is done again.
    #[must_use]
    pub fn model_id(session: crate::SessionId, round: RoundNumber) -> ModelId {
        ModelId::derived(session, &format!("round {round}"))
    }
}
