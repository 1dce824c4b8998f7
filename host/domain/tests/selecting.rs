//! What must hold of a session that has a client selector, whatever that chooses.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use fedwit_domain::ports::FakeClientSelector;
use fedwit_domain::{
    Attempt, AttemptFailure, AttemptNumber, Buffering, Choice, ClientId, Command, Event, Participation, Phase,
    Recorded, RoundNumber, Selected, SessionConfig,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{Act, Submission, World, acts, client, configs, plugin};

/// Whom a client selector chooses, and whether it gives them settings.
type Picks = Vec<(u8, bool)>;

fn picks() -> impl Strategy<Value = Vec<Picks>> {
    let one = prop_oneof![9 => 0_u8..5, 1 => 5_u8..8];
    // Mostly each once, and now and then somebody twice.
    let some = proptest::collection::vec((one, any::<bool>()), 0..6)
        .prop_flat_map(|picks| prop_oneof![1 => Just(picks.clone()), 3 => Just(each_once(picks))]);
    proptest::collection::vec(some, 1..8)
}

fn each_once(picks: Picks) -> Picks {
    picks.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect()
}

fn with_selector(config: SessionConfig) -> SessionConfig {
    SessionConfig { client_selector: Some("first".to_owned()), ..config }
}

fn own_settings(number: u8) -> Map<String, Value> {
    Map::from_iter([("own".to_owned(), json!(number))])
}

fn choice(picks: &[(u8, bool)]) -> Choice {
    let selected = picks.iter().map(|(number, settings)| Selected {
        client: client(*number),
        settings: if *settings { own_settings(*number) } else { Map::new() },
    });
    Choice {
        round: RoundNumber(1),
        attempt: AttemptNumber(1),
        selector: FakeClientSelector::version(),
        selected: selected.collect(),
    }
}

fn choose(world: &mut World, there: &[u8], choice: Choice) -> Vec<Recorded> {
    let online = there.iter().map(|number| client(*number)).collect();
    // What time has done is apart from what the command does.
    drop(world.command(Command::Wake));
    let (round, attempt) = (world.session.next_round(), world.session.next_attempt());
    let choice = Some(Choice { round, attempt, ..choice });
    world.command(Command::OpenAttempt { online, plugin: plugin(), choice }).0
}

/// What the plan says of a choice.
fn holds(picks: &[(u8, bool)], there: &[u8], required: u32) -> bool {
    let there: BTreeSet<u8> = there.iter().copied().collect();
    let chosen: BTreeSet<u8> = picks.iter().map(|(number, _)| *number).collect();
    chosen.len() == picks.len() && chosen.is_subset(&there) && chosen.len() >= required as usize
}

/// Reads what each client has done from a log, attempt by attempt.
fn tally(log: &[Recorded]) -> BTreeMap<ClientId, Participation> {
    let mut all: BTreeMap<ClientId, Participation> = BTreeMap::new();
    let mut open: Option<(Vec<Recorded>, Vec<ClientId>)> = None;
    for recorded in log {
        match &recorded.event {
            Event::AttemptOpened { asked, .. } => open = Some((vec![recorded.clone()], asked.clone())),
            Event::AttemptFailed { .. } | Event::RoundCommitted { .. } | Event::Stopped { .. } => {
                if let Some((events, asked)) = open.take() {
                    for client in asked {
                        add(all.entry(client.clone()).or_default(), &client, &events);
                    }
                }
            }
            _ => open.iter_mut().for_each(|(events, _)| events.push(recorded.clone())),
        }
    }
    all
}

/// What one attempt adds to what a client has done, but for whom it was given up: that it was asked, and what came of it.
fn add(known: &mut Participation, of: &ClientId, events: &[Recorded]) {
    let Event::AttemptOpened { round, .. } = &events[0].event else { panic!("an attempt begins when it is opened") };
    known.asked += 1;
    known.last_asked_round = Some(*round);
    let excluded =
        |recorded: &Recorded| matches!(&recorded.event, Event::UpdateExcluded { client, .. } if client == of);
    let accepted =
        events.iter().find(|recorded| matches!(&recorded.event, Event::UpdateAccepted { client, .. } if client == of));
    match accepted {
        Some(_) if events.iter().any(excluded) => known.refused += 1,
        Some(recorded) => {
            let Event::UpdateAccepted { examples, metrics, .. } = &recorded.event else { return };
            let duration = recorded.at.0 - events[0].at.0;
            known.accepted += 1;
            known.total_duration_ms += duration;
            known.last_duration_ms = Some(duration);
            known.last_accepted_round = Some(*round);
            known.num_examples = Some(*examples);
            known.metrics.clone_from(metrics);
        }
        None => {
            let refused = |recorded: &&Recorded| matches!(&recorded.event, Event::UpdateRefused { client, refusal, .. } if client == of && refusal.answers());
            known.refused += u32::try_from(events.iter().filter(refused).count()).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn only_a_choice_that_can_be_asked_opens_an_attempt(config in configs(), acts in acts(), picks in picks()) {
        let config = with_selector(config);
        let mut world = World::new(config.clone());
        world.act(&Act::Start(3));
        for (act, picks) in acts.iter().zip(picks.iter().cycle()) {
            let Act::Open(there) = act else {
                world.act(act);
                continue;
            };
            world.act(&Act::Wake);
            let failures = world.session.failures.len();
            for recorded in choose(&mut world, there, choice(picks)) {
                match recorded.event {
                    Event::AttemptOpened { asked, selector, settings, .. } => {
                        prop_assert!(holds(picks, there, config.clients_required), "{picks:?} of {there:?}");
                        let picked: BTreeMap<ClientId, bool> =
                            picks.iter().map(|(number, settings)| (client(*number), *settings)).collect();
                        prop_assert!(asked.iter().eq(picked.keys()));
                        prop_assert_eq!(selector, Some(FakeClientSelector::version()));
                        let told: Vec<_> = picked.iter().filter(|(_, told)| **told).map(|(client, _)| client).collect();
                        prop_assert!(settings.keys().eq(told));
                    }
                    Event::AttemptFailed { failure: AttemptFailure::Selector { problem }, .. } => {
                        prop_assert!(!holds(picks, there, config.clients_required), "{problem}");
                        prop_assert!(problem.starts_with("plugin `first` 1: it chose"), "{problem}");
                    }
                    _ => {}
                }
            }
            // As any other attempt that failed.
            prop_assert!(world.session.failures.len() <= failures + 1);
            world.check_bounded();
            prop_assert_eq!(&world.replayed(), &world.session, "the log does not say what is in memory");
        }
    }

    #[test]
    fn what_clients_have_done_follows_from_the_log(config in configs(), acts in acts()) {
        let mut world = World::new(with_selector(config));
        world.act(&Act::Start(3));
        for act in &acts {
            match act {
                Act::Open(there) => {
                    let each: BTreeSet<u8> = there.iter().copied().collect();
                    choose(&mut world, there, choice(&each.into_iter().map(|number| (number, false)).collect::<Picks>()));
                }
                act => world.act(act),
            }
        }
        world.act(&Act::Stop);
        let tallied = tally(&world.log);
        prop_assert_eq!(world.session.history.keys().collect::<Vec<_>>(), tallied.keys().collect::<Vec<_>>());
        for (client, found) in &world.session.history {
            let expected = Participation { given_up: found.given_up, ..tallied[client].clone() };
            prop_assert_eq!(found, &expected);
            prop_assert!(found.accepted + found.given_up <= found.asked, "{:?}", found);
        }
    }
}

fn opened(config: SessionConfig, there: &[u8], choice: Choice) -> Result<Attempt, String> {
    let mut world = World::new(with_selector(SessionConfig { attempts: 1, ..config }));
    world.act(&Act::Start(1));
    choose(&mut world, there, choice);
    match (&world.session.phase, &world.session.status) {
        (Phase::Collecting(attempt), _) => Ok(attempt.clone()),
        (_, fedwit_domain::Status::Failed { failure, .. }) => {
            assert_eq!(failure.code(), "ROUND_SELECTOR_FAILED");
            Err(failure.to_string())
        }
        other => panic!("{other:?}"),
    }
}

fn long(bytes: usize) -> Map<String, Value> {
    Map::from_iter([("a".to_owned(), json!("x".repeat(bytes - r#"{"a":""}"#.len())))])
}

#[test]
fn settings_of_clients_are_bounded_each_and_together() {
    let told = |clients: u8, bytes: usize| {
        let selected = (0..clients).map(|number| Selected { client: client(number), settings: long(bytes) });
        Choice {
            round: RoundNumber(1),
            attempt: AttemptNumber(1),
            selector: FakeClientSelector::version(),
            selected: selected.collect(),
        }
    };
    let all: Vec<u8> = (0..200).collect();
    assert_eq!(opened(SessionConfig::default(), &all, told(128, 64 << 10)).unwrap().settings.len(), 128);
    let error = opened(SessionConfig::default(), &all, told(1, (64 << 10) + 1)).unwrap_err();
    assert!(error.contains("the settings of client-0 have 65537 bytes, more than 65536"), "{error}");
    let error = opened(SessionConfig::default(), &all, told(129, 64 << 10)).unwrap_err();
    assert!(error.contains("the settings of all clients have 8454144 bytes, more than 8388608"), "{error}");
}

#[test]
fn what_was_chosen_for_another_attempt_opens_none() {
    let mut world = World::new(with_selector(SessionConfig { clients_required: 1, ..SessionConfig::default() }));
    world.act(&Act::Start(1));
    let made = choice(&[(0, false), (1, false), (2, false)]);
    let online = || (0..3).map(client).collect::<Vec<_>>();
    for (round, attempt) in [(1, 2), (2, 1)] {
        let choice = Some(Choice { round: RoundNumber(round), attempt: AttemptNumber(attempt), ..made.clone() });
        let (events, answer) = world.command(Command::OpenAttempt { online: online(), plugin: plugin(), choice });
        assert!(answer.is_ok() && events.is_empty(), "{events:?}");
    }
    let events = choose(&mut world, &[0, 1, 2], made);
    assert!(events.iter().any(|recorded| matches!(recorded.event, Event::AttemptOpened { .. })), "{events:?}");
}

#[test]
fn what_is_wrong_with_a_choice_is_said() {
    let config = || SessionConfig { clients_required: 2, ..SessionConfig::default() };
    for (picks, problem) in [
        (vec![(0, false), (7, false)], "it chose client-7, which is no candidate"),
        (vec![(0, false), (1, false), (0, true)], "it chose client-0 twice"),
        (vec![(1, false)], "it chose 1 of the 2 clients that the round needs"),
        (vec![], "it chose 0 of the 2 clients that the round needs"),
    ] {
        let error = opened(config(), &[0, 1, 2], choice(&picks)).unwrap_err();
        assert_eq!(error, format!("the client selector failed: plugin `first` 1: {problem}"));
    }
}

#[test]
fn a_client_that_the_run_does_not_name_is_no_candidate() {
    let mut world = World::new(with_selector(SessionConfig { attempts: 1, ..SessionConfig::default() }));
    let clients = [0, 1].map(client).to_vec();
    let start = fedwit_domain::Start { rounds: 1, clients, ..fedwit_domain::Start::default() };
    drop(world.command(Command::Start(start)));
    let all: Vec<ClientId> = (0..4).map(client).collect();
    let asked = world.session.selection(all, world.now).unwrap();
    let asked: Vec<&ClientId> = asked.candidates.iter().map(|candidate| &candidate.client).collect();
    assert_eq!(asked, [&client(0), &client(1)]);
    choose(&mut world, &[0, 1, 2, 3], choice(&[(2, false)]));
    assert!(world.session.has_ended(), "{:?}", world.session.status);
}

#[test]
fn a_question_is_the_same_when_it_is_repeated_and_another_for_the_next_attempt() {
    let mut world = World::new(with_selector(SessionConfig::default()));
    let online = || -> Vec<ClientId> { [3, 1, 2, 1].map(client).to_vec() };
    assert_eq!(world.session.selection(online(), world.now), None, "it has not been started");
    world.act(&Act::Start(1));
    let question = world.session.selection(online(), world.now).unwrap();
    assert_eq!((question.round.0, question.attempt.0, question.clients_requested), (1, 1, 3));
    assert_eq!(world.replayed().selection(online(), world.now), Some(question.clone()));
    choose(&mut world, &[1, 2, 3], choice(&[]));
    let next = world.session.selection(online(), world.now).unwrap();
    assert_eq!(next.attempt.0, 2);
    assert_ne!(next.seed, question.seed);
}

#[test]
fn nothing_is_opened_before_somebody_was_chosen() {
    let mut world = World::new(with_selector(SessionConfig::default()));
    world.act(&Act::Start(1));
    world.act(&Act::Open(vec![0, 1, 2]));
    assert_eq!(world.session.phase, Phase::Idle);
    choose(&mut world, &[0, 1, 2], choice(&[(1, true)]));
    let attempt = world.session.attempt().unwrap().clone();
    assert_eq!(attempt.settings, BTreeMap::from([(client(1), own_settings(1))]));
    // Of what is over, only what clients ask again for is kept.
    let submission =
        Submission { client: 1, update: 9, round: Some(0), attempt: Some(0), task: None, examples: 3, bad: false };
    world.act(&Act::Submit(submission));
    world.act(&Act::Commit);
    assert!(world.session.previous.as_ref().unwrap().settings.is_empty());
    assert_eq!(world.session.history[&client(1)].num_examples, Some(3));
}

#[test]
fn a_client_that_is_too_late_was_given_up() {
    let mut world = World::new(with_selector(SessionConfig { round_timeout_s: 10, ..SessionConfig::default() }));
    world.act(&Act::Start(1));
    choose(&mut world, &[0, 1], choice(&[(0, false), (1, false)]));
    let submission =
        Submission { client: 0, update: 0, round: Some(0), attempt: Some(0), task: None, examples: 3, bad: false };
    world.act(&Act::Wait(4));
    world.act(&Act::Submit(submission));
    world.act(&Act::Wait(6));
    world.act(&Act::Wake);
    world.act(&Act::Commit);
    let history = |number: u8| world.session.history[&client(number)].clone();
    assert_eq!((history(0).accepted, history(0).mean_duration_ms()), (1, Some(4000.0)));
    assert_eq!((history(1).given_up, history(1).mean_duration_ms()), (1, None));
}

#[test]
fn a_client_that_was_still_at_work_when_somebody_stopped_was_not() {
    let mut world = World::new(with_selector(SessionConfig::default()));
    world.act(&Act::Start(1));
    choose(&mut world, &[0], choice(&[(0, false)]));
    world.act(&Act::Stop);
    assert_eq!((world.session.history[&client(0)].asked, world.session.history[&client(0)].given_up), (1, 0));
}

#[test]
fn settings_that_can_never_work_are_refused() {
    let named = |config: SessionConfig| config.check().unwrap_err().setting;
    assert_eq!(with_selector(SessionConfig::default()).check(), Ok(()));
    let buffered = Some(Buffering::default());
    assert_eq!(named(with_selector(SessionConfig { buffered, ..SessionConfig::default() })), "client_selector");
    let odd = Some("a selector".to_owned());
    assert_eq!(named(SessionConfig { client_selector: odd, ..SessionConfig::default() }), "client_selector");
    let config = own_settings(1);
    let alone = SessionConfig { client_selector_config: config, ..SessionConfig::default() };
    assert_eq!(named(alone), "client_selector_config");
    let long = SessionConfig { client_selector_config: long(70_000), ..SessionConfig::default() };
    assert_eq!(named(with_selector(long)), "client_selector_config");
}

#[test]
fn what_was_recorded_before_there_were_client_selectors_is_read() {
    let mut old = serde_json::to_value(SessionConfig::default()).unwrap();
    old.as_object_mut().unwrap().retain(|name, _| !name.starts_with("client_selector"));
    assert_eq!(serde_json::from_value::<SessionConfig>(old).unwrap(), SessionConfig::default());
    let opened = r#"{"type": "attempt_opened", "round": 1, "attempt": 1, "asked": ["c"], "deadline": 5,
        "base": "00000000-0000-4000-8000-000000000000", "plugin": {"name": "fedavg", "version": "1",
        "digest": "0101010101010101010101010101010101010101010101010101010101010101"}}"#;
    for version in [1, 2] {
        let event = Event::from_recorded(version, opened).unwrap();
        let Event::AttemptOpened { selector, settings, .. } = &event else { panic!("{event:?}") };
        assert!(selector.is_none() && settings.is_empty());
        // As it was, word for word: what says nothing is left out.
        assert!(!event.to_json().unwrap().contains("selector"), "{event:?}");
    }
}
