//! What goes wrong, as JSON: `{"message": ..., "code": ...}`.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use fedwit_domain::IdError;
use fedwit_federation::{ErrorKind, FederationError};
use fedwit_store::StoreError;
use serde_json::json;

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
        let message = format!("Entity with id: {id:.128} not found");
        Self { status: StatusCode::NOT_FOUND, code: "NOT_FOUND", message }
    }

    pub(super) fn missing(message: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "NOT_FOUND", message: message.to_owned() }
    }

    pub(super) fn gone(message: &str) -> Self {
        Self { status: StatusCode::GONE, code: "GONE", message: message.to_owned() }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "message": self.message, "code": self.code }))).into_response()
    }
}

impl From<FederationError> for RestError {
    fn from(error: FederationError) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            // FEDn's tools read the message of a 400, and of nothing else.
            ErrorKind::Invalid | ErrorKind::Conflict => StatusCode::BAD_REQUEST,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let status =
            if matches!(error, FederationError::TooLarge { .. }) { StatusCode::PAYLOAD_TOO_LARGE } else { status };
        let message = match error.kind() {
            ErrorKind::Internal => {
                tracing::error!(%error, "a request failed: {error}");
                "An unexpected error occurred".to_owned()
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
        Self { status: rejection.status(), code: "INVALID", message: rejection.body_text() }
    }
}

impl From<BytesRejection> for RestError {
    fn from(rejection: BytesRejection) -> Self {
        Self { status: rejection.status(), code: "INVALID", message: rejection.body_text() }
    }
}

pub(super) async fn no_route(uri: Uri) -> RestError {
    RestError::missing(&format!("there is no {:.200}", uri.path()))
}
