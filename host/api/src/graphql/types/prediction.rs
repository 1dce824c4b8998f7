//! What clients predicted.

use async_graphql::{Context, ID, Json, Object};
use chrono::{DateTime, Utc};
use fedwit_domain::{ModelId, PredictionId};
use fedwit_store::{PredictionFilter, PredictionRow};
use serde_json::Value;

use super::{Client, Model};
use crate::graphql::paging::{self, List, Paging};
use crate::graphql::scalars::{id, time};
use crate::graphql::{Failure, federation, rows};

pub(in crate::graphql) struct Prediction(pub(in crate::graphql) PredictionRow);

pub(in crate::graphql) struct PredictionRequest {
    pub(in crate::graphql) id: PredictionId,
    pub(in crate::graphql) model: ModelId,
}

/// What a client predicted with a model.
#[Object]
impl Prediction {
    /// The id of the request that it answers.
    async fn request_id(&self) -> ID {
        id(&self.0.prediction)
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

    /// All that it sent.
    async fn data(&self) -> Json<Value> {
        Json(self.0.data.clone())
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        time(self.0.at)
    }
}

/// Clients that are asked to predict with a model.
#[Object]
impl PredictionRequest {
    /// What it is called by.
    async fn id(&self) -> ID {
        id(&self.id)
    }

    /// The model's id.
    async fn model_id(&self) -> ID {
        id(&self.model)
    }

    /// The model.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, Failure> {
        Ok(rows(ctx).load_one(self.model).await?.map(Model))
    }

    /// What clients have answered so far, the earliest first.
    #[graphql(complexity = "paging::cost(first, last, child_complexity)")]
    async fn predictions(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<List<Prediction>, Failure> {
        let filter = PredictionFilter { prediction: Some(self.id), ..PredictionFilter::default() };
        let read = |page| federation(ctx).store().predictions(&filter, page);
        Paging::new(first, last, after, before)?.read(read, |row: &PredictionRow| row.number, Prediction).await
    }
}
