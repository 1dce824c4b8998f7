//! Paths as clients write them: with slashes too many, or one too few.
//!
//! FEDn's client joins an address that ends in a slash with a path that begins with one, and its tools write both
//! `models` and `models/`.

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use tower::util::MapRequest;

/// A router that takes `//a//b/` for `/a/b`.
pub(crate) type Forgiving = MapRequest<Router, fn(Request) -> Request>;

pub(super) fn forgiving(router: Router) -> Forgiving {
    MapRequest::new(router, normalised)
}

fn normalised(mut request: Request) -> Request {
    if let Some(uri) = normal(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The address without slashes that do not count, if it has any.
fn normal(uri: &Uri) -> Option<Uri> {
    let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let path = format!("/{}", parts.join("/"));
    if path == uri.path() {
        return None;
    }
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn slashes_do_not_count() {
        for (uri, expected) in [
            ("/clients/", "/clients"),
            ("//api/v1//clients/add?a=//b/", "/api/v1/clients/add?a=//b/"),
            ("//", "/"),
            ("http://host:1//a/", "http://host:1/a"),
        ] {
            assert_eq!(normal(&uri.parse().unwrap()).unwrap(), expected, "{uri}");
        }
        for uri in ["/", "/a/b", "/a?b=c//d/", "http://host/a"] {
            assert_eq!(normal(&uri.parse().unwrap()), None, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_router_is_asked_for_what_is_meant() {
        let router = Router::new().nest("/api/v1", Router::new().route("/packages/download", get(async || "it")));
        // As a client builds it: `http://host/` and `/api/v1/packages/download`.
        let request = Request::builder().uri("//api/v1/packages/download").body(Body::empty()).unwrap();
        let router = Router::new().fallback_service(forgiving(router));
        assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::OK);
    }
}
