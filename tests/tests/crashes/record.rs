//! What a server has on record, held against what its clients know and what the equations say.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use fedwit_tests::api::{Participant, Round};
use fedwit_tests::fedopt::{FedAdam, relative_error};
use fedwit_tests::load::{Client, Sent};
use fedwit_tests::npz;
use fedwit_tests::server::Server;
use sha2::{Digest, Sha256};

use super::trainer::{Trainer, round};

/// The greatest error of a model, relative to its greatest value.
const TOLERANCE: f64 = 1e-6;

/// Checks each round of a session.
pub(crate) async fn check_records(
    server: &Server,
    session: &str,
    seed: &str,
    rounds: u64,
    clients: &[Client],
) -> Result<()> {
    let api = server.api();
    let mut optimiser = FedAdam::default();
    let (mut base_id, mut base) = (seed.to_owned(), values(&api.download(seed).await?)?);
    for number in 1..=rounds {
        let round = api.round(session, number).await?;
        ensure!(round.status == "FINISHED" && round.base == base_id, "{round:?}");
        ensure!(round.refusals.is_empty(), "{:?}", round.refusals);
        let known = told_to_count(clients, number)?;
        let updates = check_participants(server, &round, &known)?;

        let model_id = round.model.context("no model")?;
        let model = values(&api.download(&model_id).await?)?;
        let expected = optimiser.round(&base, &updates);
        let error = relative_error(&model, &expected);
        ensure!(error <= TOLERANCE, "round {number} is off by {error:e}");
        ensure!(relative_error(&base, &expected) > TOLERANCE, "round {number} changed nothing");
        (base_id, base) = (model_id, model);
    }
    Ok(())
}

/// The updates of a round that clients were told to count, by client.
fn told_to_count(clients: &[Client], number: u64) -> Result<HashMap<String, Sent>> {
    let mut told = HashMap::new();
    for client in clients {
        let record = client.record();
        let counts: Vec<_> =
            record.sent().into_iter().filter(|sent| round(&sent.task) == number && counts(sent)).collect();
        // An answer may have been lost with the server that gave it, and was then asked for again.
        let updates: Vec<_> = counts.iter().map(|sent| &sent.update).collect();
        ensure!(updates.windows(2).all(|pair| pair[0] == pair[1]), "{record}two updates of round {number} count");
        let sent = counts.into_iter().next().with_context(|| format!("{record}nothing of round {number} counts"))?;
        told.insert(record.client().to_owned(), sent);
    }
    Ok(told)
}

fn counts(sent: &Sent) -> bool {
    sent.text.starts_with("RECEIVED")
}

/// Checks that exactly the updates that clients were told to count do, and that the files are those that they sent.
/// Gives the values of each, with its examples.
fn check_participants(server: &Server, round: &Round, told: &HashMap<String, Sent>) -> Result<Vec<(Vec<f32>, u64)>> {
    ensure!(round.participants.len() == told.len(), "{round:?}");
    let mut updates = Vec::new();
    for participant in &round.participants {
        let Participant { client, status, update, digest, examples, staleness: _ } = participant;
        let sent = told.get(client).with_context(|| format!("nobody asked {participant:?}"))?;
        ensure!(status == "ACCEPTED" && update.as_ref() == Some(&sent.update), "{participant:?} is not {sent:?}");
        let index: usize = client.rsplit('-').next().context("its number")?.parse()?;
        ensure!(*examples == Some(Trainer::examples(index)), "{participant:?}");
        let digest = digest.as_ref().context("the update is not kept")?;
        let kept = Bytes::from(std::fs::read(server.data().join("blobs").join(&digest[..2]).join(digest))?);
        ensure!(hex::encode(Sha256::digest(&kept)) == *digest, "{digest} is damaged");
        ensure!(sent.file.as_ref() == Some(&kept), "{participant:?} is not the file that was sent");
        updates.push((values(&kept)?, Trainer::examples(index)));
    }
    Ok(updates)
}

/// All values of a model in a row.
fn values(model: &Bytes) -> Result<Vec<f32>> {
    Ok(npz::read(model)?.into_iter().flat_map(|array| array.values).collect())
}
