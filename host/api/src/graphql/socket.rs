//! Queries over a WebSocket, by the protocol `graphql-transport-ws`.
//!
//! What goes over it is async-graphql's; what is here is for how long: a connection ends when its other end is gone,
//! does not read, or never says what it wants, and when the server goes down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_graphql::http::{WebSocket as Protocol, WebSocketProtocols, WsMessage};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, Stream, StreamExt, future};

use super::{Api, Failure, forgery, http};

/// The protocol.
const NAME: &str = "graphql-transport-ws";
/// The largest message from the other end, in bytes.
const LARGEST: usize = 1 << 20;
/// How long the other end may take to say that it speaks the protocol.
const GREETING: Duration = Duration::from_secs(10);
/// How often the other end is asked for a sign of life. It is gone after three times this without one.
const PING: Duration = Duration::from_secs(20);
/// How long a message may take to be sent.
const SENDING: Duration = Duration::from_secs(30);

/// Why a connection is closed by the server.
const GOING_DOWN: (u16, &str) = (1001, "the server is going down");
const NO_GREETING: (u16, &str) = (4408, "Connection initialisation timeout");

/// Opens a connection.
pub(super) async fn open(State(api): State<Api>, uri: Uri, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if let Err(forgeable) = forgery::origin(&headers, &uri) {
        return http::refused(forgeable.status(), Failure::new(forgeable.code(), forgeable.text()));
    }
    if !speaks(&headers) {
        let failure = Failure::invalid("protocol", format!("this server speaks {NAME}"));
        return http::refused(StatusCode::BAD_REQUEST, failure);
    }
    let upgrade = upgrade.protocols([NAME]).max_message_size(LARGEST).max_frame_size(LARGEST);
    upgrade.on_upgrade(move |socket| serve(socket, api))
}

fn speaks(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|name| name.trim() == NAME)
}

async fn serve(socket: WebSocket, api: Api) {
    let draining = api.federation.draining();
    let (mut sink, incoming) = socket.split();
    let alive = Alive::default();
    let incoming = messages(incoming, alive.clone());
    let mut outgoing = Box::pin(Protocol::new(api.execution.of_connection(), incoming, WebSocketProtocols::GraphQLWS));
    let mut pings = tokio::time::interval(PING);
    pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let greeting = tokio::time::sleep(GREETING);
    tokio::pin!(greeting);
    let mut greeted = false;
    loop {
        let sent = tokio::select! {
            message = outgoing.next() => match message {
                Some(WsMessage::Text(text)) => {
                    greeted = true;
                    send(&mut sink, Message::Text(text.into())).await
                }
                Some(WsMessage::Close(code, reason)) => return close(&mut sink, code, reason).await,
                None => return close(&mut sink, 1000, String::new()).await,
            },
            _ = pings.tick() => alive.recently() && send(&mut sink, Message::Ping(Bytes::new())).await,
            () = &mut greeting, if !greeted => {
                return close(&mut sink, NO_GREETING.0, NO_GREETING.1.to_owned()).await;
            }
            () = draining.cancelled() => {
                return close(&mut sink, GOING_DOWN.0, GOING_DOWN.1.to_owned()).await;
            }
        };
        if !sent {
            return;
        }
    }
}

/// What the other end says, until it is gone.
fn messages(incoming: impl Stream<Item = Result<Message, axum::Error>>, alive: Alive) -> impl Stream<Item = Bytes> {
    incoming.take_while(|message| future::ready(message.is_ok())).filter_map(move |message| {
        alive.now();
        future::ready(match message {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => Some(message.into_data()),
            _ => None,
        })
    })
}

/// Sends a message. False if the other end does not take it.
async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    matches!(tokio::time::timeout(SENDING, sink.send(message)).await, Ok(Ok(())))
}

/// Says why the connection ends. Whether that arrives does not matter any more.
async fn close(sink: &mut SplitSink<WebSocket, Message>, code: u16, mut reason: String) {
    // The protocol has room for 123 bytes.
    reason.truncate(reason.floor_char_boundary(123));
    send(sink, Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}

/// When the other end was last heard of.
#[derive(Clone)]
struct Alive(Arc<Mutex<Instant>>);

impl Default for Alive {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Alive {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn recently(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < 3 * PING
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn one_protocol_is_spoken() {
        let headers = |value| HeaderMap::from_iter([(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value))]);
        assert!(speaks(&headers("graphql-transport-ws")));
        assert!(speaks(&headers("graphql-ws, graphql-transport-ws")));
        assert!(!speaks(&headers("graphql-ws")));
        assert!(!speaks(&HeaderMap::new()));
    }
}
