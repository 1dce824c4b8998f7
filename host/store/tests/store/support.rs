//! A folder with a store in it, and a session that is driven through the domain.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fedwit_domain::ports::{Append, StoredBlob};
use fedwit_domain::{
    CheckedUpdate, ClaimedTask, ClientId, Command, Commit, Metrics, ModelFormat, ModelId, NewSession, PluginVersion,
    Recorded, Refusal, RoundNumber, Session, SessionConfig, SessionId, StateBlob, StoredModel, SubmitUpdate, Timestamp,
    UpdateRefusal,
};
use fedwit_store::{NewModel, NewUpload, OpenError, Store, StoreOptions};

/// How long a test waits for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn options(folder: &Path) -> StoreOptions {
    StoreOptions { folder: folder.to_owned(), low_disk_bytes: 0 }
}

pub(crate) async fn open(folder: &Path) -> Store {
    Store::open(options(folder)).await.unwrap()
}

/// Opens a folder whose last owner is on its way out.
pub(crate) async fn reopen(folder: &Path) -> Store {
    let began = Instant::now();
    loop {
        match Store::open(options(folder)).await {
            Ok(store) => return store,
            Err(OpenError::Locked(_)) if began.elapsed() < DEADLINE => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs something with a store that is dropped in the middle of everything, as in a crash of the process.
pub(crate) fn until_crash<T>(run: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let outcome = runtime.block_on(run());
    runtime.shutdown_background();
    outcome
}

/// Makes a file of some content.
pub(crate) async fn blob(store: &Store, content: &[u8]) -> StoredBlob {
    let mut writer = store.blobs().begin().await.unwrap();
    writer.write(Bytes::copy_from_slice(content)).await.unwrap();
    writer.finish().await.unwrap()
}

/// Returns once what was written before has had its effects on the disk: the writer does one thing after the other.
pub(crate) async fn settled(store: &Store) {
    store.set_helper(ModelFormat::Npz).await.unwrap();
}

pub(crate) fn client(name: &str) -> ClientId {
    name.parse().unwrap()
}

pub(crate) fn plugin() -> PluginVersion {
    let digest = fedwit_domain::Digest::from_bytes([9; 32]);
    PluginVersion { name: "fedavg".to_owned(), version: "1.2.3".to_owned(), digest }
}

/// A session, and the log that it is recorded in.
pub(crate) struct Driver {
    pub(crate) store: Store,
    pub(crate) session: Session,
    pub(crate) now: Timestamp,
    pub(crate) seed: StoredModel,
    uploads: u32,
}

impl Driver {
    /// Creates a session that starts from a seed model.
    pub(crate) async fn create(store: &Store, config: SessionConfig) -> Self {
        let now = Timestamp(1_700_000_000_000);
        let blob = blob(store, b"the seed model").await;
        let seed = StoredModel { id: ModelId::random(), blob: blob.digest, size_bytes: blob.size_bytes };
        let model = NewModel { id: seed.id, name: "seed".to_owned(), blob, format: config.model_format, at: now };
        store.add_model(model).await.unwrap();
        let id = SessionId::random();
        let new = NewSession { name: "digits".to_owned(), config, seed_model: seed };
        let (session, created) = Session::create(id, new, now).unwrap();
        let append = Append { session: id, expected: 0, events: vec![created], snapshot: None };
        store.log().append(append).await.unwrap();
        Self { store: store.clone(), session, now, seed, uploads: 0 }
    }

    pub(crate) fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// Does what a command says, and records it.
    pub(crate) async fn step(&mut self, command: Command) -> (Vec<Recorded>, Result<(), Refusal>) {
        let expected = self.session.sequence;
        let (events, answer) = self.session.step(command, self.now);
        let snapshot = Append::deserves_snapshot(&events).then(|| Box::new(self.session.clone()));
        let append = Append { session: self.session.id, expected, events: events.clone(), snapshot };
        self.store.log().append(append).await.unwrap();
        (events, answer)
    }

    pub(crate) async fn does(&mut self, command: Command) -> Vec<Recorded> {
        let (events, answer) = self.step(command).await;
        answer.unwrap();
        events
    }

    pub(crate) async fn start(&mut self, rounds: u32) {
        let start = fedwit_domain::Start { rounds, model_name_prefix: Some("digits".to_owned()), ..Default::default() };
        self.does(Command::Start(start)).await;
    }

    pub(crate) async fn open_attempt(&mut self, online: &[&str]) -> Vec<Recorded> {
        let online = online.iter().map(|name| client(name)).collect();
        self.does(Command::OpenAttempt { online, plugin: plugin(), choice: None }).await
    }

    /// Uploads a file, and returns the submission of it.
    pub(crate) async fn upload(&mut self, name: &str, content: &[u8], examples: u64) -> SubmitUpdate {
        self.uploads += 1;
        let (client, update) = (client(name), format!("update-{}-{}", self.session.id, self.uploads).parse().unwrap());
        let blob = blob(&self.store, content).await;
        let upload = NewUpload { id: update, client: Some(client.clone()), blob, at: self.now };
        let update = upload.id.clone();
        self.store.record_upload(upload).await.unwrap();
        let metrics = Metrics::from([("train_loss".to_owned(), 0.1)]);
        let (blob, size_bytes) = (blob.digest, blob.size_bytes);
        let checked = Ok(CheckedUpdate { blob, size_bytes, examples, metrics, norm: None });
        SubmitUpdate { client, update, claimed: ClaimedTask::default(), checked }
    }

    pub(crate) async fn submit(&mut self, name: &str, content: &[u8], examples: u64) -> SubmitUpdate {
        let submission = self.upload(name, content, examples).await;
        self.does(Command::SubmitUpdate(submission.clone())).await;
        submission
    }

    pub(crate) async fn submit_bad(&mut self, name: &str, refusal: UpdateRefusal) {
        let mut submission = self.upload(name, name.as_bytes(), 1).await;
        submission.checked = Err(refusal);
        self.does(Command::SubmitUpdate(submission)).await;
    }

    /// A commit of the attempt that is under way.
    pub(crate) async fn commit_of(&self, content: &[u8], state: Option<&[u8]>) -> Option<Commit> {
        let attempt = self.session.attempt()?;
        let (round, number) = (attempt.round, attempt.number);
        let stored = blob(&self.store, content).await;
        let id = Commit::model_id(self.session.id, round);
        let state = match state {
            Some(state) => {
                let stored = blob(&self.store, state).await;
                Some(StateBlob { blob: stored.digest, size_bytes: stored.size_bytes, plugin: "fedavg".to_owned() })
            }
            None => None,
        };
        let metrics = Metrics::from([("updates".to_owned(), 2.0)]);
        let model = StoredModel { id, blob: stored.digest, size_bytes: stored.size_bytes };
        Some(Commit { round, attempt: number, model, state, metrics })
    }

    pub(crate) async fn commit(&mut self, content: &[u8], state: Option<&[u8]>) {
        let commit = self.commit_of(content, state).await.unwrap();
        self.does(Command::Commit(commit)).await;
    }

    pub(crate) async fn validate(&mut self, round: u32, name: &str, loss: f64) {
        let metrics = Metrics::from([("val_loss".to_owned(), loss)]);
        let (client, data) = (client(name), serde_json::json!({ "val_loss": loss, "note": "ünder 🦀" }));
        let round = RoundNumber(round);
        self.does(Command::ReportValidation { round, client, metrics, examples: None, data }).await;
    }
}
