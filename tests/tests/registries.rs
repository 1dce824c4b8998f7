//! Plugins that go to registries and come from them: a real one, and one that lies.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod registries {
    mod attacks;
    mod cut;
    mod following;
    mod hostile;
    mod passwords;
    mod real;
}

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::command_line::Fedwit;
use fedwit_tests::server::{Options, Server};
use fedwit_tests::{target, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);

const INSTALL: &str = "mutation ($reference: String!) { installPlugin(reference: $reference) { id stage source } }";
const JOB: &str =
    "query ($id: ID!) { pluginJob(id: $id) { stage code message source receivedBytes sizeBytes digest } }";

/// A folder with a component in it, as an author has it.
struct Author {
    folder: tempfile::TempDir,
}

impl Author {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::copy(target::component("fedavg")?, folder.path().join("fedavg.wasm"))?;
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self) -> String {
        self.path("fedavg.wasm").display().to_string()
    }

    fn component(&self) -> Vec<u8> {
        std::fs::read(self.path("fedavg.wasm")).unwrap()
    }

    /// Signs the component, and gives the file of the public key.
    async fn sign(&self) -> Result<PathBuf> {
        let key = self.path("key");
        plugin(&["keygen", text(&key)])?.succeed().await?;
        plugin(&["sign", &self.file(), "--key", text(&key)])?.succeed().await?;
        Ok(self.path("key.pub"))
    }

    /// Pushes the component, and gives the reference of exactly that.
    async fn push(&self, reference: &str) -> Result<String> {
        Ok(plugin(&["push", &self.file(), reference])?.succeed().await?.trim().to_owned())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn plugin(arguments: &[&str]) -> Result<Fedwit> {
    Fedwit::plugin(arguments)
}

/// A server that may pull from these.
async fn server(registries: &[String], arguments: &[&str]) -> Result<Server> {
    let allowed = registries.join(",");
    Server::start_with(Options::default().with(&["--plugin-registry", &allowed]).with(arguments)).await
}

/// Asks a server.
fn ask(server: &Server, arguments: &[&str]) -> Result<Fedwit> {
    let url = format!("http://{}", server.address());
    Fedwit::plugin(arguments.iter().copied().chain(["--server", &url]))
}

async fn installed(server: &Server) -> Result<Vec<Value>> {
    let listed: Value = serde_json::from_str(&ask(server, &["list", "--json"])?.succeed().await?)?;
    let listed = listed.as_array().context("a list")?.clone();
    Ok(listed.into_iter().filter(|plugin| plugin["builtIn"] == false).collect())
}

/// Has a server pull something, and gives the job once it has ended.
async fn pulled(server: &Server, reference: &str) -> Result<Value> {
    let begun = server.api().graphql(INSTALL, json!({ "reference": reference })).await?;
    ensure!(begun["installPlugin"]["stage"] == "PULLING", "{begun}");
    let id = begun["installPlugin"]["id"].clone();
    wait::until("the installation to end", PATIENCE, async || {
        let job = server.api().graphql(JOB, json!({ "id": id })).await?["pluginJob"].take();
        let ended = ["INSTALLED", "FAILED"].iter().any(|stage| job["stage"] == *stage);
        Ok(ended.then_some(job))
    })
    .await
}

/// Sees that a server does not install what a reference stands for, and why.
async fn not_installed(server: &Server, reference: &str, code: &str, said: &str) -> Result<()> {
    let job = pulled(server, reference).await?;
    let message = job["message"].as_str().unwrap_or_default();
    ensure!(job["stage"] == "FAILED" && job["code"] == code && message.contains(said), "{code}, {said}: {job}");
    ensure!(installed(server).await?.is_empty());
    Ok(())
}
