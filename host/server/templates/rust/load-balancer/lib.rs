//! {{name}}: a load balancer that gives clients the combiner that they would like, unless others have far less to do.

use fedwit_plugin::Error;
use fedwit_plugin::load_balancer::{ClientInfo, Combiner, LoadBalancer, least_loaded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters, with their defaults.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many clients more than the least loaded a combiner may have for a wish to be granted.
    pub tolerance: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { tolerance: 10 }
    }
}

/// Made anew for every question: nothing is kept from one to the next.
#[derive(Debug)]
pub struct Plugin {
    config: Config,
}

impl LoadBalancer for Plugin {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str = "Gives clients the combiner that they would like, unless others have far less to do.";
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }

    fn place(&self, client: ClientInfo, combiners: Vec<Combiner>) -> Result<String, Error> {
        let least = least_loaded(&combiners)?;
        let most = least.clients.saturating_add(self.config.tolerance);
        let wished = client.preferred.and_then(|name| combiners.iter().find(|combiner| combiner.name == name));
        let granted = wished.filter(|combiner| combiner.has_room() && combiner.clients <= most);
        Ok(granted.unwrap_or(least).name.clone())
    }
}

fedwit_plugin::export!(Plugin: LoadBalancer);

#[cfg(test)]
mod tests {
    use fedwit_plugin::config;
    use fedwit_plugin::testing::{client_info, combiner};

    use super::*;

    fn placed(text: &str, preferred: Option<&str>, combiners: Vec<Combiner>) -> Result<String, Error> {
        let client = ClientInfo { preferred: preferred.map(str::to_owned), ..client_info("1") };
        Plugin::new(config::parse(text)?)?.place(client, combiners)
    }

    #[test]
    fn a_client_without_a_wish_joins_the_least_loaded() {
        let combiners = vec![combiner("a", 3), combiner("c", 1), combiner("b", 1)];
        assert_eq!(placed("{}", None, combiners.clone()).unwrap(), "b");
        assert_eq!(placed("{}", Some("nowhere"), combiners).unwrap(), "b");
    }

    #[test]
    fn a_wish_is_granted_within_the_tolerance() {
        let combiners = || vec![combiner("a", 3), combiner("b", 1)];
        assert_eq!(placed(r#"{"tolerance": 2}"#, Some("a"), combiners()).unwrap(), "a");
        assert_eq!(placed(r#"{"tolerance": 1}"#, Some("a"), combiners()).unwrap(), "b");
    }

    #[test]
    fn nobody_joins_a_combiner_that_is_full() {
        let full = Combiner { capacity: Some(1), ..combiner("a", 1) };
        assert_eq!(placed("{}", Some("a"), vec![full.clone(), combiner("b", 9)]).unwrap(), "b");
        assert!(matches!(placed("{}", None, vec![full]), Err(Error::Failed(_))));
    }

    #[test]
    fn a_configuration_that_is_wrong_is_refused_by_its_key() {
        for (text, key) in [(r#"{"tolerance": -1}"#, "tolerance"), (r#"{"patience": 1}"#, "patience")] {
            let refused = placed(text, None, vec![combiner("a", 0)]);
            assert!(matches!(&refused, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}: {refused:?}");
        }
    }
}
