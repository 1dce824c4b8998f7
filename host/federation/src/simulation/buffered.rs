//! A buffered session, which is crashed again and again.

use std::collections::{BTreeMap, BTreeSet};

use fedwit_domain::{Buffering, ClientId, Event, SessionConfig, SessionId, Status, UpdateId};

use super::{CLIENTS, World, begin_with, crash_until_ended, ended, examples, read, step};

const MODELS: u32 = 12;
const SIZE: u32 = 3;

fn config() -> SessionConfig {
    let buffered = Some(Buffering { size: SIZE, validate_every: 4, ..Buffering::default() });
    SessionConfig { clients_required: 1, buffered, ..SessionConfig::default() }
}

/// Each model is made of a whole buffer, and moves by what its updates have learned, whatever they started from. Every
/// update that a client was told counts is in one of them.
fn check(world: &World, id: SessionId) {
    let session = world.session(id);
    assert!(matches!(session.status, Status::Finished { .. }), "{:?}", session.status);
    let mut waiting: BTreeMap<u32, Vec<ClientId>> = BTreeMap::new();
    let mut counted: BTreeSet<(ClientId, UpdateId)> = BTreeSet::new();
    let (mut expected, mut models) = (1.0, 0);
    for recorded in world.log.events(id) {
        match recorded.event {
            Event::UpdateAccepted { round, client, update, .. } => {
                assert!(counted.insert((client.clone(), update)), "an update counts once");
                waiting.entry(round.0).or_default().push(client);
            }
            Event::RoundCommitted { round, model, updates, .. } => {
                models += 1;
                let made_of = waiting.remove(&round.0).unwrap();
                assert_eq!((round.0, updates, made_of.len()), (models, SIZE, SIZE as usize));
                let total: f64 = made_of.iter().map(examples).sum();
                expected += made_of.iter().map(|client| step(client) * examples(client)).sum::<f64>() / total;
                assert!(world.blobs.durable().contains(&model.blob), "a model's file is durable before its record");
                let value = read(world, model.blob);
                assert!((value - expected).abs() < 1e-9, "model {round}: {value} is not {expected}");
            }
            _ => {}
        }
    }
    assert_eq!((models, waiting.len()), (MODELS, 0));
    for client in &world.clients {
        let client = client.lock().unwrap();
        for (task, update) in &client.answered {
            assert!(counted.contains(&(client.id.clone(), update.clone())), "{update} for {task} is not kept");
        }
    }
}

#[test]
fn a_buffered_session_ends_with_a_model_of_every_few_updates() {
    let world = World::new();
    let mut id = None;
    world.live(async |federation| {
        let session = begin_with(&federation, MODELS, config()).await;
        id = Some(session);
        assert!(ended(&world, session).await, "{:?}", world.session(session));
    });
    check(&world, id.unwrap());
}

#[test]
fn crashes_at_any_moment_lose_no_update_and_count_none_twice() {
    for seed in 0..8 {
        let world = World { combiners: if seed % 2 == 0 { 1 } else { 3 }, ..World::new() };
        let id = crash_until_ended(&world, seed, async |federation| begin_with(federation, MODELS, config()).await);
        check(&world, id);
    }
}

#[test]
fn a_fold_goes_on_without_an_update_of_many_by_one_client() {
    let world = World::new();
    let bad: ClientId = format!("client-{}", CLIENTS - 1).parse().unwrap();
    world.folding.reject(bad.clone());
    let mut id = None;
    world.live(async |federation| {
        let config = SessionConfig { max_exclusions: 100, ..config() };
        let session = begin_with(&federation, MODELS, config).await;
        id = Some(session);
        assert!(ended(&world, session).await, "{:?}", world.session(session));
    });
    let id = id.unwrap();
    let session = world.session(id);
    assert!(matches!(session.status, Status::Finished { .. }), "{:?}", session.status);
    let excluded = world.log.events(id).into_iter().filter_map(|recorded| match recorded.event {
        Event::UpdateExcluded { client, .. } => Some(client),
        _ => None,
    });
    let excluded: BTreeSet<ClientId> = excluded.collect();
    assert_eq!(excluded, BTreeSet::from([bad]));
}
