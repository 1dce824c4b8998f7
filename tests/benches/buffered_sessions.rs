//! Models a minute, of a buffered session and of one in rounds: 20 clients, of which 5 take ten times as long to train.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::api::Api;
use fedwit_tests::load::{Options, Paced, check_all_alive, start_all};
use fedwit_tests::server::Server;
use fedwit_tests::{benchmark, npz};
use serde_json::{Value, json};

const CLIENTS: usize = 20;
const SLOW: usize = 5;
const TRAINING: Duration = Duration::from_millis(250);
/// Some twenty seconds of each.
const ROUNDS: u64 = 9;
const MODELS: u64 = 120;
const WANTED: f64 = 10.0;

#[tokio::main]
async fn main() -> Result<()> {
    if !benchmark::is_asked_for("buffered_sessions") {
        return Ok(());
    }
    println!("buffered sessions: {CLIENTS} clients train for {TRAINING:?}, {SLOW} of them ten times as long; K = 10");
    let server = Server::start().await?;
    let api = server.api();
    let file = npz::stored(&[(&[8], &[0.5; 8])])?;
    let seed = api.add_seed(file.clone()).await?;
    let client = |index: usize| {
        let training = if index < SLOW { 10 * TRAINING } else { TRAINING };
        (format!("client-{index}"), Options::new(Paced { training, file: file.clone(), examples: 10 }))
    };
    let clients = start_all(server.address(), (0..CLIENTS).map(client).collect()).await?;
    let rounds = json!({ "clientsRequired": CLIENTS, "validate": false });
    let in_rounds = models_a_minute(&server, &api, &seed, rounds, ROUNDS).await?;
    let buffered =
        json!({ "aggregator": "fedbuff", "buffered": { "size": 10 }, "clientsRequired": 10, "validate": false });
    let buffered = models_a_minute(&server, &api, &seed, buffered, MODELS).await?;
    check_all_alive(&clients)?;
    let ratio = buffered / in_rounds;
    println!("  in rounds {in_rounds:.0} models a minute, buffered {buffered:.0}: {ratio:.1} times; wanted: {WANTED}");
    ensure!(ratio >= WANTED, "{ratio:.1} times is less than {WANTED}");
    Ok(())
}

/// From the first model to the last, by the server's own log.
async fn models_a_minute(server: &Server, api: &Api, seed: &str, config: Value, models: u64) -> Result<f64> {
    let mark = server.log().mark();
    let session = api.run_session(seed, config, models).await?;
    api.wait_for_end(&session, Duration::from_secs(300)).await?;
    let commits = server.log().lines(mark).into_iter().filter(|line| line.message().contains(" ended with model "));
    let times = commits.map(|line| line.time()).collect::<Result<Vec<_>>>()?;
    ensure!(times.len() as u64 == models, "{} commits in the log", times.len());
    let (first, last) = (times.first().context("a model")?, times.last().context("a model")?);
    Ok((models - 1) as f64 * 60.0 / (*last - *first).to_std().context("time runs backwards")?.as_secs_f64())
}
