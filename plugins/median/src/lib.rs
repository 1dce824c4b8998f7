//! Median: coordinate by coordinate the median of the clients' models, whatever their examples.
//!
//! For an even number of clients the mean of the middle two. Yin et al. 2018, "Byzantine-Robust Distributed Learning:
//! Towards Optimal Statistical Rates", Definition 1 and Algorithm 1. Fewer than half of the clients cannot move a
//! coordinate out of the others' range. It keeps no state.

use fedwit_plugin::{Aggregator, Collected, Context, Error, Metric, Outcome, Update, median};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// There is nothing to choose.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// One round.
#[derive(Debug)]
pub struct Median {
    updates: Collected,
}

impl Aggregator for Median {
    const NAME: &'static str = "median";
    const SUMMARY: &'static str = "The median of the clients' models, coordinate by coordinate: robust to outliers.";
    const MERGEABLE: bool = false;
    type Config = Config;

    fn begin(_: Config, context: Context) -> Result<Self, Error> {
        Ok(Self { updates: Collected::new(context.global_model) })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        self.updates.add(update);
        Ok(())
    }

    fn finish(self) -> Result<Outcome, Error> {
        let models = self.updates.models()?;
        let model = median(&models.iter().collect::<Vec<_>>())?;
        let norm = model.minus(self.updates.global_model())?.squared_norm()?.sqrt();
        Ok(Outcome { model, state: None, metrics: vec![Metric::new("update_norm", norm)] })
    }
}

fedwit_plugin::export!(Median);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, Parameters, config};

    use super::*;

    fn floats(values: &[f64]) -> Parameters {
        parameters(DType::Float32, &[("w", values)])
    }

    fn median_of(models: &[[f64; 2]]) -> Result<Outcome, Error> {
        let global = floats(&[1.0, 1.0]);
        let mut round = Median::begin(config::parse("").unwrap(), context(&global, None)).unwrap();
        for (client, sent) in models.iter().enumerate() {
            // Examples grow fast: they must not matter.
            let examples = 10_u64.pow(u32::try_from(client).unwrap());
            round.add(update(&client.to_string(), examples, &floats(sent), &global)).unwrap();
        }
        round.finish()
    }

    fn w(outcome: &Outcome) -> &[f64] {
        outcome.model.values("w").unwrap()
    }

    #[test]
    fn each_coordinate_has_its_own_median_unweighted() {
        let outcome = median_of(&[[1.0, 30.0], [2.0, 10.0], [1e30, 20.0]]).unwrap();
        assert_eq!(w(&outcome), [2.0, 20.0]);
        assert!(outcome.state.is_none());
        assert_eq!(outcome.metrics[0].name, "update_norm");
        assert!((outcome.metrics[0].value - 362.0_f64.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn an_even_number_of_clients_has_the_mean_of_the_middle_two() {
        assert_eq!(w(&median_of(&[[4.0, 0.0], [1.0, 8.0], [2.0, 8.0], [-9.0, 8.0]]).unwrap()), [1.5, 8.0]);
        assert_eq!(w(&median_of(&[[4.0, -2.0]]).unwrap()), [4.0, -2.0]);
    }

    #[test]
    fn a_round_without_updates_fails() {
        assert!(matches!(median_of(&[]), Err(Error::Failed(_))));
    }

    #[test]
    fn there_is_nothing_to_configure() {
        let refused = config::parse::<Config>(r#"{"trim": 0.2}"#);
        assert!(matches!(refused, Err(Error::InvalidConfig(why)) if why.contains("`trim`")));
    }
}
