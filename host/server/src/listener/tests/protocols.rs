//! What is spoken on the port.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::Version;
use axum::routing::{any, get, post};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite;

use super::frames::{ACK, PING, SETTINGS, frame};
use super::{Port, client, within};

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(Message::Text(text))) = socket.recv().await {
        socket.send(Message::Text(text)).await.unwrap();
    }
}

#[tokio::test]
async fn both_versions_of_http_are_answered_and_the_peer_is_known() {
    let peer =
        async |version: Version, ConnectInfo(peer): ConnectInfo<SocketAddr>| format!("{version:?} {}", peer.ip());
    let port = Port::open(Router::new().route("/", get(peer)));
    for (http2, expected) in [(false, "HTTP/1.1 127.0.0.1"), (true, "HTTP/2.0 127.0.0.1")] {
        let answer = client(http2).get(port.url("/")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn each_address_is_served() {
    let addresses = ["127.0.0.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
    let listener = super::Listener::bind(&addresses, 64).unwrap();
    let bound = listener.addresses().to_vec();
    let router = Router::new().route("/", get(async || "here"));
    tokio::spawn(listener.serve(router, tokio_util::sync::CancellationToken::new(), super::PATIENCE));
    for address in bound {
        let answer = client(false).get(format!("http://{address}/")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "here");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = super::Listener::bind(&[address], 64).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
}

#[tokio::test]
async fn a_websocket_is_served() {
    let upgrade = async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo);
    let port = Port::open(Router::new().route("/ws", any(upgrade)));
    let url = port.url("/ws").replace("http:", "ws:");
    let (mut socket, _) = within(tokio_tungstenite::connect_async(url)).await.unwrap();
    socket.send(tungstenite::Message::text("hello")).await.unwrap();
    assert_eq!(within(socket.next()).await.unwrap().unwrap().into_text().unwrap(), "hello");
}

#[tokio::test]
async fn a_large_body_arrives_whole_over_both_versions() {
    let length = async |body: Bytes| body.len().to_string();
    let limit = axum::extract::DefaultBodyLimit::disable();
    let port = Port::open(Router::new().route("/", post(length)).layer(limit));
    for http2 in [false, true] {
        let answer = client(http2).post(port.url("/")).body(vec![7; 20_000_000]).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "20000000");
    }
}

#[tokio::test]
async fn pings_are_answered_however_many_come() {
    let port = Port::open(Router::new());
    let mut raw = port.connect().await;
    raw.begin_http2().await;
    // Half an hour's worth of a client that asks every five seconds.
    for number in 0_u64..360 {
        raw.send(frame(PING, 0, &number.to_be_bytes())).await;
        let pong = raw.frame_of(PING).await;
        assert_eq!((pong.flags, pong.payload), (ACK, number.to_be_bytes().to_vec()));
    }
}

#[tokio::test]
async fn a_client_is_told_the_windows_and_limits() {
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    const INITIAL_WINDOW_SIZE: u16 = 4;
    const MAX_FRAME_SIZE: u16 = 5;
    const MAX_HEADER_LIST_SIZE: u16 = 6;
    let port = Port::open(Router::new());
    let mut raw = port.connect().await;
    raw.begin_http2().await;
    let settings = raw.frame_of(SETTINGS).await.payload;
    let setting = |wanted: u16| {
        let (entries, _) = settings.as_chunks::<6>();
        let entry = entries.iter().find(|entry| u16::from_be_bytes([entry[0], entry[1]]) == wanted).unwrap();
        u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]])
    };
    assert_eq!(setting(MAX_CONCURRENT_STREAMS), 256);
    assert_eq!(setting(INITIAL_WINDOW_SIZE), 1 << 20);
    assert_eq!(setting(MAX_HEADER_LIST_SIZE), 32 << 10);
    assert!((64 << 10..=1 << 20).contains(&setting(MAX_FRAME_SIZE)));
}
