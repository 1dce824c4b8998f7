//! Client selectors through the real server: who is asked, and with which settings; and what becomes of a session whose
//! selector does what it must not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::load::{Client, Event, Options as ClientOptions, Step, check_all_alive, start_all};
use fedwit_tests::server::{Options, Server};
use fedwit_tests::{npz, target, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);
const CLIENTS: usize = 6;

fn ids() -> Vec<String> {
    (0..CLIENTS).map(|index| format!("client-{index}")).collect()
}

async fn clients(server: &Server) -> Result<Vec<Client>> {
    let client = |id: String| (id, ClientOptions::new(Step { step: 0.5, examples: 3 }));
    start_all(server.address(), ids().into_iter().map(client).collect()).await
}

/// Starts a session with a client selector.
async fn run(server: &Server, selector: &str, config: Value, rounds: u64, change: &Value) -> Result<String> {
    let seed = server.api().add_seed(npz::stored(&[(&[4], &[1.0, 2.0, 3.0, 4.0])])?).await?;
    let mut all = json!({
        "aggregator": "fedavg", "clientSelector": selector, "clientSelectorConfig": config, "clientsRequired": 2,
        "validate": false, "roundTimeoutS": 60, "attempts": 1,
    });
    for (key, value) in change.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    server.api().run_session(&seed, all, rounds).await
}

/// A round, as far as a client selector has to do with it.
#[derive(Debug, PartialEq)]
struct Selected {
    selector: Value,
    settings: BTreeMap<String, Value>,
}

async fn selected(server: &Server, session: &str, number: u64) -> Result<Selected> {
    let query = "query ($id: ID!, $number: Int!) { session(id: $id) { round(number: $number) {
        selector { name version digest } participants(first: 100) { nodes { clientId settings } } } } }";
    let data = server.api().graphql(query, json!({ "id": session, "number": number })).await?;
    let round = &data["session"]["round"];
    let nodes = round["participants"]["nodes"].as_array().context("participants")?;
    let settings = nodes.iter().map(|node| (node["clientId"].as_str().unwrap().to_owned(), node["settings"].clone()));
    Ok(Selected { selector: round["selector"].clone(), settings: settings.collect() })
}

/// What each task to train told a client in `client_settings`, by round.
fn told(clients: &[Client], session: &str) -> BTreeMap<(String, String), Value> {
    let mut told = BTreeMap::new();
    for client in clients {
        for (_, event) in client.record().all() {
            if let Event::Asked(task) = event
                && task.session() == session
            {
                let settings = task.data.get("client_settings").cloned().unwrap_or_default();
                told.insert((client.record().client().to_owned(), task.round().to_owned()), settings);
            }
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_are_asked_as_the_selector_draws_and_the_record_says_whom_and_by_what() -> Result<()> {
    const ROUNDS: u64 = 8;
    let mut server = Server::start().await?;
    let clients = clients(&server).await?;
    // As many as the fraction is of all, also while some are on their way back after the restart.
    let change = json!({ "seed": 5, "clientsRequired": CLIENTS / 2 });
    let session = run(&server, "uniform", json!({ "fraction": 0.5 }), ROUNDS, &change).await?;
    server.api().wait_for_round(&session, ROUNDS / 2, PATIENCE).await?;
    server.kill()?;
    server.restart().await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    check_all_alive(&clients)?;

    let digest = digest_of(&server, "uniform").await?;
    let mut drawn = BTreeSet::new();
    for number in 1..=ROUNDS {
        let found = selected(&server, &session, number).await?;
        ensure!(found.selector["name"] == "uniform" && found.selector["digest"] == digest.as_str(), "{found:?}");
        let asked: BTreeSet<String> = found.settings.into_keys().collect();
        ensure!(asked.len() == CLIENTS / 2 && asked.iter().all(|id| ids().contains(id)), "{asked:?}");
        let round = format!("{session}.{number}");
        let heard = told(&clients, &session).into_keys().filter(|(_, of)| *of == round).map(|(client, _)| client);
        ensure!(heard.collect::<BTreeSet<_>>() == asked, "those are asked who were chosen, and nobody else");
        drawn.insert(asked);
    }
    ensure!(drawn.len() > 1, "another draw for another round: {drawn:?}");
    Ok(())
}

async fn digest_of(server: &Server, name: &str) -> Result<String> {
    let plugins = server.api().graphql("{ plugins { name digest enabled } }", json!({})).await?;
    let plugins = plugins["plugins"].as_array().context("plugins")?;
    let found = plugins.iter().find(|plugin| plugin["name"] == name).context("the plugin")?;
    Ok(found["digest"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_client_alone_reach_it_and_take_the_place_of_the_sessions() -> Result<()> {
    let guests = vec!["misbehaving-selector"];
    let server = Server::start_with(Options { guests, ..Options::default() }).await?;
    let clients = clients(&server).await?;
    let change = json!({ "clientSettings": { "lr": 0.1, "name": "nobody" } });
    let session = run(&server, "misbehaving-selector", json!({ "mischief": "names" }), 2, &change).await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    for number in 1..=2 {
        let shown = selected(&server, &session, number).await?.settings;
        ensure!(shown.keys().eq(&ids()), "{shown:?}");
        for (client, settings) in shown {
            ensure!(settings == json!({ "name": client }), "{settings}");
            let told = told(&clients, &session).remove(&(client.clone(), format!("{session}.{number}")));
            ensure!(told == Some(json!({ "lr": 0.1, "name": client })), "{told:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_knows_what_clients_did_before() -> Result<()> {
    let guests = vec!["misbehaving-selector"];
    let server = Server::start_with(Options { guests, ..Options::default() }).await?;
    let clients = clients(&server).await?;
    let session = run(&server, "misbehaving-selector", json!({ "mischief": "history" }), 3, &json!({})).await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    check_all_alive(&clients)?;
    for number in 1..=3_u64 {
        for settings in selected(&server, &session, number).await?.settings.into_values() {
            let before = number - 1;
            ensure!(settings["asked"] == before && settings["accepted"] == before, "round {number}: {settings}");
            let (examples, last) = if before == 0 { (Value::Null, Value::Null) } else { (json!(3), json!(before)) };
            ensure!(settings["examples"] == examples && settings["last"] == last, "round {number}: {settings}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_that_does_what_it_must_not_fails_its_attempt_and_no_other_session() -> Result<()> {
    let guests = vec!["misbehaving-selector"];
    let options = Options { guests, ..Options::default() }.with(&["--plugin-guest-time-ms", "500"]);
    let server = Server::start_with(options).await?;
    let _clients = clients(&server).await?;
    let healthy = run(&server, "uniform", json!({}), 100_000, &json!({})).await?;
    for (mischief, named) in [
        ("trap", "trapped"),
        ("spin", "computed for more than the 500 ms"),
        ("fail", "failed on request"),
        ("stranger", "\"stranger\", which is no candidate"),
        ("twice", "\"client-0\", which is no candidate, or chose it twice"),
        ("nobody", "it chose 0 of the 2 clients that the round needs"),
        ("no-json", "are no JSON object"),
        ("no-object", "are no JSON object"),
        ("long-settings", "65537 bytes"),
    ] {
        let config = json!({ "mischief": mischief });
        let session = run(&server, "misbehaving-selector", config, 1, &json!({})).await?;
        let failed = wait::until(format_args!("`{mischief}` to fail its session"), PATIENCE, async || {
            let found = server.api().session(&session).await?;
            ensure!(found.status != "FINISHED", "{mischief}: {found:?}");
            Ok((found.status == "FAILED").then_some(found))
        })
        .await?;
        let reason = failed.reason.context("a reason")?;
        let says = |text: &str| reason.contains(text);
        ensure!(says(named) && says("plugin `misbehaving-selector` 0.1.0"), "{mischief}: {reason}");
        let query = "query ($id: ID!) { session(id: $id) { code round(number: 1) { code status } } }";
        let data = server.api().graphql(query, json!({ "id": session })).await?;
        ensure!(data["session"]["code"] == "ROUND_SELECTOR_FAILED", "{data}");
        ensure!(data["session"]["round"] == json!({ "code": "ROUND_SELECTOR_FAILED", "status": "FAILED" }), "{data}");
        let done = server.api().session(&healthy).await?.rounds_completed;
        server.api().wait_for_round(&healthy, done + 1, PATIENCE).await?;
    }
    // One that is well again is asked again, for the same round.
    let config = json!({ "mischief": "trap", "until_attempt": 3 });
    let session = run(&server, "misbehaving-selector", config, 1, &json!({ "attempts": 3 })).await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    ensure!(server.api().round(&session, 1).await?.attempt == 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_selector_can_work_with_is_refused_when_a_session_is_made() -> Result<()> {
    let server = Server::start().await?;
    for (selector, config, change, code, named) in [
        ("none-such", json!({}), json!({}), "PLUGIN_UNKNOWN", "there is no client selector `none-such`"),
        // An aggregator is no client selector.
        ("fedavg", json!({}), json!({}), "PLUGIN_UNKNOWN", "there is no client selector `fedavg`"),
        ("uniform", json!({ "fraction": 2 }), json!({}), "PLUGIN_CONFIG_INVALID", "`fraction`"),
        ("uniform", json!({ "share": 1 }), json!({}), "PLUGIN_CONFIG_INVALID", "`share`"),
        ("uniform", json!({}), json!({ "buffered": { "size": 2 } }), "SESSION_CONFIG_INVALID", "client_selector"),
    ] {
        let refused = run(&server, selector, config, 1, &change).await.unwrap_err().to_string();
        ensure!(refused.contains(code) && refused.contains(named), "{refused}");
    }
    Ok(())
}

/// Another version of a component: a section of a name of its own is passed over by every engine.
fn variant(name: &str, mark: &str) -> Result<Vec<u8>> {
    let mut component = std::fs::read(target::component(name)?)?;
    let length = u8::try_from(mark.len())?;
    component.extend([0, length + 1, length]);
    component.extend(mark.as_bytes());
    Ok(component)
}

async fn plugin(server: &Server, arguments: &[&str]) -> Result<(bool, String)> {
    let mut command = tokio::process::Command::new(target::fedwit()?);
    command.arg("plugin").args(arguments).args(["--server", &format!("http://{}", server.address())]);
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await??;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_is_swapped_between_rounds_and_not_removed_while_a_session_names_it() -> Result<()> {
    let server = Server::start().await?;
    let _clients = clients(&server).await?;
    let session = run(&server, "uniform", json!({}), 100_000, &json!({})).await?;
    server.api().wait_for_round(&session, 1, PATIENCE).await?;
    let file = server.folder().join("uniform-two.wasm");
    std::fs::write(&file, variant("uniform", "two")?)?;
    let (done, said) = plugin(&server, &["install", path(&file)]).await?;
    ensure!(done, "{said}");
    let installed = said.split_whitespace().nth(2).context("a digest")?.to_owned();
    wait::until("a round on the new version", PATIENCE, async || {
        let found = server.api().session(&session).await?;
        ensure!(found.status == "RUNNING", "{found:?}");
        let last = selected(&server, &session, found.rounds_completed.max(1)).await?;
        Ok((last.selector["digest"] == installed.as_str()).then_some(()))
    })
    .await?;
    let (done, said) = plugin(&server, &["remove", &installed]).await?;
    ensure!(!done && said.contains("PLUGIN_IN_USE") && said.contains(&session), "{said}");
    Ok(())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
