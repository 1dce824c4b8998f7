//! `packages`: the code that clients run.

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_domain::{ModelFormat, PackageId};
use fedwit_federation::{FederationError, NewPackageFile};
use fedwit_store::{Listed, PackageFilter, PackageRow, Page};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::error::{RestError, RestResult};
use super::files::Form;
use super::listing::{Filters, Listing};
use super::{Rest, message, shapes};

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/packages", get(list).post(add).layer(DefaultBodyLimit::disable()))
        .route("/packages/list", post(list))
        .route("/packages/count", get(count).post(count))
        .route("/packages/active", get(active).put(activate).delete(deactivate))
        .route("/packages/download", get(download))
        .route("/packages/checksum", get(checksum))
        .route("/packages/{id}", get(one))
        .route("/helpers/active", get(helper).put(set_helper))
}

async fn list(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.answer(async |page| fetch(&rest, &filter, page).await).await
}

async fn count(State(rest): State<Rest>, mut listing: Listing) -> RestResult<Json<Value>> {
    let filter = known(&mut listing.filters);
    listing.count(async |page| fetch(&rest, &filter, page).await).await
}

fn known(filters: &mut Filters) -> PackageFilter {
    PackageFilter {
        id: filters.take("package_id"),
        name: filters.take("name"),
        active: filters.take("active"),
        ..PackageFilter::default()
    }
}

async fn fetch(rest: &Rest, filter: &PackageFilter, page: Page) -> RestResult<Listed<Value>> {
    let Listed { rows, total } = rest.federation.store().packages(filter, page).await?;
    Ok(Listed { rows: rows.iter().map(shapes::package).collect(), total })
}

async fn one(State(rest): State<Rest>, Path(id): Path<String>) -> RestResult<Json<Value>> {
    let package: PackageId = id.parse().map_err(|_| RestError::not_found(&id))?;
    let row = rest.federation.store().package(package).await?.ok_or_else(|| RestError::not_found(&id))?;
    Ok(Json(shapes::package(&row)))
}

async fn the_active(rest: &Rest) -> RestResult<PackageRow> {
    let row = rest.federation.store().active_package().await?;
    row.ok_or_else(|| RestError::missing("No active package found"))
}

async fn active(State(rest): State<Rest>) -> RestResult<Json<Value>> {
    Ok(Json(shapes::package(&the_active(&rest).await?)))
}

#[derive(Deserialize)]
struct Activate {
    id: String,
}

async fn activate(State(rest): State<Rest>, body: Result<Json<Activate>, JsonRejection>) -> RestResult<Json<Value>> {
    let Json(Activate { id }) = body?;
    let package: PackageId = id.parse().map_err(|_| RestError::not_found(&id))?;
    if rest.federation.store().activate_package(Some(package)).await? {
        Ok(message("Package set to active"))
    } else {
        Err(RestError::not_found(&id))
    }
}

async fn deactivate(State(rest): State<Rest>) -> RestResult<Json<Value>> {
    rest.federation.store().activate_package(None).await?;
    Ok(message("No package is active"))
}

/// Takes an archive, which becomes the active package.
async fn add(State(rest): State<Rest>, form: Multipart) -> RestResult<Json<Value>> {
    let mut form = Form::read(&rest.federation, form).await?;
    let helper = form.take("helper").ok_or_else(|| RestError::bad_request("the form has no `helper`"))?;
    let package = NewPackageFile {
        format: shapes::format(&helper)?,
        name: form.take("name").unwrap_or_else(|| form.file_name.clone()),
        description: form.take("description").unwrap_or_default(),
        file_name: form.file_name,
        file: form.file,
    };
    let id = rest.federation.add_package(package).await?;
    Ok(Json(json!({ "message": "Package uploaded", "package_id": id })))
}

#[derive(Deserialize)]
struct Wanted {
    name: Option<String>,
}

async fn download(State(rest): State<Rest>, Query(wanted): Query<Wanted>) -> RestResult<Response> {
    let row = match wanted.name.filter(|name| !name.is_empty()) {
        None => the_active(&rest).await?,
        Some(name) => {
            let filter = PackageFilter { name: Some(name.clone()), ..PackageFilter::default() };
            let found = rest.federation.store().packages(&filter, Page::last(1)).await?.rows.pop();
            found.ok_or_else(|| RestError::not_found(&name))?
        }
    };
    let file = rest.federation.store().blobs().open(&row.blob).await.map_err(FederationError::from)?;
    let open = tokio::fs::File::open(&file.path).await;
    let open = open.map_err(|error| FederationError::Internal(error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, file.size_bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename={}", row.file_name)),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(open))).into_response())
}

async fn checksum(State(rest): State<Rest>) -> RestResult<Json<Value>> {
    let row = the_active(&rest).await?;
    Ok(Json(json!({ "checksum": row.blob, "message": "Checksum created." })))
}

/// The active package's helper, or the one that was set, as a JSON string. Where there is neither, the answer is 400,
/// which FEDn's tools take for "use NumPy's".
async fn helper(State(rest): State<Rest>) -> RestResult<Json<Value>> {
    let store = rest.federation.store();
    let format = match store.active_package().await? {
        Some(package) => Some(package.format),
        None => store.helper().await?,
    };
    let format = format.ok_or_else(|| RestError::bad_request("No helper is set"))?;
    Ok(Json(json!(format.helper())))
}

#[derive(Deserialize)]
struct Helper {
    helper: String,
}

async fn set_helper(State(rest): State<Rest>, body: Result<Json<Helper>, JsonRejection>) -> RestResult<Json<Value>> {
    let Json(Helper { helper }) = body?;
    let format: ModelFormat = shapes::format(&helper)?;
    rest.federation.store().set_helper(format).await?;
    Ok(message("Helper set"))
}
