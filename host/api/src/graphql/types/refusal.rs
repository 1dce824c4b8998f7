//! Updates that did not count.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_store::RefusalRow;

use super::{Client, Round};
use crate::graphql::scalars::{id, time};
use crate::graphql::{Failure, rows};

pub(in crate::graphql) struct Refusal(pub(in crate::graphql) RefusalRow);

/// An update that did not count. It carries no weight.
#[Object]
impl Refusal {
    /// The reason's code, which does not change from version to version.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// The reason, as the client was told it.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The id of the client that sent the update.
    async fn client_id(&self) -> ID {
        id(&self.0.client)
    }

    /// The client that sent the update, unless it was removed.
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<Client>, Failure> {
        Ok(rows(ctx).load_one(self.0.client.clone()).await?.map(Client))
    }

    /// The id of the round in which it was sent.
    async fn round_id(&self) -> ID {
        id(&self.0.round)
    }

    /// The round in which it was sent.
    async fn round(&self, ctx: &Context<'_>) -> Result<Option<Round>, Failure> {
        Ok(rows(ctx).load_one(self.0.round).await?.map(Round))
    }

    /// The attempt in which it was sent, counted from 1.
    async fn attempt(&self) -> u32 {
        self.0.attempt.0
    }

    /// The update, as its client named it.
    async fn update_id(&self) -> ID {
        id(&self.0.update)
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        time(self.0.at)
    }
}
