//! Sessions and their runs.

use fedwit_domain::{ModelId, SessionConfig, SessionId, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::columns::{count, json, optional, text, time};
use super::list::{Conditions, list};
use super::{Listed, Page};
use crate::entities::{runs, sessions};
use crate::{Store, StoreError};

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

/// Which sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionFilter {
    /// The session.
    pub id: Option<SessionId>,
    /// Its name.
    pub name: Option<String>,
    /// Its status.
    pub status: Option<String>,
    /// The model that it started from.
    pub seed_model: Option<ModelId>,
    /// Created at this time, or later.
    pub from: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
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
    /// What the names of its models begin with.
    pub model_name_prefix: Option<String>,
    /// The model that it started from.
    pub model: ModelId,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The model that it ended with.
    pub completed_model: Option<ModelId>,
}

/// Which runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunFilter {
    /// Of this session.
    pub session: Option<SessionId>,
    /// Started at this time, or later.
    pub from: Option<Timestamp>,
    /// Started before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Sessions, in the order in which they were created.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions(&self, filter: &SessionFilter, page: Page) -> Result<Listed<SessionRow>, StoreError> {
        use sessions::Column;
        let conditions = Conditions::new()
            .equal(Column::Id, filter.id)
            .equal(Column::Name, filter.name.as_ref())
            .equal(Column::Status, filter.status.as_ref())
            .equal(Column::SeedModel, filter.seed_model)
            .within(Column::CreatedAt, filter.from, filter.until);
        list::<sessions::Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }

    /// A session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        let by_id = sessions::Column::Id.eq(id.to_string());
        let found = sessions::Entity::find().filter(by_id).one(self.readers()).await?;
        found.map(TryInto::try_into).transpose()
    }

    /// Runs, in the order in which they were started.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn runs(&self, filter: &RunFilter, page: Page) -> Result<Listed<RunRow>, StoreError> {
        use runs::Column;
        let conditions = Conditions::new().equal(Column::Session, filter.session).within(
            Column::StartedAt,
            filter.from,
            filter.until,
        );
        list::<runs::Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }
}

impl TryFrom<sessions::Model> for SessionRow {
    type Error = StoreError;

    fn try_from(row: sessions::Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            id: text("a session's id", &row.id)?,
            name: row.name,
            status: row.status,
            reason: row.reason,
            code: row.code,
            config: json("a session's configuration", &row.config)?,
            seed_model: text("a session's seed model", &row.seed_model)?,
            model: text("a session's model", &row.model)?,
            best_model: optional("a session's best model", row.best_model)?,
            rounds_completed: count("a session's rounds", row.rounds_completed)?,
            rounds_until: count("a session's last round", row.rounds_until)?,
            created_at: time("when a session was created", row.created_at)?,
            updated_at: time("when a session changed", row.updated_at)?,
        })
    }
}

impl TryFrom<runs::Model> for RunRow {
    type Error = StoreError;

    fn try_from(row: runs::Model) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            session: text("a run's session", &row.session)?,
            rounds: count("a run's rounds", row.rounds)?,
            round_timeout_s: count("a run's timeout", row.round_timeout_s)?,
            model_name_prefix: row.model_name_prefix,
            model: text("a run's model", &row.model)?,
            started_at: time("when a run started", row.started_at)?,
            completed_at: row.completed_at.map(|at| time("when a run ended", at)).transpose()?,
            completed_model: optional("a run's last model", row.completed_model)?,
        })
    }
}
