//! A session with a client selector, which is crashed again and again, also while that thinks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fedwit_domain::ports::FakeClientSelector;
use fedwit_domain::{AttemptFailure, ClientId, Event, Recorded, SessionConfig, SessionId, Start, Status};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{CLIENTS, PATIENCE, ROUNDS, World, begin, begin_with, ended, examples, read, step};
use crate::{Federation, FederationError};

const ASKED: u32 = 3;

fn config() -> SessionConfig {
    SessionConfig {
        client_selector: Some("first".to_owned()),
        clients_required: ASKED,
        clients_requested: Some(ASKED),
        ..SessionConfig::default()
    }
}

/// Each round is of those who were chosen, and each of them was told what it had done before, by the log alone.
fn check(world: &World, id: SessionId) {
    let session = world.session(id);
    assert!(matches!(session.status, Status::Finished { .. }), "{:?}", session.status);
    let mut asked_before: BTreeMap<ClientId, u32> = BTreeMap::new();
    let mut opened = BTreeSet::new();
    let (mut open, mut expected, mut rounds) = (Vec::new(), 1.0, 0);
    for recorded in world.log.events(id) {
        match recorded.event {
            Event::AttemptOpened { round, attempt, asked, selector, settings, .. } => {
                assert!(opened.insert((round, attempt)), "an attempt is opened once");
                assert_eq!(selector, Some(FakeClientSelector::version()));
                assert_eq!(asked.len(), ASKED as usize);
                for client in &asked {
                    let before = asked_before.entry(client.clone()).or_default();
                    assert_eq!(settings[client]["asked"], json!(*before), "{client} in round {round}");
                    *before += 1;
                }
                open = asked;
            }
            Event::RoundCommitted { round, model, updates, .. } => {
                rounds += 1;
                assert_eq!((round.0, updates), (rounds, ASKED));
                let total: f64 = open.iter().map(examples).sum();
                expected += open.iter().map(|client| step(client) * examples(client)).sum::<f64>() / total;
                let value = read(world, model.blob);
                assert!((value - expected).abs() < 1e-9, "round {round}: {value} is not {expected}");
            }
            _ => {}
        }
    }
    assert_eq!(rounds, ROUNDS);
}

#[test]
fn crashes_at_any_moment_ask_nobody_twice() {
    for seed in 0..8 {
        let (world, mut random) = (World::new(), ChaCha8Rng::seed_from_u64(seed));
        let mut id = None;
        world.live(async |federation| id = Some(begin_with(&federation, ROUNDS, config()).await));
        let id = id.unwrap();
        let mut lives = 1;
        while !world.session(id).has_ended() {
            lives += 1;
            assert!(lives < 200, "seed {seed}: the session does not end");
            // Now and then it thinks until the server is gone.
            let thinks = random.random_bool(0.3) && lives <= 20;
            if thinks {
                world.selector.hang();
            }
            world.live(async |_federation| {
                match random.random_range(0..4) {
                    0 => world.log.fail_next_append(),
                    1 => world.log.lose_next_answer(),
                    _ => {}
                }
                let until = Duration::from_micros(random.random_range(0..60_000));
                let until = if lives > 20 { PATIENCE } else { until };
                let _ = tokio::time::timeout(until, ended(&world, id)).await;
            });
            world.selector.heal();
        }
        check(&world, id);
    }
}

/// Waits for something that the fake is asked, or that the log says.
async fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it does not happen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A session whose client selector thinks, and does not come to an end.
async fn thinking(world: &World, federation: &Federation) -> SessionId {
    world.selector.hang();
    let session = begin_with(federation, ROUNDS, config()).await;
    until(|| !world.selector.asked().is_empty()).await;
    session
}

#[test]
fn a_session_and_all_others_go_on_answering_while_a_selector_thinks() {
    let world = World::new();
    let mut id = None;
    world.live(async |federation| {
        let session = thinking(&world, &federation).await;
        id = Some(session);
        let other = begin(&federation, 1, 1).await;
        assert!(ended(&world, other).await, "{:?}", world.session(other));
        federation.pause_session(session).await.unwrap();
        assert_eq!(federation.session_state(session).await.unwrap().status.name(), "paused");
        federation.resume_session(session).await.unwrap();
        until(|| world.selector.asked().len() == 2).await;
        let asked = world.selector.asked();
        assert_eq!((asked[0].seed, asked[0].attempt), (asked[1].seed, asked[1].attempt), "the question is the same");
        world.selector.heal();
        assert!(ended(&world, session).await, "{:?}", world.session(session));
    });
    check(&world, id.unwrap());
}

#[test]
fn what_was_chosen_for_a_run_that_is_over_opens_no_attempt() {
    let world = World::new();
    world.live(async |federation| {
        let session = thinking(&world, &federation).await;
        // In one go, so that the session's actor may find both in one batch.
        let clients: Vec<ClientId> = (2..5).map(|number| format!("client-{number}").parse().unwrap()).collect();
        let start = Start { rounds: 1, clients: clients.clone(), ..Start::default() };
        let (stopped, started) = tokio::join!(
            federation.stop_session(session, "a user".to_owned()),
            federation.start_session(session, start),
        );
        stopped.unwrap();
        started.unwrap();
        world.selector.heal();
        assert!(ended(&world, session).await, "{:?}", world.session(session));
        let opened = world.log.events(session).into_iter().filter_map(|recorded| match recorded.event {
            Event::AttemptOpened { asked, .. } => Some(asked),
            _ => None,
        });
        assert_eq!(opened.collect::<Vec<_>>(), [clients]);
    });
}

fn failures(events: &[Recorded]) -> Vec<String> {
    let failure = |recorded: &Recorded| match &recorded.event {
        Event::AttemptFailed { failure: AttemptFailure::Selector { problem }, .. } => Some(problem.clone()),
        _ => None,
    };
    events.iter().filter_map(failure).collect()
}

#[test]
fn a_selector_that_fails_or_chooses_wrongly_fails_each_attempt_and_then_the_session() {
    for (strangers, problem) in [
        (None, "it does not feel like it"),
        (Some(["nobody"].as_slice()), "plugin `first` 1: it chose nobody, which is no candidate"),
        (Some(&["client-1", "client-1"]), "plugin `first` 1: it chose client-1 twice"),
        (Some(&["client-1"]), "plugin `first` 1: it chose 1 of the 3 clients that the round needs"),
    ] {
        let world = World::new();
        world.live(async |federation| {
            match strangers {
                None => world.selector.fail("it does not feel like it"),
                Some(clients) => world.selector.choose(clients.iter().map(|client| client.parse().unwrap())),
            }
            let session = begin_with(&federation, ROUNDS, config()).await;
            assert!(ended(&world, session).await, "{:?}", world.session(session));
            let Status::Failed { failure, .. } = world.session(session).status else { panic!("it has failed") };
            assert_eq!(failure.code(), "ROUND_SELECTOR_FAILED");
            assert_eq!(failures(&world.log.events(session)), [problem; 3]);
            let attempts: Vec<u32> = world.selector.asked().iter().map(|asked| asked.attempt.0).collect();
            assert_eq!(attempts, [1, 2, 3]);
        });
    }
}

#[test]
fn a_selector_that_never_comes_to_an_end_is_not_waited_for() {
    let world = World::new();
    world.live(async |federation| {
        world.selector.hang();
        until(|| federation.online().len() == usize::from(CLIENTS)).await;
        let config = SessionConfig { round_timeout_s: 1, attempts: 2, ..config() };
        let session = begin_with(&federation, ROUNDS, config).await;
        assert!(ended(&world, session).await, "{:?}", world.session(session));
        assert_eq!(failures(&world.log.events(session)), ["`first` is not done after 1 s"; 2]);
    });
}

#[test]
fn a_selector_knows_what_clients_say_of_themselves() {
    let world = World::new();
    world.live(async |federation| {
        let client: ClientId = "client-1".parse().unwrap();
        let at = federation.now();
        let attribute = fedwit_store::NewAttribute {
            client: client.clone(),
            key: "region".to_owned(),
            value: "north".to_owned(),
            at,
        };
        federation.store().note_attributes(vec![attribute]);
        until_noted(&federation, &client).await;
        let session = begin_with(&federation, 1, config()).await;
        assert!(ended(&world, session).await, "{:?}", world.session(session));
        let asked = world.selector.asked();
        let of =
            |client: &str| asked[0].candidates.iter().find(|candidate| candidate.client.as_str() == client).unwrap();
        assert_eq!(of("client-1").attributes, BTreeMap::from([("region".to_owned(), "north".to_owned())]));
        assert!(of("client-2").attributes.is_empty());
    });
}

async fn until_noted(federation: &Federation, client: &ClientId) {
    let began = Instant::now();
    while federation.store().attributes_of(std::slice::from_ref(client)).await.unwrap().is_empty() {
        assert!(began.elapsed() < PATIENCE, "it is not noted");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn what_can_never_be_selected_with_is_refused_when_a_session_is_made() {
    let world = World::new();
    world.live(async |federation| {
        let seed = begin(&federation, 1, 1).await;
        let seed_model = federation.session_state(seed).await.unwrap().model.id;
        let create = async |config: SessionConfig| {
            let config = SessionConfig { aggregator: "mean".to_owned(), ..config };
            let request = crate::NewSessionRequest { name: None, seed_model, config };
            federation.create_session(request).await.unwrap_err()
        };
        let unknown = create(SessionConfig { client_selector: Some("last".to_owned()), ..config() }).await;
        assert_eq!(unknown.code(), "PLUGIN_UNKNOWN");
        assert_eq!(unknown.to_string(), "there is no client selector `last`; installed are first");
        let odd = serde_json::Map::from_iter([("odd".to_owned(), json!(1))]);
        let refused: FederationError = create(SessionConfig { client_selector_config: odd, ..config() }).await;
        assert_eq!(refused.code(), "PLUGIN_CONFIG_INVALID");
        assert!(refused.to_string().contains("`first`") && refused.to_string().contains("`odd`"), "{refused}");
    });
}
