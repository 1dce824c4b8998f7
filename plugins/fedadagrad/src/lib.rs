//! FedAdagrad: steps that shrink with all the change there has been.
//!
//! `v <- v + D^2`, then as all of FedOpt, which is in `fedwit-plugin-fedopt`.
//! Reddi et al. 2021, "Adaptive Federated Optimization", Algorithm 2.

use fedwit_plugin::{Aggregator, Context, Error, Outcome, Parameters, PartialAggregate, Update};
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
    const MERGEABLE: bool = true;
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
        self.round.finish(Parameters::plus)
    }
}

fedwit_plugin::export!(FedAdagrad);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, State, config};

    use super::*;

    fn scalar(value: f64) -> Parameters {
        parameters(DType::Float64, &[("w", &[value])])
    }

    /// A round in which the only client goes by `delta`.
    fn step(config: &str, model: f64, delta: f64, state: Option<State>) -> (f64, State) {
        let global = scalar(model);
        let mut round = FedAdagrad::begin(config::parse(config).unwrap(), context(&global, state)).unwrap();
        round.add(update("a", 3, &scalar(model + delta), &global)).unwrap();
        let outcome = round.finish().unwrap();
        (outcome.model.values("w").unwrap()[0], outcome.state.unwrap())
    }

    /// The equations in the plainest way: momentum from 0, second moment from tau^2, no bias correction, tau outside
    /// the root, and the step added.
    #[test]
    fn the_rounds_follow_the_equations() {
        let (learning_rate, beta1, tau) = (0.1, 0.0, 1e-3_f64);
        let (mut x, mut m, mut v) = (0.5, 0.0, tau * tau);
        let (mut model, mut state) = (x, None);
        for delta in [1.0, -0.5, 0.0, 0.25, 0.125] {
            m = beta1 * m + (1.0 - beta1) * delta;
            v += delta * delta;
            x += learning_rate * m / (f64::sqrt(v) + tau);
            let (next, kept) = step("{}", model, delta, state);
            assert!((next - x).abs() <= 1e-12 * f64::abs(x), "{next} is not {x}");
            let kept_values: Vec<_> = kept.parameters.iter().map(|set| set.value.values("w").unwrap()[0]).collect();
            assert!((kept_values[0] - m).abs() <= 1e-12, "{} is not {m}", kept_values[0]);
            assert!((kept_values[1] - v).abs() <= 1e-12 * v, "{} is not {v}", kept_values[1]);
            (model, state) = (next, Some(kept));
        }
    }

    /// With the defaults of FEDn, and what its server gave for float32 models: the number has float32's roundings in
    /// it, so it is no closer to the equations than that.
    #[test]
    fn two_clients_of_equal_weight_give_what_fedn_gives() {
        let config = r#"{"learning_rate": 1e-3, "beta1": 0.9, "tau": 1e-4}"#;
        let model = |value: f64| parameters(DType::Float32, &[("w", &[value])]);
        let global = model(0.0);
        let mut round = FedAdagrad::begin(config::parse(config).unwrap(), context(&global, None)).unwrap();
        for (client, sent) in [("a", 1.0), ("b", 3.0)] {
            round.add(update(client, 5, &model(sent), &global)).unwrap();
        }
        let outcome = round.finish().unwrap();
        let (got, expected) = (outcome.model.values("w").unwrap()[0], 9.999_500_161_504_162e-5);
        assert!((got - expected).abs() <= 1e-6 * expected, "{got} is not {expected}");
    }

    #[test]
    fn parameters_are_checked_and_integers_are_numbers() {
        step(r#"{"learning_rate": 1, "beta1": 0, "tau": 1}"#, 0.0, 1.0, None);
        for (text, key) in [
            (r#"{"learning_rate": 0}"#, "learning_rate"),
            (r#"{"learning_rate": -0.1}"#, "learning_rate"),
            (r#"{"beta1": 1}"#, "beta1"),
            (r#"{"beta1": -0.1}"#, "beta1"),
            (r#"{"tau": 0}"#, "tau"),
        ] {
            let begun = FedAdagrad::begin(config::parse(text).unwrap(), context(&scalar(0.0), None));
            let Err(Error::InvalidConfig(why)) = begun else { panic!("{text} is refused") };
            assert!(why.contains(key), "{why}");
        }
        assert!(matches!(config::parse::<Config>(r#"{"momentum": 0.9}"#), Err(Error::InvalidConfig(_))));
    }
}
