//! What the adaptive federated optimisers share: FedOpt, Reddi et al. 2021, "Adaptive Federated Optimization",
//! Algorithm 2.
//!
//! With `x` the global model and `D` the mean of the clients' deltas, weighted by their examples:
//!
//! ```text
//! m <- beta1 m + (1 - beta1) D        m starts at 0
//! v <- the optimiser's own rule       v starts at tau^2
//! x <- x + learning_rate m / (sqrt(v) + tau)
//! ```
//!
//! There is no bias correction, and `tau` stands outside the root. `m` and `v` are the state, kept in the dtypes that
//! computation is done in: a half-precision model's second moment would vanish in its own.

use fedwit_plugin::{
    Context, Error, MeanDelta, Metric, Outcome, Parameters, PartialAggregate, State, Update, config, squared_norms,
};

/// What the state calls the momentum.
const MOMENTUM: &str = "momentum";
/// What the state calls the second moment.
const SECOND_MOMENT: &str = "second_moment";

/// What the optimisers are tuned by, apart from their own rules.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How far a step goes; above 0.
    pub learning_rate: f64,
    /// How much of the momentum is kept; at least 0 and below 1.
    pub beta1: f64,
    /// How adaptive the steps are: the smaller, the more. Above 0.
    pub tau: f64,
}

impl Settings {
    /// Refuses settings that an optimiser cannot work with.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the key.
    pub fn check(&self) -> Result<(), Error> {
        config::positive("learning_rate", self.learning_rate)?;
        config::fraction("beta1", self.beta1)?;
        config::positive("tau", self.tau)
    }
}

/// One round of an optimiser.
#[derive(Debug)]
pub struct FedOpt {
    settings: Settings,
    global_model: Parameters,
    momentum: Parameters,
    second_moment: Parameters,
    mean: MeanDelta,
}

impl FedOpt {
    /// Begins a round with checked settings, from the state of the last.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], or [`Error::Failed`] if the state is not this optimiser's or of another model.
    pub fn begin(settings: Settings, context: Context) -> Result<Self, Error> {
        settings.check()?;
        let Context { global_model, state, .. } = context;
        let (momentum, second_moment) = match state {
            Some(mut state) => {
                let moments = (state.take(MOMENTUM, &global_model)?, state.take(SECOND_MOMENT, &global_model)?);
                state.emptied()?;
                moments
            }
            None => {
                let zeros = global_model.filled(0.0)?.widened()?;
                let second_moment = zeros.filled(settings.tau * settings.tau)?;
                (zeros, second_moment)
            }
        };
        let mean = MeanDelta::new(&global_model);
        Ok(Self { settings, global_model, momentum, second_moment, mean })
    }

    /// Takes an update in, weighted by its examples.
    ///
    /// # Errors
    /// [`Error::Rejected`] if it does not fit.
    pub fn add(&mut self, update: &Update) -> Result<(), Error> {
        self.mean.add(update, update.info().num_examples as f64)
    }

    /// Hands up the share: the mean delta. The optimiser works once, where the round is finished.
    ///
    /// # Errors
    /// None that the host does not force.
    pub fn partial(self) -> Result<PartialAggregate, Error> {
        self.mean.partial()
    }

    /// Takes a share in.
    ///
    /// # Errors
    /// [`Error::Rejected`] if it is none.
    pub fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        self.mean.merge(part)
    }

    /// Makes the step, with `rule(v, D^2)` for the new second moment.
    ///
    /// # Errors
    /// [`Error::Failed`] if there was no update.
    pub fn finish(
        self,
        rule: impl FnOnce(&Parameters, &Parameters) -> Result<Parameters, Error>,
    ) -> Result<Outcome, Error> {
        let Self { settings: Settings { learning_rate, beta1, tau }, global_model, momentum, second_moment, mean } =
            self;
        let delta = mean.finish()?;
        let momentum = momentum.scaled(beta1)?.plus(&delta.scaled(1.0 - beta1)?)?;
        let second_moment = rule(&second_moment, &delta.square()?)?;
        let step = momentum.divided_by(&second_moment.root()?.shifted(tau)?)?.scaled(learning_rate)?;
        let model = global_model.plus(&step)?;
        // Everything that is returned is there as an expression: the host computes it together with the norms.
        let norms = squared_norms(&[&delta, &step])?;
        let metrics = ["update_norm", "step_norm"].into_iter().zip(norms);
        Ok(Outcome {
            model,
            state: Some(State::of([(MOMENTUM, momentum), (SECOND_MOMENT, second_moment)])),
            metrics: metrics.map(|(name, squared)| Metric::new(name, squared.sqrt())).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use fedwit_plugin::DType;
    use fedwit_plugin::testing::{context, parameters, update};

    use super::*;

    const SETTINGS: Settings = Settings { learning_rate: 0.1, beta1: 0.9, tau: 1e-3 };

    fn model(dtype: DType, value: f64) -> Parameters {
        parameters(dtype, &[("w", &[value])])
    }

    fn begin(dtype: DType) -> FedOpt {
        FedOpt::begin(SETTINGS, context(&model(dtype, 0.0), None)).unwrap()
    }

    /// A round over clients with their deltas and examples.
    fn round(clients: &[(f64, u64)]) -> FedOpt {
        let mut round = begin(DType::Float64);
        for (delta, examples) in clients {
            add(&mut round, DType::Float64, *delta, *examples);
        }
        round
    }

    fn add(round: &mut FedOpt, dtype: DType, delta: f64, examples: u64) {
        round.add(&update("a", examples, &model(dtype, delta), &model(dtype, 0.0))).unwrap();
    }

    fn finish(round: FedOpt) -> Outcome {
        round.finish(Parameters::plus).unwrap()
    }

    /// The momentum after a first round, which is a tenth of the mean delta.
    fn mean_delta(round: FedOpt) -> f64 {
        finish(round).state.unwrap().parameters[0].value.values("w").unwrap()[0] * 10.0
    }

    #[track_caller]
    fn close(left: f64, right: f64) {
        assert!((left - right).abs() <= 1e-12, "{left} is not {right}");
    }

    #[test]
    fn clients_weigh_by_their_examples() {
        close(mean_delta(round(&[(1.0, 10), (5.0, 30)])), 4.0);
    }

    #[test]
    fn shares_weigh_by_their_examples() {
        let mut merged = round(&[(1.0, 10)]);
        merged.merge(round(&[(5.0, 20), (2.0, 10)]).partial().unwrap()).unwrap();
        merged.merge(round(&[]).partial().unwrap()).unwrap();
        close(mean_delta(merged), mean_delta(round(&[(1.0, 10), (5.0, 20), (2.0, 10)])));
    }

    #[test]
    fn the_order_does_not_matter() {
        let model = |clients: &[(f64, u64)]| finish(round(clients)).model.values("w").unwrap()[0];
        close(model(&[(0.1, 3), (-0.7, 11), (0.3, 7)]), model(&[(0.3, 7), (0.1, 3), (-0.7, 11)]));
    }

    #[test]
    fn what_is_rejected_leaves_no_weight() {
        let mut one = round(&[(1.0, 10)]);
        let wide = parameters(DType::Float64, &[("w", &[9.0, 9.0])]);
        assert!(matches!(one.add(&update("b", 90, &wide, &wide)), Err(Error::Rejected(_))));
        let mut part = round(&[(9.0, 90)]).partial().unwrap();
        part.parameters.clear();
        assert!(matches!(one.merge(part), Err(Error::Rejected(_))));
        close(mean_delta(one), 1.0);
    }

    #[test]
    fn a_round_without_updates_fails() {
        assert!(matches!(round(&[]).finish(Parameters::plus), Err(Error::Failed(_))));
    }

    #[test]
    fn a_state_goes_on_and_one_of_another_optimiser_is_refused() {
        let kept = |first: &str, second: &str| {
            State::of([(first, model(DType::Float64, 1.0)), (second, model(DType::Float64, 4.0))])
        };
        let begin = |state| FedOpt::begin(SETTINGS, context(&model(DType::Float64, 0.0), Some(state)));
        let mut round = begin(kept("momentum", "second_moment")).unwrap();
        add(&mut round, DType::Float64, 0.0, 1);
        let outcome = round.finish(|second_moment, _| second_moment.scaled(1.0)).unwrap();
        close(outcome.model.values("w").unwrap()[0], 0.1 * 0.9 / (2.0 + 1e-3));
        let refused = begin(kept("momentum", "variance"));
        assert!(matches!(refused, Err(Error::Failed(why)) if why == "the state lacks `second_moment`"));
    }

    #[test]
    fn a_rule_sees_the_old_second_moment_and_the_squared_mean() {
        let outcome = round(&[(2.0, 1), (4.0, 1)]).finish(|second_moment, squared| {
            close(second_moment.values("w").unwrap()[0], 1e-6);
            close(squared.values("w").unwrap()[0], 9.0);
            second_moment.filled(4.0)
        });
        // The mean of 3 makes a momentum of 0.3, and the root of 4 is 2.
        close(outcome.unwrap().model.values("w").unwrap()[0], 0.1 * 0.3 / (2.0 + 1e-3));
    }

    /// A half-precision second moment of 1e-6 would be 0.95e-6, and small integers' momentum 0.
    #[test]
    fn the_state_is_wider_than_the_model() {
        for (dtype, wide) in
            [(DType::Float16, DType::Float32), (DType::Bfloat16, DType::Float32), (DType::Int64, DType::Float64)]
        {
            let mut round = begin(dtype);
            add(&mut round, dtype, 1.0, 1);
            let outcome = finish(round);
            for (set, expected) in outcome.state.unwrap().parameters.iter().zip([0.1, 1.0 + 1e-6]) {
                assert_eq!(set.value.layout()[0].dtype, wide, "{} of a model of {dtype:?}", set.name);
                let kept = set.value.cast(wide).unwrap().values("w").unwrap()[0];
                assert!((kept - expected).abs() <= 1e-7, "{}: {kept} is not {expected}", set.name);
            }
            // The model stays of its own dtype: the host rounds to it at the very end.
            assert_eq!(outcome.model.layout()[0].dtype, dtype);
        }
    }

    #[test]
    fn a_round_shows_how_far_the_clients_and_the_model_went() {
        let outcome = finish(round(&[(3.0, 1)]));
        let metrics: Vec<_> = outcome.metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        let [("update_norm", update), ("step_norm", step)] = metrics[..] else { panic!("{metrics:?}") };
        close(update, 3.0);
        close(step, outcome.model.values("w").unwrap()[0]);
    }
}
