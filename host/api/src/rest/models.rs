//! `models`: seeds, and what rounds ended with.

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use fedwit_domain::{ModelFormat, ModelId, RoundId};
use fedwit_federation::NewSeed;
use fedwit_store::{Listed, ModelFilter, ModelRow, Page};
use serde::Deserialize;
use serde_json::{Value, json};

use super::collection::{self, Collection};
use super::error::{RestError, RestResult};
use super::filters::Filters;
use super::form::Form;
use super::listing::Listing;
use super::{Rest, helpers, sending, shapes};

pub(super) struct Models;

pub(super) fn routes() -> Router<Rest> {
    collection::routes::<Models>()
        .route("/models", post(add).layer(DefaultBodyLimit::disable()))
        .route("/models/leaf-nodes", get(leaves))
        .route("/models/active", any(active))
        .route("/models/{id}/ancestors", get(ancestors))
        .route("/models/{id}/descendants", get(descendants))
        .route("/models/{id}/download", get(download))
}

impl Collection for Models {
    const PATH: &'static str = "models";
    type Filter = ModelFilter;

    fn filter(filters: &mut Filters) -> ModelFilter {
        ModelFilter {
            id: filters.take("model_id").or_else(|| filters.take("model")),
            session: filters.take("session_id"),
            parent: filters.take("parent_model"),
            name: filters.take("name"),
            ..ModelFilter::default()
        }
    }

    async fn list(rest: &Rest, filter: ModelFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().models(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(shape).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(rest.federation.store().model(id).await?.as_ref().map(shape))
    }
}

fn shape(row: &ModelRow) -> Value {
    json!({
        "model_id": row.id,
        "id": row.id,
        "model": row.id,
        "name": row.name,
        "parent_model": row.parent,
        "session_id": row.round.map(|round| round.session),
        "round_id": row.round.as_ref().map(RoundId::to_string),
        "sha256": row.blob,
        "size_bytes": row.size_bytes,
        "helper": row.format.helper(),
        "committed_at": shapes::date(row.created_at),
        "updated_at": shapes::date(row.created_at),
    })
}

/// The models that none improves upon. A bare list, as are all but those of whole collections.
async fn leaves(State(rest): State<Rest>, listing: Listing) -> RestResult<Json<Vec<Value>>> {
    let leaves = rest.federation.store().leaf_models(Page::last(listing.limit())).await?;
    Ok(Json(leaves.rows.iter().map(shape).collect()))
}

/// The id of a model that there is.
async fn existing(rest: &Rest, id: &str) -> RestResult<ModelId> {
    let model: ModelId = id.parse().map_err(|_| RestError::not_found(id))?;
    match rest.federation.store().model(model).await? {
        Some(row) => Ok(row.id),
        None => Err(RestError::not_found(id)),
    }
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
) -> RestResult<Json<Vec<Value>>> {
    let model = existing(&rest, &id).await?;
    let include_self = wanted.include_self.is_some_and(|include| include.eq_ignore_ascii_case("true"));
    let mut rows = rest.federation.store().ancestors(model, listing.limit(), include_self).await?;
    if listing.reverse {
        rows.reverse();
    }
    Ok(Json(rows.iter().map(shape).collect()))
}

async fn descendants(
    State(rest): State<Rest>,
    Path(id): Path<String>,
    listing: Listing,
) -> RestResult<Json<Vec<Value>>> {
    let model = existing(&rest, &id).await?;
    let rows = rest.federation.store().descendants(model, listing.limit()).await?;
    Ok(Json(rows.iter().map(shape).collect()))
}

#[derive(Deserialize)]
struct Download {
    format: Option<String>,
}

/// The model's file, in the format that its session's clients read if none is named.
async fn download(
    State(rest): State<Rest>,
    Path(id): Path<String>,
    Query(wanted): Query<Download>,
) -> RestResult<Response> {
    let format: Option<ModelFormat> = wanted.format.as_deref().map(shapes::format).transpose()?;
    let model: ModelId = id.parse().map_err(|_| RestError::not_found(&id))?;
    let file = rest.federation.model_file(model, format).await?;
    sending::file(&file.path.clone(), file.size_bytes, &file.file_name.clone(), file).await
}

/// Takes a seed model: the file, and what it is if it does not say so itself. As in FEDn, where the form does not say it
/// either, it is what the active helper is for.
async fn add(State(rest): State<Rest>, mut form: Form) -> RestResult<Json<Value>> {
    let flat = match form.take("helper") {
        Some(helper) => Some(shapes::format(&helper)?),
        None => helpers::format(&rest).await?,
    };
    let name = form.take("name");
    let id = rest.federation.add_seed_model(NewSeed { file: form.file, name, flat }).await?;
    Ok(Json(json!({ "success": true, "message": "Model added successfully", "model_id": id })))
}

async fn active() -> RestError {
    RestError::gone("there is no active model: a session names the model that it starts from")
}
