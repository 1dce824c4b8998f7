//! `models`: seeds, and what rounds ended with.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use fedwit_domain::{ModelFormat, ModelId};
use fedwit_federation::{ModelFile, NewSeed};
use fedwit_store::{Listed, ModelFilter, Page};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::error::{RestError, RestResult};
use super::files::Form;
use super::listing::{Filters, Listing};
use super::{Rest, shapes};

/// Bytes of a file that are read at a time.
const PIECE: usize = 256 << 10;

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/models", get(list).post(add).layer(DefaultBodyLimit::disable()))
        .route("/models/list", post(list))
        .route("/models/count", get(count).post(count))
        .route("/models/leaf-nodes", get(leaves))
        .route("/models/active", any(active))
        .route("/models/{id}", get(one))
        .route("/models/{id}/ancestors", get(ancestors))
        .route("/models/{id}/descendants", get(descendants))
        .route("/models/{id}/download", get(download))
}

async fn list(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.answer(async |page| fetch(&rest, &filter, page).await).await
}

async fn count(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.count(async |page| fetch(&rest, &filter, page).await).await
}

async fn leaves(State(rest): State<Rest>, listing: Listing) -> RestResult<Json<Value>> {
    let filter = ModelFilter { leaf: Some(true), ..ModelFilter::default() };
    listing.answer(async |page| fetch(&rest, &filter, page).await).await
}

fn known(filters: &mut Filters) -> ModelFilter {
    let id = filters.take("model_id").or_else(|| filters.take("model"));
    ModelFilter { id, session: filters.take("session_id"), name: filters.take("name"), ..ModelFilter::default() }
}

async fn fetch(rest: &Rest, filter: &ModelFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().models(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(shapes::model).collect(), total })
}

async fn one(State(rest): State<Rest>, Path(id): Path<String>) -> RestResult<Json<Value>> {
    let model = parse(&id)?;
    let row = rest.federation.store().model(model).await?.ok_or_else(|| RestError::not_found(&id))?;
    Ok(Json(shapes::model(&row)))
}

fn parse(id: &str) -> RestResult<ModelId> {
    id.parse().map_err(|_| RestError::not_found(id))
}

#[derive(Deserialize)]
struct Ancestors {
    include_self: Option<String>,
}

/// From the model to its seed, or, in reverse, to the model.
async fn ancestors(
    State(rest): State<Rest>,
    Path(id): Path<String>,
    Query(wanted): Query<Ancestors>,
    listing: Listing,
) -> RestResult<Json<Value>> {
    let model = parse(&id)?;
    let include_self = wanted.include_self.is_some_and(|include| include.eq_ignore_ascii_case("true"));
    let mut rows = rest.federation.store().ancestors(model, listing.limit(), include_self).await?;
    if listing.reverse {
        rows.reverse();
    }
    Ok(Json(rows.iter().map(shapes::model).collect()))
}

async fn descendants(State(rest): State<Rest>, Path(id): Path<String>, listing: Listing) -> RestResult<Json<Value>> {
    let rows = rest.federation.store().descendants(parse(&id)?, listing.limit()).await?;
    Ok(Json(rows.iter().map(shapes::model).collect()))
}

#[derive(Deserialize)]
struct Download {
    format: Option<String>,
}

async fn download(
    State(rest): State<Rest>,
    Path(id): Path<String>,
    Query(wanted): Query<Download>,
) -> RestResult<Response> {
    let format: Option<ModelFormat> = wanted.format.as_deref().map(shapes::format).transpose()?;
    let file = rest.federation.model_file(parse(&id)?, format).await?;
    send(file).await
}

async fn send(file: ModelFile) -> RestResult<Response> {
    let internal = |error: std::io::Error| fedwit_federation::FederationError::Internal(error.to_string());
    let open = tokio::fs::File::open(&file.path).await.map_err(internal)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, file.size_bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename={}", file.file_name)),
    ];
    // The file is where it is while it is held.
    let pieces = futures_util::StreamExt::map(ReaderStream::with_capacity(open, PIECE), move |piece| {
        let _ = &file;
        piece
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Takes a seed model: the file, and what it is if it does not say so itself.
async fn add(State(rest): State<Rest>, form: Multipart) -> RestResult<Json<Value>> {
    let mut form = Form::read(&rest.federation, form).await?;
    let flat = form.take("helper").map(|helper| shapes::format(&helper)).transpose()?;
    let name = form.take("name");
    let id = rest.federation.add_seed_model(NewSeed { file: form.file, name, flat }).await?;
    Ok(Json(json!({ "success": true, "message": "Model added successfully", "model_id": id })))
}

async fn active() -> RestError {
    RestError::gone("there is no active model: a session names the model that it starts from")
}
