//! Lists of JSON objects, as FEDn has them.
//!
//! `GET /things` and `POST /things/list` give `{"count": ..., "result": [...]}`, where the count is of all that the
//! filters let through; `/things/count` gives the count alone, and `GET /things/ID` one object.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use fedwit_store::{Listed, Page};
use serde_json::{Value, json};

use super::Rest;
use super::error::{RestError, RestResult};
use super::filters::Filters;
use super::listing::Listing;

/// What can be listed, counted and looked up.
pub(super) trait Collection: 'static {
    /// Its name in the path.
    const PATH: &'static str;
    /// What the store can filter it by.
    type Filter: Send;

    /// Takes out what the store can filter by.
    fn filter(filters: &mut Filters) -> Self::Filter;

    /// A page of it.
    fn list(rest: &Rest, filter: Self::Filter, page: Page) -> impl Future<Output = RestResult<Listed<Value>>> + Send;

    /// One of it.
    fn one(rest: &Rest, id: &str) -> impl Future<Output = RestResult<Option<Value>>> + Send;
}

/// The routes that all collections have.
pub(super) fn routes<C: Collection>() -> Router<Rest> {
    let path = C::PATH;
    Router::new()
        .route(&format!("/{path}"), get(list::<C>))
        .route(&format!("/{path}/list"), post(list::<C>))
        .route(&format!("/{path}/count"), get(count::<C>).post(count::<C>))
        .route(&format!("/{path}/{{id}}"), get(one::<C>))
}

/// What is asked for.
pub(super) async fn listed<C: Collection>(rest: &Rest, mut listing: Listing) -> RestResult<Listed<Value>> {
    let filter = C::filter(&mut listing.filters);
    let fetched = C::list(rest, filter, listing.page()).await?;
    Ok(listing.pick(fetched))
}

/// The page that holds the row of a number, and no other, if that is a row's number.
pub(super) fn of_number(id: &str) -> Option<Page> {
    let number: i64 = id.parse().ok()?;
    Some(Page { after: Some(number.checked_sub(1)?), ..Page::first(1) })
}

async fn list<C: Collection>(State(rest): State<Rest>, listing: Listing) -> RestResult<Json<Value>> {
    let Listed { rows, total } = listed::<C>(&rest, listing).await?;
    Ok(Json(json!({ "count": total, "result": rows })))
}

async fn count<C: Collection>(State(rest): State<Rest>, listing: Listing) -> RestResult<Json<u64>> {
    Ok(Json(listed::<C>(&rest, listing.counted()).await?.total))
}

async fn one<C: Collection>(State(rest): State<Rest>, Path(id): Path<String>) -> RestResult<Json<Value>> {
    let found = C::one(&rest, &id).await?;
    found.map(Json).ok_or_else(|| RestError::not_found(&id))
}
