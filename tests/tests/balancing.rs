//! Load balancers that are plugins: they place clients, are exchanged while the server runs, and keep nobody out when they
//! break.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::Handmade;
use fedwit_tests::python::numpy_client;
use fedwit_tests::server::{Line, Mark, Options, Server};
use fedwit_tests::wait::{self, PATIENCE};
use serde_json::{Value, json};

/// FEDn's client waits ten seconds before it comes back, then twenty.
const RETURN: Duration = Duration::from_secs(90);

const CLIENT: &str = "query ($id: ID!) { client(id: $id) { combiner attributes } }";

/// A balancer that takes every configuration and places everybody at one combiner.
fn placing(combiner: &str) -> Handmade {
    let length = combiner.len();
    let data = format!(
        r#"(data (i32.const 0) "\00\00\00\00\40\00\00\00\{length:02x}\00\00\00") (data (i32.const 64) "{combiner}")"#
    );
    let balancer = Handmade::new("load-balancer").with_fields("", &data);
    balancer.with("place", "(i32.const 0)").with("check", "(i32.const 16)")
}

async fn install(server: &Server, balancer: &Handmade) -> Result<()> {
    let job = server.api().install_plugin("handmade.wasm", balancer.build().into()).await?;
    let last = server.api().watch_plugin_job(&job, PATIENCE).await?.pop().context("the last state")?;
    ensure!(last["stage"] == "INSTALLED" && last["plugin"]["world"] == "LOAD_BALANCER", "{last}");
    Ok(())
}

async fn client(server: &Server, id: &str) -> Result<Value> {
    Ok(server.api().graphql(CLIENT, json!({ "id": id })).await?["client"].take())
}

/// Registers a client, and says where it belongs.
async fn joined(server: &Server, id: &str, preferred: &str) -> Result<String> {
    server.api().add_client(id, preferred).await?;
    let combiner = client(server, id).await?["combiner"].take();
    Ok(combiner.as_str().context("a combiner")?.to_owned())
}

async fn placements(server: &Server, outcome: &str) -> Result<u64> {
    let text = reqwest::get(server.api().url("/metrics")).await?.text().await?;
    let wanted = format!("fedwit_placements_total{{outcome=\"{outcome}\"}} ");
    let count = text.lines().find_map(|line| line.strip_prefix(wanted.as_str()));
    Ok(count.map_or(Ok(0), str::parse)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn balancers_are_exchanged_and_keep_nobody_out_when_they_break() -> Result<()> {
    let mut server = Server::start().await?;
    install(&server, &placing("combiner-2")).await?;
    server.stop().await?;
    let arguments = ["--combiners", "3", "--load-balancer", "handmade", "--plugin-guest-time-ms", "200"];
    server.restart_with(&arguments).await?;
    for id in ["a", "b"] {
        ensure!(joined(&server, id, "combiner-1").await? == "combiner-2");
    }
    ensure!(placements(&server, "balanced").await? == 2);

    // Another takes its place while the server runs.
    install(&server, &placing("combiner-3")).await?;
    ensure!(joined(&server, "c", "").await? == "combiner-3");

    let trapping = Handmade::new("load-balancer").with("check", "(i32.const 16)");
    let spinning =
        Handmade::new("load-balancer").with("check", "(i32.const 16)").with("place", "(loop (br 0)) unreachable");
    let broken = [
        ("trap", trapping, "failed", "PLUGIN_TRAP"),
        ("spin", spinning, "failed", "PLUGIN_LIMIT"),
        ("lost", placing("combiner-9"), "failed", "PLUGIN_ANSWER"),
    ];
    for (broke, (id, balancer, outcome, code)) in (1..).zip(broken) {
        install(&server, &balancer).await?;
        ensure!(joined(&server, id, "combiner-1").await?.starts_with("combiner-"), "`{id}` joins all the same");
        ensure!(placements(&server, outcome).await? == broke, "{id}");
        let told = |line: &Line| line.message().contains(&format!("does not place client `{id}`"));
        let line = server.log().wait_for(Mark::default(), "the reason", PATIENCE, told).await?;
        ensure!(line.message().contains(code), "{line}");
    }

    install(&server, &placing("combiner-1")).await?;
    ensure!(joined(&server, "d", "combiner-2").await? == "combiner-1", "it is well again");
    let removed = server.api().graphql_answer("mutation { removePlugin(name: \"handmade\") }", json!({})).await?;
    ensure!(removed["errors"].is_array(), "several versions are there, and one of them places clients: {removed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_placed_by_what_it_says_of_itself() -> Result<()> {
    let mut server = Server::start().await?;
    let mut running = numpy_client(&server, "a", 60, 0.0)?;
    wait::until("the client's attributes", PATIENCE, async || {
        Ok((client(&server, "a").await?["attributes"]["kind"] == "numpy_client").then_some(()))
    })
    .await?;
    server.kill()?;
    // Its combiner is gone, so that it is placed anew when it comes back.
    let config = r#"{"attribute": "kind", "combiners": {"numpy_client": ["combiner-3"]}}"#;
    let arguments = ["--combiners", "3", "--load-balancer", "least-loaded", "--load-balancer-config", config];
    server.restart_with(&arguments).await?;
    wait::until("the client to belong to its combiner", RETURN, async || {
        Ok((client(&server, "a").await?["combiner"] == "combiner-3").then_some(()))
    })
    .await?;
    // Who says nothing of itself joins where there are the fewest.
    ensure!(joined(&server, "other", "combiner-3").await? == "combiner-1");
    running.check_alive()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_cannot_be_used_keeps_the_server_from_starting() -> Result<()> {
    for (arguments, told) in [
        (
            &["--load-balancer", "nobody"][..],
            "there is no load balancer `nobody`; installed are least-loaded, preferred",
        ),
        (&["--load-balancer", "fedavg"], "there is no load balancer `fedavg`"),
        (&["--load-balancer", "preferred", "--load-balancer-config", r#"{"room": 1}"#], "room"),
        (&["--load-balancer", "preferred", "--load-balancer-config", "[]"], "no object"),
    ] {
        let refused = Server::start_with(Options::default().with(&[&["--combiners", "2"], arguments].concat())).await;
        let why = format!("{:#}", refused.map(drop).unwrap_err());
        ensure!(why.contains(told), "{arguments:?}: {why}");
    }
    Ok(())
}
