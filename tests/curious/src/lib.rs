//! An aggregator that looks at the system it runs in, and fails with what it has seen.

mod look;

use fedwit_plugin::{Aggregator, Context, Error, Outcome, PartialAggregate, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use look::At;

/// What to look at.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where.
    at: At,
}

/// One round, which seldom gets further than its beginning.
#[derive(Debug)]
pub struct Curious;

impl Aggregator for Curious {
    const NAME: &'static str = "curious";
    const SUMMARY: &'static str = "Looks at the system it runs in, and fails with what it has seen.";
    const MERGEABLE: bool = false;
    type Config = Config;

    fn begin(config: Config, _: Context) -> Result<Self, Error> {
        config.at.look().map_or(Ok(Self), |seen| Err(Error::Failed(seen)))
    }

    fn add(&mut self, _: Update) -> Result<(), Error> {
        Ok(())
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        Err(Error::Failed("it cannot merge".to_owned()))
    }

    fn merge(&mut self, _: PartialAggregate) -> Result<(), Error> {
        Err(Error::Failed("it cannot merge".to_owned()))
    }

    fn finish(self) -> Result<Outcome, Error> {
        Err(Error::Failed("it makes no model".to_owned()))
    }
}

fedwit_plugin::export!(Curious);
