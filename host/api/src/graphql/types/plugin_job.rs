//! An installation under way.

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_federation::JobStage;

use super::Plugin;
use crate::graphql::federation;
use crate::graphql::scalars::{Int64, id, time};

pub(in crate::graphql) struct PluginJob(pub(in crate::graphql) fedwit_federation::PluginJob);

/// How far an installation is.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "JobStage")]
pub(in crate::graphql) enum PluginJobStage {
    /// It is being fetched from its registry, or waits for its turn.
    Pulling,
    /// All of it is there.
    Received,
    /// Its signature is as it has to be.
    Verified,
    /// It is being compiled, or waits for its turn. JavaScript and Python take half a minute.
    Compiling,
    /// It has said what it is, and is being compared with what it may be granted.
    Checking,
    /// It is installed.
    Installed,
    /// It is not installed, and nothing is left of it.
    Failed,
}

/// An installation of a plugin. It can be asked for while it is under way and an hour longer, but not after a restart: one
/// that was under way then has installed nothing.
#[Object]
impl PluginJob {
    /// What it is called by.
    async fn id(&self) -> ID {
        id(&self.0.id)
    }

    /// What is installed: a file's name, or a reference with the digest that it stands for.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// How far it is.
    async fn stage(&self) -> PluginJobStage {
        self.0.stage.into()
    }

    /// How many bytes have come from the registry; null without one.
    async fn received_bytes(&self) -> Option<Int64> {
        self.0.received_bytes.map(Int64)
    }

    /// How many bytes the registry has; null until it has said so.
    async fn size_bytes(&self) -> Option<Int64> {
        self.0.size_bytes.map(Int64)
    }

    /// The component's SHA-256, once all of it is there.
    async fn digest(&self) -> Option<String> {
        self.0.digest.as_ref().map(ToString::to_string)
    }

    /// The plugin, once it is installed, and unless it was removed since.
    async fn plugin(&self, ctx: &Context<'_>) -> Option<Plugin> {
        let digest = self.0.digest.filter(|_| self.0.stage == JobStage::Installed)?;
        let plugins = federation(ctx).plugins().into_iter();
        plugins.filter(|plugin| plugin.installed_at.is_some()).find(|plugin| plugin.digest == digest).map(Plugin)
    }

    /// The code of what made it fail.
    async fn code(&self) -> Option<&str> {
        self.0.failure.as_ref().map(|failure| failure.code)
    }

    /// What made it fail.
    async fn message(&self) -> Option<&str> {
        self.0.failure.as_ref().map(|failure| failure.message.as_str())
    }

    /// When it was begun.
    async fn began_at(&self) -> DateTime<Utc> {
        time(self.0.began_at)
    }

    /// When it came to its stage.
    async fn reached_at(&self) -> DateTime<Utc> {
        time(self.0.at)
    }
}
