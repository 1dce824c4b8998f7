//! What is served: how the crates below are wired together.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use fedwit_api::ApiSettings;
use fedwit_domain::ports::SystemClock;
use fedwit_federation::{Federation, LoadBalancing, Plugins, PublicKey, Settings as FederationSettings, TrustedKeys};
use fedwit_runtime::{Runtime, Secrets};
use fedwit_store::{Store, StoreOptions};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::plugins;
use crate::readiness::Check;
use crate::registry::AllowedRegistries;
use crate::settings::{Settings, SignatureSettings};
use crate::storage_adapter;

/// A started application.
pub(crate) struct Application {
    /// Its routes.
    pub(crate) router: Router,
    /// Whether it can serve right now.
    pub(crate) ready: Check,
    /// Ends what it does beside answering requests. Polled once no connection is left, and given up when the time to
    /// drain is over.
    pub(crate) close: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Starts it. Its streams end with UNAVAILABLE once `shutdown` is cancelled.
pub(crate) async fn start(settings: &Settings, shutdown: CancellationToken) -> Result<Application> {
    let Settings { storage, clients, combiners, work, .. } = settings;
    // Arithmetic within one computation; how many computations there are at once is the federation's to bound.
    rayon::ThreadPoolBuilder::new().num_threads(work.workers()).build_global().context("threads for arithmetic")?;
    let secrets = secrets(settings)?;
    let registries = AllowedRegistries::new(&settings.registries.plugin_registry, &settings.registries.how)?;
    let installed = installed(settings, secrets.clone()).await?;
    let installed = match registries {
        Some(registries) => installed.with_registries(Arc::new(registries)),
        None => installed,
    };
    let options = StoreOptions { folder: storage.data.clone(), low_disk_bytes: storage.low_disk_bytes };
    let adapter = {
        let settings = settings.clone();
        let options = tokio::task::spawn_blocking(move || storage_adapter::options(&settings, &secrets));
        options.await.context("loading the storage adapter")??
    };
    let store = match adapter {
        Some(adapter) => Store::open_adapted(options, adapter).await,
        None => Store::open(options).await,
    };
    let store = store.with_context(|| format!("data folder {}", storage.data.display()))?;
    let how = FederationSettings {
        max_upload_bytes: clients.max_upload_bytes,
        combiners: combiners.combiners,
        load_balancer: combiners
            .load_balancer
            .clone()
            .map(|plugin| LoadBalancing { plugin, config: combiners.load_balancer_config.clone() }),
        workers: work.workers(),
        ..FederationSettings::default()
    };
    let federation = Federation::start(store.clone(), installed, Arc::new(SystemClock::default()), how)
        .await
        .context("starting on what is recorded")?;

    // A drain begins with the streams: a connection does not end while one is open.
    let (draining, told) = (federation.draining(), shutdown);
    tokio::spawn(async move {
        told.cancelled().await;
        draining.cancel();
    });
    let listen = &settings.listener.listen;
    let api = ApiSettings {
        advertise: clients.advertise.as_ref().map(|address| (address.host.clone(), address.port)),
        reconnect_grace: Duration::from_secs(clients.reconnect_grace_seconds),
        only_loopback: listen.iter().all(|address| address.ip().is_loopback()),
        ..ApiSettings::default()
    };
    let router = fedwit_api::router(federation.clone(), api);
    let ready = {
        let federation = federation.clone();
        Arc::new(move || federation.ready())
    };
    let close = Box::pin(async move {
        federation.shutdown().await;
        store.close().await;
    });
    Ok(Application { router, ready, close })
}

/// The plugins of the folder that was given, or of the first that is there.
async fn installed(settings: &Settings, secrets: Secrets) -> Result<Plugins> {
    let (arguments, limits) = (settings.plugins.clone(), settings.plugin_limits.limits());
    let trusted = trusted(&settings.signatures)?;
    let load = move || {
        let runtime = plugins::runtime(limits, &arguments)?;
        let folders = plugins::folders(&arguments);
        match folders.iter().find(|folder| folder.is_dir()) {
            Some(folder) => load(&runtime, folder, trusted, secrets),
            None if arguments.folder.is_some() => load(&runtime, &folders[0], trusted, secrets),
            None => {
                warn!("there is no folder of plugins, so that there are none but those that were installed");
                Ok(Plugins::new(runtime, trusted, secrets))
            }
        }
    };
    tokio::task::spawn_blocking(load).await.context("loading plugins")?
}

/// The keys that installed plugins are signed with.
fn trusted(settings: &SignatureSettings) -> Result<TrustedKeys> {
    let mut keys = Vec::with_capacity(settings.plugin_keys.len());
    for path in &settings.plugin_keys {
        let named = || format!("plugin key {}", path.display());
        let pem = std::fs::read_to_string(path).with_context(named)?;
        keys.push(PublicKey::from_pem(&pem).with_context(named)?);
    }
    Ok(TrustedKeys::new(keys, settings.require_signed_plugins))
}

/// The secrets that plugins can be granted.
fn secrets(settings: &Settings) -> Result<Secrets> {
    match &settings.secrets.plugin_secrets {
        Some(folder) => Secrets::in_folder(folder).with_context(|| format!("plugin secrets {}", folder.display())),
        None => Ok(Secrets::none()),
    }
}

fn load(runtime: &Runtime, folder: &Path, trusted: TrustedKeys, secrets: Secrets) -> Result<Plugins> {
    let plugins = Plugins::load(runtime, folder, trusted, secrets);
    let plugins = plugins.with_context(|| format!("plugins in {}", folder.display()))?;
    let list = plugins.list();
    let names: Vec<&str> = list.iter().map(|plugin| plugin.name.as_str()).collect();
    info!(plugins.folder = %folder.display(), plugins.count = names.len(), "plugins: {}", names.join(", "));
    Ok(plugins)
}
