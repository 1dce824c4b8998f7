//! How a session is run.

use async_graphql::{Enum, Object, SimpleObject};
use fedwit_domain as domain;

use crate::graphql::scalars::{Int64, JsonObject};

pub(in crate::graphql) struct SessionConfig(pub(in crate::graphql) domain::SessionConfig);

/// The formats that models are sent in.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "domain::ModelFormat")]
pub(in crate::graphql) enum ModelFormat {
    /// A ZIP archive of NumPy arrays: FEDn's `numpyhelper`.
    Npz,
    /// All values in a row, as little-endian float64: FEDn's `binaryhelper`.
    #[graphql(name = "FLAT_FLOAT64")]
    FlatFloat64,
    /// All values in a row, as little-endian float32: FEDn's `androidhelper`.
    #[graphql(name = "FLAT_FLOAT32")]
    FlatFloat32,
    /// safetensors.
    Safetensors,
}

/// Which way a metric is better.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "domain::Direction")]
pub(in crate::graphql) enum Direction {
    /// Less is better, as of a loss.
    Minimize,
    /// More is better, as of an accuracy.
    Maximize,
}

/// What makes a model better than another: the example-weighted mean of a metric that clients measure.
#[derive(SimpleObject)]
struct BestModel {
    /// The metric.
    metric: String,
    /// Which way is better.
    direction: Direction,
}

/// Where a session ends early: the example-weighted mean of a metric that clients measure.
#[derive(SimpleObject)]
struct Target {
    /// The metric.
    metric: String,
    /// Which way it is to go.
    direction: Direction,
    /// What it has to reach.
    value: f64,
}

/// How a buffered session is run: no round waits for its clients. A client is asked again as soon as its update was taken,
/// and starts from the newest model.
#[derive(SimpleObject)]
struct Buffering {
    /// A model is made as soon as this many updates count.
    size: u32,
    /// An update of a model that is older than this many models does not count.
    max_staleness: u32,
    /// How many clients train at a time; all that are there if none is given.
    concurrency: Option<u32>,
    /// Every so many models are measured by the clients that they are made of, and a run's last one.
    validate_every: u32,
}

/// How a session is run: fixed when it is created.
#[Object]
impl SessionConfig {
    /// The plugin that aggregates, by name. Each round runs the version that is installed when it begins.
    async fn aggregator(&self) -> &str {
        &self.0.aggregator
    }

    /// The plugin's configuration; its JSON Schema is the plugin's `configSchema`.
    async fn aggregator_config(&self) -> JsonObject {
        JsonObject(self.0.aggregator_config.clone())
    }

    /// The plugin that chooses whom a round asks, by name; if there is none, clients are drawn at random.
    async fn client_selector(&self) -> Option<&str> {
        self.0.client_selector.as_deref()
    }

    /// The client selector's configuration; its JSON Schema is the plugin's `configSchema`.
    async fn client_selector_config(&self) -> JsonObject {
        JsonObject(self.0.client_selector_config.clone())
    }

    /// Set if the session is buffered: a model is made of every few updates, and none waits for all clients.
    async fn buffered(&self) -> Option<Buffering> {
        let domain::Buffering { size, max_staleness, concurrency, validate_every } = self.0.buffered.clone()?;
        Some(Buffering { size, max_staleness, concurrency, validate_every })
    }

    /// A round needs this many updates, at least.
    async fn clients_required(&self) -> u32 {
        self.0.clients_required
    }

    /// A round asks this many clients; all that are there if none is given.
    async fn clients_requested(&self) -> Option<u32> {
        self.0.clients_requested
    }

    /// How long a round waits for clients, for its client selector, and then for their updates, in seconds.
    async fn round_timeout_s(&self) -> u32 {
        self.0.round_timeout_s
    }

    /// How long a client may be gone before its update is not waited for any more, in seconds.
    async fn reconnect_grace_s(&self) -> u32 {
        self.0.reconnect_grace_s
    }

    /// How often a round is tried before the session fails.
    async fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How many updates an attempt may lose to a plugin that breaks on them.
    async fn max_exclusions(&self) -> u32 {
        self.0.max_exclusions
    }

    /// Whether clients are asked to measure each round's model.
    async fn validate(&self) -> bool {
        self.0.validate
    }

    /// How long their answers are waited for, in seconds.
    async fn validation_timeout_s(&self) -> u32 {
        self.0.validation_timeout_s
    }

    /// What the best model is chosen by.
    async fn best_model(&self) -> Option<BestModel> {
        let domain::BestModel { metric, direction } = self.0.best_model.clone()?;
        Some(BestModel { metric, direction: direction.into() })
    }

    /// Where the session ends early.
    async fn target(&self) -> Option<Target> {
        let domain::Target { metric, direction, value } = self.0.target.clone()?;
        Some(Target { metric, direction: direction.into(), value })
    }

    /// What clients are told besides, such as a learning rate.
    async fn client_settings(&self) -> JsonObject {
        JsonObject(self.0.client_settings.clone())
    }

    /// An update that claims more examples is refused.
    async fn max_examples(&self) -> Option<Int64> {
        self.0.max_examples.map(Int64)
    }

    /// An update that differs from the global model by more than this Euclidean norm is refused.
    async fn max_update_norm(&self) -> Option<f64> {
        self.0.max_update_norm
    }

    /// Whether updates are kept once their round's model is durable.
    async fn keep_updates(&self) -> bool {
        self.0.keep_updates
    }

    /// What the clients of this session read.
    async fn model_format(&self) -> ModelFormat {
        self.0.model_format.into()
    }

    /// Everything random in the session follows from it.
    async fn seed(&self) -> Int64 {
        Int64(self.0.seed)
    }
}
