//! A session that is driven by arbitrary commands, and what must hold whatever they are.

use std::time::Duration;

use fedwit_domain::{
    AttemptFailure, AttemptNumber, CheckedUpdate, ClaimedTask, ClientId, Command, Commit, Digest, Event, Metrics,
    ModelId, NewSession, Phase, PluginVersion, Recorded, Refusal, RoundNumber, Session, SessionConfig, SessionId,
    Start, StoredModel, SubmitUpdate, TaskNumber, Timestamp, UpdateId, UpdateRefusal,
};
use proptest::prelude::*;

/// What a test does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Lets time go by.
    Wait(u32),
    /// Crashes, and goes on from the log.
    Crash,
    Start(u32),
    Pause,
    Resume,
    Stop,
    Open(Vec<u8>),
    /// Asks clients of a buffered session; nothing, in another.
    Ask(Vec<u8>),
    CannotOpen,
    Submit(Submission),
    /// Repeats the last submission, word for word.
    Repeat,
    GiveUp(u8, u32),
    Exclude(u8),
    FailAttempt,
    Commit,
    /// Commits once more, or another round or attempt.
    CommitOther(u32, u32),
    Validate(u8, u32, f64),
    Wake,
}

#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) client: u8,
    pub(crate) update: u8,
    /// What it claims, relative to what is open.
    pub(crate) round: Option<i32>,
    pub(crate) attempt: Option<i32>,
    /// In a buffered session, relative to what its client was asked last.
    pub(crate) task: Option<i32>,
    pub(crate) examples: u64,
    pub(crate) bad: bool,
}

pub(crate) fn acts() -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec(act(), 1..120)
}

fn act() -> impl Strategy<Value = Act> {
    let clients = || proptest::collection::vec(0_u8..5, 0..7);
    prop_oneof![
        3 => (0_u32..40).prop_map(Act::Wait),
        2 => Just(Act::Crash),
        2 => (0_u32..4).prop_map(Act::Start),
        1 => Just(Act::Pause),
        2 => Just(Act::Resume),
        1 => Just(Act::Stop).prop_filter("rarely", |_| true),
        6 => clients().prop_map(Act::Open),
        6 => clients().prop_map(Act::Ask),
        1 => Just(Act::CannotOpen),
        16 => submission().prop_map(Act::Submit),
        4 => Just(Act::Repeat),
        2 => (0_u8..5, 0_u32..80).prop_map(|(client, gone)| Act::GiveUp(client, gone)),
        2 => (0_u8..5).prop_map(Act::Exclude),
        1 => Just(Act::FailAttempt),
        5 => Just(Act::Commit),
        1 => (0_u32..4, 0_u32..4).prop_map(|(round, attempt)| Act::CommitOther(round, attempt)),
        4 => (0_u8..5, 0_u32..4, -1.0..1.0).prop_map(|(client, round, value)| Act::Validate(client, round, value)),
        2 => Just(Act::Wake),
    ]
}

fn submission() -> impl Strategy<Value = Submission> {
    let near = || prop_oneof![4 => Just(Some(0)), 1 => Just(None), 1 => (-2..3).prop_map(Some)];
    (0_u8..5, 0_u8..12, near(), near(), near(), 0_u64..50, proptest::bool::weighted(0.1)).prop_map(
        |(client, update, round, attempt, task, examples, bad)| Submission {
            client,
            update,
            round,
            attempt,
            task,
            examples,
            bad,
        },
    )
}

pub(crate) fn configs() -> impl Strategy<Value = SessionConfig> {
    (1_u32..4, proptest::option::of(0_u32..4), 1_u32..30, 0_u32..30, 1_u32..4, 0_u32..3, any::<bool>(), any::<bool>())
        .prop_map(|(required, more, timeout, grace, attempts, exclusions, validate, target)| SessionConfig {
            aggregator: "mean".to_owned(),
            clients_required: required,
            clients_requested: more.map(|more| required + more),
            round_timeout_s: timeout,
            reconnect_grace_s: grace,
            attempts,
            max_exclusions: exclusions,
            validate: validate || target,
            validation_timeout_s: 10,
            max_examples: Some(40),
            target: target.then(|| fedwit_domain::Target {
                metric: "loss".to_owned(),
                direction: fedwit_domain::Direction::Minimize,
                value: -0.9,
            }),
            best_model: (validate || target).then(|| fedwit_domain::BestModel {
                metric: "loss".to_owned(),
                direction: fedwit_domain::Direction::Minimize,
            }),
            ..SessionConfig::default()
        })
}

pub(crate) fn client(number: u8) -> ClientId {
    format!("client-{number}").parse().unwrap()
}

pub(crate) fn update(number: u8) -> UpdateId {
    format!("update-{number}").parse().unwrap()
}

pub(crate) fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

pub(crate) fn plugin() -> PluginVersion {
    PluginVersion { name: "mean".to_owned(), version: "1".to_owned(), digest: digest(255) }
}

/// A session, its log, and the time.
pub(crate) struct World {
    pub(crate) id: SessionId,
    pub(crate) session: Session,
    pub(crate) log: Vec<Recorded>,
    pub(crate) now: Timestamp,
    pub(crate) server_began: Timestamp,
    last: Option<(SubmitUpdate, Result<(), UpdateRefusal>)>,
}

impl World {
    pub(crate) fn new(config: SessionConfig) -> Self {
        let id = SessionId::random();
        let now = Timestamp(1_000_000);
        let seed_model = StoredModel { id: ModelId::random(), blob: digest(0), size_bytes: 1 };
        let new = NewSession { name: "a".to_owned(), config, seed_model };
        let (session, created) = Session::create(id, new, now).unwrap();
        Self { id, session, log: vec![created], now, server_began: now, last: None }
    }

    pub(crate) fn command(&mut self, command: Command) -> (Vec<Recorded>, Result<(), Refusal>) {
        let (events, answer) = self.session.step(command, self.now);
        self.log.extend(events.iter().cloned());
        (events, answer)
    }

    pub(crate) fn act(&mut self, act: &Act) {
        match act {
            Act::Wait(seconds) => self.now = self.now.plus(Duration::from_secs((*seconds).into())),
            Act::Crash => self.crash(),
            Act::Start(rounds) => drop(self.command(Command::Start(Start { rounds: *rounds, ..Start::default() }))),
            Act::Pause => drop(self.command(Command::Pause)),
            Act::Resume => drop(self.command(Command::Resume)),
            Act::Stop => drop(self.command(Command::Stop { reason: "a user".to_owned() })),
            Act::Open(clients) => {
                let online = clients.iter().map(|number| client(*number)).collect();
                drop(self.command(Command::OpenAttempt { online, plugin: plugin(), choice: None }));
            }
            Act::Ask(clients) => {
                let online = clients.iter().map(|number| client(*number)).collect();
                drop(self.command(Command::Ask { online }));
            }
            Act::CannotOpen => {
                let failure = AttemptFailure::Aggregator { problem: "gone".to_owned() };
                drop(self.command(Command::CannotOpen { failure }));
            }
            Act::Submit(submission) => self.submit(submission),
            Act::Repeat => self.repeat(),
            Act::GiveUp(number, seconds) => {
                let gone = Timestamp(self.now.0.saturating_sub(u64::from(*seconds) * 1000)).max(self.server_began);
                drop(self.command(Command::GiveUp { client: client(*number), gone_since: gone }));
            }
            Act::Exclude(number) => {
                let (round, attempt) = self.place();
                let problem = "trap".to_owned();
                let counted = self.session.counted_updates().find(|counted| *counted.client == client(*number));
                let update = counted.map_or(update(*number), |counted| counted.accepted.update.clone());
                drop(self.command(Command::Exclude { round, attempt, client: client(*number), update, problem }));
            }
            Act::FailAttempt => {
                let (round, attempt) = self.place();
                let failure = AttemptFailure::Aggregator { problem: "trap".to_owned() };
                drop(self.command(Command::FailAttempt { round, attempt, failure }));
            }
            Act::Commit => {
                let (round, attempt) = self.place();
                self.commit(round, attempt);
            }
            Act::CommitOther(round, attempt) => self.commit(RoundNumber(*round), AttemptNumber(*attempt)),
            Act::Validate(number, round, value) => {
                let metrics = Metrics::from([("loss".to_owned(), *value)]);
                let (round, client, data) = (RoundNumber(*round), client(*number), serde_json::Value::Null);
                drop(self.command(Command::ReportValidation { round, client, metrics, examples: Some(2.0), data }));
            }
            Act::Wake => drop(self.command(Command::Wake)),
        }
    }

    fn place(&self) -> (RoundNumber, AttemptNumber) {
        (self.session.next_round(), self.session.next_attempt())
    }

    fn commit(&mut self, round: RoundNumber, attempt: AttemptNumber) {
        let id = Commit::model_id(self.id, round);
        let model = StoredModel { id, blob: digest(u8::try_from(round.0 % 200).unwrap()), size_bytes: 1 };
        drop(self.command(Command::Commit(Commit { round, attempt, model, state: None, metrics: Metrics::new() })));
    }

    fn submit(&mut self, submission: &Submission) {
        let (round, attempt) = self.place();
        let near = |number: u32, by: Option<i32>| by.map(|by| number.saturating_add_signed(by));
        let checked = if submission.bad {
            Err(UpdateRefusal::Tensors { problem: "NaN".to_owned() })
        } else {
            Ok(CheckedUpdate {
                blob: digest(submission.update),
                size_bytes: 1,
                examples: submission.examples,
                metrics: Metrics::new(),
                norm: None,
            })
        };
        let submit = SubmitUpdate {
            client: client(submission.client),
            update: update(submission.update),
            claimed: match &self.session.buffer {
                None => ClaimedTask {
                    round: near(round.0, submission.round).map(RoundNumber),
                    attempt: near(attempt.0, submission.attempt).map(AttemptNumber),
                    ..ClaimedTask::default()
                },
                Some(buffer) => {
                    let open = self.session.open_task(&client(submission.client));
                    let task = open.map_or(buffer.last_task, |task| task.number);
                    let round = open.map_or(round, |task| task.round);
                    ClaimedTask {
                        round: near(round.0, submission.round).map(RoundNumber),
                        task: near(task.0, submission.task).map(TaskNumber),
                        ..ClaimedTask::default()
                    }
                }
            },
            checked,
        };
        let answer = self.answer(&submit).0;
        self.last = Some((submit, answer));
    }

    fn answer(&mut self, submit: &SubmitUpdate) -> (Result<(), UpdateRefusal>, usize) {
        // What time has done is apart from what the command does.
        drop(self.command(Command::Wake));
        let (events, answer) = self.command(Command::SubmitUpdate(submit.clone()));
        let refused = events.iter().find_map(|recorded| match &recorded.event {
            Event::UpdateRefused { refusal, .. } => Some(refusal.clone()),
            _ => None,
        });
        let answer = match (answer, refused) {
            (Err(Refusal::Update(refusal)), _) | (Ok(()), Some(refusal)) => Err(refusal),
            (Ok(()), None) => Ok(()),
            (Err(other), _) => panic!("an update was answered with {other}"),
        };
        (answer, events.len())
    }

    /// An update that counts is answered in the same way when it is sent again, and nothing happens.
    fn repeat(&mut self) {
        let Some((submit, answer)) = self.last.clone() else { return };
        // Time may end an attempt, and what is known is known of the last two.
        drop(self.command(Command::Wake));
        if answer.is_ok() && self.still_known(&submit) {
            let (again, events) = self.answer(&submit);
            assert_eq!((again, events), (Ok(()), 0), "a repeat of an update that counts");
        } else {
            drop(self.answer(&submit));
        }
    }

    fn still_known(&self, submit: &SubmitUpdate) -> bool {
        if let Some(buffer) = &self.session.buffer {
            let last = buffer.clients.get(&submit.client).and_then(|asked| asked.last.as_ref());
            return last.is_some_and(|last| last.update == submit.update && last.refusal.is_none());
        }
        [self.session.attempt(), self.session.previous.as_ref()].into_iter().flatten().any(|attempt| {
            let known = attempt.asked.get(&submit.client);
            matches!(known, Some(fedwit_domain::Answer::Accepted(accepted)) if accepted.update == submit.update)
        })
    }

    pub(crate) fn replayed(&self) -> Session {
        let mut events = self.log.iter().map(|recorded| {
            // As it is written and read.
            let json = recorded.event.to_json().unwrap();
            let event = Event::from_recorded(fedwit_domain::EVENT_VERSION, &json).unwrap();
            Recorded { event, ..recorded.clone() }
        });
        let mut session = Session::begin(self.id, &events.next().unwrap()).unwrap();
        for event in events {
            session.apply(&event);
        }
        session
    }

    pub(crate) fn crash(&mut self) {
        self.session = self.replayed();
        // A while later.
        self.now = self.now.plus(Duration::from_secs(500));
        self.server_began = self.now;
        drop(self.command(Command::Recover));
    }

    /// Whatever happened, something will happen next, and soon.
    pub(crate) fn check_bounded(&self) {
        if !self.session.is_active() || self.session.wants_attempt() {
            return;
        }
        let bounded = self.session.next_deadline().is_some() || matches!(self.session.phase, Phase::Aggregating(_));
        assert!(bounded, "nothing ends the wait of {:?}", self.session);
    }
}
