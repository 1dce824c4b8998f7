//! What a query is answered with when something is not done.
//!
//! Every error has a code in `extensions.code`, the same as in every other API. Resolvers return [`Failure`], which has
//! no `Display`: async-graphql turns whatever has one into an error by itself, and what is in it would leave the server.

use async_graphql::{Error, ErrorExtensions, Response, ServerError};
use fedwit_domain::ports::LogError;
use fedwit_domain::{IdError, TaskIdError};
use fedwit_federation::{ErrorKind, FederationError};
use fedwit_store::StoreError;

/// The code of what is wrong with a query itself, and not with what it asks for.
const QUERY: &str = "QUERY_INVALID";
/// The code of a failure that is the server's own.
const INTERNAL: &str = "INTERNAL";

/// Why a field has no value.
#[derive(Clone, Debug)]
pub(super) struct Failure(Error);

impl Failure {
    /// A failure with a code of its own.
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self(Error::new(text).extend_with(|_, extensions| extensions.set("code", code)))
    }

    /// Something that was sent is not what it has to be.
    pub(super) fn invalid(what: &'static str, problem: impl Into<String>) -> Self {
        FederationError::Invalid { what, problem: problem.into() }.into()
    }

    /// There is no such thing.
    pub(super) fn not_found(kind: &'static str, id: &impl ToString) -> Self {
        FederationError::NotFound { kind, id: id.to_string() }.into()
    }

    /// What is recorded contradicts itself.
    pub(super) fn damaged(problem: String) -> Self {
        FederationError::Internal(problem).into()
    }

    /// The failure, and one thing more to know about it.
    pub(super) fn with(self, key: &'static str, value: &impl ToString) -> Self {
        Self(self.0.extend_with(|_, extensions| extensions.set(key, value.to_string())))
    }

    /// The failure of a whole request.
    pub(super) fn into_response(self) -> Response {
        let mut error = ServerError::new(self.0.message, None);
        error.extensions = self.0.extensions;
        Response::from_errors(vec![error])
    }
}

impl From<FederationError> for Failure {
    fn from(error: FederationError) -> Self {
        let code = error.code();
        if error.kind() == ErrorKind::Internal {
            tracing::error!(%error, "a query could not be answered");
        }
        if code == INTERNAL {
            return Self::new(code, "the server failed; its log says how");
        }
        Self::new(code, error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        FederationError::from(error).into()
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        FederationError::from(error).into()
    }
}

impl From<IdError> for Failure {
    fn from(error: IdError) -> Self {
        FederationError::from(error).into()
    }
}

impl From<TaskIdError> for Failure {
    fn from(error: TaskIdError) -> Self {
        Self::new("ID_INVALID", error.to_string())
    }
}

impl From<Failure> for Error {
    fn from(Failure(error): Failure) -> Self {
        error
    }
}

/// Sees to it that every error has a code. Those of resolvers have; what is left is wrong with the query.
pub(super) fn coded(mut response: Response) -> Response {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", QUERY);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: &ServerError) -> Option<String> {
        let extensions = error.extensions.as_ref()?;
        extensions.get("code").map(|code| code.clone().into_json().unwrap_or_default().to_string())
    }

    #[test]
    fn a_failure_of_the_server_says_nothing_of_its_inside() {
        let error = FederationError::Internal("disk 7 at /var/lib is on fire".to_owned());
        let response = Failure::from(error).into_response();
        assert_eq!(code(&response.errors[0]).as_deref(), Some("\"INTERNAL\""));
        assert!(!response.errors[0].message.contains("disk"), "{}", response.errors[0].message);
    }

    #[test]
    fn a_failure_of_the_user_names_the_input() {
        let response = Failure::not_found("session", &"abc").with("session", &"x").into_response();
        assert_eq!(code(&response.errors[0]).as_deref(), Some("\"NOT_FOUND\""));
        assert!(response.errors[0].message.contains("abc"));
    }

    #[test]
    fn what_is_wrong_with_a_query_has_a_code_too() {
        let response = coded(Response::from_errors(vec![ServerError::new("unknown field", None)]));
        assert_eq!(code(&response.errors[0]).as_deref(), Some("\"QUERY_INVALID\""));
        let response = coded(Failure::new("MINE", "").into_response());
        assert_eq!(code(&response.errors[0]).as_deref(), Some("\"MINE\""));
    }
}
