//! A client selector that does what a plugin must not, on request, and otherwise chooses everybody.
//!
//! `{"mischief": "spin", "from_round": 3}` spins for ever when it is asked for round 3.

use std::hint::black_box;

use fedwit_plugin::Error;
use fedwit_plugin::client_selector::{Candidate, ClientSelector, Selected, Selection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What to do, and when.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What to do.
    mischief: Mischief,
    /// The first round to do it in.
    from_round: u64,
    /// The first attempt at a round to be good again in; 0 is none.
    until_attempt: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { mischief: Mischief::None, from_round: 1, until_attempt: 0 }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mischief {
    /// Nothing.
    #[default]
    None,
    /// Break.
    Trap,
    /// Compute without end.
    Spin,
    /// Give up.
    Fail,
    /// Tell everybody its name: no mischief.
    Names,
    /// Tell everybody what it has done before: no mischief either.
    History,
    /// Choose somebody who is not there.
    Stranger,
    /// Choose somebody twice.
    Twice,
    /// Choose nobody.
    Nobody,
    /// Give settings that are no JSON.
    NoJson,
    /// Give settings that are no object.
    NoObject,
    /// Give longer settings than there may be.
    LongSettings,
    /// Give everybody as long settings as there may be.
    ManySettings,
}

/// The selector.
#[derive(Debug)]
pub struct Misbehaving {
    config: Config,
}

impl ClientSelector for Misbehaving {
    const NAME: &'static str = "misbehaving-selector";
    const SUMMARY: &'static str = "Does what a client selector must not, on request.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }

    fn select(&self, selection: Selection, candidates: Vec<Candidate>) -> Result<Vec<Selected>, Error> {
        let everybody: Vec<Selected> =
            candidates.iter().map(|candidate| Selected::new(candidate.client.clone())).collect();
        let Config { mischief, from_round, until_attempt } = self.config;
        let good_again = until_attempt > 0 && selection.attempt >= until_attempt;
        if selection.round < from_round || good_again {
            return Ok(everybody);
        }
        let with = |settings: &str| {
            let told = |selected: Selected| Selected { settings: settings.to_owned(), ..selected };
            everybody.clone().into_iter().map(told).collect::<Vec<_>>()
        };
        match mischief {
            Mischief::None => Ok(everybody),
            Mischief::Trap => panic!("broken on request"),
            Mischief::Spin => spin(),
            Mischief::Fail => Err(Error::Failed("failed on request".to_owned())),
            Mischief::Names => {
                let name = |one: Selected| Selected { settings: json!({ "name": one.client }).to_string(), ..one };
                Ok(everybody.into_iter().map(name).collect())
            }
            Mischief::History => candidates.into_iter().map(history).collect(),
            Mischief::Stranger => Ok([everybody, vec![Selected::new("stranger")]].concat()),
            Mischief::Twice => Ok([everybody.clone(), everybody].concat()),
            Mischief::Nobody => Ok(Vec::new()),
            Mischief::NoJson => Ok(with("{")),
            Mischief::NoObject => Ok(with("[1]")),
            Mischief::LongSettings => Ok(with(&object(64 * 1024 + 1))),
            Mischief::ManySettings => Ok(with(&object(64 * 1024))),
        }
    }
}

fn history(candidate: Candidate) -> Result<Selected, Error> {
    let Candidate { client, history, .. } = candidate;
    Selected::new(client).with_settings(&json!({
        "asked": history.asked, "accepted": history.accepted, "examples": history.num_examples,
        "last": history.last_accepted_round,
    }))
}

/// The text of an object of so many bytes.
fn object(bytes: usize) -> String {
    format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes.saturating_sub(8)))
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fedwit_plugin::export!(Misbehaving: ClientSelector);

#[cfg(test)]
mod tests {
    use fedwit_plugin::config;
    use fedwit_plugin::testing::{candidate, selection};

    use super::*;

    fn chosen(text: &str, round: u64, attempt: u32) -> Result<Vec<Selected>, Error> {
        let question = Selection { round, attempt, ..selection(2) };
        Misbehaving::new(config::parse(text)?)?.select(question, ["a", "b"].map(candidate).to_vec())
    }

    #[test]
    fn it_chooses_everybody_unless_it_misbehaves() {
        for text in ["", r#"{"mischief": "nobody", "from_round": 2}"#, r#"{"mischief": "nobody", "until_attempt": 1}"#]
        {
            assert_eq!(chosen(text, 1, 1).unwrap().len(), 2, "{text}");
        }
        assert!(chosen(r#"{"mischief": "nobody", "from_round": 2}"#, 2, 1).unwrap().is_empty());
        assert!(chosen(r#"{"mischief": "nobody", "until_attempt": 2}"#, 1, 1).unwrap().is_empty());
        assert!(matches!(chosen(r#"{"mischief": "fail"}"#, 1, 1), Err(Error::Failed(_))));
        assert_eq!(chosen(r#"{"mischief": "twice"}"#, 1, 1).unwrap().len(), 4);
    }

    #[test]
    fn its_settings_are_as_long_as_they_are_said_to_be() {
        let lengths = |text: &str| chosen(text, 1, 1).unwrap().iter().map(|one| one.settings.len()).collect::<Vec<_>>();
        assert_eq!(lengths(r#"{"mischief": "many-settings"}"#), [64 * 1024; 2]);
        assert_eq!(lengths(r#"{"mischief": "long-settings"}"#), [64 * 1024 + 1; 2]);
    }
}
