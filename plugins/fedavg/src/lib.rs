//! FedAvg: the mean of the clients' models, weighted by their examples.
//!
//! `x <- sum (n_k / N) u_k` with `N` the examples of the clients that take part: "Communication-Efficient Learning of
//! Deep Networks from Decentralized Data", AISTATS 2017, Algorithm 1. Computed as the global model plus the mean delta,
//! which is the same. It keeps no state.

use fedwit_plugin::{Aggregator, Context, Error, MeanDelta, Metric, Outcome, Parameters, PartialAggregate, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether a client weighs as much as it has examples; if not, all weigh the same.
    pub weighted: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { weighted: true }
    }
}

/// One round.
#[derive(Debug)]
pub struct FedAvg {
    config: Config,
    global_model: Parameters,
    mean: MeanDelta,
}

impl Aggregator for FedAvg {
    const NAME: &'static str = "fedavg";
    const SUMMARY: &'static str = "The mean of the clients' models, weighted by their examples.";
    const MERGEABLE: bool = true;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        let mean = MeanDelta::new(&context.global_model);
        Ok(Self { config, global_model: context.global_model, mean })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        let weight = if self.config.weighted { update.info().num_examples as f64 } else { 1.0 };
        self.mean.add(&update, weight)
    }

    fn partial(self) -> Result<PartialAggregate, Error> {
        self.mean.partial()
    }

    fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        self.mean.merge(part)
    }

    fn finish(self) -> Result<Outcome, Error> {
        let delta = self.mean.finish()?;
        let norm = Metric::new("update_norm", delta.squared_norm()?.sqrt());
        Ok(Outcome { model: self.global_model.plus(&delta)?, state: None, metrics: vec![norm] })
    }
}

fedwit_plugin::export!(FedAvg);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, config};

    use super::*;

    fn begin(text: &str, global: &Parameters) -> FedAvg {
        FedAvg::begin(config::parse(text).unwrap(), context(global, None)).unwrap()
    }

    fn floats(values: &[f64]) -> Parameters {
        parameters(DType::Float32, &[("w", values)])
    }

    #[test]
    fn clients_weigh_by_their_examples() {
        let global = floats(&[0.0]);
        let mut round = begin("{}", &global);
        round.add(update("a", 10, &floats(&[1.0]), &global)).unwrap();
        round.add(update("b", 30, &floats(&[5.0]), &global)).unwrap();
        let outcome = round.finish().unwrap();
        assert_eq!(outcome.model.values("w").unwrap(), [4.0]);
        assert!(outcome.state.is_none());
        assert_eq!((outcome.metrics[0].name.as_str(), outcome.metrics[0].value), ("update_norm", 4.0));
    }

    #[test]
    fn clients_can_weigh_the_same() {
        let global = floats(&[0.0]);
        let mut round = begin(r#"{"weighted": false}"#, &global);
        round.add(update("a", 10, &floats(&[1.0]), &global)).unwrap();
        round.add(update("b", 30, &floats(&[5.0]), &global)).unwrap();
        assert_eq!(round.finish().unwrap().model.values("w").unwrap(), [3.0]);
    }

    #[test]
    fn shares_are_merged_by_their_examples() {
        let global = floats(&[1.0, 2.0]);
        let mut one = begin("{}", &global);
        one.add(update("a", 1, &floats(&[9.0, 9.0]), &global)).unwrap();
        let mut merged = begin("{}", &global);
        merged.add(update("b", 7, &floats(&[1.0, 2.0]), &global)).unwrap();
        merged.merge(one.partial().unwrap()).unwrap();
        merged.merge(begin("{}", &global).partial().unwrap()).unwrap();
        assert_eq!(merged.finish().unwrap().model.values("w").unwrap(), [2.0, 2.875]);
    }

    #[test]
    fn shares_of_clients_that_weigh_the_same_are_merged_by_their_number() {
        let global = floats(&[0.0]);
        let begin = || begin(r#"{"weighted": false}"#, &global);
        let mut two = begin();
        two.add(update("a", 1000, &floats(&[3.0]), &global)).unwrap();
        two.add(update("b", 1, &floats(&[6.0]), &global)).unwrap();
        let mut whole = begin();
        whole.add(update("c", 50, &floats(&[0.0]), &global)).unwrap();
        whole.merge(two.partial().unwrap()).unwrap();
        assert_eq!(whole.finish().unwrap().model.values("w").unwrap(), [3.0]);
    }

    #[test]
    fn the_order_does_not_matter() {
        let global = floats(&[1.0]);
        let clients = [("a", 3, 0.1), ("b", 11, -0.7), ("c", 7, 0.3)];
        let model = |order: [usize; 3]| {
            let mut round = begin("{}", &global);
            for (client, examples, sent) in order.map(|index| clients[index]) {
                round.add(update(client, examples, &floats(&[sent]), &global)).unwrap();
            }
            round.finish().unwrap().model.values("w").unwrap()[0]
        };
        assert!((model([0, 1, 2]) - model([2, 0, 1])).abs() <= 1e-7);
    }

    #[test]
    fn only_what_is_known_configures_it() {
        for (text, key) in
            [(r#"{"weight": true}"#, "`weight`"), (r#"{"weighted": 1}"#, "`weighted`"), ("[true]", "object")]
        {
            let parsed = config::parse::<Config>(text);
            assert!(matches!(&parsed, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}: {parsed:?}");
        }
        assert!(config::parse::<Config>("").unwrap().weighted);
    }

    #[test]
    fn what_does_not_fit_is_rejected_without_its_weight() {
        let global = floats(&[0.0, 0.0]);
        let mut round = begin("{}", &global);
        round.add(update("a", 1, &floats(&[1.0, 1.0]), &global)).unwrap();
        let narrow = floats(&[9.0]);
        assert!(matches!(round.add(update("b", 99, &narrow, &narrow)), Err(Error::Rejected(_))));
        let foreign = PartialAggregate { parameters: vec![], bytes: vec![], weight: 99.0, updates: 5 };
        assert!(matches!(round.merge(foreign), Err(Error::Rejected(_))));
        assert_eq!(round.finish().unwrap().model.values("w").unwrap(), [1.0, 1.0]);
    }

    #[test]
    fn a_round_without_updates_fails() {
        assert!(matches!(begin("{}", &floats(&[0.0])).finish(), Err(Error::Failed(_))));
    }

    /// The host rounds at the end of the round, to the model's dtype.
    #[test]
    fn the_mean_of_integers_is_not_rounded_before_the_end() {
        let global = parameters(DType::Int64, &[("steps", &[0.0])]);
        let sent = |value: f64| parameters(DType::Int64, &[("steps", &[value])]);
        let mut share = begin("{}", &global);
        share.add(update("a", 1, &sent(1.0), &global)).unwrap();
        share.add(update("b", 1, &sent(2.0), &global)).unwrap();
        let mut whole = begin("{}", &global);
        whole.merge(share.partial().unwrap()).unwrap();
        assert_eq!(whole.finish().unwrap().model.values("steps").unwrap(), [1.5]);
    }
}
