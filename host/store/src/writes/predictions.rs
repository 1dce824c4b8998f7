//! Predictions.

use async_trait::async_trait;
use fedwit_domain::{ClientId, ModelId, PredictionId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::Value;

use crate::entities::{prediction_requests, predictions};
use crate::records::bounded;
use crate::writer::{Effects, Write};
use crate::{Store, StoreError};

struct Request {
    prediction: PredictionId,
    model: ModelId,
    at: Timestamp,
}

struct Report {
    prediction: PredictionId,
    model: ModelId,
    client: ClientId,
    data: Value,
    at: Timestamp,
}

impl Store {
    /// Records that clients are asked to predict. Once more changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_prediction(
        &self,
        prediction: PredictionId,
        model: ModelId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer().write(Request { prediction, model, at }).await
    }

    /// Records what a client predicted. The first that it says counts; false if this is not it, or if nobody asked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report_prediction(
        &self,
        prediction: PredictionId,
        model: ModelId,
        client: ClientId,
        data: Value,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer().write(Report { prediction, model, client, data, at }).await
    }
}

#[async_trait]
impl Write for Request {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<(), StoreError> {
        use prediction_requests::{ActiveModel, Column, Entity};
        let row = ActiveModel {
            id: Set(self.prediction.to_string()),
            model: Set(self.model.to_string()),
            at: Set(bounded(self.at.0)),
            ..Default::default()
        };
        let once = OnConflict::column(Column::Id).do_nothing().to_owned();
        Entity::insert(row).on_conflict(once).exec_without_returning(on).await?;
        Ok(())
    }
}

#[async_trait]
impl Write for Report {
    type Answer = bool;
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<bool, StoreError> {
        use predictions::{ActiveModel, Column, Entity};
        let (prediction, client) = (self.prediction.to_string(), String::from(self.client));
        let request = prediction_requests::Entity::find()
            .filter(prediction_requests::Column::Id.eq(prediction.as_str()))
            .filter(prediction_requests::Column::Model.eq(self.model.to_string()));
        if request.one(on).await?.is_none() {
            return Ok(false);
        }
        let row = ActiveModel {
            prediction: Set(prediction),
            model: Set(self.model.to_string()),
            client: Set(client),
            data: Set(self.data.to_string()),
            at: Set(bounded(self.at.0)),
            ..Default::default()
        };
        let first = OnConflict::columns([Column::Prediction, Column::Client]).do_nothing().to_owned();
        let inserted = Entity::insert(row).on_conflict(first).exec_without_returning(on).await?;
        Ok(inserted > 0)
    }
}
