//! `helpers`: what models look like where nothing else says so.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use fedwit_domain::ModelFormat;
use serde::Deserialize;

use super::error::{RestError, RestResult};
use super::json::Body;
use super::{Rest, message, shapes};

pub(super) fn routes() -> Router<Rest> {
    Router::new().route("/helpers/active", get(active).put(set))
}

/// The active package's, or the one that was set.
pub(super) async fn format(rest: &Rest) -> RestResult<Option<ModelFormat>> {
    let store = rest.federation.store();
    match store.active_package().await? {
        Some(package) => Ok(Some(package.format)),
        None => Ok(store.helper().await?),
    }
}

/// As a JSON string. Where there is none the answer is 400, which FEDn's tools take for "use NumPy's"; with 404, which
/// FEDn gives, they would start no session.
async fn active(State(rest): State<Rest>) -> RestResult<Json<&'static str>> {
    let format = format(&rest).await?.ok_or_else(|| RestError::bad_request("No active helper"))?;
    Ok(Json(format.helper()))
}

#[derive(Deserialize)]
struct Helper {
    helper: String,
}

async fn set(State(rest): State<Rest>, Body(Helper { helper }): Body<Helper>) -> RestResult<Json<serde_json::Value>> {
    rest.federation.store().set_helper(shapes::format(&helper)?).await?;
    Ok(message("Active helper set"))
}
