//! What clients measured of models.

use fedwit_domain::{ClientId, Metrics, ModelId, RoundId, RoundNumber, SessionId, Timestamp};
use serde_json::Value;

use super::columns::{json, text, time};
use super::list::{Conditions, list};
use super::rounds::round_id;
use super::{Listed, Page};
use crate::entities::validations::{Column, Entity, Model};
use crate::{Store, StoreError};

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

/// Which validations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidationFilter {
    /// In this session.
    pub session: Option<SessionId>,
    /// Of this round's model.
    pub round: Option<RoundNumber>,
    /// Of this model.
    pub model: Option<ModelId>,
    /// By this client.
    pub client: Option<ClientId>,
    /// At this time, or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Validations, in the order in which they were reported.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn validations(
        &self,
        filter: &ValidationFilter,
        page: Page,
    ) -> Result<Listed<ValidationRow>, StoreError> {
        let conditions = Conditions::new()
            .equal(Column::Session, filter.session)
            .number(Column::Round, filter.round.map(|round| round.0))
            .equal(Column::Model, filter.model)
            .equal(Column::Client, filter.client.as_ref())
            .within(Column::At, filter.from, filter.until);
        list::<Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }
}

impl TryFrom<Model> for ValidationRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            round: round_id(&row.session, row.round)?,
            model: text("a validation's model", &row.model)?,
            client: text("a validation's client", &row.client)?,
            metrics: json("a validation's metrics", &row.metrics)?,
            weight: row.weight,
            data: json("a validation's data", &row.data)?,
            at: time("when a model was validated", row.at)?,
        })
    }
}
