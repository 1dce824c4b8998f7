//! A session as the federation would record it, from the domain's own rules.

use std::time::Duration;

use fedwit_domain::ports::{Append, EventLog};
use fedwit_domain::{
    AttemptNumber, BestModel, CheckedUpdate, ClaimedTask, Command, Commit, Digest, Direction, Metrics, ModelId,
    NewSession, PluginVersion, RoundNumber, Session, SessionConfig, SessionId, Start, StoredModel, SubmitUpdate,
    Timestamp, UpdateRefusal,
};
use fedwit_store::ModelRow;

use super::support::Server;

/// A session, and what it is recorded in.
pub(crate) struct Script<'a> {
    server: &'a Server,
    pub(crate) session: Session,
    seed: ModelRow,
    now: Timestamp,
}

impl<'a> Script<'a> {
    /// A session that is created.
    pub(crate) async fn create(server: &'a Server) -> Self {
        let seed: ModelId = server.seed().await.parse().unwrap();
        let seed = server.federation.store().model(seed).await.unwrap().unwrap();
        let config = SessionConfig {
            aggregator: "mean".to_owned(),
            best_model: Some(BestModel { metric: "loss".to_owned(), direction: Direction::Minimize }),
            ..SessionConfig::default()
        };
        let seed_model = StoredModel { id: seed.id, blob: seed.blob, size_bytes: seed.size_bytes };
        let new = NewSession { name: "digits".to_owned(), config, seed_model };
        let (id, now) = (SessionId::random(), server.federation.now());
        let (session, created) = Session::create(id, new, now).unwrap();
        let append = Append { session: id, expected: 0, events: vec![created], snapshot: None };
        log(server).append(append).await.unwrap();
        Self { server, session, seed, now }
    }

    /// A session that has run its one round: `good` sent an update that counts, and `bad` one that does not.
    pub(crate) async fn run(server: &'a Server) -> Self {
        let mut script = Self::create(server).await;
        script.command(Command::Start(Start { rounds: 1, ..Start::default() })).await;
        let plugin =
            PluginVersion { name: "mean".to_owned(), version: "1.0.0".to_owned(), digest: Digest::from_bytes([7; 32]) };
        let online = vec!["bad".parse().unwrap(), "good".parse().unwrap()];
        script.command(Command::OpenAttempt { online, plugin, choice: None }).await;
        script.now = script.now.plus(Duration::from_millis(1500));
        let problem = "tensor `weights` has a value that is not finite".to_owned();
        script.submit("bad", Err(UpdateRefusal::Tensors { problem })).await;
        let mut upload = server.federation.begin_upload(Some("good".parse().unwrap())).await.unwrap();
        upload.write(super::support::safetensors(&[2.0; 4]).into()).await.unwrap();
        let blob = upload.finish(script.update("good").parse().unwrap()).await.unwrap();
        let metrics = Metrics::from([("loss".to_owned(), 0.5)]);
        let (size_bytes, examples) = (blob.size_bytes, 40);
        let checked = CheckedUpdate { blob: blob.digest, size_bytes, examples, metrics, norm: None };
        script.submit("good", Ok(checked)).await;
        let round = RoundNumber(1);
        let id = Commit::model_id(script.session.id, round);
        let model = StoredModel { id, blob: script.seed.blob, size_bytes: script.seed.size_bytes };
        let metrics = Metrics::from([("step".to_owned(), 1.0)]);
        script.command(Command::Commit(Commit { round, attempt: AttemptNumber(1), model, state: None, metrics })).await;
        for (client, loss) in [("bad", 0.4), ("good", 0.2)] {
            let metrics = Metrics::from([("loss".to_owned(), loss)]);
            let data = serde_json::json!({ "loss": loss, "note": "of 10" });
            let (client, examples) = (client.parse().unwrap(), Some(10.0));
            script.command(Command::ReportValidation { round, client, metrics, examples, data }).await;
        }
        script
    }

    /// The name of a client's update; no two sessions have the same.
    pub(crate) fn update(&self, client: &str) -> String {
        format!("{client}-{}", self.session.id)
    }

    /// Has something happen, and records it.
    pub(crate) async fn command(&mut self, command: Command) {
        let expected = self.session.sequence;
        let (events, answer) = self.session.step(command, self.now);
        answer.unwrap();
        let append = Append { session: self.session.id, expected, events, snapshot: None };
        log(self.server).append(append).await.unwrap();
    }

    async fn submit(&mut self, client: &str, checked: Result<CheckedUpdate, UpdateRefusal>) {
        let update = self.update(client).parse().unwrap();
        let client = client.parse().unwrap();
        let claimed = ClaimedTask::default();
        self.command(Command::SubmitUpdate(SubmitUpdate { client, update, claimed, checked })).await;
    }
}

fn log(server: &Server) -> std::sync::Arc<dyn EventLog> {
    server.federation.store().log()
}
