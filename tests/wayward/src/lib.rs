//! An aggregator that breaks one rule of conformance, on request: what shows that each rule can be broken.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use fedwit_plugin::{
    Aggregator, Context, DType, Error, MeanDelta, Metric, NamedParameters, Outcome, Parameters, PartialAggregate,
    Permission, State, Update,
};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// What to do wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Nothing.
    #[default]
    None,
    /// Do something else if told its own default.
    OtherDefaults,
    /// Take any key.
    AnyKey,
    /// Keep the last update alone.
    LastWins,
    /// Drop shares.
    DropShares,
    /// Halve the step for an empty share.
    EmptyCounts,
    /// Make a model of nothing.
    Nothing,
    /// Refuse its own state.
    RefuseState,
    /// Round models to whole numbers, but for those of float64.
    Whole,
    /// Measure what is no number.
    NotFinite,
    /// Take any share.
    AnyShare,
    /// Take any state.
    AnyState,
    /// Remember what it rejected.
    Traces,
    /// Go a step of random length.
    Dice,
}

/// What to do wrong, and how fast to learn.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// What to do wrong.
    way: Way,
    /// How much of the mean step is taken; all of it if it is not said.
    #[schemars(extend("default" = 1.0))]
    rate: Option<f64>,
    #[serde(flatten, skip_serializing)]
    #[schemars(skip)]
    rest: BTreeMap<String, IgnoredAny>,
}

/// One round.
#[derive(Debug)]
pub struct Wayward {
    way: Way,
    rate: f64,
    global_model: Parameters,
    mean: MeanDelta,
    updates: u64,
    last: Option<Parameters>,
}

const KEPT: &str = "kept";

impl Aggregator for Wayward {
    const NAME: &'static str = "wayward";
    const SUMMARY: &'static str = "The mean, but for one rule that it breaks on request.";
    const MERGEABLE: bool = true;
    type Config = Config;

    fn permissions() -> Vec<Permission> {
        vec![Permission::TrueRandomness]
    }

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        let Config { way, rate, rest } = config;
        if let Some((key, _)) = rest.iter().find(|_| way != Way::AnyKey) {
            return Err(Error::InvalidConfig(format!("there is no `{key}`")));
        }
        let rate = match rate {
            Some(rate) if way == Way::OtherDefaults => rate * 0.5,
            rate if way == Way::Dice => rate.unwrap_or(1.0) * f64::from(RandomState::new().hash_one(way as u8) as u32),
            rate => rate.unwrap_or(1.0),
        };
        let Context { global_model, state, .. } = context;
        if let Some(State { parameters, .. }) = state {
            if way == Way::RefuseState {
                return Err(Error::Failed("no state, please".to_owned()));
            }
            if let Some(NamedParameters { value, .. }) = parameters.first().filter(|_| way != Way::AnyState) {
                // Of other tensors, there is no sum.
                value.plus(&global_model.widened()?)?;
            }
        }
        let mean = MeanDelta::new(&global_model);
        Ok(Self { way, rate, global_model, mean, updates: 0, last: None })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        self.mean.add(&update, update.info().num_examples as f64)?;
        self.updates += 1;
        if self.way == Way::LastWins {
            self.last = Some(update.parameters()?);
        }
        Ok(())
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        self.mean.partial()
    }

    fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        let updates = part.updates;
        if self.way == Way::EmptyCounts && updates == 0 {
            self.rate *= 0.5;
        }
        if self.way == Way::DropShares && updates > 0 {
            return Ok(());
        }
        match self.mean.merge(part) {
            Err(_) if self.way == Way::AnyShare => Ok(()),
            Err(error) => {
                if self.way == Way::Traces {
                    self.rate *= 0.5;
                }
                Err(error)
            }
            Ok(()) => {
                self.updates += updates;
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Outcome, Error> {
        let kept = NamedParameters { name: KEPT.to_owned(), value: self.global_model.widened()? };
        let state = Some(State { parameters: vec![kept], bytes: Vec::new() });
        if self.way == Way::Nothing && self.updates == 0 {
            return Ok(Outcome { model: self.global_model, state, metrics: Vec::new() });
        }
        let model = match self.last {
            Some(last) => last,
            None => self.global_model.plus(&self.mean.finish()?.scaled(self.rate)?)?,
        };
        let narrow = self.global_model.layout().iter().any(|tensor| tensor.dtype != DType::Float64);
        let model = if self.way == Way::Whole && narrow { model.cast(DType::Int64)?.widened()? } else { model };
        let value = if self.way == Way::NotFinite { f64::NAN } else { 1.0 };
        Ok(Outcome { model, state, metrics: vec![Metric::new("measured", value)] })
    }
}

fedwit_plugin::export!(Wayward);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, config};

    use super::*;

    fn model(value: f64) -> Parameters {
        parameters(DType::Float64, &[("w", &[value])])
    }

    fn round(config: &str) -> Result<Outcome, Error> {
        let mut round = Wayward::begin(config::parse(config)?, context(&model(0.0), None))?;
        round.add(update("a", 1, &model(4.0), &model(0.0)))?;
        round.add(update("b", 3, &model(8.0), &model(0.0)))?;
        round.finish()
    }

    #[test]
    fn it_is_the_mean_unless_it_is_wayward() {
        for config in ["", r#"{"way": "none"}"#, r#"{"rate": 1.0}"#] {
            assert_eq!(round(config).unwrap().model.values("w").unwrap(), [7.0], "{config}");
        }
        assert_eq!(round(r#"{"way": "last-wins"}"#).unwrap().model.values("w").unwrap(), [8.0]);
        assert_eq!(round(r#"{"way": "other-defaults", "rate": 1.0}"#).unwrap().model.values("w").unwrap(), [3.5]);
    }

    #[test]
    fn it_refuses_what_it_does_not_know_unless_it_is_wayward() {
        assert!(matches!(round(r#"{"x": 1}"#), Err(Error::InvalidConfig(_))));
        assert!(round(r#"{"x": 1, "way": "any-key"}"#).is_ok());
    }
}
