//! A buffered session over clients of different speed: none waits for the others, what a slow one has learned counts, and
//! a `kill -9` in the middle loses nothing of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::load::{Client, Event, Options, Paced, check_all_alive, start_all};
use fedwit_tests::npz;
use fedwit_tests::server::Server;
use fedwit_tests::wait::PATIENCE;
use serde_json::json;

const CLIENTS: usize = 20;
/// The first ones take ten times as long.
const SLOW: usize = 5;
const QUICK_TRAINING: Duration = Duration::from_millis(100);
const MODELS: u64 = 30;
const SIZE: usize = 10;

/// All models, with a restart after which clients come back.
const LONG: Duration = Duration::from_secs(120);

fn id(index: usize) -> String {
    format!("client-{index}")
}

/// The updates that clients were told count, with their clients.
fn told_to_count(clients: &[Client]) -> BTreeMap<String, String> {
    let sent = clients.iter().flat_map(|client| client.record().sent().into_iter().map(move |sent| (client, sent)));
    let counts = sent.filter(|(_, sent)| sent.text.starts_with("RECEIVED"));
    counts.map(|(client, sent)| (sent.update, client.record().client().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_model_is_made_of_a_whole_buffer_and_every_update_that_counts_is_in_one() -> Result<()> {
    let mut server = Server::start().await?;
    let api = server.api();
    let file = npz::stored(&[(&[8], &[0.5; 8])])?;
    let seed = api.add_seed(file.clone()).await?;
    let client = |index: usize| {
        let training = if index < SLOW { 10 * QUICK_TRAINING } else { QUICK_TRAINING };
        (id(index), Options::new(Paced { training, file: file.clone(), examples: 10 + index as u64 }))
    };
    let clients = start_all(server.address(), (0..CLIENTS).map(client).collect()).await?;
    let config =
        json!({ "aggregator": "fedbuff", "buffered": { "size": SIZE }, "clientsRequired": SIZE, "validate": false });
    let session = api.run_session(&seed, config, MODELS).await?;

    api.wait_for_round(&session, MODELS / 2, PATIENCE).await?;
    server.kill()?;
    server.restart().await?;
    api.wait_for_end(&session, LONG).await?;
    check_all_alive(&clients)?;

    let mut told = told_to_count(&clients);
    let mut stale = BTreeMap::<String, u64>::new();
    for number in 1..=MODELS {
        let round = api.round(&session, number).await?;
        // Once there are updates for all of the last models, whoever still trains is late.
        let late = round.refusals.iter().all(|refused| number + 4 > MODELS && refused.code == "UPDATE_LATE");
        ensure!(round.status == "FINISHED" && late, "{round:?}");
        let accepted: Vec<_> = round.participants.iter().filter(|part| part.status == "ACCEPTED").collect();
        ensure!(accepted.len() == SIZE, "a model of {} updates: {round:?}", accepted.len());
        for participant in accepted {
            let update = participant.update.clone().context("its update")?;
            let of = told.remove(&update);
            ensure!(of.as_ref() == Some(&participant.client), "{participant:?} was told {of:?}, or counts twice");
            let most = stale.entry(participant.client.clone()).or_default();
            *most = participant.staleness.max(*most);
        }
    }
    ensure!(told.is_empty(), "{told:?} are in no model");
    for slow in (0..SLOW).map(id) {
        ensure!(stale.get(&slow) > Some(&0), "{slow} counts, and late: {stale:?}");
    }
    let asked = |client: &Client| client.record().count(|event| matches!(event, Event::Asked(_)));
    let (slow, quick) = (asked(&clients[0]), asked(&clients[CLIENTS - 1]));
    ensure!(quick > 2 * slow, "a quick client was asked {quick} times, and a slow one {slow} times");
    Ok(())
}
