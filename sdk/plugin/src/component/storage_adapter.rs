//! A storage adapter's calls.

pub use crate::bindings::storage_adapter::exports::fedwit::plugin::storage_adapter as generated;
use crate::component;
use crate::storage_adapter::StorageAdapter;

/// What the component says of itself.
#[must_use]
pub fn describe<A: StorageAdapter>(version: &str) -> component::Description {
    component::description::<A::Config>(A::NAME, version, A::SUMMARY, A::permissions())
}
