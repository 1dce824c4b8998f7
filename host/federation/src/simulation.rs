//! A whole federation over fakes, which is crashed again and again.
//!
//! Each life of the server is a runtime of its own, dropped in the middle of whatever it does. What was not durable by
//! then is gone: the blobs and the log are fakes that keep what they have promised, and nothing else. Clients outlive the
//! server, and repeat what was not answered.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod buffered;
mod selecting;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fedwit_domain::ports::{Blobs, EventLog, FakeBlobs, FakeClientSelector, FakeEventLog, FakeFolding, SystemClock};
use fedwit_domain::{
    ClientId, Event, ModelFormat, ModelId, Recorded, Session, SessionConfig, SessionId, Start, Status, UpdateId,
};
use fedwit_store::{NewModel, Store, StoreOptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::federation::Ports;
use crate::pool::Pool;
use crate::{
    Federation, FederationError, NewSessionRequest, Plugins, Settings, Submission, Task, TaskKind, ValidationReport,
};

const CLIENTS: u8 = 5;
const ROUNDS: u32 = 6;
/// More than any of this takes; a session that does not end fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What outlives the server.
struct World {
    folder: tempfile::TempDir,
    log: Arc<FakeEventLog>,
    blobs: Arc<FakeBlobs>,
    folding: Arc<FakeFolding<FakeBlobs>>,
    selector: Arc<FakeClientSelector>,
    clients: Vec<Arc<Mutex<Client>>>,
    combiners: usize,
}

/// What a client remembers.
struct Client {
    id: ClientId,
    /// An update that was announced, and not answered yet.
    unanswered: Option<Submission>,
    /// Updates that were answered with a yes, by the task that they answer.
    answered: BTreeMap<String, UpdateId>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs");
        std::fs::create_dir(&blobs).unwrap();
        let blobs = Arc::new(FakeBlobs::in_folder(&blobs).unwrap());
        let client = |number| {
            let id = format!("client-{number}").parse().unwrap();
            Arc::new(Mutex::new(Client { id, unanswered: None, answered: BTreeMap::new() }))
        };
        Self {
            folder,
            log: Arc::default(),
            folding: Arc::new(FakeFolding::over(Arc::clone(&blobs))),
            selector: Arc::default(),
            blobs,
            clients: (0..CLIENTS).map(client).collect(),
            combiners: 1,
        }
    }

    async fn server(&self) -> Federation {
        let options = StoreOptions { folder: self.folder.path().join("data"), low_disk_bytes: 0 };
        let store = Store::open(options).await.unwrap();
        let ports = Ports {
            log: Arc::clone(&self.log) as Arc<dyn EventLog>,
            blobs: Arc::clone(&self.blobs) as Arc<dyn Blobs>,
            folding: Arc::clone(&self.folding) as Arc<dyn fedwit_domain::ports::Folding>,
            selector: Arc::clone(&self.selector) as Arc<dyn fedwit_domain::ports::ClientSelector>,
            clock: Arc::new(SystemClock::default()),
            balancer: None,
        };
        let settings = Settings { combiners: self.combiners, ..Settings::default() };
        Federation::start_with(store, ports, Plugins::none(), settings, Pool::new(2)).await.unwrap()
    }

    fn session(&self, id: SessionId) -> Session {
        let events = self.log.events(id);
        fedwit_domain::ports::Replay { snapshot: None, events }.session(id).unwrap()
    }

    /// A life of the server: a while, and then the end, wherever it is.
    fn live(&self, act: impl AsyncFnOnce(Federation)) {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let federation = self.server().await;
            for client in &self.clients {
                tokio::spawn(be_client(federation.clone(), Arc::clone(client)));
            }
            act(federation).await;
        });
        // Whatever is under way is dropped where it waits.
        runtime.shutdown_timeout(Duration::from_secs(5));
        self.blobs.crash().unwrap();
        self.log.heal();
    }
}

/// Does what it is asked, over and over, and first of all what was not answered.
async fn be_client(federation: Federation, client: Arc<Mutex<Client>>) {
    let id = client.lock().unwrap().id.clone();
    loop {
        let unanswered = client.lock().unwrap().unanswered.clone();
        if let Some(submission) = unanswered {
            submit(&federation, &client, submission).await;
        }
        let mut stream = federation.open_task_stream(id.clone(), None).await;
        while let Ok(task) = stream.next().await {
            work(&federation, &client, &id, &task).await;
        }
        tokio::task::yield_now().await;
    }
}

async fn work(federation: &Federation, client: &Arc<Mutex<Client>>, id: &ClientId, task: &Task) {
    match &task.kind {
        TaskKind::Train { model, .. } => {
            let update = Uuid::new_v4().to_string();
            let value = value(federation, *model).await + step(id);
            loop {
                let Ok(mut upload) = federation.begin_upload(Some(id.clone())).await else { continue };
                upload.write(Bytes::from(value.to_string())).await.unwrap();
                if upload.finish(update.parse().unwrap()).await.is_ok() {
                    break;
                }
            }
            let submission = Submission {
                client: id.clone(),
                update,
                correlation: task.id.clone(),
                model: model.to_string(),
                config: String::new(),
                meta: format!(r#"{{"training_metadata": {{"num_examples": {}}}}}"#, examples(id)),
            };
            client.lock().unwrap().unanswered = Some(submission.clone());
            submit(federation, client, submission).await;
        }
        TaskKind::Validate { session, model, .. } => {
            let report = ValidationReport {
                client: id.clone(),
                correlation: task.id.clone(),
                session: session.to_string(),
                model: model.to_string(),
                data: format!(r#"{{"value": {}, "num_examples": 1}}"#, value(federation, *model).await),
            };
            while federation.report_validation(report.clone()).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
        TaskKind::Predict { .. } => {}
    }
}

async fn submit(federation: &Federation, client: &Arc<Mutex<Client>>, submission: Submission) {
    loop {
        match federation.submit_update(submission.clone()).await {
            Ok(answer) => {
                let mut client = client.lock().unwrap();
                client.unanswered = None;
                if answer.is_ok() {
                    client.answered.insert(submission.correlation, submission.update.parse().unwrap());
                }
                return;
            }
            Err(FederationError::Unavailable(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Models are files with one number.
async fn value(federation: &Federation, model: ModelId) -> f64 {
    // The trail is in the log here, and not in the store's tables: the seed alone is there.
    let blob = match federation.store().model(model).await.unwrap() {
        Some(row) => row.blob,
        None => {
            let mut blob = None;
            for id in federation.inner.log.active().await.unwrap() {
                let events = federation.inner.log.read(id, 0, u32::MAX).await.unwrap();
                blob = blob.or(committed(&events).into_iter().find(|(of, _)| *of == model).map(|(_, blob)| blob));
            }
            blob.expect("a model of an active session")
        }
    };
    let file = federation.inner.blobs.open(&blob).await.unwrap();
    std::fs::read_to_string(file.path).unwrap().parse().unwrap()
}

fn committed(events: &[Recorded]) -> Vec<(ModelId, fedwit_domain::Digest)> {
    let model = |recorded: &Recorded| match &recorded.event {
        Event::RoundCommitted { model, .. } => Some((model.id, model.blob)),
        _ => None,
    };
    events.iter().filter_map(model).collect()
}

fn number(id: &ClientId) -> f64 {
    id.as_str().trim_start_matches("client-").parse().unwrap()
}

fn step(id: &ClientId) -> f64 {
    (number(id) + 1.0) * 0.125
}

fn examples(id: &ClientId) -> f64 {
    number(id) + 1.0
}

/// What all clients together move a model by in one round.
fn round_step() -> f64 {
    let clients: Vec<ClientId> = (0..CLIENTS).map(|number| format!("client-{number}").parse().unwrap()).collect();
    let total: f64 = clients.iter().map(examples).sum();
    clients.iter().map(|id| step(id) * examples(id)).sum::<f64>() / total
}

async fn begin(federation: &Federation, rounds: u32, clients_required: u32) -> SessionId {
    begin_with(federation, rounds, SessionConfig { clients_required, ..SessionConfig::default() }).await
}

async fn begin_with(federation: &Federation, rounds: u32, config: SessionConfig) -> SessionId {
    let mut seed = federation.inner.blobs.begin().await.unwrap();
    seed.write(Bytes::from_static(b"1")).await.unwrap();
    let blob = seed.finish().await.unwrap();
    let (id, at) = (ModelId::random(), federation.now());
    let new = NewModel { id, name: "seed".to_owned(), blob, format: ModelFormat::Safetensors, at };
    federation.store().add_model(new).await.unwrap();
    let config = SessionConfig {
        aggregator: "mean".to_owned(),
        keep_updates: true,
        model_format: ModelFormat::Safetensors,
        ..config
    };
    let request = NewSessionRequest { name: None, seed_model: id, config };
    let session = federation.create_session(request).await.unwrap();
    federation.start_session(session, Start { rounds, ..Start::default() }).await.unwrap();
    session
}

async fn ended(world: &World, id: SessionId) -> bool {
    let mut appended = world.log.appended();
    let began = Instant::now();
    while !world.session(id).has_ended() {
        if tokio::time::timeout(Duration::from_secs(5), appended.recv()).await.is_err() || began.elapsed() > PATIENCE {
            return world.session(id).has_ended();
        }
    }
    true
}

fn check(world: &World, id: SessionId) {
    let events = world.log.events(id);
    let session = world.session(id);
    assert!(matches!(session.status, Status::Finished { .. }), "{:?}", session.status);

    // Each round has every client once, with the update that it was told counts; and gives what these give.
    let mut accepted: BTreeMap<u32, BTreeMap<ClientId, UpdateId>> = BTreeMap::new();
    let mut files: BTreeSet<UpdateId> = BTreeSet::new();
    let mut expected = 1.0;
    let mut rounds = 0;
    for recorded in &events {
        match &recorded.event {
            Event::UpdateAccepted { round, client, update, .. } => {
                assert!(files.insert(update.clone()), "an update counts once");
                assert!(accepted.entry(round.0).or_default().insert(client.clone(), update.clone()).is_none());
            }
            Event::RoundCommitted { round, model, .. } => {
                rounds += 1;
                assert_eq!(round.0, rounds);
                assert_eq!(accepted[&round.0].len(), usize::from(CLIENTS));
                expected += round_step();
                assert!(world.blobs.durable().contains(&model.blob), "a model's file is durable before its record");
                let value = read(world, model.blob);
                assert!((value - expected).abs() < 1e-9, "round {round}: {value} is not {expected}");
            }
            _ => {}
        }
    }
    assert_eq!(rounds, ROUNDS);
    for client in &world.clients {
        let client = client.lock().unwrap();
        for (task, update) in &client.answered {
            let fedwit_domain::TaskId::Training { round, .. } = task.parse().unwrap() else { panic!("{task}") };
            assert_eq!(accepted[&round.0].get(&client.id), Some(update), "an answered update is a kept update");
        }
    }
}

fn read(world: &World, blob: fedwit_domain::Digest) -> f64 {
    let path: &Path = world.blobs.scratch().parent().unwrap();
    std::fs::read_to_string(path.join(blob.to_string())).unwrap().parse().unwrap()
}

#[test]
fn a_session_ends_with_what_all_clients_sent() {
    let world = World::new();
    let mut id = None;
    world.live(async |federation| {
        let session = begin(&federation, ROUNDS, CLIENTS.into()).await;
        id = Some(session);
        assert!(ended(&world, session).await, "{:?}", world.session(session));
    });
    check(&world, id.unwrap());
}

#[test]
fn crashes_at_any_moment_change_nothing_of_the_outcome() {
    for seed in 0..8 {
        // Over one combiner, and over several of which some have one client and some have two.
        let world = World { combiners: if seed % 2 == 0 { 1 } else { 3 }, ..World::new() };
        let id = crash_until_ended(&world, seed, async |federation| begin(federation, ROUNDS, CLIENTS.into()).await);
        check(&world, id);
    }
}

/// Begins a session, and ends the server's life at arbitrary moments, with appends that fail, until the session has ended.
fn crash_until_ended(world: &World, seed: u64, begin: impl AsyncFnOnce(&Federation) -> SessionId) -> SessionId {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut id = None;
    world.live(async |federation| {
        id = Some(begin(&federation).await);
        tokio::time::sleep(Duration::from_micros(random.random_range(0..20_000))).await;
    });
    let id = id.unwrap();
    let mut lives = 1;
    while !world.session(id).has_ended() {
        lives += 1;
        assert!(lives < 200, "seed {seed}: the session does not end");
        world.live(async |federation| {
            match random.random_range(0..4) {
                0 => world.log.fail_next_append(),
                1 => world.log.lose_next_answer(),
                _ => {}
            }
            let until = Duration::from_micros(random.random_range(0..60_000));
            // Long enough, in the end, for all to come back.
            let until = if lives > 20 { PATIENCE } else { until };
            let _ = tokio::time::timeout(until, ended(world, id)).await;
            drop(federation);
        });
    }
    id
}

fn run_one_round(world: &World) -> (Session, Vec<Recorded>) {
    let mut id = None;
    world.live(async |federation| {
        let session = begin(&federation, 1, u32::from(CLIENTS) - 1).await;
        id = Some(session);
        assert!(ended(world, session).await, "{:?}", world.session(session));
    });
    let id = id.unwrap();
    (world.session(id), world.log.events(id))
}

fn mean_without(left_out: f64) -> f64 {
    let clients: Vec<ClientId> = (0..CLIENTS).map(|number| format!("client-{number}").parse().unwrap()).collect();
    let counted: Vec<&ClientId> = clients.iter().filter(|id| number(id) != left_out).collect();
    let total: f64 = counted.iter().map(|id| examples(id)).sum();
    1.0 + counted.iter().map(|id| step(id) * examples(id)).sum::<f64>() / total
}

#[test]
fn a_fold_goes_on_without_an_update_that_breaks_it_or_is_rejected() {
    for fault in [FakeFolding::<FakeBlobs>::break_on, FakeFolding::reject] {
        let world = World::new();
        fault(&world.folding, "client-2".parse().unwrap());
        let (session, events) = run_one_round(&world);
        assert!(matches!(session.status, Status::Finished { .. }), "{:?}", session.status);
        let excluded: Vec<&str> = events
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Event::UpdateExcluded { client, .. } => Some(client.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(excluded, ["client-2"]);
        let value = read(&world, session.model.blob);
        assert!((value - mean_without(2.0)).abs() < 1e-9, "{value}");
    }
}

#[test]
fn an_aggregator_that_fails_gets_another_attempt_and_then_fails_the_session() {
    for (broken, finished) in [(2, true), (3, false)] {
        let world = World::new();
        world.folding.break_finishes(broken);
        let (session, events) = run_one_round(&world);
        let failed = events.iter().filter(|recorded| matches!(recorded.event, Event::AttemptFailed { .. })).count();
        assert_eq!(failed, usize::try_from(broken).unwrap());
        match session.status {
            Status::Finished { .. } => assert!(finished),
            Status::Failed { failure, .. } => {
                assert!(!finished && failure.to_string().contains("trap in finish"), "{failure}");
            }
            other => panic!("{other:?}"),
        }
    }
}
