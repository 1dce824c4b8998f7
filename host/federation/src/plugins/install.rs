//! Installing a plugin: a job that takes its component through every check, and records it in the end or leaves nothing.

use std::time::Instant;

use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobFile, StoredBlob};
use fedwit_runtime::{LoadError, Plugin};
use fedwit_store::NewPlugin;
use tokio::sync::watch;

use super::jobs::{JobFailure, JobStage, PluginJob, PluginJobId, Progress};
use super::{PluginChangeError, digest, grants, wanted, world};
use crate::{Federation, FederationError, Upload};

/// What is to be installed.
pub struct PluginInstall {
    /// The component.
    pub from: InstallFrom,
    /// Its signature. One that came from a registry with the component counts where there is none here.
    pub signature: Option<String>,
    /// What it is granted. What it wants and is not granted keeps it from being used.
    pub granted: Vec<String>,
    /// Whether it is used from now on, in the place of all others of its name.
    pub enable: bool,
}

/// Where a component comes from.
pub enum InstallFrom {
    /// Somebody has sent it.
    Upload {
        /// All of it, written.
        file: Upload,
        /// What the file is called.
        name: String,
    },
    /// A registry has it.
    Reference(String),
}

/// The longest name of a source.
const LONGEST_SOURCE: usize = 512;

impl Federation {
    /// Begins to install a plugin, and gives the job that does it.
    ///
    /// # Errors
    /// [`FederationError::Unavailable`] if too much is under way; [`RegistryError`](super::RegistryError) if the server is
    /// not to ask that registry; what is wrong with the component ends the job.
    pub async fn install_plugin(&self, install: PluginInstall) -> Result<PluginJobId, FederationError> {
        let PluginInstall { from, signature, granted, enable } = install;
        let (source, stage) = match &from {
            InstallFrom::Upload { name, .. } => (name.clone(), JobStage::Received),
            InstallFrom::Reference(reference) => (reference.clone(), JobStage::Pulling),
        };
        if source.len() > LONGEST_SOURCE || source.contains(char::is_control) {
            let problem = format!("{source:.80?} is not one line of at most {LONGEST_SOURCE} bytes");
            return Err(FederationError::Invalid { what: "plugin's source", problem });
        }
        grants::parse(&granted)?;
        if let InstallFrom::Reference(reference) = &from {
            self.inner.plugins.registries.check(reference).map_err(PluginChangeError::from)?;
        }
        let progress = self.inner.plugins.shared.jobs.begin(source, stage, self.now())?;
        let (id, federation) = (progress.id(), self.clone());
        // Dropped when the server goes down: the job has failed then, and its file is collected.
        let draining = self.draining();
        self.inner.tracker.spawn(async move {
            let job = Job { federation, progress, granted, enable };
            tokio::select! {
                () = job.run(from, signature) => {}
                () = draining.cancelled() => {}
            }
        });
        Ok(id)
    }

    /// A job, as it is now and as it goes on; jobs that ended long ago are forgotten.
    ///
    /// # Errors
    /// [`FederationError::NotFound`].
    pub fn plugin_job(&self, id: PluginJobId) -> Result<watch::Receiver<PluginJob>, FederationError> {
        let job = self.inner.plugins.shared.jobs.watch(id, self.now());
        job.ok_or_else(|| FederationError::NotFound { kind: "job", id: id.to_string() })
    }
}

/// A job, and what it needs.
pub(super) struct Job {
    pub(super) federation: Federation,
    pub(super) progress: Progress,
    granted: Vec<String>,
    enable: bool,
}

impl Job {
    async fn run(self, from: InstallFrom, signature: Option<String>) {
        let (began, id) = (Instant::now(), self.progress.id());
        let installed = self.install(from, signature).await;
        let source = self.progress.source();
        match installed {
            Ok(digest) => {
                let duration_ms = crate::uploads::duration_ms(began);
                tracing::info!(job.id = %id, plugin.digest = %digest, duration_ms, "{source:?} is installed");
                self.progress.reach(JobStage::Installed, self.federation.now());
            }
            Err(error) => {
                let code = error.code();
                tracing::warn!(job.id = %id, code, "{source:?} is not installed: {error}");
                let message = if code == "INTERNAL" {
                    "the server failed; its log says how".to_owned()
                } else {
                    error.to_string()
                };
                self.progress.fail(JobFailure { code, message }, self.federation.now());
            }
        }
    }

    async fn install(&self, from: InstallFrom, signature: Option<String>) -> Result<Digest, FederationError> {
        let (blob, signature) = match from {
            InstallFrom::Upload { file, .. } => {
                self.fits(file.written())?;
                (file.into_blob().await?, signature)
            }
            InstallFrom::Reference(reference) => {
                let (blob, pushed) = self.pull(&reference).await?;
                self.progress.reach(JobStage::Received, self.federation.now());
                (blob, signature.or(pushed))
            }
        };
        self.progress.found(blob.digest);
        let installed = self.install_blob(blob, signature).await;
        if installed.is_err() {
            // Nothing refers to it, unless it had been installed before.
            self.federation.store().collect(&blob.digest).await?;
        }
        installed.map(|()| blob.digest)
    }

    async fn install_blob(&self, blob: StoredBlob, signature: Option<String>) -> Result<(), FederationError> {
        let Self { federation, progress, granted, enable } = self;
        let plugins = &federation.inner.plugins;
        let signed =
            plugins.shared.trusted.check(&blob.digest, signature.as_deref()).map_err(PluginChangeError::from)?;
        progress.reach(JobStage::Verified, federation.now());
        progress.reach(JobStage::Compiling, federation.now());
        let plugin = self.compile(blob.digest).await?;
        progress.reach(JobStage::Checking, federation.now());
        let wanted = wanted(&plugin);
        let _changing = plugins.shared.changing.lock().await;
        // What is used already stays so, with the new grants.
        let enabled = *enable || plugins.table().row(&blob.digest).is_some_and(|row| row.enabled);
        let plugin = if enabled {
            grants::check(plugin.name(), &wanted, granted)?;
            grants::grant(&plugin, granted, &plugins.shared.secrets)?
        } else {
            plugin
        };
        let new = NewPlugin {
            blob,
            world: world(&plugin).to_owned(),
            name: plugin.name().to_owned(),
            version: plugin.version().to_owned(),
            summary: plugin.summary().to_owned(),
            mergeable: plugin.mergeable(),
            config_schema: plugin.config_schema().clone(),
            wanted,
            granted: granted.clone(),
            source: progress.source(),
            signature: signed.map(|(signature, key)| (signature.to_string(), key.to_string())),
            enabled,
            at: federation.now(),
        };
        federation.store().add_plugin(new).await?;
        plugins.refresh(federation.store(), [plugin]).await?;
        Ok(())
    }

    /// Compiles the component and asks it what it is, on the threads for guests, once it has its turn.
    async fn compile(&self, component: Digest) -> Result<Plugin, FederationError> {
        let Self { federation, progress, .. } = self;
        let plugins = &federation.inner.plugins;
        let _turn = plugins.shared.compiling.acquire().await;
        // Another job may have had the same component.
        if let Some(plugin) = plugins.table().by_digest(&component) {
            return Ok(plugin.clone());
        }
        let file = federation.inner.blobs.open(&component).await?;
        let (runtime, named) = (plugins.shared.runtime.clone(), progress.source());
        let compile = move || -> Result<Plugin, FederationError> {
            let BlobFile { path, hold: _hold, .. } = file;
            let bytes = std::fs::read(path).map_err(|error| FederationError::Internal(error.to_string()))?;
            let loaded = runtime.load(&named, &bytes);
            Ok(loaded.map_err(|error| PluginChangeError::Load { file: named, error })?)
        };
        let plugin = federation.inner.pool.run(compile).await??;
        if digest(&plugin) != component {
            return Err(FederationError::Internal(format!("the file of {component} is another one's")));
        }
        Ok(plugin)
    }

    /// Refuses what no plugin may be before anybody reads it.
    pub(super) fn fits(&self, bytes: u64) -> Result<(), PluginChangeError> {
        let limit = self.federation.inner.plugins.shared.runtime.limits().component_bytes;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes <= limit {
            return Ok(());
        }
        let error = LoadError::TooLarge { bytes, limit };
        Err(PluginChangeError::Load { file: self.progress.source(), error })
    }
}
