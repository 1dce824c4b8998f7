//! Several combiners in one server: a session ends with the model that one combiner would have made, and clients are
//! where they should be.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use fedwit_tests::fedopt::relative_error;
use fedwit_tests::load::{Answer, Behaviour, Client, Options as ClientOptions, Step, Task, check_all_alive, start_all};
use fedwit_tests::npz::{self, Entry};
use fedwit_tests::server::{Options, Server};
use fedwit_tests::wait::{self, PATIENCE};
use serde_json::{Value, json};

/// The vectors that `fedwit aggregate` is held against as well.
const GOLDEN: &str = include_str!("../../host/server/tests/golden/aggregators.json");

/// Rounds of a few clients, one after the other.
const LONG: Duration = Duration::from_secs(120);

const COMBINERS: &str = "query { combiners { name clientsOnline clients(first: 500) { nodes { id combiner } } } }";

/// Sends what the vectors say: the model that it was given, and its delta of the round.
struct Scripted {
    index: usize,
    rounds: Value,
}

impl Scripted {
    fn trained(&self, model: &Bytes, round: usize) -> Result<(Bytes, u64)> {
        let round = &self.rounds[round - 1];
        let delta = &round["deltas"][self.index];
        let moved = npz::read(model)?.into_iter().map(|array| {
            let steps = flat(&delta[&array.name]);
            let values = array.values.iter().zip(&steps).map(|(value, step)| (f64::from(*value) + step) as f32);
            Entry::float32(&array.name, &array.shape, &values.collect::<Vec<_>>())
        });
        let examples = round["num_examples"][self.index].as_u64().context("examples")?;
        Ok((npz::archive(&moved.collect::<Vec<_>>())?, examples))
    }
}

#[async_trait]
impl Behaviour for Scripted {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        let round = task.round().rsplit('.').next().context("a round's number")?.parse()?;
        let (file, examples) = self.trained(model, round)?;
        Ok(vec![Answer::honest(task, file, examples)])
    }
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        number => number.as_f64().into_iter().collect(),
    }
}

/// A model of the vectors' layout.
fn model(golden: &Value, values: &Value) -> Result<Bytes> {
    let mut entries = Vec::new();
    for (name, shape) in golden["layout"].as_object().context("a layout")? {
        let shape: Vec<u64> = shape.as_array().context("a shape")?.iter().filter_map(Value::as_u64).collect();
        let numbers: Vec<f32> = flat(&values[name]).into_iter().map(|value| value as f32).collect();
        entries.push(Entry::float32(name, &shape, &numbers));
    }
    npz::archive(&entries)
}

async fn combiners(server: &Server) -> Result<BTreeMap<String, u64>> {
    let answer = server.api().graphql(COMBINERS, json!({})).await?;
    let all = answer["combiners"].as_array().context("combiners")?;
    let count = |combiner: &Value| Some((combiner["name"].as_str()?.to_owned(), combiner["clientsOnline"].as_u64()?));
    all.iter().map(|combiner| count(combiner).context("a combiner")).collect()
}

/// The combiner of each client, as their combiners have them.
async fn places(server: &Server) -> Result<BTreeMap<String, String>> {
    let answer = server.api().graphql(COMBINERS, json!({})).await?;
    let mut places = BTreeMap::new();
    for combiner in answer["combiners"].as_array().context("combiners")? {
        for client in combiner["clients"]["nodes"].as_array().context("clients")? {
            ensure!(client["combiner"] == combiner["name"], "{client} is a client of {combiner}");
            let (id, name) = (client["id"].as_str().context("id")?, combiner["name"].as_str().context("name")?);
            ensure!(places.insert(id.to_owned(), name.to_owned()).is_none(), "{id} belongs to two combiners");
        }
    }
    Ok(places)
}

async fn wait_for(server: &Server, expected: &[(&str, u64)]) -> Result<()> {
    let expected: BTreeMap<String, u64> = expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    wait::until(format_args!("{expected:?}"), PATIENCE, async || {
        Ok((combiners(server).await? == expected).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_over_several_combiners_give_the_golden_models() -> Result<()> {
    let golden: Value = serde_json::from_str(GOLDEN)?;
    let server = Server::start_with(Options::default().with(&["--combiners", "3"])).await?;
    let api = server.api();
    let seed = api.add_seed(model(&golden, &golden["seed_model"])?).await?;
    let rounds = golden["rounds"].as_array().context("rounds")?.len();
    let clients = golden["rounds"][0]["deltas"].as_array().context("deltas")?.len();
    let start = (0..clients).map(|index| {
        let behaviour = Scripted { index, rounds: golden["rounds"].clone() };
        // One has one client, one two, and one all others: shares of unequal weight.
        let preferred = format!("combiner-{}", 1 + index.div_ceil(2).min(2));
        (format!("client-{index}"), ClientOptions { preferred_combiner: preferred, ..ClientOptions::new(behaviour) })
    });
    let running = start_all(server.address(), start.collect()).await?;
    wait_for(&server, &[("combiner-1", 1), ("combiner-2", 2), ("combiner-3", clients as u64 - 3)]).await?;

    let installed = api.graphql("query { plugins { name mergeable } }", json!({})).await?;
    let installed = installed["plugins"].as_array().context("plugins")?;
    let is_mergeable = |name: &Value| {
        installed.iter().find(|plugin| plugin["name"] == *name).map(|plugin| plugin["mergeable"] == true)
    };
    let mut merged = Vec::new();
    for case in golden["cases"].as_array().context("cases")? {
        // Those that cannot merge must give the same as well, since all updates go to one place.
        let Some(mergeable) = is_mergeable(&case["algorithm"]) else { continue };
        let config = json!({
            "aggregator": case["algorithm"], "aggregatorConfig": case["parameters"],
            "clientsRequired": clients, "validate": false,
        });
        let session = api.run_session(&seed, config, rounds as u64).await?;
        api.wait_for_end(&session, LONG).await?;
        for number in 1..=rounds {
            let round = api.round(&session, number as u64).await?;
            let what = format!("{}, round {number}", case["algorithm"]);
            ensure!(round.attempt == 1 && round.refusals.is_empty(), "{what}: {round:?}");
            let found = api.download(&round.model.context("no model")?).await?;
            for array in npz::read(&found)? {
                let expected = flat(&case["global_models"][number - 1][&array.name]);
                let error = relative_error(&array.values, &expected);
                ensure!(error <= 1e-6, "{what}, {}: off by {error:e}", array.name);
            }
        }
        if mergeable {
            merged.push(case["algorithm"].as_str().context("a name")?.to_owned());
        }
    }
    for name in ["fedavg", "fedadagrad", "fedadam", "fedyogi"] {
        ensure!(merged.iter().any(|merged| merged == name), "{name} did not merge; {merged:?} did");
    }
    check_all_alive(&running)
}

fn client_options(step: f32) -> ClientOptions {
    ClientOptions::new(Step { step, examples: 1 })
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_spread_evenly_and_stay_where_they_are() -> Result<()> {
    let mut server = Server::start_with(Options::default().with(&["--combiners", "4"])).await?;
    let start = (0..12_u8).map(|index| (format!("client-{index}"), client_options(f32::from(index))));
    let clients: Vec<Client> = start_all(server.address(), start.collect()).await?;
    let even = [("combiner-1", 3), ("combiner-2", 3), ("combiner-3", 3), ("combiner-4", 3)];
    wait_for(&server, &even).await?;
    let before = places(&server).await?;

    server.kill()?;
    server.restart().await?;
    wait_for(&server, &even).await?;
    ensure!(places(&server).await? == before, "{before:?} became {:?}", places(&server).await?);

    // Two are gone, and their clients, which never register again, are placed when they come back.
    server.stop().await?;
    server.restart_with(&["--combiners", "2"]).await?;
    wait_for(&server, &[("combiner-1", 6), ("combiner-2", 6)]).await?;
    let after = places(&server).await?;
    for (client, combiner) in before.iter().filter(|(_, combiner)| ["combiner-1", "combiner-2"].contains(&&***combiner))
    {
        ensure!(after[client] == *combiner, "{client} was moved from {combiner} to {}", after[client]);
    }
    check_all_alive(&clients)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preferred_combiner_is_honoured_if_there_is_one() -> Result<()> {
    let server = Server::start_with(Options::default().with(&["--combiners", "3"])).await?;
    let start = (0..4_u8).map(|index| {
        let preferred_combiner = "combiner-3".to_owned();
        (format!("client-{index}"), ClientOptions { preferred_combiner, ..client_options(1.0) })
    });
    let mut clients = start_all(server.address(), start.collect()).await?;
    let unknown = ClientOptions { preferred_combiner: "combiner-9".to_owned(), ..client_options(1.0) };
    clients.push(Client::start(server.address(), "astray", unknown).await?);
    wait_for(&server, &[("combiner-1", 1), ("combiner-2", 0), ("combiner-3", 4)]).await?;

    let shown = server.api().rest(reqwest::Method::GET, "clients/?status=online&combiner=combiner-3", None).await?;
    ensure!(shown.body["count"] == 4 && shown.body["result"][0]["combiner_preferred"] == "combiner-3", "{shown:?}");
    let counts = json!({ "combiners": "combiner-1,combiner-3" });
    let counts = server.api().rest(reqwest::Method::POST, "combiners/clients/count", Some(&counts)).await?;
    let counts: Vec<_> = counts.body["result"].as_array().context("counts")?.iter().map(|of| &of["count"]).collect();
    ensure!(counts == [&json!(1), &json!(4)], "{counts:?}");
    check_all_alive(&clients)
}

/// Four clients over two combiners, with a plugin that does what it must not.
async fn misbehave(how: Value, clients_required: u64) -> Result<(Server, String)> {
    let options = Options { guests: vec!["misbehaving"], ..Options::default() }.with(&["--combiners", "2"]);
    let server = Server::start_with(options).await?;
    let seed = server.api().add_seed(npz::stored(&[(&[3], &[0.0, 0.0, 0.0])])?).await?;
    let start = (0..4_u8).map(|index| (format!("client-{index}"), client_options(f32::from(index) + 1.0)));
    let clients = start_all(server.address(), start.collect()).await?;
    wait_for(&server, &[("combiner-1", 2), ("combiner-2", 2)]).await?;
    let config = json!({
        "aggregator": "misbehaving", "aggregatorConfig": how, "clientsRequired": clients_required, "attempts": 1,
        "validate": false,
    });
    let session = server.api().run_session(&seed, config, 1).await?;
    wait::until("the session to end", LONG, async || {
        let found = server.api().session(&session).await?;
        Ok(["FINISHED", "FAILED"].contains(&found.status.as_str()).then_some(()))
    })
    .await?;
    check_all_alive(&clients)?;
    Ok((server, session))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_in_one_combiner_costs_that_update_and_no_other() -> Result<()> {
    let how = json!({ "mischief": "trap", "in": "add", "client": "client-2" });
    let (server, session) = misbehave(how, 3).await?;
    let round = server.api().round(&session, 1).await?;
    let excluded: Vec<_> = round.participants.iter().filter(|part| part.status == "EXCLUDED").collect();
    ensure!(excluded.len() == 1 && excluded[0].client == "client-2", "{round:?}");
    let model = npz::read(&server.api().download(&round.model.context("no model")?).await?)?;
    let mean = (1.0 + 2.0 + 4.0) / 3.0;
    ensure!(relative_error(&model[0].values, &[mean; 3]) <= 1e-6, "{model:?} is not {mean}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_breaks_while_shares_are_brought_together_fails_the_attempt() -> Result<()> {
    for function in ["partial", "merge"] {
        let (server, session) = misbehave(json!({ "mischief": "trap", "in": function }), 3).await?;
        let found = server.api().session(&session).await?;
        let names_it = |reason: &String| reason.contains("misbehaving") && reason.contains(&format!("`{function}`"));
        ensure!(found.status == "FAILED" && found.reason.as_ref().is_some_and(names_it), "{found:?}");
        ensure!(server.api().round(&session, 1).await?.participants.iter().all(|part| part.status == "ACCEPTED"));
    }
    Ok(())
}
