//! The GraphiQL page: a workbench for queries, served without help from any other server.

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

mod assets {
    //! Made by the build: see `build/graphiql.rs`.
    include!(concat!(env!("OUT_DIR"), "/graphiql.rs"));
}

/// What the page may do: use what lies beside it, and ask this server. GraphiQL styles its editor from its program.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What there is where the page was not built.
const MISSING: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>fedwit: GraphQL</title>\n\
    <p>GraphiQL is not in this build. <code>cargo xtask graphiql</code> fetches what it is made of; the next build of \
    the server has it then.</p>\n<p>The API itself is at <code>../graphql</code>: POST, and WebSocket at \
    <code>../graphql/ws</code>.</p>\n";

/// The page, and the way to it.
pub(super) fn routes() -> Router {
    Router::new()
        .route("/graphiql", get(way))
        .route("/graphiql/", get(async || asset("index.html")))
        .route("/graphiql/{name}", get(async |Path(name): Path<String>| asset(&name)))
}

/// Leads a browser to the page. Relative, so that it works behind a proxy that puts the server under a path.
pub(super) async fn way() -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, "graphiql/")]).into_response()
}

fn asset(name: &str) -> Response {
    match assets::ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, bytes)) => (headers(content_type), *bytes).into_response(),
        None if name == "index.html" && assets::ASSETS.is_empty() => {
            (headers("text/html; charset=utf-8"), MISSING).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The page changes with the server, and is small enough to be asked for again.
fn headers(content_type: &'static str) -> [(HeaderName, &'static str); 5] {
    [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ]
}
