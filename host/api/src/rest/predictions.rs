//! `predictions`: what clients predicted with models.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_domain::{ModelId, PredictionId};
use fedwit_store::{Listed, ModelFilter, Page, PredictionFilter};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{RestError, RestResult};
use super::listing::{Filters, Listing};
use super::{Rest, shapes};

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/predictions", get(list))
        .route("/predictions/list", post(list))
        .route("/predictions/count", get(count).post(count))
        .route("/predictions/start", post(start))
}

async fn list(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.answer(async |page| fetch(&rest, &filter, page).await).await
}

async fn count(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.count(async |page| fetch(&rest, &filter, page).await).await
}

fn known(filters: &mut Filters) -> PredictionFilter {
    PredictionFilter {
        prediction: filters.take("prediction_id"),
        model: filters.take("model_id"),
        client: filters.take("sender.client_id"),
        ..PredictionFilter::default()
    }
}

async fn fetch(rest: &Rest, filter: &PredictionFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().predictions(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(|row| shapes::prediction(row, &rest.settings.combiner_name)).collect(), total })
}

#[derive(Deserialize)]
struct Start {
    prediction_id: Option<String>,
    model_id: Option<String>,
}

/// Asks all clients that are there to predict with a model; the latest one if none is named.
async fn start(State(rest): State<Rest>, body: Result<Json<Start>, JsonRejection>) -> RestResult<Json<Value>> {
    let Json(Start { prediction_id, model_id }) = body?;
    let prediction: Option<PredictionId> = prediction_id.map(|id| id.parse()).transpose()?;
    let model: ModelId = match model_id {
        Some(id) => id.parse()?,
        None => {
            let latest = rest.federation.store().models(&ModelFilter::default(), Page::last(1)).await?.rows.pop();
            latest.ok_or_else(|| RestError::bad_request("there is no model yet"))?.id
        }
    };
    let prediction = rest.federation.start_predictions(prediction, model, Vec::new()).await?;
    Ok(Json(json!({ "message": "Prediction started", "prediction_id": prediction, "model_id": model })))
}
