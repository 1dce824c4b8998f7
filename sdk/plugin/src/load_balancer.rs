//! What a load balancer implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use crate::bindings::load_balancer::exports::fedwit::plugin::load_balancer::{ClientInfo, Combiner};
use crate::{Error, Permission};

/// Says which combiner a client joins.
///
/// ```
/// use fedwit_plugin::load_balancer::{ClientInfo, Combiner, LoadBalancer, least_loaded};
/// use fedwit_plugin::{Error, config};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// The parameters, with their defaults.
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// #[serde(deny_unknown_fields, default)]
/// struct Config {
///     /// The attribute of a client that says where it is.
///     attribute: String,
/// }
///
/// impl Default for Config {
///     fn default() -> Self {
///         Self { attribute: "region".to_owned() }
///     }
/// }
///
/// /// Places a client at a combiner whose name begins with the client's region.
/// struct Regional {
///     config: Config,
/// }
///
/// impl LoadBalancer for Regional {
///     const NAME: &'static str = "regional";
///     const SUMMARY: &'static str = "Places a client at a combiner whose name begins with the client's region.";
///     type Config = Config;
///
///     fn new(config: Config) -> Result<Self, Error> {
///         Ok(Self { config })
///     }
///
///     fn place(&self, client: ClientInfo, combiners: Vec<Combiner>) -> Result<String, Error> {
///         let region = client.attributes.iter().find(|attribute| attribute.name == self.config.attribute);
///         let region = region.map_or("", |attribute| attribute.value.as_str());
///         let near = combiners.iter().filter(|combiner| combiner.name.starts_with(region));
///         let chosen = least_loaded(near).or_else(|_| least_loaded(&combiners))?;
///         Ok(chosen.name.clone())
///     }
/// }
///
/// fedwit_plugin::export!(Regional: LoadBalancer);
///
/// // A test of it, which needs no WebAssembly.
/// # #[cfg(not(target_arch = "wasm32"))] {
/// use fedwit_plugin::Attribute;
/// use fedwit_plugin::testing::{client_info, combiner};
///
/// let regional = Regional::new(config::parse("{}")?)?;
/// let mut client = client_info("a");
/// client.attributes.push(Attribute { name: "region".to_owned(), value: "north".to_owned() });
/// let combiners = vec![combiner("north-1", 7), combiner("south-1", 0)];
/// assert_eq!(regional.place(client, combiners)?, "north-1");
/// # }
/// # Ok::<(), Error>(())
/// ```
pub trait LoadBalancer: Sized {
    /// Lower case, digits and hyphens; what the server is configured with to choose this balancer.
    const NAME: &'static str;
    /// One sentence, for people who choose among plugins.
    const SUMMARY: &'static str;
    /// The parameters; see [`Aggregator::Config`](crate::Aggregator::Config).
    type Config: DeserializeOwned + JsonSchema;

    /// What the operator must grant.
    #[must_use]
    fn permissions() -> Vec<Permission> {
        Vec::new()
    }

    /// Takes a configuration. It is made anew for every call, so nothing is kept from one to the next.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the key and what is allowed; see [`crate::config`].
    fn new(config: Self::Config) -> Result<Self, Error>;

    /// The name of one of these combiners, of which there is at least one.
    ///
    /// # Errors
    /// [`Error::Failed`] if the client can join none of them.
    fn place(&self, client: ClientInfo, combiners: Vec<Combiner>) -> Result<String, Error>;
}

impl Combiner {
    /// Whether it can serve one more client.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.capacity.is_none_or(|capacity| self.clients < capacity)
    }
}

/// The combiner with the fewest clients among those with room: what most balancers end with. Of several the first by
/// name, whatever order they come in.
///
/// # Errors
/// [`Error::Failed`] if none has room.
pub fn least_loaded<'a>(combiners: impl IntoIterator<Item = &'a Combiner>) -> Result<&'a Combiner, Error> {
    let with_room = combiners.into_iter().filter(|combiner| combiner.has_room());
    let least = with_room.min_by(|left, right| (left.clients, &left.name).cmp(&(right.clients, &right.name)));
    least.ok_or_else(|| Error::Failed("no combiner has room for another client".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::combiner;

    fn chosen(combiners: &[Combiner]) -> Result<&str, Error> {
        least_loaded(combiners).map(|combiner| combiner.name.as_str())
    }

    #[test]
    fn the_fewest_clients_are_the_least_load_and_of_several_the_first_by_name() {
        assert_eq!(chosen(&[combiner("c", 2), combiner("b", 1), combiner("a", 1)]).unwrap(), "a");
        assert_eq!(chosen(&[combiner("a", 1), combiner("b", 0), combiner("c", 1)]).unwrap(), "b");
    }

    #[test]
    fn a_full_combiner_takes_nobody() {
        let full = Combiner { capacity: Some(2), ..combiner("a", 2) };
        let room = Combiner { capacity: Some(9), ..combiner("b", 8) };
        assert!(!full.has_room() && room.has_room() && combiner("c", u32::MAX).has_room());
        assert_eq!(chosen(&[full.clone(), room]).unwrap(), "b");
        assert!(matches!(chosen(&[full]), Err(Error::Failed(why)) if why.contains("room")));
        assert!(matches!(chosen(&[]), Err(Error::Failed(_))));
    }
}
