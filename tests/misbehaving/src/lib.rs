//! An aggregator that does what a plugin must not, on request, and is a plain mean otherwise.
//!
//! `{"mischief": "spin", "in": "add"}` spins for ever as soon as `add` is called.

mod mischief;

use fedwit_plugin::{
    Aggregator, Context, Error, MeanDelta, NamedParameters, Outcome, Parameters, PartialAggregate, State, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use mischief::Mischief;

/// What to do, and where.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What to do.
    mischief: Mischief,
    /// The function to do it in.
    #[serde(rename = "in")]
    function: String,
    /// Only for updates of this client, if it is not empty.
    client: String,
}

/// One round.
#[derive(Debug)]
pub struct Misbehaving {
    config: Config,
    global_model: Parameters,
    mean: MeanDelta,
}

impl Config {
    fn act(&self, function: &str, global_model: &Parameters) -> Result<(), Error> {
        if self.function == function { self.mischief.act(global_model) } else { Ok(()) }
    }

    fn is(&self, mischief: Mischief, function: &str) -> bool {
        self.mischief == mischief && self.function == function
    }
}

impl Aggregator for Misbehaving {
    const NAME: &'static str = "misbehaving";
    const SUMMARY: &'static str = "Does what a plugin must not, on request.";
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        config.act("begin", &context.global_model)?;
        let mean = MeanDelta::new(&context.global_model);
        Ok(Self { config, global_model: context.global_model, mean })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        let info = update.info();
        if self.config.client.is_empty() || self.config.client == info.client {
            self.config.act("add", &self.global_model)?;
        }
        self.mean.add(&update, info.num_examples as f64)
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        self.config.act("partial", &self.global_model)?;
        let mut part = self.mean.partial()?;
        if self.config.is(Mischief::HugeState, "partial") {
            part.bytes = mischief::too_many_bytes();
        }
        Ok(part)
    }

    fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        self.config.act("merge", &self.global_model)?;
        self.mean.merge(part)
    }

    fn finish(self) -> Result<Outcome, Error> {
        self.config.act("finish", &self.global_model)?;
        let honest = self.global_model.plus(&self.mean.finish()?)?;
        let mut state = State { parameters: Vec::new(), bytes: Vec::new() };
        let model = match self.config.mischief {
            Mischief::WrongShape => honest.only(&[])?,
            Mischief::NotFinite => honest.filled(f64::NAN)?,
            _ => honest,
        };
        if self.config.is(Mischief::HugeState, "finish") {
            state.bytes = mischief::too_many_bytes();
        }
        if self.config.mischief == Mischief::PoisonedState {
            let value = model.filled(f64::INFINITY)?;
            state.parameters.push(NamedParameters { name: "poison".to_owned(), value });
        }
        Ok(Outcome { model, state: Some(state), metrics: Vec::new() })
    }
}

fedwit_plugin::export!(Misbehaving);
