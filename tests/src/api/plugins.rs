//! Plugins, as GraphQL installs them.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::{Api, answer};

const INSTALL: &str = "mutation ($file: Upload!) { installPlugin(file: $file) { id } }";

const JOB: &str = "subscription ($id: ID!) { pluginJob(id: $id) {
    id stage source digest code message plugin { name version world enabled }
} }";

impl Api {
    /// Uploads a component that is to be installed and used. Gives the id of the job that does it.
    ///
    /// # Errors
    /// If it is not taken.
    pub async fn install_plugin(&self, file_name: &str, component: Bytes) -> Result<String> {
        let operations = json!({ "query": INSTALL, "variables": { "file": null } }).to_string();
        let form = Form::new()
            .text("operations", operations)
            .text("map", json!({ "0": ["variables.file"] }).to_string())
            .part("0", Part::stream(component).file_name(file_name.to_owned()));
        // Says that no page made a browser send it.
        let request = self.http.post(self.url("/graphql")).header("x-fedwit", "tests").multipart(form);
        let answer = answer(request).await.context("installing a plugin")?;
        let id = answer.body["data"]["installPlugin"]["id"].as_str();
        Ok(id.with_context(|| format!("the plugin is not taken: {answer:?}"))?.to_owned())
    }

    /// Watches an installation until the server says that there is no more to come. Gives what came, in its order.
    ///
    /// # Errors
    /// If it cannot be watched, or takes longer than `patience`.
    pub async fn watch_plugin_job(&self, job: &str, patience: Duration) -> Result<Vec<Value>> {
        let watching = tokio::time::timeout(patience, self.subscribe(JOB, json!({ "id": job }), "pluginJob"));
        watching.await.with_context(|| format!("job {job} has not ended after {patience:?}"))?
    }

    /// All that a subscription says of one field, by the protocol `graphql-transport-ws`.
    async fn subscribe(&self, query: &str, variables: Value, field: &str) -> Result<Vec<Value>> {
        let mut request = format!("ws://{}/graphql/ws", self.address).into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.context("a WebSocket")?;
        let subscribe =
            json!({ "id": "1", "type": "subscribe", "payload": { "query": query, "variables": variables } });
        for message in [json!({ "type": "connection_init" }), subscribe] {
            socket.send(Message::text(message.to_string())).await?;
        }
        let mut said = Vec::new();
        loop {
            let message = socket.next().await.context("the connection ends before the subscription")??;
            let Message::Text(text) = message else {
                ensure!(!message.is_close(), "the server closes the connection: {message:?}");
                continue;
            };
            let mut message: Value = serde_json::from_str(&text)?;
            match message["type"].as_str() {
                Some("connection_ack") => {}
                Some("next") => {
                    let payload = &mut message["payload"];
                    ensure!(payload["errors"].is_null(), "the subscription failed: {payload}");
                    said.push(payload["data"][field].take());
                }
                Some("complete") => return Ok(said),
                _ => bail!("the subscription was answered with {message}"),
            }
        }
    }
}
