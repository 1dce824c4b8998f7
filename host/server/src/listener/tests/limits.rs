//! What a client may not make the server wait for, hold or put up with.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::time::Instant;

use super::frames::PING;
use super::{Port, client};

const SOON: Duration = Duration::from_millis(300);

fn impatient() -> Port {
    Port::with(Router::new().route("/", get(async || "here")), |listener| listener.deadlines.header = SOON)
}

#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let port = impatient();
    assert_eq!(port.connect().await.rest().await, b"");
}

#[tokio::test]
async fn a_client_that_does_not_end_its_header_is_let_go() {
    let port = impatient();
    for begun in ["G", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost: a\r\nx: "] {
        let mut raw = port.connect().await;
        raw.send(begun).await;
        let rest = raw.rest().await;
        assert!(rest.is_empty(), "{begun:?}: {}", String::from_utf8_lossy(&rest));
    }
}

#[tokio::test]
async fn a_header_in_drops_does_not_stretch_the_deadline() {
    let port = impatient();
    let mut raw = port.connect().await;
    let begun = Instant::now();
    raw.send("GET / HTTP/1.1\r\nhost: a\r\n").await;
    let mut drops = tokio::time::interval(Duration::from_millis(10));
    // Ends when the server has closed and the system says so.
    while tokio::io::AsyncWriteExt::write_all(&mut raw.0, b"x: y\r\n").await.is_ok() {
        assert!(begun.elapsed() < super::PATIENCE, "the server still listens");
        drops.tick().await;
    }
}

#[tokio::test]
async fn a_client_that_has_asked_may_wait_longer_than_a_header_may_take() {
    let slow = async || {
        tokio::time::sleep(3 * SOON).await;
        "at last"
    };
    let port = Port::with(Router::new().route("/", get(slow)), |listener| listener.deadlines.header = SOON);
    for http2 in [false, true] {
        let answer = client(http2).get(port.url("/")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "at last");
    }
}

#[tokio::test]
async fn a_client_that_has_gone_silent_over_http2_is_asked_and_let_go() {
    let port = Port::with(Router::new(), |listener| {
        listener.deadlines.ping_interval = SOON;
        listener.deadlines.ping_timeout = SOON;
    });
    let mut raw = port.connect().await;
    raw.begin_http2().await;
    raw.frame_of(PING).await;
    raw.rest().await;
}

#[tokio::test]
async fn headers_are_bounded_over_both_versions() {
    let port = Port::open(Router::new().route("/", get(async || "here")));
    for http2 in [false, true] {
        let small = client(http2).get(port.url("/")).header("x", "y".repeat(8_000)).send().await.unwrap();
        assert_eq!(small.status(), 200, "{http2}");
        let large = client(http2).get(port.url("/")).header("x", "y".repeat(200_000)).send().await;
        // Over HTTP/2 a client may also refuse to send what it was told is too much.
        assert!(large.is_err() || large.is_ok_and(|answer| answer.status() == 431), "{http2}");
    }
    let mut many = client(false).get(port.url("/"));
    for number in 0..200 {
        many = many.header(format!("x-{number}"), "y");
    }
    assert_eq!(many.send().await.unwrap().status(), 431);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_the_next_is_served() {
    let ask = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let router = Router::new().route("/", get(async || "here"));
    let port = Port::with(router, |listener| listener.most_connections = 1);
    let mut first = port.connect().await;
    first.send(ask).await;
    first.until("here").await;

    assert_eq!(port.connect().await.rest().await, b"");

    first.send(ask).await;
    first.until("here").await;
    drop(first);
    let begun = Instant::now();
    loop {
        let mut next = port.connect().await;
        // It may be closed before it has sent all of this.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut next.0, b"GET / HTTP/1.0\r\n\r\n").await;
        if next.rest().await.ends_with(b"here") {
            break;
        }
        assert!(begun.elapsed() < super::PATIENCE, "the place is not given on");
    }
}

#[test]
fn connections_leave_files_for_the_rest() {
    assert_eq!(super::super::most_connections(1_024), 512);
    assert_eq!(super::super::most_connections(0), 1);
    assert_eq!(super::super::most_connections(u64::MAX), 65_536);
}
