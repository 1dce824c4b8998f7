//! Loading what was installed when the server starts.

use std::sync::Arc;

use fedwit_domain::ports::BlobFile;
use fedwit_runtime::Plugin;
use fedwit_store::{PluginRow, Store};

use super::{Plugins, Shared, digest, grants, rows};
use crate::FederationError;
use crate::pool::Pool;

impl Plugins {
    /// Loads the plugins that are enabled. One that cannot be used any more is disabled, with its reason, and stops
    /// nothing else.
    pub(crate) async fn restore(&self, store: &Store, pool: &Pool) -> Result<(), FederationError> {
        let mut loaded = Vec::new();
        for row in rows(store).await?.into_iter().filter(|row| row.enabled) {
            let (name, digest) = (row.name.clone(), row.digest);
            match self.load_installed(row, store, pool).await? {
                Ok(plugin) => loaded.push(plugin),
                Err(problem) => {
                    tracing::warn!(plugin.name = %name, plugin.digest = %digest, "plugin `{name}` is disabled: {problem}");
                    store.disable_plugin(digest, Some(problem)).await?;
                }
            }
        }
        Ok(self.refresh(store, loaded).await?)
    }

    /// Loads a plugin that was installed, or says why it cannot be used.
    pub(super) async fn load_installed(
        &self,
        row: PluginRow,
        store: &Store,
        pool: &Pool,
    ) -> Result<Result<Plugin, String>, FederationError> {
        if let Err(error) = self.shared.trusted.check(&row.digest, row.signature.as_deref()) {
            return Ok(Err(error.to_string()));
        }
        let file = match store.blobs().open(&row.digest).await {
            Ok(file) => file,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let shared = Arc::clone(&self.shared);
        Ok(pool.run(move || read(&shared, &row, &file)).await?)
    }
}

/// Reads and compiles a component, and sees to it that it is the one that was installed.
pub(super) fn read(shared: &Shared, row: &PluginRow, file: &BlobFile) -> Result<Plugin, String> {
    let component = std::fs::read(&file.path).map_err(|error| format!("its file cannot be read: {error}"))?;
    let plugin = shared.runtime.load(&row.name, &component).map_err(|error| error.to_string())?;
    if digest(&plugin) != row.digest {
        return Err(format!("its file is damaged: its SHA-256 is {}", digest(&plugin)));
    }
    grants::grant(&plugin, &row.granted, &shared.secrets).map_err(|error| error.to_string())
}
