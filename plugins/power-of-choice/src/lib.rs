//! Power-of-choice: of some clients drawn by lot, those whose loss is the highest.
//!
//! `d` candidates are drawn without replacement, each client `k` with probability `p_k`, its share of the examples; the `m`
//! with the highest loss are asked: "Towards Understanding Biased Client Selection in Federated Learning", AISTATS 2022,
//! Algorithm 1. Nobody is asked for its loss beforehand; it is what the client measured when it was last trained, and
//! above all others for one that was never asked: the paper's variant `rpow-d`, section 4. What clients say of their loss
//! and of their examples is theirs to say.

use fedwit_plugin::client_selector::{Candidate, ClientSelector, Selected, Selection};
use fedwit_plugin::{Error, Random};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many clients are drawn to choose among, the paper's `d`: more than are requested, or there is no choice; at
    /// least 1.
    #[schemars(extend("minimum" = 1))]
    pub candidates: u32,
    /// The metric that clients report with their updates, of which more means that there is more to learn.
    pub metric: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { candidates: 10, metric: "loss".to_owned() }
    }
}

/// The selector.
#[derive(Debug)]
pub struct PowerOfChoice {
    config: Config,
}

impl ClientSelector for PowerOfChoice {
    const NAME: &'static str = "power-of-choice";
    const SUMMARY: &'static str = "Of some clients drawn by lot, those whose loss was the highest.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        if config.candidates == 0 {
            return Err(Error::InvalidConfig("`candidates` is 0, but must be at least 1".to_owned()));
        }
        if config.metric.is_empty() {
            return Err(Error::InvalidConfig("`metric` is empty, but must name a metric".to_owned()));
        }
        Ok(Self { config })
    }

    fn select(&self, selection: Selection, mut candidates: Vec<Candidate>) -> Result<Vec<Selected>, Error> {
        let asked = selection.clients_requested.max(selection.clients_required) as usize;
        // They come in no particular order, and the same question must get the same answer.
        candidates.sort_unstable_by(|left, right| left.client.cmp(&right.client));
        let mut drawn = draw(candidates, asked.max(self.config.candidates as usize), selection.seed);
        // Stable: who is as good as another stays in the order in which they were drawn.
        drawn.sort_by(|left, right| self.to_learn(right).total_cmp(&self.to_learn(left)));
        drawn.truncate(asked);
        Ok(drawn.into_iter().map(|candidate| Selected::new(candidate.client)).collect())
    }
}

impl PowerOfChoice {
    /// How much there is to learn from a client. One that was asked and did not say comes last: it may never say.
    fn to_learn(&self, candidate: &Candidate) -> f64 {
        if candidate.history.asked == 0 {
            return f64::INFINITY;
        }
        let mut metrics = candidate.history.metrics.iter();
        metrics.find(|metric| metric.name == self.config.metric).map_or(f64::NEG_INFINITY, |metric| metric.value)
    }
}

/// Draws so many without replacement, each as likely as it has examples: those with the smallest of an exponential number of
/// that rate (Efraimidis and Spirakis 2006, *Weighted random sampling with a reservoir*, Algorithm A).
fn draw(candidates: Vec<Candidate>, wanted: usize, seed: u64) -> Vec<Candidate> {
    let known: Vec<f64> = candidates
        .iter()
        .filter_map(|candidate| candidate.history.num_examples)
        .map(|examples| examples as f64)
        .collect();
    // One that nobody knows of is taken to have as many as the others on average.
    let mean = if known.is_empty() { 1.0 } else { known.iter().sum::<f64>() / known.len() as f64 };
    let mut random = Random::new(seed);
    let mut keyed: Vec<(f64, Candidate)> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let weight = candidate.history.num_examples.map_or(mean, |examples| examples as f64);
        // Above 0 and at most 1, so that its logarithm is finite.
        let unit = 1.0 - random.unit();
        keyed.push((-unit.ln() / weight, candidate));
    }
    keyed.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    keyed.truncate(wanted);
    keyed.into_iter().map(|(_, candidate)| candidate).collect()
}

fedwit_plugin::export!(PowerOfChoice: ClientSelector);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{candidate, selection};
    use fedwit_plugin::{Metric, config};

    use super::*;

    fn of_loss(client: &str, loss: f64, examples: u64) -> Candidate {
        let mut candidate = candidate(client);
        candidate.history.asked = 1;
        candidate.history.num_examples = Some(examples);
        candidate.history.metrics = vec![Metric::new("loss", loss)];
        candidate
    }

    fn chosen(text: &str, selection: Selection, candidates: Vec<Candidate>) -> Vec<String> {
        let selector = PowerOfChoice::new(config::parse(text).unwrap()).unwrap();
        let selected = selector.select(selection, candidates).unwrap();
        selected.into_iter().map(|selected| selected.client).collect()
    }

    #[test]
    fn those_are_asked_whose_loss_was_the_highest() {
        let candidates = || vec![of_loss("a", 0.5, 10), of_loss("b", 2.0, 10), of_loss("c", 1.0, 10)];
        assert_eq!(chosen("{}", selection(2), candidates()), ["b", "c"]);
        // More are required than are requested, which a session does not allow, and a selector need not know.
        let question = Selection { clients_required: 3, ..selection(1) };
        assert_eq!(chosen("{}", question, candidates()), ["b", "c", "a"]);
    }

    #[test]
    fn who_was_never_asked_comes_first_and_who_does_not_say_last() {
        let mut silent = candidate("silent");
        silent.history.asked = 4;
        let candidates = vec![silent, of_loss("low", -1e9, 1), of_loss("high", 1e9, 1), candidate("new")];
        assert_eq!(chosen("{}", selection(4), candidates), ["new", "high", "low", "silent"]);
    }

    #[test]
    fn the_choice_is_among_those_that_are_drawn() {
        // With as many candidates as are asked there is nothing to choose: who is drawn is asked.
        let everybody = || (0..10_u32).map(|index| of_loss(&format!("client-{index}"), f64::from(index), 10)).collect();
        let best_of = |candidates: u32| {
            let text = format!(r#"{{"candidates": {candidates}}}"#);
            let question = |seed| Selection { seed, ..selection(1) };
            (0..500).filter(|seed| chosen(&text, question(*seed), everybody()) == ["client-9"]).count()
        };
        assert!(best_of(1).abs_diff(50) < 25, "{}", best_of(1));
        assert!(best_of(5).abs_diff(250) < 60, "{}", best_of(5));
        assert_eq!(best_of(10), 500);
    }

    #[test]
    fn who_has_more_examples_is_drawn_more_often() {
        let question = |seed| Selection { seed, ..selection(1) };
        let pair = || vec![of_loss("few", 1.0, 1), of_loss("many", 1.0, 3)];
        let many = (0..2000).filter(|seed| chosen(r#"{"candidates": 1}"#, question(*seed), pair()) == ["many"]);
        let many = many.count();
        assert!(many.abs_diff(1500) < 100, "{many}");
    }

    #[test]
    fn the_same_question_has_the_same_answer_whatever_the_order() {
        let mut candidates: Vec<Candidate> = (0..20).map(|index| candidate(&format!("client-{index}"))).collect();
        let one = chosen("{}", selection(3), candidates.clone());
        candidates.reverse();
        assert_eq!(chosen("{}", selection(3), candidates), one);
    }

    #[test]
    fn what_is_wrong_with_a_configuration_is_named() {
        for (text, key) in
            [(r#"{"candidates": 0}"#, "`candidates`"), (r#"{"metric": ""}"#, "`metric`"), (r#"{"d": 1}"#, "`d`")]
        {
            let refused = config::parse(text).and_then(PowerOfChoice::new);
            assert!(matches!(&refused, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}: {refused:?}");
        }
    }
}
