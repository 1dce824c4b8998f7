//! Who took part in rounds, and what was refused.

use fedwit_domain::{
    AttemptNumber, ClientId, Digest, Metrics, RoundId, RoundNumber, SessionId, TaskNumber, Timestamp, UpdateId,
};

use serde_json::{Map, Value};

use super::columns::{count, json, optional, text, time, unsigned};
use super::list::{Conditions, list};
use super::rounds::round_id;
use super::{Listed, Page};
use crate::entities::{participations, refusals};
use crate::{Store, StoreError};

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
    /// Its task, in a buffered session.
    pub task: Option<TaskNumber>,
    /// `asked`, `accepted`, `refused`, `excluded`, `given_up`, or `dropped`: its buffered session ended first.
    pub status: String,
    /// The update that counts, or was refused last.
    pub update: Option<UpdateId>,
    /// The file of the update that counts, as it was uploaded, if it is kept.
    pub blob: Option<Digest>,
    /// The file's length in bytes.
    pub size_bytes: Option<u64>,
    /// How many models had been made since the one that the client started from, when the round made the next.
    pub staleness: u32,
    /// Examples that the update rests on.
    pub examples: Option<u64>,
    /// What the client measured when it trained.
    pub metrics: Metrics,
    /// Settings that it was told alone, by a client selector.
    pub settings: Map<String, Value>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it answered, or was given up.
    pub answered_at: Option<Timestamp>,
}

/// Whose parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParticipationFilter {
    /// In this session.
    pub session: Option<SessionId>,
    /// In this round.
    pub round: Option<RoundNumber>,
    /// In this attempt.
    pub attempt: Option<AttemptNumber>,
    /// Of this client.
    pub client: Option<ClientId>,
    /// Of this status.
    pub status: Option<String>,
    /// Asked at this time, or later.
    pub from: Option<Timestamp>,
    /// Asked before this time.
    pub until: Option<Timestamp>,
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

/// Which refusals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RefusalFilter {
    /// In this session.
    pub session: Option<SessionId>,
    /// In this round.
    pub round: Option<RoundNumber>,
    /// Of this client.
    pub client: Option<ClientId>,
    /// For this reason.
    pub code: Option<String>,
    /// At this time, or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Parts in attempts, in the order in which clients were asked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn participations(
        &self,
        filter: &ParticipationFilter,
        page: Page,
    ) -> Result<Listed<ParticipationRow>, StoreError> {
        use participations::Column;
        let conditions = Conditions::new()
            .equal(Column::Session, filter.session)
            .number(Column::Round, filter.round.map(|round| round.0))
            .number(Column::Attempt, filter.attempt.map(|attempt| attempt.0))
            .equal(Column::Client, filter.client.as_ref())
            .equal(Column::Status, filter.status.as_ref())
            .within(Column::AskedAt, filter.from, filter.until);
        list::<participations::Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }

    /// Refusals, in the order in which they were said.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refusals(&self, filter: &RefusalFilter, page: Page) -> Result<Listed<RefusalRow>, StoreError> {
        use refusals::Column;
        let conditions = Conditions::new()
            .equal(Column::Session, filter.session)
            .number(Column::Round, filter.round.map(|round| round.0))
            .equal(Column::Client, filter.client.as_ref())
            .equal(Column::Code, filter.code.as_ref())
            .within(Column::At, filter.from, filter.until);
        list::<refusals::Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }
}

impl TryFrom<participations::Model> for ParticipationRow {
    type Error = StoreError;

    fn try_from(row: participations::Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            round: round_id(&row.session, row.round)?,
            attempt: AttemptNumber(count("a participation's attempt", row.attempt)?),
            client: text("a participation's client", &row.client)?,
            task: Some(count("a participation's task", row.task)?).filter(|task| *task > 0).map(TaskNumber),
            status: row.status,
            update: optional("a participation's update", row.update_id)?,
            blob: optional("a participation's blob", row.blob)?,
            size_bytes: row.size_bytes.map(|size| unsigned("an update's size", size)).transpose()?,
            staleness: count("an update's staleness", row.staleness)?,
            examples: row.examples.map(|examples| unsigned("an update's examples", examples)).transpose()?,
            metrics: json("an update's metrics", &row.metrics)?,
            settings: row.settings.map(|own| json("a client's settings", &own)).transpose()?.unwrap_or_default(),
            asked_at: time("when a client was asked", row.asked_at)?,
            answered_at: row.answered_at.map(|at| time("when a client answered", at)).transpose()?,
        })
    }
}

impl TryFrom<refusals::Model> for RefusalRow {
    type Error = StoreError;

    fn try_from(row: refusals::Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            round: round_id(&row.session, row.round)?,
            attempt: AttemptNumber(count("a refusal's attempt", row.attempt)?),
            client: text("a refusal's client", &row.client)?,
            update: text("a refusal's update", &row.update_id)?,
            code: row.code,
            reason: row.reason,
            at: time("when an update was refused", row.at)?,
        })
    }
}
