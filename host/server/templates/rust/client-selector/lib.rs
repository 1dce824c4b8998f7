//! {{name}}: a client selector that asks the clients that were asked least often, and unreliable ones last.

use fedwit_plugin::Error;
use fedwit_plugin::client_selector::{Candidate, ClientSelector, Selected, Selection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a session, with their defaults.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A client that was given up more often than this comes last.
    pub patience: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { patience: 3 }
    }
}

/// Made anew for every question: nothing is kept from one to the next.
#[derive(Debug)]
pub struct Plugin {
    config: Config,
}

impl ClientSelector for Plugin {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str = "Asks the clients that were asked least often, and unreliable ones last.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }

    fn select(&self, selection: Selection, mut candidates: Vec<Candidate>) -> Result<Vec<Selected>, Error> {
        // They come in no particular order, and the same question must get the same answer: the id decides at last.
        candidates.sort_by(|left, right| self.place(left).cmp(&self.place(right)));
        candidates.truncate(selection.clients_requested as usize);
        Ok(candidates.into_iter().map(|candidate| Selected::new(candidate.client)).collect())
    }
}

impl Plugin {
    fn place<'a>(&self, candidate: &'a Candidate) -> (bool, u32, &'a str) {
        let history = &candidate.history;
        (history.given_up > self.config.patience, history.asked, &candidate.client)
    }
}

fedwit_plugin::export!(Plugin: ClientSelector);

#[cfg(test)]
mod tests {
    use fedwit_plugin::config;
    use fedwit_plugin::testing::{candidate, selection};

    use super::*;

    fn client(id: &str, asked: u32, given_up: u32) -> Candidate {
        let mut client = candidate(id);
        (client.history.asked, client.history.given_up) = (asked, given_up);
        client
    }

    fn chosen(text: &str, requested: u32, candidates: Vec<Candidate>) -> Result<Vec<String>, Error> {
        let selected = Plugin::new(config::parse(text)?)?.select(selection(requested), candidates)?;
        Ok(selected.into_iter().map(|selected| selected.client).collect())
    }

    #[test]
    fn those_who_were_asked_least_often_come_first() {
        let candidates = vec![client("a", 2, 0), client("b", 0, 0), client("c", 1, 0)];
        assert_eq!(chosen("{}", 2, candidates).unwrap(), ["b", "c"]);
    }

    #[test]
    fn the_order_of_the_candidates_does_not_matter() {
        let mut candidates = vec![client("c", 1, 0), client("a", 1, 0), client("b", 1, 0)];
        let once = chosen("{}", 2, candidates.clone()).unwrap();
        candidates.reverse();
        assert_eq!(chosen("{}", 2, candidates).unwrap(), once);
        assert_eq!(once, ["a", "b"]);
    }

    #[test]
    fn an_unreliable_client_comes_last_and_is_not_left_out() {
        let candidates = vec![client("a", 2, 2), client("b", 9, 1)];
        assert_eq!(chosen(r#"{"patience": 1}"#, 2, candidates.clone()).unwrap(), ["b", "a"]);
        assert_eq!(chosen(r#"{"patience": 2}"#, 1, candidates).unwrap(), ["a"]);
    }

    #[test]
    fn a_configuration_that_is_wrong_is_refused_by_its_key() {
        for (text, key) in [(r#"{"patience": -1}"#, "patience"), (r#"{"patients": 1}"#, "patients")] {
            let refused = chosen(text, 1, vec![candidate("a")]);
            assert!(matches!(&refused, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}: {refused:?}");
        }
    }
}
