//! The plugins that there are: those of a folder, which are built in, and those that were installed.
//!
//! A component is addressed by its SHA-256, and what was installed lies with the other blobs. Several versions of one name
//! may be there; one of them is used. What is used is read from one table, which is replaced as a whole: whoever has
//! taken a plugin from it goes on with that one, and the next round takes the next.

mod change;
mod error;
mod folder;
mod grants;
mod install;
mod jobs;
mod lookup;
mod pull;
mod registry;
mod restore;
mod shown;
mod signature;
mod table;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use fedwit_domain::{Digest, PluginVersion};
use fedwit_runtime::{Plugin, Runtime, Secrets};
use fedwit_store::{PluginFilter, PluginRow, Store, StoreError};
use tokio::sync::{Mutex, Semaphore};

pub use self::change::PluginName;
pub use self::error::PluginChangeError;
pub use self::folder::PluginsError;
pub use self::install::{InstallFrom, PluginInstall};
pub use self::jobs::{JobFailure, JobStage, PluginJob, PluginJobId};
pub use self::registry::fake::FakeRegistry;
pub use self::registry::{PluginRegistries, PulledPlugin, RegistryError};
pub use self::shown::{InstalledPlugin, PluginSource};
pub use self::signature::{KeyError, PublicKey, SecretKey, Signature, SignatureError, TrustedKeys, component_digest};

use self::folder::BuiltIn;
use self::jobs::Jobs;
use self::table::Table;

/// Components that are compiled at once: compiling one takes all cores by itself.
const COMPILATIONS: usize = 1;
/// Rows that are read at once; a server has tens of plugins.
const ROWS: u32 = 1000;

/// The plugins of a server. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Plugins {
    shared: Arc<Shared>,
    registries: Arc<dyn PluginRegistries>,
}

struct Shared {
    runtime: Runtime,
    built_in: Vec<BuiltIn>,
    trusted: TrustedKeys,
    secrets: Secrets,
    table: RwLock<Arc<Table>>,
    /// Who changes what is installed does it alone.
    changing: Mutex<()>,
    compiling: Semaphore,
    pulling: Semaphore,
    jobs: Jobs,
}

impl Plugins {
    /// No plugins but those that are going to be installed, signed with one of these keys if that has to be, and granted
    /// some of these secrets.
    #[must_use]
    pub fn new(runtime: Runtime, trusted: TrustedKeys, secrets: Secrets) -> Self {
        Self::of(runtime, Vec::new(), trusted, secrets)
    }

    fn of(runtime: Runtime, built_in: Vec<BuiltIn>, trusted: TrustedKeys, secrets: Secrets) -> Self {
        let table = Table::new(&built_in, Vec::new(), HashMap::new());
        let shared = Shared {
            runtime,
            built_in,
            trusted,
            secrets,
            table: RwLock::new(Arc::new(table)),
            changing: Mutex::default(),
            compiling: Semaphore::new(COMPILATIONS),
            pulling: Semaphore::new(pull::PULLS),
            jobs: Jobs::default(),
        };
        Self { shared: Arc::new(shared), registries: Arc::new(registry::NoRegistries) }
    }

    /// These plugins, and more from these registries; without any, nothing is pulled.
    #[must_use]
    pub fn with_registries(self, registries: Arc<dyn PluginRegistries>) -> Self {
        Self { registries, ..self }
    }

    /// What is used right now.
    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.shared.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the table by what is recorded. `loaded` are plugins that the new table may need and the old has not.
    async fn refresh(&self, store: &Store, loaded: impl IntoIterator<Item = Plugin>) -> Result<(), StoreError> {
        let rows = rows(store).await?;
        let mut available = self.table().loaded();
        available.extend(loaded.into_iter().map(|plugin| (digest(&plugin), plugin)));
        let table = Table::new(&self.shared.built_in, rows, available);
        *self.shared.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(())
    }
}

#[cfg(test)]
impl Plugins {
    /// No plugins, and none to come: one engine for all servers of the tests.
    pub(crate) fn none() -> Self {
        static RUNTIME: std::sync::LazyLock<Runtime> = std::sync::LazyLock::new(|| {
            Runtime::new(fedwit_runtime::Limits::default(), None).unwrap_or_else(|error| panic!("{error}"))
        });
        Self::new(RUNTIME.clone(), TrustedKeys::default(), Secrets::none())
    }
}

async fn rows(store: &Store) -> Result<Vec<PluginRow>, StoreError> {
    let mut page = fedwit_store::Page::first(ROWS);
    let mut rows = Vec::new();
    loop {
        let listed = store.plugins(&PluginFilter::default(), page).await?;
        let Some(last) = listed.rows.last() else { return Ok(rows) };
        page.after = Some(last.number);
        rows.extend(listed.rows);
    }
}

/// How a plugin is recorded.
pub(crate) fn version(plugin: &Plugin) -> PluginVersion {
    PluginVersion { name: plugin.name().to_owned(), version: plugin.version().to_owned(), digest: digest(plugin) }
}

fn digest(plugin: &Plugin) -> Digest {
    Digest::from_bytes(*plugin.digest().as_bytes())
}

/// The world that a plugin was made for.
fn world(plugin: &Plugin) -> &'static str {
    plugin.world().name()
}

/// What a plugin wants to be granted.
fn wanted(plugin: &Plugin) -> Vec<String> {
    plugin.permissions().iter().map(ToString::to_string).collect()
}
