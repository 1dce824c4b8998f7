//! Multi-Krum: the mean of the clients that are closest to their neighbours, whatever their examples.
//!
//! Of `n` clients of which up to `f` are byzantine, the `keep` with the smallest sums of their `n - f - 2` smallest
//! squared distances to the others; see `fedwit-plugin-krum-score`. Among equals the smaller id comes first. It needs
//! `n >= 2 f + 3`. Blanchard et al. 2017, "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent",
//! section 3. It keeps no state.

use fedwit_plugin::{Accumulator, Aggregator, Collected, Context, Error, Metric, Outcome, Update};
use fedwit_plugin_krum_score::{Neighbours, enough};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many clients of a round may send anything. It then needs twice as many updates, and three.
    pub byzantine: u32,
    /// How many clients to take the mean of: at least 1, and no more than there are without the byzantine. If it is not
    /// said, all but the byzantine.
    #[schemars(extend("minimum" = 1))]
    pub keep: Option<u32>,
}

/// One round.
#[derive(Debug)]
pub struct MultiKrum {
    byzantine: u64,
    keep: Option<u64>,
    updates: Collected,
}

impl Aggregator for MultiKrum {
    const NAME: &'static str = "multi-krum";
    const SUMMARY: &'static str =
        "The mean of the clients' models that are closest to their neighbours: robust to outliers.";
    const MERGEABLE: bool = false;
    type Config = Config;

    fn begin(config: Config, context: Context) -> Result<Self, Error> {
        if config.keep == Some(0) {
            return Err(Error::InvalidConfig("`keep` is 0, but must be at least 1".to_owned()));
        }
        let (byzantine, keep) = (config.byzantine.into(), config.keep.map(Into::into));
        Ok(Self { byzantine, keep, updates: Collected::new(context.global_model) })
    }

    fn add(&mut self, update: Update) -> Result<(), Error> {
        self.updates.add(update);
        Ok(())
    }

    fn finish(self) -> Result<Outcome, Error> {
        let deltas = self.updates.deltas()?;
        enough(deltas.len(), self.byzantine, 2)?;
        let keep = kept(self.keep, deltas.len(), self.byzantine)?;
        let mut chosen: Vec<_> =
            Neighbours::of(&deltas, self.byzantine)?.ranked()[..keep].iter().map(|scored| scored.position).collect();
        // In the order of their ids, as everywhere: the last digits of a sum depend on it.
        chosen.sort_unstable();
        let global_model = self.updates.global_model();
        let mean = Accumulator::new(global_model);
        for position in chosen {
            mean.add(&deltas[position], 1.0)?;
        }
        let delta = Accumulator::mean(mean)?;
        let metrics = vec![
            Metric::new("update_norm", delta.squared_norm()?.sqrt()),
            Metric::new("selected_updates", keep as f64),
        ];
        Ok(Outcome { model: global_model.plus(&delta)?, state: None, metrics })
    }
}

/// How many of so many updates are kept.
fn kept(keep: Option<u64>, updates: usize, byzantine: u64) -> Result<usize, Error> {
    let most = (updates as u64).saturating_sub(byzantine);
    let keep = keep.unwrap_or(most);
    if keep > most {
        return Err(Error::Failed(format!(
            "{keep} updates are to be kept, but of {updates} only {most} are left without {byzantine} byzantine"
        )));
    }
    // No more than there are updates in memory.
    Ok(keep as usize)
}

fedwit_plugin::export!(MultiKrum);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{context, parameters, update};
    use fedwit_plugin::{DType, Parameters, config};

    use super::*;

    fn floats(value: f64) -> Parameters {
        parameters(DType::Float32, &[("w", &[value])])
    }

    fn multi_krum(text: &str, clients: &[(&str, f64)]) -> Result<Outcome, Error> {
        let global = floats(100.0);
        let mut round = MultiKrum::begin(config::parse(text)?, context(&global, None))?;
        for (client, delta) in clients {
            // Examples must not matter.
            let examples = 10_u64.pow(u32::from(client.as_bytes()[0] - b'a'));
            round.add(update(client, examples, &floats(100.0 + delta), &global)).unwrap();
        }
        round.finish()
    }

    fn w(outcome: &Outcome) -> f64 {
        outcome.model.values("w").unwrap()[0]
    }

    /// Scores with one byzantine: b and c 5, a and d 13, e a lot.
    const FIVE: [(&str, f64); 5] = [("e", -1e9), ("d", 6.0), ("a", 1.0), ("b", 3.0), ("c", 4.0)];

    /// b and c, and a, which has the score of d and the smaller id.
    #[test]
    fn the_closest_are_averaged_unweighted() {
        let outcome = multi_krum(r#"{"byzantine": 1, "keep": 3}"#, &FIVE).unwrap();
        assert!((w(&outcome) - (100.0 + 8.0 / 3.0)).abs() < 1e-5, "{}", w(&outcome));
        assert!(outcome.state.is_none());
        let shown: Vec<_> = outcome.metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        assert!((shown[0].1 - 8.0 / 3.0).abs() < 1e-5);
        assert_eq!((shown[0].0, shown[1]), ("update_norm", ("selected_updates", 3.0)));
    }

    #[test]
    fn without_a_word_all_but_the_byzantine_are_kept() {
        assert_eq!(w(&multi_krum(r#"{"byzantine": 1}"#, &FIVE).unwrap()), 103.5);
        assert_eq!(w(&multi_krum(r#"{"byzantine": 1, "keep": null}"#, &FIVE).unwrap()), 103.5);
        assert_eq!(w(&multi_krum("{}", &FIVE[1..]).unwrap()), 103.5);
    }

    #[test]
    fn keeping_one_is_krum_and_takes_the_smaller_id() {
        assert_eq!(w(&multi_krum(r#"{"byzantine": 1, "keep": 1}"#, &FIVE).unwrap()), 103.0);
        let backwards: Vec<_> = FIVE.into_iter().rev().collect();
        assert_eq!(w(&multi_krum(r#"{"byzantine": 1, "keep": 1}"#, &backwards).unwrap()), 103.0);
    }

    #[test]
    fn no_more_are_kept_than_are_left_without_the_byzantine() {
        multi_krum(r#"{"byzantine": 1, "keep": 4}"#, &FIVE).unwrap();
        let Err(Error::Failed(why)) = multi_krum(r#"{"byzantine": 1, "keep": 5}"#, &FIVE) else { panic!("too many") };
        assert!(why.contains("5 updates are to be kept") && why.contains("only 4"), "{why}");
    }

    #[test]
    fn it_needs_enough_clients() {
        let few = multi_krum(r#"{"byzantine": 1}"#, &FIVE[..4]);
        assert!(matches!(few, Err(Error::Failed(why)) if why.contains("5 are needed")));
        assert!(matches!(multi_krum("{}", &[]), Err(Error::Failed(why)) if why == "no update was added"));
    }

    #[test]
    fn parameters_are_checked() {
        for (text, key) in [
            (r#"{"keep": 0}"#, "keep"),
            (r#"{"keep": -1}"#, "keep"),
            (r#"{"keep": 1.5}"#, "keep"),
            (r#"{"byzantine": -1}"#, "byzantine"),
            (r#"{"m": 1}"#, "`m`"),
        ] {
            let refused = multi_krum(text, &FIVE);
            assert!(matches!(refused, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}");
        }
    }
}
