//! A server without a network and without plugins, on a store in a folder of its own.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};
use fedwit_api::ApiSettings;
use fedwit_domain::ports::SystemClock;
use fedwit_federation::{Federation, Plugins, Settings, TrustedKeys};
use fedwit_runtime::{Limits, Runtime};
use fedwit_store::{Store, StoreOptions};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// The largest answer that a test reads.
const LARGEST: usize = 16 << 20;

pub(crate) struct Server {
    pub(crate) federation: Federation,
    router: Router,
    _folder: TempDir,
}

/// An answer, all of it read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The JSON of an answer that is none: its status, and its text.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["message"].as_str().unwrap().to_owned())
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { folder: folder.path().to_owned(), low_disk_bytes: 0 };
        let store = Store::open(options).await.unwrap();
        let clock = Arc::new(SystemClock::default());
        let runtime = Runtime::new(Limits::default(), None).unwrap();
        let plugins = Plugins::new(runtime, TrustedKeys::default(), fedwit_runtime::Secrets::none());
        let federation = Federation::start(store, plugins, clock, Settings::default()).await.unwrap();
        let router = fedwit_api::router(federation.clone(), ApiSettings::default());
        Self { federation, router, _folder: folder }
    }

    pub(crate) async fn send(&self, request: Builder, body: impl Into<Body>) -> Answer {
        let mut request = request.body(body.into()).unwrap();
        request.headers_mut().entry("host").or_insert("localhost:8080".parse().unwrap());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, LARGEST).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(format!("/api/v1/{path}")), "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let request = Request::post(format!("/api/v1/{path}")).header("content-type", "application/json");
        self.send(request, body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        let request = Request::put(format!("/api/v1/{path}")).header("content-type", "application/json");
        self.send(request, body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(format!("/api/v1/{path}")), "").await
    }

    /// Sends a form with a file, as Python's `requests` does: the other fields come first.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)], file: (&str, &[u8])) -> Answer {
        let mut body = Vec::new();
        for (name, value) in fields {
            let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(head.as_bytes());
        }
        let (name, content) = file;
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let request = Request::post(format!("/api/v1/{path}"));
        self.send(request.header("content-type", "multipart/form-data; boundary=b"), body).await
    }
}

/// A model file of one tensor.
pub(crate) fn safetensors(values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let (length, end) = (values.len(), bytes.len());
    let mut header = format!(r#"{{"w":{{"dtype":"F32","shape":[{length}],"data_offsets":[0,{end}]}}}}"#);
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&bytes);
    file
}
