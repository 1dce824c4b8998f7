//! Values that clients log.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_store::MetricRow;

use super::Client;
use crate::graphql::scalars::{id, time};
use crate::graphql::{Failure, rows};

pub(in crate::graphql) struct Metric(pub(in crate::graphql) MetricRow);

/// A value that a client logged while it trained.
#[Object]
impl Metric {
    /// What was measured.
    async fn name(&self) -> &str {
        &self.0.key
    }

    /// Its value.
    async fn value(&self) -> f64 {
        self.0.value
    }

    /// The client's own count, such as of batches or epochs.
    async fn step(&self) -> Option<u32> {
        self.0.step
    }

    /// The client's id.
    async fn client_id(&self) -> ID {
        id(&self.0.client)
    }

    /// The client, unless it was removed.
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<Client>, Failure> {
        Ok(rows(ctx).load_one(self.0.client.clone()).await?.map(Client))
    }

    /// The session's id.
    async fn session_id(&self) -> Option<ID> {
        self.0.session.as_ref().map(id)
    }

    /// The round's id.
    async fn round_id(&self) -> Option<ID> {
        self.0.round.as_ref().map(id)
    }

    /// The model's id.
    async fn model_id(&self) -> Option<ID> {
        self.0.model.as_ref().map(id)
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        time(self.0.at)
    }
}
