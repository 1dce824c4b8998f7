//! Model updates: who took part, and what did not count.

use fedwit_domain::{AttemptNumber, ClientId, Digest, Metrics, RoundNumber, TaskNumber, UpdateId, UpdateRefusal};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::{Context, to_json};
use crate::StoreError;
use crate::entities::{participations, refusals, rounds, uploads};
use crate::records::{bounded, text};
use crate::writer::Effects;

/// A client's part in an attempt.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) round: RoundNumber,
    pub(super) attempt: AttemptNumber,
    pub(super) client: &'a ClientId,
    /// The task by which a buffered session tells it from the client's others.
    pub(super) task: Option<TaskNumber>,
}

impl Context<'_> {
    pub(super) async fn update_accepted(
        &self,
        part: Part<'_>,
        update: &UpdateId,
        (blob, size_bytes): (Digest, u64),
        (staleness, examples): (u32, u64),
        metrics: &Metrics,
    ) -> Result<(), StoreError> {
        let change = participations::ActiveModel {
            // A task of a buffered session may have been given in an earlier one.
            round: Set(part.round.0.into()),
            attempt: Set(part.attempt.0.into()),
            staleness: Set(staleness.into()),
            status: Set("accepted".to_owned()),
            update_id: Set(Some(update.to_string())),
            blob: Set(Some(blob.to_string())),
            size_bytes: Set(Some(bounded(size_bytes))),
            examples: Set(Some(bounded(examples))),
            metrics: Set(to_json(metrics)?),
            answered_at: Set(Some(self.now())),
            ..Default::default()
        };
        participations::Entity::update_many().set(change).filter(self.of(part)).exec(self.on).await?;
        self.counts(part.round, 1, bounded(examples)).await?;
        self.use_upload(update).await
    }

    /// The upload is used, and the participation keeps its file from here on.
    async fn use_upload(&self, update: &UpdateId) -> Result<(), StoreError> {
        use uploads::{ActiveModel, Column, Entity};
        let change = ActiveModel { used_by: Set(Some(self.id())), ..Default::default() };
        Entity::update_many().set(change).filter(Column::Id.eq(update.as_str())).exec(self.on).await?;
        Ok(())
    }

    pub(super) async fn update_refused(
        &self,
        part: Part<'_>,
        update: &UpdateId,
        refusal: &UpdateRefusal,
    ) -> Result<(), StoreError> {
        self.add_refusal(part, update, refusal).await?;
        if !refusal.answers() {
            return Ok(());
        }
        // What counts still counts, and what was excluded stays so.
        let open = participations::Column::Status.is_in(["asked", "refused", "given_up"]);
        let change = participations::ActiveModel {
            status: Set("refused".to_owned()),
            update_id: Set(Some(update.to_string())),
            answered_at: Set(Some(self.now())),
            ..Default::default()
        };
        participations::Entity::update_many().set(change).filter(self.of(part).add(open)).exec(self.on).await?;
        Ok(())
    }

    /// The file stays for as long as the others of its attempt do: somebody may want to know why.
    pub(super) async fn update_excluded(
        &self,
        part: Part<'_>,
        update: &UpdateId,
        problem: &str,
    ) -> Result<(), StoreError> {
        let refusal = UpdateRefusal::Excluded { problem: problem.to_owned() };
        self.add_refusal(part, update, &refusal).await?;
        let found = participations::Entity::find().filter(self.of(part)).one(self.on).await?;
        let Some(excluded) = found.filter(|found| found.status == "accepted") else { return Ok(()) };
        let change = participations::ActiveModel { status: Set("excluded".to_owned()), ..Default::default() };
        participations::Entity::update_many().set(change).filter(self.of(part)).exec(self.on).await?;
        self.counts(part.round, -1, excluded.examples.unwrap_or_default().saturating_neg()).await
    }

    pub(super) async fn client_given_up(&self, part: Part<'_>) -> Result<(), StoreError> {
        let change = participations::ActiveModel {
            status: Set("given_up".to_owned()),
            answered_at: Set(Some(self.now())),
            ..Default::default()
        };
        participations::Entity::update_many().set(change).filter(self.of(part)).exec(self.on).await?;
        Ok(())
    }

    /// Lets go of the files of updates, unless the session keeps them: of all, of a round's, or of an attempt's.
    pub(super) async fn release_updates(
        &self,
        of: Option<(RoundNumber, Option<AttemptNumber>)>,
        effects: &mut Effects,
    ) -> Result<(), StoreError> {
        use participations::{Column, Entity};
        if self.config().await?.keep_updates {
            return Ok(());
        }
        let mut held = Condition::all().add(Column::Session.eq(self.id())).add(Column::Blob.is_not_null());
        if let Some((round, attempt)) = of {
            held = held
                .add(Column::Round.eq(i64::from(round.0)))
                .add_option(attempt.map(|attempt| Column::Attempt.eq(i64::from(attempt.0))));
        }
        self.release_held(held.clone(), effects).await?;
        Entity::update_many().col_expr(Column::Blob, Expr::value(None::<String>)).filter(held).exec(self.on).await?;
        Ok(())
    }

    /// Forgets who took part in an attempt, and lets go of what they sent.
    pub(super) async fn forget_participations(
        &self,
        round: RoundNumber,
        attempt: AttemptNumber,
        effects: &mut Effects,
    ) -> Result<(), StoreError> {
        use participations::{Column, Entity};
        let attempt = Condition::all()
            .add(Column::Session.eq(self.id()))
            .add(Column::Round.eq(i64::from(round.0)))
            .add(Column::Attempt.eq(i64::from(attempt.0)));
        self.release_held(attempt.clone().add(Column::Blob.is_not_null()), effects).await?;
        Entity::delete_many().filter(attempt).exec(self.on).await?;
        Ok(())
    }

    async fn release_held(&self, held: Condition, effects: &mut Effects) -> Result<(), StoreError> {
        use participations::{Column, Entity};
        let query = Entity::find().select_only().column(Column::Blob).filter(held);
        let blobs: Vec<String> = query.into_tuple().all(self.on).await?;
        for blob in &blobs {
            effects.released.push(text("an update's blob", blob)?);
        }
        Ok(())
    }

    async fn add_refusal(
        &self,
        Part { round, attempt, client, task: _ }: Part<'_>,
        update: &UpdateId,
        refusal: &UpdateRefusal,
    ) -> Result<(), StoreError> {
        let row = refusals::ActiveModel {
            session: Set(self.id()),
            round: Set(round.0.into()),
            attempt: Set(attempt.0.into()),
            client: Set(client.to_string()),
            update_id: Set(update.to_string()),
            code: Set(refusal.code().to_owned()),
            reason: Set(refusal.to_string()),
            at: Set(self.now()),
            ..Default::default()
        };
        refusals::Entity::insert(row).exec_without_returning(self.on).await?;
        Ok(())
    }

    /// Adds to what counts in a round. A client may claim any number of examples, so the sum is bounded.
    async fn counts(&self, round: RoundNumber, updates: i64, examples: i64) -> Result<(), StoreError> {
        let Some(known) = self.round(round).await? else { return Ok(()) };
        let change = rounds::ActiveModel {
            updates: Set(Ord::max(known.updates.saturating_add(updates), 0)),
            examples: Set(Ord::max(known.examples.saturating_add(examples), 0)),
            ..Default::default()
        };
        self.round_changed(round, change).await
    }

    fn of(&self, Part { round, attempt, client, task }: Part<'_>) -> Condition {
        use participations::Column;
        let of_session = Condition::all().add(Column::Session.eq(self.id()));
        if let Some(task) = task {
            return of_session.add(Column::Task.eq(i64::from(task.0)));
        }
        of_session
            .add(Column::Round.eq(i64::from(round.0)))
            .add(Column::Attempt.eq(i64::from(attempt.0)))
            .add(Column::Client.eq(client.as_str()))
    }
}
