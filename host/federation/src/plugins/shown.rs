//! Plugins, for people.

use std::path::PathBuf;

use fedwit_domain::{Digest, Timestamp};
use fedwit_store::PluginRow;

use super::folder::BuiltIn;
use super::{Plugins, digest, wanted, world};

/// A plugin, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct InstalledPlugin {
    /// The world that it was made for, such as `aggregator`.
    pub world: String,
    /// What a session names to choose it.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it is addressed by.
    pub digest: Digest,
    /// One sentence.
    pub summary: String,
    /// Whether a round can be spread over several instances.
    pub mergeable: bool,
    /// The JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
    /// Where it came from.
    pub source: PluginSource,
    /// The component's length in bytes.
    pub size_bytes: u64,
    /// Whether it is the one that is used under its name.
    pub enabled: bool,
    /// Why the server does not use it, if that is not an operator's doing.
    pub problem: Option<String>,
    /// What it wants to be granted.
    pub wanted: Vec<String>,
    /// What it is granted.
    pub granted: Vec<String>,
    /// The key that it is signed with, in hexadecimal digits.
    pub signed_by: Option<String>,
    /// When it was installed, if it is not built in.
    pub installed_at: Option<Timestamp>,
}

/// Where a plugin came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// It lies in the folder of plugins.
    BuiltIn(PathBuf),
    /// It was installed, from a file of this name or from a registry by this reference.
    Installed(String),
}

impl Plugins {
    /// All of them: those that are built in, then those that were installed, in that order.
    #[must_use]
    pub fn list(&self) -> Vec<InstalledPlugin> {
        let table = self.table();
        let used = |plugin: &Digest, world: &str, name: &str| {
            table.get(world, name).is_some_and(|used| digest(used) == *plugin)
        };
        let built_in = self.shared.built_in.iter().map(|built_in| {
            let plugin = &built_in.plugin;
            let installed = table.row(&digest(plugin)).is_some_and(|row| row.enabled);
            show_built_in(built_in, !installed && used(&digest(plugin), world(plugin), plugin.name()))
        });
        let installed = table.rows.iter().map(show);
        built_in.chain(installed).collect()
    }
}

fn show_built_in(BuiltIn { plugin, file, size_bytes }: &BuiltIn, enabled: bool) -> InstalledPlugin {
    InstalledPlugin {
        world: world(plugin).to_owned(),
        name: plugin.name().to_owned(),
        version: plugin.version().to_owned(),
        digest: digest(plugin),
        summary: plugin.summary().to_owned(),
        mergeable: plugin.mergeable(),
        config_schema: plugin.config_schema().clone(),
        source: PluginSource::BuiltIn(file.clone()),
        size_bytes: *size_bytes,
        enabled,
        problem: None,
        wanted: wanted(plugin),
        granted: Vec::new(),
        signed_by: None,
        installed_at: None,
    }
}

fn show(row: &PluginRow) -> InstalledPlugin {
    let row = row.clone();
    InstalledPlugin {
        world: row.world,
        name: row.name,
        version: row.version,
        digest: row.digest,
        summary: row.summary,
        mergeable: row.mergeable,
        config_schema: row.config_schema,
        source: PluginSource::Installed(row.source),
        size_bytes: row.size_bytes,
        enabled: row.enabled,
        problem: row.problem,
        wanted: row.wanted,
        granted: row.granted,
        signed_by: row.signed_by,
        installed_at: Some(row.installed_at),
    }
}
