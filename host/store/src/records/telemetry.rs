//! What clients tell besides: values they log, attributes, statuses, loads.

use std::collections::BTreeMap;

use fedwit_domain::{ClientId, ModelId, RoundId, SessionId, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::columns::{count, json, optional, text, time};
use super::list::{Conditions, list};
use super::{Listed, MAX_PAGE, Page};
use crate::entities::{attributes, current_attributes, loads, metrics, statuses};
use crate::{Store, StoreError};

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

/// Which of them. A condition on what a row does not have is passed over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TelemetryFilter {
    /// Of this client.
    pub client: Option<ClientId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// Of this model.
    pub model: Option<ModelId>,
    /// Of this round.
    pub round: Option<RoundId>,
    /// Of a metric, or an attribute, of this name.
    pub key: Option<String>,
    /// About this.
    pub kind: Option<String>,
    /// Of this level.
    pub level: Option<String>,
    /// At this time, or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Values that clients logged, in the order in which they came in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn metrics(&self, filter: &TelemetryFilter, page: Page) -> Result<Listed<MetricRow>, StoreError> {
        use metrics::Column;
        let conditions = Conditions::new()
            .equal(Column::Client, filter.client.as_ref())
            .equal(Column::Session, filter.session)
            .equal(Column::Model, filter.model)
            .equal(Column::Round, filter.round)
            .equal(Column::Key, filter.key.as_ref())
            .within(Column::At, filter.from, filter.until);
        list::<metrics::Entity, _, _>(self.telemetry_readers(), Column::Number, conditions, page).await
    }

    /// All that clients said about themselves, in the order in which it came in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attributes(&self, filter: &TelemetryFilter, page: Page) -> Result<Listed<AttributeRow>, StoreError> {
        use attributes::Column;
        let conditions = Conditions::new()
            .equal(Column::Client, filter.client.as_ref())
            .equal(Column::Key, filter.key.as_ref())
            .within(Column::At, filter.from, filter.until);
        list::<attributes::Entity, _, _>(self.telemetry_readers(), Column::Number, conditions, page).await
    }

    /// What counts of what clients said about themselves, by client and attribute; of all clients if none is named.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn current_attributes(&self, clients: &[ClientId]) -> Result<Vec<AttributeRow>, StoreError> {
        use current_attributes::{Column, Entity};
        let mut query =
            Entity::find().order_by_asc(Column::Client).order_by_asc(Column::Key).limit(u64::from(MAX_PAGE));
        if !clients.is_empty() {
            let named = clients.iter().take(MAX_PAGE as usize).map(ClientId::as_str);
            query = query.filter(Column::Client.is_in(named));
        }
        query.all(self.telemetry_readers()).await?.into_iter().map(TryInto::try_into).collect()
    }

    /// What clients said that they do, in the order in which it came in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn statuses(&self, filter: &TelemetryFilter, page: Page) -> Result<Listed<StatusRow>, StoreError> {
        use statuses::Column;
        let conditions = Conditions::new()
            .equal(Column::Client, filter.client.as_ref())
            .equal(Column::Session, filter.session)
            .equal(Column::Kind, filter.kind.as_ref())
            .equal(Column::Level, filter.level.as_ref())
            .within(Column::At, filter.from, filter.until);
        list::<statuses::Entity, _, _>(self.telemetry_readers(), Column::Number, conditions, page).await
    }

    /// The loads of clients, in the order in which they came in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn telemetry(&self, filter: &TelemetryFilter, page: Page) -> Result<Listed<TelemetryRow>, StoreError> {
        use loads::Column;
        let conditions = Conditions::new().equal(Column::Client, filter.client.as_ref()).within(
            Column::At,
            filter.from,
            filter.until,
        );
        list::<loads::Entity, _, _>(self.telemetry_readers(), Column::Number, conditions, page).await
    }
}

impl TryFrom<metrics::Model> for MetricRow {
    type Error = StoreError;

    fn try_from(row: metrics::Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            client: text("a metric's client", &row.client)?,
            key: row.key,
            value: row.value,
            step: row.step.map(|step| count("a metric's step", step)).transpose()?,
            model: optional("a metric's model", row.model)?,
            round: optional("a metric's round", row.round)?,
            session: optional("a metric's session", row.session)?,
            at: time("when a metric was logged", row.at)?,
        })
    }
}

impl TryFrom<attributes::Model> for AttributeRow {
    type Error = StoreError;

    fn try_from(row: attributes::Model) -> Result<Self, StoreError> {
        let client = text("an attribute's client", &row.client)?;
        let at = time("when an attribute was set", row.at)?;
        Ok(Self { number: row.number, client, key: row.key, value: row.value, at })
    }
}

impl TryFrom<current_attributes::Model> for AttributeRow {
    type Error = StoreError;

    fn try_from(row: current_attributes::Model) -> Result<Self, StoreError> {
        let current_attributes::Model { number, client, key, value, at } = row;
        attributes::Model { number, client, key, value, at }.try_into()
    }
}

impl TryFrom<statuses::Model> for StatusRow {
    type Error = StoreError;

    fn try_from(row: statuses::Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            client: text("a status's client", &row.client)?,
            name: row.name,
            status: row.status,
            level: row.level,
            kind: row.kind,
            data: row.data,
            correlation: row.correlation,
            session: optional("a status's session", row.session)?,
            extra: row.extra,
            at: time("when a status was sent", row.at)?,
        })
    }
}

impl TryFrom<loads::Model> for TelemetryRow {
    type Error = StoreError;

    fn try_from(row: loads::Model) -> Result<Self, StoreError> {
        let client = text("a load's client", &row.client)?;
        let at = time("when a load was sent", row.at)?;
        Ok(Self { number: row.number, client, values: json("a load", &row.readings)?, at })
    }
}
