//! What must hold of buffered sessions, whatever is asked of them and in which order.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fedwit_domain::{
    Buffering, ClientId, Command, Event, ModelId, Recorded, RoundNumber, SessionConfig, Start, TaskNumber, Timestamp,
    UpdateRefusal,
};
use proptest::prelude::*;

use crate::support::{Act, Submission, World, acts, client};

const CLIENTS: u8 = 5;

fn configs() -> impl Strategy<Value = SessionConfig> {
    let buffering = (1_u32..5, 0_u32..4, proptest::option::of(1_u32..4), 1_u32..3).prop_map(
        |(size, max_staleness, concurrency, validate_every)| Buffering {
            size,
            max_staleness,
            concurrency,
            validate_every,
        },
    );
    (support::configs(), buffering).prop_map(|(config, buffering)| SessionConfig {
        clients_required: config.clients_required.min(buffering.size),
        clients_requested: None,
        buffered: Some(buffering),
        ..config
    })
}

/// What an honest client sends for its task.
fn honest(client: u8, update: u8) -> Act {
    let (round, attempt, task) = (Some(0), None, Some(0));
    Act::Submit(Submission { client, update, round, attempt, task, examples: 1, bad: false })
}

fn everyone() -> Vec<u8> {
    (0..CLIENTS).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_holds_whatever_is_asked(config in configs(), acts in acts()) {
        let mut world = World::new(config.clone());
        world.act(&Act::Start(4));
        for act in &acts {
            world.act(act);
            world.check_bounded();
            prop_assert_eq!(&world.replayed(), &world.session, "the log does not say what is in memory");
            check_small(&world, &config);
        }
        Auditor::new(&config).audit(&world.log);
    }

    /// A crash at each point gives a session that can be brought to its end.
    #[test]
    fn every_session_ends_if_clients_answer(config in configs(), acts in acts()) {
        let mut world = World::new(config.clone());
        world.act(&Act::Start(3));
        for act in &acts {
            world.act(act);
        }
        world.crash();
        for turn in 0_u8.. {
            if !world.session.is_active() {
                break;
            }
            prop_assert!(turn < 200, "the session goes on for ever: {:?}", world.session);
            world.act(&Act::Open(everyone()));
            world.act(&Act::Ask(everyone()));
            for number in 0..CLIENTS {
                world.act(&honest(number, 100 + (turn % 25) * CLIENTS + number));
            }
            world.act(&Act::Commit);
            world.act(&Act::Wait(40));
            world.act(&Act::Wake);
        }
        Auditor::new(&config).audit(&world.log);
    }
}

/// The state does not grow with what has happened.
fn check_small(world: &World, config: &SessionConfig) {
    let (buffer, buffering) = (world.session.buffer.as_ref().unwrap(), config.buffered.as_ref().unwrap());
    assert!(buffer.clients.len() <= CLIENTS.into());
    let waiting: usize = buffer.updates.values().map(Vec::len).sum();
    let most = 2 * buffering.size as usize + usize::from(CLIENTS);
    assert!(waiting <= most, "{waiting} updates wait, more than {most}");
}

/// Reads a log from its start, and knows of the rules only what the plan says.
struct Auditor<'a> {
    config: &'a SessionConfig,
    buffering: &'a Buffering,
    /// The models, by the rounds that made them.
    models: Vec<ModelId>,
    until: u32,
    open: Option<Open>,
    /// Tasks that were given, and the model that they start from.
    tasks: BTreeMap<TaskNumber, (ClientId, u32, Timestamp)>,
    /// Those that are not answered.
    unanswered: BTreeMap<ClientId, TaskNumber>,
    given_up: BTreeSet<ClientId>,
    counted: BTreeMap<RoundNumber, BTreeMap<TaskNumber, u64>>,
    running: bool,
    paused: bool,
    last_at: Timestamp,
}

struct Open {
    deadline: Timestamp,
    closed: bool,
}

impl<'a> Auditor<'a> {
    fn new(config: &'a SessionConfig) -> Self {
        Self {
            config,
            buffering: config.buffered.as_ref().unwrap(),
            models: Vec::new(),
            until: 0,
            open: None,
            tasks: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            given_up: BTreeSet::new(),
            counted: BTreeMap::new(),
            running: false,
            paused: false,
            last_at: Timestamp(0),
        }
    }

    fn audit(&mut self, log: &[Recorded]) {
        for (index, recorded) in log.iter().enumerate() {
            assert_eq!(recorded.sequence, index as u64 + 1);
            assert!(recorded.at >= self.last_at, "time goes forward");
            self.event(&recorded.event, recorded.at);
            self.last_at = recorded.at;
        }
    }

    fn next(&self) -> u32 {
        u32::try_from(self.models.len()).unwrap()
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.config.round_timeout_s.into())
    }

    /// A task is answered once, by the client that it was given to.
    fn answer(&mut self, client: &ClientId, task: TaskNumber) {
        assert_eq!(self.unanswered.remove(client), Some(task), "a task that is not answered yet, and the client's own");
        self.given_up.remove(client);
    }

    fn end(&mut self) {
        self.open = None;
        self.unanswered.clear();
        self.given_up.clear();
        self.counted.clear();
        (self.running, self.paused) = (false, false);
    }

    #[allow(clippy::too_many_lines, reason = "a rule an event")]
    fn event(&mut self, event: &Event, at: Timestamp) {
        let (required, size) = (self.config.clients_required as usize, self.buffering.size as usize);
        match event {
            Event::SessionCreated { seed_model, .. } => self.models.push(seed_model.id),
            Event::RunStarted { rounds, .. } => {
                assert!(!self.running && !self.paused);
                self.running = true;
                self.until = self.next() - 1 + rounds;
            }
            Event::AttemptOpened { round, asked, deadline, base, .. } => {
                assert!(self.running && self.open.is_none() && asked.is_empty());
                assert_eq!(round.0, self.next());
                assert_eq!(Some(base), self.models.last());
                self.open = Some(Open { deadline: *deadline, closed: false });
            }
            Event::ClientsAsked { round, base, asked, .. } => {
                assert!(self.running && self.open.is_some() && !asked.is_empty());
                assert_eq!((round.0, Some(base)), (self.next(), self.models.last()), "the newest model");
                for asked in asked {
                    let last = self.tasks.last_key_value().map(|(task, _)| *task);
                    assert!(last < Some(asked.task), "a number of its own");
                    let works = self.unanswered.contains_key(&asked.client) && !self.given_up.contains(&asked.client);
                    assert!(!works, "one task at a time");
                    self.tasks.insert(asked.task, (asked.client.clone(), self.next() - 1, at));
                    self.unanswered.insert(asked.client.clone(), asked.task);
                    self.given_up.remove(&asked.client);
                }
                let training = self.unanswered.iter().filter(|(client, task)| {
                    !self.given_up.contains(*client) && at < self.tasks[*task].2.plus(self.timeout())
                });
                let training = u32::try_from(training.count()).unwrap();
                assert!(self.buffering.concurrency.is_none_or(|most| training <= most), "{training} train");
            }
            Event::UpdateAccepted { round, client, task, staleness, examples, .. } => {
                assert!(self.running || self.paused);
                let task = task.unwrap();
                self.answer(client, task);
                let (of, started_from, _) = &self.tasks[&task];
                assert_eq!((of, *staleness), (client, round.0 - 1 - started_from));
                assert!(*staleness <= self.buffering.max_staleness, "not too stale");
                assert!((1..=40).contains(examples));
                let closed = self.open.as_ref().is_some_and(|open| open.closed);
                assert!(
                    (self.next() + u32::from(closed)..=self.until).contains(&round.0),
                    "of a round that is to come"
                );
                let counted = self.counted.entry(*round).or_default();
                assert!(counted.insert(task, *examples).is_none(), "once");
                assert!(counted.len() <= size, "no more than a buffer");
            }
            Event::UpdateRefused { client, task, refusal, .. } => {
                assert_eq!(task.is_some(), refusal.answers());
                if let Some(task) = task {
                    self.answer(client, *task);
                }
                if let UpdateRefusal::TooStale { staleness, limit } = refusal {
                    assert!(staleness > limit && *limit == self.buffering.max_staleness);
                }
            }
            Event::UpdateExcluded { round, task, .. } => {
                let counted = self.counted.get_mut(round).unwrap();
                assert!(counted.remove(&task.unwrap()).is_some(), "only what counted can be excluded");
            }
            Event::ClientGivenUp { client, task, gone_since, .. } => {
                let grace = Duration::from_secs(self.config.reconnect_grace_s.into());
                assert!(at >= gone_since.plus(grace), "not before the grace is over");
                assert_eq!(self.unanswered.get(client), task.as_ref());
                assert!(self.given_up.insert(client.clone()), "once");
            }
            Event::AttemptClosed { round, updates, .. } => {
                let counted = self.counted.get(round).map_or(0, BTreeMap::len);
                let open = self.open.as_mut().unwrap();
                assert_eq!(counted, *updates as usize);
                assert!(counted == size || (counted >= required && at >= open.deadline), "{counted} are too few");
                open.closed = true;
            }
            Event::AttemptFailed { .. } => self.open = None,
            Event::RoundCommitted { round, model, parent, updates, examples, .. } => {
                assert!(self.open.take().unwrap().closed, "nothing is committed that still takes updates");
                assert_eq!((round.0, Some(parent)), (self.next(), self.models.last()));
                let counted = self.counted.remove(round).unwrap();
                assert!((required..=size).contains(&counted.len()));
                assert_eq!((counted.len(), counted.values().sum::<u64>()), (*updates as usize, *examples));
                self.models.push(model.id);
            }
            Event::ValidationOpened { round, asked, .. } => {
                assert!(self.config.validate && !asked.is_empty());
                assert!(round.0.is_multiple_of(self.buffering.validate_every) || round.0 >= self.until);
            }
            Event::Paused => {
                assert!(self.open.is_none(), "pausing lets the open round end");
                (self.running, self.paused) = (false, true);
            }
            Event::Resumed => (self.running, self.paused) = (true, false),
            Event::Recovered => {
                let (last, grace) = (self.last_at, Duration::from_secs(self.config.reconnect_grace_s.into()));
                if let Some(open) = &mut self.open {
                    open.deadline = at.plus(open.deadline.since(last).max(grace));
                }
            }
            Event::Finished { reason } => {
                if *reason == fedwit_domain::FinishReason::Rounds {
                    assert!(self.open.is_none() && self.next() > self.until);
                    assert!(self.counted.is_empty(), "an answered update is a kept update");
                }
                self.end();
            }
            Event::Stopped { .. } | Event::Failed { .. } => self.end(),
            Event::ClientsAwaited { .. }
            | Event::PauseRequested
            | Event::ValidationReported { .. }
            | Event::ValidationGivenUp { .. }
            | Event::ValidationClosed { .. } => {}
        }
    }
}

fn world(buffering: Buffering, clients_required: u32) -> World {
    let config = SessionConfig {
        aggregator: "mean".to_owned(),
        buffered: Some(buffering),
        clients_required,
        validate: false,
        ..SessionConfig::default()
    };
    let mut world = World::new(config);
    world.act(&Act::Start(10));
    world.act(&Act::Open(everyone()));
    world.act(&Act::Ask(everyone()));
    world
}

fn accepted(world: &World) -> Vec<(u32, u32, ClientId)> {
    let accepted = world.log.iter().filter_map(|recorded| match &recorded.event {
        Event::UpdateAccepted { round, staleness, client, .. } => Some((round.0, *staleness, client.clone())),
        _ => None,
    });
    accepted.collect()
}

#[test]
fn a_slow_client_counts_with_its_staleness_and_a_quick_one_as_often_as_it_sends() {
    let mut world = world(Buffering { size: 2, ..Buffering::default() }, 1);
    for update in 0..4 {
        world.act(&honest(0, update));
        world.act(&Act::Ask(vec![0]));
        if update % 2 == 1 {
            world.act(&Act::Commit);
            world.act(&Act::Open(everyone()));
            world.act(&Act::Ask(everyone()));
        }
    }
    world.act(&honest(1, 4));
    let quick = |round| (round, 0, client(0));
    // The second update of a buffer was begun before the model of the buffer before it was made.
    assert_eq!(accepted(&world), [quick(1), quick(1), (2, 1, client(0)), quick(2), (3, 2, client(1))]);
}

#[test]
fn updates_that_come_while_a_model_is_made_are_of_the_next_and_clients_wait_once_its_buffer_is_full() {
    let mut world = world(Buffering { size: 2, ..Buffering::default() }, 1);
    for number in 0..CLIENTS {
        world.act(&honest(number, number));
    }
    let rounds: Vec<u32> = accepted(&world).into_iter().map(|(round, ..)| round).collect();
    assert_eq!(rounds, [1, 1, 2, 2, 3]);
    assert!(!world.session.wants_clients(), "a whole buffer waits");
    world.act(&Act::Commit);
    world.act(&Act::Open(everyone()));
    assert_eq!(world.session.attempt().unwrap().counted, 2);
    assert!(matches!(world.session.phase, fedwit_domain::Phase::Aggregating(_)), "its buffer is full already");
    assert!(world.session.wants_clients());
}

#[test]
fn what_is_too_stale_is_refused_and_its_client_is_asked_again() {
    let mut world = world(Buffering { size: 1, max_staleness: 0, ..Buffering::default() }, 1);
    world.act(&honest(0, 0));
    world.act(&Act::Commit);
    world.act(&Act::Open(everyone()));
    world.act(&honest(1, 1));
    let refused = world.log.iter().find_map(|recorded| match &recorded.event {
        Event::UpdateRefused { refusal, .. } => Some(refusal.clone()),
        _ => None,
    });
    assert_eq!(refused, Some(UpdateRefusal::TooStale { staleness: 1, limit: 0 }));
    assert_eq!(refused.unwrap().code(), "UPDATE_TOO_STALE");
    world.act(&Act::Ask(vec![1]));
    assert_eq!(world.session.open_task(&client(1)).unwrap().round, RoundNumber(2));
}

#[test]
fn a_client_that_was_given_up_is_heard_all_the_same() {
    let mut world = world(Buffering { size: 3, ..Buffering::default() }, 1);
    world.act(&Act::Wait(100));
    world.act(&Act::GiveUp(1, 90));
    assert!(world.session.open_task(&client(1)).unwrap().given_up);
    world.act(&honest(1, 1));
    assert_eq!(accepted(&world), [(1, 0, client(1))]);
    world.act(&Act::GiveUp(2, 90));
    world.act(&Act::Ask(vec![2]));
    let again = world.session.open_task(&client(2)).unwrap();
    assert!(!again.given_up && again.number > TaskNumber(u32::from(CLIENTS)), "asked again, since it is back");
}

#[test]
fn at_the_deadline_a_model_is_made_of_what_is_there() {
    let mut world = world(Buffering { size: 10, ..Buffering::default() }, 2);
    world.act(&honest(0, 0));
    world.act(&honest(1, 1));
    world.act(&Act::Wait(200));
    world.act(&Act::Commit);
    let made = world.log.iter().any(|recorded| matches!(recorded.event, Event::RoundCommitted { updates: 2, .. }));
    assert!(made);
}

#[test]
fn an_attempt_that_fails_leaves_its_updates_to_the_next() {
    let mut world = world(Buffering { size: 2, ..Buffering::default() }, 1);
    world.act(&honest(0, 0));
    world.act(&honest(1, 1));
    world.act(&Act::FailAttempt);
    world.act(&Act::Open(everyone()));
    world.act(&Act::Commit);
    let of_second =
        |event: &Event| matches!(event, Event::RoundCommitted { attempt, updates: 2, .. } if attempt.0 == 2);
    assert!(world.log.iter().any(|recorded| of_second(&recorded.event)));
}

#[test]
fn nobody_is_asked_who_answers_badly_over_and_over_until_the_next_model() {
    let mut world = world(Buffering { size: 1, ..Buffering::default() }, 1);
    for update in 10..30 {
        let (round, attempt, task) = (None, None, None);
        let bad = Submission { client: 1, update, round, attempt, task, examples: 0, bad: true };
        world.act(&Act::Submit(bad));
        world.act(&Act::Ask(vec![1]));
    }
    let bad = |event: &Event| matches!(event, Event::UpdateRefused { task: Some(_), .. });
    assert_eq!(world.log.iter().filter(|recorded| bad(&recorded.event)).count(), 8);
    assert!(world.session.open_task(&client(1)).is_none());
    world.act(&honest(0, 0));
    world.act(&Act::Commit);
    world.act(&Act::Open(everyone()));
    world.act(&Act::Ask(vec![1]));
    assert!(world.session.open_task(&client(1)).is_some());
}

#[test]
fn a_run_asks_for_no_more_than_it_makes_models_of() {
    let config = SessionConfig {
        aggregator: "mean".to_owned(),
        buffered: Some(Buffering { size: 1, ..Buffering::default() }),
        validate: false,
        ..SessionConfig::default()
    };
    let mut world = World::new(config);
    drop(world.command(Command::Start(Start { rounds: 1, ..Start::default() })));
    world.act(&Act::Open(everyone()));
    world.act(&Act::Ask(everyone()));
    world.act(&honest(0, 0));
    assert!(!world.session.wants_clients());
    world.act(&honest(1, 1));
    let late = |event: &Event| matches!(event, Event::UpdateRefused { refusal: UpdateRefusal::Late { .. }, .. });
    assert!(world.log.iter().any(|recorded| late(&recorded.event)), "it would be of a model that is never made");
    world.act(&Act::Commit);
    assert!(world.session.has_ended());
}
