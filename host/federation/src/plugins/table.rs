//! Which plugin is used under which name.

use std::collections::{BTreeMap, HashMap};

use fedwit_domain::Digest;
use fedwit_runtime::Plugin;
use fedwit_store::PluginRow;

use super::folder::BuiltIn;
use super::{digest, world};

/// A world and a name.
type Key = (String, String);

/// What is used, and what is known. Never changed: another takes its place.
pub(super) struct Table {
    used: BTreeMap<Key, Plugin>,
    /// What was installed, in that order.
    pub(super) rows: Vec<PluginRow>,
}

impl Table {
    /// What is enabled wins over what is built in. `available` has the plugins that are enabled; one that it has not is
    /// not used.
    pub(super) fn new(built_in: &[BuiltIn], rows: Vec<PluginRow>, mut available: HashMap<Digest, Plugin>) -> Self {
        let mut used: BTreeMap<Key, Plugin> = BTreeMap::new();
        for BuiltIn { plugin, .. } in built_in {
            used.insert((world(plugin).to_owned(), plugin.name().to_owned()), plugin.clone());
        }
        for row in rows.iter().filter(|row| row.enabled) {
            if let Some(plugin) = available.remove(&row.digest) {
                used.insert((row.world.clone(), row.name.clone()), plugin);
            }
        }
        Self { used, rows }
    }

    /// What is used under a name.
    pub(super) fn get(&self, world: &str, name: &str) -> Option<&Plugin> {
        self.used.get(&(world.to_owned(), name.to_owned()))
    }

    /// What is used and has this digest.
    pub(super) fn by_digest(&self, wanted: &Digest) -> Option<&Plugin> {
        self.used.values().find(|plugin| digest(plugin) == *wanted)
    }

    /// The names that can be chosen in a world.
    pub(super) fn names(&self, of_world: &str) -> Vec<&str> {
        self.used.keys().filter(|(world, _)| world == of_world).map(|(_, name)| name.as_str()).collect()
    }

    /// Whether something of this name is installed, used or not.
    pub(super) fn is_installed(&self, world: &str, name: &str) -> bool {
        self.rows.iter().any(|row| row.world == world && row.name == name)
    }

    pub(super) fn row(&self, digest: &Digest) -> Option<&PluginRow> {
        self.rows.iter().find(|row| row.digest == *digest)
    }

    /// The plugins that are used, by their digests.
    pub(super) fn loaded(&self) -> HashMap<Digest, Plugin> {
        self.used.values().map(|plugin| (digest(plugin), plugin.clone())).collect()
    }
}
