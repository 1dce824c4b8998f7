//! `combiners`: there is one, and it is this server.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_store::Listed;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Rest;
use super::address::Address;
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

/// Its id is the same for the same name, since nothing is recorded of it.
fn shape(name: &str, Address { host, port }: &Address) -> Value {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
    json!({
        "combiner_id": id,
        "id": id,
        "name": name,
        "address": host,
        "fqdn": null,
        "ip": "",
        "parent": null,
        "port": port,
        "status": "online",
    })
}

async fn list(State(rest): State<Rest>, address: Address, listing: Listing) -> Json<Value> {
    let Listed { rows, total } = wanted(&rest, &address, &listing);
    Json(json!({ "count": total, "result": rows }))
}

async fn count(State(rest): State<Rest>, address: Address, listing: Listing) -> Json<u64> {
    Json(wanted(&rest, &address, &listing).total)
}

fn wanted(rest: &Rest, address: &Address, listing: &Listing) -> Listed<Value> {
    let mut rows = vec![shape(&rest.settings.combiner_name, address)];
    rows.retain(|row| listing.filters.let_through(row));
    Listed { total: rows.len() as u64, rows }
}

/// By its id, or by its name, which FEDn's tools know it by.
async fn one(State(rest): State<Rest>, address: Address, Path(named): Path<String>) -> RestResult<Json<Value>> {
    let one = shape(&rest.settings.combiner_name, &address);
    let is_named = ["combiner_id", "name"].into_iter().any(|key| one[key] == json!(named));
    if is_named { Ok(Json(one)) } else { Err(RestError::not_found(&named)) }
}

/// How many clients are connected.
async fn clients(State(rest): State<Rest>) -> Json<Value> {
    let (name, count) = (&rest.settings.combiner_name, rest.federation.online().len());
    Json(json!({ "result": [{ "id": name, "combiner": name, "count": count }] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combiner_has_the_same_id_whenever_it_is_asked_for() {
        let address = Address { host: "h".to_owned(), port: 1 };
        assert_eq!(shape("combiner", &address), shape("combiner", &address));
        assert_ne!(shape("combiner", &address)["combiner_id"], shape("other", &address)["combiner_id"]);
    }
}
