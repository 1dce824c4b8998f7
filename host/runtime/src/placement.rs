//! Which combiner a client joins: a question to a load balancer.

use crate::PluginError;
use crate::bindings::load_balancer;
use crate::instance::Instance;
use crate::log::tell;
use crate::plugin::Plugin;
use crate::selection::attribute;

/// A client that wants to join, and the combiners that there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The configuration of the plugin: a JSON object.
    pub config: String,
    /// The client.
    pub client: ClientInfo,
    /// Where it may go; at least one.
    pub combiners: Vec<Combiner>,
}

/// A client that wants to join.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientInfo {
    /// Its id.
    pub id: String,
    /// The name that it gave itself.
    pub name: String,
    /// What it says of itself, by name.
    pub attributes: Vec<(String, String)>,
    /// The combiner that it would like to join. It may not exist.
    pub preferred: Option<String>,
}

/// A combiner that takes clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Combiner {
    /// Its name; no two share it.
    pub name: String,
    /// How many clients are assigned to it and there.
    pub clients: u32,
    /// How many it can serve; none where nothing limits it.
    pub capacity: Option<u32>,
}

impl Plugin {
    /// Asks a load balancer where a client is to go, on an instance of its own. The answer is one of the combiners.
    ///
    /// # Errors
    /// [`crate::Fault::Answer`] if the plugin names no such combiner, or whatever else it does wrong.
    pub fn place(&self, placement: Placement) -> Result<String, PluginError> {
        const FUNCTION: &str = "place";
        let Placement { config, client, combiners } = placement;
        self.inner.ready(FUNCTION, &config)?;
        let mut instance = Instance::<load_balancer::Guest>::new(&self.inner, FUNCTION, 0)?;
        let client = load_balancer::ClientInfo {
            id: client.id,
            name: client.name,
            attributes: client.attributes.into_iter().map(attribute).collect(),
            preferred: client.preferred,
        };
        let combiners: Vec<_> = combiners
            .into_iter()
            .map(|Combiner { name, clients, capacity }| load_balancer::Combiner { name, clients, capacity })
            .collect();
        let placed = instance.call(FUNCTION, |guest, store| guest.call_place(store, &config, &client, &combiners));
        tell(self.name(), FUNCTION, instance.log());
        let name = placed?;
        if combiners.iter().any(|combiner| combiner.name == name) {
            Ok(name)
        } else {
            Err(instance.answer(FUNCTION, &format!("there is no combiner {name:.80?}")))
        }
    }

    pub(crate) fn check_balancer(&self, function: &'static str, config: &str) -> Result<(), PluginError> {
        let mut instance = Instance::<load_balancer::Guest>::new(&self.inner, function, 0)?;
        let checked = instance.call(function, |guest, store| guest.call_check(store, config));
        tell(self.name(), function, instance.log());
        checked
    }
}
