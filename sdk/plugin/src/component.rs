//! What [`export!`](crate::export) needs in a component, by world: the generated records in terms of this crate's.

pub mod aggregator;
pub mod client_selector;
pub mod load_balancer;
pub mod storage_adapter;

use schemars::JsonSchema;

pub use crate::bindings::fedwit::plugin::types::Description;
use crate::{Permission, config};

/// What the component says of itself.
fn description<C: JsonSchema>(name: &str, version: &str, summary: &str, permissions: Vec<Permission>) -> Description {
    Description {
        name: name.to_owned(),
        version: version.to_owned(),
        summary: summary.to_owned(),
        config_schema: config::schema::<C>(),
        permissions,
    }
}
