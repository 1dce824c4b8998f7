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
    function: Option<Function>,
    /// Only for updates of this client, if it is not empty.
    client: String,
}

/// A function that the host calls.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Function {
    Begin,
    Add,
    Partial,
    Merge,
    Finish,
}

/// One round.
#[derive(Debug)]
pub struct Misbehaving {
    config: Config,
    global_model: Parameters,
    mean: MeanDelta,
}

impl Config {
    fn act(&self, function: Function, global_model: &Parameters) -> Result<(), Error> {
        if self.function == Some(function) { self.mischief.act(global_model) } else { Ok(()) }
    }

    fn is(&self, mischief: Mischief, function: Function) -> bool {
        self.mischief == mischief && self.function == Some(function)
    }
}

impl Aggregator for Misbehaving {
    const NAME: &'static str = "misbehaving";
    const SUMMARY: &'static str = "Does what a plugin must not, on request.";
    const MERGEABLE: bool = true;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        config.act(Function::Begin, &context.global_model)?;
        let mean = MeanDelta::new(&context.global_model);
        Ok(Self { config, global_model: context.global_model, mean })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        let info = update.info();
        if self.config.client.is_empty() || self.config.client == info.client {
            self.config.act(Function::Add, &self.global_model)?;
        }
        self.mean.add(&update, info.num_examples as f64)
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        self.config.act(Function::Partial, &self.global_model)?;
        let mut part = self.mean.partial()?;
        if self.config.is(Mischief::HugeState, Function::Partial) {
            part.bytes = mischief::too_many_bytes();
        }
        Ok(part)
    }

    fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        self.config.act(Function::Merge, &self.global_model)?;
        self.mean.merge(part)
    }

    fn finish(self) -> Result<Outcome, Error> {
        self.config.act(Function::Finish, &self.global_model)?;
        let honest = self.global_model.plus(&self.mean.finish()?)?;
        let mut state = State { parameters: Vec::new(), bytes: Vec::new() };
        let model = match self.config.mischief {
            Mischief::WrongShape => honest.only(&[])?,
            Mischief::NotFinite => honest.filled(f64::NAN)?,
            _ => honest,
        };
        if self.config.is(Mischief::HugeState, Function::Finish) {
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

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, config};

    use super::*;

    fn model(value: f64) -> Parameters {
        parameters(DType::Float64, &[("w", &[value])])
    }

    fn round(config: &str) -> Result<Outcome, Error> {
        let mut round = Misbehaving::begin(config::parse(config)?, context(&model(0.0), None))?;
        round.add(update("a", 1, &model(4.0), &model(0.0)))?;
        round.add(update("b", 3, &model(8.0), &model(0.0)))?;
        round.finish()
    }

    #[test]
    fn without_a_mischief_it_is_the_mean() {
        for config in
            ["", r#"{"mischief": "none"}"#, r#"{"mischief": "trap"}"#, r#"{"mischief": "trap", "in": "merge"}"#]
        {
            assert_eq!(round(config).unwrap().model.values("w").unwrap(), [7.0], "{config}");
        }
    }

    #[test]
    fn a_mischief_that_is_none_is_refused() {
        for (config, key) in [(r#"{"mischief": "tickle"}"#, "mischief"), (r#"{"mischief": "spin", "in": "ad"}"#, "in")]
        {
            assert!(matches!(round(config), Err(Error::InvalidConfig(why)) if why.contains(key)), "{config}");
        }
    }

    #[test]
    fn it_can_be_aimed_at_one_client() {
        let aimed = |client: &str| round(&format!(r#"{{"mischief": "reject", "in": "add", "client": "{client}"}}"#));
        assert!(matches!(aimed("b"), Err(Error::Rejected(_))));
        aimed("c").unwrap();
    }

    #[test]
    fn what_it_returns_is_wrong_on_request() {
        assert_eq!(round(r#"{"mischief": "wrong-shape"}"#).unwrap().model.elements(), 0);
        assert!(!round(r#"{"mischief": "not-finite"}"#).unwrap().model.all_finite().unwrap());
        let state = |config: &str| round(config).unwrap().state.unwrap();
        assert!(state(r#"{"mischief": "huge-state", "in": "finish"}"#).bytes.len() > 1 << 20);
        let poisoned = state(r#"{"mischief": "poisoned-state"}"#);
        assert!(!poisoned.parameters[0].value.all_finite().unwrap());
    }
}
