//! The plugins that are there, and those that ran.

use async_graphql::{Enum, Json, Object, SimpleObject};
use chrono::{DateTime, Utc};
use fedwit_federation::{InstalledPlugin, PluginSource};
use serde_json::Value;

use crate::graphql::scalars::{Int64, time};

pub(in crate::graphql) struct Plugin(pub(in crate::graphql) InstalledPlugin);

/// What a plugin is made for.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
pub(in crate::graphql) enum PluginWorld {
    /// Makes the next global model of clients' updates.
    Aggregator,
    /// Says who is asked in a round.
    ClientSelector,
    /// Says which combiner a client joins.
    LoadBalancer,
    /// Says where and how blobs lie.
    StorageAdapter,
}

impl PluginWorld {
    /// What components and the server call it.
    pub(in crate::graphql) fn name(self) -> &'static str {
        match self {
            Self::Aggregator => "aggregator",
            Self::ClientSelector => "client-selector",
            Self::LoadBalancer => "load-balancer",
            Self::StorageAdapter => "storage-adapter",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let worlds = [Self::Aggregator, Self::ClientSelector, Self::LoadBalancer, Self::StorageAdapter];
        worlds.into_iter().find(|world| world.name() == name)
    }
}

/// A plugin, as it ran in a round.
#[derive(SimpleObject)]
pub(in crate::graphql) struct PluginVersion {
    /// Its name.
    pub(in crate::graphql) name: String,
    /// The version that it says it is.
    pub(in crate::graphql) version: String,
    /// The component's SHA-256.
    pub(in crate::graphql) digest: String,
}

/// A plugin: a WebAssembly component. Several versions of one name may be there; one of them is used.
#[Object]
impl Plugin {
    /// What it is made for. Null for one that a newer server installed.
    async fn world(&self) -> Option<PluginWorld> {
        PluginWorld::of(&self.0.world)
    }

    /// What a session names to choose it, an aggregator as its `aggregator`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The version that it says it is.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// The component's SHA-256.
    async fn digest(&self) -> String {
        self.0.digest.to_string()
    }

    /// What it does, in a sentence.
    async fn summary(&self) -> &str {
        &self.0.summary
    }

    /// Whether a round can be spread over several instances.
    async fn mergeable(&self) -> bool {
        self.0.mergeable
    }

    /// The JSON Schema of its configuration, of an aggregator a session's `aggregatorConfig`.
    async fn config_schema(&self) -> Json<&Value> {
        Json(&self.0.config_schema)
    }

    /// The component's length in bytes.
    async fn size_bytes(&self) -> Int64 {
        Int64(self.0.size_bytes)
    }

    /// Whether it is the one that is used under its name.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// Why the server does not use it, if that is nobody's wish.
    async fn problem(&self) -> Option<&str> {
        self.0.problem.as_deref()
    }

    /// Whether it lies in the server's folder of plugins; the others were installed.
    async fn built_in(&self) -> bool {
        matches!(self.0.source, PluginSource::BuiltIn(_))
    }

    /// Where it came from: a file's name.
    async fn source(&self) -> String {
        match &self.0.source {
            PluginSource::BuiltIn(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            PluginSource::Installed(source) => source.clone(),
        }
    }

    /// What it wants to be granted, such as `wall-clock` or `outbound-host:example.org`.
    async fn permissions_wanted(&self) -> &[String] {
        &self.0.wanted
    }

    /// What it is granted.
    async fn permissions_granted(&self) -> &[String] {
        &self.0.granted
    }

    /// The ed25519 key that it is signed with, as 64 hexadecimal digits, if the server trusts that key.
    async fn signed_by(&self) -> Option<&str> {
        self.0.signed_by.as_deref()
    }

    /// When it was installed; null if it is built in.
    async fn installed_at(&self) -> Option<DateTime<Utc>> {
        self.0.installed_at.map(time)
    }
}
