//! `least-loaded`: a client joins the combiner with the fewest clients, among those of its own region if it is so configured.

use fedwit_plugin::Error;
use fedwit_plugin::load_balancer::{ClientInfo, Combiner, LoadBalancer, least_loaded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The parameters, with their defaults.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The attribute of a client that says where it belongs, such as `region`; empty to look at none.
    attribute: String,
    /// The combiners for each value of the attribute. A client whose value is not among them, or whose combiners are full,
    /// may join any.
    combiners: BTreeMap<String, Vec<String>>,
}

/// The balancer.
#[derive(Debug)]
pub struct LeastLoaded {
    config: Config,
}

impl LoadBalancer for LeastLoaded {
    const NAME: &'static str = "least-loaded";
    const SUMMARY: &'static str =
        "A client joins the combiner with the fewest clients, of its own region if there are such.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        if config.attribute.is_empty() && !config.combiners.is_empty() {
            return Err(Error::InvalidConfig("`combiners` says nothing without an `attribute`".to_owned()));
        }
        if let Some((value, _)) = config.combiners.iter().find(|(_, combiners)| combiners.is_empty()) {
            return Err(Error::InvalidConfig(format!(
                "`combiners` has none for {value:?}, but must have at least one"
            )));
        }
        Ok(Self { config })
    }

    fn place(&self, client: ClientInfo, combiners: Vec<Combiner>) -> Result<String, Error> {
        let Config { attribute, combiners: by_value } = &self.config;
        let value = client.attributes.iter().find(|found| found.name == *attribute).map(|found| &found.value);
        let own = value.and_then(|value| by_value.get(value)).map_or(&[][..], Vec::as_slice);
        let near = combiners.iter().filter(|combiner| own.contains(&combiner.name));
        let chosen = least_loaded(near).or_else(|_| least_loaded(&combiners))?;
        Ok(chosen.name.clone())
    }
}

fedwit_plugin::export!(LeastLoaded: LoadBalancer);

#[cfg(test)]
mod tests {
    use fedwit_plugin::testing::{client_info, combiner};
    use fedwit_plugin::{Attribute, config};

    use super::*;

    const REGIONS: &str = r#"{"attribute": "region", "combiners": {"north": ["a", "b"], "south": ["c"]}}"#;

    fn placed(text: &str, region: Option<&str>, combiners: Vec<Combiner>) -> Result<String, Error> {
        let mut client = client_info("1");
        let attribute = |value: &str| Attribute { name: "region".to_owned(), value: value.to_owned() };
        client.attributes.extend(region.map(attribute));
        LeastLoaded::new(config::parse(text)?)?.place(client, combiners)
    }

    fn all() -> Vec<Combiner> {
        vec![combiner("c", 0), combiner("b", 2), combiner("a", 3)]
    }

    #[test]
    fn the_fewest_clients_decide() {
        assert_eq!(placed("{}", None, all()).unwrap(), "c");
        assert_eq!(placed("{}", Some("north"), all()).unwrap(), "c");
        assert_eq!(placed("{}", None, vec![combiner("b", 1), combiner("a", 1)]).unwrap(), "a");
    }

    #[test]
    fn a_region_has_its_own_combiners_while_they_have_room() {
        assert_eq!(placed(REGIONS, Some("north"), all()).unwrap(), "b");
        assert_eq!(placed(REGIONS, Some("south"), all()).unwrap(), "c");
        for elsewhere in [Some("west"), None] {
            assert_eq!(placed(REGIONS, elsewhere, all()).unwrap(), "c");
        }
        let full = |name: &str| Combiner { capacity: Some(1), ..combiner(name, 1) };
        assert_eq!(placed(REGIONS, Some("north"), vec![full("a"), full("b"), combiner("c", 9)]).unwrap(), "c");
        assert!(matches!(placed(REGIONS, None, vec![full("a")]), Err(Error::Failed(_))));
    }

    #[test]
    fn a_configuration_that_is_wrong_is_refused_by_its_key() {
        for (text, key) in [
            (r#"{"attribute": 1}"#, "attribute"),
            (r#"{"combiners": {"north": ["a"]}}"#, "attribute"),
            (r#"{"attribute": "region", "combiners": {"north": []}}"#, "combiners"),
            (r#"{"regions": {}}"#, "regions"),
        ] {
            let refused = placed(text, None, all());
            assert!(matches!(&refused, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}: {refused:?}");
        }
    }
}
