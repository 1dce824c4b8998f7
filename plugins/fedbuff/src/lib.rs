//! FedBuff: the mean of what a buffer of updates holds, where each counts the less the older the model is that its
//! client started from.
//!
//! ```text
//! x <- x + learning_rate (1/K) sum D_i / sqrt(1 + s_i)
//! ```
//!
//! `D_i` is what the client changed, `s_i` how many global models have been made since the one that it changed, and `K`
//! the number of updates in the buffer. Whatever their examples, unlike in FedAvg. Nguyen et al. 2022, "Federated
//! Learning with Buffered Asynchronous Aggregation", Algorithm 1 and section 5. It keeps no state.
//!
//! A session with a buffer makes a model of as many updates as its buffer takes, so they are the paper's `K`. Where there
//! are fewer or more, as in a round that waits for its clients, dividing by another number would make the step
//! accidentally shorter or longer; who wants it divided by one number says so (`buffer`).

use fedwit_plugin::{
    Aggregator, Context, Error, MeanDelta, Metric, Outcome, Parameters, PartialAggregate, Update, config,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How far a step goes; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// What the sum of the updates is divided by; at least 1. If it is not said, the number of updates there are, which
    /// is the size of the session's buffer.
    #[schemars(extend("minimum" = 1))]
    pub buffer: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 1.0, buffer: None }
    }
}

/// One model's making.
#[derive(Debug)]
pub struct FedBuff {
    config: Config,
    global_model: Parameters,
    /// Weighted by `1 / sqrt(1 + s_i)`.
    mean: MeanDelta,
    largest_staleness: u32,
}

impl Aggregator for FedBuff {
    const NAME: &'static str = "fedbuff";
    const SUMMARY: &'static str =
        "The mean of a buffer of updates, where an update counts the less the older the model is that it improves.";
    const MERGEABLE: bool = true;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        config::positive("learning_rate", config.learning_rate)?;
        if config.buffer == Some(0) {
            return Err(Error::InvalidConfig("`buffer` is 0, but must be at least 1".to_owned()));
        }
        let mean = MeanDelta::new(&context.global_model);
        Ok(Self { config, global_model: context.global_model, mean, largest_staleness: 0 })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        let staleness = update.info().staleness;
        self.mean.add(&update, 1.0 / (1.0 + f64::from(staleness)).sqrt())?;
        self.largest_staleness = self.largest_staleness.max(staleness);
        Ok(())
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        let mut part = self.mean.partial()?;
        part.bytes = self.largest_staleness.to_le_bytes().into();
        Ok(part)
    }

    fn merge(&mut self, mut part: PartialAggregate) -> Result<(), Error> {
        let bytes = std::mem::take(&mut part.bytes);
        let staleness = <[u8; 4]>::try_from(bytes.as_slice()).map(u32::from_le_bytes);
        let staleness = staleness.map_err(|_| Error::Rejected("a share without the largest staleness".to_owned()))?;
        self.mean.merge(part)?;
        self.largest_staleness = self.largest_staleness.max(staleness);
        Ok(())
    }

    fn finish(self) -> Result<Outcome, Error> {
        let (weight, updates) = (self.mean.weight(), self.mean.updates());
        let divisor = self.config.buffer.map_or(updates as f64, f64::from);
        // The mean divides by the sum of the weights: times it, it is the sum of what was added.
        let step = self.mean.finish()?.scaled(self.config.learning_rate * weight / divisor)?;
        let metrics = vec![
            Metric::new("update_norm", step.squared_norm()?.sqrt()),
            Metric::new("largest_staleness", self.largest_staleness.into()),
        ];
        Ok(Outcome { model: self.global_model.plus(&step)?, state: None, metrics })
    }
}

fedwit_plugin::export!(FedBuff);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update_with_info};
    use fedwit_plugin::{DType, UpdateInfo};

    use super::*;

    fn model(value: f64) -> Parameters {
        parameters(DType::Float64, &[("w", &[value])])
    }

    /// A client that went so far, from a model that was so many models old.
    fn sent(delta: f64, staleness: u32) -> Update {
        // Examples must not matter.
        let num_examples = u64::from(staleness) * 1000 + 1;
        let info = UpdateInfo { client: "a".to_owned(), num_examples, staleness, metrics: Vec::new() };
        let base = 10.0 - f64::from(staleness);
        update_with_info(info, &model(base + delta), &model(base))
    }

    fn buffer(text: &str, updates: &[(f64, u32)]) -> FedBuff {
        let mut buffer = FedBuff::begin(config::parse(text).unwrap(), context(&model(10.0), None)).unwrap();
        for (delta, staleness) in updates {
            buffer.add(sent(*delta, *staleness)).unwrap();
        }
        buffer
    }

    #[track_caller]
    fn ends_at(buffer: FedBuff, expected: f64) -> Vec<(String, f64)> {
        let outcome = buffer.finish().unwrap();
        let found = outcome.model.values("w").unwrap()[0];
        assert!((found - expected).abs() <= 1e-12, "{found} is not {expected}");
        assert!(outcome.state.is_none());
        outcome.metrics.into_iter().map(|metric| (metric.name, metric.value)).collect()
    }

    /// 1, 4 / 2 and -3 / 3, by the number of three.
    #[test]
    fn an_update_counts_the_less_the_older_its_model_is_whatever_its_examples() {
        let shown = ends_at(buffer("{}", &[(1.0, 0), (4.0, 3), (-3.0, 8)]), 10.0 + 2.0 / 3.0);
        assert!((shown[0].1 - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!((shown[0].0.as_str(), &shown[1]), ("update_norm", &("largest_staleness".to_owned(), 8.0)));
    }

    /// A mean by weights would be 4 for each of them.
    #[test]
    fn a_buffer_of_stale_updates_alone_makes_a_small_step() {
        ends_at(buffer("{}", &[(4.0, 3)]), 12.0);
        ends_at(buffer("{}", &[(4.0, 3), (4.0, 3)]), 12.0);
    }

    #[test]
    fn the_learning_rate_scales_the_step() {
        ends_at(buffer(r#"{"learning_rate": 2}"#, &[(4.0, 3), (1.0, 0)]), 13.0);
    }

    #[test]
    fn the_number_to_divide_by_can_be_said() {
        ends_at(buffer(r#"{"buffer": 10}"#, &[(4.0, 3), (1.0, 0)]), 10.3);
        ends_at(buffer(r#"{"buffer": 1}"#, &[(4.0, 3), (1.0, 0)]), 13.0);
        ends_at(buffer(r#"{"buffer": null}"#, &[(4.0, 3), (1.0, 0)]), 11.5);
    }

    #[test]
    fn shares_are_sums() {
        let updates = [(1.0, 0), (4.0, 3), (-3.0, 8), (2.0, 1), (0.5, 0)];
        for split in [[0, 1], [1, 1], [2, 4], [0, 5], [5, 5]] {
            let mut merged = buffer("{}", &[]);
            for share in [&updates[..split[0]], &updates[split[0]..split[1]], &updates[split[1]..]] {
                merged.merge(buffer("{}", share).partial().unwrap()).unwrap();
            }
            let shown = ends_at(merged, 10.0 + (2.5 + 2.0_f64.sqrt()) / 5.0);
            assert_eq!(shown[1].1, 8.0);
        }
    }

    #[test]
    fn what_is_no_share_is_rejected_and_changes_nothing() {
        let mut whole = buffer("{}", &[(1.0, 0)]);
        let share = || buffer("{}", &[(9.0, 99)]).partial().unwrap();
        for bytes in [vec![], vec![1, 2, 3], vec![0; 5]] {
            let refused = whole.merge(PartialAggregate { bytes, ..share() });
            assert!(matches!(refused, Err(Error::Rejected(_))), "{refused:?}");
        }
        let refused = whole.merge(PartialAggregate { weight: f64::NAN, ..share() });
        assert!(matches!(refused, Err(Error::Rejected(_))), "{refused:?}");
        let shown = ends_at(whole, 11.0);
        assert_eq!(shown[1].1, 0.0);
    }

    #[test]
    fn a_buffer_without_updates_fails() {
        assert!(matches!(buffer("{}", &[]).finish(), Err(Error::Failed(_))));
    }

    #[test]
    fn parameters_are_checked() {
        for (text, key) in [
            (r#"{"learning_rate": 0}"#, "learning_rate"),
            (r#"{"buffer": 0}"#, "buffer"),
            (r#"{"buffer": -1}"#, "buffer"),
            (r#"{"buffer": 2.5}"#, "buffer"),
            (r#"{"k": 2}"#, "`k`"),
        ] {
            let begun = config::parse(text).and_then(|config| FedBuff::begin(config, context(&model(0.0), None)));
            assert!(matches!(begun, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}");
        }
    }
}
