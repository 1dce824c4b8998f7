//! `combiners`: there is one, and it is this server.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_store::Listed;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Rest;
use super::error::{RestError, RestResult};
use super::listing::Listing;

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/combiners", get(list))
        .route("/combiners/list", post(list))
        .route("/combiners/count", get(count).post(count))
        .route("/combiners/clients/count", post(clients))
        .route("/combiners/{id}", get(one))
}

fn combiner(rest: &Rest, headers: &HeaderMap) -> Value {
    let told = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let told = told.parse::<axum::http::uri::Authority>().ok();
    let (host, port) = rest.settings.advertise.clone().unwrap_or_else(|| {
        told.map_or_else(|| (String::new(), 80), |told| (told.host().to_owned(), told.port_u16().unwrap_or(80)))
    });
    json!({
        "combiner_id": id(rest),
        "id": id(rest),
        "name": rest.settings.combiner_name,
        "address": host,
        "fqdn": null,
        "ip": "",
        "parent": "",
        "port": port,
        "status": "online",
    })
}

/// The same for the same name, since nothing is recorded of it.
fn id(rest: &Rest) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, rest.settings.combiner_name.as_bytes())
}

async fn list(State(rest): State<Rest>, headers: HeaderMap, listing: Listing) -> RestResult<Json<Value>> {
    let one = combiner(&rest, &headers);
    listing
        .answer(async |page| Ok(Listed { rows: vec![one; usize::from(page.limit > 0 && page.offset == 0)], total: 1 }))
        .await
}

async fn count() -> Json<Value> {
    Json(json!(1))
}

async fn one(State(rest): State<Rest>, headers: HeaderMap, Path(named): Path<String>) -> RestResult<Json<Value>> {
    if named == rest.settings.combiner_name || named == id(&rest).to_string() {
        Ok(Json(combiner(&rest, &headers)))
    } else {
        Err(RestError::not_found(&named))
    }
}

async fn clients(State(rest): State<Rest>) -> Json<Value> {
    let count = rest.federation.online().len();
    Json(json!({ "result": [{ "combiner": rest.settings.combiner_name, "count": count }] }))
}
