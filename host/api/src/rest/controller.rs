//! What the server is doing, in FEDn's words.

use axum::Json;
use axum::extract::State;
use fedwit_store::{Page, SessionFilter};
use serde_json::{Value, json};

use super::Rest;
use super::error::RestResult;

/// `idle`, or `monitoring` while a session runs.
pub(super) async fn status(State(rest): State<Rest>) -> RestResult<Json<Value>> {
    let mut running = 0;
    for status in ["running", "pausing"] {
        let filter = SessionFilter { status: Some(status.to_owned()), ..SessionFilter::default() };
        running += rest.federation.store().sessions(&filter, Page::first(0)).await?.total;
    }
    let state = if running > 0 { "monitoring" } else { "idle" };
    Ok(Json(json!({ "state": state, "sessions_running": running })))
}
