//! The GraphiQL page.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION};

use super::support::{Server, read};

/// What the page may do: nothing that leaves this server, and no script that stands in it.
#[tokio::test]
async fn the_page_may_use_what_lies_beside_it_and_nothing_else() {
    let server = Server::start().await;
    let response = server.get("/graphiql/").await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("unsafe-eval"), "{policy}");
    let page = String::from_utf8(read(response).await).unwrap();
    assert!(!page.contains("//"), "the page names another server: {page}");
    assert!(!page.contains("<script>") && !page.contains("onload="), "a script stands in the page: {page}");
    let linked = page.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    for name in linked {
        let response = server.get(&format!("/graphiql/{name}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert!(response.headers().contains_key(CONTENT_SECURITY_POLICY), "{name}");
    }
    assert_eq!(server.get("/graphiql/..%2fCargo.toml").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.get("/graphiql/none.js").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_browser_finds_the_page() {
    let server = Server::start().await;
    for path in ["/graphql", "/graphiql"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(response.headers()[LOCATION], "graphiql/", "{path}");
    }
}
