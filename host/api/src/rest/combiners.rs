//! `combiners`: all of them are this server, and are reached under its address.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_domain::CombinerName;
use fedwit_federation::Combiner;
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

/// The same for the same name, since a combiner is nowhere recorded.
fn id(name: &CombinerName) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_str().as_bytes())
}

fn shape(Combiner { name, clients_online }: &Combiner, Address { host, port }: &Address) -> Value {
    json!({
        "combiner_id": id(name),
        "id": id(name),
        "name": name,
        "address": host,
        "fqdn": null,
        "ip": "",
        "parent": null,
        "port": port,
        "status": "online",
        "clients": clients_online,
    })
}

fn all(rest: &Rest, address: &Address) -> Vec<Value> {
    rest.federation.combiners().iter().map(|combiner| shape(combiner, address)).collect()
}

async fn list(State(rest): State<Rest>, address: Address, listing: Listing) -> Json<Value> {
    let Listed { rows, total } = listing.pick_of_all(all(&rest, &address));
    Json(json!({ "count": total, "result": rows }))
}

async fn count(State(rest): State<Rest>, address: Address, listing: Listing) -> Json<u64> {
    Json(listing.counted().pick_of_all(all(&rest, &address)).total)
}

/// By its id, or by its name, which FEDn's tools know it by.
async fn one(State(rest): State<Rest>, address: Address, Path(named): Path<String>) -> RestResult<Json<Value>> {
    let is_named = |combiner: &Value| ["combiner_id", "name"].into_iter().any(|key| combiner[key] == json!(named));
    let found = all(&rest, &address).into_iter().find(is_named);
    found.map(Json).ok_or_else(|| RestError::not_found(&named))
}

/// How many clients are there of each combiner that is named, by name or id; of all if none is.
async fn clients(State(rest): State<Rest>, mut listing: Listing) -> Json<Value> {
    let wanted = listing.filters.take_any("combiners");
    let is_wanted = |combiner: &Combiner| {
        let id = id(&combiner.name).to_string();
        let is_it = |named: &String| *named == id || named == combiner.name.as_str();
        wanted.as_ref().is_none_or(|wanted| wanted.iter().any(is_it))
    };
    let counted = |Combiner { name, clients_online }| json!({ "id": name, "combiner": name, "count": clients_online });
    let counts: Vec<Value> = rest.federation.combiners().into_iter().filter(is_wanted).map(counted).collect();
    Json(json!({ "result": counts }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_combiner_has_the_same_id_whenever_it_is_asked_for() {
        let of = |name: &str| id(&name.parse().unwrap());
        assert_eq!(of("combiner"), of("combiner"));
        assert_ne!(of("combiner"), of("other"));
    }
}
