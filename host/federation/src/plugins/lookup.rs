//! Finding the plugin that is meant by a name, or that an attempt began with.

use std::sync::Arc;

use fedwit_domain::PluginVersion;
use fedwit_domain::ports::{Blobs, FoldingError, NoPlugin};
use fedwit_runtime::{Plugin, World};

use super::restore::read;
use super::{Plugins, digest};
use crate::pool::Pool;

impl Plugins {
    /// The plugin that is used under a name in a world.
    pub(crate) fn get(&self, world: World, name: &str) -> Result<Plugin, NoPlugin> {
        let (table, what) = (self.table(), world.words());
        if let Some(plugin) = table.get(world.name(), name) {
            return Ok(plugin.clone());
        }
        let name = name.to_owned();
        if table.is_installed(world.name(), &name) {
            return Err(NoPlugin::Disabled { what, name });
        }
        let names = table.names(world.name());
        let installed = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Err(NoPlugin::Unknown { what, name, installed })
    }

    /// Exactly the aggregator that an attempt began with, whatever is used under its name by now.
    pub(crate) async fn exactly(
        &self,
        version: &PluginVersion,
        blobs: &dyn Blobs,
        pool: &Pool,
    ) -> Result<Plugin, FoldingError> {
        let table = self.table();
        // One that is built in is there, even if another has taken its place.
        let built_in = || {
            let mut built_in = self.shared.built_in.iter().map(|built_in| &built_in.plugin);
            built_in.find(|plugin| digest(plugin) == version.digest)
        };
        if let Some(plugin) = table.by_digest(&version.digest).or_else(built_in) {
            return Ok(plugin.clone());
        }
        let PluginVersion { name, version, digest } = version;
        let Some(row) = table.row(digest) else {
            let (name, version) = (name.clone(), version.clone());
            return Err(NoPlugin::Gone { what: World::Aggregator.words(), name, version, digest: *digest }.into());
        };
        let file = blobs.open(digest).await.map_err(|error| FoldingError::Host(error.to_string()))?;
        let (shared, row) = (Arc::clone(&self.shared), row.clone());
        let loaded = pool.run(move || read(&shared, &row, &file)).await?;
        loaded.map_err(FoldingError::Plugin)
    }
}
