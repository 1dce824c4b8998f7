//! What a list is asked for: which objects, in which order, how many.
//!
//! The filters are in the query and in a body of JSON or of a form; the rest is in headers: `X-Limit`, `X-Skip`,
//! `X-Sort-Key`, `X-Sort-Order`, `X-Reverse`.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::{HeaderMap, Uri, header};
use fedwit_store::{Listed, Page};
use serde_json::{Map, Value};

use super::error::{RestError, RestResult};
use super::filters::{Filters, at};
use super::order::Key;

/// Objects that are looked through where the store cannot filter or sort, at most: the newest.
const MAX_LOOKED_THROUGH: u32 = 10_000;
/// Objects in one answer, at most, and where nothing is said.
const MAX_LIMIT: u32 = 10_000;

/// What a list is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    pub(super) filters: Filters,
    limit: Option<u32>,
    skip: u64,
    sort_key: Option<String>,
    ascending: bool,
    /// Models' ancestors are asked for in either direction.
    pub(super) reverse: bool,
}

impl Listing {
    /// How many objects are wanted, at most.
    pub(super) fn limit(&self) -> u32 {
        self.limit.unwrap_or(MAX_LIMIT).min(MAX_LIMIT)
    }

    /// The same objects, but none of them: only how many there are.
    pub(super) fn counted(self) -> Self {
        Self { limit: Some(0), skip: 0, sort_key: None, ..self }
    }

    /// The part of a collection that has to be fetched for it.
    pub(super) fn page(&self) -> Page {
        let page = Page { newest_first: !self.ascending, ..Page::first(MAX_LOOKED_THROUGH) };
        if self.is_a_page() { Page { offset: self.skip, limit: self.limit(), ..page } } else { page }
    }

    /// What is wanted of that part.
    pub(super) fn pick(&self, fetched: Listed<Value>) -> Listed<Value> {
        if self.is_a_page() { fetched } else { self.pick_of_all(fetched.rows) }
    }

    /// What is wanted of a whole collection.
    pub(super) fn pick_of_all(&self, mut rows: Vec<Value>) -> Listed<Value> {
        rows.retain(|row| self.filters.let_through(row));
        if let Some(key) = self.sorted_by() {
            rows.sort_by_cached_key(|row| Key::of(at(row, key)));
            if !self.ascending {
                rows.reverse();
            }
        }
        let total = rows.len() as u64;
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        Listed { rows: rows.into_iter().skip(skip).take(self.limit() as usize).collect(), total }
    }

    /// Whether the store can give just what is wanted.
    fn is_a_page(&self) -> bool {
        self.filters.is_empty() && self.sorted_by().is_none()
    }

    /// What is sorted by, if that is not age.
    fn sorted_by(&self) -> Option<&str> {
        self.sort_key.as_deref().filter(|key| *key != "committed_at")
    }

    fn read(query: BTreeMap<String, String>, body: Map<String, Value>, headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let mut filters = Filters::default();
        for (field, value) in query {
            filters.want(&field, value);
        }
        for (field, value) in body {
            filters.want_any(&field, wanted(value));
        }
        Self {
            filters,
            // FEDn takes 0 for all of them.
            limit: header("x-limit").and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0),
            skip: header("x-skip").and_then(|skip| skip.parse().ok()).unwrap_or_default(),
            sort_key: header("x-sort-key").filter(|key| !key.is_empty()).map(str::to_owned),
            ascending: header("x-sort-order").is_some_and(|order| order.eq_ignore_ascii_case("asc")),
            reverse: header("x-reverse").is_some_and(|reverse| reverse.eq_ignore_ascii_case("true")),
        }
    }
}

/// The values that a field in a body may have: one, a list, or several in a text with commas between them.
fn wanted(value: Value) -> Vec<String> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    match value {
        Value::Array(values) => values.into_iter().map(text).collect(),
        Value::String(values) => values.split(',').map(|value| value.trim().to_owned()).collect(),
        other => vec![text(other)],
    }
}

impl<S: Send + Sync> FromRequest<S> for Listing {
    type Rejection = RestError;

    async fn from_request(request: Request, state: &S) -> RestResult<Self> {
        let Query(query) = Query::try_from_uri(request.uri())?;
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await?;
        Ok(Self::read(query, fields(&headers, &body)?, &headers))
    }
}

/// The fields that a body has.
fn fields(headers: &HeaderMap, body: &Bytes) -> RestResult<Map<String, Value>> {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    if body.is_empty() {
        return Ok(Map::new());
    }
    if kind.starts_with(b"application/x-www-form-urlencoded") {
        let bad = || RestError::bad_request("the body is no form");
        let form = std::str::from_utf8(body).map_err(|_| bad())?;
        let form: Uri = format!("/?{form}").parse().map_err(|_| bad())?;
        let Query(fields) = Query::<BTreeMap<String, String>>::try_from_uri(&form)?;
        return Ok(fields.into_iter().map(|(field, value)| (field, Value::String(value))).collect());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(RestError::bad_request("the body is no JSON object")),
        Err(error) => Err(RestError::bad_request(format!("the body is no JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use axum::http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    async fn listing(uri: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> RestResult<Listing> {
        let mut request = Request::builder().uri(uri).body(body.into()).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Listing::from_request(request, &()).await
    }

    fn three() -> Listed<Value> {
        let rows = [("a", 2), ("b", 10), ("c", 1)].map(|(id, n)| json!({ "id": id, "n": n }));
        Listed { rows: rows.to_vec(), total: 3 }
    }

    fn ids(listed: &Listed<Value>) -> String {
        listed.rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_the_store_can_give_is_left_to_it() {
        let headers = [("x-limit", "2"), ("x-skip", "1"), ("x-sort-key", "committed_at"), ("x-sort-order", "asc")];
        let listing = listing("/models", &headers, "").await.unwrap();
        assert_eq!(listing.page(), Page { offset: 1, limit: 2, newest_first: false, after: None });
        assert_eq!(listing.pick(three()), three());
        let counted = listing.counted();
        assert_eq!((counted.page().limit, counted.page().offset), (0, 0));
    }

    #[tokio::test]
    async fn what_it_cannot_is_looked_through() {
        let headers = [("x-sort-key", "n"), ("x-limit", "1"), ("x-skip", "1")];
        let listing = listing("/models?n__gte=1", &headers, "").await.unwrap();
        assert_eq!((listing.page().offset, listing.page().limit), (0, MAX_LOOKED_THROUGH));
        let picked = listing.pick(three());
        assert_eq!((ids(&picked).as_str(), picked.total), ("a", 3), "b has the largest n and is skipped");
        assert_eq!(listing.counted().pick(three()).total, 3);
    }

    #[tokio::test]
    async fn a_limit_of_nothing_is_no_limit() {
        assert_eq!(listing("/models", &[("x-limit", "0")], "").await.unwrap().limit(), MAX_LIMIT);
        assert_eq!(listing("/models", &[("x-limit", "-1")], "").await.unwrap().limit(), MAX_LIMIT);
    }

    #[tokio::test]
    async fn a_body_filters_too() {
        let (json, form) = ("application/json", "application/x-www-form-urlencoded");
        for (kind, body, expected) in [
            (json, r#"{"id": "a,b"}"#, "ab"),
            (json, r#"{"id": ["a", "c"]}"#, "ac"),
            (json, r#"{"n": 10}"#, "b"),
            (json, "{}", "abc"),
            (json, "", "abc"),
            (form, "id=a%2Cc", "ac"),
        ] {
            let listing = listing("/models/list", &[("content-type", kind)], body).await.unwrap();
            assert_eq!(ids(&listing.pick(three())), expected, "{body}");
        }
        for (kind, body) in [(json, "["), (json, "[1]"), (form, "\u{7f}")] {
            assert!(listing("/models/list", &[("content-type", kind)], body).await.is_err(), "{body}");
        }
    }
}
