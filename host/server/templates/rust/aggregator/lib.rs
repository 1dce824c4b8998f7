//! {{name}}: an aggregator that goes along the mean of the clients' deltas, `x <- x + learning_rate D`.

use fedwit_plugin::{Aggregator, Context, Error, MeanDelta, Metric, Outcome, Parameters, PartialAggregate, Update, config};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session, with their defaults.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How far to go along the mean delta; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 1.0 }
    }
}

/// One round. Models stay with the host: `Parameters` are handles to them.
#[derive(Debug)]
pub struct Plugin {
    config: Config,
    global_model: Parameters,
    mean: MeanDelta,
}

impl Aggregator for Plugin {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str = "Goes along the mean of the clients' deltas.";
    const MERGEABLE: bool = true;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        config::positive("learning_rate", config.learning_rate)?;
        let mean = MeanDelta::new(&context.global_model);
        Ok(Self { config, global_model: context.global_model, mean })
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
        let delta = self.mean.finish()?;
        let norm = Metric::new("update_norm", delta.squared_norm()?.sqrt());
        let model = self.global_model.plus(&delta.scaled(self.config.learning_rate)?)?;
        Ok(Outcome { model, state: None, metrics: vec![norm] })
    }
}

fedwit_plugin::export!(Plugin);

#[cfg(test)]
mod tests {
    use fedwit_plugin::DType;
    use fedwit_plugin::testing::{context, parameters, update};

    use super::*;

    fn model(value: f64) -> Parameters {
        parameters(DType::Float32, &[("w", &[value])])
    }

    fn begin(text: &str, global_model: &Parameters) -> Result<Plugin, Error> {
        Plugin::begin(config::parse(text)?, context(global_model, None))
    }

    fn finished(round: Plugin) -> f64 {
        round.finish().unwrap().model.values("w").unwrap()[0]
    }

    #[test]
    fn clients_weigh_by_their_examples() {
        let global = model(1.0);
        let mut round = begin("{}", &global).unwrap();
        round.add(update("a", 10, &model(2.0), &global)).unwrap();
        round.add(update("b", 30, &model(6.0), &global)).unwrap();
        assert_eq!(finished(round), 5.0);
    }

    #[test]
    fn a_learning_rate_scales_the_step() {
        let global = model(1.0);
        let mut round = begin(r#"{"learning_rate": 0.5}"#, &global).unwrap();
        round.add(update("a", 10, &model(3.0), &global)).unwrap();
        assert_eq!(finished(round), 2.0);
    }

    #[test]
    fn merging_is_adding() {
        let global = model(1.0);
        let mut share = begin("{}", &global).unwrap();
        share.add(update("a", 30, &model(5.0), &global)).unwrap();
        let mut whole = begin("{}", &global).unwrap();
        whole.add(update("b", 10, &model(1.0), &global)).unwrap();
        whole.merge(share.partial().unwrap()).unwrap();
        whole.merge(begin("{}", &global).unwrap().partial().unwrap()).unwrap();
        assert_eq!(finished(whole), 4.0);
    }

    #[test]
    fn what_is_rejected_leaves_no_weight() {
        let global = model(0.0);
        let mut round = begin("{}", &global).unwrap();
        round.add(update("a", 1, &model(1.0), &global)).unwrap();
        let wide = parameters(DType::Float32, &[("w", &[9.0, 9.0])]);
        assert!(matches!(round.add(update("b", 99, &wide, &wide)), Err(Error::Rejected(_))));
        assert_eq!(finished(round), 1.0);
    }

    #[test]
    fn a_configuration_that_is_wrong_is_refused_by_its_key() {
        for (text, key) in [(r#"{"learning_rate": 0}"#, "learning_rate"), (r#"{"momentum": 1}"#, "momentum")] {
            let begun = begin(text, &model(0.0));
            assert!(matches!(&begun, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}: {begun:?}");
        }
    }
}
