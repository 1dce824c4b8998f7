//! A component that has been compiled, checked, and asked what it is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use wasmtime::component::InstancePre;

use crate::aggregation::{Aggregation, Round};
use crate::config::ConfigError;
use crate::description::Description;
use crate::host::HostState;
use crate::metrics::{Counters, PluginMetrics};
use crate::permissions::{Grants, Permission};
use crate::world::World;
use crate::{Digest, Fault, LoadError, PluginError, Runtime};

/// A plugin that is ready to run. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) runtime: Runtime,
    pub(crate) world: World,
    pub(crate) pre: InstancePre<HostState>,
    pub(crate) digest: Digest,
    /// What it says of itself; none before it was asked.
    pub(crate) description: Option<Description>,
    /// What names it in errors before it was asked.
    pub(crate) file: String,
    pub(crate) mergeable: bool,
    /// What it may use: what it declared, of what the operator grants.
    pub(crate) grants: Arc<Grants>,
    pub(crate) counters: Arc<Counters>,
    /// How many instances live.
    pub(crate) instances: Arc<AtomicUsize>,
}

impl Plugin {
    /// The same plugin with what an operator grants it. One that declares nothing needs nothing.
    ///
    /// # Errors
    /// [`LoadError::NotGranted`] names the first of what it declares and does not get.
    pub fn granted(&self, grants: &Grants) -> Result<Self, LoadError> {
        let lacks = |permission: &&Permission| !grants.has(permission);
        if let Some(permission) = self.permissions().iter().find(lacks) {
            return Err(LoadError::NotGranted { plugin: self.name().to_owned(), permission: permission.clone() });
        }
        let grants = Arc::new(grants.narrowed(self.permissions()));
        Ok(Self { inner: Arc::new(Inner { grants, ..Inner::clone(&self.inner) }) })
    }

    /// Begins a round on an instance of its own.
    ///
    /// # Errors
    /// [`crate::Fault::InvalidConfig`] if its schema does not allow its configuration or the plugin refuses it, or
    /// whatever else it does wrong.
    pub fn begin(&self, round: Round) -> Result<Aggregation, PluginError> {
        Aggregation::begin(&self.inner, round)
    }

    /// Checks a configuration against the plugin's schema. No code of the plugin runs.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and what is allowed.
    pub fn check_config(&self, config: &serde_json::Value) -> Result<(), ConfigError> {
        self.inner.check_config(&config.to_string())
    }

    /// What it is for.
    #[must_use]
    pub fn world(&self) -> World {
        self.inner.world
    }

    /// What a session names to choose it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inner.name()
    }

    /// The plugin's own version.
    #[must_use]
    pub fn version(&self) -> &str {
        self.inner.description.as_ref().map_or("", |description| &description.version)
    }

    /// One sentence, for people who choose among plugins.
    #[must_use]
    pub fn summary(&self) -> &str {
        self.inner.description.as_ref().map_or("", |description| &description.summary)
    }

    /// Whether a round can be spread over several instances. Only an aggregator's can.
    #[must_use]
    pub fn mergeable(&self) -> bool {
        self.inner.mergeable
    }

    /// The JSON Schema of its configuration.
    #[must_use]
    pub fn config_schema(&self) -> &serde_json::Value {
        self.inner.description.as_ref().map_or(&serde_json::Value::Null, |description| description.config_schema.json())
    }

    /// What it wants to be granted.
    #[must_use]
    pub fn permissions(&self) -> &[Permission] {
        self.inner.permissions()
    }

    /// The SHA-256 of its file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// What its instances have done since it was loaded.
    #[must_use]
    pub fn metrics(&self) -> PluginMetrics {
        self.inner.counters.read()
    }
}

impl Inner {
    pub(crate) fn name(&self) -> &str {
        self.description.as_ref().map_or(&self.file, |description| &description.name)
    }

    fn permissions(&self) -> &[Permission] {
        self.description.as_ref().map_or(&[], |description| &description.permissions)
    }

    /// Refuses to run a plugin that lacks what it declares, or with a configuration that its schema does not allow.
    pub(crate) fn ready(&self, function: &'static str, config: &str) -> Result<(), PluginError> {
        if let Some(permission) = self.permissions().iter().find(|permission| !self.grants.has(permission)) {
            return Err(self.error(function, Fault::NotGranted(permission.clone())));
        }
        self.check_config(config).map_err(|error| self.error(function, Fault::InvalidConfig(error.to_string())))
    }

    pub(crate) fn check_config(&self, config: &str) -> Result<(), ConfigError> {
        let limit = self.runtime.shared.limits.config_bytes;
        self.description.as_ref().map_or(Ok(()), |description| description.config_schema.check_text(config, limit))
    }

    /// An error that names this plugin.
    pub(crate) fn error(&self, function: &'static str, fault: Fault) -> PluginError {
        let version = match &self.description {
            Some(description) => description.version.clone(),
            None => self.digest.to_string()[..12].to_owned(),
        };
        PluginError { plugin: self.name().to_owned(), version, function, fault }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Plugin({} {} {})", self.name(), self.version(), self.digest())
    }
}
