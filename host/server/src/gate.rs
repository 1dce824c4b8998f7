//! Holds requests back until the application is there to answer them.
//!
//! The port is open before the application has read its records, so that probes are answered and clients that come
//! back after a restart find somebody. Their requests wait here for a moment and are answered as soon as they can be;
//! FEDn's clients would take any error of theirs, even a refused connection, as a reason to exit.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::SetOnce;
use tower::ServiceExt;

/// How long a request waits. Shorter than the ten seconds that FEDn's clients wait for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// What gRPC calls a server that is not there right now; its clients try again.
const UNAVAILABLE: &str = "14";

/// Closed at first. Once opened, it stays open.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<SetOnce<Router>>);

impl Gate {
    /// Lets requests through to the application, those that wait too.
    pub(crate) fn open(&self, application: Router) {
        // There is one application in a process's life, and the first stays.
        let _ = self.0.set(application);
    }

    /// Takes what no route before it took.
    pub(crate) fn behind(self, routes: Router) -> Router {
        routes.fallback_service(pass.with_state(self))
    }
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    let application = match gate.0.get() {
        Some(application) => application.clone(),
        None => match tokio::time::timeout(PATIENCE, gate.0.wait()).await {
            Ok(application) => application.clone(),
            Err(_) => return not_yet(request.headers()),
        },
    };
    match application.oneshot(request).await {
        Ok(response) => response,
        Err(error) => match error {},
    }
}

fn not_yet(request: &HeaderMap) -> Response {
    let is_grpc = |value: &header::HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    if request.get(header::CONTENT_TYPE).is_some_and(is_grpc) {
        let headers =
            [("content-type", "application/grpc"), ("grpc-status", UNAVAILABLE), ("grpc-message", "starting")];
        return headers.into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "starting\n").into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use futures_util::FutureExt;

    use super::*;

    fn routes() -> Router {
        Router::new().route("/healthz", get(async || "up"))
    }

    fn application() -> Router {
        Router::new().route("/here", get(async || "answered")).fallback(async || (StatusCode::NOT_FOUND, "nowhere"))
    }

    fn ask(router: &Router, path: &str) -> impl Future<Output = Response> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).map(Result::unwrap)
    }

    async fn text(response: Response) -> (u16, String) {
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 10).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_request_waits_for_the_application() {
        let gate = Gate::default();
        let router = gate.clone().behind(routes());
        let mut waiting = Box::pin(ask(&router, "/here"));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(text(ask(&router, "/healthz").await).await, (200, "up".to_owned()));
        gate.open(application());
        assert_eq!(text(waiting.await).await, (200, "answered".to_owned()));
    }

    #[tokio::test]
    async fn the_application_has_the_last_word_on_what_there_is() {
        let gate = Gate::default();
        let router = gate.clone().behind(routes());
        gate.open(application());
        assert_eq!(text(ask(&router, "/here").await).await, (200, "answered".to_owned()));
        assert_eq!(text(ask(&router, "/there").await).await, (404, "nowhere".to_owned()));
    }

    #[test]
    fn who_has_waited_enough_is_told_to_come_again() {
        let mut headers = HeaderMap::new();
        let response = not_yet(&headers);
        assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        headers.insert("content-type", "application/grpc+proto".parse().unwrap());
        let response = not_yet(&headers);
        assert_eq!((response.status().as_u16(), &response.headers()["grpc-status"]), (200, &"14".parse().unwrap()));
    }
}
