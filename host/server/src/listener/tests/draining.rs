//! How the port lets go.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::{any, get};
use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::frames::{ACK, GO_AWAY, PING, frame};
use super::{PATIENCE, Port, client, within};

#[tokio::test]
async fn what_is_under_way_is_answered_and_nothing_new_is_taken() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go_on) = (begun.clone(), go_on.clone());
        async move || {
            begun.notify_one();
            go_on.notified().await;
            "answered"
        }
    };
    for http2 in [false, true] {
        let port = Port::open(Router::new().route("/", get(handler.clone())));
        let asked = tokio::spawn(client(http2).get(port.url("/")).send());
        within(begun.notified()).await;
        port.shutdown.cancel();
        let address = port.address;
        let refused = async {
            while tokio::net::TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        within(refused).await;
        assert!(!port.serving.is_finished(), "it waits for the answer");
        go_on.notify_one();
        assert_eq!(within(asked).await.unwrap().unwrap().text().await.unwrap(), "answered");
        port.closed().await;
    }
}

#[tokio::test]
async fn idle_connections_end_at_once() {
    let port = Port::open(Router::new().route("/", get(async || "here")));
    let (mut silent, mut first, mut second) = (port.connect().await, port.connect().await, port.connect().await);
    first.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    first.until("here").await;
    second.begin_http2().await;
    second.frame().await;

    port.shutdown.cancel();
    second.frame_of(GO_AWAY).await;
    // The server waits for a sign that the client has heard of it.
    let ping = second.frame_of(PING).await;
    second.send(frame(PING, ACK, &ping.payload)).await;
    second.rest().await;
    assert_eq!((first.rest().await, silent.rest().await), (Vec::new(), Vec::new()));
    port.closed().await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off() {
    let router = Router::new().route("/", get(std::future::pending::<&str>));
    for http2 in [false, true] {
        let drain = Duration::from_millis(300);
        let port = Port::draining_within(drain, router.clone(), |_| {});
        let mut asked = Box::pin(client(http2).get(port.url("/")).send());
        // Once the request is on its way, the connection is open.
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut asked).await.is_err());
        let told = Instant::now();
        port.shutdown.cancel();
        port.closed().await;
        assert!(told.elapsed() >= drain && told.elapsed() < PATIENCE);
        assert!(within(asked).await.is_err());
    }
}

#[tokio::test]
async fn a_websocket_is_waited_for() {
    let closing = CancellationToken::new();
    let until_told = {
        let closing = closing.clone();
        async move |mut socket: WebSocket| {
            closing.cancelled().await;
            socket.send(Message::text("good-bye")).await.unwrap();
        }
    };
    let upgrade = async move |upgrade: WebSocketUpgrade| upgrade.on_upgrade(until_told);
    let port = Port::open(Router::new().route("/ws", any(upgrade)));
    let url = port.url("/ws").replace("http:", "ws:");
    let (mut socket, _) = within(tokio_tungstenite::connect_async(url)).await.unwrap();

    port.shutdown.cancel();
    let mut serving = port.serving;
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut serving).await.is_err());
    closing.cancel();
    assert_eq!(within(socket.next()).await.unwrap().unwrap().into_text().unwrap(), "good-bye");
    drop(socket);
    within(serving).await.unwrap();
}
