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

mod state;

use fedwit_plugin::{Context, Error, MeanDelta, Metric, Outcome, Parameters, PartialAggregate, Update, config};

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
            Some(state) => state::restored(state, &global_model)?,
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
        let norm = delta.squared_norm()?.sqrt();
        // Each handle goes as soon as it has served: the host counts the memory of what is kept.
        let kept = momentum.scaled(beta1)?;
        drop(momentum);
        let momentum = kept.plus(&delta.scaled(1.0 - beta1)?)?;
        drop(kept);
        let squared = delta.square()?;
        drop(delta);
        let new_second_moment = rule(&second_moment, &squared)?;
        drop((second_moment, squared));
        let step = momentum.divided_by(&new_second_moment.root()?.shifted(tau)?)?.scaled(learning_rate)?;
        Ok(Outcome {
            model: global_model.plus(&step)?,
            state: Some(state::kept(momentum, new_second_moment)),
            metrics: vec![
                Metric { name: "update_norm".to_owned(), value: norm },
                Metric { name: "step_norm".to_owned(), value: step.squared_norm()?.sqrt() },
            ],
        })
    }
}
