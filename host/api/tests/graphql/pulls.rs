//! Plugins that a server pulls.

use std::sync::Arc;

use fedwit_federation::FakeRegistry;
use serde_json::{Value, json};

use super::plugins::{component, ended};
use super::support::Server;

const PULL: &str = "mutation ($reference: String!) { installPlugin(reference: $reference) { id stage source } }";
const DONE: &str = "query ($id: ID!) { pluginJob(id: $id) { source receivedBytes sizeBytes } }";
const REFERENCE: &str = "oci://fake/x:1";

async fn start() -> (Server, Arc<FakeRegistry>) {
    let registry = Arc::<FakeRegistry>::default();
    let server = Server::start_with(|plugins| plugins.with_registries(Arc::clone(&registry) as _)).await;
    (server, registry)
}

/// The job that pulls the reference, once it has ended.
async fn pull(server: &Server) -> Value {
    let begun = server.data(PULL, json!({ "reference": REFERENCE })).await["installPlugin"].take();
    assert_eq!((&begun["stage"], &begun["source"]), (&json!("PULLING"), &json!(REFERENCE)));
    let id = begun["id"].as_str().unwrap();
    let mut job = ended(server, id).await;
    let more = server.data(DONE, json!({ "id": id })).await["pluginJob"].take();
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job
}

#[tokio::test]
async fn a_plugin_comes_from_a_registry() {
    let (server, registry) = start().await;
    let file = component("fedavg");
    registry.push(REFERENCE, &file, None);
    let job = pull(&server).await;
    assert_eq!((&job["stage"], &job["sizeBytes"]), (&json!("INSTALLED"), &json!(file.len())), "{job}");
    assert_eq!(job["receivedBytes"], job["sizeBytes"]);
    let source = format!("{REFERENCE}@sha256:{}", job["digest"].as_str().unwrap());
    assert_eq!((&job["source"], &job["plugin"]["source"]), (&json!(source), &json!(source)));
}

#[tokio::test]
async fn what_does_not_come_as_it_should_is_not_installed_and_leaves_nothing() {
    let (server, registry) = start().await;
    let file = component("fedavg");
    let digest = fedwit_federation::component_digest(&file);
    let other = fedwit_federation::component_digest(b"other");
    let length = file.len() as u64;
    assert_eq!(pull(&server).await["code"], "PLUGIN_NOT_IN_REGISTRY");
    for (says, size, breaks, code) in [
        (other, length, None, "PLUGIN_DIGEST"),
        (digest, length + 1, None, "PLUGIN_REGISTRY_FAILED"),
        (digest, length - 1, None, "PLUGIN_REGISTRY_FAILED"),
        (digest, 1 << 40, None, "PLUGIN_TOO_LARGE"),
        (digest, length, Some(100_000), "PLUGIN_REGISTRY_FAILED"),
    ] {
        registry.push(REFERENCE, &file, None);
        registry.lie(REFERENCE, says, size);
        if let Some(bytes) = breaks {
            registry.break_after(REFERENCE, bytes.min(file.len() / 2));
        }
        let job = pull(&server).await;
        assert_eq!((&job["stage"], &job["code"]), (&json!("FAILED"), &json!(code)), "{job}");
        // The writer does one thing after the other, and deletes what nothing refers to before the next.
        server.federation.store().set_helper(fedwit_domain::ModelFormat::Npz).await.unwrap();
        assert!(server.federation.store().blobs().open(&digest).await.is_err(), "{code}: the file is still there");
    }
    assert_eq!(server.data("{ plugins { name } }", json!({})).await["plugins"], json!([]));
}

#[tokio::test]
async fn a_server_asks_nobody_whom_it_is_not_to_ask() {
    let (server, _) = start().await;
    let other = json!({ "reference": "oci://other/x:1" });
    assert_eq!(server.error(PULL, other.clone()).await.0, "PLUGIN_REGISTRY_NOT_ALLOWED");
    let none = Server::start().await;
    assert_eq!(none.error(PULL, json!({ "reference": REFERENCE })).await.0, "PLUGIN_REGISTRY_NOT_ALLOWED");
    let neither = "mutation { installPlugin(signature: \"x\") { id } }";
    assert_eq!(server.error(neither, json!({})).await.0, "INVALID");
}
