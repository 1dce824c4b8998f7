//! Making the views anew.

use async_trait::async_trait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::project;
use crate::StoreError;
use crate::entities::{events, models, participations, refusals, rounds, runs, sessions, uploads, validations};
use crate::log::recorded;
use crate::records::text;
use crate::writer::{Effects, Write};

/// Events that are read at once.
const CHUNK: u64 = 1000;

/// Drops the views and makes them from the log.
pub(crate) struct Rebuild;

#[async_trait]
impl Write for Rebuild {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<(), StoreError> {
        let numbers = numbers_of_models(on).await?;
        drop_views(on).await?;
        let mut after = 0;
        // What is let go of on the way is looked at in the end, and deleted only if nothing refers to it then.
        loop {
            let query = events::Entity::find()
                .filter(events::Column::Number.gt(after))
                .order_by_asc(events::Column::Number)
                .limit(CHUNK);
            let events = query.all(on).await?;
            let Some(last) = events.last() else { break };
            after = last.number;
            for event in events {
                let session = text("an event's session", &event.session)?;
                project(on, session, &recorded(&event)?, effects).await?;
            }
        }
        // Nothing was finished that would be waiting for its reference.
        effects.claimed.clear();
        number_models(on, numbers).await
    }
}

async fn drop_views(on: &DatabaseTransaction) -> Result<(), StoreError> {
    validations::Entity::delete_many().exec(on).await?;
    refusals::Entity::delete_many().exec(on).await?;
    participations::Entity::delete_many().exec(on).await?;
    rounds::Entity::delete_many().exec(on).await?;
    runs::Entity::delete_many().exec(on).await?;
    sessions::Entity::delete_many().exec(on).await?;
    models::Entity::delete_many().filter(models::Column::Session.is_not_null()).exec(on).await?;
    uploads::Entity::update_many().col_expr(uploads::Column::UsedBy, Expr::value(None::<String>)).exec(on).await?;
    // What is made of the events alone is numbered as it was.
    let views = ["validations", "refusals", "participations", "rounds", "runs", "sessions"];
    let restart = Query::delete()
        .from_table(Alias::new("sqlite_sequence"))
        .and_where(Expr::col(Alias::new("name")).is_in(views))
        .to_owned();
    on.execute(&restart).await?;
    Ok(())
}

/// Models that rounds made stand among seeds, which are not made anew; they keep the numbers that they had.
async fn numbers_of_models(on: &DatabaseTransaction) -> Result<Vec<(String, i64)>, StoreError> {
    let query = models::Entity::find()
        .select_only()
        .column(models::Column::Id)
        .column(models::Column::Number)
        .filter(models::Column::Session.is_not_null());
    Ok(query.into_tuple().all(on).await?)
}

async fn number_models(on: &DatabaseTransaction, numbers: Vec<(String, i64)>) -> Result<(), StoreError> {
    for (id, number) in numbers {
        models::Entity::update_many()
            .col_expr(models::Column::Number, Expr::value(number))
            .filter(models::Column::Id.eq(id))
            .exec(on)
            .await?;
    }
    Ok(())
}
