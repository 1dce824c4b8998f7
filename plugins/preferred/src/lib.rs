//! `preferred`: a client joins the combiner that it would like, as long as that has room, else the one with the fewest clients.

use fedwit_plugin::Error;
use fedwit_plugin::load_balancer::{ClientInfo, Combiner, LoadBalancer, least_loaded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// There is nothing to choose.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The balancer.
#[derive(Debug)]
pub struct Preferred;

impl LoadBalancer for Preferred {
    const NAME: &'static str = "preferred";
    const SUMMARY: &'static str =
        "A client joins the combiner that it would like, else the one with the fewest clients.";
    type Config = Config;

    fn new(_: Config) -> Result<Self, Error> {
        Ok(Self)
    }

    fn place(&self, client: ClientInfo, combiners: Vec<Combiner>) -> Result<String, Error> {
        let wished = client.preferred.and_then(|name| combiners.iter().find(|combiner| combiner.name == name));
        match wished.filter(|combiner| combiner.has_room()) {
            Some(combiner) => Ok(combiner.name.clone()),
            None => least_loaded(&combiners).map(|combiner| combiner.name.clone()),
        }
    }
}

fedwit_plugin::export!(Preferred: LoadBalancer);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{client_info, combiner};

    use super::*;

    fn placed(preferred: Option<&str>, combiners: Vec<Combiner>) -> Result<String, Error> {
        let client = ClientInfo { preferred: preferred.map(str::to_owned), ..client_info("1") };
        Preferred::new(fedwit_plugin::config::parse("{}")?)?.place(client, combiners)
    }

    #[test]
    fn a_wish_is_granted_whatever_the_load_is() {
        assert_eq!(placed(Some("b"), vec![combiner("a", 0), combiner("b", 99)]).unwrap(), "b");
    }

    #[test]
    fn where_there_is_no_room_or_no_wish_the_fewest_clients_decide() {
        let full = Combiner { capacity: Some(1), ..combiner("b", 1) };
        let combiners = || vec![combiner("c", 2), combiner("a", 3), full.clone()];
        for wish in [Some("b"), Some("nowhere"), Some(""), None] {
            assert_eq!(placed(wish, combiners()).unwrap(), "c", "{wish:?}");
        }
        assert!(matches!(placed(Some("b"), vec![full]), Err(Error::Failed(_))));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let refused = fedwit_plugin::config::parse::<Config>(r#"{"room": 1}"#);
        assert!(matches!(refused, Err(Error::InvalidConfig(why)) if why.contains("room")));
    }
}
