//! A registry that does what a real one will not.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// How it answers at a path.
#[derive(Clone)]
pub(crate) enum Answer {
    /// With these bytes.
    Bytes(Vec<u8>),
    /// With these bytes, and the word that they hash to this.
    Misnamed(Vec<u8>, String),
    /// With bytes without end, and without saying how many.
    Endless,
    /// With a part of these bytes, and with the rest once that is let go.
    Held(Vec<u8>, Arc<Semaphore>),
    /// With a part, and then nothing any more.
    Silent(Vec<u8>),
    /// By sending whoever asks elsewhere.
    Redirect(String),
    /// By asking who it is.
    Challenge(String),
}

/// A registry that answers as it was told. Dropped, it is gone.
pub(crate) struct Hostile {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: AbortHandle,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<HashMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
}

impl Hostile {
    pub(crate) async fn start() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        let hostile = Self { address, shared, serving };
        hostile.at("/v2/", Answer::Bytes(b"{}".to_vec()));
        Ok(hostile)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The reference of what it has as `x:1`.
    pub(crate) fn reference(&self) -> String {
        format!("oci://{}/x:1", self.address)
    }

    /// Answers so at a path from now on.
    pub(crate) fn at(&self, path: &str, answer: Answer) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Has a component as `x:1`, with a manifest that was changed; it is served as `blob` says.
    pub(crate) fn has(&self, component: &[u8], blob: Answer, change: impl FnOnce(&mut Value)) {
        let mut manifest = manifest(component);
        change(&mut manifest);
        self.at("/v2/x/manifests/1", Answer::Bytes(manifest.to_string().into_bytes()));
        self.at(&blob_path(component), blob);
    }

    /// The paths that it was asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

pub(crate) fn blob_path(component: &[u8]) -> String {
    format!("/v2/x/blobs/{}", sha256(component))
}

/// The manifest of a component.
pub(crate) fn manifest(component: &[u8]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": sha256(b"{}"), "size": 2 },
        "layers": [{ "mediaType": "application/wasm", "digest": sha256(component), "size": component.len() }],
    })
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let answer = shared.answers.lock().unwrap().get(&path).cloned();
    shared.asked.lock().unwrap().push(path);
    let piece = |bytes: Vec<u8>| Ok::<_, Infallible>(Bytes::from(bytes));
    match answer {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Answer::Bytes(bytes)) => bytes.into_response(),
        Some(Answer::Misnamed(bytes, digest)) => ([("docker-content-digest", digest)], bytes).into_response(),
        Some(Answer::Endless) => Body::from_stream(stream::repeat(vec![b' '; 64 << 10]).map(piece)).into_response(),
        Some(Answer::Held(mut bytes, gate)) => {
            let rest = bytes.split_off(bytes.len() / 2);
            let rest = stream::once(async move {
                drop(gate.acquire().await);
                piece(rest)
            });
            Body::from_stream(stream::iter([piece(bytes)]).chain(rest)).into_response()
        }
        Some(Answer::Silent(bytes)) => {
            Body::from_stream(stream::iter([piece(bytes)]).chain(stream::pending())).into_response()
        }
        Some(Answer::Redirect(to)) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Some(Answer::Challenge(what)) => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, what)]).into_response(),
    }
}
