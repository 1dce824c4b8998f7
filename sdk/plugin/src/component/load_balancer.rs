//! A load balancer's calls.

pub use crate::bindings::load_balancer::exports::fedwit::plugin::load_balancer as generated;
use crate::load_balancer::{ClientInfo, Combiner, LoadBalancer};
use crate::{Error, component, config};

/// What the component says of itself.
#[must_use]
pub fn describe<B: LoadBalancer>(version: &str) -> component::Description {
    component::description::<B::Config>(B::NAME, version, B::SUMMARY, B::permissions())
}

/// Whether a balancer can be made of the configuration.
///
/// # Errors
/// [`Error::InvalidConfig`].
pub fn check<B: LoadBalancer>(config: &str) -> Result<(), Error> {
    B::new(config::parse(config)?).map(drop)
}

/// Makes a balancer and asks it.
///
/// # Errors
/// The balancer's own.
pub fn place<B: LoadBalancer>(config: &str, client: ClientInfo, combiners: Vec<Combiner>) -> Result<String, Error> {
    B::new(config::parse(config)?)?.place(client, combiners)
}
