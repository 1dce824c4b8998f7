//! Krum: the model of the one client that is closest to its neighbours.
//!
//! Of `n` clients of which up to `f` are byzantine, the one whose `n - f - 2` smallest squared distances to the others
//! sum up to the least; see `fedwit-plugin-krum-score`. Of several the one with the smallest id. It needs `n >= 2 f + 3`.
//! Blanchard et al. 2017, "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent". It keeps no state.

use fedwit_plugin::{Aggregator, Collected, Context, Error, Metric, Outcome, Update};
use fedwit_plugin_krum_score::{Neighbours, enough};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many clients of a round may send anything. It then needs twice as many updates, and three.
    pub byzantine: u32,
}

/// One round.
#[derive(Debug)]
pub struct Krum {
    byzantine: u64,
    updates: Collected,
}

impl Aggregator for Krum {
    const NAME: &'static str = "krum";
    const SUMMARY: &'static str = "The model of the client that is closest to its neighbours: robust to outliers.";
    const MERGEABLE: bool = false;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        Ok(Self { byzantine: config.byzantine.into(), updates: Collected::new(context.global_model) })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        self.updates.add(update);
        Ok(())
    }

    fn finish(self) -> Result<Outcome, Error> {
        let deltas = self.updates.deltas()?;
        enough(deltas.len(), self.byzantine, 2)?;
        let ranked = Neighbours::of(&deltas, self.byzantine)?.ranked();
        let closest = ranked.first().ok_or_else(|| Error::Failed("no update was added".to_owned()))?;
        let norm = deltas[closest.position].squared_norm()?.sqrt();
        let model = self.updates.models()?.swap_remove(closest.position);
        let metrics = vec![Metric::new("update_norm", norm), Metric::new("score", closest.score)];
        Ok(Outcome { model, state: None, metrics })
    }
}

fedwit_plugin::export!(Krum);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, Parameters, config};

    use super::*;

    fn floats(values: &[f64]) -> Parameters {
        parameters(DType::Float32, &[("w", values)])
    }

    fn krum(text: &str, clients: &[(&str, [f64; 2])]) -> Result<Outcome, Error> {
        let global = floats(&[100.0, 100.0]);
        let mut round = Krum::begin(config::parse(text)?, context(&global, None))?;
        for (client, sent) in clients {
            round.add(update(client, 1, &floats(sent), &global)).unwrap();
        }
        round.finish()
    }

    fn w(outcome: &Outcome) -> &[f64] {
        outcome.model.values("w").unwrap()
    }

    const FIVE: [(&str, [f64; 2]); 5] = [
        ("d", [100.0, 106.0]),
        ("a", [100.0, 101.0]),
        ("e", [-1e9, 1e9]),
        ("b", [100.0, 103.0]),
        ("c", [100.0, 104.0]),
    ];

    #[test]
    fn the_model_is_what_the_closest_client_sent() {
        let outcome = krum(r#"{"byzantine": 1}"#, &FIVE).unwrap();
        assert_eq!(w(&outcome), [100.0, 103.0]);
        assert!(outcome.state.is_none());
        let shown: Vec<_> = outcome.metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        assert_eq!(shown, [("update_norm", 3.0), ("score", 5.0)]);
    }

    /// b and c have the same score.
    #[test]
    fn of_several_the_smallest_id_is_taken_in_whatever_order_they_came() {
        let tied = |clients: &[(&str, [f64; 2])]| w(&krum(r#"{"byzantine": 1}"#, clients).unwrap()).to_vec();
        assert_eq!(tied(&FIVE), [100.0, 103.0]);
        let backwards: Vec<_> = FIVE.into_iter().rev().collect();
        assert_eq!(tied(&backwards), [100.0, 103.0]);
        let renamed = FIVE.map(|(client, sent)| (if client == "b" { "z" } else { client }, sent));
        assert_eq!(tied(&renamed), [100.0, 104.0]);
    }

    #[test]
    fn it_needs_enough_clients() {
        assert!(
            matches!(krum(r#"{"byzantine": 1}"#, &FIVE[..4]), Err(Error::Failed(why)) if why.contains("5 are needed"))
        );
        krum("{}", &FIVE[..3]).unwrap();
        assert!(matches!(krum("{}", &FIVE[..2]), Err(Error::Failed(_))));
        assert!(matches!(krum("{}", &[]), Err(Error::Failed(why)) if why == "no update was added"));
        assert!(matches!(krum(r#"{"byzantine": 4294967295}"#, &FIVE), Err(Error::Failed(_))));
    }

    #[test]
    fn parameters_are_checked() {
        for text in [r#"{"byzantine": -1}"#, r#"{"byzantine": 0.5}"#, r#"{"byzantine": null}"#, r#"{"f": 1}"#] {
            assert!(matches!(krum(text, &FIVE), Err(Error::InvalidConfig(_))), "{text}");
        }
    }
}
