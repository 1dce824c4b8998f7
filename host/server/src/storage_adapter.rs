//! The storage adapter that the server's blobs go through: found, granted what it wants, and put between the store, which
//! knows nothing of plugins, and the runtime, which knows nothing of where blobs lie.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use fedwit_domain::Digest;
use fedwit_runtime::{
    Blob, BlobStore, Grants, Limits, LoadError, Permission, Plugin, Secrets, StoragePool, StorageScratch, World,
};
use fedwit_store::adapter::{
    AdapterError, AdapterOptions, AdapterScratch, AtRest, BlobAdapter, BlobBytes, OpenAdapter,
};
use tracing::{info, warn};

use crate::plugins;
use crate::settings::{AdapterSettings, Settings};

/// The adapter that the settings name, ready to be opened. Compiling it takes a while.
pub(crate) fn options(settings: &Settings, secrets: &Secrets) -> Result<Option<AdapterOptions>> {
    let AdapterSettings { storage_adapter, storage_adapter_config, storage_adapter_instances, .. } = &settings.adapter;
    let Some(wanted) = storage_adapter else { return Ok(None) };
    let limits = limits(settings.plugin_limits.limits());
    let plugin = plugins::load_with(wanted, &settings.plugins, limits)?;
    let world = plugin.world();
    ensure!(world == World::StorageAdapter, "`{wanted}` is no storage adapter: it is of the world {}", world.name());
    let plugin = granted(&plugin, &settings.adapter.storage_adapter_grant, secrets)?;
    let config = storage_adapter_config.clone().unwrap_or_default();
    info!(
        plugin.name = plugin.name(), plugin.version = plugin.version(), plugin.digest = %plugin.digest(),
        "blobs go through storage adapter `{}`", plugin.name()
    );
    Ok(Some(AdapterOptions {
        name: plugin.name().to_owned(),
        component: Digest::from_bytes(*plugin.digest().as_bytes()),
        config: config.json(),
        instances: *storage_adapter_instances,
        scratch: settings.adapter.scratch.clone(),
        copies_bytes: settings.adapter.copies_bytes,
        open: opener(plugin, config.json().to_string()),
    }))
}

/// An adapter that changes every byte of a blob needs the more time the longer the blob is; what bounds it is the time of a
/// call.
fn limits(mut limits: Limits) -> Limits {
    limits.guest_time = limits.guest_time.max(limits.call_time);
    limits
}

/// The plugin with what it is granted. Its prefixes are granted with its choice: nobody else uses that store.
fn granted(plugin: &Plugin, permissions: &[Permission], secrets: &Secrets) -> Result<Plugin> {
    let mut grants = Grants::default();
    let prefixes = plugin.permissions().iter().filter(|wanted| matches!(wanted, Permission::StoragePrefix(_)));
    for permission in permissions.iter().chain(prefixes) {
        grants = match permission {
            Permission::Secret(name) => {
                let secret = secrets.get(name).with_context(|| format!("storage adapter `{}`", plugin.name()))?;
                grants.with_secret(name, &secret)
            }
            other => grants.with(other.clone()),
        };
    }
    match plugin.granted(&grants) {
        Ok(plugin) => Ok(plugin),
        Err(LoadError::NotGranted { plugin, permission }) => bail!(
            "storage adapter `{plugin}` wants {permission}, which it is not granted: if you trust it with that, add \
             --storage-adapter-grant {permission}"
        ),
        Err(error) => Err(error.into()),
    }
}

fn opener(plugin: Plugin, config: String) -> OpenAdapter {
    Box::new(move |at_rest: AtRest, scratch: AdapterScratch| {
        let AdapterScratch { puts, gets } = scratch;
        let pool = StoragePool::open(plugin, config, Arc::new(Rest(at_rest)), StorageScratch { puts, gets })?;
        Ok(Arc::new(Adapter(pool)) as Arc<dyn BlobAdapter>)
    })
}

/// The store's port, with a plugin behind it.
struct Adapter(StoragePool);

/// The plugin's store, in the data folder.
struct Rest(AtRest);

/// The store's bytes, for the plugin.
struct ForPlugin(Arc<dyn BlobBytes>);

/// The plugin's bytes, for the store.
struct ForStore(Arc<dyn Blob>);

impl BlobAdapter for Adapter {
    fn put(&self, key: &str, blob: Arc<dyn BlobBytes>) -> Result<(), AdapterError> {
        Ok(self.0.put(key, Arc::new(ForPlugin(blob)))?)
    }

    fn get(&self, key: &str) -> Result<Option<Arc<dyn BlobBytes>>, AdapterError> {
        Ok(self.0.get(key)?.map(|blob| Arc::new(ForStore(blob)) as Arc<dyn BlobBytes>))
    }

    fn remove(&self, key: &str) -> Result<(), AdapterError> {
        Ok(self.0.remove(key)?)
    }

    fn keys(&self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, AdapterError> {
        Ok(self.0.keys(prefix, after, most)?)
    }
}

impl BlobStore for Rest {
    fn put(&self, key: &str, blob: &Arc<dyn Blob>) -> io::Result<()> {
        told("keep", key, self.0.put(key, &ForStore(Arc::clone(blob))))
    }

    fn get(&self, key: &str) -> io::Result<Option<Arc<dyn Blob>>> {
        let file = told("read", key, self.0.get(key))?;
        Ok(file.map(|file| Arc::new(ForPlugin(Arc::new(file))) as Arc<dyn Blob>))
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        told("remove", key, self.0.remove(key))
    }

    fn keys(&self, prefix: &str, after: Option<&str>, most: usize) -> io::Result<Vec<String>> {
        told("list", prefix, self.0.keys(prefix, after, most))
    }
}

/// The plugin, whose error goes on, is told nothing of the host's disk; so this is the place to say it.
fn told<T>(what: &str, key: &str, result: io::Result<T>) -> io::Result<T> {
    result.inspect_err(|error| warn!(%error, "cannot {what} `{key}` at rest: {error}"))
}

impl Blob for ForPlugin {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read(first, buffer)
    }

    fn file(&self) -> Option<&Path> {
        self.0.file()
    }
}

impl BlobBytes for ForStore {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read(first, buffer)
    }

    fn file(&self) -> Option<&Path> {
        self.0.file()
    }
}
