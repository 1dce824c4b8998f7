//! What is refused, whatever it asks for.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::support::{Server, error};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn what_a_form_of_another_site_can_send_is_refused() {
    let server = Server::start().await;
    let query = json!({ "query": "{ server { version } }" }).to_string();
    for form in ["text/plain", "application/x-www-form-urlencoded"] {
        let (status, answer) = server.send(&[("content-type", form)], query.clone()).await;
        assert_eq!((status, error(&answer).0.as_str()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE"));
    }
    let (status, _) = server.send(&[], query).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_query_that_is_too_deep_is_refused() {
    let server = Server::start().await;
    let nested = |depth: usize| {
        format!("{{ models {{ nodes {{ {}id{} }} }} }}", "parent { ".repeat(depth - 3), " }".repeat(depth - 3))
    };
    server.data(&nested(12), Value::Null).await;
    let (code, text) = server.error(&nested(13), Value::Null).await;
    assert_eq!(code, "QUERY_TOO_LARGE");
    assert!(text.contains("13 deep"), "{text}");
}

#[tokio::test]
async fn a_query_that_asks_for_too_much_is_refused() {
    let server = Server::start().await;
    let much = "{ sessions(first: 500) { nodes { rounds(first: 500) { nodes { id } } } } }";
    assert_eq!(server.error(much, Value::Null).await.0, "QUERY_INVALID");
    // The page of a notebook: all rounds of a session with all who took part.
    let usual = "{ session(id: \"00000000-0000-4000-8000-000000000000\") { rounds(first: 100) { nodes { number \
                 participants { nodes { clientId status examples durationMs client { name } } } } } } }";
    server.data(usual, Value::Null).await;
    let names = (0..1000).map(|index| format!("m{index}: pauseSession(id: \"x\") {{ id }}"));
    let many = format!("mutation {{ {} }}", names.collect::<Vec<_>>().join(" "));
    assert_eq!(server.error(&many, Value::Null).await.0, "QUERY_INVALID");
}

#[tokio::test]
async fn a_query_that_is_none_is_refused() {
    let server = Server::start().await;
    for query in ["", "{", "{ nothing }", "{ server }", "query a { server { version } } query b { server { now } }"] {
        assert_eq!(server.error(query, Value::Null).await.0, "QUERY_INVALID", "{query}");
    }
    for body in ["", "{", "1", "{\"query\": null}", "{\"query\": 1}"] {
        let (status, answer) = server.send(&JSON, body).await;
        assert_eq!((status, error(&answer).0.as_str()), (StatusCode::BAD_REQUEST, "INVALID"), "{body}");
    }
}

#[tokio::test]
async fn ten_queries_are_answered_at_once_and_no_more() {
    let server = Server::start().await;
    let batch = |count| json!(vec![json!({ "query": "{ server { ready } }" }); count]).to_string();
    let (status, answer) = server.send(&JSON, batch(10)).await;
    assert_eq!((status, answer.as_array().map(Vec::len)), (StatusCode::OK, Some(10)));
    let (status, answer) = server.send(&JSON, batch(11)).await;
    assert_eq!((status, error(&answer).0.as_str()), (StatusCode::BAD_REQUEST, "INVALID"));
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let server = Server::start().await;
    let query = json!({ "query": format!("{{ server {{ ready }} }} #{}", "x".repeat(1 << 20)) }).to_string();
    let (status, answer) = server.send(&JSON, query).await;
    assert_eq!((status, error(&answer).0.as_str()), (StatusCode::BAD_REQUEST, "INVALID"));
}
