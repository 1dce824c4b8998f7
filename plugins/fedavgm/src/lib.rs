//! FedAvgM: the mean delta with momentum.
//!
//! With `x` the global model and `D` the mean of the clients' deltas, weighted by their examples:
//!
//! ```text
//! m <- momentum m + D        m starts at 0
//! x <- x + learning_rate m
//! ```
//!
//! Hsu et al. 2019, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification",
//! section 4. `D` is added whole, not scaled by `1 - momentum`. `m` is the state, kept in the dtypes that computation is
//! done in.

use fedwit_plugin::{
    Aggregator, Context, Error, MeanDelta, Metric, Outcome, Parameters, PartialAggregate, State, Update, config,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the state calls the momentum.
const MOMENTUM: &str = "momentum";

/// The parameters of a session.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How far a step goes; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// How much of the momentum is kept; at least 0 and below 1.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub momentum: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 1.0, momentum: 0.9 }
    }
}

/// One round.
#[derive(Debug)]
pub struct FedAvgM {
    config: Config,
    global_model: Parameters,
    momentum: Parameters,
    mean: MeanDelta,
}

impl Aggregator for FedAvgM {
    const NAME: &'static str = "fedavgm";
    const SUMMARY: &'static str = "FedAvg with momentum: each round goes on in the direction of those before it.";
    const MERGEABLE: bool = true;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        config::positive("learning_rate", config.learning_rate)?;
        config::fraction("momentum", config.momentum)?;
        let Context { global_model, state, .. } = context;
        let momentum = match state {
            Some(mut state) => {
                let momentum = state.take(MOMENTUM, &global_model)?;
                state.emptied()?;
                momentum
            }
            None => global_model.filled(0.0)?.widened()?,
        };
        let mean = MeanDelta::new(&global_model);
        Ok(Self { config, global_model, momentum, mean })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        self.mean.add(&update, update.info().num_examples as f64)
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        self.mean.partial()
    }

    fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        self.mean.merge(part)
    }

    fn finish(self) -> Result<Outcome, Error> {
        let Self { config, global_model, momentum, mean } = self;
        let delta = mean.finish()?;
        let norm = delta.squared_norm()?.sqrt();
        let momentum = momentum.scaled(config.momentum)?.plus(&delta)?;
        drop(delta);
        let step = momentum.scaled(config.learning_rate)?;
        Ok(Outcome {
            model: global_model.plus(&step)?,
            metrics: vec![Metric::new("update_norm", norm), Metric::new("step_norm", step.squared_norm()?.sqrt())],
            state: Some(State::of([(MOMENTUM, momentum)])),
        })
    }
}

fedwit_plugin::export!(FedAvgM);

#[cfg(test)]
mod tests {
    use fedwit_plugin::DType;
    use fedwit_plugin::testing::{context, parameters, update};

    use super::*;

    fn model(dtype: DType, value: f64) -> Parameters {
        parameters(dtype, &[("w", &[value])])
    }

    fn begin(text: &str, model: &Parameters, state: Option<State>) -> FedAvgM {
        FedAvgM::begin(config::parse(text).unwrap(), context(model, state)).unwrap()
    }

    /// A round of clients with their deltas and examples.
    fn round(text: &str, at: f64, clients: &[(f64, u64)], state: Option<State>) -> FedAvgM {
        let global = model(DType::Float64, at);
        let mut round = begin(text, &global, state);
        for (delta, examples) in clients {
            round.add(update("a", *examples, &model(DType::Float64, at + delta), &global)).unwrap();
        }
        round
    }

    fn w(of: &Parameters) -> f64 {
        of.values("w").unwrap()[0]
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    #[test]
    fn the_rounds_follow_the_equations() {
        for (text, momentum, learning_rate) in
            [("{}", 0.9, 1.0), (r#"{"momentum": 0.5, "learning_rate": 2}"#, 0.5, 2.0)]
        {
            let (mut x, mut m) = (0.5, 0.0);
            let (mut at, mut state) = (x, None);
            for delta in [1.0, -0.5, 0.0, 0.25] {
                m = momentum * m + delta;
                x += learning_rate * m;
                let outcome = round(text, at, &[(delta, 3)], state).finish().unwrap();
                close(w(&outcome.model), x);
                let kept = outcome.state.unwrap();
                close(w(&kept.parameters[0].value), m);
                (at, state) = (w(&outcome.model), Some(kept));
            }
        }
    }

    #[test]
    fn clients_and_shares_weigh_by_their_examples() {
        let whole = round("{}", 0.0, &[(1.0, 10), (5.0, 20), (2.0, 10)], None).finish().unwrap();
        close(w(&whole.model), 3.25);
        let mut merged = round("{}", 0.0, &[(1.0, 10)], None);
        merged.merge(round("{}", 0.0, &[(5.0, 20), (2.0, 10)], None).partial().unwrap()).unwrap();
        merged.merge(round("{}", 0.0, &[], None).partial().unwrap()).unwrap();
        close(w(&merged.finish().unwrap().model), 3.25);
    }

    #[test]
    fn without_momentum_it_is_fedavg() {
        let old = State::of([("momentum", model(DType::Float64, 7.0))]);
        let outcome = round(r#"{"momentum": 0}"#, 1.0, &[(1.0, 1), (2.0, 3)], Some(old)).finish().unwrap();
        close(w(&outcome.model), 2.75);
    }

    /// A momentum of a tenth would be none in a model of integers.
    #[test]
    fn the_momentum_is_wider_than_the_model() {
        for (dtype, wide) in [(DType::Int64, DType::Float64), (DType::Float16, DType::Float32)] {
            let global = model(dtype, 0.0);
            let mut round = begin("{}", &global, None);
            round.add(update("a", 1, &model(dtype, 1.0), &global)).unwrap();
            round.add(update("b", 9, &global, &global)).unwrap();
            let kept = round.finish().unwrap().state.unwrap();
            assert_eq!(kept.parameters[0].value.layout()[0].dtype, wide);
            assert!((w(&kept.parameters[0].value) - 0.1).abs() < 1e-7);
        }
    }

    #[test]
    fn a_round_shows_how_far_the_clients_and_the_model_went() {
        let old = State::of([("momentum", model(DType::Float64, 10.0))]);
        let metrics = round("{}", 0.0, &[(-3.0, 1)], Some(old)).finish().unwrap().metrics;
        let shown: Vec<_> = metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        assert_eq!(shown, [("update_norm", 3.0), ("step_norm", 6.0)]);
    }

    #[test]
    fn parameters_and_states_are_checked() {
        let global = model(DType::Float64, 0.0);
        for (text, key) in [
            (r#"{"learning_rate": 0}"#, "learning_rate"),
            (r#"{"momentum": 1}"#, "momentum"),
            (r#"{"momentum": -0.1}"#, "momentum"),
        ] {
            let begun = FedAvgM::begin(config::parse(text).unwrap(), context(&global, None));
            assert!(matches!(begun, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}");
        }
        assert!(matches!(config::parse::<Config>(r#"{"beta": 0.9}"#), Err(Error::InvalidConfig(_))));
        let foreign = State::of([("second_moment", global.clone())]);
        let begun = FedAvgM::begin(Config::default(), context(&global, Some(foreign)));
        assert!(matches!(begun, Err(Error::Failed(why)) if why == "the state lacks `momentum`"));
    }

    #[test]
    fn a_round_without_updates_fails() {
        assert!(matches!(round("{}", 0.0, &[], None).finish(), Err(Error::Failed(_))));
    }
}
