//! FedAdagrad: steps that shrink with all the change there has been.
//!
//! `v <- v + D^2`, then as all of FedOpt: Reddi et al. 2021, "Adaptive Federated Optimization", Algorithm 2. See
//! `fedwit-plugin-fedopt`.

use fedwit_plugin::{Aggregator, Context, Error, Outcome, PartialAggregate, Update};
use fedwit_plugin_fedopt::{FedOpt, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How far a step goes; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// How much of the momentum is kept; at least 0 and below 1.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub beta1: f64,
    /// How adaptive the steps are: the smaller, the more. Above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tau: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 0.1, beta1: 0.0, tau: 1e-3 }
    }
}

/// One round.
#[derive(Debug)]
pub struct FedAdagrad {
    round: FedOpt,
}

impl Aggregator for FedAdagrad {
    const NAME: &'static str = "fedadagrad";
    const SUMMARY: &'static str = "FedOpt with AdaGrad: steps that shrink with all the change there has been.";
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        let settings = Settings { learning_rate: config.learning_rate, beta1: config.beta1, tau: config.tau };
        Ok(Self { round: FedOpt::begin(settings, context)? })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        self.round.add(&update)
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        self.round.partial()
    }

    fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        self.round.merge(part)
    }

    fn finish(self) -> Result<Outcome, Error> {
        self.round.finish(|second_moment, squared| second_moment.plus(squared))
    }
}

fedwit_plugin::export!(FedAdagrad);
