//! A client selector that breaks one rule of conformance, on request: what shows that each rule can be broken.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use fedwit_plugin::client_selector::{Candidate, ClientSelector, Selected, Selection};
use fedwit_plugin::{Error, Permission};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// What to do wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Nothing.
    #[default]
    None,
    /// Do something else if told its own default.
    OtherDefaults,
    /// Take any key.
    AnyKey,
    /// Choose somebody who is not there.
    Stranger,
    /// Choose at random.
    Dice,
    /// Choose those who come first.
    FirstCome,
    /// Choose everybody.
    Everybody,
    /// Give up where there is no choice.
    NoChoice,
    /// Give up where there is much to choose from.
    Few,
}

/// What to do wrong, and how many to spare.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// What to do wrong.
    way: Way,
    /// How many clients fewer are chosen than are requested; none if it is not said.
    #[schemars(extend("default" = 0))]
    spared: Option<u32>,
    #[serde(flatten, skip_serializing)]
    #[schemars(skip)]
    rest: BTreeMap<String, IgnoredAny>,
}

/// The selector.
#[derive(Debug)]
pub struct Wayward {
    way: Way,
    spared: u32,
}

impl ClientSelector for Wayward {
    const NAME: &'static str = "wayward-selector";
    const SUMMARY: &'static str = "The first by name, but for one rule that it breaks on request.";
    type Config = Config;

    fn permissions() -> Vec<Permission> {
        vec![Permission::TrueRandomness]
    }

    fn new(Config { way, spared, rest }: Config) -> Result<Self, Error> {
        if let Some((key, _)) = rest.iter().find(|_| way != Way::AnyKey) {
            return Err(Error::InvalidConfig(format!("there is no `{key}`")));
        }
        let spared = spared.map_or(0, |spared| if way == Way::OtherDefaults { spared + 1 } else { spared });
        Ok(Self { way, spared })
    }

    fn select(&self, selection: Selection, mut candidates: Vec<Candidate>) -> Result<Vec<Selected>, Error> {
        match self.way {
            Way::NoChoice if candidates.len() == 1 => return Err(Error::Failed("there is no choice".to_owned())),
            Way::Few if candidates.len() > 1000 => return Err(Error::Failed("they are too many".to_owned())),
            Way::FirstCome => {}
            Way::Dice => {
                let dice = RandomState::new();
                candidates.sort_by_key(|candidate| dice.hash_one(&candidate.client));
            }
            _ => candidates.sort_by(|left, right| left.client.cmp(&right.client)),
        }
        if self.way != Way::Everybody {
            candidates.truncate(selection.clients_requested.saturating_sub(self.spared) as usize);
        }
        let mut chosen: Vec<_> = candidates.into_iter().map(|candidate| Selected::new(candidate.client)).collect();
        if self.way == Way::Stranger {
            chosen.push(Selected::new("nobody"));
        }
        Ok(chosen)
    }
}

fedwit_plugin::export!(Wayward: ClientSelector);
