//! Finding the plugin that a session or an attempt of it means.

use fedwit_domain::PluginVersion;
use fedwit_domain::ports::{Blobs, FoldingError};
use fedwit_runtime::{Plugin, World};

use super::restore::read;
use super::{Plugins, digest};
use crate::pool::Pool;

impl Plugins {
    /// The aggregator that is used under a name.
    pub(crate) fn get(&self, name: &str) -> Result<Plugin, FoldingError> {
        let (table, world) = (self.table(), World::Aggregator.name());
        if let Some(plugin) = table.get(world, name) {
            return Ok(plugin.clone());
        }
        let name = name.to_owned();
        if table.is_installed(world, &name) {
            return Err(FoldingError::Disabled { name });
        }
        let names = table.names(world);
        let installed = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Err(FoldingError::NoPlugin { name, installed })
    }

    /// Exactly the plugin that an attempt began with, whatever is used under its name by now.
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
            return Err(FoldingError::Gone { name: name.clone(), version: version.clone(), digest: *digest });
        };
        let file = blobs.open(digest).await.map_err(|error| FoldingError::Host(error.to_string()))?;
        let (runtime, row) = (self.shared.runtime.clone(), row.clone());
        let loaded = pool.run(move || read(&runtime, &row, &file.path)).await?;
        loaded.map_err(FoldingError::Plugin)
    }
}
