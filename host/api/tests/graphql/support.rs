//! A server without a network: a federation on a store in a folder of its own, and the routes on it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use fedwit_domain::ports::SystemClock;
use fedwit_federation::{Federation, Plugins, Settings, TrustedKeys};
use fedwit_runtime::{Limits, Runtime};
use fedwit_store::{Store, StoreOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// The largest answer that a test reads.
const LARGEST: usize = 16 << 20;

pub(crate) struct Server {
    pub(crate) federation: Federation,
    pub(crate) router: Router,
    _folder: TempDir,
}

impl Server {
    /// Starts one that has no plugins, and is to pull none.
    pub(crate) async fn start() -> Self {
        Self::start_with(|plugins| plugins).await
    }

    /// Starts one with the plugins that become of none.
    pub(crate) async fn start_with(change: impl FnOnce(Plugins) -> Plugins) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { folder: folder.path().to_owned(), low_disk_bytes: 0 };
        let store = Store::open(options).await.unwrap();
        let clock = Arc::new(SystemClock::default());
        let runtime = Runtime::new(Limits::default(), None).unwrap();
        let plugins = change(Plugins::new(runtime, TrustedKeys::default(), fedwit_runtime::Secrets::none()));
        let federation = Federation::start(store, plugins, clock, Settings::default()).await.unwrap();
        Self { router: fedwit_api::graphql::routes(federation.clone()), federation, _folder: folder }
    }

    /// The whole answer to a query.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let (status, answer) = self.send(&[("content-type", "application/json")], body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// The data that answers a query without errors.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.ask(query, variables).await;
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].take()
    }

    /// The code and text of the one error that answers a query.
    pub(crate) async fn error(&self, query: &str, variables: Value) -> (String, String) {
        error(&self.ask(query, variables).await)
    }

    /// Posts something.
    pub(crate) async fn send(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> (StatusCode, Value) {
        let mut request = Request::builder().method(Method::POST).uri("/graphql");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (status, body) = (response.status(), read(response).await);
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Gets something.
    pub(crate) async fn get(&self, path: &str) -> Response {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Takes a seed model of one tensor of four values.
    pub(crate) async fn seed(&self) -> String {
        let mut file = self.federation.begin_file().await.unwrap();
        file.write(safetensors(&[1.0, 2.0, 3.0, 4.0]).into()).await.unwrap();
        let seed = fedwit_federation::NewSeed { file, name: Some("seed".to_owned()), flat: None };
        self.federation.add_seed_model(seed).await.unwrap().to_string()
    }
}

pub(crate) async fn read(response: Response) -> Vec<u8> {
    axum::body::to_bytes(response.into_body(), LARGEST).await.unwrap().to_vec()
}

/// The code and text of the one error in an answer.
pub(crate) fn error(answer: &Value) -> (String, String) {
    let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("no error in {answer}"));
    assert_eq!(errors.len(), 1, "{answer}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&errors[0]["extensions"]["code"]), text(&errors[0]["message"]))
}

/// A model file of one tensor.
pub(crate) fn safetensors(values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = json!({ "dtype": "F32", "shape": [values.len()], "data_offsets": [0, data.len()] });
    let mut header = json!({ "weights": tensor }).to_string();
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&data);
    file
}
