//! `packages`: the code that clients run.

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_domain::PackageId;
use fedwit_federation::{FederationError, NewPackageFile};
use fedwit_store::{Listed, PackageFilter, PackageRow, Page};
use serde::Deserialize;
use serde_json::{Value, json};

use super::collection::{self, Collection};
use super::error::{RestError, RestResult};
use super::filters::Filters;
use super::form::Form;
use super::json::Body;
use super::{Rest, message, sending, shapes};

pub(super) struct Packages;

pub(super) fn routes() -> Router<Rest> {
    collection::routes::<Packages>()
        .route("/packages", post(add).layer(DefaultBodyLimit::disable()))
        .route("/packages/active", get(active).put(activate).delete(deactivate))
        .route("/packages/download", get(download))
        .route("/packages/checksum", get(checksum))
}

impl Collection for Packages {
    const PATH: &'static str = "packages";
    type Filter = PackageFilter;

    fn filter(filters: &mut Filters) -> PackageFilter {
        PackageFilter {
            id: filters.take("package_id"),
            name: filters.take("name"),
            active: filters.take("active"),
            ..PackageFilter::default()
        }
    }

    async fn list(rest: &Rest, filter: PackageFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().packages(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(shape).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(rest.federation.store().package(id).await?.as_ref().map(shape))
    }
}

fn shape(row: &PackageRow) -> Value {
    json!({
        "package_id": row.id,
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "file_name": row.file_name,
        "storage_file_name": storage_file_name(row),
        "helper": row.format.helper(),
        "active": row.active,
        "sha256": row.blob,
        "size_bytes": row.size_bytes,
        "committed_at": shapes::date(row.created_at),
        "updated_at": shapes::date(row.created_at),
    })
}

/// A name that no other package has, with the file's ending.
fn storage_file_name(row: &PackageRow) -> String {
    let ending = row.file_name.split_once('.').map_or("", |(_, ending)| ending);
    format!("{}.{ending}", row.id)
}

/// Which package is meant: the one of a name, or the active one.
#[derive(Deserialize)]
struct Wanted {
    name: Option<String>,
}

impl Wanted {
    /// FEDn goes by `storage_file_name`; a package's own name, and its file's, are what people know.
    async fn find(self, rest: &Rest) -> RestResult<PackageRow> {
        let store = rest.federation.store();
        let Some(name) = self.name.filter(|name| !name.is_empty()) else {
            let active = store.active_package().await?;
            return active.ok_or_else(|| RestError::missing("No active package"));
        };
        let id = name.split('.').next().and_then(|id| id.parse::<PackageId>().ok());
        if let Some(id) = id
            && let Some(package) = store.package(id).await?
        {
            return Ok(package);
        }
        let all = store.packages(&PackageFilter::default(), Page::last(fedwit_store::MAX_PAGE)).await?.rows;
        let named = all.into_iter().find(|package| package.name == name || package.file_name == name);
        named.ok_or_else(|| RestError::not_found(&name))
    }
}

async fn active(State(rest): State<Rest>) -> RestResult<Json<Value>> {
    Ok(Json(shape(&Wanted { name: None }.find(&rest).await?)))
}

#[derive(Deserialize)]
struct Activate {
    id: String,
}

async fn activate(State(rest): State<Rest>, Body(Activate { id }): Body<Activate>) -> RestResult<Json<Value>> {
    let package: PackageId = id.parse().map_err(|_| RestError::not_found(&id))?;
    if rest.federation.store().activate_package(Some(package)).await? {
        Ok(message("Active package set"))
    } else {
        Err(RestError::not_found(&id))
    }
}

async fn deactivate(State(rest): State<Rest>) -> RestResult<Json<Value>> {
    rest.federation.store().activate_package(None).await?;
    Ok(message("No package is active"))
}

/// Takes an archive, which becomes the active package.
async fn add(State(rest): State<Rest>, mut form: Form) -> RestResult<Json<Value>> {
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

async fn download(State(rest): State<Rest>, Query(wanted): Query<Wanted>) -> RestResult<Response> {
    let row = wanted.find(&rest).await?;
    let file = rest.federation.store().blobs().open(&row.blob).await.map_err(FederationError::from)?;
    sending::file(&file.path, file.size_bytes, &row.file_name, file.hold).await
}

async fn checksum(State(rest): State<Rest>, Query(wanted): Query<Wanted>) -> RestResult<Json<Value>> {
    let row = wanted.find(&rest).await?;
    Ok(Json(json!({ "checksum": row.blob, "message": "Checksum created." })))
}

#[cfg(test)]
mod tests {
    use fedwit_domain::{Digest, ModelFormat, Timestamp};

    use super::*;

    #[test]
    fn a_stored_name_is_one_of_a_kind_and_says_how_to_unpack() {
        let row = PackageRow {
            number: 1,
            id: PackageId::random(),
            name: "n".to_owned(),
            description: String::new(),
            file_name: "package.tar.gz".to_owned(),
            format: ModelFormat::Npz,
            blob: Digest::from_bytes([1; 32]),
            size_bytes: 1,
            active: true,
            created_at: Timestamp(1),
        };
        assert_eq!(storage_file_name(&row), format!("{}.tar.gz", row.id));
        assert_eq!(shape(&row)["helper"], "numpyhelper");
        assert_eq!(shape(&row)["sha256"], "01".repeat(32));
    }
}
