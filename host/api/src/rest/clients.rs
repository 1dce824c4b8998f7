//! `clients`: those that have registered, and those that are there.

use std::collections::HashSet;

use axum::extract::{Path, Query, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use fedwit_domain::{ClientId, CombinerName};
use fedwit_federation::Presence;
use fedwit_store::{ClientFilter, ClientRow, Listed, Page};
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::Address;
use super::collection::{self, Collection};
use super::error::{RestError, RestResult};
use super::filters::Filters;
use super::{Rest, message, registration, shapes};

pub(super) struct Clients;

/// What clients are asked for by.
pub(super) struct Filter {
    stored: ClientFilter,
    /// Only those that are there. One that connected without registering is recorded after a while, and is one of them
    /// at once.
    online: bool,
}

pub(super) fn routes() -> Router<Rest> {
    collection::routes::<Clients>()
        .route("/clients/add", post(registration::add))
        .route("/clients/config", get(config))
        .route("/clients/{id}", delete(remove))
        .route("/clients/{id}/attributes", get(attributes))
}

impl Collection for Clients {
    const PATH: &'static str = "clients";
    type Filter = Filter;

    fn filter(filters: &mut Filters) -> Filter {
        let stored = ClientFilter {
            id: filters.take("client_id"),
            name: filters.take("name"),
            package: filters.take("package"),
            ..ClientFilter::default()
        };
        Filter { stored, online: filters.take_if("status", "online") }
    }

    async fn list(rest: &Rest, Filter { stored, online }: Filter, page: Page) -> RestResult<Listed<Value>> {
        if online {
            return those_online(rest, stored, page).await;
        }
        let Listed { rows, total } = rest.federation.store().clients(&stored, page).await?;
        Ok(Listed { rows: rows.iter().map(|row| show(rest, row)).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Ok(id) = id.parse::<ClientId>() else { return Ok(None) };
        let row = rest.federation.store().client(&id).await?;
        let row = row.or_else(|| rest.federation.presence(&id).online.then(|| unrecorded(rest, id)));
        Ok(row.map(|row| show(rest, &row)))
    }
}

/// Clients that are there: those that are recorded, and then those that are not yet.
async fn those_online(rest: &Rest, filter: ClientFilter, page: Page) -> RestResult<Listed<Value>> {
    let mut online: HashSet<ClientId> = rest.federation.online().into_iter().collect();
    let all = filter == ClientFilter::default();
    let everything = Page { newest_first: page.newest_first, ..Page::first(fedwit_store::MAX_PAGE) };
    let mut rows = rest.federation.store().clients(&filter, everything).await?.rows;
    rows.retain(|row| online.remove(&row.id));
    if all {
        for id in online {
            let recorded = rest.federation.store().client(&id).await?;
            rows.push(recorded.unwrap_or_else(|| unrecorded(rest, id)));
        }
    }
    let total = rows.len() as u64;
    let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let wanted = rows.iter().skip(skip).take(page.limit as usize);
    Ok(Listed { rows: wanted.map(|row| show(rest, row)).collect(), total })
}

/// A client that is there, and of which nothing is known but that.
fn unrecorded(rest: &Rest, id: ClientId) -> ClientRow {
    let now = rest.federation.now();
    ClientRow {
        number: 0,
        name: id.to_string(),
        id,
        package: "local".to_owned(),
        combiner_preferred: None,
        combiner: None,
        ip: None,
        created_at: now,
        updated_at: now,
        last_seen: Some(now),
    }
}

fn show(rest: &Rest, row: &ClientRow) -> Value {
    shape(row, rest.federation.presence(&row.id), rest.federation.combiner_of(&row.id))
}

/// Of a client that was not placed yet, or whose combiner is gone, FEDn would say that it has none.
fn shape(row: &ClientRow, presence: Presence, combiner: Option<&CombinerName>) -> Value {
    let seen_since = presence.last_seen.is_some() || row.last_seen > Some(row.updated_at);
    let status = match (presence.online, seen_since) {
        (true, _) => "online",
        (false, true) => "offline",
        // It has registered, and not connected since.
        (false, false) => "available",
    };
    json!({
        "client_id": row.id,
        "id": row.id,
        "name": row.name,
        "combiner": combiner,
        "combiner_preferred": row.combiner_preferred,
        "ip": row.ip.as_deref().unwrap_or_default(),
        "status": status,
        "last_seen": presence.last_seen.max(row.last_seen).map(shapes::date),
        "package": row.package,
        "committed_at": shapes::date(row.created_at),
        "updated_at": shapes::date(row.updated_at),
    })
}

async fn remove(State(rest): State<Rest>, Path(id): Path<String>) -> RestResult<Json<Value>> {
    let client: ClientId = id.parse().map_err(|_| RestError::not_found(&id))?;
    rest.federation.remove_client(&client).await?;
    Ok(message("Client deleted"))
}

#[derive(Deserialize)]
struct Config {
    checksum: Option<String>,
}

/// What a client's own configuration file is to hold.
async fn config(
    State(rest): State<Rest>,
    Address { host, port }: Address,
    Query(wanted): Query<Config>,
) -> RestResult<Json<Value>> {
    let mut config = json!({ "network_id": "fedwit", "discover_host": host, "discover_port": port });
    if wanted.checksum.is_none_or(|checksum| checksum.eq_ignore_ascii_case("true"))
        && let Some(package) = rest.federation.store().active_package().await?
    {
        config["checksum"] = json!(package.blob);
    }
    Ok(Json(config))
}

async fn attributes(State(rest): State<Rest>, Path(id): Path<String>) -> RestResult<Json<Value>> {
    let client: ClientId = id.parse().map_err(|_| RestError::not_found(&id))?;
    let current = rest.federation.store().current_attributes(&[client]).await?;
    Ok(Json(current.into_iter().map(|attribute| (attribute.key, Value::String(attribute.value))).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use fedwit_domain::Timestamp;

    use super::*;

    #[test]
    fn a_client_is_available_then_online_then_offline() {
        let (registered, later) = (Timestamp(1000), Timestamp(2000));
        let mut row = ClientRow {
            number: 1,
            id: "c".parse().unwrap(),
            name: "n".to_owned(),
            package: "remote".to_owned(),
            combiner_preferred: None,
            combiner: None,
            ip: None,
            created_at: registered,
            updated_at: registered,
            last_seen: Some(registered),
        };
        let status = |row: &ClientRow, online, last_seen| {
            shape(row, Presence { online, last_seen }, None)["status"].as_str().unwrap().to_owned()
        };
        assert_eq!(status(&row, false, None), "available");
        assert_eq!(status(&row, true, Some(later)), "online");
        assert_eq!(status(&row, false, Some(later)), "offline");
        row.last_seen = Some(later);
        assert_eq!(status(&row, false, None), "offline", "the server has been restarted since");
        assert_eq!(shape(&row, Presence { online: false, last_seen: None }, None)["last_seen"], shapes::date(later));
    }
}
