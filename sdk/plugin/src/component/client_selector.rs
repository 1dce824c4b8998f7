//! A client selector's calls.

pub use crate::bindings::client_selector::exports::fedwit::plugin::client_selector as generated;
use crate::client_selector::{Candidate, ClientSelector, Selected, Selection};
use crate::{Error, component, config};

/// What the component says of itself.
#[must_use]
pub fn describe<S: ClientSelector>(version: &str) -> component::Description {
    component::description::<S::Config>(S::NAME, version, S::SUMMARY, S::permissions())
}

/// Whether a selector can be made of the configuration.
///
/// # Errors
/// [`Error::InvalidConfig`].
pub fn check<S: ClientSelector>(config: &str) -> Result<(), Error> {
    S::new(config::parse(config)?).map(drop)
}

/// Makes a selector and asks it.
///
/// # Errors
/// The selector's own.
pub fn select<S: ClientSelector>(
    context: generated::Selection,
    candidates: Vec<Candidate>,
) -> Result<Vec<Selected>, Error> {
    let generated::Selection { config, round, attempt, seed, clients_requested, clients_required } = context;
    let selection = Selection { round, attempt, seed, clients_requested, clients_required };
    S::new(config::parse(&config)?)?.select(selection, candidates)
}
