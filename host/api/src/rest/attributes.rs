//! `attributes`: what clients say of themselves.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_domain::ClientId;
use fedwit_store::{Listed, NewAttribute, Page, TelemetryFilter};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{RestError, RestResult};
use super::listing::{Filters, Listing};
use super::{Rest, shapes};

/// Clients that can be asked about at once.
const MAX_CLIENTS: usize = 1000;

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/attributes", get(list).post(add))
        .route("/attributes/list", post(list))
        .route("/attributes/count", get(count).post(count))
        .route("/attributes/current", post(current))
}

async fn list(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.answer(async |page| fetch(&rest, &filter, page).await).await
}

async fn count(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.count(async |page| fetch(&rest, &filter, page).await).await
}

fn known(filters: &mut Filters) -> TelemetryFilter {
    TelemetryFilter { client: filters.take("sender.client_id"), key: filters.take("key"), ..TelemetryFilter::default() }
}

async fn fetch(rest: &Rest, filter: &TelemetryFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().attributes(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(shapes::attribute).collect(), total })
}

#[derive(Deserialize)]
struct Current {
    client_ids: Vec<String>,
}

/// The latest attributes of clients, by client.
async fn current(State(rest): State<Rest>, body: Result<Json<Current>, JsonRejection>) -> RestResult<Json<Value>> {
    let Json(Current { client_ids }) = body?;
    if client_ids.len() > MAX_CLIENTS {
        return Err(RestError::bad_request(format!("client_ids: more than {MAX_CLIENTS} clients")));
    }
    let clients: Vec<ClientId> = client_ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
    let mut attributes: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in rest.federation.store().current_attributes(&clients).await? {
        attributes.entry(row.client.to_string()).or_default().insert(row.key, row.value);
    }
    Ok(Json(json!(attributes)))
}

#[derive(Deserialize)]
struct Add {
    key: String,
    value: String,
    sender: Sender,
}

#[derive(Deserialize)]
struct Sender {
    client_id: String,
}

async fn add(State(rest): State<Rest>, body: Result<Json<Add>, JsonRejection>) -> RestResult<Json<Value>> {
    let Json(Add { key, value, sender }) = body?;
    if key.is_empty() || key.len() > 128 || value.len() > 1024 {
        return Err(RestError::bad_request("a key has 1 to 128 bytes, and a value at most 1024"));
    }
    let client: ClientId = sender.client_id.parse()?;
    let at = rest.federation.now();
    rest.federation.store().note_attributes(vec![NewAttribute { client, key: key.clone(), value: value.clone(), at }]);
    Ok(Json(json!({ "message": "Attribute added", "key": key, "value": value })))
}
