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

    /// Takes in what another instance handed up, by its weight. An empty share has no effect. An aggregator that adds
    /// bytes of its own to a share takes them out first.
    ///
    /// # Errors
    /// [`Error::Rejected`] if it is not such a share, or does not fit; nothing has changed then.
    pub fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        let PartialAggregate { parameters, bytes, weight, updates } = part;
        match parameters.as_slice() {
            _ if !bytes.is_empty() => Err(Error::Rejected("a share with bytes, which a mean does not have".to_owned())),
            [] if updates == 0 => Ok(()),
            [NamedParameters { name, value }] if name == NAME && updates > 0 => self.take(value, weight, updates),
            _ => Err(Error::Rejected(format!("this is no share of {updates} updates with a `{NAME}`"))),
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
        // Before the mean changes: what is rejected leaves nothing behind.
        let updates = self.updates.checked_add(updates);
        let updates = updates.ok_or_else(|| Error::Rejected("more updates than can be counted".to_owned()))?;
        self.accumulator.add(delta, weight).map_err(|error| match error {
            Error::Failed(why) => Error::Rejected(why),
            other => other,
        })?;
        self.updates = updates;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::testing::{parameters, update};

    fn model(value: f64) -> Parameters {
        parameters(DType::Float64, &[("w", &[value])])
    }

    /// The mean of deltas to 10, with their weights.
    fn of(deltas: &[(f64, f64)]) -> MeanDelta {
        let mut mean = MeanDelta::new(&model(10.0));
        for (delta, weight) in deltas {
            mean.add(&update("a", 1, &model(10.0 + delta), &model(10.0)), *weight).unwrap();
        }
        mean
    }

    fn finished(mean: MeanDelta) -> f64 {
        mean.finish().unwrap().values("w").unwrap()[0]
    }

    fn rejected(mean: &mut MeanDelta, part: PartialAggregate) {
        let result = mean.merge(part);
        assert!(matches!(result, Err(Error::Rejected(_))), "{result:?}");
    }

    #[test]
    fn a_share_counts_by_its_weight() {
        let mut mean = of(&[(1.0, 1.0)]);
        mean.merge(of(&[(2.0, 1.0), (6.0, 2.0)]).partial().unwrap()).unwrap();
        assert_eq!((mean.weight(), mean.updates()), (4.0, 3));
        assert!((finished(mean) - 3.75).abs() < 1e-12);
    }

    #[test]
    fn a_share_hands_up_its_mean_and_weight() {
        let part = of(&[(2.0, 1.0), (6.0, 3.0)]).partial().unwrap();
        assert_eq!((part.weight, part.updates, part.parameters.len()), (4.0, 2, 1));
        assert_eq!(part.parameters[0].name, "mean_delta");
        assert_eq!(part.parameters[0].value.values("w").unwrap(), [5.0]);
    }

    /// The host rounds what is handed up to the dtypes that it says: a mean of integers would end there.
    #[test]
    fn a_share_is_handed_up_in_the_dtypes_of_computation() {
        for (dtype, wide) in
            [(DType::Int64, DType::Float64), (DType::Uint8, DType::Float64), (DType::Bfloat16, DType::Float32)]
        {
            let (base, sent) = (parameters(dtype, &[("w", &[0.0])]), parameters(dtype, &[("w", &[1.0])]));
            let mut mean = MeanDelta::new(&base);
            mean.add(&update("a", 1, &sent, &base), 1.0).unwrap();
            mean.add(&update("b", 1, &base, &base), 1.0).unwrap();
            let value = &mean.partial().unwrap().parameters[0].value;
            assert_eq!((value.layout()[0].dtype, value.values("w").unwrap()), (wide, &[0.5][..]), "{dtype:?}");
        }
    }

    #[test]
    fn an_empty_share_has_no_effect() {
        let empty = of(&[]).partial().unwrap();
        assert_eq!((empty.weight, empty.updates, empty.parameters.len()), (0.0, 0, 0));
        let mut mean = of(&[(2.0, 3.0)]);
        mean.merge(empty).unwrap();
        assert_eq!((mean.weight(), mean.updates()), (3.0, 1));
        assert_eq!(finished(mean), 2.0);
        let mut nothing = of(&[]);
        nothing.merge(of(&[]).partial().unwrap()).unwrap();
        assert!(matches!(nothing.finish(), Err(Error::Failed(why)) if why == "no update was added"));
    }

    #[test]
    fn what_is_no_share_is_rejected_and_changes_nothing() {
        let mut mean = of(&[(2.0, 1.0)]);
        let share = || of(&[(9.0, 5.0)]).partial().unwrap();
        rejected(&mut mean, PartialAggregate { updates: 0, ..share() });
        rejected(&mut mean, PartialAggregate { updates: u64::MAX, ..share() });
        rejected(&mut mean, PartialAggregate { parameters: Vec::new(), ..share() });
        rejected(&mut mean, PartialAggregate { bytes: vec![1], ..share() });
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            rejected(&mut mean, PartialAggregate { weight, ..share() });
        }
        let mut twice = share();
        twice.parameters.extend(share().parameters);
        rejected(&mut mean, twice);
        let mut foreign = share();
        foreign.parameters[0].name = "momentum".to_owned();
        rejected(&mut mean, foreign);
        let mut wide = share();
        wide.parameters[0].value = parameters(DType::Float64, &[("w", &[9.0, 9.0])]);
        rejected(&mut mean, wide);
        assert_eq!((mean.weight(), mean.updates()), (1.0, 1));
        assert_eq!(finished(mean), 2.0);
    }

    #[test]
    fn an_update_that_does_not_fit_leaves_no_weight() {
        let mut mean = of(&[(2.0, 1.0)]);
        let wide = parameters(DType::Float64, &[("w", &[9.0, 9.0])]);
        assert!(matches!(mean.add(&update("b", 1, &wide, &wide), 5.0), Err(Error::Rejected(_))));
        assert!(matches!(mean.add(&update("b", 1, &model(9.0), &model(10.0)), f64::NAN), Err(Error::Rejected(_))));
        assert_eq!((mean.weight(), mean.updates()), (1.0, 1));
        assert_eq!(finished(mean), 2.0);
    }
}
