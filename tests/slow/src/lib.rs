//! FedAdam that takes its time, so that a test can be sure to stop a server in the middle of it.
//!
//! A plugin has no clock, so time is counted in turns of a loop: a thousand million take about a second.

use std::hint::black_box;

use fedwit_plugin::{Aggregator, Context, Error, Outcome, PartialAggregate, Update, log};
use fedwit_plugin_fedopt::{FedOpt, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// FedAdam's defaults, and its plugin's own.
const SETTINGS: Settings = Settings { learning_rate: 0.1, beta1: 0.9, tau: 1e-3 };
const BETA2: f64 = 0.99;

/// How slow to be.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Turns before each update is added.
    add_turns: u64,
    /// Turns before the model is made.
    finish_turns: u64,
}

/// One round.
#[derive(Debug)]
pub struct Slow {
    config: Config,
    round: FedOpt,
}

impl Aggregator for Slow {
    const NAME: &'static str = "slow";
    const SUMMARY: &'static str = "FedAdam that takes its time.";
    const MERGEABLE: bool = true;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        Ok(Self { config, round: FedOpt::begin(SETTINGS, context)? })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        log::write(log::Level::Info, &format!("adding the update of {}", update.info().client));
        spin(self.config.add_turns);
        self.round.add(&update)
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        self.round.partial()
    }

    fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        self.round.merge(part)
    }

    fn finish(self) -> Result<Outcome, Error> {
        log::write(log::Level::Info, "finishing");
        spin(self.config.finish_turns);
        self.round.finish(|second, squared| second.scaled(BETA2)?.plus(&squared.scaled(1.0 - BETA2)?))
    }
}

fn spin(turns: u64) {
    for turn in 0..turns {
        black_box(turn);
    }
}

fedwit_plugin::export!(Slow);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, config};

    use super::*;

    /// Worked out by hand: 0.1 * 0.1 / (sqrt(0.99e-6 + 0.01) + 0.001).
    #[test]
    fn it_is_fedadam() {
        let model = |value: f64| parameters(DType::Float64, &[("w", &[value])]);
        let configuration = config::parse(r#"{"add_turns": 10, "finish_turns": 10}"#).unwrap();
        let mut round = Slow::begin(configuration, context(&model(0.0), None)).unwrap();
        round.add(update("a", 1, &model(1.0), &model(0.0))).unwrap();
        let next = round.finish().unwrap().model.values("w").unwrap()[0];
        assert!((next - 0.099_005_05).abs() < 5e-9, "{next}");
    }
}
