//! `predictions`: what clients predicted with models.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use fedwit_domain::{CombinerName, ModelId, PredictionId};
use fedwit_store::{Listed, ModelFilter, Page, PredictionFilter, PredictionRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::collection::{self, Collection, of_number};
use super::error::{RestError, RestResult};
use super::filters::Filters;
use super::json::Body;
use super::{Rest, shapes};

pub(super) struct Predictions;

pub(super) fn routes() -> Router<Rest> {
    collection::routes::<Predictions>().route("/predictions/start", post(start))
}

impl Collection for Predictions {
    const PATH: &'static str = "predictions";
    type Filter = PredictionFilter;

    fn filter(filters: &mut Filters) -> PredictionFilter {
        PredictionFilter {
            prediction: filters.take("prediction_id"),
            model: filters.take("model_id"),
            client: filters.take("sender.client_id"),
            ..PredictionFilter::default()
        }
    }

    async fn list(rest: &Rest, filter: PredictionFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().predictions(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(|row| show(rest, row)).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Some(page) = of_number(id) else { return Ok(None) };
        let rows = rest.federation.store().predictions(&PredictionFilter::default(), page).await?.rows;
        let row = rows.iter().find(|row| row.number.to_string() == id);
        Ok(row.map(|row| show(rest, row)))
    }
}

fn show(rest: &Rest, row: &PredictionRow) -> Value {
    shape(row, rest.federation.responsible_combiner(&row.client))
}

fn shape(row: &PredictionRow, combiner: &CombinerName) -> Value {
    json!({
        "id": row.number.to_string(),
        "prediction_id": row.prediction,
        "model_id": row.model,
        "data": shapes::text(&row.data),
        "correlation_id": row.prediction,
        "timestamp": shapes::iso(row.at),
        "meta": "",
        "sender": shapes::client(&row.client),
        "receiver": shapes::combiner(combiner),
        "committed_at": shapes::date(row.at),
    })
}

#[derive(Deserialize)]
struct Start {
    prediction_id: Option<String>,
    model_id: Option<String>,
}

/// Asks all clients that are there to predict with a model; with the latest if none is named.
async fn start(
    State(rest): State<Rest>,
    Body(Start { prediction_id, model_id }): Body<Start>,
) -> RestResult<Json<Value>> {
    let prediction: Option<PredictionId> = prediction_id.map(|id| id.parse()).transpose()?;
    let model: ModelId = match model_id {
        Some(id) => id.parse()?,
        None => {
            let latest = rest.federation.store().models(&ModelFilter::default(), Page::last(1)).await?.rows.pop();
            latest.ok_or_else(|| RestError::bad_request("No models available"))?.id
        }
    };
    let prediction = rest.federation.start_predictions(prediction, model, Vec::new()).await?;
    let message = "Prediction session started";
    Ok(Json(json!({ "message": message, "prediction_id": prediction, "model_id": model })))
}
