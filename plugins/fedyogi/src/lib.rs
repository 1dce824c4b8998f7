//! FedYogi: steps whose scale changes by as much as there was change, and no faster.
//!
//! `v <- v - (1 - beta2) D^2 sign(v - D^2)`, then as all of FedOpt: Reddi et al. 2021, "Adaptive Federated Optimization", Algorithm 2. See
//! `fedwit-plugin-fedopt`.

use fedwit_plugin::{Aggregator, Context, Error, Outcome, PartialAggregate, Update, config};
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
    /// How much of the second moment is kept; at least 0 and below 1.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub beta2: f64,
    /// How adaptive the steps are: the smaller, the more. Above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tau: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 0.01, beta1: 0.9, beta2: 0.99, tau: 1e-3 }
    }
}

/// One round.
#[derive(Debug)]
pub struct FedYogi {
    beta2: f64,
    round: FedOpt,
}

impl Aggregator for FedYogi {
    const NAME: &'static str = "fedyogi";
    const SUMMARY: &'static str =
        "FedOpt with Yogi: steps whose scale changes by as much as there was change, and no faster.";
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        config::fraction("beta2", config.beta2)?;
        let settings = Settings { learning_rate: config.learning_rate, beta1: config.beta1, tau: config.tau };
        Ok(Self { beta2: config.beta2, round: FedOpt::begin(settings, context)? })
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
        let beta2 = self.beta2;
        self.round.finish(|second_moment, squared| {
            let direction = second_moment.minus(squared)?.sign()?;
            second_moment.minus(&squared.times(&direction)?.scaled(1.0 - beta2)?)
        })
    }
}

fedwit_plugin::export!(FedYogi);
