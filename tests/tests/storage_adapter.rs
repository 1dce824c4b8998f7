//! A server whose blobs go through a storage adapter: what lies on its disk, and what it does when that is not what it put
//! there.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::load::{Client, Options as ClientOptions, Step, check_all_alive, start_all};
use fedwit_tests::npz;
use fedwit_tests::server::{Options, Server};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
/// What all values of the seed model are; each round adds one.
const SEED: f32 = 12_345.5;
const VALUES: u16 = 5_000;

/// What an operator has besides the server: a folder of secrets, and one of memory for what is in the clear.
struct Operator {
    folder: TempDir,
}

impl Operator {
    fn new() -> Result<Self> {
        let operator = Self { folder: tempfile::tempdir()? };
        std::fs::create_dir(operator.secrets())?;
        std::fs::create_dir(operator.memory())?;
        operator.entrust(&"5a".repeat(32), 0o400)?;
        Ok(operator)
    }

    fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    fn memory(&self) -> PathBuf {
        self.folder.path().join("memory")
    }

    fn entrust(&self, key: &str, mode: u32) -> Result<()> {
        let path = self.secrets().join("storage-key");
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        std::fs::write(&path, key)?;
        Ok(std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?)
    }

    fn arguments(&self) -> Vec<String> {
        let path = |path: PathBuf| path.display().to_string();
        let mut arguments = ["--storage-adapter", "encrypted", "--storage-adapter-grant", "secret:storage-key"]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(["--plugin-secrets".to_owned(), path(self.secrets())]);
        arguments.extend(["--scratch".to_owned(), path(self.memory())]);
        arguments
    }

    async fn start(&self) -> Result<Server> {
        let arguments = self.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Server::start_with(Options::default().with(&arguments)).await
    }
}

fn seed() -> Result<bytes::Bytes> {
    npz::stored(&[(&[u64::from(VALUES)], &vec![SEED; usize::from(VALUES)])])
}

async fn clients(server: &Server) -> Result<Vec<Client>> {
    let options = |name: &str| (name.to_owned(), ClientOptions::new(Step { step: 1.0, examples: 3 }));
    start_all(server.address(), ["a", "b", "c"].map(options).to_vec()).await
}

fn config() -> Value {
    json!({ "validate": false, "keepUpdates": true, "clientsRequired": 3, "attempts": 20 })
}

/// Eight values in a row of any model of a session of so many rounds.
fn plain(rounds: u8) -> Vec<Vec<u8>> {
    let values = |round: u8| (SEED + f32::from(round)).to_le_bytes().repeat(8);
    (0..=rounds).map(values).collect()
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() { files.extend(self::files(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// The files below a folder that have one of these in them.
fn with_any(folder: &Path, wanted: &[Vec<u8>]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in files(folder)? {
        let bytes = std::fs::read(&path)?;
        if wanted.iter().any(|wanted| bytes.windows(wanted.len()).any(|window| window == wanted)) {
            found.push(path);
        }
    }
    Ok(found)
}

async fn models(server: &Server) -> Result<Vec<(String, String)>> {
    let answer = server.api().graphql("{ models(first: 50) { nodes { id digest } } }", json!({})).await?;
    let nodes = answer["models"]["nodes"].as_array().context("models")?;
    let text = |node: &Value, key: &str| node[key].as_str().map(str::to_owned).context("text");
    nodes.iter().map(|node| Ok((text(node, "id")?, text(node, "digest")?))).collect()
}

fn at_rest(server: &Server, digest: &str) -> PathBuf {
    server.data().join("stored/encrypted/blobs").join(&digest[..2]).join(digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_leaves_nothing_on_the_disk_that_can_be_read() -> Result<()> {
    let operator = Operator::new()?;
    let mut server = operator.start().await?;
    let seed = server.api().add_seed(seed()?).await?;
    let clients = clients(&server).await?;
    let session = server.api().run_session(&seed, config(), 12).await?;
    server.api().wait_for_round(&session, 3, PATIENCE).await?;
    server.kill()?;
    // What the server had in memory is not on its disk.
    ensure!(with_any(&server.data(), &plain(12))? == Vec::<PathBuf>::new());
    server.restart().await?;
    server.api().wait_for_round(&session, 6, PATIENCE).await?;
    ensure!(server.stop().await?.success());
    server.restart().await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    check_all_alive(&clients)?;
    let last = server.api().round(&session, 12).await?.model.context("a model")?;
    let model = server.api().download(&last).await?;
    let expected = (SEED + 12.0).to_le_bytes().repeat(8);
    ensure!(model.windows(32).any(|window| window == expected), "every update counted, in every life");

    // The search finds what is in the clear, where it may be.
    ensure!(!with_any(&operator.memory(), &plain(12))?.is_empty());
    ensure!(with_any(&server.data(), &plain(12))? == Vec::<PathBuf>::new());
    let stored = files(&server.data().join("stored"))?.len();
    // Three clients send the same in each round, which is kept once.
    ensure!(stored > 12 * 2, "{stored} files: the models, and the updates that they are made of");
    let log = std::fs::read_to_string(server.folder().join("server.log"))?;
    ensure!(!log.contains(&"5a".repeat(16)), "the key is in the log");
    server.kill()?;
    server.restart().await?;
    ensure!(with_any(&operator.memory(), &plain(12))?.is_empty(), "what a killed server left in the clear is gone");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bit_that_flipped_is_an_error_that_names_the_blob_and_nothing_else() -> Result<()> {
    let operator = Operator::new()?;
    let mut server = operator.start().await?;
    let good = server.api().add_seed(seed()?).await?;
    let bad = server.api().add_seed(npz::stored(&[(&[4], &[1.0, 2.0, 3.0, 4.0])])?).await?;
    let digest = models(&server).await?.into_iter().find(|(id, _)| *id == bad).context("the model")?.1;
    server.kill()?;
    let path = at_rest(&server, &digest);
    let mut bytes = std::fs::read(&path)?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes)?;
    server.restart().await?;

    let answer = server.api().rest(reqwest::Method::GET, &format!("models/{bad}/download"), None).await?;
    ensure!(
        answer.status == StatusCode::INTERNAL_SERVER_ERROR && answer.body["code"] == "STORAGE_FAILED",
        "{answer:?}"
    );
    let message = answer.body["message"].as_str().context("a message")?;
    for said in [digest.as_str(), "`encrypted`", "chunk 1 of 1 is damaged"] {
        ensure!(message.contains(said), "no `{said}` in: {message}");
    }
    ensure!(server.is_running()? && server.api().is_ready().await);
    server.api().download(&good).await?;
    let clients = clients(&server).await?;
    let session = server.api().run_session(&good, config(), 1).await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    check_all_alive(&clients)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_start_with_what_cannot_read_its_blobs() -> Result<()> {
    let operator = Operator::new()?;
    let mut server = operator.start().await?;
    let seed = server.api().add_seed(seed()?).await?;
    server.kill()?;
    let right: Vec<String> = operator.arguments();
    let right: Vec<&str> = right.iter().map(String::as_str).collect();
    let mut refused = async |arguments: &[&str], said: &[&str]| {
        let error = server.restart_with(arguments).await.err().context("it starts")?;
        let _ = server.kill();
        let error = format!("{error:#}");
        for said in said {
            ensure!(error.contains(said), "no `{said}` in: {error}");
        }
        ensure!(!error.contains("5a5a5a"), "{error}");
        anyhow::Ok(())
    };
    refused(&[], &["written by storage adapter `encrypted`", "--storage-adapter encrypted"]).await?;
    refused(&["--storage-adapter", "pass-through"], &["`encrypted` and not by `pass-through`"]).await?;
    refused(&["--storage-adapter", "encrypted"], &["secret:storage-key", "--storage-adapter-grant"]).await?;
    refused(&["--storage-adapter", "fedavg"], &["`fedavg` is no storage adapter"]).await?;
    refused(&right[..4], &["no secret `storage-key`", "no folder of secrets"]).await?;
    operator.entrust(&"5a".repeat(32), 0o444)?;
    refused(&right, &["secret `storage-key`", "everyone"]).await?;
    operator.entrust(&"5b".repeat(32), 0o400)?;
    refused(&right, &["cannot read what it wrote", "another secret"]).await?;
    operator.entrust("5a5a5a", 0o400)?;
    refused(&right, &["the secret `storage-key` is no key"]).await?;
    std::fs::remove_file(operator.secrets().join("storage-key"))?;
    refused(&right, &["there is no secret `storage-key` in"]).await?;
    operator.entrust(&"5a".repeat(32), 0o400)?;
    server.restart_with(&right).await?;
    server.api().download(&seed).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pass_through_keeps_one_file_of_each_blob() -> Result<()> {
    let mut server = Server::start_with(Options::default().with(&["--storage-adapter", "pass-through"])).await?;
    let seed = server.api().add_seed(seed()?).await?;
    let clients = clients(&server).await?;
    let session = server.api().run_session(&seed, config(), 4).await?;
    server.api().wait_for_round(&session, 2, PATIENCE).await?;
    server.kill()?;
    server.restart().await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    check_all_alive(&clients)?;
    ensure!(files(&server.data().join("copies"))?.is_empty());
    for (_, digest) in models(&server).await? {
        let name = Path::new("plain/blobs").join(&digest[..2]).join(&digest);
        let file = std::fs::metadata(server.data().join("stored").join(name))?;
        ensure!(std::os::unix::fs::MetadataExt::nlink(&file) == 1, "{digest} has another name");
    }
    // Nothing is left on the way: what is in the clear at rest are the blobs, and models for clients in their format.
    ensure!(with_any(&server.data().join("stored"), &plain(4))?.len() >= 5);
    Ok(())
}
