//! `clients`: those that have registered.

use std::net::SocketAddr;

use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use fedwit_domain::ClientId;
use fedwit_federation::{ClientPackage, Registration, RegistrationOutcome};
use fedwit_store::{ClientFilter, ClientRow, Listed, Page};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{RestError, RestResult};
use super::listing::{Filters, Listing};
use super::{Rest, message, shapes};

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/clients", get(list))
        .route("/clients/list", post(list))
        .route("/clients/count", get(count).post(count))
        .route("/clients/add", post(add))
        .route("/clients/config", get(config))
        .route("/clients/{id}", get(one).delete(remove))
        .route("/clients/{id}/attributes", get(attributes))
}

/// What FEDn's clients send. Those on Android send no `package`, and what they cannot say is null.
#[derive(Deserialize)]
struct Add {
    name: Option<String>,
    client_id: Option<String>,
    preferred_combiner: Option<String>,
    combiner_preferred: Option<String>,
    package: Option<String>,
}

/// Registers a client, and tells it where to connect.
async fn add(
    State(rest): State<Rest>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Result<Json<Add>, JsonRejection>,
) -> RestResult<Response> {
    let Json(add) = body?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let id = given(add.client_id).map(|id| id.parse::<ClientId>()).transpose()?;
    let package = match add.package.as_deref() {
        // Android brings its own code, and says nothing of it.
        None | Some("local") => ClientPackage::Local,
        Some("remote" | "") => ClientPackage::Remote,
        Some(other) => {
            return Err(RestError::bad_request(format!("package {other:.80?} is neither remote nor local")));
        }
    };
    let registration = Registration {
        id,
        name: given(add.name).unwrap_or_default(),
        package,
        combiner_preferred: given(add.combiner_preferred).or(given(add.preferred_combiner)),
        ip: peer.map(|Extension(ConnectInfo(address))| address.ip().to_string()),
    };
    let assigned = match rest.federation.register_client(registration).await? {
        RegistrationOutcome::Assigned { id, format } => (id, format),
        RegistrationOutcome::NoPackage => {
            let retry = json!({
                "success": false, "status": "retry", "message": "There is no package yet, please try again later.",
            });
            return Ok((StatusCode::NON_AUTHORITATIVE_INFORMATION, Json(retry)).into_response());
        }
    };
    let (id, format) = assigned;
    let (host, port) = address(&rest, &headers)?;
    // Android takes exactly these keys, all of them, and connects to `fqdn`; there that is the host itself. For the
    // others a `fqdn` would mean TLS on port 443.
    let fqdn = if add.package.is_none() { json!(host) } else { Value::Null };
    let helper = if package == ClientPackage::Remote || add.package.is_none() { format.helper() } else { "" };
    Ok(Json(json!({
        "status": "assigned",
        "host": host,
        "fqdn": fqdn,
        "ip": "",
        "port": port,
        "helper_type": helper,
        "package": package.name(),
        "client_id": id,
    }))
    .into_response())
}

/// Where clients are to connect: as configured, or where this one has connected.
fn address(rest: &Rest, headers: &HeaderMap) -> RestResult<(String, u16)> {
    if let Some((host, port)) = &rest.settings.advertise {
        return Ok((host.clone(), *port));
    }
    let told = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let told = told.and_then(|told| told.parse::<axum::http::uri::Authority>().ok());
    let told = told.ok_or_else(|| RestError::bad_request("the request does not say which host it is meant for"))?;
    Ok((told.host().to_owned(), told.port_u16().unwrap_or(80)))
}

async fn list(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.answer(async |page| fetch(&rest, &filter, page).await).await
}

async fn count(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.count(async |page| fetch(&rest, &filter, page).await).await
}

fn known(filters: &mut Filters) -> ClientFilter {
    ClientFilter {
        id: filters.take("client_id"),
        name: filters.take("name"),
        package: filters.take("package"),
        ..ClientFilter::default()
    }
}

async fn fetch(rest: &Rest, filter: &ClientFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().clients(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(|row| show(rest, row)).collect(), total })
}

fn show(rest: &Rest, row: &ClientRow) -> Value {
    let presence = rest.federation.presence(&row.id);
    let status = match (presence.online, row.last_seen.or(presence.last_seen)) {
        (true, _) => "online",
        (false, Some(_)) => "offline",
        (false, None) => "available",
    };
    let combiner = &rest.settings.combiner_name;
    json!({
        "client_id": row.id,
        "id": row.id,
        "name": row.name,
        "combiner": combiner,
        "combiner_preferred": row.combiner_preferred,
        "ip": row.ip.as_deref().unwrap_or_default(),
        "status": status,
        "last_seen": presence.last_seen.or(row.last_seen).map(shapes::date),
        "package": row.package,
        "committed_at": shapes::date(row.created_at),
        "updated_at": shapes::date(row.updated_at),
    })
}

async fn one(State(rest): State<Rest>, Path(id): Path<String>) -> RestResult<Json<Value>> {
    let client: ClientId = id.parse().map_err(|_| RestError::not_found(&id))?;
    let row = rest.federation.store().client(&client).await?.ok_or_else(|| RestError::not_found(&id))?;
    Ok(Json(show(&rest, &row)))
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
async fn config(State(rest): State<Rest>, headers: HeaderMap, Query(wanted): Query<Config>) -> RestResult<Json<Value>> {
    let (host, port) = address(&rest, &headers)?;
    let mut config = json!({ "network_id": "fedwit", "discover_host": host, "discover_port": port });
    if wanted.checksum.is_none_or(|checksum| checksum == "true")
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
