//! What every plugin of a world has to do, whatever it computes.
//!
//! A plugin is run over small models and updates, once for each rule: by the same calls that a server makes, so that what
//! holds here holds there. The rules know nothing of a plugin's own arithmetic. They say what a server relies on, such as
//! that the order in which updates come does not matter, and that a round can be shared out.

mod aggregator;
mod report;
mod scene;

pub use report::{Finding, Report, Verdict};

use fedwit_runtime::{Plugin, World};
use serde_json::{Map, Value};

/// Checks a plugin with a configuration, over every rule of its world. None if its world has no rules yet: aggregators
/// have.
#[must_use]
pub fn check(plugin: &Plugin, config: &Map<String, Value>) -> Option<Report> {
    (plugin.world() == World::Aggregator).then(|| aggregator::check(plugin, config))
}
