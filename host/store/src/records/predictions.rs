//! What clients predicted.

use fedwit_domain::{ClientId, ModelId, PredictionId, Timestamp};
use serde_json::Value;

use super::columns::{json, text, time};
use super::list::{Conditions, list};
use super::{Listed, Page};
use crate::entities::predictions::{Column, Entity, Model};
use crate::{Store, StoreError};

/// What a client predicted with a model.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionRow {
    /// The row's number.
    pub number: i64,
    /// The request.
    pub prediction: PredictionId,
    /// The model.
    pub model: ModelId,
    /// The client.
    pub client: ClientId,
    /// All that it sent.
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

/// Which predictions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictionFilter {
    /// For this request.
    pub prediction: Option<PredictionId>,
    /// With this model.
    pub model: Option<ModelId>,
    /// By this client.
    pub client: Option<ClientId>,
    /// At this time, or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Predictions, in the order in which they were reported.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn predictions(
        &self,
        filter: &PredictionFilter,
        page: Page,
    ) -> Result<Listed<PredictionRow>, StoreError> {
        let conditions = Conditions::new()
            .equal(Column::Prediction, filter.prediction)
            .equal(Column::Model, filter.model)
            .equal(Column::Client, filter.client.as_ref())
            .within(Column::At, filter.from, filter.until);
        list::<Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }
}

impl TryFrom<Model> for PredictionRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            prediction: text("a prediction's id", &row.prediction)?,
            model: text("a prediction's model", &row.model)?,
            client: text("a prediction's client", &row.client)?,
            data: json("a prediction's data", &row.data)?,
            at: time("when a client predicted", row.at)?,
        })
    }
}
