//! The routes of those who operate the server: is it up, does it serve, what does it count.
//!
//! They are answered from the first moment to the last, whatever the application does, and lie before it: no rule of
//! the application about who may ask what applies to them. They change nothing.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::readiness::Readiness;
use crate::telemetry::metrics::Metrics;

/// What Prometheus calls its text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn routes(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(async || "up\n"))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(render).with_state(metrics))
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    match readiness.check() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn render(State(metrics): State<Metrics>) -> Response {
    match tokio::task::spawn_blocking(move || metrics.render()).await {
        Ok(shown) => ([(header::CONTENT_TYPE, PROMETHEUS)], shown).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(routes: &Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = routes.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_follows_the_servers_life_and_the_application() {
        let readiness = Readiness::starting();
        let routes = routes(readiness.clone(), Metrics::unconnected());
        assert_eq!(ask(&routes, "/readyz").await, (503, "starting\n".to_owned()));
        readiness.running(Arc::new(|| Ok(())));
        assert_eq!(ask(&routes, "/readyz").await, (200, "ready\n".to_owned()));
        readiness.running(Arc::new(|| Err("the disk is full".to_owned())));
        assert_eq!(ask(&routes, "/readyz").await, (503, "the disk is full\n".to_owned()));
        readiness.draining();
        let (status, reason) = ask(&routes, "/readyz").await;
        assert!(status == 503 && reason.starts_with("draining"), "{status} {reason}");
        assert_eq!(ask(&routes, "/healthz").await.0, 200, "it is up all the while");
        assert_eq!(ask(&routes, "/metrics").await.0, 200);
    }
}
