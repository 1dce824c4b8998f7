//! Trimmed mean: coordinate by coordinate the mean of the clients' models without the outermost, whatever their
//! examples.
//!
//! Of `n` values the `floor(trim * n)` smallest and as many largest are left out. Yin et al. 2018, "Byzantine-Robust
//! Distributed Learning: Towards Optimal Statistical Rates", Definition 2 and Algorithm 1. It keeps no state.

use fedwit_plugin::{Aggregator, Collected, Context, Error, Metric, Outcome, Update, config, trimmed_mean};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The share of the clients to leave out at either end; at least 0 and below 0.5.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 0.5))]
    pub trim: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { trim: 0.2 }
    }
}

/// One round.
#[derive(Debug)]
pub struct TrimmedMean {
    config: Config,
    updates: Collected,
}

impl Aggregator for TrimmedMean {
    const NAME: &'static str = "trimmed-mean";
    const SUMMARY: &'static str =
        "The mean of the clients' models without the outermost values of each coordinate: robust to outliers.";
    const MERGEABLE: bool = false;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        config::within("trim", config.trim, 0.0..0.5)?;
        Ok(Self { config, updates: Collected::new(context.global_model) })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        self.updates.add(update);
        Ok(())
    }

    fn finish(self) -> Result<Outcome, Error> {
        let models = self.updates.models()?;
        let model = trimmed_mean(&models.iter().collect::<Vec<_>>(), self.config.trim)?;
        let norm = model.minus(self.updates.global_model())?.squared_norm()?.sqrt();
        Ok(Outcome { model, state: None, metrics: vec![Metric::new("update_norm", norm)] })
    }
}

fedwit_plugin::export!(TrimmedMean);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, Parameters};

    use super::*;

    fn floats(values: &[f64]) -> Parameters {
        parameters(DType::Float32, &[("w", values)])
    }

    fn trimmed(text: &str, values: &[f64]) -> Result<Outcome, Error> {
        let global = floats(&[1.0]);
        let mut round = TrimmedMean::begin(config::parse(text)?, context(&global, None))?;
        for (client, sent) in values.iter().enumerate() {
            let examples = 10_u64.pow(u32::try_from(client).unwrap());
            round.add(update(&client.to_string(), examples, &floats(&[*sent]), &global)).unwrap();
        }
        round.finish()
    }

    fn w(outcome: &Outcome) -> f64 {
        outcome.model.values("w").unwrap()[0]
    }

    #[test]
    fn the_outermost_values_are_left_out_unweighted() {
        let outcome = trimmed("{}", &[1e30, 1.0, 4.0, 7.0, -1e30]).unwrap();
        assert_eq!(w(&outcome), 4.0);
        assert_eq!((outcome.metrics[0].name.as_str(), outcome.metrics[0].value), ("update_norm", 3.0));
        assert!(outcome.state.is_none());
    }

    #[test]
    fn as_many_are_left_out_as_are_whole() {
        // A fifth of nine is one, and of four none.
        assert_eq!(w(&trimmed("{}", &[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 90.0]).unwrap()), 1.0);
        assert_eq!(w(&trimmed("{}", &[0.0, 1.0, 1.0, 90.0]).unwrap()), 23.0);
        assert_eq!(w(&trimmed(r#"{"trim": 0}"#, &[0.0, 3.0]).unwrap()), 1.5);
        assert_eq!(w(&trimmed(r#"{"trim": 0.49}"#, &[0.0, 3.0, 50.0]).unwrap()), 3.0);
    }

    #[test]
    fn a_round_without_updates_fails() {
        assert!(matches!(trimmed("{}", &[]), Err(Error::Failed(_))));
    }

    #[test]
    fn parameters_are_checked() {
        for text in [r#"{"trim": 0.5}"#, r#"{"trim": -0.1}"#, r#"{"trim": 1}"#, r#"{"trim": "a fifth"}"#] {
            let refused = trimmed(text, &[0.0]);
            assert!(matches!(refused, Err(Error::InvalidConfig(why)) if why.contains("`trim`")), "{text}");
        }
        assert!(matches!(trimmed(r#"{"beta": 0.1}"#, &[0.0]), Err(Error::InvalidConfig(_))));
    }
}
