//! REST, in the shapes that FEDn's client, its `APIClient` and its command line expect.
//!
//! Most of it is collections: lists of JSON objects that can be filtered by any of their fields, sorted and cut into
//! pages; see [`collection`]. What changes something goes to the federation, whose refusals come back with their code.

mod address;
mod attributes;
mod clients;
mod collection;
mod combiners;
mod controller;
mod error;
mod filters;
mod form;
mod helpers;
mod json;
mod kwargs;
mod listing;
mod metrics;
mod models;
mod order;
mod packages;
mod paths;
mod predictions;
mod python;
mod registration;
mod rounds;
mod runs;
mod sending;
mod sessions;
mod shapes;
mod statuses;
mod telemetry;
mod validations;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router};
use fedwit_federation::Federation;

use self::rounds::Asked;
use crate::ApiSettings;

/// The largest body that is not a file.
const MAX_BODY: usize = 1 << 20;

/// What handlers need.
#[derive(Clone)]
struct Rest {
    federation: Federation,
    settings: Arc<ApiSettings>,
    asked: Arc<Asked>,
}

/// Answers everything that is neither GraphQL nor a call of gRPC.
pub(crate) fn service(federation: Federation, settings: ApiSettings) -> paths::Forgiving {
    let rest = Rest { federation, settings: Arc::new(settings), asked: Arc::default() };
    let api = Router::new()
        .merge(clients::routes())
        .merge(combiners::routes())
        .merge(models::routes())
        .merge(packages::routes())
        .merge(helpers::routes())
        .merge(sessions::routes())
        .merge(collection::routes::<rounds::Rounds>())
        .merge(collection::routes::<runs::Runs>())
        .merge(collection::routes::<statuses::Statuses>())
        .merge(collection::routes::<validations::Validations>())
        .merge(collection::routes::<metrics::Metrics>())
        .merge(collection::routes::<telemetry::Telemetry>())
        .merge(attributes::routes())
        .merge(predictions::routes());
    let all = Router::new()
        .nest("/api/v1", api)
        .route("/health", get(async || "OK"))
        .route("/get_controller_status", get(controller::status))
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::no_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(rest);
    paths::forgiving(all)
}

/// An answer in words.
fn message(text: &str) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "message": text }))
}
