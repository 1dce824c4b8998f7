//! `attributes`: what clients say of themselves.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use fedwit_domain::ClientId;
use fedwit_store::{AttributeRow, Listed, NewAttribute, Page, TelemetryFilter};
use serde::Deserialize;
use serde_json::{Value, json};

use super::collection::{self, Collection, of_number};
use super::error::{RestError, RestResult};
use super::filters::Filters;
use super::json::Body;
use super::{Rest, shapes};

/// Clients that can be asked about at once.
const MAX_CLIENTS: usize = 1000;
/// The longest key, in bytes.
const MAX_KEY: usize = 128;
/// The longest value, in bytes.
const MAX_VALUE: usize = 1024;

pub(super) struct Attributes;

pub(super) fn routes() -> Router<Rest> {
    collection::routes::<Attributes>().route("/attributes", post(add)).route("/attributes/current", post(current))
}

impl Collection for Attributes {
    const PATH: &'static str = "attributes";
    type Filter = TelemetryFilter;

    fn filter(filters: &mut Filters) -> TelemetryFilter {
        TelemetryFilter {
            client: filters.take("sender.client_id"),
            key: filters.take("key"),
            ..TelemetryFilter::default()
        }
    }

    async fn list(rest: &Rest, filter: TelemetryFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().attributes(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(shape).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Some(page) = of_number(id) else { return Ok(None) };
        let rows = rest.federation.store().attributes(&TelemetryFilter::default(), page).await?.rows;
        Ok(rows.iter().find(|row| row.number.to_string() == id).map(shape))
    }
}

fn shape(row: &AttributeRow) -> Value {
    json!({
        "attribute_id": row.number.to_string(),
        "id": row.number.to_string(),
        "key": row.key,
        "value": row.value,
        "timestamp": shapes::iso(row.at),
        "sender": shapes::client(&row.client),
        "committed_at": shapes::date(row.at),
    })
}

#[derive(Deserialize)]
struct Current {
    client_ids: Vec<String>,
}

/// The latest attributes of clients, by client.
async fn current(State(rest): State<Rest>, Body(Current { client_ids }): Body<Current>) -> RestResult<Json<Value>> {
    if !(1..=MAX_CLIENTS).contains(&client_ids.len()) {
        return Err(RestError::bad_request(format!("client_ids: there are not 1 to {MAX_CLIENTS} of them")));
    }
    let clients: Vec<ClientId> = client_ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
    let mut attributes: BTreeMap<String, BTreeMap<String, String>> =
        clients.iter().map(|client| (client.to_string(), BTreeMap::new())).collect();
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

/// Notes an attribute in a client's place.
async fn add(State(rest): State<Rest>, Body(add): Body<Add>) -> RestResult<(StatusCode, Json<Value>)> {
    let attribute = add.checked(rest.federation.now())?;
    let added = json!({
        "key": attribute.key,
        "value": attribute.value,
        "timestamp": shapes::iso(attribute.at),
        "sender": shapes::client(&attribute.client),
    });
    rest.federation.store().note_attributes(vec![attribute]);
    Ok((StatusCode::CREATED, Json(added)))
}

impl Add {
    fn checked(self, at: fedwit_domain::Timestamp) -> RestResult<NewAttribute> {
        let Self { key, value, sender } = self;
        if !(1..=MAX_KEY).contains(&key.len()) || value.len() > MAX_VALUE {
            let message = format!("a key has 1 to {MAX_KEY} bytes, and a value at most {MAX_VALUE}");
            return Err(RestError::bad_request(message));
        }
        Ok(NewAttribute { client: sender.client_id.parse()?, key, value, at })
    }
}

#[cfg(test)]
mod tests {
    use fedwit_domain::Timestamp;

    use super::*;

    #[test]
    fn attributes_are_bounded() {
        let add = |key: &str, value: String, client_id: &str| {
            let sender = Sender { client_id: client_id.to_owned() };
            Add { key: key.to_owned(), value, sender }.checked(Timestamp(1)).is_ok()
        };
        assert!(add("charging", "true".to_owned(), "c"));
        assert!(!add("", "true".to_owned(), "c"));
        assert!(!add(&"k".repeat(MAX_KEY + 1), String::new(), "c"));
        assert!(!add("k", "v".repeat(MAX_VALUE + 1), "c"));
        assert!(!add("k", String::new(), ""));
    }
}
