//! Whatever happens in sessions, files are there for exactly as long as something refers to them, and the views can be
//! made anew.

use std::collections::{BTreeMap, BTreeSet};

use fedwit_domain::{
    AttemptNumber, Buffering, ClientId, Command, Digest, Event, Recorded, RoundNumber, SessionConfig, UpdateId,
    UpdateRefusal,
};
use fedwit_store::{
    ModelFilter, Page, ParticipationFilter, RefusalFilter, RoundFilter, RunFilter, SessionFilter, Store,
    ValidationFilter,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Driver, client, open, settled};

const CLIENTS: [&str; 3] = ["a", "b", "c"];
/// Few, so that clients often bring the same.
const CONTENTS: [&[u8]; 3] = [b"x", b"y", b"z"];

/// Something that may happen in one of two sessions. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Happening {
    Start(u32),
    Open(u8),
    Ask(u8),
    Submit { client: usize, content: usize, good: bool, release: bool },
    Commit { content: usize, state: bool },
    Exclude(usize),
    Fail,
    Later(u64),
    Pause,
    Resume,
    Stop,
    Recover,
    Rebuild,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => (1..3_u32).prop_map(Happening::Start),
        6 => (0..8_u8).prop_map(Happening::Open),
        6 => (0..8_u8).prop_map(Happening::Ask),
        12 => (0..3_usize, 0..3_usize, prop::bool::weighted(0.8), any::<bool>())
            .prop_map(|(client, content, good, release)| Happening::Submit { client, content, good, release }),
        6 => (0..3_usize, any::<bool>()).prop_map(|(content, state)| Happening::Commit { content, state }),
        1 => (0..3_usize).prop_map(Happening::Exclude),
        1 => Just(Happening::Fail),
        2 => (1..250_u64).prop_map(Happening::Later),
        1 => Just(Happening::Pause),
        1 => Just(Happening::Resume),
        1 => Just(Happening::Stop),
        1 => Just(Happening::Recover),
        1 => Just(Happening::Rebuild),
    ]
}

/// What the test says refers to a file.
#[derive(Default)]
struct Held {
    unused: BTreeMap<UpdateId, Digest>,
    models: BTreeSet<Digest>,
    sessions: BTreeMap<fedwit_domain::SessionId, HeldBySession>,
    /// All that was ever referred to.
    seen: BTreeSet<Digest>,
}

#[derive(Default)]
struct HeldBySession {
    updates: BTreeMap<(RoundNumber, AttemptNumber, UpdateId), Digest>,
    state: Option<Digest>,
}

impl Held {
    fn digests(&self) -> BTreeSet<Digest> {
        let sessions = self.sessions.values();
        let of_sessions = sessions.flat_map(|session| session.updates.values().chain(&session.state));
        self.unused.values().chain(&self.models).chain(of_sessions).copied().collect()
    }

    fn take_in(&mut self, driver: &Driver, events: &[Recorded]) {
        let session = self.sessions.entry(driver.session.id).or_default();
        let keep = driver.session.config.keep_updates;
        let buffered = driver.session.config.buffered.is_some();
        for recorded in events {
            match &recorded.event {
                Event::UpdateAccepted { round, attempt, update, blob, .. } => {
                    self.unused.remove(update);
                    session.updates.insert((*round, *attempt, update.clone()), *blob);
                }
                // A session that is started again begins with what was open.
                Event::AttemptOpened { round, attempt, .. } if !buffered => {
                    session.updates.retain(|(of, at, _), _| (of, at) != (round, attempt));
                }
                Event::AttemptFailed { round, attempt, .. } if !keep && !buffered => {
                    session.updates.retain(|(of, at, _), _| (of, at) != (round, attempt));
                }
                Event::RoundCommitted { round, model, state, .. } => {
                    self.models.insert(model.blob);
                    session.state = state.as_ref().map(|state| state.blob);
                    session.updates.retain(|(of, _, _), _| keep || of != round);
                }
                Event::Stopped { .. } | Event::Finished { .. } | Event::Failed { .. } if !keep => {
                    session.updates.clear();
                }
                _ => {}
            }
        }
    }
}

async fn happen(driver: &mut Driver, happening: &Happening, held: &mut Held) {
    let round_and_attempt = driver.session.attempt().map(|attempt| (attempt.round, attempt.number));
    let mut release = None;
    let command = match happening {
        Happening::Start(rounds) => Command::Start(fedwit_domain::Start { rounds: *rounds, ..Default::default() }),
        Happening::Open(there) => {
            Command::OpenAttempt { online: those(*there), plugin: crate::support::plugin(), choice: None }
        }
        Happening::Ask(there) => Command::Ask { online: those(*there) },
        Happening::Submit { client, content, good, release: lets_go } => {
            let mut submission = driver.upload(CLIENTS[*client], CONTENTS[*content], 10).await;
            let blob = submission.checked.as_ref().unwrap().blob;
            held.unused.insert(submission.update.clone(), blob);
            if !good {
                submission.checked = Err(UpdateRefusal::Examples { problem: "none".to_owned() });
            }
            release = lets_go.then(|| submission.update.clone());
            Command::SubmitUpdate(submission)
        }
        Happening::Commit { content, state } => {
            let state = state.then_some(CONTENTS[*content]);
            match driver.commit_of(format!("model {}", driver.session.completed).as_bytes(), state).await {
                Some(commit) if matches!(driver.session.phase, fedwit_domain::Phase::Aggregating(_)) => {
                    Command::Commit(commit)
                }
                Some(commit) => {
                    // It is not going to be recorded.
                    driver.store.collect(&commit.model.blob).await.unwrap();
                    if let Some(state) = commit.state {
                        driver.store.collect(&state.blob).await.unwrap();
                    }
                    return;
                }
                None => return,
            }
        }
        Happening::Exclude(index) => {
            let Some((round, attempt)) = round_and_attempt else { return };
            let (client, problem) = (client(CLIENTS[*index]), "trap".to_owned());
            let counted = driver.session.counted_updates().find(|counted| *counted.client == client);
            let Some(update) = counted.map(|counted| counted.accepted.update.clone()) else { return };
            Command::Exclude { round, attempt, client, update, problem }
        }
        Happening::Fail => {
            let Some((round, attempt)) = round_and_attempt else { return };
            let failure = fedwit_domain::AttemptFailure::Aggregator { problem: "trap".to_owned() };
            Command::FailAttempt { round, attempt, failure }
        }
        Happening::Later(seconds) => {
            driver.later(*seconds);
            Command::Wake
        }
        Happening::Pause => Command::Pause,
        Happening::Resume => Command::Resume,
        Happening::Stop => Command::Stop { reason: "enough".to_owned() },
        Happening::Recover => Command::Recover,
        Happening::Rebuild => return rebuilt(&driver.store).await,
    };
    let (events, _) = driver.step(command).await;
    held.take_in(driver, &events);
    if let Some(update) = release {
        driver.store.release_upload(&update).await.unwrap();
        held.unused.remove(&update);
    }
}

fn those(there: u8) -> Vec<ClientId> {
    let there = CLIENTS.iter().enumerate().filter(|(index, _)| there & (1 << index) != 0);
    there.map(|(_, name)| client(name)).collect()
}

/// All rows of all views.
async fn views(store: &Store) -> String {
    let page = Page::first(10_000);
    let sessions = store.sessions(&SessionFilter::default(), page).await.unwrap();
    let runs = store.runs(&RunFilter::default(), page).await.unwrap();
    let rounds = store.rounds(&RoundFilter::default(), page).await.unwrap();
    let participations = store.participations(&ParticipationFilter::default(), page).await.unwrap();
    let refusals = store.refusals(&RefusalFilter::default(), page).await.unwrap();
    let validations = store.validations(&ValidationFilter::default(), page).await.unwrap();
    let models = store.models(&ModelFilter::default(), page).await.unwrap();
    format!("{sessions:#?}{runs:#?}{rounds:#?}{participations:#?}{refusals:#?}{validations:#?}{models:#?}")
}

async fn rebuilt(store: &Store) {
    let before = views(store).await;
    store.rebuild().await.unwrap();
    assert_eq!(views(store).await, before);
}

/// The files below a folder.
fn files(folder: &std::path::Path) -> BTreeSet<Digest> {
    let prefixes = std::fs::read_dir(folder.join("blobs")).unwrap();
    let files = prefixes.flat_map(|prefix| std::fs::read_dir(prefix.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

async fn check(happenings: Vec<(bool, Happening)>, keep_updates: bool, buffered: bool) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut held = Held::default();
    let mut drivers = Vec::new();
    for keep_updates in [keep_updates, false] {
        let config = SessionConfig {
            clients_required: 2,
            keep_updates,
            validate: false,
            buffered: buffered.then(|| Buffering { size: 2, ..Default::default() }),
            ..Default::default()
        };
        let mut driver = Driver::create(&store, config).await;
        held.models.insert(driver.seed.blob);
        driver.start(2).await;
        drivers.push(driver);
    }
    for (which, happening) in &happenings {
        happen(&mut drivers[usize::from(*which)], happening, &mut held).await;
        settled(&store).await;
        let digests = held.digests();
        held.seen.extend(&digests);
        for digest in &held.seen {
            let there = store.blobs().open(digest).await.is_ok();
            assert_eq!(there, digests.contains(digest), "{digest:?} after {happening:?}");
        }
    }
    rebuilt(&store).await;
    settled(&store).await;
    assert_eq!(files(folder.path()), held.digests());
    for driver in &drivers {
        let replay = store.log().replay(driver.session.id).await.unwrap().unwrap();
        assert_eq!(replay.session(driver.session.id).unwrap(), driver.session);
    }
    store.close().await;
}

#[test]
fn files_are_there_for_as_long_as_something_refers_to_them_and_views_can_be_made_anew() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 30, failure_persistence: None, ..Config::default() };
    let happenings = prop::collection::vec((any::<bool>(), happening()), 1..60);
    TestRunner::new(config)
        .run(&(happenings, any::<bool>(), any::<bool>()), |(happenings, keep_updates, buffered)| {
            runtime.block_on(check(happenings, keep_updates, buffered));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn views_with_validations_can_be_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for _ in 0..2 {
        let mut driver = Driver::create(&store, SessionConfig { clients_required: 2, ..Default::default() }).await;
        driver.start(3).await;
        for round in 1..=3 {
            driver.open_attempt(&["a", "b"]).await;
            driver.submit("a", b"a", 10).await;
            driver.submit("b", b"b", 20).await;
            driver.commit(format!("model {round}").as_bytes(), Some(b"state")).await;
            driver.validate(round, "a", 0.1).await;
            driver.validate(round, "b", 0.7).await;
        }
    }
    rebuilt(&store).await;
}
