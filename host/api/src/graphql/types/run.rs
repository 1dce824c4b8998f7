//! Runs of sessions.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_store::RunRow;

use super::Model;
use crate::graphql::scalars::{id, time};
use crate::graphql::{Failure, rows};

pub(in crate::graphql) struct Run(pub(in crate::graphql) RunRow);

/// The rounds that one start of a session asked for.
#[Object]
impl Run {
    /// Rounds that were asked for.
    async fn rounds(&self) -> u32 {
        self.0.rounds
    }

    /// How long each waits, in seconds.
    async fn round_timeout_s(&self) -> u32 {
        self.0.round_timeout_s
    }

    /// What the names of its models begin with.
    async fn model_name_prefix(&self) -> Option<&str> {
        self.0.model_name_prefix.as_deref()
    }

    /// The id of the model that it started from.
    async fn model_id(&self) -> ID {
        id(&self.0.model)
    }

    /// The model that it ended with.
    async fn completed_model(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        let Some(model) = self.0.completed_model else { return Ok(None) };
        Ok(rows(ctx).load_one(model).await?.map(Model))
    }

    /// When it was started.
    async fn started_at(&self) -> DateTime<Utc> {
        time(self.0.started_at)
    }

    /// When it ended.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at.map(time)
    }
}
