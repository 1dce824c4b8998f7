//! Plugins that are installed into a running server, from the command line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::command_line::{Fedwit, REFUSED, Said};
use fedwit_tests::load::{Client, Options as ClientOptions, Step, start_all};
use fedwit_tests::npz;
use fedwit_tests::server::{Line, Mark, Options, Server};
use fedwit_tests::{Handmade, target, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);

async fn fedwit<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Result<Said> {
    Fedwit::plugin(arguments)?.run().await
}

/// Asks a server.
async fn ask(server: &Server, arguments: &[&str]) -> Result<Said> {
    let url = format!("http://{}", server.address());
    fedwit(arguments.iter().copied().chain(["--server", &url])).await
}

/// Asks a server for what it has to do.
async fn tell(server: &Server, arguments: &[&str]) -> Result<String> {
    let Said { code, out, err } = ask(server, arguments).await?;
    ensure!(code == 0, "fedwit plugin {arguments:?} exited with {code}: {err}");
    Ok(out)
}

/// Another version of a component: a section of a name of its own is passed over by every engine.
fn variant(name: &str, mark: &str, folder: &Path) -> Result<PathBuf> {
    let mut component = std::fs::read(target::component(name)?)?;
    let length = u8::try_from(mark.len())?;
    component.extend([0, length + 1, length]);
    component.extend(mark.as_bytes());
    let path = folder.join(format!("{name}-{mark}.wasm"));
    std::fs::write(&path, component)?;
    Ok(path)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The digest that an installation ended with.
fn digest(installed: &str) -> String {
    installed.split_whitespace().nth(2).unwrap_or_default().to_owned()
}

async fn plugins(server: &Server) -> Result<Vec<Value>> {
    let listed: Value = serde_json::from_str(&tell(server, &["list", "--json"]).await?)?;
    listed.as_array().cloned().context("a list")
}

async fn installed(server: &Server) -> Result<Vec<Value>> {
    Ok(plugins(server).await?.into_iter().filter(|plugin| plugin["builtIn"] == false).collect())
}

/// The digests that the rounds of a session ran on, as far as they have begun.
async fn digests(server: &Server, session: &str) -> Result<Vec<String>> {
    let query = "query ($id: ID!) { session(id: $id) { rounds(first: 100) { nodes { plugin { digest } } } } }";
    let data = server.api().graphql(query, json!({ "id": session })).await?;
    let nodes = data["session"]["rounds"]["nodes"].as_array().cloned().unwrap_or_default();
    Ok(nodes.iter().filter_map(|round| round["plugin"]["digest"].as_str().map(str::to_owned)).collect())
}

async fn client(server: &Server) -> Result<Vec<Client>> {
    start_all(server.address(), vec![("client".to_owned(), ClientOptions::new(Step { step: 0.5, examples: 3 }))]).await
}

async fn run(server: &Server, aggregator: &str, config: Value, rounds: u64) -> Result<String> {
    let seed = server.api().add_seed(npz::stored(&[(&[4], &[1.0, 2.0, 3.0, 4.0])])?).await?;
    let config = json!({ "aggregator": aggregator, "aggregatorConfig": config, "clientsRequired": 1, "validate": false,
                         "roundTimeoutS": 60, "attempts": 1 });
    server.api().run_session(&seed, config, rounds).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_swapped_between_rounds() -> Result<()> {
    let server = Server::start().await?;
    let first = digest(&tell(&server, &["install", path(&variant("slow", "one", server.folder())?)]).await?);
    let second = variant("slow", "two", server.folder())?;
    let _client = client(&server).await?;
    let session = run(&server, "slow", json!({ "add_turns": 1_000_000_000_u64 }), 100).await?;
    // While a round is folded.
    let adds = |line: &Line| line.message().contains("adding the update");
    server.log().wait_for(Mark::default(), "the fold", PATIENCE, adds).await?;
    let second = digest(&tell(&server, &["install", path(&second)]).await?);
    wait::until("a round on the new version", PATIENCE, async || {
        Ok((last_digest(&server, &session).await? == second).then_some(()))
    })
    .await?;
    let begun = u64::try_from(digests(&server, &session).await?.len())?;
    server.api().wait_for_round(&session, begun, PATIENCE).await?;
    let mut ran = digests(&server, &session).await?;
    ran.dedup();
    ensure!(ran == [first, second], "{ran:?}");
    // The round that was being folded ended on the version that it began with, and at once.
    let round = server.api().round(&session, 1).await?;
    ensure!((round.status.as_str(), round.attempt) == ("FINISHED", 1), "{round:?}");
    Ok(())
}

/// Whatever the moment, between the opening of an attempt and its fold included.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_built_in_is_replaced_under_a_session_that_goes_on() -> Result<()> {
    let server = Server::start().await?;
    let _client = client(&server).await?;
    let session = run(&server, "fedavg", json!({}), 100_000).await?;
    server.api().wait_for_round(&session, 1, PATIENCE).await?;
    for mark in ["four", "five", "six"] {
        let component = variant("fedavg", mark, server.folder())?;
        let installed = digest(&tell(&server, &["install", path(&component)]).await?);
        wait::until("a round on the new version", PATIENCE, async || {
            let found = server.api().session(&session).await?;
            // One attempt a round: a fold that does not find its plugin any more fails the session.
            ensure!(found.status == "RUNNING", "{found:?}");
            Ok((last_digest(&server, &session).await? == installed).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// The digest that the last round of a session runs on.
async fn last_digest(server: &Server, session: &str) -> Result<String> {
    let query = "query ($id: ID!) { session(id: $id) { rounds(last: 1) { nodes { plugin { digest } } } } }";
    let data = server.api().graphql(query, json!({ "id": session })).await?;
    Ok(data["session"]["rounds"]["nodes"][0]["plugin"]["digest"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_a_session_uses_is_not_removed_and_one_that_is_gone_fails_its_next_attempt() -> Result<()> {
    let server = Server::start().await?;
    let component = variant("slow", "three", server.folder())?;
    tell(&server, &["install", path(&component)]).await?;
    let _client = client(&server).await?;
    let session = run(&server, "slow", json!({ "add_turns": 300_000_000_u64 }), 1000).await?;
    server.api().wait_for_round(&session, 1, PATIENCE).await?;
    let Said { code, err, .. } = ask(&server, &["remove", "slow"]).await?;
    ensure!(code == REFUSED && err.contains("PLUGIN_IN_USE") && err.contains(&session), "{code}: {err}");
    tell(&server, &["disable", "slow"]).await?;
    let failed = wait::until("the session to fail", PATIENCE, async || {
        let session = server.api().session(&session).await?;
        Ok((session.status == "FAILED").then_some(session))
    })
    .await?;
    let reason = failed.reason.context("a reason")?;
    ensure!(reason.contains("aggregator `slow` is disabled"), "{reason}");
    // Nothing uses it any more.
    tell(&server, &["remove", "slow"]).await?;
    ensure!(installed(&server).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_installed_is_there_after_a_restart_and_what_is_damaged_is_disabled() -> Result<()> {
    let mut server = Server::start().await?;
    let built_in = plugins(&server).await?.len();
    let good = digest(&tell(&server, &["install", path(&variant("fedavg", "good", server.folder())?)]).await?);
    let bad = digest(&tell(&server, &["install", path(&variant("slow", "bad", server.folder())?)]).await?);
    server.kill()?;
    let blob = server.data().join("blobs").join(&bad[..2]).join(&bad);
    std::fs::write(&blob, b"no component")?;
    server.restart().await?;
    let listed = plugins(&server).await?;
    ensure!(listed.len() == built_in + 2, "{listed:?}");
    let by = |digest: &str| listed.iter().find(|plugin| plugin["digest"] == digest).cloned().context("listed");
    ensure!(by(&good)?["enabled"] == true);
    let bad = by(&bad)?;
    ensure!(bad["enabled"] == false && bad["problem"].as_str().is_some_and(|why| why.contains("component")), "{bad}");
    // The one that was installed is used, and not the one that is built in.
    let _client = client(&server).await?;
    let session = run(&server, "fedavg", json!({}), 1).await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    ensure!(digests(&server, &session).await? == [good]);
    tell(&server, &["disable", "fedavg"]).await?;
    let session = run(&server, "fedavg", json!({}), 1).await?;
    server.api().wait_for_end(&session, PATIENCE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_it_installs_has_all_of_the_plugin_or_nothing() -> Result<()> {
    let mut server = Server::start().await?;
    let url = format!("http://{}", server.address());
    for pause in [0, 5, 20, 50, 100, 300] {
        let component = variant("fedavg", &format!("kill{pause}-{}", std::process::id()), server.folder())?;
        let install = fedwit(["install".to_owned(), path(&component).to_owned(), "--server".to_owned(), url.clone()]);
        let install = tokio::spawn(install);
        // Somewhere in the middle: what happens to be done by then is what the test is about.
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.kill()?;
        let said = install.await??;
        server.restart().await?;
        let installed = installed(&server).await?;
        ensure!(said.code == 0 || said.code == 1, "{}", said.err);
        if said.code == 0 {
            ensure!(installed.iter().any(|plugin| plugin["digest"] == digest(&said.out)), "{installed:?}");
        }
        ensure!(installed.iter().all(|plugin| plugin["problem"].is_null()), "{installed:?}");
        // Again, to its end.
        let again = tell(&server, &["install", path(&component)]).await?;
        ensure!(digest(&again).len() == 64, "{again}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_gets_what_it_wants_and_is_granted_or_is_not_used() -> Result<()> {
    let mut server = Server::start().await?;
    let file = server.folder().join("timid.wasm");
    // The case of `wall-clock`; a balancer, since any world is granted things in the same way.
    std::fs::write(&file, Handmade::new("load-balancer").wants(3, "").build())?;
    let refused = async |arguments: &[&str]| {
        let said = ask(&server, arguments).await?;
        ensure!(said.code == REFUSED && said.err.contains("PLUGIN_NOT_GRANTED"), "{arguments:?}: {}", said.err);
        ensure!(said.err.contains("wall-clock"), "{}", said.err);
        anyhow::Ok(())
    };
    refused(&["install", path(&file)]).await?;
    refused(&["install", path(&file), "--grant", "true-randomness"]).await?;
    let said = ask(&server, &["install", path(&file), "--grant", "everything"]).await?;
    ensure!(said.code == REFUSED && said.err.contains("INVALID"), "{}", said.err);
    ensure!(installed(&server).await?.is_empty());

    tell(&server, &["install", path(&file), "--no-enable"]).await?;
    refused(&["enable", "handmade"]).await?;
    tell(&server, &["enable", "handmade", "--grant", "wall-clock"]).await?;
    // One that is used is not robbed of what it wants, also not by being installed again.
    refused(&["install", path(&file), "--no-enable"]).await?;
    server.kill()?;
    server.restart().await?;
    let plugin = installed(&server).await?.swap_remove(0);
    ensure!(plugin["enabled"] == true && plugin["world"] == "LOAD_BALANCER", "{plugin}");
    ensure!(plugin["permissionsGranted"] == json!(["wall-clock"]), "{plugin}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_signed_plugins_are_installed_where_that_is_asked_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (key, other) = (folder.path().join("key"), folder.path().join("other"));
    for key in [&key, &other] {
        ensure!(fedwit(["keygen", path(key)]).await?.code == 0);
    }
    ensure!(fedwit(["keygen", path(&key)]).await?.code == 1, "a key is never overwritten");
    let public = folder.path().join("key.pub");
    let options = Options::default().with(&["--plugin-keys", path(&public), "--require-signed-plugins"]);
    let server = Server::start_with(options).await?;
    let component = variant("fedavg", "signed", folder.path())?;

    let refused = async |code: &str| {
        let said = ask(&server, &["install", path(&component)]).await?;
        ensure!(said.code == REFUSED && said.err.contains(code), "{}: {}", said.code, said.err);
        anyhow::Ok(())
    };
    refused("PLUGIN_UNSIGNED").await?;
    ensure!(fedwit(["sign", path(&component), "--key", path(&other)]).await?.code == 0);
    refused("PLUGIN_SIGNATURE").await?;
    // A good signature, of another component.
    let signed = variant("fedavg", "another", folder.path())?;
    ensure!(fedwit(["sign", path(&signed), "--key", path(&key)]).await?.code == 0);
    std::fs::copy(folder.path().join("fedavg-another.wasm.sig"), folder.path().join("fedavg-signed.wasm.sig"))?;
    refused("PLUGIN_SIGNATURE").await?;
    ensure!(installed(&server).await?.is_empty());

    tell(&server, &["install", path(&signed)]).await?;
    let by = installed(&server).await?[0]["signedBy"].as_str().unwrap_or_default().len();
    ensure!(by == 64);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_tells_a_refusal_from_a_failure() -> Result<()> {
    let server = Server::start().await?;
    let no_component = server.folder().join("x.wasm");
    std::fs::write(&no_component, b"hello")?;
    let said = ask(&server, &["install", path(&no_component)]).await?;
    ensure!(said.code == REFUSED && said.err.contains("PLUGIN_NOT_A_COMPONENT"), "{}", said.err);
    for (arguments, code, text) in [
        (&["enable", "fedavg"][..], REFUSED, "PLUGIN_BUILT_IN"),
        (&["remove", "nobody"], REFUSED, "NOT_FOUND"),
        (&["install", "/nowhere.wasm"], 1, "/nowhere.wasm"),
        (&["install"], 2, "Usage"),
    ] {
        let said = ask(&server, arguments).await?;
        ensure!(said.code == code && said.err.contains(text), "{arguments:?}: {} {}", said.code, said.err);
    }
    let said = fedwit(["list", "--server", "http://127.0.0.1:1"]).await?;
    ensure!(said.code == 1 && said.err.contains("127.0.0.1:1"), "{}", said.err);
    let table = tell(&server, &["list"]).await?;
    ensure!(table.lines().count() == plugins(&server).await?.len() + 1, "{table}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_a_job_is_told_how_it_ended_however_late_it_is() -> Result<()> {
    let server = Server::start().await?;
    let api = server.api();
    let bad = api.install_plugin("no-component.wasm", "hello".into()).await?;
    let good = std::fs::read(variant("fedavg", "watched", server.folder())?)?;
    let good = api.install_plugin("fedavg.wasm", good.into()).await?;
    for late in [false, true] {
        let failed = api.watch_plugin_job(&bad, PATIENCE).await?.pop().context("the last state")?;
        ensure!(failed["stage"] == "FAILED" && failed["code"] == "PLUGIN_NOT_A_COMPONENT", "{failed}");
        ensure!(failed["plugin"].is_null() && failed["source"] == "no-component.wasm", "{failed}");
        let said = api.watch_plugin_job(&good, PATIENCE).await?;
        let last = said.last().context("the last state")?;
        ensure!(last["stage"] == "INSTALLED" && last["plugin"]["name"] == "fedavg" && last["id"] == good, "{last}");
        ensure!(!late || said.len() == 1, "once it has ended there is one state to tell: {said:?}");
    }
    let unknown = api.watch_plugin_job("00000000-0000-0000-0000-000000000000", PATIENCE).await.unwrap_err();
    ensure!(unknown.to_string().contains("NOT_FOUND"), "{unknown:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_checked_rule_by_rule() -> Result<()> {
    let cache = target::plugin_cache();
    let (good, bad) = (target::component("fedavg")?, target::component("wayward")?);
    let said = fedwit(["check", path(&good), "--plugin-cache", path(&cache)]).await?;
    ensure!(said.code == 0 && said.out.contains("passed  order-does-not-matter"), "{}{}", said.out, said.err);
    let config = r#"{"way": "last-wins"}"#;
    let wrong = ["check", path(&bad), "--json", "--config", config, "--plugin-cache", path(&cache)];
    let said = fedwit(wrong).await?;
    let shown: Value = serde_json::from_str(&said.out)?;
    ensure!(said.code == 1 && shown["passed"] == false, "{shown}");
    let rules = shown["rules"].as_array().context("rules")?;
    let rule = rules.iter().find(|rule| rule["rule"] == "order-does-not-matter").context("the rule")?;
    ensure!(rule["verdict"] == "failed" && rule["how"].as_str().is_some_and(|how| how.contains("tensor")), "{rule}");
    let folder = tempfile::tempdir()?;
    let none = folder.path().join("x.wasm");
    std::fs::write(&none, b"hello")?;
    let said = fedwit(["check", path(&none)]).await?;
    ensure!(said.code == REFUSED && said.err.contains("PLUGIN_NOT_A_COMPONENT"), "{}", said.err);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_inspected_without_a_server() -> Result<()> {
    let cache = target::plugin_cache();
    let file = target::component("fedadam")?;
    let said = fedwit(["inspect", "--json", path(&file), "--plugin-cache", path(&cache)]).await?;
    ensure!(said.code == 0, "{}", said.err);
    let shown: Value = serde_json::from_str(&said.out)?;
    ensure!(shown["name"] == "fedadam" && shown["world"] == "aggregator", "{shown}");
    ensure!(shown["exports"] == json!(["fedwit:plugin/aggregator@0.1.0"]), "{shown}");
    let imports = shown["imports"].as_array().context("imports")?;
    ensure!(imports.iter().any(|import| import == "fedwit:plugin/tensors@0.1.0"), "{shown}");
    ensure!(shown["config_schema"]["properties"]["beta1"].is_object() && shown["digest"].as_str().unwrap().len() == 64);
    let text = fedwit(["inspect", path(&file), "--plugin-cache", path(&cache)]).await?.out;
    ensure!(text.contains("fedadam") && text.contains("beta1 = "), "{text}");

    let folder = tempfile::tempdir()?;
    let other = folder.path().join("other.wasm");
    std::fs::write(&other, b"(component)")?;
    let said = fedwit(["inspect", "--json", path(&other), "--plugin-cache", ""]).await?;
    let shown: Value = serde_json::from_str(&said.out)?;
    ensure!(said.code == REFUSED && shown["problem"]["code"] == "PLUGIN_EXPORT", "{shown}");
    Ok(())
}
