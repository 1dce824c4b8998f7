//! `kill -9`, at moments that matter, and what is left afterwards: everything that a client was told.
//!
//! Ten clients train for twenty rounds, all of them required. Ten times the server is killed, twice in each of five
//! places that its own log shows it to be in, and started again. Nobody helps the session along. In the end what is on
//! record is held against what the clients know, and the models against a recomputation in float64.

mod crashes {
    pub(crate) mod kill;
    pub(crate) mod lock;
    pub(crate) mod record;
    pub(crate) mod trainer;
}

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::load::{Options as ClientOptions, check_all_alive, start_all};
use fedwit_tests::server::{Options, Server};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crashes::kill::{Kill, Moment};
use crashes::record::check_records;
use crashes::trainer::{Stage, Trainer, seed_model};

const CLIENTS: usize = 10;
const ROUNDS: u64 = 20;

/// The moments follow from this alone.
const SEED: u64 = 3;

/// All twenty rounds, with ten restarts in them.
const LONG: Duration = Duration::from_secs(240);

/// Each moment twice, in rounds of their own, and each with a client that it is about.
fn plan() -> Vec<Kill> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut moments = [Moment::ALL, Moment::ALL].concat();
    moments.shuffle(&mut random);
    let mut rounds: Vec<u64> = (1..=ROUNDS).collect();
    rounds.shuffle(&mut random);
    rounds.truncate(moments.len());
    rounds.sort_unstable();
    let kills = rounds.into_iter().zip(moments);
    kills.map(|(round, moment)| Kill { round, moment, client: random.random_range(0..CLIENTS) }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_were_told_survives_and_the_session_ends_by_itself() -> Result<()> {
    survives(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_does_over_several_combiners() -> Result<()> {
    survives(&["--combiners", "3"]).await
}

async fn survives(arguments: &[&str]) -> Result<()> {
    let options = Options { guests: vec!["slow"], ..Options::default() }.with(arguments);
    let mut server = Server::start_with(options).await?;
    let api = server.api();
    let seed = api.add_seed(seed_model()?).await?;
    let plan = plan();
    eprintln!("the plan: {plan:#?}");

    let stage = Arc::new(Stage::new(&plan));
    let trainer = |index| Trainer::new(index, Arc::clone(&stage));
    let clients = (0..CLIENTS).map(|index| {
        let options = ClientOptions { piece: Trainer::PIECE, ..ClientOptions::new(trainer(index)) };
        (Trainer::id(index), options)
    });
    let clients = start_all(server.address(), clients.collect()).await?;

    // Some thirty milliseconds for each update, and a fifth of a second for the model: time to be killed in.
    let slow = json!({ "add_turns": 30_000_000, "finish_turns": 200_000_000 });
    let config = json!({
        "aggregator": "slow",
        "aggregatorConfig": slow,
        "clientsRequired": CLIENTS,
        "validate": false,
        "keepUpdates": true,
        "roundTimeoutS": 200,
        "attempts": 1,
    });
    let session = api.run_session(&seed, config, ROUNDS).await?;

    for kill in &plan {
        let proof = kill.carry_out(&mut server, &session, &stage, &clients).await;
        let proof = proof.with_context(|| format!("{kill:?}"))?;
        eprintln!("{kill:?}: {proof}");
    }
    stage.open(ROUNDS);
    let ended = server.api().wait_for_end(&session, LONG).await;
    if ended.is_err() {
        clients.iter().for_each(|client| eprintln!("{}", client.record()));
    }
    ended?;
    check_all_alive(&clients)?;
    ensure!(server.is_running()?, "the server has ended by itself");
    check_records(&server, &session, &seed, ROUNDS, &clients).await
}
