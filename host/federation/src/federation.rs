//! What every API calls.

use std::sync::Arc;
use std::time::Duration;

use fedwit_domain::ports::{Blobs, ClientSelector, Clock, EventLog, Folding, LoadBalancer};
use fedwit_domain::{Command, Timestamp};
use fedwit_store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::combiners::{Combiners, LoadBalancing, PluginBalancer};
use crate::models::Encoded;
use crate::plugins::{InstalledPlugin, Plugins};
use crate::pool::Pool;
use crate::predictions::Predictions;
use crate::presence::PresenceBook;
use crate::selection::PluginSelection;
use crate::sessions::Sessions;
use crate::submission::Claims;
use crate::tasks::Outboxes;
use crate::uploads::Gate;
use crate::{FederationError, PluginFolding};

/// How the federation behaves, whatever the session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A larger file is refused. 4 GiB by default.
    pub max_upload_bytes: u64,
    /// Files that may come in at once. 64 by default: each takes some megabytes of memory.
    pub max_uploads: usize,
    /// Files of one client that may come in at once. 4 by default.
    pub max_uploads_of_client: usize,
    /// How long a file waits for its turn. 60 s by default.
    pub upload_wait: Duration,
    /// How long a heartbeat says that a client is there. 30 s by default: some clients send one every 10 s.
    pub heartbeat_ttl: Duration,
    /// How long a file that is no update yet is kept. An hour by default.
    pub unused_upload_ttl: Duration,
    /// Combiners. 1 by default: each holds an accumulator of its own while a round is folded.
    pub combiners: usize,
    /// The plugin that places clients. None by default: a client joins the combiner that it would like, else the one with
    /// the fewest clients.
    pub load_balancer: Option<LoadBalancing>,
    /// Threads for arithmetic and plugins. The number of cores by default.
    pub workers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_upload_bytes: 4 << 30,
            max_uploads: 64,
            max_uploads_of_client: 4,
            upload_wait: Duration::from_secs(60),
            heartbeat_ttl: Duration::from_secs(30),
            unused_upload_ttl: Duration::from_secs(3600),
            combiners: 1,
            load_balancer: None,
            workers: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

/// How often what is only worth remembering now and then is written, and what has been forgotten is swept up.
const UPKEEP: Duration = Duration::from_secs(60);

/// The federation of one server. Cheap to clone.
#[derive(Clone)]
pub struct Federation {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) folding: Arc<dyn Folding>,
    pub(crate) selector: Arc<dyn ClientSelector>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) plugins: Plugins,
    pub(crate) pool: Pool,
    pub(crate) settings: Settings,
    pub(crate) presence: PresenceBook,
    pub(crate) combiners: Combiners,
    pub(crate) outboxes: Arc<Outboxes>,
    pub(crate) gate: Gate,
    pub(crate) encoded: Encoded,
    pub(crate) predictions: Predictions,
    pub(crate) claims: Claims,
    pub(crate) sessions: Sessions,
    pub(crate) draining: CancellationToken,
    pub(crate) tracker: TaskTracker,
}

/// What the federation needs of the world.
pub(crate) struct Ports {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) folding: Arc<dyn Folding>,
    pub(crate) selector: Arc<dyn ClientSelector>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Nothing for the one that is built in.
    pub(crate) balancer: Option<Arc<dyn LoadBalancer>>,
}

impl Federation {
    /// Starts on a store, and goes on with every session that was running.
    ///
    /// # Errors
    /// [`FederationError::Store`] or [`FederationError::Log`] if what is recorded cannot be read;
    /// [`FederationError::Invalid`] if the load balancer cannot be used as it is configured.
    pub async fn start(
        store: Store,
        plugins: Plugins,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Self, FederationError> {
        let pool = Pool::new(settings.workers);
        let (log, blobs) = (store.log(), store.blobs());
        let folding = Arc::new(PluginFolding::new(Arc::clone(&blobs), plugins.clone(), pool.clone()));
        // Before it is asked about what was installed, that has to be there.
        plugins.restore(&store, &pool).await?;
        let balancer = match &settings.load_balancer {
            Some(balancing) => {
                let balancer = PluginBalancer::new(balancing.clone(), plugins.clone());
                let checked = balancer.check().await;
                checked
                    .map_err(|error| FederationError::Invalid { what: "load balancer", problem: error.to_string() })?;
                Some(Arc::new(balancer) as Arc<dyn LoadBalancer>)
            }
            None => None,
        };
        let selector = Arc::new(PluginSelection::new(plugins.clone(), pool.clone()));
        let ports = Ports { log, blobs, folding, selector, clock, balancer };
        Self::start_with(store, ports, plugins, settings, pool).await
    }

    pub(crate) async fn start_with(
        store: Store,
        ports: Ports,
        plugins: Plugins,
        settings: Settings,
        pool: Pool,
    ) -> Result<Self, FederationError> {
        let Ports { log, blobs, folding, selector, clock, balancer } = ports;
        let combiners = Combiners::start(settings.combiners, balancer, &store, clock.now()).await?;
        let inner = Inner {
            log,
            blobs,
            folding,
            selector,
            presence: PresenceBook::new(clock.now(), settings.heartbeat_ttl),
            combiners,
            clock,
            plugins,
            pool,
            outboxes: Arc::default(),
            gate: Gate::new(&settings),
            encoded: Encoded::default(),
            predictions: Predictions::default(),
            claims: Claims::default(),
            sessions: Sessions::default(),
            draining: CancellationToken::new(),
            tracker: TaskTracker::new(),
            settings,
            store,
        };
        let federation = Self { inner: Arc::new(inner) };
        for session in federation.inner.log.active().await? {
            tracing::info!(session.id = %session, "session {session} goes on");
            federation.command(session, Command::Recover).await?;
        }
        federation.inner.tracker.spawn(federation.clone().keep_up());
        Ok(federation)
    }

    /// Ends streams, lets what is being recorded be recorded, and stops. What is under way goes on at the next start.
    pub async fn shutdown(&self) {
        self.inner.draining.cancel();
        self.inner.tracker.close();
        self.inner.tracker.wait().await;
        let seen = self.inner.presence.take_seen(self.now());
        if let Err(error) = self.store().clients_seen(seen).await {
            tracing::warn!(%error, "when clients were last seen could not be recorded");
        }
    }

    /// What is recorded, to be read.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The time, as the federation has it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Cancelled when the server goes down.
    #[must_use]
    pub fn draining(&self) -> CancellationToken {
        self.inner.draining.clone()
    }

    /// Whether the server can do its work.
    ///
    /// # Errors
    /// Says why it cannot.
    pub fn ready(&self) -> Result<(), String> {
        if self.inner.draining.is_cancelled() {
            return Err("the server is going down".to_owned());
        }
        if self.store().low_disk() {
            return Err("the disk is nearly full, so that no uploads are taken".to_owned());
        }
        Ok(())
    }

    /// The aggregators that are installed.
    #[must_use]
    pub fn plugins(&self) -> Vec<InstalledPlugin> {
        self.inner.plugins.list()
    }

    /// What has to be done now and then, whatever happens.
    async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.inner.draining.cancelled() => return,
            }
            let now = self.now();
            self.forget_predictions(now);
            let seen = self.inner.presence.take_seen(now);
            if let Err(error) = self.store().clients_seen(seen).await {
                tracing::warn!(%error, "when clients were last seen could not be recorded");
            }
            let day = Duration::from_secs(24 * 3600);
            self.inner.presence.forget_before(before(now, day));
            let unused = before(now, self.inner.settings.unused_upload_ttl);
            match self.store().release_stale_uploads(unused).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "{count} uploads that became no updates are dropped"),
                Err(error) => tracing::warn!(%error, "unused uploads could not be dropped"),
            }
        }
    }
}

fn before(now: Timestamp, duration: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}
