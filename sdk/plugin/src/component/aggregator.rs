//! An aggregator's calls, and its records in terms of this crate's.

pub use crate::bindings::exports::fedwit::plugin::aggregator as generated;
use crate::{Aggregator, component};

/// What the component says of itself.
#[must_use]
pub fn describe<A: Aggregator>(version: &str) -> component::Description {
    component::description::<A::Config>(A::NAME, version, A::SUMMARY, A::permissions())
}

/// The configuration and the rest of what a round begins with.
#[must_use]
pub fn begun(context: generated::Context) -> (String, crate::Context) {
    let generated::Context { config, round, seed, global_model, state } = context;
    (config, crate::Context { round, seed, global_model, state: state.map(Into::into) })
}

impl From<generated::NamedParameters> for crate::NamedParameters {
    fn from(generated::NamedParameters { name, value }: generated::NamedParameters) -> Self {
        Self { name, value }
    }
}

impl From<crate::NamedParameters> for generated::NamedParameters {
    fn from(crate::NamedParameters { name, value }: crate::NamedParameters) -> Self {
        Self { name, value }
    }
}

impl From<generated::State> for crate::State {
    fn from(generated::State { parameters, bytes }: generated::State) -> Self {
        Self { parameters: each(parameters), bytes }
    }
}

impl From<crate::State> for generated::State {
    fn from(crate::State { parameters, bytes }: crate::State) -> Self {
        Self { parameters: each(parameters), bytes }
    }
}

impl From<generated::PartialAggregate> for crate::PartialAggregate {
    fn from(part: generated::PartialAggregate) -> Self {
        let generated::PartialAggregate { parameters, bytes, weight, updates } = part;
        Self { parameters: each(parameters), bytes, weight, updates }
    }
}

impl From<crate::PartialAggregate> for generated::PartialAggregate {
    fn from(part: crate::PartialAggregate) -> Self {
        let crate::PartialAggregate { parameters, bytes, weight, updates } = part;
        Self { parameters: each(parameters), bytes, weight, updates }
    }
}

impl From<crate::Outcome> for generated::Outcome {
    fn from(crate::Outcome { model, state, metrics }: crate::Outcome) -> Self {
        Self { model, state: state.map(Into::into), metrics }
    }
}

fn each<A, B: From<A>>(all: Vec<A>) -> Vec<B> {
    all.into_iter().map(Into::into).collect()
}
