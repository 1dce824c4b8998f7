//! Enabling, disabling, granting and removing what was installed.

use fedwit_domain::{Digest, SessionId};
use fedwit_runtime::{Plugin, World};
use fedwit_store::{PluginRow, RoundFilter};

use super::table::Table;
use super::{PluginChangeError, digest, grants};
use crate::{Federation, FederationError};

/// How a plugin is meant: by its digest, or by its name where that is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginName {
    /// The component's SHA-256.
    Digest(Digest),
    /// What it is called by, in any world.
    Name(String),
}

impl Federation {
    /// Uses a plugin from the next round on, in the place of all others of its name.
    ///
    /// # Errors
    /// [`PluginChangeError`] if it cannot be used; [`FederationError::NotFound`].
    pub async fn enable_plugin(&self, plugin: &PluginName) -> Result<Digest, FederationError> {
        let plugins = &self.inner.plugins;
        let _changing = plugins.shared.changing.lock().await;
        let row = pick(&plugins.table(), plugin, Preferred::Only)?;
        grants::check(&row.name, &row.wanted, &row.granted)?;
        grants::check_secrets(&row.name, &row.granted, &plugins.shared.secrets)?;
        let (name, digest) = (row.name.clone(), row.digest);
        let loaded = self.load(row).await?;
        self.store().enable_plugin(digest).await?;
        plugins.refresh(self.store(), [loaded]).await?;
        tracing::info!(plugin.name = %name, plugin.digest = %digest, "plugin `{name}` is enabled");
        Ok(digest)
    }

    /// Uses a plugin no longer. Rounds that run on it end on it; a session that names it fails its next attempt, unless
    /// a plugin that is built in has the name too.
    ///
    /// # Errors
    /// [`PluginChangeError::BuiltIn`]; [`FederationError::NotFound`].
    pub async fn disable_plugin(&self, plugin: &PluginName) -> Result<Digest, FederationError> {
        let plugins = &self.inner.plugins;
        let _changing = plugins.shared.changing.lock().await;
        let row = pick(&plugins.table(), plugin, Preferred::Enabled)?;
        self.store().disable_plugin(row.digest, None).await?;
        plugins.refresh(self.store(), []).await?;
        tracing::info!(plugin.name = %row.name, plugin.digest = %row.digest, "plugin `{}` is disabled", row.name);
        Ok(row.digest)
    }

    /// Grants a plugin this, and no more than this.
    ///
    /// # Errors
    /// [`PluginChangeError::NotGranted`] if it is enabled and would lack something; [`FederationError::NotFound`].
    pub async fn grant_plugin(&self, plugin: &PluginName, granted: Vec<String>) -> Result<Digest, FederationError> {
        let plugins = &self.inner.plugins;
        let _changing = plugins.shared.changing.lock().await;
        let row = pick(&plugins.table(), plugin, Preferred::Only)?;
        grants::parse(&granted)?;
        let row = PluginRow { granted, ..row };
        let mut loaded = None;
        if row.enabled {
            grants::check(&row.name, &row.wanted, &row.granted)?;
            grants::check_secrets(&row.name, &row.granted, &plugins.shared.secrets)?;
            loaded = Some(self.load(row.clone()).await?);
        }
        self.store().grant_plugin(row.digest, row.granted.clone()).await?;
        plugins.refresh(self.store(), loaded).await?;
        tracing::info!(plugin.name = %row.name, plugin.digest = %row.digest, "plugin `{}` has other grants", row.name);
        Ok(row.digest)
    }

    /// Removes a plugin and its file. One that an active session uses, or that places clients, is removed only if that is
    /// forced: the next attempt fails then, and clients are placed without it.
    ///
    /// # Errors
    /// [`PluginChangeError::InUse`] and [`PluginChangeError::BuiltIn`]; [`FederationError::NotFound`].
    pub async fn remove_plugin(&self, plugin: &PluginName, force: bool) -> Result<Digest, FederationError> {
        let plugins = &self.inner.plugins;
        let _changing = plugins.shared.changing.lock().await;
        let table = plugins.table();
        let row = pick(&table, plugin, Preferred::Only)?;
        let sessions = self.sessions_that_use(&table, &row).await?;
        let mut users: Vec<String> = sessions.iter().map(|id| format!("session {id}")).collect();
        if self.places_clients(&table, &row) {
            users.push("the server, to place clients".to_owned());
        }
        if !force && !users.is_empty() {
            return Err(PluginChangeError::InUse { name: row.name, users }.into());
        }
        self.store().remove_plugin(row.digest).await?;
        plugins.refresh(self.store(), []).await?;
        tracing::info!(
            plugin.name = %row.name, plugin.digest = %row.digest, sessions = sessions.len(),
            "plugin `{}` is removed", row.name
        );
        Ok(row.digest)
    }

    /// Loads what was installed, with its grants.
    async fn load(&self, row: PluginRow) -> Result<Plugin, FederationError> {
        let (name, digest) = (row.name.clone(), row.digest);
        let loaded = self.inner.plugins.load_installed(row, self.store(), &self.inner.pool).await?;
        Ok(loaded.map_err(|problem| PluginChangeError::Broken { name, digest, problem })?)
    }

    /// Whether it is the load balancer.
    fn places_clients(&self, table: &Table, row: &PluginRow) -> bool {
        let world = World::LoadBalancer.name();
        let named = self.inner.settings.load_balancer.as_ref().is_some_and(|balancing| balancing.plugin == row.name);
        let chosen = table.get(world, &row.name).is_some_and(|used| digest(used) == row.digest);
        row.world == world && named && chosen
    }

    /// Active sessions whose next attempt would run this plugin, or whose open attempt does.
    async fn sessions_that_use(&self, table: &Table, row: &PluginRow) -> Result<Vec<SessionId>, FederationError> {
        let active = self.inner.log.active().await?;
        let chosen = table.get(&row.world, &row.name).is_some_and(|used| digest(used) == row.digest);
        let mut sessions = Vec::new();
        for session in self.store().sessions_by_id(&active).await? {
            let named = |world: World, name: &str| row.world == world.name() && row.name == name;
            let names_it = named(World::Aggregator, &session.config.aggregator)
                || session.config.client_selector.iter().any(|selector| named(World::ClientSelector, selector));
            let last = RoundFilter { session: Some(session.id), ..RoundFilter::default() };
            let last = self.store().rounds(&last, fedwit_store::Page::last(1)).await?.rows.pop();
            let runs_it = last.is_some_and(|round| {
                round.ended_at.is_none() && round.plugin.is_some_and(|(_, _, digest)| digest == row.digest)
            });
            if (names_it && chosen) || runs_it {
                sessions.push(session.id);
            }
        }
        Ok(sessions)
    }
}

/// Which of several versions a name alone means.
#[derive(Clone, Copy)]
enum Preferred {
    /// The one that is enabled.
    Enabled,
    /// The only one.
    Only,
}

/// The plugin that is meant, among those that were installed.
fn pick(table: &Table, plugin: &PluginName, preferred: Preferred) -> Result<PluginRow, FederationError> {
    let meant = |row: &&PluginRow| match plugin {
        PluginName::Digest(digest) => row.digest == *digest,
        PluginName::Name(name) => row.name == *name,
    };
    let found: Vec<&PluginRow> = table.rows.iter().filter(meant).collect();
    let enabled: Vec<&PluginRow> = found.iter().copied().filter(|row| row.enabled).collect();
    match (preferred, found.as_slice(), enabled.as_slice()) {
        (_, [only], _) | (Preferred::Enabled, _, [only]) => Ok((*only).clone()),
        (_, [], _) => Err(not_installed(table, plugin)),
        _ => {
            let name = found.first().map(|row| row.name.clone()).unwrap_or_default();
            Err(PluginChangeError::Ambiguous { name }.into())
        }
    }
}

fn not_installed(table: &Table, plugin: &PluginName) -> FederationError {
    let built_in = match plugin {
        PluginName::Digest(digest) => table.by_digest(digest),
        PluginName::Name(name) => World::ALL.iter().find_map(|world| table.get(world.name(), name)),
    };
    match built_in {
        Some(built_in) => PluginChangeError::BuiltIn { name: built_in.name().to_owned() }.into(),
        None => {
            let id = match plugin {
                PluginName::Digest(digest) => digest.to_string(),
                PluginName::Name(name) => name.clone(),
            };
            FederationError::NotFound { kind: "plugin", id }
        }
    }
}
