//! What clients measured of rounds' models.

use async_graphql::{Context, ID, Json, Object};
use chrono::{DateTime, Utc};
use fedwit_store::ValidationRow;
use serde_json::Value;

use super::{Client, Model, Round};
use crate::graphql::scalars::{MetricValues, id, time};
use crate::graphql::{Failure, rows};

pub(in crate::graphql) struct Validation(pub(in crate::graphql) ValidationRow);

/// What a client measured of a round's model.
#[Object]
impl Validation {
    /// The id of the round whose model it is.
    async fn round_id(&self) -> ID {
        id(&self.0.round)
    }

    /// The round whose model it is.
    async fn round(&self, ctx: &Context<'_>) -> Result<Option<Round>, Failure> {
        Ok(rows(ctx).load_one(self.0.round).await?.map(Round))
    }

    /// The model's id.
    async fn model_id(&self) -> ID {
        id(&self.0.model)
    }

    /// The model.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        Ok(rows(ctx).load_one(self.0.model).await?.map(Model))
    }

    /// The client's id.
    async fn client_id(&self) -> ID {
        id(&self.0.client)
    }

    /// The client, unless it was removed.
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<Client>, Failure> {
        Ok(rows(ctx).load_one(self.0.client.clone()).await?.map(Client))
    }

    /// The finite numbers among what it sent.
    async fn metrics(&self) -> MetricValues {
        MetricValues(self.0.metrics.clone())
    }

    /// What they weigh in the round's means: the examples that it validated on, or trained on.
    async fn weight(&self) -> f64 {
        self.0.weight
    }

    /// All that it sent.
    async fn data(&self) -> Json<Value> {
        Json(self.0.data.clone())
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        time(self.0.at)
    }
}
