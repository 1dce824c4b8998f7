//! Sessions and rounds as pure functions, and the ports that a server needs to carry them out.
//!
//! A session is event-sourced. [`Session::step`] takes a [`Command`] and the time, and answers with the [`Event`]s that
//! follow from it, or with a [`Refusal`]; [`Session::apply`] is the only way that a session changes. Every rule of
//! federation is in these two and in [`advance`](Session::advance), and none elsewhere.
//!
//! What is never here: a clock, I/O, randomness. The time comes with the command, a seed is in the session, and what
//! has to be done in the world follows from the session's state, so that doing it again after a crash does nothing new.
//!
//! [`ports`] are what `federation` calls and the crates above implement, each with a fake beside it.

mod command;
mod config;
mod decide;
mod digest;
mod event;
mod id;
mod metrics;
pub mod ports;
mod refusal;
mod session;
mod task;
mod time;

pub use command::{CheckedUpdate, Choice, Command, Commit, NewSession, Selected, Start, SubmitUpdate};
pub use config::{BestModel, Buffering, ConfigError, Direction, ModelFormat, SessionConfig, Target};
pub use digest::{Digest, DigestError};
pub use event::{
    AskedToTrain, AskedToValidate, EVENT_VERSION, Event, EventError, PluginVersion, Recorded, StateBlob, StoredModel,
    ValidatedBy,
};
pub use id::{
    AttemptNumber, ClientId, CombinerName, IdError, ModelId, PackageId, PredictionId, RoundNumber, SessionId,
    TaskNumber, UpdateId,
};
pub use metrics::{Metrics, weighted_means};
pub use refusal::{AttemptFailure, FinishReason, Refusal, SubmissionAnswer, UpdateRefusal};
pub use session::{
    Accepted, Answer, Attempt, Best, Buffer, Contribution, Contributor, CountedUpdate, LastAnswer, OpenTask,
    Participation, Phase, Run, SNAPSHOT_VERSION, Session, Status, Validation, ValidationAnswer,
};
pub use task::{ClaimedTask, RoundId, TaskId, TaskIdError};
pub use time::Timestamp;
