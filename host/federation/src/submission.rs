//! What clients send when they are done.
//!
//! Clients of different kinds say different things about what they answer, and say it in texts. All of that is read
//! here. What is wrong is an answer to the client and an event, never an error: an error would end the client.

mod json;
mod metadata;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use fedwit_domain::ports::UncheckedUpdate;
use fedwit_domain::{
    CheckedUpdate, ClaimedTask, ClientId, Command, Digest, Event, Recorded, Refusal, RoundId, Session, SessionId,
    SubmissionAnswer, SubmitUpdate, TaskId, TaskNumber, UpdateId, UpdateRefusal,
};
use serde_json::Value;
use uuid::Uuid;

pub use self::json::lenient_json;
use self::metadata::{ValidationData, training};
use crate::{Federation, FederationError};

/// A model update, as a client announces it.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Who sends it.
    pub client: ClientId,
    /// The id that its file was uploaded under.
    pub update: String,
    /// The task that it answers, if it says so.
    pub correlation: String,
    /// The model that it started from, if it says so.
    pub model: String,
    /// The task's data, if it sends them back.
    pub config: String,
    /// What it says of its training: JSON.
    pub meta: String,
}

/// What a client measured of a model.
#[derive(Clone, Debug)]
pub struct ValidationReport {
    /// Who sends it.
    pub client: ClientId,
    /// The task that it answers, if it says so.
    pub correlation: String,
    /// The session.
    pub session: String,
    /// The model.
    pub model: String,
    /// What it measured: JSON.
    pub data: String,
}

/// Updates that are being looked at. A file is an update once, whoever is quicker.
#[derive(Clone, Default)]
pub(crate) struct Claims {
    under_way: Arc<Mutex<HashSet<UpdateId>>>,
}

struct Claim {
    claims: Claims,
    update: UpdateId,
}

impl Claims {
    fn claim(&self, update: &UpdateId) -> Option<Claim> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let claim = || Claim { claims: self.clone(), update: update.clone() };
        under_way.insert(update.clone()).then(claim)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.update);
    }
}

impl Federation {
    /// Takes an update. What counts is durable once this returns.
    ///
    /// # Errors
    /// Only what is no fault of the update: [`FederationError::Unavailable`], [`FederationError::Store`]. The client sends
    /// it again.
    pub async fn submit_update(&self, submission: Submission) -> Result<SubmissionAnswer, FederationError> {
        let client = submission.client.clone();
        let Some((session, mut claimed)) = self.claimed(&submission) else {
            let claimed = format!("`{:.100}`", submission.correlation);
            tracing::info!(client.id = %client, "an update of client `{client}` answers no task: {claimed}");
            return Ok(Err(UpdateRefusal::NoTask { claimed }));
        };
        let (update, named) = match submission.update.parse::<UpdateId>() {
            Ok(update) => (update, Ok(())),
            Err(error) => (stand_in(session, &submission, &claimed)?, Err(error)),
        };
        let Some(_claim) = self.inner.claims.claim(&update) else {
            // The client's other copy of this message is being looked at; whoever asks again gets that one's answer.
            return Err(FederationError::Unavailable(format!("update `{update}` is being looked at")));
        };
        let asked = (client.clone(), update.clone(), claimed.clone());
        let prospect = self.look_at_session(session, move |state| Prospect::of(state, &asked.0, &asked.1, &asked.2));
        let prospect = match prospect.await {
            Ok(prospect) => prospect,
            Err(FederationError::NotFound { .. }) => {
                return Ok(Err(UpdateRefusal::NoTask { claimed: format!("session {session}") }));
            }
            Err(error) => return Err(error),
        };
        let checked = match (named, prospect) {
            // The domain says so again, and records it.
            (_, Prospect::Foregone(Ok(()))) => return Ok(Ok(())),
            (_, Prospect::Foregone(Err(refusal))) => Err(refusal),
            (Err(error), Prospect::Open { .. }) => Err(UpdateRefusal::Metadata { problem: error.to_string() }),
            (Ok(()), Prospect::Open { base, norm, task }) => {
                // What it is held against is what it answers, whatever happens while it is looked at.
                claimed.task = task;
                self.look(base, norm, &client, &update, &submission.meta).await?
            }
        };
        let command = SubmitUpdate { client: client.clone(), update: update.clone(), claimed, checked };
        let answer = match self.command(session, Command::SubmitUpdate(command)).await {
            Ok(events) => answer(&events, &client, &update),
            Err(FederationError::Refused(Refusal::Update(refusal))) => Err(refusal),
            Err(error) => return Err(error),
        };
        self.note(session, &client, &update, &answer);
        if answer.is_err() {
            self.drop_upload(&client, &update).await;
        }
        Ok(answer)
    }

    /// What an update says that it answers.
    fn claimed(&self, submission: &Submission) -> Option<(SessionId, ClaimedTask)> {
        let model = submission.model.parse().ok();
        let config: Option<Value> = serde_json::from_str(&submission.config).ok();
        let text = |key: &str| config.as_ref()?.get(key)?.as_str();
        let told = submission.correlation.parse().ok().or_else(|| text("task_id")?.parse().ok());
        let told = told.or_else(|| {
            let RoundId { session, round } = text("round_id")?.parse().ok()?;
            Some(Claimed::Round(session, round))
        });
        let found = told.or_else(|| self.inner.outboxes.training(&submission.client, model).map(Claimed::Task));
        Some(match found? {
            Claimed::Task(TaskId::Training { session, round, attempt }) => {
                (session, ClaimedTask { round: Some(round), attempt: Some(attempt), task: None, model })
            }
            Claimed::Task(TaskId::Buffered { session, round, number }) => {
                (session, ClaimedTask { round: Some(round), attempt: None, task: Some(number), model })
            }
            Claimed::Task(TaskId::Validation { .. }) => return None,
            Claimed::Round(session, round) => {
                (session, ClaimedTask { round: Some(round), model, ..ClaimedTask::default() })
            }
        })
    }

    /// Looks at an update that is in its place.
    async fn look(
        &self,
        base: Digest,
        norm: bool,
        client: &ClientId,
        update: &UpdateId,
        meta: &str,
    ) -> Result<Result<CheckedUpdate, UpdateRefusal>, FederationError> {
        let training = match training(meta) {
            Ok(training) => training,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(upload) = self.store().upload(update).await? else { return Ok(Err(UpdateRefusal::NoUpload)) };
        if upload.client.as_ref().is_some_and(|uploader| uploader != client) {
            return Ok(Err(UpdateRefusal::Foreign));
        }
        if upload.used_by.is_some() {
            return Ok(Err(UpdateRefusal::Reused));
        }
        let unchecked = UncheckedUpdate { blob: upload.blob, base, norm };
        let (examples, metrics) = (training.examples, training.metrics);
        let (blob, size_bytes) = (upload.blob, upload.size_bytes);
        let looked = self.inner.folding.check(unchecked).await?;
        Ok(looked.map(|norm| CheckedUpdate { blob, size_bytes, examples, metrics, norm }))
    }

    fn note(&self, session: SessionId, client: &ClientId, update: &UpdateId, answer: &SubmissionAnswer) {
        match answer {
            Ok(()) => {
                metrics::counter!("fedwit_updates_total", "outcome" => "accepted").increment(1);
                tracing::info!(
                    session.id = %session, client.id = %client, update.id = %update, "update `{update}` counts"
                );
            }
            Err(refusal) => {
                metrics::counter!("fedwit_updates_total", "outcome" => refusal.code()).increment(1);
                tracing::info!(
                    session.id = %session, client.id = %client, update.id = %update, code = refusal.code(),
                    "update `{update}` of client `{client}` does not count: {refusal}"
                );
            }
        }
    }

    /// A refused file is of no use to anybody. If it cannot be dropped now, it goes with those that were never used.
    async fn drop_upload(&self, client: &ClientId, update: &UpdateId) {
        let own = match self.store().upload(update).await {
            Ok(upload) => upload.is_some_and(|upload| {
                upload.used_by.is_none() && upload.client.as_ref().is_none_or(|uploader| uploader == client)
            }),
            Err(_) => false,
        };
        if own && let Err(error) = self.store().release_upload(update).await {
            tracing::warn!(update.id = %update, %error, "a refused update's file is kept for now");
        }
    }

    /// Takes what a client measured of a round's model. What is wrong with it is the inner answer.
    ///
    /// # Errors
    /// Only what is no fault of the report: [`FederationError::Unavailable`], [`FederationError::Store`].
    pub async fn report_validation(&self, report: ValidationReport) -> Result<Result<(), String>, FederationError> {
        let ValidationReport { client, correlation, session, model, data } = report;
        let told = match correlation.parse() {
            Ok(TaskId::Validation { session, round }) => Some((session, round)),
            _ => self.validated_round(&session, &model).await?,
        };
        let Some((session, round)) = told else {
            return Ok(Err(format!("`{correlation:.100}` names no validation")));
        };
        let ValidationData { metrics, examples, data } = ValidationData::read(&data);
        let command = Command::ReportValidation { round, client, metrics, examples, data };
        match self.command(session, command).await {
            Ok(_) => Ok(Ok(())),
            Err(error @ (FederationError::Refused(_) | FederationError::NotFound { .. })) => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }

    /// The validation of a model that a session awaits, for clients that do not say what they answer.
    async fn validated_round(
        &self,
        session: &str,
        model: &str,
    ) -> Result<Option<(SessionId, fedwit_domain::RoundNumber)>, FederationError> {
        let (Ok(session), Ok(model)) = (session.parse::<SessionId>(), model.parse()) else { return Ok(None) };
        let round = self.look_at_session(session, move |state| {
            let of_model = state.validations.iter().find(|(_, validation)| validation.model == model);
            of_model.map(|(round, _)| *round)
        });
        match round.await {
            Ok(round) => Ok(round.map(|round| (session, round))),
            Err(FederationError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What is to be known of an update before its file is looked at.
enum Prospect {
    /// There is no need to look.
    Foregone(SubmissionAnswer),
    /// It is to be looked at.
    Open {
        /// The file of the model that its client started from.
        base: Digest,
        /// Whether its norm is wanted.
        norm: bool,
        /// The task that it answers, in a buffered session.
        task: Option<TaskNumber>,
    },
}

impl Prospect {
    fn of(session: &Session, client: &ClientId, update: &UpdateId, claimed: &ClaimedTask) -> Self {
        if let Some(answer) = session.foregone(client, update, claimed) {
            return Self::Foregone(answer);
        }
        let task = session.open_task(client);
        let base = task.map_or(session.model.blob, |task| task.base.blob);
        Self::Open { base, norm: session.config.max_update_norm.is_some(), task: task.map(|task| task.number) }
    }
}

enum Claimed {
    Task(TaskId),
    Round(SessionId, fedwit_domain::RoundNumber),
}

impl std::str::FromStr for Claimed {
    type Err = fedwit_domain::TaskIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Task)
    }
}

/// What the events say of an update. A repeat gives none, and counts as it did.
fn answer(events: &[Recorded], client: &ClientId, update: &UpdateId) -> SubmissionAnswer {
    let refused = events.iter().find_map(|recorded| match &recorded.event {
        Event::UpdateRefused { client: of, update: known, refusal, .. } if (of, known) == (client, update) => {
            Some(refusal.clone())
        }
        _ => None,
    });
    refused.map_or(Ok(()), Err)
}

/// A name for an update whose own is none, so that its refusal can be recorded. Another client, or the same one in another
/// round, gets another.
fn stand_in(session: SessionId, submission: &Submission, claimed: &ClaimedTask) -> Result<UpdateId, FederationError> {
    let ClaimedTask { round, attempt, task, model: _ } = claimed;
    let text = format!("{} {round:?} {attempt:?} {task:?} {}", submission.client, submission.update);
    Ok(format!("unnameable-{}", Uuid::new_v5(&session.as_uuid(), text.as_bytes())).parse()?)
}
