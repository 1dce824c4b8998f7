//! Paths as clients write them: with slashes too many, or one too few.

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use tower::util::MapRequest;

/// A router that takes `//a//b/` for `/a/b`.
pub(super) fn forgiving(router: Router) -> MapRequest<Router, fn(Request) -> Request> {
    MapRequest::new(router, normalised)
}

fn normalised(mut request: Request) -> Request {
    let uri = request.uri();
    let path = normal(uri.path());
    if path == uri.path() {
        return request;
    }
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    // It was a path before, and has only lost slashes.
    parts.path_and_query = path_and_query.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

fn normal(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        normal.push('/');
        normal.push_str(part);
    }
    if normal.is_empty() { "/".to_owned() } else { normal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_do_not_count() {
        for (path, expected) in
            [("/clients/", "/clients"), ("//clients//add", "/clients/add"), ("/", "/"), ("", "/"), ("/a/b", "/a/b")]
        {
            assert_eq!(normal(path), expected, "{path}");
        }
    }
}
