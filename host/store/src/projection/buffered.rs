//! Tasks of buffered sessions.
//!
//! A task is a participation: of the round in which it was given until it is answered, and from then on of the one that
//! its update counts for.

use fedwit_domain::{AskedToTrain, AttemptNumber, RoundNumber};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::Context;
use super::attempts::CHUNK;
use crate::StoreError;
use crate::entities::{participations, rounds};

impl Context<'_> {
    pub(super) async fn clients_asked(
        &self,
        round: RoundNumber,
        attempt: AttemptNumber,
        asked: &[AskedToTrain],
    ) -> Result<(), StoreError> {
        let part = |asked: &AskedToTrain| participations::ActiveModel {
            task: Set(asked.task.0.into()),
            ..self.asked(round, attempt, &asked.client)
        };
        for asked in asked.chunks(CHUNK) {
            participations::Entity::insert_many(asked.iter().map(part)).exec_without_returning(self.on).await?;
        }
        Ok(())
    }

    /// An attempt takes over what counts already: what came while the model before was made, and what the attempt before
    /// it leaves.
    pub(super) async fn take_over(&self, round: RoundNumber, attempt: AttemptNumber) -> Result<(), StoreError> {
        use participations::{ActiveModel, Column, Entity};
        let number = i64::from(attempt.0);
        let left = self.tasks().add(Column::Round.eq(i64::from(round.0))).add(Column::Attempt.lt(number));
        let left = left.add(Column::Status.is_in(["asked", "accepted"]));
        let change = ActiveModel { attempt: Set(number), ..Default::default() };
        Entity::update_many().set(change).filter(left).exec(self.on).await?;

        let counts = self.tasks().add(Column::Round.eq(i64::from(round.0))).add(Column::Status.eq("accepted"));
        let query = Entity::find().select_only().column(Column::Examples).filter(counts);
        let examples: Vec<Option<i64>> = query.into_tuple().all(self.on).await?;
        let change = rounds::ActiveModel {
            updates: Set(i64::try_from(examples.len()).unwrap_or(i64::MAX)),
            examples: Set(examples.iter().flatten().fold(0, |sum, examples| sum.saturating_add(*examples))),
            ..Default::default()
        };
        self.round_changed(round, change).await
    }

    /// The session has ended: nobody is waited for, and no model is made of what counted for the next ones.
    pub(super) async fn drop_tasks(&self, completed: i64) -> Result<(), StoreError> {
        use participations::{ActiveModel, Column, Entity};
        let unused = Condition::all().add(Column::Status.eq("accepted")).add(Column::Round.gt(completed));
        let dropped = self.tasks().add(Condition::any().add(Column::Status.eq("asked")).add(unused));
        let change = ActiveModel { status: Set("dropped".to_owned()), ..Default::default() };
        Entity::update_many().set(change).filter(dropped).exec(self.on).await?;
        Ok(())
    }

    fn tasks(&self) -> Condition {
        use participations::Column;
        Condition::all().add(Column::Session.eq(self.id())).add(Column::Task.gt(0))
    }
}
