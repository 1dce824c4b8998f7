//! Clients' parts in rounds.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use fedwit_store::ParticipationRow;

use super::{Client, ParticipantStatus, Round};
use crate::graphql::scalars::{Int64, JsonObject, MetricValues, between, id, time};
use crate::graphql::{Failure, rows};

pub(in crate::graphql) struct Participant(pub(in crate::graphql) ParticipationRow);

/// A client's part in an attempt at a round. A client of a buffered session may have several: one for each time it was
/// asked, shown with the round that its update counts for.
#[Object]
impl Participant {
    /// The client's id.
    async fn client_id(&self) -> ID {
        id(&self.0.client)
    }

    /// The client, unless it was removed.
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<Client>, Failure> {
        Ok(rows(ctx).load_one(self.0.client.clone()).await?.map(Client))
    }

    /// The round's id.
    async fn round_id(&self) -> ID {
        id(&self.0.round)
    }

    /// The round.
    async fn round(&self, ctx: &Context<'_>) -> Result<Option<Round>, Failure> {
        Ok(rows(ctx).load_one(self.0.round).await?.map(Round))
    }

    /// The attempt at the round, counted from 1.
    async fn attempt(&self) -> u32 {
        self.0.attempt.0
    }

    /// What became of it.
    async fn status(&self) -> Result<ParticipantStatus, Failure> {
        self.0.status.parse()
    }

    /// How many models had been made since the one that it started from, when its round made the next: 0 where rounds
    /// wait for their clients.
    async fn staleness(&self) -> u32 {
        self.0.staleness
    }

    /// Examples that its update rests on.
    async fn examples(&self) -> Option<Int64> {
        self.0.examples.map(Int64)
    }

    /// What the client measured when it trained.
    async fn metrics(&self) -> MetricValues {
        MetricValues(self.0.metrics.clone())
    }

    /// The update that counts, or was refused last, as its client named it.
    async fn update_id(&self) -> Option<ID> {
        self.0.update.as_ref().map(id)
    }

    /// The SHA-256 of the update that counts, as it was uploaded, for as long as the file is kept.
    async fn digest(&self) -> Option<String> {
        self.0.blob.map(|digest| digest.to_string())
    }

    /// The length of the update's file in bytes.
    async fn size_bytes(&self) -> Option<Int64> {
        self.0.size_bytes.map(Int64)
    }

    /// Settings that a client selector gave it alone, in the place of the session's of the same names.
    async fn settings(&self) -> JsonObject {
        JsonObject(self.0.settings.clone())
    }

    /// When it was asked to train.
    async fn asked_at(&self) -> DateTime<Utc> {
        time(self.0.asked_at)
    }

    /// When it answered, or was given up.
    async fn answered_at(&self) -> Option<DateTime<Utc>> {
        self.0.answered_at.map(time)
    }

    /// How long it took to answer, or until it was given up, in milliseconds.
    async fn duration_ms(&self) -> Option<Int64> {
        between(Some(self.0.asked_at), self.0.answered_at)
    }
}
