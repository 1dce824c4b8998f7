//! `sessions`: made, started, watched and ended.

mod config;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{patch, post};
use axum::{Json, Router};
use fedwit_domain::{ClientId, ModelId, SessionConfig, SessionId, Start};
use fedwit_federation::NewSessionRequest;
use fedwit_store::{Listed, Page, SessionFilter, SessionRow};
use serde::Deserialize;
use serde_json::{Value, json};

use self::config::Settings;
use super::collection::{self, Collection};
use super::error::{RestError, RestResult};
use super::filters::Filters;
use super::json::Body;
use super::{Rest, message, shapes};

/// Rounds that are run if nothing is said: as many as FEDn's tools ask for then.
const ROUNDS: u32 = 5;

pub(super) struct Sessions;

pub(super) fn routes() -> Router<Rest> {
    collection::routes::<Sessions>()
        .route("/sessions", post(create))
        .route("/sessions/start", post(start))
        .route("/sessions/start_splitlearning_session", post(split_learning))
        .route("/sessions/{id}", patch(change).put(change))
}

impl Collection for Sessions {
    const PATH: &'static str = "sessions";
    type Filter = SessionFilter;

    fn filter(filters: &mut Filters) -> SessionFilter {
        SessionFilter {
            id: filters.take("session_id"),
            name: filters.take("name"),
            seed_model: filters.take("seed_model_id"),
            ..SessionFilter::default()
        }
    }

    async fn list(rest: &Rest, filter: SessionFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().sessions(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(shape).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(rest.federation.store().session(id).await?.as_ref().map(shape))
    }
}

/// A session's status in FEDn's words. What FEDn has no word for keeps ours.
fn status(row: &SessionRow) -> &str {
    match row.status.as_str() {
        "created" => "Created",
        "running" | "pausing" => "Started",
        "paused" => "Paused",
        "finished" => "Finished",
        "stopped" => "Terminated",
        "failed" => "Failed",
        other => other,
    }
}

fn shape(row: &SessionRow) -> Value {
    json!({
        "session_id": row.id,
        "id": row.id,
        "name": row.name,
        "status": status(row),
        "reason": row.reason,
        "code": row.code,
        "seed_model_id": row.seed_model,
        "model_id": row.model,
        "best_model_id": row.best_model,
        "session_config": config_shape(row),
        "committed_at": shapes::date(row.created_at),
        "updated_at": shapes::date(row.updated_at),
    })
}

/// How a session is run, as FEDn shows it.
pub(super) fn config_shape(row: &SessionRow) -> Value {
    let SessionRow { config, .. } = row;
    json!({
        "aggregator": config.aggregator,
        "aggregator_kwargs": config.aggregator_config,
        "client_selector": config.client_selector,
        "client_selector_kwargs": config.client_selector_config,
        "round_timeout": config.round_timeout_s,
        "buffer_size": config.buffered.as_ref().map_or(-1, |buffered| i64::from(buffered.size)),
        "rounds": row.rounds_until,
        "delete_models_storage": !config.keep_updates,
        "clients_required": config.clients_required,
        "requested_clients": config.clients_requested,
        "validate": config.validate,
        "helper_type": config.model_format.helper(),
        "model_id": row.seed_model,
        "session_id": row.id,
        "client_settings": config.client_settings,
        "server_functions": null,
    })
}

async fn show(rest: &Rest, id: SessionId) -> RestResult<Json<Value>> {
    let row = rest.federation.store().session(id).await?;
    row.map(|row| Json(shape(&row))).ok_or_else(|| RestError::not_found(&id.to_string()))
}

#[derive(Deserialize)]
struct Create {
    name: Option<String>,
    seed_model_id: Option<String>,
    session_config: Option<Value>,
}

async fn create(
    State(rest): State<Rest>,
    Body(Create { name, seed_model_id, session_config }): Body<Create>,
) -> RestResult<(StatusCode, Json<Value>)> {
    let settings = session_config.ok_or_else(|| RestError::bad_request("session_config is missing"))?;
    let settings = Settings::read(settings)?;
    // FEDn's command line names the model in the settings alone.
    let seed = seed_model_id.or_else(|| settings.model_id.clone());
    let grace = rest.settings.reconnect_grace.as_secs();
    let mut config = settings.config()?;
    let seed_model: ModelId = seed.ok_or_else(|| RestError::bad_request("seed_model_id is missing"))?.parse()?;
    config.reconnect_grace_s = u32::try_from(grace).unwrap_or(SessionConfig::default().reconnect_grace_s);
    let id = rest.federation.create_session(NewSessionRequest { name, seed_model, config }).await?;
    Ok((StatusCode::CREATED, show(&rest, id).await?))
}

#[derive(Deserialize)]
struct StartRounds {
    session_id: Option<String>,
    rounds: Option<u32>,
    round_timeout: Option<u32>,
    model_name_prefix: Option<String>,
    #[serde(default)]
    client_ids: Value,
}

async fn start(State(rest): State<Rest>, Body(wanted): Body<StartRounds>) -> RestResult<Json<Value>> {
    let id = wanted.session_id.ok_or_else(|| RestError::bad_request("Session ID is required"))?;
    let id: Option<SessionId> = id.parse().ok();
    let row = match id {
        Some(id) => rest.federation.store().session(id).await?,
        None => None,
    };
    let row = row.ok_or_else(|| RestError::bad_request("Session with specified ID does not exist"))?;
    let start = Start {
        rounds: wanted.rounds.unwrap_or(ROUNDS),
        clients: client_ids(&wanted.client_ids)?,
        model_name_prefix: wanted.model_name_prefix.filter(|prefix| !prefix.is_empty()),
        round_timeout_s: wanted.round_timeout,
    };
    rest.federation.start_session_now(row.id, start).await?;
    Ok(message("Session started"))
}

/// A list, or ids with commas between them.
fn client_ids(told: &Value) -> RestResult<Vec<ClientId>> {
    let bad = |told: &Value| RestError::bad_request(format!("client_ids: {:.80} names no clients", told.to_string()));
    let texts: Vec<&str> = match told {
        Value::Null => return Ok(Vec::new()),
        Value::String(text) => text.split(',').map(str::trim).filter(|id| !id.is_empty()).collect(),
        Value::Array(ids) => ids.iter().map(|id| id.as_str().ok_or_else(|| bad(id))).collect::<Result<_, _>>()?,
        other => return Err(bad(other)),
    };
    // Nobody is not everybody.
    if texts.is_empty() {
        return Err(bad(told));
    }
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
    Body(Change { status }): Body<Change>,
) -> RestResult<Json<Value>> {
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
    config::no_split_learning()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn clients_are_named_in_a_list_or_a_text() {
        let ids = |told: Value| client_ids(&told).map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(ids(json!("a, b,")).unwrap(), ["a", "b"]);
        assert_eq!(ids(json!(["a", "b"])).unwrap(), ["a", "b"]);
        assert!(ids(Value::Null).unwrap().is_empty());
        for bad in [json!(""), json!(","), json!([]), json!([1]), json!(1), json!("a b"), json!(["../a"])] {
            assert_eq!(ids(bad.clone()).unwrap_err().told().0, 400, "{bad}");
        }
    }
}
