//! The weighted mean of the clients' deltas: what most aggregators begin with.

use crate::{Accumulator, Error, NamedParameters, Parameters, PartialAggregate, Update};

/// The name that a share's mean is handed up by.
const NAME: &str = "mean_delta";

/// A running weighted mean of deltas, `D = sum (w_k / W) (u_k - x)` with `W = sum w_k`, that can be handed up, merged
/// and finished.
///
/// Deltas rather than models: a share's mean then keeps the digits of small steps on large weights when it is
/// rounded. Reading a delta costs the host no memory.
#[derive(Debug)]
pub struct MeanDelta {
    accumulator: Accumulator,
    updates: u64,
}

impl MeanDelta {
    /// No deltas yet, of models like `global_model`.
    #[must_use]
    pub fn new(global_model: &Parameters) -> Self {
        Self { accumulator: Accumulator::new(global_model), updates: 0 }
    }

    /// Takes the delta of an update in.
    ///
    /// # Errors
    /// [`Error::Rejected`] if it does not fit or the weight is not a positive finite number; nothing has changed then.
    pub fn add(&mut self, update: &Update, weight: f64) -> Result<(), Error> {
        self.take(&update.delta()?, weight, 1)
    }

    /// What was added and merged so far, for another instance to [merge](Self::merge).
    ///
    /// # Errors
    /// None that the host does not force.
    pub fn partial(self) -> Result<PartialAggregate, Error> {
        let (weight, updates) = (self.weight(), self.updates);
        let mut parameters = Vec::new();
        if updates > 0 {
            // Widened: the mean of integers is none.
            let value = Accumulator::mean(self.accumulator)?.widened()?;
            parameters.push(NamedParameters { name: NAME.to_owned(), value });
        }
        Ok(PartialAggregate { parameters, bytes: Vec::new(), weight, updates })
    }

    /// Takes in what another instance handed up, by its weight. An empty share has no effect.
    ///
    /// # Errors
    /// [`Error::Rejected`] if it is not such a share, or does not fit; nothing has changed then.
    pub fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        match part.parameters.as_slice() {
            [] if part.updates == 0 => Ok(()),
            [NamedParameters { name, value }] if name == NAME && part.updates > 0 => {
                self.take(value, part.weight, part.updates)
            }
            _ => Err(Error::Rejected(format!("this is no share of {} updates with a `{NAME}`", part.updates))),
        }
    }

    /// The sum of the weights so far.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.accumulator.total_weight()
    }

    /// The number of updates so far.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The mean. It carries float64 values until it is computed with.
    ///
    /// # Errors
    /// [`Error::Failed`] if there is nothing to take the mean of.
    pub fn finish(self) -> Result<Parameters, Error> {
        if self.updates == 0 {
            return Err(Error::Failed("no update was added".to_owned()));
        }
        Accumulator::mean(self.accumulator)
    }

    fn take(&mut self, delta: &Parameters, weight: f64, updates: u64) -> Result<(), Error> {
        self.accumulator.add(delta, weight).map_err(|error| match error {
            Error::Failed(why) => Error::Rejected(why),
            other => other,
        })?;
        self.updates += updates;
        Ok(())
    }
}
