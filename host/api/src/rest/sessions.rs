//! `sessions`, `rounds` and `runs`.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_domain::{ClientId, ModelId, SessionConfig, SessionId, Start};
use fedwit_federation::NewSessionRequest;
use fedwit_store::{Listed, Page, SessionFilter};
use serde::Deserialize;
use serde_json::Value;

use super::error::{RestError, RestResult};
use super::listing::{Filters, Listing};
use super::{Rest, kwargs, message, shapes};

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/sessions", get(list).post(create))
        .route("/sessions/list", post(list))
        .route("/sessions/count", get(count).post(count))
        .route("/sessions/start", post(start))
        .route("/sessions/start_splitlearning_session", post(split_learning))
        .route("/sessions/{id}", get(one).patch(change).put(change))
}

async fn list(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.answer(async |page| fetch(&rest, &filter, page).await).await
}

async fn count(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.count(async |page| fetch(&rest, &filter, page).await).await
}

fn known(filters: &mut Filters) -> SessionFilter {
    SessionFilter { id: filters.take("session_id"), name: filters.take("name"), ..SessionFilter::default() }
}

async fn fetch(rest: &Rest, filter: &SessionFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().sessions(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(shapes::session).collect(), total })
}

async fn show(rest: &Rest, id: SessionId) -> RestResult<Json<Value>> {
    let row = rest.federation.store().session(id).await?;
    Ok(Json(shapes::session(&row.ok_or_else(|| RestError::not_found(&id.to_string()))?)))
}

async fn one(State(rest): State<Rest>, Path(id): Path<String>) -> RestResult<Json<Value>> {
    show(&rest, id.parse().map_err(|_| RestError::not_found(&id))?).await
}

#[derive(Deserialize)]
struct Create {
    name: Option<String>,
    seed_model_id: Option<String>,
    session_config: Option<Value>,
}

/// FEDn's settings. Those that it has and does not use are read over, and those that cannot be had are refused.
#[derive(Deserialize)]
struct Settings {
    aggregator: Option<String>,
    #[serde(default)]
    aggregator_kwargs: Value,
    round_timeout: Option<u32>,
    buffer_size: Option<i64>,
    delete_models_storage: Option<bool>,
    clients_required: Option<u32>,
    validate: Option<bool>,
    helper_type: Option<String>,
    model_id: Option<String>,
    #[serde(default)]
    server_functions: Value,
    client_settings: Option<serde_json::Map<String, Value>>,
}

async fn create(State(rest): State<Rest>, body: Result<Json<Create>, JsonRejection>) -> RestResult<Response> {
    let Json(Create { name, seed_model_id, session_config }) = body?;
    let settings = session_config.ok_or_else(|| RestError::bad_request("session_config is missing"))?;
    let settings: Settings =
        serde_json::from_value(settings).map_err(|error| RestError::bad_request(format!("session_config: {error}")))?;
    let seed = seed_model_id.or(settings.model_id.clone());
    let seed = seed.ok_or_else(|| RestError::bad_request("seed_model_id is missing"))?;
    let seed_model: ModelId = seed.parse()?;
    let config = config(&rest, settings)?;
    let id = rest.federation.create_session(NewSessionRequest { name, seed_model, config }).await?;
    Ok((StatusCode::CREATED, show(&rest, id).await?).into_response())
}

fn config(rest: &Rest, settings: Settings) -> RestResult<SessionConfig> {
    let default = SessionConfig::default();
    if settings
        .server_functions
        .as_str()
        .map_or(!settings.server_functions.is_null(), |code| !matches!(code, "" | "None"))
    {
        return Err(RestError::bad_request(
            "server_functions: this server runs no Python. Write an aggregator plugin, in Python if you like, install \
             it, and name it in `aggregator`",
        ));
    }
    if let Some(buffer) = settings.buffer_size.filter(|buffer| *buffer > 0) {
        return Err(RestError::bad_request(format!(
            "buffer_size: {buffer} is not available: a round ends with the updates of all clients that were asked, or at \
             its timeout. Use -1"
        )));
    }
    let aggregator = settings.aggregator.unwrap_or(default.aggregator.clone());
    let (aggregator, aggregator_config) = kwargs::aggregator(&aggregator, &settings.aggregator_kwargs)?;
    let helper = settings.helper_type.filter(|helper| !helper.is_empty());
    let grace = u32::try_from(rest.settings.reconnect_grace.as_secs()).unwrap_or(default.reconnect_grace_s);
    Ok(SessionConfig {
        aggregator,
        aggregator_config,
        clients_required: settings.clients_required.unwrap_or(default.clients_required),
        round_timeout_s: settings.round_timeout.unwrap_or(default.round_timeout_s),
        reconnect_grace_s: grace,
        validate: settings.validate.unwrap_or(default.validate),
        keep_updates: !settings.delete_models_storage.unwrap_or(true),
        model_format: helper.as_deref().map(shapes::format).transpose()?.unwrap_or(default.model_format),
        client_settings: settings.client_settings.unwrap_or_default(),
        ..default
    })
}

#[derive(Deserialize)]
struct StartRounds {
    session_id: String,
    rounds: Option<u32>,
    round_timeout: Option<u32>,
    model_name_prefix: Option<String>,
    #[serde(default)]
    client_ids: Value,
}

async fn start(State(rest): State<Rest>, body: Result<Json<StartRounds>, JsonRejection>) -> RestResult<Json<Value>> {
    let Json(wanted) = body?;
    let id: SessionId =
        wanted.session_id.parse().map_err(|_| RestError::bad_request("Session with specified ID does not exist"))?;
    let start = Start {
        rounds: wanted.rounds.unwrap_or(5),
        clients: client_ids(&wanted.client_ids)?,
        model_name_prefix: wanted.model_name_prefix.filter(|prefix| !prefix.is_empty()),
        round_timeout_s: wanted.round_timeout,
    };
    rest.federation.start_session_now(id, start).await?;
    Ok(message("Session started"))
}

/// A list, or ids with commas between them.
fn client_ids(told: &Value) -> RestResult<Vec<ClientId>> {
    let texts: Vec<&str> = match told {
        Value::Null => Vec::new(),
        Value::String(text) => text.split(',').map(str::trim).filter(|id| !id.is_empty()).collect(),
        Value::Array(ids) => {
            let text = |id: &'_ Value| -> RestResult<()> {
                id.as_str().map(drop).ok_or_else(|| RestError::bad_request(format!("client_ids: {id} is no text")))
            };
            ids.iter().try_for_each(text)?;
            ids.iter().filter_map(Value::as_str).collect()
        }
        other => return Err(RestError::bad_request(format!("client_ids: {other} is no list"))),
    };
    Ok(texts.into_iter().map(str::parse).collect::<Result<_, _>>()?)
}

#[derive(Deserialize)]
struct Change {
    status: Option<String>,
}

/// Ends, pauses or resumes a session, which FEDn does by naming the status that it is to have.
async fn change(
    State(rest): State<Rest>,
    Path(id): Path<String>,
    body: Result<Json<Change>, JsonRejection>,
) -> RestResult<Json<Value>> {
    let Json(Change { status }) = body?;
    let session: SessionId = id.parse().map_err(|_| RestError::not_found(&id))?;
    let federation = &rest.federation;
    match status.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("terminated" | "stopped") => federation.stop_session(session, "through REST".to_owned()).await?,
        Some("paused") => federation.pause_session(session).await?,
        Some("started" | "running") => federation.resume_session(session).await?,
        _ => {
            return Err(RestError::bad_request(
                "status can be set to Terminated, Paused or Started, and nothing else can",
            ));
        }
    }
    show(&rest, session).await
}

async fn split_learning() -> RestError {
    RestError::bad_request("split learning is not available on this server")
}
