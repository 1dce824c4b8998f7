//! A running server, asked by GraphQL.

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use fedwit_federation::RegistryError;
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use thiserror::Error;

use super::REFUSED;

/// How long an answer may take, an upload included.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it may take until somebody listens.
const CONNECT: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read.
const LONGEST: usize = 16 << 20;
/// Says that no page made a browser send the request.
const OWN: (&str, &str) = ("x-fedwit", "fedwit");

#[derive(Args)]
pub(crate) struct ServerArguments {
    /// The server.
    #[arg(long = "server", value_name = "URL", env = "FEDWIT_SERVER", default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// A plugin of a server.
#[derive(Args)]
pub(crate) struct NamedPlugin {
    /// Its name; or its digest, where several have the name.
    #[arg(value_name = "NAME|DIGEST")]
    plugin: String,
}

/// A running server.
pub(super) struct Server {
    http: Client,
    /// For subscriptions, which upgrade their connection: HTTP/2 has no upgrade.
    sockets: Client,
    url: String,
}

/// The server understood, and will not do it.
#[derive(Debug, Error)]
#[error("{message} ({code})")]
pub(super) struct Refused {
    /// Of `docs/errors.md`.
    pub(super) code: String,
    pub(super) message: String,
}

impl NamedPlugin {
    /// What a query's variables `$name` and `$digest` are.
    pub(super) fn variables(&self) -> Value {
        let is_digest = self.plugin.len() == 64 && self.plugin.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest { json!({ "digest": self.plugin }) } else { json!({ "name": self.plugin }) }
    }
}

impl Server {
    pub(super) fn new(arguments: &ServerArguments) -> Result<Self> {
        let url = arguments.url.trim_end_matches('/');
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("`{url}` is no server: write http://HOST:PORT or https://HOST");
        }
        // Over https it is trusted by the system's certificates; there may be none where nobody needs them.
        let builder = || {
            let builder = Client::builder().connect_timeout(CONNECT).redirect(Policy::none());
            if url.starts_with("https://") { builder } else { builder.tls_certs_only([]) }
        };
        let http = builder().timeout(PATIENCE).build().context("an HTTP client")?;
        let sockets = builder().http1_only().build().context("an HTTP client")?;
        Ok(Self { http, sockets, url: format!("{url}/graphql") })
    }

    /// Where subscriptions are opened, and what with.
    pub(super) fn socket_url(&self) -> String {
        format!("{}/ws", self.url)
    }

    pub(super) fn socket_client(&self) -> &Client {
        &self.sockets
    }

    /// The data that answers a query.
    pub(super) async fn ask(&self, query: &str, variables: Value) -> Result<Value> {
        let request = self.http.post(&self.url).json(&json!({ "query": query, "variables": variables }));
        self.answer(request).await
    }

    /// The data that answers a query which brings a file, as its variable `$file`.
    pub(super) async fn upload(&self, query: &str, mut variables: Value, name: String, file: Vec<u8>) -> Result<Value> {
        variables["file"] = Value::Null;
        let operations = json!({ "query": query, "variables": variables }).to_string();
        let form = Form::new()
            .text("operations", operations)
            .text("map", json!({ "0": ["variables.file"] }).to_string())
            .part("0", Part::bytes(file).file_name(name));
        self.answer(self.http.post(&self.url).multipart(form)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let unreachable = || format!("no answer from {}", self.url);
        let mut response = request.header(OWN.0, OWN.1).send().await.with_context(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.with_context(unreachable)? {
            if body.len() + piece.len() > LONGEST {
                bail!("the answer of {} has more than {LONGEST} bytes", self.url);
            }
            body.extend_from_slice(&piece);
        }
        let mut answer: Value = serde_json::from_slice(&body)
            .with_context(|| format!("{} answered with {status}, and with what is no GraphQL", self.url))?;
        let Some(error) = answer["errors"].get(0) else { return Ok(answer["data"].take()) };
        let text = |value: &Value| value.as_str().unwrap_or_default().escape_debug().to_string();
        let (code, message) = (text(&error["extensions"]["code"]), text(&error["message"]));
        Err(Refused::or_failure(code, message))
    }
}

impl Refused {
    /// What an error of a server is: the answer no, or none.
    pub(super) fn or_failure(code: String, message: String) -> anyhow::Error {
        match code.as_str() {
            "UNAVAILABLE" | "INTERNAL" | "PLUGIN_REGISTRY_FAILED" => anyhow!("{message} ({code})"),
            _ => Self { code, message }.into(),
        }
    }
}

/// Runs a subcommand that asks a server or a registry. What these refuse has an exit code of its own.
pub(super) fn block_on(asking: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting Tokio")?;
    match runtime.block_on(asking) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let error = match error.downcast_ref::<RegistryError>() {
                Some(refusal) => Refused::or_failure(refusal.code().to_owned(), refusal.to_string()),
                None => error,
            };
            let Some(refused) = error.downcast_ref::<Refused>() else { return Err(error) };
            // If standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "refused: {refused}");
            Ok(REFUSED.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_told_from_a_name() {
        let digest = "0f".repeat(32);
        assert_eq!(NamedPlugin { plugin: digest.clone() }.variables(), json!({ "digest": digest }));
        assert_eq!(NamedPlugin { plugin: "fedavg".to_owned() }.variables(), json!({ "name": "fedavg" }));
    }
}
