//! Sessions and runs.

use fedwit_domain::{AttemptFailure, FinishReason, SessionConfig, StoredModel, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::{Context, to_json};
use crate::StoreError;
use crate::entities::{rounds, runs, sessions};
use crate::records::{bounded, json};
use crate::writer::Effects;

/// Rounds that are not over.
const OPEN: [&str; 3] = ["waiting", "collecting", "aggregating"];

impl Context<'_> {
    pub(super) async fn created(
        &self,
        name: &str,
        config: &SessionConfig,
        seed: &StoredModel,
    ) -> Result<(), StoreError> {
        let row = sessions::ActiveModel {
            id: Set(self.id()),
            name: Set(name.to_owned()),
            status: Set("created".to_owned()),
            config: Set(to_json(config)?),
            seed_model: Set(seed.id.to_string()),
            model: Set(seed.id.to_string()),
            rounds_completed: Set(0),
            rounds_until: Set(0),
            created_at: Set(self.now()),
            updated_at: Set(self.now()),
            ..Default::default()
        };
        sessions::Entity::insert(row).exec_without_returning(self.on).await?;
        Ok(())
    }

    pub(super) async fn run_started(
        &self,
        rounds: u32,
        model_name_prefix: Option<String>,
        round_timeout_s: Option<u32>,
    ) -> Result<(), StoreError> {
        let session = self.row().await?;
        let config: SessionConfig = json("a session's configuration", &session.config)?;
        let run = runs::ActiveModel {
            session: Set(self.id()),
            rounds: Set(rounds.into()),
            round_timeout_s: Set(round_timeout_s.unwrap_or(config.round_timeout_s).into()),
            model_name_prefix: Set(model_name_prefix),
            model: Set(session.model),
            started_at: Set(self.now()),
            ..Default::default()
        };
        runs::Entity::insert(run).exec_without_returning(self.on).await?;
        let rounds_until = session.rounds_completed.saturating_add(rounds.into()).min(u32::MAX.into());
        self.changed(sessions::ActiveModel { rounds_until: Set(rounds_until), ..Default::default() }).await?;
        self.status("running", None).await
    }

    /// The session's status, and why it has it.
    pub(super) async fn status(&self, status: &str, reason: Option<(&str, Option<&str>)>) -> Result<(), StoreError> {
        let (reason, code) = reason.map_or((None, None), |(reason, code)| (Some(reason.to_owned()), code));
        self.changed(sessions::ActiveModel {
            status: Set(status.to_owned()),
            reason: Set(reason),
            code: Set(code.map(str::to_owned)),
            ..Default::default()
        })
        .await
    }

    /// Nobody is waited for while it is paused.
    pub(super) async fn paused(&self) -> Result<(), StoreError> {
        use rounds::{Column, Entity};
        Entity::update_many()
            .col_expr(Column::Reason, Expr::value("the session is paused"))
            .col_expr(Column::Deadline, Expr::value(None::<i64>))
            .filter(Column::Session.eq(self.id()))
            .filter(Column::Status.eq("waiting"))
            .exec(self.on)
            .await?;
        self.status("paused", None).await
    }

    /// What was left of each wait when the server went away is left again, and at least the time to reconnect.
    pub(super) async fn recovered(&self) -> Result<(), StoreError> {
        let session = self.row().await?;
        let config: SessionConfig = json("a session's configuration", &session.config)?;
        let last = Timestamp(session.updated_at.unsigned_abs());
        for round in rounds::Entity::find().filter(self.open_rounds()).all(self.on).await? {
            let Some(deadline) = round.deadline else { continue };
            let left = Timestamp(deadline.unsigned_abs()).since(last).max(config.reconnect_grace());
            let deadline = Set(Some(bounded(self.at.plus(left).0)));
            let change = rounds::ActiveModel { deadline, ..Default::default() };
            rounds::Entity::update_many()
                .set(change)
                .filter(rounds::Column::Number.eq(round.number))
                .exec(self.on)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn stopped(&self, reason: &str, effects: &mut Effects) -> Result<(), StoreError> {
        let change = rounds::ActiveModel {
            status: Set("stopped".to_owned()),
            reason: Set(Some(reason.to_owned())),
            code: Set(None),
            ended_at: Set(Some(self.now())),
            ..Default::default()
        };
        rounds::Entity::update_many().set(change).filter(self.open_rounds()).exec(self.on).await?;
        self.ended(effects).await?;
        self.status("stopped", Some((reason, None))).await
    }

    pub(super) async fn finished(&self, reason: &FinishReason, effects: &mut Effects) -> Result<(), StoreError> {
        self.ended(effects).await?;
        let text = match reason {
            FinishReason::Rounds => "all rounds are done".to_owned(),
            FinishReason::Target { round, value } => format!("the target is reached in round {round}, with {value}"),
        };
        self.status("finished", Some((&text, None))).await
    }

    pub(super) async fn failed(&self, failure: &AttemptFailure, effects: &mut Effects) -> Result<(), StoreError> {
        self.ended(effects).await?;
        self.status("failed", Some((&failure.to_string(), Some(failure.code())))).await
    }

    /// The run is over, and no update is needed any more. The aggregator's state is: the session may be started again.
    async fn ended(&self, effects: &mut Effects) -> Result<(), StoreError> {
        let session = self.row().await?;
        if let Some(run) = self.run().await? {
            let change = runs::ActiveModel {
                completed_at: Set(Some(self.now())),
                completed_model: Set(Some(session.model)),
                ..Default::default()
            };
            let last =
                Condition::all().add(runs::Column::Number.eq(run.number)).add(runs::Column::CompletedAt.is_null());
            runs::Entity::update_many().set(change).filter(last).exec(self.on).await?;
        }
        self.drop_tasks(session.rounds_completed).await?;
        self.release_updates(None, effects).await
    }

    fn open_rounds(&self) -> Condition {
        Condition::all().add(rounds::Column::Session.eq(self.id())).add(rounds::Column::Status.is_in(OPEN))
    }
}
