//! Collections that are only read: rounds, runs, validations, statuses, metrics and telemetry.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_domain::RoundId;
use fedwit_store::{
    Listed, Page, ParticipationFilter, RoundFilter, RoundRow, RunFilter, TelemetryFilter, ValidationFilter,
};
use serde_json::Value;

use super::error::{RestError, RestResult};
use super::listing::{Filters, Listing};
use super::{Rest, shapes};

/// The routes of a collection, from what takes its filters and what gives a page of it.
macro_rules! collection {
    ($name:literal, $known:expr, $fetch:expr) => {{
        let list = async |State(rest): State<Rest>, mut listing: Listing| -> RestResult<Json<Value>> {
            let filter = $known(&mut listing.filters);
            listing.answer(async |page| $fetch(&rest, &filter, page).await).await
        };
        let count = async |State(rest): State<Rest>, mut listing: Listing| -> RestResult<Json<Value>> {
            let filter = $known(&mut listing.filters);
            listing.count(async |page| $fetch(&rest, &filter, page).await).await
        };
        Router::new()
            .route(concat!("/", $name), get(list))
            .route(concat!("/", $name, "/list"), post(list))
            .route(concat!("/", $name, "/count"), get(count).post(count))
    }};
}

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .merge(collection!("rounds", of_rounds, rounds))
        .merge(collection!("runs", of_runs, runs))
        .merge(collection!("validations", of_validations, validations))
        .merge(collection!("statuses", of_telemetry, statuses))
        .merge(collection!("metrics", of_telemetry, metrics))
        .merge(collection!("telemetry", of_telemetry, telemetry))
        .route("/rounds/{id}", get(round))
}

fn of_rounds(filters: &mut Filters) -> RoundFilter {
    let id: Option<RoundId> = filters.take("round_id");
    let session = filters.take("session_id").or(id.map(|id| id.session));
    RoundFilter { session, round: id.map(|id| id.round), ..RoundFilter::default() }
}

async fn rounds(rest: &Rest, filter: &RoundFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().rounds(filter, page).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in &rows {
        shown.push(show(rest, row).await?);
    }
    Ok(Listed { rows: shown, total })
}

async fn show(rest: &Rest, row: &RoundRow) -> RestResult<Value> {
    let store = rest.federation.store();
    let filter = ParticipationFilter {
        session: Some(row.id.session),
        round: Some(row.id.round),
        attempt: Some(row.attempt),
        ..ParticipationFilter::default()
    };
    let parts = store.participations(&filter, Page::first(10_000)).await?.rows;
    let session = store.session(row.id.session).await?;
    Ok(shapes::round(row, &parts, &rest.settings.combiner_name, session.as_ref()))
}

async fn round(State(rest): State<Rest>, Path(id): Path<String>) -> RestResult<Json<Value>> {
    let round: RoundId = id.parse().map_err(|_| RestError::not_found(&id))?;
    let row = rest.federation.store().round(round).await?.ok_or_else(|| RestError::not_found(&id))?;
    Ok(Json(show(&rest, &row).await?))
}

fn of_runs(filters: &mut Filters) -> RunFilter {
    RunFilter { session: filters.take("session_id"), ..RunFilter::default() }
}

async fn runs(rest: &Rest, filter: &RunFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().runs(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(shapes::run).collect(), total })
}

fn of_validations(filters: &mut Filters) -> ValidationFilter {
    ValidationFilter {
        session: filters.take("session_id"),
        model: filters.take("model_id"),
        client: filters.take("sender.client_id"),
        ..ValidationFilter::default()
    }
}

async fn validations(rest: &Rest, filter: &ValidationFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().validations(filter, page).await?;
    let name = &rest.settings.combiner_name;
    Ok(Listed { rows: rows.iter().map(|row| shapes::validation(row, name)).collect(), total })
}

fn of_telemetry(filters: &mut Filters) -> TelemetryFilter {
    TelemetryFilter {
        client: filters.take("sender.client_id"),
        session: filters.take("session_id"),
        model: filters.take("model_id"),
        ..TelemetryFilter::default()
    }
}

async fn statuses(rest: &Rest, filter: &TelemetryFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().statuses(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(shapes::status).collect(), total })
}

async fn metrics(rest: &Rest, filter: &TelemetryFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().metrics(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(shapes::metric).collect(), total })
}

async fn telemetry(rest: &Rest, filter: &TelemetryFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().telemetry(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(shapes::telemetry).collect(), total })
}
