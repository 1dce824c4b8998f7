//! What can be asked of a server from outside: REST as FEDn has it, and GraphQL.

mod plugins;
mod sessions;

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

pub use self::sessions::{Participant, Refused, Round, Session};

/// A server's APIs.
#[derive(Clone, Debug)]
pub struct Api {
    http: Client,
    address: SocketAddr,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// What came with it, if it is JSON.
    pub body: Value,
}

/// One for all: a server that is killed takes its connections along, and the next ones are made when they are needed.
static HTTP: LazyLock<Client> = LazyLock::new(|| {
    let client = Client::builder().timeout(Duration::from_secs(60)).pool_max_idle_per_host(0).no_proxy();
    client.build().expect("an HTTP client")
});

impl Api {
    /// The APIs of the server at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { http: HTTP.clone(), address }
    }

    /// Where a path is.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        self.http.get(self.url("/readyz")).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends a REST request, with a body if there is one.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn rest(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut request = self.http.request(method, self.url(&format!("/api/v1/{path}")));
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await.with_context(|| format!("/api/v1/{path}"))
    }

    /// Registers a client that has its own code and may prefer a combiner, and gives what it is told.
    ///
    /// # Errors
    /// If it is not taken.
    pub async fn add_client(&self, id: &str, preferred_combiner: &str) -> Result<Value> {
        let client =
            json!({ "name": id, "client_id": id, "preferred_combiner": preferred_combiner, "package": "local" });
        let answer = self.rest(Method::POST, "clients/add", Some(&client)).await?;
        ensure!(answer.status == StatusCode::OK, "client `{id}` is not taken: {answer:?}");
        Ok(answer.body)
    }

    /// Uploads a seed model, and gives the answer whatever it is.
    ///
    /// # Errors
    /// If there is none.
    pub async fn upload_seed(&self, file_name: &str, file: Bytes) -> Result<Answer> {
        let part = Part::stream(file).file_name(file_name.to_owned());
        let form = Form::new().text("helper", "numpyhelper").part("file", part);
        answer(self.http.post(self.url("/api/v1/models/")).multipart(form)).await.context("uploading a seed model")
    }

    /// Uploads a seed model, and gives its id.
    ///
    /// # Errors
    /// If it is not taken.
    pub async fn add_seed(&self, file: Bytes) -> Result<String> {
        let answer = self.upload_seed("seed.npz", file).await?;
        ensure!(answer.status.is_success(), "the seed model is not taken: {answer:?}");
        match answer.body["model_id"].as_str() {
            Some(id) => Ok(id.to_owned()),
            None => bail!("no model_id in {}", answer.body),
        }
    }

    /// A model's file.
    ///
    /// # Errors
    /// If there is none.
    pub async fn download(&self, model: &str) -> Result<Bytes> {
        let answer = self.http.get(self.url(&format!("/api/v1/models/{model}/download"))).send().await?;
        let answer = answer.error_for_status().with_context(|| format!("model {model}"))?;
        Ok(answer.bytes().await?)
    }

    /// Asks GraphQL.
    ///
    /// # Errors
    /// If the answer has errors.
    pub async fn graphql(&self, query: &str, variables: Value) -> Result<Value> {
        let mut answer = self.graphql_answer(query, variables).await?;
        match &answer["errors"] {
            Value::Null => Ok(answer["data"].take()),
            errors => bail!("GraphQL: {errors}"),
        }
    }

    /// Asks GraphQL, and gives the answer with its errors.
    ///
    /// # Errors
    /// If there is none.
    pub async fn graphql_answer(&self, query: &str, variables: Value) -> Result<Value> {
        let request = json!({ "query": query, "variables": variables });
        let answer = answer(self.http.post(self.url("/graphql")).json(&request)).await.context("/graphql")?;
        ensure!(answer.body.is_object(), "GraphQL answered {answer:?}");
        Ok(answer.body)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer> {
    let answer = request.send().await?;
    let status = answer.status();
    let bytes = answer.bytes().await?;
    // What is no JSON, such as a file or an empty body, is not asked for by this way.
    Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}
