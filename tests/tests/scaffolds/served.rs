//! Aggregators as users have them: installed into a running server, and used by a session of FEDn's own clients.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::api::Api;
use fedwit_tests::fedopt::relative_error;
use fedwit_tests::npz::{self, Array, Entry};
use fedwit_tests::python::{Process, numpy_client};
use fedwit_tests::server::Server;
use serde_json::{Value, json};

/// A component with an interpreter in it compiles for half a minute, and other tests compile as well.
const PATIENCE: Duration = Duration::from_secs(300);
/// FEDn's clients, and the examples that they have.
const CLIENTS: [(&str, u32); 2] = [("a", 60), ("b", 140)];
const ROUNDS: u64 = 3;
/// What makes the same mean natively, from the same clients, whose training follows from what they are given.
const NATIVE: &str = "fedavg";

/// Has each component aggregate a session of some rounds, each in the place of the one before.
pub(crate) async fn aggregate(name: &str, components: &[PathBuf]) -> Result<()> {
    let server = Server::start().await?;
    let clients = CLIENTS.iter().map(|(id, examples)| numpy_client(&server, id, *examples, 0.0));
    let mut clients = clients.collect::<Result<Vec<_>>>()?;
    let expected = session(&server, NATIVE, json!({})).await?;
    for component in components {
        let digest = install(&server, name, component).await?;
        let rounds = session(&server, name, json!({ "learning_rate": 1 })).await?;
        for (number, (round, expected)) in (1..).zip(rounds.iter().zip(&expected)) {
            let what = format!("round {number} over {}", component.display());
            ensure!(round.digest == digest, "{what}: another component made it");
            let wide: Vec<f64> = expected.model.iter().map(|value| f64::from(*value)).collect();
            ensure!(relative_error(&round.model, &wide) < 1e-5, "{what}: {round:?} is not {expected:?}");
        }
    }
    clients.iter_mut().try_for_each(Process::check_alive)
}

/// Installs a component, and sees the job to its end. Gives the component's digest.
async fn install(server: &Server, name: &str, component: &Path) -> Result<String> {
    let (api, file) = (server.api(), std::fs::read(component).with_context(|| component.display().to_string())?);
    let job = api.install_plugin(&format!("{name}.wasm"), file.clone().into()).await?;
    let said = api.watch_plugin_job(&job, PATIENCE).await?;
    let stages: Vec<&str> = said.iter().filter_map(|state| state["stage"].as_str()).collect();
    // Those that are over in a moment may be passed over, and none comes twice.
    let order = ["RECEIVED", "VERIFIED", "COMPILING", "CHECKING", "INSTALLED"];
    let places: Vec<_> = stages.iter().map(|stage| order.iter().position(|known| known == stage)).collect();
    ensure!(stages.last() == Some(&"INSTALLED") && places.is_sorted_by(|left, right| left < right), "{said:?}");
    let last = said.last().context("the last state")?;
    let digest = last["digest"].as_str().context("a digest")?.to_owned();
    ensure!(std::fs::read(blob(server, &digest))? == file, "{digest} is another file");
    ensure!(last["plugin"]["name"] == name, "{last}");
    ensure!(last["plugin"]["enabled"] == true && last["plugin"]["world"] == "AGGREGATOR", "{last}");
    Ok(digest)
}

/// A round, and what came of it.
#[derive(Debug)]
struct Done {
    /// The component that made it.
    digest: String,
    /// All values of its model.
    model: Vec<f32>,
}

/// A session over all clients, from its beginning to its end.
async fn session(server: &Server, aggregator: &str, aggregator_config: Value) -> Result<Vec<Done>> {
    let api = server.api();
    let zeros = [Entry::float32("0", &[12], &[0.0; 12]), Entry::float32("1", &[], &[0.0])];
    let seed = api.add_seed(npz::archive(&zeros)?).await?;
    let config = json!({ "aggregator": aggregator, "aggregatorConfig": aggregator_config, "validate": false,
                         "clientsRequired": CLIENTS.len(), "roundTimeoutS": 60, "attempts": 1 });
    let session = api.run_session(&seed, config, ROUNDS).await?;
    api.wait_for_end(&session, PATIENCE).await?;
    let mut rounds = Vec::new();
    let mut before = vec![0.0; 13];
    for number in 1..=ROUNDS {
        let round = api.round(&session, number).await?;
        ensure!((round.status.as_str(), round.attempt) == ("FINISHED", 1), "{round:?}");
        let counted = round.participants.iter().map(|client| (client.client.as_str(), client.examples));
        let all = CLIENTS.map(|(client, examples)| (client, Some(u64::from(examples))));
        ensure!(counted.collect::<BTreeMap<_, _>>() == all.into(), "{round:?}");
        let model = values(&api.download(&round.model.context("a model")?).await?)?;
        ensure!(model != before, "round {number} changed nothing");
        before.clone_from(&model);
        rounds.push(Done { digest: digest_of_round(&api, &session, number).await?, model });
    }
    Ok(rounds)
}

async fn digest_of_round(api: &Api, session: &str, number: u64) -> Result<String> {
    let query = "query ($id: ID!, $number: Int!) {
        session(id: $id) { round(number: $number) { plugin { digest } } }
    }";
    let data = api.graphql(query, json!({ "id": session, "number": number })).await?;
    Ok(data["session"]["round"]["plugin"]["digest"].as_str().context("a plugin")?.to_owned())
}

/// Where a file lies that the server keeps.
fn blob(server: &Server, digest: &str) -> PathBuf {
    server.data().join("blobs").join(&digest[..2]).join(digest)
}

/// All values of a model, in the order of the names.
fn values(file: &[u8]) -> Result<Vec<f32>> {
    let mut arrays = npz::read(file)?;
    arrays.sort_by(|left: &Array, right| left.name.cmp(&right.name));
    Ok(arrays.into_iter().flat_map(|array| array.values).collect())
}
