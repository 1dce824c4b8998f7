//! What goes wrong, as JSON: `{"success": false, "message": ..., "code": ...}`.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use fedwit_domain::IdError;
use fedwit_federation::{ErrorKind, FederationError};
use fedwit_store::StoreError;
use serde_json::json;

use crate::grpc;

/// An answer that is none.
#[derive(Debug)]
pub(super) struct RestError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// What handlers give.
pub(super) type RestResult<T> = Result<T, RestError>;

impl RestError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "INVALID", message: message.into() }
    }

    pub(super) fn not_found(id: &str) -> Self {
        Self::missing(format!("Entity with id: {id:.128} not found"))
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "NOT_FOUND", message: message.into() }
    }

    pub(super) fn gone(message: &str) -> Self {
        Self { status: StatusCode::GONE, code: "NOT_FOUND", message: message.to_owned() }
    }

    pub(super) fn timeout(message: &str) -> Self {
        Self { status: StatusCode::REQUEST_TIMEOUT, code: "UNAVAILABLE", message: message.to_owned() }
    }

    /// A body that cannot be read. FEDn's tools read the message of a 400, and some break on anything else.
    fn unreadable(status: StatusCode, message: String) -> Self {
        let status = if status == StatusCode::PAYLOAD_TOO_LARGE { status } else { StatusCode::BAD_REQUEST };
        Self { status, code: "INVALID", message }
    }

    #[cfg(test)]
    pub(super) fn told(&self) -> (u16, &'static str, &str) {
        (self.status.as_u16(), self.code, &self.message)
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = json!({ "success": false, "message": self.message, "code": self.code });
        (self.status, Json(body)).into_response()
    }
}

impl From<FederationError> for RestError {
    fn from(error: FederationError) -> Self {
        let status = match error.kind() {
            _ if matches!(error, FederationError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Invalid | ErrorKind::Conflict => StatusCode::BAD_REQUEST,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let message = match error.kind() {
            ErrorKind::Internal => {
                tracing::error!(%error, "a request failed: {error}");
                match error {
                    // It names the blob, and is the operator's to act upon.
                    FederationError::Storage(_) => error.to_string(),
                    _ => "An unexpected error occurred".to_owned(),
                }
            }
            _ => error.to_string(),
        };
        Self { status, code: error.code(), message }
    }
}

impl From<StoreError> for RestError {
    fn from(error: StoreError) -> Self {
        FederationError::from(error).into()
    }
}

impl From<IdError> for RestError {
    fn from(error: IdError) -> Self {
        FederationError::from(error).into()
    }
}

impl From<JsonRejection> for RestError {
    fn from(rejection: JsonRejection) -> Self {
        Self::unreadable(rejection.status(), rejection.body_text())
    }
}

impl From<BytesRejection> for RestError {
    fn from(rejection: BytesRejection) -> Self {
        Self::unreadable(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for RestError {
    fn from(rejection: QueryRejection) -> Self {
        Self::unreadable(rejection.status(), rejection.body_text())
    }
}

/// The answer where there is nothing, in the caller's own protocol.
pub(super) async fn no_route(headers: HeaderMap, uri: Uri) -> Response {
    if grpc::is_call(&headers) {
        return grpc::unoffered();
    }
    RestError::missing(format!("there is no {:.200}", uri.path())).into_response()
}

pub(super) async fn no_method(method: Method, uri: Uri) -> RestError {
    let message = format!("{method:.20} is nothing that {:.200} can do", uri.path());
    RestError { status: StatusCode::METHOD_NOT_ALLOWED, code: "INVALID", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(error: FederationError) -> u16 {
        RestError::from(error).status.as_u16()
    }

    #[test]
    fn refusals_have_the_status_that_fedns_tools_read() {
        assert_eq!(status(FederationError::TooFewClients { online: 1, required: 2 }), 400);
        assert_eq!(status(FederationError::Seed { problem: "w: NaN".to_owned() }), 400);
        assert_eq!(status(FederationError::TooLarge { limit_bytes: 1 }), 413);
        assert_eq!(status(FederationError::NotFound { kind: "model", id: String::new() }), 404);
        assert_eq!(status(FederationError::Unavailable("full".to_owned())), 503);
    }

    #[test]
    fn what_the_server_is_to_blame_for_is_not_shown() {
        let error = RestError::from(FederationError::Internal("/secret/path".to_owned()));
        assert_eq!(error.told(), (500, "INTERNAL", "An unexpected error occurred"));
    }
}
