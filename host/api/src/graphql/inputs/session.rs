//! What a session is made of.

use async_graphql::{ID, InputObject};
use fedwit_domain as domain;
use fedwit_domain::SessionConfig;
use fedwit_federation::NewSessionRequest;

use crate::graphql::Failure;
use crate::graphql::scalars::{Int64, JsonObject};
use crate::graphql::types::{Direction, ModelFormat};

/// What a session is made of.
#[derive(InputObject, Debug)]
pub(in crate::graphql) struct CreateSessionInput {
    /// The model that it starts from.
    seed_model_id: ID,
    /// A name for people.
    name: Option<String>,
    /// How it is run; with the defaults of all settings if it is not given.
    config: Option<SessionConfigInput>,
}

/// How a session is run. It cannot be changed later.
#[derive(InputObject, Debug)]
pub(in crate::graphql) struct SessionConfigInput {
    /// The plugin that aggregates, by name.
    #[graphql(default_with = "defaults().aggregator")]
    aggregator: String,
    /// The plugin's configuration; its JSON Schema is the plugin's `configSchema`.
    #[graphql(default_with = "JsonObject(defaults().aggregator_config)")]
    aggregator_config: JsonObject,
    /// The plugin that chooses whom a round asks, by name; if none is given, clients are drawn at random. A buffered
    /// session has none.
    client_selector: Option<String>,
    /// The client selector's configuration; its JSON Schema is the plugin's `configSchema`.
    #[graphql(default_with = "JsonObject(defaults().client_selector_config)")]
    client_selector_config: JsonObject,
    /// If given, the session is buffered: a model is made of every few updates, and none waits for all clients.
    buffered: Option<BufferingInput>,
    /// A round needs this many updates, at least.
    #[graphql(default_with = "defaults().clients_required")]
    clients_required: u32,
    /// A round asks this many clients, more than are required if some are expected to fail; all that are there if none
    /// is given.
    clients_requested: Option<u32>,
    /// How long a round waits for clients, for its client selector, and then for their updates, in seconds.
    #[graphql(default_with = "defaults().round_timeout_s")]
    round_timeout_s: u32,
    /// How long a client may be gone before its update is not waited for any more, in seconds.
    #[graphql(default_with = "defaults().reconnect_grace_s")]
    reconnect_grace_s: u32,
    /// How often a round is tried before the session fails.
    #[graphql(default_with = "defaults().attempts")]
    attempts: u32,
    /// How many updates an attempt may lose to a plugin that breaks on them.
    #[graphql(default_with = "defaults().max_exclusions")]
    max_exclusions: u32,
    /// Whether clients are asked to measure each round's model.
    #[graphql(default_with = "defaults().validate")]
    validate: bool,
    /// How long their answers are waited for, in seconds.
    #[graphql(default_with = "defaults().validation_timeout_s")]
    validation_timeout_s: u32,
    /// What the best model is chosen by.
    best_model: Option<BestModelInput>,
    /// Where the session ends early.
    target: Option<TargetInput>,
    /// What clients are told besides, such as a learning rate.
    #[graphql(default_with = "JsonObject(defaults().client_settings)")]
    client_settings: JsonObject,
    /// An update that claims more examples is refused.
    max_examples: Option<Int64>,
    /// An update that differs from the global model by more than this Euclidean norm is refused.
    max_update_norm: Option<f64>,
    /// Whether updates are kept once their round's model is durable.
    #[graphql(default_with = "defaults().keep_updates")]
    keep_updates: bool,
    /// What the clients of this session read.
    #[graphql(default_with = "defaults().model_format.into()")]
    model_format: ModelFormat,
    /// Everything random in the session follows from it.
    #[graphql(default_with = "Int64(defaults().seed)")]
    seed: Int64,
}

/// How a buffered session is run. A client is asked again as soon as its update was taken, and starts from the newest model.
#[derive(InputObject, Debug)]
struct BufferingInput {
    /// A model is made as soon as this many updates count.
    #[graphql(default_with = "domain::Buffering::default().size")]
    size: u32,
    /// An update of a model that is older than this many models does not count.
    #[graphql(default_with = "domain::Buffering::default().max_staleness")]
    max_staleness: u32,
    /// How many clients train at a time; all that are there if none is given.
    concurrency: Option<u32>,
    /// Every so many models are measured by the clients that they are made of, and a run's last one.
    #[graphql(default_with = "domain::Buffering::default().validate_every")]
    validate_every: u32,
}

/// What makes a model better than another: the example-weighted mean of a metric that clients measure.
#[derive(InputObject, Debug)]
struct BestModelInput {
    /// The metric.
    metric: String,
    /// Which way is better.
    direction: Direction,
}

/// Where a session ends early: the example-weighted mean of a metric that clients measure.
#[derive(InputObject, Debug)]
struct TargetInput {
    /// The metric.
    metric: String,
    /// Which way it is to go.
    direction: Direction,
    /// What it has to reach.
    value: f64,
}

impl TryFrom<CreateSessionInput> for NewSessionRequest {
    type Error = Failure;

    fn try_from(input: CreateSessionInput) -> Result<Self, Failure> {
        let CreateSessionInput { seed_model_id, name, config } = input;
        Ok(Self { name, seed_model: seed_model_id.parse()?, config: config.map_or_else(defaults, Into::into) })
    }
}

impl From<SessionConfigInput> for SessionConfig {
    fn from(input: SessionConfigInput) -> Self {
        Self {
            aggregator: input.aggregator,
            aggregator_config: input.aggregator_config.0,
            client_selector: input.client_selector,
            client_selector_config: input.client_selector_config.0,
            buffered: input.buffered.map(Into::into),
            clients_required: input.clients_required,
            clients_requested: input.clients_requested,
            round_timeout_s: input.round_timeout_s,
            reconnect_grace_s: input.reconnect_grace_s,
            attempts: input.attempts,
            max_exclusions: input.max_exclusions,
            validate: input.validate,
            validation_timeout_s: input.validation_timeout_s,
            best_model: input.best_model.map(Into::into),
            target: input.target.map(Into::into),
            client_settings: input.client_settings.0,
            max_examples: input.max_examples.map(|Int64(examples)| examples),
            max_update_norm: input.max_update_norm,
            keep_updates: input.keep_updates,
            model_format: input.model_format.into(),
            seed: input.seed.0,
        }
    }
}

impl From<BufferingInput> for domain::Buffering {
    fn from(BufferingInput { size, max_staleness, concurrency, validate_every }: BufferingInput) -> Self {
        Self { size, max_staleness, concurrency, validate_every }
    }
}

impl From<BestModelInput> for domain::BestModel {
    fn from(BestModelInput { metric, direction }: BestModelInput) -> Self {
        Self { metric, direction: direction.into() }
    }
}

impl From<TargetInput> for domain::Target {
    fn from(TargetInput { metric, direction, value }: TargetInput) -> Self {
        Self { metric, direction: direction.into(), value }
    }
}

fn defaults() -> SessionConfig {
    SessionConfig::default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use async_graphql::{InputType, Value};

    use super::*;

    #[test]
    fn what_is_not_said_is_as_the_domain_has_it() {
        let nothing = SessionConfigInput::parse(Some(Value::Object(Default::default()))).unwrap();
        assert_eq!(SessionConfig::from(nothing), SessionConfig::default());
        let nothing = BufferingInput::parse(Some(Value::Object(Default::default()))).unwrap();
        assert_eq!(domain::Buffering::from(nothing), domain::Buffering::default());
    }
}
