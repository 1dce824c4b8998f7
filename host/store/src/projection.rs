//! The views: what the tables say after an event.
//!
//! A view depends on the event and on the tables, and on nothing else, so that it can be made anew from the log. It is
//! written in the event's own transaction. What an event says is taken as it is: whether it may happen was decided before.

mod attempts;
mod buffered;
mod rebuild;
mod sessions;
mod updates;
mod validations;

use fedwit_domain::{Event, Recorded, RoundNumber, SessionConfig, SessionId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};

use crate::StoreError;
use crate::entities;
use crate::records::{bounded, json};
use crate::writer::Effects;

use self::attempts::Asked;
use self::updates::Part;
pub(crate) use rebuild::Rebuild;

/// An event in its place.
#[derive(Clone, Copy)]
struct Context<'a> {
    on: &'a DatabaseTransaction,
    session: SessionId,
    at: Timestamp,
}

/// Brings the views up to an event.
pub(crate) async fn project(
    on: &DatabaseTransaction,
    session: SessionId,
    recorded: &Recorded,
    effects: &mut Effects,
) -> Result<(), StoreError> {
    let context = Context { on, session, at: recorded.at };
    match &recorded.event {
        Event::SessionCreated { name, config, seed_model } => context.created(name, config, seed_model).await?,
        Event::RunStarted { rounds, model_name_prefix, round_timeout_s, clients: _ } => {
            context.run_started(*rounds, model_name_prefix.clone(), *round_timeout_s).await?;
        }
        Event::ClientsAwaited { round, attempt, online, until } => {
            context.clients_awaited(*round, *attempt, *online, *until).await?;
        }
        Event::AttemptOpened { round, attempt, base, asked, deadline, plugin, selector, settings } => {
            let (asked, plugins) = (Asked { clients: asked, settings }, (plugin, selector.as_ref()));
            context.attempt_opened((*round, *attempt), *base, asked, *deadline, plugins, effects).await?;
        }
        Event::ClientsAsked { round, attempt, base: _, asked } => {
            context.clients_asked(*round, *attempt, asked).await?;
        }
        Event::UpdateAccepted {
            round,
            attempt,
            task,
            staleness,
            client,
            update,
            blob,
            size_bytes,
            examples,
            metrics,
        } => {
            let part = Part { round: *round, attempt: *attempt, client, task: *task };
            let counts = (*staleness, *examples);
            context.update_accepted(part, update, (*blob, *size_bytes), counts, metrics).await?;
        }
        Event::UpdateRefused { round, attempt, task, client, update, refusal } => {
            let part = Part { round: *round, attempt: *attempt, client, task: *task };
            context.update_refused(part, update, refusal).await?;
        }
        Event::UpdateExcluded { round, attempt, task, client, update, problem } => {
            let part = Part { round: *round, attempt: *attempt, client, task: *task };
            context.update_excluded(part, update, problem).await?;
        }
        Event::ClientGivenUp { round, attempt, task, client, gone_since: _ } => {
            context.client_given_up(Part { round: *round, attempt: *attempt, client, task: *task }).await?;
        }
        Event::AttemptClosed { round, attempt: _, updates: _ } => context.attempt_closed(*round).await?,
        Event::AttemptFailed { round, attempt, failure } => {
            context.attempt_failed(*round, *attempt, failure, effects).await?;
        }
        Event::RoundCommitted { round, attempt, model, parent, state, metrics, updates, examples } => {
            let (number, made, counted) = ((*round, *attempt), (model, *parent), (*updates, *examples));
            context.round_committed(number, made, state.as_ref(), metrics, counted, effects).await?;
        }
        Event::ValidationReported { round, client, metrics, weight, data } => {
            context.validation_reported(*round, client, metrics, weight.weight(), data).await?;
        }
        Event::ValidationClosed { round, means, best, reports: _ } => {
            context.validation_closed(*round, means, *best).await?;
        }
        // Who is asked to measure a model is in the log; what is shown is who did.
        Event::ValidationOpened { .. } | Event::ValidationGivenUp { .. } => {}
        Event::PauseRequested => context.status("pausing", None).await?,
        Event::Paused => context.paused().await?,
        Event::Resumed => context.status("running", None).await?,
        Event::Recovered => context.recovered().await?,
        Event::Stopped { reason } => context.stopped(reason, effects).await?,
        Event::Finished { reason } => context.finished(reason, effects).await?,
        Event::Failed { round: _, failure } => context.failed(failure, effects).await?,
    }
    context
        .changed(entities::sessions::ActiveModel { updated_at: Set(bounded(context.at.0)), ..Default::default() })
        .await
}

impl Context<'_> {
    fn id(&self) -> String {
        self.session.to_string()
    }

    fn now(&self) -> i64 {
        bounded(self.at.0)
    }

    /// The session, as it was before the event.
    async fn row(&self) -> Result<entities::sessions::Model, StoreError> {
        let by_id = entities::sessions::Column::Id.eq(self.id());
        let row = entities::sessions::Entity::find().filter(by_id).one(self.on).await?;
        row.ok_or_else(|| self.missing("it was never created"))
    }

    async fn config(&self) -> Result<SessionConfig, StoreError> {
        json("a session's configuration", &self.row().await?.config)
    }

    /// Changes the session.
    async fn changed(&self, change: entities::sessions::ActiveModel) -> Result<(), StoreError> {
        let by_id = entities::sessions::Column::Id.eq(self.id());
        entities::sessions::Entity::update_many().set(change).filter(by_id).exec(self.on).await?;
        Ok(())
    }

    /// A round of the session, if it has begun.
    async fn round(&self, round: RoundNumber) -> Result<Option<entities::rounds::Model>, StoreError> {
        Ok(entities::rounds::Entity::find().filter(self.of_round(round)).one(self.on).await?)
    }

    /// Changes a round of the session.
    async fn round_changed(&self, round: RoundNumber, change: entities::rounds::ActiveModel) -> Result<(), StoreError> {
        entities::rounds::Entity::update_many().set(change).filter(self.of_round(round)).exec(self.on).await?;
        Ok(())
    }

    /// The session's last run.
    async fn run(&self) -> Result<Option<entities::runs::Model>, StoreError> {
        let runs = entities::runs::Entity::find().filter(entities::runs::Column::Session.eq(self.id()));
        Ok(runs.order_by_desc(entities::runs::Column::Number).one(self.on).await?)
    }

    fn of_round(&self, round: RoundNumber) -> Condition {
        use entities::rounds::Column;
        Condition::all().add(Column::Session.eq(self.id())).add(Column::Round.eq(i64::from(round.0)))
    }

    fn missing(&self, problem: &str) -> StoreError {
        StoreError::Damaged { what: format!("session {}", self.session), problem: problem.to_owned() }
    }
}

/// A structure as it is kept.
fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    let written = serde_json::to_string(value);
    written.map_err(|problem| StoreError::Damaged { what: "a record".to_owned(), problem: problem.to_string() })
}
