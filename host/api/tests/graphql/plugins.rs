//! Plugins that are installed.

use std::path::PathBuf;
use std::time::Duration;

use fedwit_federation::PluginJob;
use serde_json::{Value, json};

use super::support::{Server, error};
use super::uploads::upload;

const INSTALL: &str = "mutation ($file: Upload!) { installPlugin(file: $file) { id stage source } }";
const JOB: &str =
    "query ($id: ID!) { pluginJob(id: $id) { stage code message digest plugin { name enabled builtIn source } } }";

/// A component that `cargo xtask plugins` has built.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("FEDWIT_PLUGINS").expect("FEDWIT_PLUGINS: run the tests by `cargo xtask test`");
    std::fs::read(PathBuf::from(folder).join(format!("{name}.wasm"))).unwrap()
}

/// Installs a file, and gives the job once it has ended.
async fn install(server: &Server, file: &[u8]) -> Value {
    let answer = upload(server, INSTALL, "x.wasm", file).await;
    let id = &answer["data"]["installPlugin"]["id"];
    ended(server, id.as_str().unwrap_or_else(|| panic!("{answer}"))).await
}

/// A job, once it has ended.
pub(crate) async fn ended(server: &Server, id: &str) -> Value {
    let mut job = server.federation.plugin_job(id.parse().unwrap()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), job.wait_for(PluginJob::has_ended)).await;
    drop(ended.expect("the job ends").unwrap());
    server.data(JOB, json!({ "id": id })).await["pluginJob"].take()
}

#[tokio::test]
async fn a_plugin_is_installed_used_and_removed() {
    let server = Server::start().await;
    let job = install(&server, &component("fedavg")).await;
    let plugin = json!({ "name": "fedavg", "enabled": true, "builtIn": false, "source": "x.wasm" });
    assert_eq!((&job["stage"], &job["plugin"]), (&json!("INSTALLED"), &plugin), "{job}");
    let digest = &job["digest"];

    let query = "query ($d: String) { plugin(digest: $d) { world name sizeBytes installedAt signedBy problem \
                 permissionsWanted permissionsGranted configSchema } aggregators: plugins(world: AGGREGATOR, enabled: \
                 true) { digest } none: plugins(world: LOAD_BALANCER) { name } }";
    let data = server.data(query, json!({ "d": digest })).await;
    assert_eq!(data["plugin"]["world"], "AGGREGATOR");
    assert_eq!(data["plugin"]["sizeBytes"], component("fedavg").len());
    assert_eq!(data["plugin"]["configSchema"]["type"], "object");
    assert_eq!((&data["aggregators"][0]["digest"], &data["none"]), (digest, &json!([])));

    let disable = "mutation { disablePlugin(name: \"fedavg\") { enabled } }";
    assert_eq!(server.data(disable, json!({})).await["disablePlugin"]["enabled"], false);
    let enable = "mutation ($d: String) { enablePlugin(digest: $d) { enabled } }";
    assert_eq!(server.data(enable, json!({ "d": digest })).await["enablePlugin"]["enabled"], true);
    let remove = "mutation { removePlugin(name: \"fedavg\") }";
    assert_eq!(&server.data(remove, json!({})).await["removePlugin"], digest);
    assert_eq!(server.error(remove, json!({})).await.0, "NOT_FOUND");
    assert_eq!(server.data("{ plugins { name } }", json!({})).await["plugins"], json!([]));
}

#[tokio::test]
async fn a_plugin_that_is_disabled_cannot_be_chosen_and_says_so() {
    let server = Server::start().await;
    install(&server, &component("fedavg")).await;
    server.data("mutation { disablePlugin(name: \"fedavg\") { name } }", json!({})).await;
    let create = "mutation ($seed: ID!) { createSession(input: { seedModelId: $seed, config: { aggregator: \
                  \"fedavg\" } }) { id } }";
    let (code, text) = server.error(create, json!({ "seed": server.seed().await })).await;
    assert_eq!(code, "PLUGIN_DISABLED", "{text}");
}

#[tokio::test]
async fn hostile_files_are_refused_by_their_code_and_leave_nothing() {
    let server = Server::start().await;
    let good = component("fedavg");
    let core = b"\0asm\x01\0\0\0".as_slice();
    let cases = [
        (b"".as_slice(), "PLUGIN_NOT_A_COMPONENT"),
        (b"hello", "PLUGIN_NOT_A_COMPONENT"),
        (core, "PLUGIN_NOT_A_COMPONENT"),
        (&good[..good.len() / 2], "PLUGIN_NOT_A_COMPONENT"),
        (b"(component)", "PLUGIN_EXPORT"),
    ];
    for (file, code) in cases {
        let job = install(&server, file).await;
        assert_eq!((&job["stage"], &job["code"]), (&json!("FAILED"), &json!(code)), "{job}");
        assert_eq!(job["plugin"], Value::Null);
        let digest = job["digest"].as_str().unwrap().parse().unwrap();
        // The writer does one thing after the other, and deletes what nothing refers to before the next.
        server.federation.store().set_helper(fedwit_domain::ModelFormat::Npz).await.unwrap();
        let gone = server.federation.store().blobs().open(&digest).await;
        assert!(gone.is_err(), "{code}: the file is still there");
    }
    let large = vec![0; (64 << 20) + 1];
    let job = install(&server, &large).await;
    assert_eq!(job["code"], "PLUGIN_TOO_LARGE", "{job}");
    assert_eq!(server.data("{ plugins { name } }", json!({})).await["plugins"], json!([]));
}

#[tokio::test]
async fn one_file_may_be_installed_many_times_at_once() {
    let server = Server::start().await;
    let file = component("fedavg");
    let jobs = futures_util::future::join_all((0..5).map(|_| install(&server, &file))).await;
    assert!(jobs.iter().all(|job| job["stage"] == "INSTALLED"), "{jobs:?}");
    assert_eq!(server.data("{ plugins { enabled } }", json!({})).await["plugins"], json!([{ "enabled": true }]));
    // One that fails beside it takes nothing away.
    let digest = jobs[0]["digest"].as_str().unwrap().parse().unwrap();
    server.federation.store().blobs().open(&digest).await.unwrap();
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_at_once() {
    let server = Server::start().await;
    let (code, _) = server.error("mutation { installPlugin { id } }", json!({})).await;
    assert_eq!(code, "INVALID");
    for name in ["name: \"x\", digest: \"y\"", "digest: \"y\""] {
        let (code, _) = server.error(&format!("mutation {{ enablePlugin({name}) {{ name }} }}"), json!({})).await;
        assert_eq!(code, "INVALID", "{name}");
    }
    let (code, _) = server.error(JOB, json!({ "id": "x" })).await;
    assert_eq!(code, "INVALID");
    let (code, _) = server.error(JOB, json!({ "id": "7d444840-9dc0-11d1-b245-5ffdce74fad2" })).await;
    assert_eq!(code, "NOT_FOUND");
    let answer = upload(&server, INSTALL, &"x".repeat(600), b"x").await;
    assert_eq!(error(&answer).0, "INVALID");
}
