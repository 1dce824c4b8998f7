//! A load balancer that breaks one rule of conformance, on request: what shows that each rule can be broken.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use fedwit_plugin::load_balancer::{ClientInfo, Combiner, LoadBalancer, least_loaded};
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
    /// Name a combiner that is not there.
    Elsewhere,
    /// Choose at random.
    Dice,
    /// Give up where there is no choice.
    NoChoice,
    /// Break where there is no room.
    NoRoom,
    /// Give up where there is much to choose from.
    Few,
    /// Never come to an end.
    Spin,
    /// Break.
    Trap,
}

/// What to do wrong, and whom to avoid.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// What to do wrong.
    way: Way,
    /// The combiner that nobody joins if there is another; none if it is not said.
    #[schemars(extend("default" = ""))]
    avoided: Option<String>,
    #[serde(flatten, skip_serializing)]
    #[schemars(skip)]
    rest: BTreeMap<String, IgnoredAny>,
}

/// The balancer.
#[derive(Debug)]
pub struct Wayward {
    way: Way,
    avoided: Option<String>,
}

impl LoadBalancer for Wayward {
    const NAME: &'static str = "wayward-balancer";
    const SUMMARY: &'static str = "The least loaded, but for one rule that it breaks on request.";
    type Config = Config;

    fn permissions() -> Vec<Permission> {
        vec![Permission::TrueRandomness]
    }

    fn new(Config { way, avoided, rest }: Config) -> Result<Self, Error> {
        if let Some((key, _)) = rest.iter().find(|_| way != Way::AnyKey) {
            return Err(Error::InvalidConfig(format!("there is no `{key}`")));
        }
        Ok(Self { way, avoided })
    }

    #[allow(clippy::panic, reason = "it is asked to")]
    fn place(&self, _: ClientInfo, combiners: Vec<Combiner>) -> Result<String, Error> {
        let told = self.avoided.is_some();
        match self.way {
            Way::Elsewhere => return Ok("elsewhere".to_owned()),
            Way::NoChoice if combiners.len() == 1 => return Err(Error::Failed("there is no choice".to_owned())),
            Way::Few if combiners.len() > 20 => return Err(Error::Failed("they are too many".to_owned())),
            Way::NoRoom if !combiners.iter().any(Combiner::has_room) => panic!("there is no room"),
            Way::Trap => panic!("it was asked to"),
            Way::Spin => loop {
                std::hint::black_box(&combiners);
            },
            Way::Dice => {
                let dice = RandomState::new();
                let chosen = combiners.iter().min_by_key(|combiner| dice.hash_one(&combiner.name));
                return chosen.map(|combiner| combiner.name.clone()).ok_or_else(|| Error::Failed("none".to_owned()));
            }
            Way::OtherDefaults if told => {
                let most = combiners.iter().max_by_key(|combiner| combiner.clients);
                return most.map(|combiner| combiner.name.clone()).ok_or_else(|| Error::Failed("none".to_owned()));
            }
            _ => {}
        }
        let wanted = combiners.iter().filter(|combiner| Some(&combiner.name) != self.avoided.as_ref());
        let chosen = least_loaded(wanted).or_else(|_| least_loaded(&combiners))?;
        Ok(chosen.name.clone())
    }
}

fedwit_plugin::export!(Wayward: LoadBalancer);
