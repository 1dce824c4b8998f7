//! Bulyan: the mean of the values nearest to the median, over clients that were chosen by Krum again and again.
//!
//! Of `n` clients of which up to `f` are byzantine, `n - 2 f` are chosen: the one that Krum takes, then the one that it
//! takes of those who remain, scored among themselves, and so on; see `fedwit-plugin-krum-score`. Of their values of each
//! coordinate, the `n - 4 f` nearest to the median make the mean. Where a coordinate is all that an attacker changes,
//! Krum's distances do not show it, and this does. It needs `n >= 4 f + 3`. El Mhamdi et al. 2018, "The Hidden
//! Vulnerability of Distributed Learning in Byzantium", section 4. It keeps no state.

use fedwit_plugin::{Aggregator, Collected, Context, Error, Metric, Outcome, Parameters, Update, mean_around_median};
use fedwit_plugin_krum_score::{Neighbours, enough};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many clients of a round may send anything. It then needs four times as many updates, and three.
    pub byzantine: u32,
}

/// One round.
#[derive(Debug)]
pub struct Bulyan {
    byzantine: u32,
    updates: Collected,
}

impl Aggregator for Bulyan {
    const NAME: &'static str = "bulyan";
    const SUMMARY: &'static str = "The mean of the values nearest to the median, over the clients that are closest to \
                                   their neighbours: robust to outliers in any coordinate.";
    const MERGEABLE: bool = false;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        Ok(Self { byzantine: config.byzantine, updates: Collected::new(context.global_model) })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        self.updates.add(update);
        Ok(())
    }

    fn finish(self) -> Result<Outcome, Error> {
        let deltas = self.updates.deltas()?;
        enough(deltas.len(), self.byzantine.into(), 4)?;
        // There are at least four times as many updates, each with a handle.
        let doubled = 2 * self.byzantine as usize;
        let chosen = deltas.len() - doubled;
        let positions = Neighbours::of(&deltas, self.byzantine.into())?.taken_one_by_one(chosen);
        drop(deltas);
        let models = self.updates.models()?;
        let models: Vec<&Parameters> = positions.iter().map(|position| &models[*position]).collect();
        let model = mean_around_median(&models, (chosen - doubled) as u32)?;
        let norm = model.minus(self.updates.global_model())?.squared_norm()?.sqrt();
        let metrics = vec![Metric::new("update_norm", norm), Metric::new("selected_updates", chosen as f64)];
        Ok(Outcome { model, state: None, metrics })
    }
}

fedwit_plugin::export!(Bulyan);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, config};

    use super::*;

    fn floats(values: &[f64]) -> Parameters {
        parameters(DType::Float32, &[("w", values)])
    }

    fn bulyan(text: &str, clients: &[(&str, [f64; 2])]) -> Result<Outcome, Error> {
        let global = floats(&[0.0, 0.0]);
        let mut round = Bulyan::begin(config::parse(text)?, context(&global, None))?;
        for (client, sent) in clients {
            round.add(update(client, 1, &floats(sent), &global)).unwrap();
        }
        round.finish()
    }

    fn w(outcome: &Outcome) -> &[f64] {
        outcome.model.values("w").unwrap()
    }

    const SEVEN: [(&str, [f64; 2]); 7] = [
        ("g", [1e9, -1e9]),
        ("a", [1.0, 10.0]),
        ("b", [2.0, 14.0]),
        ("c", [3.0, 11.0]),
        ("d", [4.0, 12.0]),
        ("e", [5.0, 13.0]),
        ("f", [40.0, 12.0]),
    ];

    /// f and g are the two that are not chosen. Of 1 to 5 the three nearest to the median of 3 are 2, 3 and 4.
    #[test]
    fn the_values_nearest_to_the_median_of_the_chosen_are_averaged() {
        let outcome = bulyan(r#"{"byzantine": 1}"#, &SEVEN).unwrap();
        assert_eq!(w(&outcome), [3.0, 12.0]);
        assert!(outcome.state.is_none());
        let shown: Vec<_> = outcome.metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        assert_eq!(shown, [("update_norm", 153.0_f64.sqrt()), ("selected_updates", 5.0)]);
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let backwards: Vec<_> = SEVEN.into_iter().rev().collect();
        assert_eq!(w(&bulyan(r#"{"byzantine": 1}"#, &backwards).unwrap()), [3.0, 12.0]);
    }

    #[test]
    fn without_byzantine_clients_it_is_the_mean() {
        assert_eq!(w(&bulyan("{}", &SEVEN[1..5]).unwrap()), [2.5, 11.75]);
    }

    #[test]
    fn it_needs_enough_clients() {
        let few = bulyan(r#"{"byzantine": 1}"#, &SEVEN[..6]);
        assert!(matches!(few, Err(Error::Failed(why)) if why.contains("7 are needed")));
        assert!(matches!(bulyan("{}", &SEVEN[..2]), Err(Error::Failed(_))));
        assert!(matches!(bulyan("{}", &[]), Err(Error::Failed(why)) if why == "no update was added"));
        assert!(matches!(bulyan(r#"{"byzantine": 4294967295}"#, &SEVEN), Err(Error::Failed(_))));
    }

    #[test]
    fn parameters_are_checked() {
        for text in [r#"{"byzantine": -1}"#, r#"{"byzantine": 0.5}"#, r#"{"keep": 1}"#] {
            assert!(matches!(bulyan(text, &SEVEN), Err(Error::InvalidConfig(_))), "{text}");
        }
    }
}
