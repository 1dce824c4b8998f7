//! A subscription to a running server: GraphQL over a WebSocket, by the protocol `graphql-transport-ws`.
//!
//! The connection is the HTTP client's, upgraded: what it trusts, and which proxies it goes by, is said once.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use reqwest::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use reqwest::{StatusCode, Upgraded};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::server::{Refused, Server};

const PROTOCOL: &str = "graphql-transport-ws";
/// The only one on the connection.
const ID: &str = "1";
/// The largest message that is read.
const LARGEST: usize = 1 << 20;
/// How long it may take until the server speaks the protocol.
const GREETING: Duration = Duration::from_secs(30);
/// How long nothing may come: the server asks for a sign of life every 20 s.
const SILENCE: Duration = Duration::from_secs(70);

/// A subscription that was opened.
pub(super) struct Subscription {
    socket: WebSocketStream<Upgraded>,
}

impl Subscription {
    /// Opens it on a connection of its own.
    pub(super) async fn open(server: &Server, query: &str, variables: Value) -> Result<Self> {
        let opened = tokio::time::timeout(GREETING, Self::greet(server, query, variables)).await;
        let url = server.socket_url();
        opened.with_context(|| format!("{url} says nothing for {} s", GREETING.as_secs()))?
    }

    async fn greet(server: &Server, query: &str, variables: Value) -> Result<Self> {
        let socket = connect(server).await?;
        let mut subscription = Self { socket };
        subscription.send(&json!({ "type": "connection_init" })).await?;
        loop {
            let message = subscription.hear().await?.context("the server closes the connection at once")?;
            if message["type"] == "connection_ack" {
                break;
            }
        }
        let payload = json!({ "query": query, "variables": variables });
        subscription.send(&json!({ "id": ID, "type": "subscribe", "payload": payload })).await?;
        Ok(subscription)
    }

    /// The next data; nothing once it has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            let Some(mut message) = self.hear().await? else { return Ok(None) };
            let mut payload = message["payload"].take();
            match message["type"].as_str().unwrap_or_default() {
                "next" => {
                    refusal(&payload["errors"])?;
                    return Ok(Some(payload["data"].take()));
                }
                "error" => {
                    refusal(&payload)?;
                    bail!("the server refuses the subscription without a reason");
                }
                "complete" => return Ok(None),
                _ => {}
            }
        }
    }

    async fn send(&mut self, message: &Value) -> Result<()> {
        let sent = tokio::time::timeout(SILENCE, self.socket.send(Message::text(message.to_string()))).await;
        sent.context("the server does not read")?.context("speaking with the server")
    }

    /// The next message of the protocol; nothing once the connection is closed.
    async fn hear(&mut self) -> Result<Option<Value>> {
        loop {
            let message = tokio::time::timeout(SILENCE, self.socket.next()).await;
            let message = message.with_context(|| format!("the server says nothing for {} s", SILENCE.as_secs()))?;
            let Some(message) = message else { return Ok(None) };
            match message.context("listening to the server")? {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).context("the server says what is no JSON")?;
                    if message["type"] != "ping" {
                        return Ok(Some(message));
                    }
                    self.send(&json!({ "type": "pong" })).await?;
                }
                // Its answer is made, and waits to be sent.
                Message::Ping(_) => {
                    let sent = tokio::time::timeout(SILENCE, self.socket.flush()).await;
                    sent.context("the server does not read")?.context("speaking with the server")?;
                }
                Message::Close(_) => return Ok(None),
                _ => {}
            }
        }
    }
}

/// What a server's errors come to, if there are any.
fn refusal(errors: &Value) -> Result<()> {
    match errors.get(0) {
        None => Ok(()),
        Some(error) => {
            let text = |value: &Value| value.as_str().unwrap_or_default().escape_debug().to_string();
            Err(Refused::or_failure(text(&error["extensions"]["code"]), text(&error["message"])))
        }
    }
}

async fn connect(server: &Server) -> Result<WebSocketStream<Upgraded>> {
    let url = server.socket_url();
    let key = generate_key();
    let request = server.socket_client().get(&url);
    let request = request.header(CONNECTION, "Upgrade").header(UPGRADE, "websocket");
    let request = request.header("sec-websocket-version", "13").header(SEC_WEBSOCKET_KEY, &key);
    let answer = request.header(SEC_WEBSOCKET_PROTOCOL, PROTOCOL).send().await;
    let answer = answer.with_context(|| format!("no answer from {url}"))?;
    let status = answer.status();
    ensure!(status == StatusCode::SWITCHING_PROTOCOLS, "{url} answers with {status}, and opens no WebSocket");
    let accept = answer.headers().get(SEC_WEBSOCKET_ACCEPT).and_then(|value| value.to_str().ok());
    ensure!(accept == Some(&derive_accept_key(key.as_bytes())), "{url} opens a WebSocket that nobody asked for");
    let connection = answer.upgrade().await.with_context(|| format!("opening {url}"))?;
    let limits = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    Ok(WebSocketStream::from_raw_socket(connection, Role::Client, Some(limits)).await)
}
