//! The life of an aggregator in an instance: calls out of order are errors, never panics.

use std::cell::RefCell;

use crate::{Aggregator, Context, Error, Outcome, PartialAggregate, Update, config};

/// Holds the aggregator of one round from its `begin` to its end. An instance is one aggregation: it begins once.
#[derive(Debug)]
pub struct Instance<A> {
    life: RefCell<Life<A>>,
}

#[derive(Debug)]
enum Life<A> {
    New,
    Round(A),
    Ended,
}

impl<A> Default for Instance<A> {
    fn default() -> Self {
        Self { life: RefCell::new(Life::New) }
    }
}

impl<A: Aggregator> Instance<A> {
    /// Begins a round with the session's configuration.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], [`Error::Failed`] if a round has begun here before, or the aggregator's own.
    pub fn begin(&self, config: &str, context: Context) -> Result<(), Error> {
        if !matches!(*self.life.borrow(), Life::New) {
            return Err(Error::Failed("an instance begins once, and this one has".to_owned()));
        }
        let aggregator = A::begin(config::parse(config)?, context)?;
        self.life.replace(Life::Round(aggregator));
        Ok(())
    }

    /// Adds an update.
    ///
    /// # Errors
    /// [`Error::Failed`] if no round is open, or the aggregator's own.
    pub fn add(&self, update: Update) -> Result<(), Error> {
        self.life.borrow_mut().round()?.add(update)
    }

    /// Merges a share.
    ///
    /// # Errors
    /// [`Error::Failed`] if no round is open, or the aggregator's own.
    pub fn merge(&self, part: PartialAggregate) -> Result<(), Error> {
        self.life.borrow_mut().round()?.merge(part)
    }

    /// Hands up the share, and ends.
    ///
    /// # Errors
    /// [`Error::Failed`] if no round is open, or the aggregator's own.
    pub fn partial(&self) -> Result<PartialAggregate, Error> {
        self.end()?.partial()
    }

    /// Makes the model, and ends.
    ///
    /// # Errors
    /// [`Error::Failed`] if no round is open, or the aggregator's own.
    pub fn finish(&self) -> Result<Outcome, Error> {
        self.end()?.finish()
    }

    fn end(&self) -> Result<A, Error> {
        match self.life.replace(Life::Ended) {
            Life::Round(aggregator) => Ok(aggregator),
            Life::New => Err(not_begun()),
            Life::Ended => Err(ended()),
        }
    }
}

impl<A> Life<A> {
    fn round(&mut self) -> Result<&mut A, Error> {
        match self {
            Self::New => Err(not_begun()),
            Self::Round(aggregator) => Ok(aggregator),
            Self::Ended => Err(ended()),
        }
    }
}

fn not_begun() -> Error {
    Error::Failed("no round has begun".to_owned())
}

fn ended() -> Error {
    Error::Failed("the round has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::testing::{context, parameters, update};
    use crate::{DType, MeanDelta, Parameters};

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    struct Mean {
        global_model: Parameters,
        mean: MeanDelta,
    }

    impl Aggregator for Mean {
        const NAME: &'static str = "mean";
        const SUMMARY: &'static str = "The mean.";
        const MERGEABLE: bool = true;
        type Config = Nothing;

        fn begin(_: Nothing, context: Context) -> Result<Self, Error> {
            Ok(Self { mean: MeanDelta::new(&context.global_model), global_model: context.global_model })
        }

        fn add(&mut self, update: Update) -> Result<(), Error> {
            self.mean.add(&update, 1.0)
        }

        fn partial(self) -> Result<PartialAggregate, Error> {
            self.mean.partial()
        }

        fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
            self.mean.merge(part)
        }

        fn finish(self) -> Result<Outcome, Error> {
            let model = self.global_model.plus(&self.mean.finish()?)?;
            Ok(Outcome { model, state: None, metrics: Vec::new() })
        }
    }

    fn model(value: f64) -> Parameters {
        parameters(DType::Float64, &[("w", &[value])])
    }

    fn sent(value: f64) -> Update {
        update("a", 1, &model(value), &model(0.0))
    }

    fn empty() -> PartialAggregate {
        PartialAggregate { parameters: Vec::new(), bytes: Vec::new(), weight: 0.0, updates: 0 }
    }

    fn begun() -> Instance<Mean> {
        let instance = Instance::default();
        instance.begin("", context(&model(0.0), None)).unwrap();
        instance
    }

    #[track_caller]
    fn failed<T>(result: Result<T, Error>, text: &str) {
        let Err(Error::Failed(why)) = result else { panic!("such a call fails") };
        assert!(why.contains(text), "{why}");
    }

    #[test]
    fn a_round_goes_from_its_beginning_to_its_end() {
        let share = begun();
        share.add(sent(4.0)).unwrap();
        let whole = begun();
        whole.merge(share.partial().unwrap()).unwrap();
        whole.add(sent(2.0)).unwrap();
        assert_eq!(whole.finish().unwrap().model.values("w").unwrap(), [3.0]);
    }

    #[test]
    fn nothing_is_done_before_the_beginning() {
        let new = Instance::<Mean>::default;
        failed(new().add(sent(1.0)), "begun");
        failed(new().merge(empty()), "begun");
        failed(new().partial(), "begun");
        failed(new().finish(), "begun");
    }

    #[test]
    fn nothing_is_done_after_the_end() {
        let ends: [fn(&Instance<Mean>); 2] = [
            |instance| drop(instance.partial().unwrap()),
            |instance| {
                instance.add(sent(1.0)).unwrap();
                drop(instance.finish().unwrap());
            },
        ];
        for end in ends {
            let instance = begun();
            end(&instance);
            failed(instance.add(sent(1.0)), "ended");
            failed(instance.merge(empty()), "ended");
            failed(instance.partial(), "ended");
            failed(instance.finish(), "ended");
            failed(instance.begin("{}", context(&model(0.0), None)), "once");
        }
    }

    #[test]
    fn an_instance_begins_once() {
        let instance = begun();
        failed(instance.begin("{}", context(&model(0.0), None)), "once");
        instance.add(sent(1.0)).unwrap();
        instance.finish().unwrap();
    }

    #[test]
    fn a_configuration_that_is_wrong_begins_nothing() {
        let instance = Instance::<Mean>::default();
        let begun = instance.begin(r#"{"rate": 1}"#, context(&model(0.0), None));
        assert!(matches!(begun, Err(Error::InvalidConfig(why)) if why.contains("`rate`")));
        failed(instance.finish(), "begun");
    }
}
