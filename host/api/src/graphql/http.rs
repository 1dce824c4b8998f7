//! Queries over HTTP: what is refused before they are looked at, and how they are answered.

use std::time::Duration;

use async_graphql::{BatchRequest, BatchResponse, Executor};
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::forgery::{self, Content};
use super::{Api, Failure, multipart};

/// The largest query, with its variables, in bytes.
const LARGEST: usize = 1 << 20;
/// How long it may take to come.
const READING: Duration = Duration::from_secs(30);
/// How many queries may be sent at once.
const BATCH: usize = 10;

/// Answers a POST.
pub(super) async fn post(State(api): State<Api>, request: Request) -> Response {
    let content = match forgery::content(request.headers()) {
        Ok(content) => content,
        Err(forgeable) => {
            return refused(forgeable.status(), Failure::new(forgeable.code(), forgeable.text()));
        }
    };
    let queries = match content {
        Content::Json => json(request.into_body()).await,
        Content::Multipart => match Multipart::from_request(request, &()).await {
            Ok(form) => multipart::receive(form, &api.federation).await.map(BatchRequest::Single),
            Err(rejection) => Err(Failure::invalid("multipart request", rejection.body_text())),
        },
    };
    match queries {
        Ok(queries) => Json(api.execution.execute_batch(queries).await).into_response(),
        Err(failure) => refused(StatusCode::BAD_REQUEST, failure),
    }
}

/// An answer to what could not even be read.
pub(super) fn refused(status: StatusCode, failure: Failure) -> Response {
    (status, Json(BatchResponse::Single(failure.into_response()))).into_response()
}

async fn json(body: Body) -> Result<BatchRequest, Failure> {
    let invalid = |problem: String| Failure::invalid("query", problem);
    let bytes = match tokio::time::timeout(READING, axum::body::to_bytes(body, LARGEST)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(invalid(format!("it cannot be read, or has more than {LARGEST} bytes: {error}"))),
        Err(_) => return Err(invalid(format!("it did not come within {} seconds", READING.as_secs()))),
    };
    let queries: BatchRequest = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    match &queries {
        BatchRequest::Batch(batch) if batch.len() > BATCH => {
            Err(invalid(format!("{} queries at once are more than {BATCH}", batch.len())))
        }
        BatchRequest::Batch(_) | BatchRequest::Single(_) => Ok(queries),
    }
}
