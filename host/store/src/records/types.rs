//! What is read from the tables.
//!
//! Every row has a number that grows with each new row of its kind, and is never used again: it is what lists are
//! ordered and continued by.

use std::collections::BTreeMap;

use fedwit_domain::{
    AttemptNumber, ClientId, Digest, Metrics, ModelFormat, ModelId, PackageId, PredictionId, RoundId, SessionConfig,
    SessionId, Timestamp, UpdateId,
};
use serde_json::Value;

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to pass over.
    pub offset: u64,
    /// Rows to give, at most.
    pub limit: u32,
    /// Whether the newest comes first.
    pub newest_first: bool,
    /// Only rows beyond this number, in the order of the list.
    pub after: Option<i64>,
}

/// A part of a list, and how long it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// The part.
    pub rows: Vec<T>,
    /// How many there are that the filter lets through, whatever the page.
    pub total: u64,
}

/// A client that has registered, or has once been seen.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientRow {
    /// The row's number.
    pub number: i64,
    /// The client.
    pub id: ClientId,
    /// A name for people.
    pub name: String,
    /// `remote` or `local`: where its code comes from.
    pub package: String,
    /// The combiner that it asked for.
    pub combiner_preferred: Option<String>,
    /// The address that it registered from.
    pub ip: Option<String>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When it last registered.
    pub updated_at: Timestamp,
    /// When it was last seen, as far as that is recorded: the latest is in memory.
    pub last_seen: Option<Timestamp>,
}

/// A session, as its events left it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// The row's number.
    pub number: i64,
    /// The session.
    pub id: SessionId,
    /// A name for people.
    pub name: String,
    /// `created`, `running`, `pausing`, `paused`, `finished`, `stopped` or `failed`.
    pub status: String,
    /// Why it ended, or what it waits for, if anything.
    pub reason: Option<String>,
    /// The code of a failure.
    pub code: Option<String>,
    /// How it is run.
    pub config: SessionConfig,
    /// The model that it started from.
    pub seed_model: ModelId,
    /// The latest global model.
    pub model: ModelId,
    /// The best model so far, where the session looks for that.
    pub best_model: Option<ModelId>,
    /// Rounds that gave a model.
    pub rounds_completed: u32,
    /// The last round that was asked for.
    pub rounds_until: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When something last happened.
    pub updated_at: Timestamp,
}

/// A run: the rounds that one start asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// The row's number.
    pub number: i64,
    /// The session.
    pub session: SessionId,
    /// Rounds that were asked for.
    pub rounds: u32,
    /// How long each waits, in seconds.
    pub round_timeout_s: u32,
    /// The model that it started from.
    pub model: ModelId,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The model that it ended with.
    pub completed_model: Option<ModelId>,
}

/// A round: its last attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundRow {
    /// The row's number.
    pub number: i64,
    /// The round.
    pub id: RoundId,
    /// The attempt that is under way, or was the last.
    pub attempt: AttemptNumber,
    /// `waiting`, `collecting`, `aggregating`, `finished`, `failed` or `stopped`.
    pub status: String,
    /// Why the last attempt failed, or what the round waits for.
    pub reason: Option<String>,
    /// The code of a failure.
    pub code: Option<String>,
    /// The global model that it improves upon.
    pub base: ModelId,
    /// The model that it ended with.
    pub model: Option<ModelId>,
    /// The plugin that ran: name, version, digest.
    pub plugin: Option<(String, String, Digest)>,
    /// When the round was begun: the first attempt was opened, or clients were first awaited.
    pub opened_at: Timestamp,
    /// When the last attempt was opened.
    pub attempt_opened_at: Option<Timestamp>,
    /// Until when the last attempt waits for updates.
    pub deadline: Option<Timestamp>,
    /// When the last attempt took no more updates.
    pub closed_at: Option<Timestamp>,
    /// When the model was committed, or the round failed.
    pub ended_at: Option<Timestamp>,
    /// Updates that count.
    pub updates: u32,
    /// Examples that they rest on.
    pub examples: u64,
    /// What the aggregator measured.
    pub aggregator_metrics: Metrics,
    /// The example-weighted means of what clients measured, once the validation is closed.
    pub validation_metrics: Option<Metrics>,
}

/// A client's part in an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct ParticipationRow {
    /// The row's number.
    pub number: i64,
    /// The round.
    pub round: RoundId,
    /// The attempt at it.
    pub attempt: AttemptNumber,
    /// The client.
    pub client: ClientId,
    /// `asked`, `accepted`, `refused`, `excluded` or `given_up`.
    pub status: String,
    /// The update that counts, or was refused last.
    pub update: Option<UpdateId>,
    /// The file of the update that counts, as it was uploaded, if it is kept.
    pub blob: Option<Digest>,
    /// The file's length in bytes.
    pub size_bytes: Option<u64>,
    /// Examples that the update rests on.
    pub examples: Option<u64>,
    /// What the client measured when it trained.
    pub metrics: Metrics,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it answered, or was given up.
    pub answered_at: Option<Timestamp>,
}

/// A refusal of an update.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusalRow {
    /// The row's number.
    pub number: i64,
    /// The round in which the update was sent.
    pub round: RoundId,
    /// The attempt in which it was sent.
    pub attempt: AttemptNumber,
    /// The client.
    pub client: ClientId,
    /// The update.
    pub update: UpdateId,
    /// The reason's code.
    pub code: String,
    /// The reason.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A model of the trail.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// The row's number.
    pub number: i64,
    /// The model.
    pub id: ModelId,
    /// A name for people.
    pub name: String,
    /// The model that it improves upon; none for a seed.
    pub parent: Option<ModelId>,
    /// The session and round that made it; none for a seed.
    pub round: Option<RoundId>,
    /// Its safetensors file.
    pub blob: Digest,
    /// The file's length in bytes.
    pub size_bytes: u64,
    /// The format that it came in, or that its session's clients speak.
    pub format: ModelFormat,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a client measured of a round's model.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationRow {
    /// The row's number.
    pub number: i64,
    /// The round whose model it is.
    pub round: RoundId,
    /// The model.
    pub model: ModelId,
    /// The client.
    pub client: ClientId,
    /// Its numbers.
    pub metrics: Metrics,
    /// What they weigh in the round's means.
    pub weight: f64,
    /// All that it sent.
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

/// The code that clients run.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageRow {
    /// The row's number.
    pub number: i64,
    /// The package.
    pub id: PackageId,
    /// A name for people.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// The file's name, as it was uploaded.
    pub file_name: String,
    /// What its clients read.
    pub format: ModelFormat,
    /// The archive.
    pub blob: Digest,
    /// The archive's length in bytes.
    pub size_bytes: u64,
    /// Whether it is what clients are given.
    pub active: bool,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// What a client predicted with a model.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionRow {
    /// The row's number.
    pub number: i64,
    /// The request.
    pub prediction: PredictionId,
    /// The model.
    pub model: ModelId,
    /// The client.
    pub client: ClientId,
    /// All that it sent.
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

/// A file that a client uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// Its name.
    pub id: UpdateId,
    /// Who uploaded it, if that is known.
    pub client: Option<ClientId>,
    /// The file.
    pub blob: Digest,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The session that has accepted it as an update.
    pub used_by: Option<SessionId>,
    /// When.
    pub at: Timestamp,
}

/// A value that a client logged while it trained.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// The row's number.
    pub number: i64,
    /// The client.
    pub client: ClientId,
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// The client's own count.
    pub step: Option<u32>,
    /// The model.
    pub model: Option<ModelId>,
    /// The round.
    pub round: Option<RoundId>,
    /// The session.
    pub session: Option<SessionId>,
    /// When.
    pub at: Timestamp,
}

/// What a client says about itself; the latest value of a key counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeRow {
    /// The row's number.
    pub number: i64,
    /// The client.
    pub client: ClientId,
    /// The attribute.
    pub key: String,
    /// Its value.
    pub value: String,
    /// When.
    pub at: Timestamp,
}

/// A line of a client about what it is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRow {
    /// The row's number.
    pub number: i64,
    /// The client, as it calls itself.
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// What it says.
    pub status: String,
    /// `INFO`, `WARNING`, `ERROR`, `AUDIT`, ...
    pub level: String,
    /// What the line is about: `MODEL_UPDATE`, ...
    pub kind: String,
    /// More about it.
    pub data: String,
    /// What it answers.
    pub correlation: String,
    /// The session.
    pub session: Option<SessionId>,
    /// Anything else.
    pub extra: String,
    /// When.
    pub at: Timestamp,
}

/// A client's load.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryRow {
    /// The row's number.
    pub number: i64,
    /// The client.
    pub client: ClientId,
    /// Values by name.
    pub values: BTreeMap<String, f64>,
    /// When.
    pub at: Timestamp,
}
