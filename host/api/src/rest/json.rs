//! Bodies of JSON.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::error::RestError;

/// A body of JSON. One that is none is refused with 400, which is what FEDn's tools read.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = RestError;

    async fn from_request(request: Request, state: &S) -> Result<Self, RestError> {
        let axum::Json(body) = axum::Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}
