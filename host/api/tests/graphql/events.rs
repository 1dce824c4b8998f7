//! Subscriptions, over a real socket.

use std::time::Duration;

use fedwit_domain::Command;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::script::Script;
use super::support::Server;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

const EVENTS: &str = "subscription ($id: ID!, $after: Int64!) { sessionEvents(sessionId: $id, after: $after) { sequence type \
                      reason session { status } } }";

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Serves, and says where.
async fn listen(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = server.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address.to_string()
}

async fn connect(address: &str, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/graphql/ws").into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (socket, _) = tokio_tungstenite::connect_async(request).await?;
    Ok(Socket(socket))
}

impl Socket {
    /// One that has been greeted.
    async fn open(address: &str) -> Self {
        let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
        let mut socket = connect(address, &[protocol]).await.unwrap();
        socket.say(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        socket
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} is no answer"),
        }
    }

    async fn next(&mut self) -> Message {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap();
            if !matches!(message, Message::Ping(_) | Message::Pong(_)) {
                return message;
            }
        }
    }

    async fn subscribe(&mut self, id: &str, after: u64) {
        let payload = json!({ "query": EVENTS, "variables": { "id": id, "after": after } });
        self.say(json!({ "id": "1", "type": "subscribe", "payload": payload })).await;
    }

    async fn event(&mut self) -> Value {
        let mut answer = self.hear().await;
        assert_eq!(answer["type"], "next", "{answer}");
        answer["payload"]["data"]["sessionEvents"].take()
    }
}

#[tokio::test]
async fn events_are_those_that_were_and_those_that_come() {
    let server = Server::start().await;
    let mut script = Script::run(&server).await;
    let (id, last) = (script.session.id.to_string(), script.session.sequence);
    let mut socket = Socket::open(&listen(&server).await).await;
    socket.subscribe(&id, 0).await;
    for sequence in 1..=last {
        assert_eq!(socket.event().await["sequence"], sequence);
    }
    script.command(Command::Start(fedwit_domain::Start { rounds: 3, ..Default::default() })).await;
    let event = socket.event().await;
    assert_eq!((&event["sequence"], &event["type"]), (&json!(last + 1), &json!("RUN_STARTED")));
    script.command(Command::Stop { reason: "enough".to_owned() }).await;
    let event = socket.event().await;
    assert_eq!((&event["type"], &event["reason"]), (&json!("STOPPED"), &json!("enough")));
    assert_eq!(event["session"]["status"], "STOPPED");
}

#[tokio::test]
async fn who_was_cut_off_goes_on_after_the_last_event() {
    let server = Server::start().await;
    let script = Script::run(&server).await;
    let mut socket = Socket::open(&listen(&server).await).await;
    socket.subscribe(&script.session.id.to_string(), script.session.sequence - 1).await;
    assert_eq!(socket.event().await["sequence"], script.session.sequence);
}

#[tokio::test]
async fn a_subscription_to_nothing_says_so_and_ends() {
    let server = Server::start().await;
    let mut socket = Socket::open(&listen(&server).await).await;
    socket.subscribe("00000000-0000-4000-8000-000000000000", 0).await;
    let answer = socket.hear().await;
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
    assert_eq!(socket.hear().await["type"], "complete");
}

#[tokio::test]
async fn a_query_that_is_too_large_is_refused_here_too() {
    let server = Server::start().await;
    let mut socket = Socket::open(&listen(&server).await).await;
    let query = format!("{{ models {{ nodes {{ {}id{} }} }} }}", "parent { ".repeat(10), " }".repeat(10));
    socket.say(json!({ "id": "1", "type": "subscribe", "payload": { "query": query } })).await;
    let answer = socket.hear().await;
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "QUERY_TOO_LARGE", "{answer}");
}

#[tokio::test]
async fn queries_and_mutations_are_answered_here_too() {
    let server = Server::start().await;
    let script = Script::create(&server).await;
    let mut socket = Socket::open(&listen(&server).await).await;
    let query = "query a { server { ready } } mutation b($id: ID!) { stopSession(id: $id) { status } }";
    let variables = json!({ "id": script.session.id.to_string() });
    for (name, expected) in
        [("a", json!({ "server": { "ready": true } })), ("b", json!({ "stopSession": { "status": "STOPPED" } }))]
    {
        let payload = json!({ "query": query, "operationName": name, "variables": variables });
        socket.say(json!({ "id": name, "type": "subscribe", "payload": payload })).await;
        let answer = socket.hear().await;
        assert_eq!(answer["payload"]["data"], expected, "{answer}");
        assert_eq!(socket.hear().await["type"], "complete");
    }
}

#[tokio::test]
async fn connections_have_their_limit_of_subscriptions() {
    let server = Server::start().await;
    let script = Script::create(&server).await;
    let mut socket = Socket::open(&listen(&server).await).await;
    let variables = json!({ "id": script.session.id.to_string(), "after": 1 });
    for id in 0..65 {
        let payload = json!({ "query": EVENTS, "variables": variables });
        socket.say(json!({ "id": id.to_string(), "type": "subscribe", "payload": payload })).await;
    }
    let answer = socket.hear().await;
    assert_eq!(answer["id"], "64", "{answer}");
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_connection() {
    let server = Server::start().await;
    let address = listen(&server).await;
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    let own = format!("http://{address}");
    assert!(connect(&address, &[protocol, ("origin", &own)]).await.is_ok());
    for headers in [&[protocol, ("origin", "http://evil.example")][..], &[protocol, ("origin", "null")]] {
        let refused = connect(&address, headers).await.err();
        assert!(matches!(&refused, Some(Error::Http(answer)) if answer.status() == 403), "{refused:?}");
    }
    for headers in [&[][..], &[("sec-websocket-protocol", "graphql-ws")]] {
        let refused = connect(&address, headers).await.err();
        assert!(matches!(&refused, Some(Error::Http(answer)) if answer.status() == 400), "{refused:?}");
    }
}

#[tokio::test]
async fn connections_end_when_the_server_goes_down() {
    let server = Server::start().await;
    let script = Script::create(&server).await;
    let mut socket = Socket::open(&listen(&server).await).await;
    socket.subscribe(&script.session.id.to_string(), 0).await;
    assert_eq!(socket.event().await["type"], "SESSION_CREATED");
    server.federation.shutdown().await;
    loop {
        match socket.next().await {
            Message::Close(Some(frame)) => {
                assert_eq!(u16::from(frame.code), 1001);
                return;
            }
            Message::Text(text) => assert!(text.contains("complete"), "{text}"),
            other => panic!("{other:?} is no end"),
        }
    }
}
