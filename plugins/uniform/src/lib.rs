//! Uniform: clients drawn by lot, each as likely as every other.
//!
//! `m <- max(C K, 1)` of the `K` clients that are there: "Communication-Efficient Learning of Deep Networks from
//! Decentralized Data", AISTATS 2017, Algorithm 1, where `C` is the fraction. What a round needs and what its session
//! requests come before the fraction.

use fedwit_plugin::client_selector::{Candidate, ClientSelector, Selected, Selection};
use fedwit_plugin::{Error, Random};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many of the clients that are there are asked, as a fraction, rounded up; above 0, at most 1.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub fraction: f64,
    /// How many are asked at least, if as many are there; at least 1.
    #[schemars(extend("minimum" = 1))]
    pub minimum: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { fraction: 1.0, minimum: 1 }
    }
}

/// The selector.
#[derive(Debug)]
pub struct Uniform {
    config: Config,
}

impl Uniform {
    /// How many of so many are asked.
    fn wanted(&self, selection: Selection, there: usize) -> usize {
        // At most as many as are there, and they are in memory.
        let share = (self.config.fraction * there as f64).ceil() as usize;
        let least = self.config.minimum.max(selection.clients_required) as usize;
        share.max(least).min(selection.clients_requested as usize).min(there)
    }
}

impl ClientSelector for Uniform {
    const NAME: &'static str = "uniform";
    const SUMMARY: &'static str = "A fraction of the clients that are there, drawn by lot.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        if !(config.fraction > 0.0 && config.fraction <= 1.0) {
            let problem = format!("`fraction` is {}, but must be above 0 and at most 1", config.fraction);
            return Err(Error::InvalidConfig(problem));
        }
        if config.minimum == 0 {
            return Err(Error::InvalidConfig("`minimum` is 0, but must be at least 1".to_owned()));
        }
        Ok(Self { config })
    }

    fn select(&self, selection: Selection, candidates: Vec<Candidate>) -> Result<Vec<Selected>, Error> {
        let mut clients: Vec<String> = candidates.into_iter().map(|candidate| candidate.client).collect();
        // They come in no particular order, and the same question must get the same answer.
        clients.sort_unstable();
        let wanted = self.wanted(selection, clients.len());
        let drawn = Random::new(selection.seed).draw(&mut clients, wanted).to_vec();
        Ok(drawn.into_iter().map(Selected::new).collect())
    }
}

fedwit_plugin::export!(Uniform: ClientSelector);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fedwit_plugin::config;
    use fedwit_plugin::testing::{candidate, selection};

    use super::*;

    fn uniform(text: &str) -> Result<Uniform, Error> {
        Uniform::new(config::parse(text)?)
    }

    fn candidates(number: usize) -> Vec<Candidate> {
        (0..number).map(|number| candidate(&format!("client-{number}"))).collect()
    }

    fn chosen(text: &str, selection: Selection, candidates: Vec<Candidate>) -> Vec<String> {
        let selected = uniform(text).unwrap().select(selection, candidates).unwrap();
        selected.into_iter().map(|selected| selected.client).collect()
    }

    #[test]
    fn as_many_are_asked_as_the_fraction_says_within_what_the_session_says() {
        let many = |text: &str, clients_requested, clients_required, there| {
            let selection = Selection { clients_required, ..selection(clients_requested) };
            chosen(text, selection, candidates(there)).len()
        };
        assert_eq!(many("{}", 10, 1, 10), 10);
        assert_eq!(many("{}", 4, 1, 10), 4, "no more than are requested");
        assert_eq!(many(r#"{"fraction": 0.25}"#, 10, 1, 10), 3, "rounded up");
        assert_eq!(many(r#"{"fraction": 0.25}"#, 10, 5, 10), 5, "as many as are required");
        assert_eq!(many(r#"{"fraction": 0.25, "minimum": 4}"#, 10, 1, 10), 4);
        assert_eq!(many(r#"{"fraction": 0.25, "minimum": 40}"#, 10, 1, 10), 10, "no more than are there");
        assert_eq!(many(r#"{"fraction": 1e-9}"#, 10, 1, 10), 1);
    }

    #[test]
    fn the_same_question_has_the_same_answer_whatever_the_order() {
        let config = r#"{"fraction": 0.5}"#;
        let question = |seed| Selection { seed, ..selection(20) };
        let mut turned = candidates(20);
        turned.reverse();
        assert_eq!(chosen(config, question(3), candidates(20)), chosen(config, question(3), turned));
        assert_ne!(chosen(config, question(3), candidates(20)), chosen(config, question(4), candidates(20)));
    }

    #[test]
    fn each_client_is_as_likely_and_none_is_chosen_twice() {
        let mut times = BTreeMap::new();
        for seed in 0..2000 {
            let mut clients = chosen(r#"{"fraction": 0.3}"#, Selection { seed, ..selection(10) }, candidates(10));
            clients.sort_unstable();
            clients.dedup();
            assert_eq!(clients.len(), 3);
            clients.into_iter().for_each(|client| *times.entry(client).or_insert(0_u32) += 1);
        }
        assert!(times.len() == 10 && times.values().all(|times| times.abs_diff(600) < 100), "{times:?}");
    }

    #[test]
    fn what_is_wrong_with_a_configuration_is_named() {
        for (text, key) in [
            (r#"{"fraction": 0}"#, "`fraction`"),
            (r#"{"fraction": 1.5}"#, "`fraction`"),
            (r#"{"minimum": 0}"#, "`minimum`"),
            (r#"{"minimum": -1}"#, "`minimum`"),
            (r#"{"share": 1}"#, "`share`"),
        ] {
            let refused = uniform(text);
            assert!(matches!(&refused, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}: {refused:?}");
        }
    }
}
