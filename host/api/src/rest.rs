//! REST, in the shapes that FEDn's client, its `APIClient` and its command line expect.
//!
//! The collections are lists of JSON objects that can be filtered by any of their fields, sorted and cut into pages; see
//! [`listing`]. What changes something goes to the federation, whose refusals come back with their code.

mod attributes;
mod clients;
mod collections;
mod combiners;
mod error;
mod files;
mod kwargs;
mod listing;
mod models;
mod packages;
mod paths;
mod predictions;
mod sessions;
mod shapes;
mod states;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router};
use fedwit_federation::Federation;
use serde_json::json;

use crate::ApiSettings;

/// The largest body that is not a file.
const MAX_BODY: usize = 1 << 20;

/// What handlers need.
#[derive(Clone)]
pub(crate) struct Rest {
    federation: Federation,
    settings: Arc<ApiSettings>,
}

/// All routes.
pub(crate) fn routes(federation: Federation, settings: ApiSettings) -> Router {
    let rest = Rest { federation, settings: Arc::new(settings) };
    let api = Router::new()
        .merge(clients::routes())
        .merge(combiners::routes())
        .merge(models::routes())
        .merge(packages::routes())
        .merge(sessions::routes())
        .merge(attributes::routes())
        .merge(predictions::routes())
        .merge(collections::routes())
        .fallback(error::no_route)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(rest.clone());
    let api = paths::forgiving(api);
    Router::new()
        .nest_service("/api/v1", api.clone())
        // FEDn's client joins an address that ends in a slash with a path that begins with one.
        .nest_service("//api/v1", api)
        .route("/health", get(|| async { "OK" }))
        .route("/get_controller_status", get(states::controller))
        .with_state(rest)
}

/// An answer in words.
fn message(text: &str) -> Json<serde_json::Value> {
    Json(json!({ "message": text }))
}
