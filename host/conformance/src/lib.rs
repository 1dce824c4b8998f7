//! What every plugin of a world has to do, whatever it computes.
//!
//! A plugin is run over small models and updates, made-up clients and combiners, or a store in memory, once for each rule:
//! by the same calls that a server makes, so that what holds here holds there. The rules know nothing of what a plugin is
//! for. They say what a server relies on, such as that the order in which updates come does not matter, and that a blob
//! that was put is the blob that one gets.

mod aggregator;
mod client_selector;
mod load_balancer;
mod report;
mod rule;
mod storage_adapter;

pub use report::{Finding, Report, Verdict};

use std::collections::BTreeMap;

use fedwit_runtime::{Grants, Permission, Plugin, World};
use serde_json::{Map, Value};

use self::rule::Scene;

/// Bytes of a secret that nobody has given: as many as keys of ciphers have.
const SECRET: [u8; 32] = [0x5a; 32];

/// Checks a plugin with a configuration, over every rule of its world.
///
/// It is granted all that it wants, since there is nothing here to protect. Of its secrets, those that are not among
/// `secrets` are 32 bytes that mean nothing.
#[must_use]
pub fn check(plugin: &Plugin, config: &Map<String, Value>, secrets: &BTreeMap<String, Vec<u8>>) -> Report {
    let mut grants = Grants::default();
    for permission in plugin.permissions() {
        grants = match permission {
            Permission::Secret(name) => grants.with_secret(name, secrets.get(name).map_or(&SECRET[..], Vec::as_slice)),
            other => grants.with(other.clone()),
        };
    }
    // What cannot be granted fails every rule, each saying so.
    let plugin = plugin.granted(&grants).unwrap_or_else(|_| plugin.clone());
    let rules = match plugin.world() {
        World::Aggregator => aggregator::RULES,
        World::ClientSelector => client_selector::RULES,
        World::LoadBalancer => load_balancer::RULES,
        World::StorageAdapter => storage_adapter::RULES,
    };
    Scene { plugin, config: config.clone() }.look_at(rules)
}
