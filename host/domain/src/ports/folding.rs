//! Aggregation: plugins, and the arithmetic behind them.

use async_trait::async_trait;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::ports::{NoPlugin, StoredBlob};
use crate::{
    AttemptNumber, ClientId, CombinerName, Digest, Metrics, ModelId, PluginVersion, RoundNumber, SessionId, StateBlob,
    UpdateId, UpdateRefusal,
};

/// Runs aggregators, and looks at what clients send before they do.
#[async_trait]
pub trait Folding: Send + Sync {
    /// What is installed under a name.
    ///
    /// # Errors
    /// [`FoldingError::NoPlugin`].
    fn plugin(&self, name: &str) -> Result<PluginVersion, FoldingError>;

    /// Whether an aggregator can begin with a configuration and a model.
    ///
    /// # Errors
    /// [`FoldingError`].
    async fn try_begin(&self, aggregator: &str, config: &Map<String, Value>, model: Digest)
    -> Result<(), FoldingError>;

    /// Looks at an update: the global model's tensors, shapes and dtypes, and finite. Gives the Euclidean norm of its
    /// difference to the global model if asked to.
    ///
    /// # Errors
    /// The refusal, or what went wrong with looking.
    async fn check(&self, update: UncheckedUpdate) -> Result<Result<Option<f64>, UpdateRefusal>, FoldingError>;

    /// Begins a fold.
    ///
    /// # Errors
    /// [`FoldingError`].
    async fn begin(&self, start: FoldStart) -> Result<Box<dyn Fold>, FoldingError>;
}

/// A fold: updates become a model.
#[async_trait]
pub trait Fold: Send {
    /// Adds updates that wait, all at once. They have been checked. Says what became of each, in their order.
    ///
    /// After [`FoldError::Rejected`] the fold goes on without that update; after any other error it is over. One update
    /// of a combiner is [`FoldError::Broken`] if the fold broke on it, and those that it kept from being added are
    /// [`FoldError::Ended`].
    async fn add_all(&mut self, updates: Vec<FoldedUpdate>) -> Vec<Result<(), FoldError>>;

    /// Brings together what the combiners have, and makes the model and what the aggregator keeps, both durable.
    ///
    /// # Errors
    /// [`FoldError::Failed`].
    async fn finish(self: Box<Self>) -> Result<FoldOutcome, FoldError>;
}

/// An update that nobody has looked at.
#[derive(Clone, Debug)]
pub struct UncheckedUpdate {
    /// The file, as it was uploaded.
    pub blob: Digest,
    /// The global model's file.
    pub base: Digest,
    /// Whether its norm is wanted.
    pub norm: bool,
}

/// What a fold begins with.
#[derive(Clone, Debug)]
pub struct FoldStart {
    /// The session.
    pub session: SessionId,
    /// The round.
    pub round: RoundNumber,
    /// The attempt at it.
    pub attempt: AttemptNumber,
    /// The plugin.
    pub plugin: PluginVersion,
    /// Its configuration.
    pub config: Map<String, Value>,
    /// What everything random follows from.
    pub seed: u64,
    /// The global model's file.
    pub base: Digest,
    /// What the plugin kept.
    pub state: Option<StateBlob>,
    /// The model that the round is to end with.
    pub model: ModelId,
}

/// An update that counts.
#[derive(Clone, Debug)]
pub struct FoldedUpdate {
    /// Whose.
    pub client: ClientId,
    /// The combiner that folds it. What several have folded is merged at the end.
    pub combiner: CombinerName,
    /// Its name.
    pub update: UpdateId,
    /// The file, as it was uploaded.
    pub blob: Digest,
    /// The file of the model that the client started from.
    pub base: Digest,
    /// How many global models have been made since that one.
    pub staleness: u32,
    /// Examples that it rests on.
    pub examples: u64,
    /// What the client measured when it trained.
    pub metrics: Metrics,
}

/// What a fold ends with, durable.
#[derive(Clone, Debug)]
pub struct FoldOutcome {
    /// The new global model's file.
    pub model: StoredBlob,
    /// What the plugin keeps.
    pub state: Option<StateBlob>,
    /// What the plugin measured: finite.
    pub metrics: Metrics,
}

/// Why there is no aggregation.
#[derive(Debug, Error)]
pub enum FoldingError {
    /// There is no plugin to run.
    #[error(transparent)]
    NoPlugin(#[from] NoPlugin),
    /// The plugin does not take the configuration.
    #[error("aggregator `{plugin}` does not take this configuration: {problem}")]
    Config {
        /// The plugin.
        plugin: String,
        /// What it says.
        problem: String,
    },
    /// The plugin failed, or broke.
    #[error("{0}")]
    Plugin(String),
    /// The host failed.
    #[error("{0}")]
    Host(String),
}

/// Why an update was not added, or no model made.
#[derive(Debug, Error)]
pub enum FoldError {
    /// The plugin will not have this update, and goes on.
    #[error("{0}")]
    Rejected(String),
    /// The plugin broke on this update, and the fold is over.
    #[error("{0}")]
    Broken(String),
    /// The fold is over, through no update's fault.
    #[error("{0}")]
    Failed(String),
    /// The fold was over before this update was in it.
    #[error("the fold is over")]
    Ended,
}

pub(super) mod fake;
