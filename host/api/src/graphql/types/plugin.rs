//! The aggregators that are installed, and those that ran.

use async_graphql::{Json, Object, SimpleObject};
use fedwit_federation::InstalledPlugin;
use serde_json::Value;

use crate::graphql::scalars::Int64;

pub(in crate::graphql) struct Plugin(pub(in crate::graphql) InstalledPlugin);

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

/// An aggregator that is installed: a WebAssembly component.
#[Object]
impl Plugin {
    /// What a session names as its `aggregator` to choose it.
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

    /// The JSON Schema of its configuration, a session's `aggregatorConfig`.
    async fn config_schema(&self) -> Json<&Value> {
        Json(&self.0.config_schema)
    }

    /// The component's length in bytes.
    async fn size_bytes(&self) -> Int64 {
        Int64(self.0.size_bytes)
    }
}
