//! Lists of JSON objects: filtered by equality of any field, sorted, and cut into pages.
//!
//! What a collection can filter by itself it takes out of the [`Filters`]; what is left is compared with the objects. A
//! list that is filtered so, or sorted by anything but age, is made of the newest rows, up to a bound.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::HeaderMap;
use fedwit_store::{Listed, Page};
use serde_json::{Value, json};

use super::error::{RestError, RestResult};

/// Objects that are looked through where the store cannot filter, at most.
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

/// Fields and the values that they have to have.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters(BTreeMap<String, String>);

impl Filters {
    /// Takes a field out, if the value can be one of the type. One that cannot stays, and lets nothing through.
    pub(super) fn take<T: FromStr>(&mut self, field: &str) -> Option<T> {
        let parsed = self.0.get(field)?.parse().ok()?;
        self.0.remove(field);
        Some(parsed)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn lets_through(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, wanted)| {
            let (path, test) = match field.rsplit_once("__") {
                Some((path, test)) => (path, test),
                None => (field.as_str(), "eq"),
            };
            let pointer = format!("/{}", path.replace('.', "/"));
            compare(object.pointer(&pointer).unwrap_or(&Value::Null), test, wanted)
        })
    }
}

fn compare(found: &Value, test: &str, wanted: &str) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = match found {
        Value::Null => (wanted == "null").then_some(Equal),
        Value::Bool(flag) => wanted.parse().ok().map(|wanted: bool| flag.cmp(&wanted)),
        Value::Number(number) => number.as_f64().and_then(|number| number.partial_cmp(&wanted.parse().ok()?)),
        Value::String(text) => Some(text.as_str().cmp(wanted)),
        Value::Array(_) | Value::Object(_) => None,
    };
    match test {
        "eq" => order == Some(Equal),
        "ne" => order != Some(Equal),
        "gt" => order == Some(Greater),
        "gte" => matches!(order, Some(Greater | Equal)),
        "lt" => order == Some(Less),
        "lte" => matches!(order, Some(Less | Equal)),
        _ => false,
    }
}

impl Listing {
    /// The list, from what gives a page of the collection for the filters that it has taken.
    pub(super) async fn answer(
        self,
        fetch: impl AsyncFnOnce(Page) -> RestResult<Listed<Value>>,
    ) -> RestResult<Json<Value>> {
        let limit = self.limit.unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
        let by_age = self.sort_key.as_deref().is_none_or(|key| key == "committed_at");
        if self.filters.is_empty() && by_age {
            let page = Page { offset: self.skip, limit, newest_first: !self.ascending, after: None };
            let Listed { rows, total } = fetch(page).await?;
            return Ok(Json(json!({ "count": total, "result": rows })));
        }
        let page = Page { newest_first: !self.ascending, ..Page::first(MAX_LOOKED_THROUGH) };
        let mut rows = fetch(page).await?.rows;
        rows.retain(|row| self.filters.lets_through(row));
        if let Some(key) = self.sort_key.as_ref().filter(|_| !by_age) {
            sort(&mut rows, key, self.ascending);
        }
        let total = rows.len();
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let rows: Vec<Value> = rows.into_iter().skip(skip).take(limit as usize).collect();
        Ok(Json(json!({ "count": total, "result": rows })))
    }

    /// How many there are.
    pub(super) async fn count(
        self,
        fetch: impl AsyncFnOnce(Page) -> RestResult<Listed<Value>>,
    ) -> RestResult<Json<Value>> {
        let Json(answer) = Self { limit: Some(0), skip: 0, sort_key: None, ..self }.answer(fetch).await?;
        Ok(Json(answer["count"].clone()))
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit.unwrap_or(MAX_LIMIT).min(MAX_LIMIT)
    }

    fn read(query: BTreeMap<String, String>, headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let filters = query.into_iter().map(|(field, value)| (snake_case(&field), value)).collect();
        Self {
            filters: Filters(filters),
            limit: header("x-limit").and_then(|limit| limit.parse().ok()),
            skip: header("x-skip").and_then(|skip| skip.parse().ok()).unwrap_or_default(),
            sort_key: header("x-sort-key").filter(|key| !key.is_empty()).map(str::to_owned),
            ascending: header("x-sort-order").is_some_and(|order| order.eq_ignore_ascii_case("asc")),
            reverse: header("x-reverse").is_some_and(|reverse| reverse.eq_ignore_ascii_case("true")),
        }
    }
}

fn sort(rows: &mut [Value], key: &str, ascending: bool) {
    let pointer = format!("/{}", key.replace('.', "/"));
    let of = |row: &Value| row.pointer(&pointer).cloned().unwrap_or(Value::Null);
    rows.sort_by(|left, right| {
        let (left, right) = (of(left), of(right));
        let order = match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            _ => left.as_str().unwrap_or_default().cmp(right.as_str().unwrap_or_default()),
        };
        if ascending { order } else { order.reverse() }
    });
}

/// Clients of two generations write `session_id` and `sessionId`.
fn snake_case(field: &str) -> String {
    let mut snake = String::with_capacity(field.len() + 4);
    for character in field.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

impl<S: Send + Sync> FromRequest<S> for Listing {
    type Rejection = RestError;

    /// From the query, and, where there is one, from a body of JSON or of a form.
    async fn from_request(request: Request, state: &S) -> Result<Self, RestError> {
        let (mut parts, body) = request.into_parts();
        let query = Query::<BTreeMap<String, String>>::from_request_parts(&mut parts, state).await;
        let Query(mut fields) = query.map_err(|error| RestError::bad_request(error.body_text()))?;
        let headers = parts.headers.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), state).await?;
        if !body.is_empty() {
            let is_json =
                headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
            let told: Value = if is_json {
                serde_json::from_slice(&body).map_err(|error| RestError::bad_request(error.to_string()))?
            } else {
                let uri = format!("/?{}", String::from_utf8_lossy(&body));
                let uri = uri.parse().map_err(|_| RestError::bad_request("the body is no form"))?;
                let Query(form) = Query::<BTreeMap<String, String>>::try_from_uri(&uri)
                    .map_err(|error| RestError::bad_request(error.body_text()))?;
                json!(form)
            };
            for (field, value) in told.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                fields.insert(field.clone(), text);
            }
        }
        Ok(Self::read(fields, &headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(fields: &[(&str, &str)]) -> Filters {
        Filters(fields.iter().map(|(field, value)| (snake_case(field), (*value).to_owned())).collect())
    }

    #[test]
    fn any_field_can_be_asked_for() {
        let object = json!({"a": 1, "b": {"c": "x"}, "d": null, "e": true, "session_id": "s"});
        for fields in [
            &[("a", "1")][..],
            &[("a__gt", "0"), ("a__lte", "1")],
            &[("b.c", "x")],
            &[("b.c__ne", "y")],
            &[("d", "null")],
            &[("e", "true")],
            &[("sessionId", "s")],
        ] {
            assert!(filters(fields).lets_through(&object), "{fields:?}");
        }
        for fields in [&[("a", "2")][..], &[("a", "x")], &[("none", "1")], &[("b", "x")], &[("a__what", "1")]] {
            assert!(!filters(fields).lets_through(&object), "{fields:?}");
        }
    }

    #[test]
    fn what_is_of_another_type_is_not_taken() {
        let mut filters = filters(&[("n", "x"), ("m", "1")]);
        assert_eq!((filters.take::<u32>("n"), filters.take::<u32>("m")), (None, Some(1)));
        assert!(!filters.is_empty());
    }
}
