//! Updates that nobody wants: each is refused with its reason on record, carries no weight, and ends neither its client
//! nor the session. Seeds that nobody wants are refused where they are uploaded.
//!
//! Their files are put together byte by byte: no library writes them.

mod hostile {
    pub(crate) mod clients;
    pub(crate) mod files;
}

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::load::{Client, Event, Options, Step, check_all_alive, start_all};
use fedwit_tests::npz;
use fedwit_tests::server::Server;
use serde_json::json;

use hostile::clients::{Accomplices, hostile};
use hostile::files;

const ROUNDS: u64 = 2;

/// A round waits for all of its clients, of which many read and write files.
const LONG: Duration = Duration::from_secs(120);

/// What a server of small models may need; a bomb has as much.
const ROOM: u64 = 48 << 20;

/// Honest clients: their names, steps and examples.
const HONEST: [(&str, f32, u64); 3] = [("honest", 0.25, 10), ("last", 0.5, 20), ("victim", -1.0, 30)];

/// What the honest clients' steps come to, and those of the hostile ones that are also honest.
fn mean_step(also_honest: &[(f32, u64)]) -> f64 {
    let honest = HONEST.iter().map(|(_, step, examples)| (*step, *examples)).chain(also_honest.iter().copied());
    let (sum, examples) = honest.fold((0.0, 0.0), |(sum, all), (step, examples)| {
        (sum + f64::from(step) * examples as f64, all + examples as f64)
    });
    sum / examples
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_refused_with_its_reason_and_carries_no_weight() -> Result<()> {
    let mut server = Server::start().await?;
    let api = server.api();
    let seed = api.add_seed(files::honest()?).await?;

    let accomplices = Accomplices::default();
    let hostile = hostile(&accomplices)?;
    let honest = HONEST.map(|(id, step, examples)| {
        let step = Step { step, examples };
        let options = match id {
            "last" => accomplices.last(step),
            "victim" => accomplices.victim(step),
            _ => Options::new(step),
        };
        (id.to_owned(), options)
    });
    let mut clients = Vec::from(honest);
    clients.extend(hostile.iter().map(|hostile| (hostile.id.to_owned(), hostile.options())));
    let asked = clients.len();
    let clients = start_all(server.address(), clients).await?;

    let also_honest: Vec<_> = hostile.iter().filter_map(|hostile| hostile.also_honest).collect();
    let required = HONEST.len() + also_honest.len();
    let config = json!({ "clientsRequired": required, "validate": false, "roundTimeoutS": 100, "attempts": 1 });
    let memory = server.watch_memory()?;
    let session = api.run_session(&seed, config, ROUNDS).await?;
    let ended = api.wait_for_end(&session, LONG).await;
    if ended.is_err() {
        clients.iter().for_each(|client| eprintln!("{}", client.record()));
    }
    ended?;
    let memory = memory.seen()?;
    ensure!(memory.above_first() < ROOM, "files of a few values took {memory:?}");
    check_all_alive(&clients)?;
    ensure!(server.is_running()?, "the server has ended");

    let mut before = api.download(&seed).await?;
    for number in 1..=ROUNDS {
        let round = api.round(&session, number).await?;
        ensure!(round.participants.len() == asked, "{} were asked", round.participants.len());
        let accepted = round.participants.iter().filter(|participant| participant.status == "ACCEPTED");
        let accepted: BTreeSet<&str> = accepted.map(|participant| participant.client.as_str()).collect();
        let honest = hostile.iter().filter(|hostile| hostile.also_honest.is_some()).map(|hostile| hostile.id);
        let expected: BTreeSet<&str> = HONEST.iter().map(|(id, _, _)| *id).chain(honest).collect();
        ensure!(accepted == expected, "{accepted:?} count, and not {expected:?}");
        for hostile in hostile.iter().filter(|hostile| hostile.from_round <= number) {
            let told = told(&clients, hostile.id)?;
            let refusal = round.refusals.iter().find(|refusal| refusal.client == hostile.id);
            let refusal =
                refusal.with_context(|| format!("no refusal of `{}` in round {number}: {told}", hostile.id))?;
            ensure!(hostile.codes.contains(&refusal.code.as_str()), "`{}`: {refusal:?}", hostile.id);
            let reason = refusal.reason.to_lowercase();
            ensure!(reason.contains(hostile.reason), "`{}`: no `{}` in {refusal:?}", hostile.id, hostile.reason);
            ensure!(told.contains(&refusal.reason), "`{}` is told {told}, and not {}", hostile.id, refusal.reason);
        }

        let model = api.download(&round.model.context("no model")?).await?;
        let step = mean_step(&also_honest);
        for (old, new) in npz::read(&before)?.iter().zip(npz::read(&model)?) {
            ensure!(old.shape == new.shape, "{old:?} became {new:?}");
            for (old, new) in old.values.iter().zip(&new.values) {
                let error = (f64::from(*new) - f64::from(*old) - step).abs();
                ensure!(error < 1e-6, "{old} became {new}, which is not {step} more");
            }
        }
        before = model;
    }
    let escaped = server.folder().join("escaped.npz");
    ensure!(!escaped.exists(), "{} was written", escaped.display());
    Ok(())
}

/// All that a client was told of what it sent.
fn told(clients: &[Client], id: &str) -> Result<String> {
    let client = clients.iter().find(|client| client.record().client() == id).context("the client")?;
    let events = client.record().all();
    let texts = events.iter().filter_map(|(_, event)| match event {
        Event::Sent(sent) => Some(sent.text.as_str()),
        Event::Uploaded { text, .. } => Some(text.as_str()),
        _ => None,
    });
    Ok(texts.collect::<Vec<_>>().join("; "))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_seed_is_refused_where_it_is_uploaded() -> Result<()> {
    let server = Server::start().await?;
    let api = server.api();
    for (name, file, said) in files::seeds()? {
        let answer = api.upload_seed("seed.npz", file).await?;
        let message = answer.body["message"].as_str().unwrap_or_default().to_lowercase();
        ensure!(answer.status.is_client_error(), "`{name}` is taken: {answer:?}");
        ensure!(message.contains(said), "`{name}`: no `{said}` in {answer:?}");
    }
    // And an honest one after all of them is taken.
    api.add_seed(files::honest()?).await?;
    Ok(())
}
