//! Rounds.

use fedwit_domain::{AttemptNumber, Digest, Metrics, ModelId, RoundId, RoundNumber, SessionId, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::columns::{count, json, optional, text, time, unsigned};
use super::list::{Conditions, list};
use super::{Listed, Page};
use crate::entities::rounds::{Column, Entity, Model};
use crate::{Store, StoreError};

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
    /// The client selector that ran, in a session that has one: name, version, digest.
    pub selector: Option<(String, String, Digest)>,
    /// When the round was begun: the first attempt was opened, or clients were first awaited.
    pub opened_at: Timestamp,
    /// When the last attempt was opened.
    pub attempt_opened_at: Option<Timestamp>,
    /// Until when the last attempt waits for updates, or the round for clients.
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

/// Which rounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoundFilter {
    /// Of this session.
    pub session: Option<SessionId>,
    /// Of this number.
    pub round: Option<RoundNumber>,
    /// Of this status.
    pub status: Option<String>,
    /// That ended with this model.
    pub model: Option<ModelId>,
    /// Begun at this time, or later.
    pub from: Option<Timestamp>,
    /// Begun before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Rounds, in the order in which they began.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rounds(&self, filter: &RoundFilter, page: Page) -> Result<Listed<RoundRow>, StoreError> {
        let conditions = Conditions::new()
            .equal(Column::Session, filter.session)
            .number(Column::Round, filter.round.map(|round| round.0))
            .equal(Column::Status, filter.status.as_ref())
            .equal(Column::Model, filter.model)
            .within(Column::OpenedAt, filter.from, filter.until);
        list::<Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }

    /// A round.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn round(&self, id: RoundId) -> Result<Option<RoundRow>, StoreError> {
        let query = Entity::find()
            .filter(Column::Session.eq(id.session.to_string()))
            .filter(Column::Round.eq(i64::from(id.round.0)));
        query.one(self.readers()).await?.map(TryInto::try_into).transpose()
    }
}

impl TryFrom<Model> for RoundRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let ran = |name, version, digest| match (name, version, digest) {
            (Some(name), Some(version), Some(digest)) => {
                let digest: String = digest;
                Ok::<_, StoreError>(Some((name, version, text("a plugin's digest", &digest)?)))
            }
            _ => Ok(None),
        };
        let when = |at: Option<i64>| at.map(|at| time("when a round got on", at)).transpose();
        Ok(Self {
            number: row.number,
            id: round_id(&row.session, row.round)?,
            attempt: AttemptNumber(count("a round's attempt", row.attempt)?),
            status: row.status,
            reason: row.reason,
            code: row.code,
            base: text("a round's base model", &row.base)?,
            model: optional("a round's model", row.model)?,
            plugin: ran(row.plugin_name, row.plugin_version, row.plugin_digest)?,
            selector: ran(row.selector_name, row.selector_version, row.selector_digest)?,
            opened_at: time("when a round began", row.opened_at)?,
            attempt_opened_at: when(row.attempt_opened_at)?,
            deadline: when(row.deadline)?,
            closed_at: when(row.closed_at)?,
            ended_at: when(row.ended_at)?,
            updates: count("a round's updates", row.updates)?,
            examples: unsigned("a round's examples", row.examples)?,
            aggregator_metrics: json("a round's metrics", &row.aggregator_metrics)?,
            validation_metrics: row
                .validation_metrics
                .map(|metrics| json("a round's validation metrics", &metrics))
                .transpose()?,
        })
    }
}

pub(super) fn round_id(session: &str, round: i64) -> Result<RoundId, StoreError> {
    Ok(RoundId { session: text("a round's session", session)?, round: RoundNumber(count("a round's number", round)?) })
}
