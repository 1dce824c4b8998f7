//! What the server is doing, in FEDn's words.

use axum::Json;
use axum::extract::State;
use fedwit_store::{Page, SessionFilter};
use serde_json::{Value, json};

use super::Rest;
use super::error::RestResult;

/// `idle`, or `monitoring` while a session runs.
pub(super) async fn controller(State(rest): State<Rest>) -> RestResult<Json<Value>> {
    let filter = SessionFilter { status: Some("running".to_owned()), ..SessionFilter::default() };
    let running = rest.federation.store().sessions(&filter, Page::last(1)).await?.total;
    let state = if running > 0 { "monitoring" } else { "idle" };
    Ok(Json(json!({ "state": state, "sessions_running": running })))
}
